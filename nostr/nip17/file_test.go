package nip17_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

const fileKey = "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a"

func picture() *nip17.File {
	return &nip17.File{
		URL: "https://files.example.com/x", Type: "image/png", Algorithm: nip17.AESGCM, Key: nip17.NewFileKey(fileKey), Nonce: "1b16b1df538ba12dc3f97edb",
		Hash: nip17.Hash{1}, OriginalHash: nip17.Hash{2}, Size: 12345, Width: 640, Height: 480, Thumbhash: "t", Blurhash: "b", Thumb: "https://files.example.com/t",
		Fallback: []string{"https://a.example.com/x", "https://b.example.com/x"},
	}
}

func TestAFileMessage(t *testing.T) {
	m := nip17.Message{To: pks(bob), CreatedAt: 1700000000, File: picture(), ReplyTo: nostr.ID{7}, Subject: "pictures"}
	e, err := m.Rumor(alice.PubKey())
	require.NoError(t, err)
	assert.Equal(t, nostr.KindFileMessage, e.Kind)
	assert.Equal(t, "https://files.example.com/x", e.Content, "content: the URL of the file")
	assert.Equal(t, nostr.Tags{
		{"p", bob.PubKey().String()}, {"e", nostr.ID{7}.String(), "", "reply"}, {"subject", "pictures"},
		{"file-type", "image/png"}, {"encryption-algorithm", "aes-gcm"}, {"decryption-key", fileKey}, {"decryption-nonce", "1b16b1df538ba12dc3f97edb"},
		{"x", nip17.Hash{1}.String()}, {"ox", nip17.Hash{2}.String()}, {"size", "12345"}, {"dim", "640x480"}, {"thumbhash", "t"}, {"blurhash", "b"},
		{"thumb", "https://files.example.com/t"}, {"fallback", "https://a.example.com/x"}, {"fallback", "https://b.example.com/x"},
	}, e.Tags)

	back := openWrap(t, bob, prepare(t, alice, m).ToThem[0].Wrap)
	checkFile(t, picture(), back.File)
	assert.Equal(t, nostr.ID{7}, back.ReplyTo)
	assert.Equal(t, "pictures", back.Subject)
	assert.Empty(t, back.Tags)
}

// checkFile compares what two keys are and the rest as it stands.
func checkFile(t require.TestingT, want, got *nip17.File) {
	require.NotNil(t, got)
	require.Equal(t, want.Key.Reveal(), got.Key.Reveal())
	a, b := *want, *got
	a.Key, b.Key = nip17.FileKey{}, nip17.FileKey{}
	require.Equal(t, a, b)
}

func TestWhatAFileMessageNeeds(t *testing.T) {
	for says, spoil := range map[string]func(*nip17.File){
		"url": func(f *nip17.File) { f.URL = "" }, "file-type": func(f *nip17.File) { f.Type = "" }, "encryption-algorithm": func(f *nip17.File) { f.Algorithm = "" },
		"decryption-key": func(f *nip17.File) { f.Key = nip17.FileKey{} }, "decryption-nonce": func(f *nip17.File) { f.Nonce = "" }, "x, its hash": func(f *nip17.File) { f.Hash = nip17.Hash{} },
		"negative": func(f *nip17.File) { f.Size = -1 },
	} {
		f := picture()
		spoil(f)
		m := nip17.Message{To: pks(bob), File: f}
		_, err := m.Rumor(alice.PubKey())
		assert.ErrorIs(t, err, nip17.ErrInvalid, says)
		assert.ErrorContains(t, err, says)
	}
	m := nip17.Message{To: pks(bob), File: picture(), Content: "look at this"}
	_, err := m.Rumor(alice.PubKey())
	assert.ErrorContains(t, err, "no text")
	m = nip17.Message{To: pks(bob), File: picture(), Tags: nostr.Tags{{"x", "y"}}}
	_, err = m.Rumor(alice.PubKey())
	assert.ErrorContains(t, err, `"x"`)
}

func TestReadingAFileMessage(t *testing.T) {
	need := nostr.Tags{{"encryption-algorithm", "aes-gcm"}, {"decryption-key", "k"}, {"decryption-nonce", "n"}}
	parse := func(content string, tags nostr.Tags) (*nip17.Message, error) {
		return nip17.ParseMessage(&nostr.Event{PubKey: alice.PubKey(), Kind: 15, Content: content, Tags: tags})
	}
	m, err := parse("https://x.example.com", need)
	require.NoError(t, err, "the rest is not needed to decrypt it")
	checkFile(t, &nip17.File{URL: "https://x.example.com", Algorithm: "aes-gcm", Key: nip17.NewFileKey("k"), Nonce: "n"}, m.File)
	for i := range need {
		_, err := parse("https://x.example.com", append(need[:i:i], need[i+1:]...))
		assert.ErrorContains(t, err, need[i][0])
		assert.ErrorIs(t, err, nip17.ErrInvalid)
	}
	_, err = parse("", need)
	assert.ErrorContains(t, err, "url")
	for _, bad := range []string{"ab", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		for _, key := range []string{"x", "ox"} {
			_, err = parse("https://x.example.com", append(need[:3:3], nostr.Tag{key, bad}))
			assert.ErrorContains(t, err, key+": ")
		}
	}
	for _, c := range []struct{ size, dim string }{{"-1", "640"}, {"1e3", "0x0"}, {"99999999999999999999", "x"}, {"", "640x-480"}, {"x", "640x480x2"}} {
		m, err := parse("https://x.example.com", append(need[:3:3], nostr.Tag{"size", c.size}, nostr.Tag{"dim", c.dim}, nostr.Tag{"fallback"}))
		require.NoError(t, err, "what is only for show is left out")
		assert.Zero(t, m.File.Size)
		assert.Zero(t, m.File.Width)
		assert.Zero(t, m.File.Height)
		assert.Nil(t, m.File.Fallback)
	}
}

func TestL20FileKeysDoNotPrint(t *testing.T) {
	f := picture()
	var out strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{f, *f, f.Key, nip17.Message{File: f}, &nip17.Message{File: f}, struct{ f *nip17.File }{f}, struct{ f nip17.FileKey }{f.Key}} {
			fmt.Fprintf(&out, format, v)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("", "key", f.Key, "file", f, "message", nip17.Message{File: f})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("", "key", f.Key, "file", f, "message", nip17.Message{File: f})
	for _, leak := range []string{fileKey, fmt.Sprintf("%x", fileKey), fmt.Sprint([]byte(fileKey[:4]))} {
		assert.NotContains(t, out.String(), strings.Trim(leak, "[]"))
	}
	assert.Contains(t, out.String(), "redacted")
	assert.Equal(t, fileKey, f.Key.Reveal())
	assert.Empty(t, nip17.FileKey{}.Reveal())

	_, err := json.Marshal(nip17.Message{File: f})
	assert.ErrorContains(t, err, "not marshalled", "nothing that could not be read again is written either")
	data, err := json.Marshal(nip17.Message{Content: "x", File: &nip17.File{URL: "https://x.example.com"}})
	require.NoError(t, err)
	var back nip17.Message
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, "https://x.example.com", back.File.URL)
}
