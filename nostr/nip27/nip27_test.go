package nip27_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostr/nip27"
)

var (
	alice = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1").PubKey()
	id    = nostr.MustIDFromHex(strings.Repeat("1", 64))
	npub  = nip19.EncodePubKey(alice)
	uri   = "nostr:" + npub
)

func encode(t testing.TB, e nip19.Entity) string {
	t.Helper()
	s, err := nip19.EncodeURI(e)
	require.NoError(t, err)
	return s
}

// The choices that the data leaves open are taken as it suggests but for two: upper case is
// found, in the scheme and in the code, since neither has a case.
func TestTheMentionsOfTheFile(t *testing.T) {
	rows := vectors.Parses(t, 27)
	require.Len(t, rows, 50)
	type mention struct {
		URI, Type, Target string
		Start, End        int
	}
	for _, row := range rows {
		var want []mention
		row.Want(t, &want)
		var got []mention
		text := row.Text()
		for m := range nip27.Parse(text) {
			assert.True(t, m.URI)
			got = append(got, mention{text[m.Start:m.End], m.Entity.Prefix(), target(m.Entity), m.Start, m.End})
		}
		if row.Name == "upper-case code" || row.Name == "upper-case scheme" {
			require.Len(t, got, 1, row.Name)
			continue
		}
		assert.Equal(t, len(want), len(got), row.Name)
		for i := range min(len(want), len(got)) {
			assert.Equal(t, want[i], got[i], row.Name)
		}
	}
}

func target(e nip19.Entity) string {
	switch e := e.(type) {
	case nip19.PubKey:
		return e.PubKey.String()
	case nip19.Profile:
		return e.PubKey.String()
	case nip19.Note:
		return e.ID.String()
	case nip19.Event:
		return e.ID.String()
	case nip19.Address:
		return e.Coordinate()
	}
	return ""
}

func TestMentionsStandAmongWordsNotInURLs(t *testing.T) {
	for text, want := range map[string]int{
		uri: 1, "hi " + uri + "!": 1, "(" + uri + ")": 1, "\u00fc " + uri + "\u2026": 1, "a,b:" + uri: 1, "@" + uri: 1,
		"x" + uri: 0, "_" + uri: 0, npub: 0, "@" + npub: 0, uri + "x": 0, uri + uri: 0,
		"https://njump.me/" + uri:                         0,
		"https://x.example.com/?u=" + uri:                 0,
		"https://x.example.com/," + uri + "," + uri:       0,
		"https://x.example.com/ " + uri:                   1,
		"[x](https://x.example.com/)" + uri:               1,
		"<https://x.example.com/>" + uri + " " + uri:      2,
		"https://x.example.com/\u00e9" + uri + "\n" + uri: 1,
		"wss:// " + uri:                                   1,
		"nostr://" + npub:                                 0,
		"nostr:" + uri:                                    1,
		"#[0] nostr: " + npub:                             0,
	} {
		n := 0
		for m := range nip27.Parse(text) {
			assert.Equal(t, uri, text[m.Start:m.End], text)
			n++
		}
		assert.Equal(t, want, n, text)
	}
}

func TestSecretKeysAreNeverMentions(t *testing.T) {
	nsec, err := nip19.EncodeSecretKey(nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "2"))
	require.NoError(t, err)
	for range nip27.Parse("nostr:" + nsec + " " + nsec) {
		t.Error("found")
	}
	assert.Empty(t, nip27.Tags("nostr:"+nsec))
}

func TestALongTextTakesNoLongerThanItHasTo(t *testing.T) {
	text := "https://x.example.com/" + strings.Repeat(uri+",", 1<<14) // a megabyte in one URL
	start := time.Now()
	for range nip27.Parse(text) {
		t.Error("found")
	}
	assert.Less(t, time.Since(start), 10*time.Second) // a scan back from each would look at 10 GB
}

func TestParseStopsWhenAsked(t *testing.T) {
	n := 0
	for range nip27.Parse(uri + " " + uri) {
		n++
		break
	}
	assert.Equal(t, 1, n)
}

func TestTagsNotifyEverybodyOnceAndQuoteEverythingOnce(t *testing.T) {
	bob := nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "2").PubKey()
	carol := nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "3").PubKey()
	var article, note nip19.Address
	article.Kind, article.PubKey, article.Identifier = 30023, alice, "x"
	note.Kind, note.PubKey = 1, alice // of a kind that has no addresses
	text := strings.Join([]string{
		encode(t, nip19.Profile{PubKey: bob, Relays: []string{"https://no.relay", "wss://b.example.com"}}), uri, encode(t, nip19.PubKey{PubKey: bob}),
		encode(t, nip19.Event{ID: id, Author: carol, Relays: []string{"wss://c.example.com"}}), encode(t, nip19.Note{ID: id}),
		encode(t, article), encode(t, note),
		encode(t, nip19.Note{ID: nostr.ID{2}}), "nostr:npub1broken", npub,
	}, " ")
	assert.Equal(t, nostr.Tags{
		{"p", bob.String(), "wss://b.example.com"}, {"p", alice.String()},
		{"q", id.String(), "wss://c.example.com", carol.String()}, {"p", carol.String()},
		{"q", "30023:" + alice.String() + ":x"},
		{"q", nostr.ID{2}.String()},
	}, nip27.Tags(text))
	assert.Empty(t, nip27.Tags("nothing here"))
}

func FuzzParse(f *testing.F) {
	f.Add("hi " + uri + ", https://x.example.com/" + uri + " " + uri)
	f.Add("nostr:nostr:" + uri)
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for m := range nip27.Parse(text) {
			require.True(t, end <= m.Start && m.Start < m.End && m.End <= len(text))
			end = m.End
			e, err := nip19.DecodeURI(text[m.Start:m.End])
			require.NoError(t, err)
			require.Equal(t, e, m.Entity)
		}
		ev := nostr.Event{Tags: nip27.Tags(text)}
		require.NoError(t, ev.Validate())
	})
}

func ExampleTags() {
	content := "nostr:npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg said it best: " +
		"nostr:note12fsqmnahla7ux0vupctkvsyx03we57v2wqdepjakkq79ad83hhsqg83l69"
	for _, tag := range nip27.Tags(content) {
		fmt.Println(tag)
	}
	// Output:
	// [p 7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e]
	// [q 52600dcfb7ff7dc33d9c0e176640867c5d9a798a701b90cbb6b03c5eb4f1bde0]
}
