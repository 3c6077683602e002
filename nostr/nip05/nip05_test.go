package nip05_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip05"
	"github.com/gennostr/gennostr/nostr/nip19"
)

const bobHex = "354d884b7b699fd479a18a9591598cf1df3c45f79c53355dea3163714a8597a6"

var bob = nostr.MustPubKeyFromHex(bobHex)

// answer is a Fetcher that gives every URL the same document.
func answer(body string) nip05.Fetcher {
	return func(_ context.Context, url string) (nip05.Response, error) {
		return nip05.Response{Status: 200, URL: url, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func names(entries string) string { return `{"names":{` + entries + `}}` }

type row struct {
	Name       string
	Identifier string
	URL        string
	Display    string
	Claimed    string
	Responses  map[string]struct {
		Status         int
		Body, Location string
	}
	Expect json.RawMessage
}

// Every choice that the data leaves open is taken as it suggests.
func TestTheLookupsOfTheFile(t *testing.T) {
	var file struct{ Cases []row }
	vectors.JSON(t, "nip05.json", &file)
	require.Len(t, file.Cases, 89)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			asked := 0
			fetch := func(_ context.Context, url string) (nip05.Response, error) {
				asked++
				if c.URL != "" {
					assert.Equal(t, c.URL, url)
				}
				canned, ok := c.Responses[url]
				if !ok {
					canned = c.Responses["*"]
				}
				if canned.Status == 0 {
					canned.Status = 200
				}
				return nip05.Response{Status: canned.Status, URL: url, Body: io.NopCloser(strings.NewReader(canned.Body))}, nil
			}
			if c.Claimed != "" {
				_, err := nip05.Verify(t.Context(), fetch, c.Identifier, nostr.MustPubKeyFromHex(c.Claimed))
				require.ErrorIs(t, err, nip05.ErrMismatch)
				return
			}
			profile, err := nip05.Query(t.Context(), fetch, c.Identifier)
			assert.LessOrEqual(t, asked, 1, "nothing is followed")
			if string(c.Expect) == `"reject"` {
				require.Error(t, err)
				assert.Zero(t, profile)
				if errors.Is(err, nip05.ErrIdentifier) {
					assert.Zero(t, asked, "nobody is asked for what is no identifier")
				}
				return
			}
			require.NoError(t, err)
			var want struct {
				PubKey string
				Relays []string
			}
			require.NoError(t, json.Unmarshal(c.Expect, &want))
			assert.Equal(t, want.PubKey, profile.PubKey.String())
			require.Len(t, profile.Relays, len(want.Relays))
			for i, url := range want.Relays {
				normal, err := nostr.NormalizeURL(url)
				require.NoError(t, err)
				assert.Equal(t, normal, profile.Relays[i])
			}
			if c.Display != "" {
				id, err := nip05.Parse(c.Identifier)
				require.NoError(t, err)
				assert.Equal(t, c.Display, id.Display())
			}
		})
	}
}

func TestIdentifiers(t *testing.T) {
	for in, want := range map[string]nip05.Identifier{
		"bob@example.com":  {Name: "bob", Domain: "example.com"},
		"bob@EXAMPLE.com":  {Name: "bob", Domain: "example.com"},
		"_@example.com":    {Name: "_", Domain: "example.com"},
		"example.com":      {Name: "_", Domain: "example.com"},
		"a-b_c.d9@x.y.com": {Name: "a-b_c.d9", Domain: "x.y.com"},
		bobHex + "@x.com":  {Name: bobHex, Domain: "x.com"},
		"-@x.com":          {Name: "-", Domain: "x.com"},
	} {
		id, err := nip05.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, id)
		assert.Equal(t, want.Name+"@"+want.Domain, id.String())
		assert.True(t, nip05.IsValid(in))
		again, err := nip05.Parse(id.Display())
		require.NoError(t, err)
		assert.Equal(t, id, again)
	}
	for in, why := range map[string]string{
		"bob":                     "no dot",
		"@example.com":            "no name",
		"bob@":                    "empty",
		"Bob@example.com":         "character other than a-z",
		"b ob@example.com":        "character other than a-z",
		"bob+tag@example.com":     "character other than a-z",
		bobHex + "0@example.com":  "longer than 64",
		"bob@localhost":           "no dot",
		"bob@a.localhost":         "inside",
		"db.internal":             "inside",
		"bob@169.254.169.254":     "IP address",
		"bob@example.com/../x":    "character other than a-z",
		"bob@example.com@x.com":   "character other than a-z",
		" bob@example.com":        "character other than a-z",
		"bob@example.com\r\nX: y": "character other than a-z",
	} {
		id, err := nip05.Parse(in)
		require.ErrorIs(t, err, nip05.ErrIdentifier, in)
		assert.ErrorContains(t, err, why, in)
		assert.Zero(t, id)
		assert.False(t, nip05.IsValid(in))
	}
}

// Shows L44.
func TestRedirectsAreIgnoredWhateverTheFetcherMadeOfThem(t *testing.T) {
	body := names(`"bob":"` + bobHex + `"`)
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308, 399} {
		fetch := func(_ context.Context, url string) (nip05.Response, error) {
			return nip05.Response{Status: status, URL: url, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
		_, err := nip05.Query(t.Context(), fetch, "bob@example.com")
		assert.ErrorIs(t, err, nip05.ErrRedirect, status)
	}
	for _, from := range []string{"", "https://www.example.com/.well-known/nostr.json?name=bob", "http://example.com/.well-known/nostr.json?name=bob"} {
		fetch := func(context.Context, string) (nip05.Response, error) { // as a client that followed one
			return nip05.Response{Status: 200, URL: from, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
		_, err := nip05.Query(t.Context(), fetch, "bob@example.com")
		assert.ErrorIs(t, err, nip05.ErrRedirect, from)
	}
}

// A body counts what is read of it and whether it was closed.
type body struct {
	io.Reader
	read   int
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *body) Close() error { b.closed = true; return nil }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Shows B23.
func TestADocumentIsReadUpToItsBoundAndClosed(t *testing.T) {
	for _, status := range []int{200, 302, 404} {
		b := &body{Reader: endless{}}
		_, err := nip05.Query(t.Context(), func(_ context.Context, url string) (nip05.Response, error) {
			return nip05.Response{Status: status, URL: url, Body: b}, nil
		}, "bob@example.com")
		require.Error(t, err)
		assert.LessOrEqual(t, b.read, nip05.MaxSize+1)
		assert.True(t, b.closed)
		if status != 200 {
			assert.Zero(t, b.read)
		}
	}
	full := names(`"bob":"` + bobHex + `"`)
	full += strings.Repeat(" ", nip05.MaxSize-len(full))
	_, err := nip05.Query(t.Context(), answer(full), "bob@example.com")
	require.NoError(t, err)
	_, err = nip05.Query(t.Context(), answer(full+" "), "bob@example.com")
	require.ErrorIs(t, err, nip05.ErrDocument)
	assert.ErrorContains(t, err, "larger")
}

func TestTheErrorsOfTheFetcherAreKept(t *testing.T) {
	broken := errors.New("no route")
	for _, fetch := range []nip05.Fetcher{
		func(context.Context, string) (nip05.Response, error) { return nip05.Response{}, broken },
		func(_ context.Context, url string) (nip05.Response, error) {
			return nip05.Response{Status: 200, URL: url, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{broken}))}, nil
		},
	} {
		_, err := nip05.Query(t.Context(), fetch, "bob@example.com")
		assert.ErrorIs(t, err, broken)
	}
	_, err := nip05.Query(t.Context(), func(_ context.Context, url string) (nip05.Response, error) {
		return nip05.Response{Status: 200, URL: url}, nil // without a body
	}, "bob@example.com")
	assert.ErrorIs(t, err, nip05.ErrDocument)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Shows L44.
func TestNamesOfEveryLanguagesObjectsAreNames(t *testing.T) {
	for _, name := range []string{"constructor", "__proto__", "tostring", "hasownproperty", "valueof", "prototype", "names", "relays", "null", "true", "0", "-", "."} {
		_, err := nip05.Query(t.Context(), answer(names(`"bob":"`+bobHex+`"`)), name+"@example.com")
		assert.ErrorIs(t, err, nip05.ErrNotFound, name)
		profile, err := nip05.Query(t.Context(), answer(names(`"`+name+`":"`+bobHex+`"`)), name+"@example.com")
		require.NoError(t, err)
		assert.Equal(t, bob, profile.PubKey)
	}
}

func TestDocumentsThatParsersDisagreeOnAreRefused(t *testing.T) {
	entry := `"bob":"` + bobHex + `"`
	for doc, why := range map[string]string{
		`{"names":{` + entry + `},"names":{` + entry + `}}`: `two members "names"`,
		`{"names":{` + entry + `},"n\u0061mes":{}}`:         `two members "names"`,
		names(entry + "," + entry):                          "twice",
		names(entry + `,"b\u006fb":"` + bobHex + `"`):       "twice",
		names(entry) + "x":                                  "",
		names(entry) + names(entry):                         "",
		names(entry + ","):                                  "",
		`{"names":{` + entry + `}`:                          "",
		"{'names':{}}":                                      "",
		`{"names":{` + entry + `},"x":"` + "\xff" + `"}`:    "",
		`{"names":{` + entry + `},"x":` + deep(100) + `}`:   "",
		`{"names":{` + entry + `},"x":01}`:                  "",
		names(`"bob":"` + strings.ToUpper(bobHex) + `"`):    "lower-case hex",
		names(`"bob":["` + bobHex + `"]`):                   "not a string",
		names(`"bob":"` + strings.Repeat("f", 64) + `"`):    "curve",
		names(`"bob":"` + strings.Repeat("0", 64) + `"`):    "curve",
		"\ufeff\ufeff" + names(entry):                       "",
	} {
		_, err := nip05.ParseDocument([]byte(doc), "bob")
		require.ErrorIs(t, err, nip05.ErrDocument, doc)
		assert.ErrorContains(t, err, why, doc)
	}
	for _, doc := range []string{
		names(`"al":1,"al":2,` + entry), // somebody else's trouble
		"\ufeff" + names(entry),
		" \n" + names(`"b\u006fb":"`+bobHex+`"`) + "\n",
		`{"relays":5,"names":{` + entry + `}}`,
		`{"relays":{"` + bobHex + `":["https://x.example.com","wss://wss://x.example.com",{},[],null]},"names":{` + entry + `}}`,
		`{"relays":{"` + bobHex + `":["wss://x.example.com"]},"relays":{},"names":{` + entry + `}}`,
		`{"relays":{},"names":{` + entry + `},"relays":{"` + bobHex + `":["wss://x.example.com"]}}`,
		`{"relays":{"` + bobHex + `":["wss://x.example.com"],"` + bobHex + `":[]},"names":{` + entry + `}}`,
		`{"relays":{"` + bobHex + `":[],"` + bobHex + `":["wss://x.example.com"]},"names":{` + entry + `}}`,
	} {
		profile, err := nip05.ParseDocument([]byte(doc), "bob")
		require.NoError(t, err, doc)
		assert.Equal(t, nip19.Profile{PubKey: bob}, profile, doc)
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestRelaysMayStandAnywhereAndAreBounded(t *testing.T) {
	var list []string
	for i := range 500 {
		list = append(list, fmt.Sprintf("wss://r%d.example.com", i), "WSS://r0.example.com/")
	}
	relays, err := json.Marshal(map[string][]string{bobHex: list})
	require.NoError(t, err)
	for _, doc := range []string{
		`{"relays":` + string(relays) + `,"names":{"bob":"` + bobHex + `"}}`,
		`{"names":{"bob":"` + bobHex + `"},"relays":` + string(relays) + `}`,
	} {
		profile, err := nip05.ParseDocument([]byte(doc), "bob")
		require.NoError(t, err)
		require.Len(t, profile.Relays, nip19.MaxRelays)
		assert.Equal(t, "wss://r0.example.com/", profile.Relays[0])
		assert.Equal(t, "wss://r1.example.com/", profile.Relays[1])
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"bob@example.com", "example.com", "_@x.y", "b@127.1", "a@b@c.d", "\u00fc@x.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := nip05.Parse(s)
		if err != nil {
			require.ErrorIs(t, err, nip05.ErrIdentifier)
			return
		}
		again, err := nip05.Parse(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
		req, err := http.NewRequest(http.MethodGet, id.URL(), nil)
		require.NoError(t, err)
		require.Equal(t, id.Domain, req.URL.Host)
		require.Equal(t, id.Name, req.URL.Query().Get("name"))
		require.Equal(t, id.URL(), req.URL.String(), "Query compares it with what a client says it fetched")
	})
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(names(`"bob":"`+bobHex+`"`)), "bob")
	f.Add([]byte(`{"relays":{"`+bobHex+`":["wss://x.example.com",5]},"names":{"alice":null,"bob":"`+bobHex+`"}}`), "bob")
	f.Add([]byte(`{"names":[]}`), "")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		profile, err := nip05.ParseDocument(data, name)
		if err != nil {
			require.True(t, errors.Is(err, nip05.ErrDocument) || errors.Is(err, nip05.ErrNotFound))
			require.Zero(t, profile)
			return
		}
		// Whoever reads it with the standard library finds the same key.
		var doc map[string]any
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &doc))
		require.Equal(t, profile.PubKey.String(), doc["names"].(map[string]any)[name])
		require.LessOrEqual(t, len(profile.Relays), nip19.MaxRelays)
	})
}

// A client that does not follow redirects, with a transport that needs no network.
func ExampleQuery() {
	client := &http.Client{
		Transport: canned(`{"names":{"bob":"354d884b7b699fd479a18a9591598cf1df3c45f79c53355dea3163714a8597a6"}}`),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	fetch := func(ctx context.Context, url string) (nip05.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nip05.Response{}, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nip05.Response{}, err
		}
		return nip05.Response{Status: resp.StatusCode, URL: resp.Request.URL.String(), Body: resp.Body}, nil
	}
	profile, err := nip05.Query(context.Background(), fetch, "bob@example.com")
	fmt.Println(profile.PubKey, err)
	_, err = nip05.Query(context.Background(), fetch, "constructor@example.com")
	fmt.Println(err)
	// Output:
	// 354d884b7b699fd479a18a9591598cf1df3c45f79c53355dea3163714a8597a6 <nil>
	// nip05: the domain does not know the name (constructor@example.com)
}

type canned string

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}
