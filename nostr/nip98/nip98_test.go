package nip98_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip98"
)

const (
	url = "https://api.example.com/v1/upload?x=1&y=2"
	now = nostr.Timestamp(1700000000)
)

var (
	key  = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	body = []byte(`{"a": 1}`)
	post = nip98.Request{Method: "POST", URL: url, Body: body}
)

// header signs the event and puts it into a header.
func header(t testing.TB, ev nostr.Event) string {
	t.Helper()
	require.NoError(t, ev.Sign(key))
	h, err := nip98.Header(&ev)
	require.NoError(t, err)
	return h
}

// tagged is the header of an event with these tags.
func tagged(t testing.TB, tags ...nostr.Tag) string {
	return header(t, nostr.Event{Kind: nostr.KindHTTPAuth, CreatedAt: now, Tags: tags})
}

// Every choice that the data leaves open is taken as it suggests; payloads are not demanded.
func TestTheHeadersOfTheFile(t *testing.T) {
	var file struct {
		Now   nostr.Timestamp
		NIP98 []struct {
			Name, Header, Expect string
			Request              struct{ URL, Method, Body string }
		}
	}
	vectors.JSON(t, "nip98-nip42.json", &file)
	require.Len(t, file.NIP98, 45)
	for _, c := range file.NIP98 {
		r := nip98.Request{Method: c.Request.Method, URL: c.Request.URL, Body: []byte(c.Request.Body)}
		ev, err := nip98.Check(c.Header, r, file.Now)
		assert.Equal(t, c.Expect == "accept", err == nil, "%s: %v", c.Name, err)
		assert.Equal(t, err == nil, ev != nil, c.Name)
	}
}

func TestAHeaderIsAcceptedForItsRequest(t *testing.T) {
	for _, r := range []nip98.Request{
		post,
		{Method: "GET", URL: "https://x.example.com/"},
		{Method: "PUT", URL: url, Body: body, NeedPayload: true},
		{Method: "DELETE", URL: url, NeedPayload: true},
		{Method: "PUT", URL: url, Body: nil, BodyUnread: true},
	} {
		h := header(t, nip98.NewEvent(r.Method, r.URL, r.Body, now))
		ev, err := nip98.Check(h, r, now)
		require.NoError(t, err)
		assert.Equal(t, key.PubKey(), ev.PubKey)
		assert.Empty(t, ev.Content)
		assert.True(t, strings.HasPrefix(h, "Nostr "))
	}
}

func TestTheKindIs27235(t *testing.T) {
	ev := nip98.NewEvent("POST", url, body, now)
	for _, kind := range []nostr.Kind{1, nostr.KindClientAuthentication, 27234} {
		ev.Kind = kind
		require.NoError(t, ev.Sign(key))
		_, err := nip98.Header(&ev)
		require.ErrorIs(t, err, nip98.ErrKind)
		_, err = nip98.Check("Nostr "+base64.StdEncoding.EncodeToString(ev.AppendJSON(nil)), post, now)
		assert.ErrorIs(t, err, nip98.ErrKind)
	}
}

func TestCreatedAtIsWithinTheWindow(t *testing.T) {
	for _, v := range []struct {
		at   nostr.Timestamp
		good bool
	}{{now, true}, {now - 60, true}, {now + 60, true}, {now - 61, false}, {now + 61, false}, {1, false}, {math.MaxInt64, false}} {
		_, err := nip98.Check(header(t, nip98.NewEvent("POST", url, body, v.at)), post, now)
		if v.good {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, nip98.ErrStale, v.at)
		}
	}
}

func TestTheURLIsExactlyTheRequests(t *testing.T) {
	method := nostr.Tag{"method", "POST"}
	for _, tags := range []nostr.Tags{
		{method}, {method, {"u"}}, {method, {"u", ""}}, {method, {"U", url}},
		{method, {"u", url + "#f"}}, {method, {"u", url + "&z=1"}}, {method, {"u", url[:len(url)-8]}}, {method, {"u", "http" + url[5:]}},
		{method, {"u", strings.Replace(url, "api", "API", 1)}}, {method, {"u", strings.Replace(url, "x=1&y=2", "y=2&x=1", 1)}}, {method, {"u", strings.Replace(url, "=1", "=%31", 1)}},
		{method, {"u", " " + url}}, {method, {"u", url}, {"u", url}}, {method, {"u", "https://evil.example.net"}, {"u", url}}, {method, {"u", url}, {"u"}},
	} {
		_, err := nip98.Check(tagged(t, tags...), post, now)
		assert.ErrorIs(t, err, nip98.ErrURL, tags)
	}
	_, err := nip98.Check(tagged(t, method, nostr.Tag{"u", ""}), nip98.Request{Method: "POST"}, now)
	assert.ErrorIs(t, err, nip98.ErrURL, "a server that does not know its URL accepts nobody")
}

func TestTheMethodIsTheRequests(t *testing.T) {
	u := nostr.Tag{"u", url}
	for _, tags := range []nostr.Tags{{u}, {u, {"method"}}, {u, {"method", ""}}, {u, {"method", "post"}}, {u, {"method", "GET"}}, {u, {"method", "GET"}, {"method", "POST"}}, {u, {"method", "POST "}}} {
		_, err := nip98.Check(tagged(t, tags...), post, now)
		assert.ErrorIs(t, err, nip98.ErrMethod, tags)
	}
}

func TestAPayloadThatIsStatedIsTheBodys(t *testing.T) {
	sum := sha256.Sum256(body)
	right := hex.EncodeToString(sum[:])
	base := nostr.Tags{{"u", url}, {"method", "POST"}}
	payload := func(tags ...nostr.Tag) string { return tagged(t, append(base.Clone(), tags...)...) }
	unread, need := post, post
	unread.Body, unread.BodyUnread = nil, true
	need.NeedPayload = true

	for _, value := range []string{right, strings.ToUpper(right)} {
		for _, r := range []nip98.Request{post, unread, need} {
			_, err := nip98.Check(payload(nostr.Tag{"payload", value}), r, now)
			assert.NoError(t, err)
		}
	}
	_, err := nip98.Check(payload(), post, now)
	assert.NoError(t, err)
	_, err = nip98.Check(payload(), need, now)
	assert.ErrorIs(t, err, nip98.ErrPayload)
	needUnread := unread
	needUnread.NeedPayload = true
	_, err = nip98.Check(payload(), needUnread, now)
	assert.ErrorIs(t, err, nip98.ErrPayload)

	other := hex.EncodeToString(make([]byte, 32))
	for _, tags := range []nostr.Tags{{{"payload", other}}, {{"payload"}}, {{"payload", ""}}, {{"payload", right[1:]}}, {{"payload", right + "00"}}, {{"payload", right}, {"payload", other}}, {{"payload", right}, {"payload", right}}} {
		_, err := nip98.Check(payload(tags...), post, now)
		assert.ErrorIs(t, err, nip98.ErrPayload, tags)
	}
	_, err = nip98.Check(payload(nostr.Tag{"payload", right}), nip98.Request{Method: "POST", URL: url}, now)
	assert.ErrorIs(t, err, nip98.ErrPayload, "a body that was dropped on the way")
	ev, err := nip98.Check(payload(nostr.Tag{"payload", other}), unread, now)
	require.NoError(t, err)
	got, stated, err := nip98.Payload(ev)
	assert.Equal(t, [32]byte{}, got)
	assert.True(t, stated)
	assert.NoError(t, err)
}

func TestOnlyGenuineEventsProveAnything(t *testing.T) {
	good := nip98.NewEvent("POST", url, body, now)
	require.NoError(t, good.Sign(key))
	for want, change := range map[error]func(*nostr.Event){
		nostr.ErrBadID:        func(e *nostr.Event) { e.PubKey[0] ^= 1 },
		nostr.ErrBadSignature: func(e *nostr.Event) { e.Sig[0] ^= 1 },
	} {
		forged := good.Clone()
		change(forged)
		h, err := nip98.Header(forged)
		require.NoError(t, err)
		_, err = nip98.Check(h, post, now)
		assert.ErrorIs(t, err, want)
	}
}

func TestWhatIsNoHeaderIsRefused(t *testing.T) {
	good := header(t, nip98.NewEvent("POST", url, body, now))
	_, token, _ := strings.Cut(good, " ")
	for _, h := range []string{good, "nostr " + token, "NOSTR    " + token, "Nostr " + strings.TrimRight(token, "=")} {
		_, err := nip98.Check(h, post, now)
		assert.NoError(t, err)
	}
	data, err := base64.StdEncoding.DecodeString(token)
	require.NoError(t, err)
	for _, h := range []string{
		"", "Nostr", "Nostr ", token, "Bearer " + token, "Nostr\n" + token, "Nostr \n" + token, "Nostr\t" + token, "No\u017ftr " + token, " " + good, good + " ", good + "\n",
		good[:50] + "\r\n" + good[50:], good[:50] + " " + good[50:], good + "=", "Nostr %%%%", "Nostr " + string(data), "Nostr ====", "Nostr bnVsbA==",
		"Nostr " + base64.StdEncoding.EncodeToString(append(data, data...)), "Nostr " + base64.StdEncoding.EncodeToString(data[:len(data)-1]),
		"Nostr " + token + ", Nostr " + token, "Nostr " + strings.Repeat("A", nip98.MaxHeader), "Nostr e30+-w==",
	} {
		_, err := nip98.Check(h, post, now)
		assert.ErrorIs(t, err, nip98.ErrHeader, "%.100q", h)
	}
	long := nip98.NewEvent("POST", url, body, now)
	long.Content = strings.Repeat("x", nip98.MaxHeader)
	_, err = nip98.Check(header(t, long), post, now)
	assert.ErrorIs(t, err, nip98.ErrHeader)
	_, err = nip98.Header(&nostr.Event{Kind: 27235, Content: "\xff"})
	assert.ErrorIs(t, err, nostr.ErrInvalidEvent)
}

// One event has one spelling in each kind of base64: the bits behind its end are zero.
func TestBase64HasNoBitsToSpare(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, content := range []string{"", "x", "xx"} { // of which two are padded
		ev := nip98.NewEvent("POST", url, body, now)
		ev.Content = content
		h := header(t, ev)
		bare := strings.TrimRight(h, "=")
		if bare == h {
			continue
		}
		last := strings.IndexByte(alphabet, bare[len(bare)-1])
		changed := bare[:len(bare)-1] + alphabet[last+1:last+2]
		for _, h := range []string{changed, changed + h[len(bare):]} {
			_, err := nip98.Check(h, post, now)
			assert.ErrorIs(t, err, nip98.ErrHeader)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(header(f, nip98.NewEvent("POST", url, body, now)))
	f.Add("Nostr e30=")
	f.Add("nostr  e30")
	f.Fuzz(func(t *testing.T, h string) {
		ev, err := nip98.Parse(h)
		if err != nil {
			require.ErrorIs(t, err, nip98.ErrHeader)
			require.Nil(t, ev)
			return
		}
		ev.Kind = nostr.KindHTTPAuth
		back, err := nip98.Header(ev)
		require.NoError(t, err)
		if len(back) > nip98.MaxHeader {
			return
		}
		again, err := nip98.Parse(back)
		require.NoError(t, err)
		require.Equal(t, ev, again)
	})
}

func Example() {
	request, body := "https://api.example.com/v1/upload?name=cat", []byte("meow")
	ev := nip98.NewEvent("POST", request, body, 1700000000)
	if err := ev.Sign(key); err != nil {
		fmt.Println(err)
		return
	}
	authorization, err := nip98.Header(&ev)
	if err != nil {
		fmt.Println(err)
		return
	}

	// Elsewhere, ten seconds later.
	r := nip98.Request{Method: "POST", URL: request, Body: body, NeedPayload: true}
	by, err := nip98.Check(authorization, r, 1700000010)
	fmt.Println(by.PubKey, err)
	r.Body = []byte("woof")
	_, err = nip98.Check(authorization, r, 1700000010)
	fmt.Println(err)
	// Output:
	// 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798 <nil>
	// nip98: wrong payload: the body has another hash
}
