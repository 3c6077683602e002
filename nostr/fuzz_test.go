package nostr_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

// Shows L01.
func FuzzParseEvent(f *testing.F) {
	for _, change := range []map[string]string{
		nil, {"tags": "[]"}, {"tags": `[["e","` + hexA + `","",""],["\n"]]`}, {"content": `"\ud83d\ude00\u0000\""`}, {"extra": `{"a":[1e5,null]}`},
		{"kind": "65535", "created_at": "9223372036854775807"}, {"\\u0069d": `"x"`}, {"tags": `[[]]`}, {"tags": `[["a",null]]`}, {"content": "\"\u2028\x7f\""},
		{"kind": "-0"}, {"created_at": "1e3"}, {"sig": "-"}, {"content": `"\udc00"`}, {"content": "\"\xff\""},
	} {
		f.Add([]byte(eventJSON(change)))
	}
	f.Add([]byte(eventJSON(nil) + " {}"))
	f.Add([]byte("[" + strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, n, err := nostr.ParseEvent(data)
		if err != nil {
			var parse *nostr.ParseError
			require.ErrorAs(t, err, &parse)
			require.True(t, 0 <= parse.Offset && parse.Offset <= len(data))
			return
		}
		require.True(t, json.Valid(data[:n]))
		require.NoError(t, ev.Validate())
		written := ev.AppendJSON(nil)
		require.True(t, json.Valid(written))
		again, m, err := nostr.ParseEvent(written)
		require.NoError(t, err)
		require.Equal(t, len(written), m)
		require.Equal(t, ev, again)
		require.Equal(t, ev.GetID(), again.GetID())
		require.Equal(t, written, again.AppendJSON(nil))

		// encoding/json, which is lenient, reads the same out of it.
		var lenient struct {
			Content string
			Tags    nostr.Tags
		}
		require.NoError(t, json.Unmarshal(written, &lenient))
		require.Equal(t, ev.Content, lenient.Content)
		require.Equal(t, ev.Tags, lenient.Tags)
		var serialized []any
		require.NoError(t, json.Unmarshal(ev.Serialize(), &serialized))
		require.Len(t, serialized, 6)
	})
}

// Shows L01.
func FuzzParseFilter(f *testing.F) {
	for _, data := range []string{
		`{}`, `{"ids":["` + hexA + `"],"authors":[],"kinds":[0,65535],"#e":["` + hexB + `"],"#t":["a","\n"],"since":1,"until":2,"limit":0,"search":"x"}`,
		`{"#tt":[]}`, `{"limit":-1}`, `{"x":{"y":[1.5]}}`, `{"kinds":[1],"kinds":[1]}`, `{"#p":["x"]}`, `{"since":9223372036854775808}`, `{"#\u0074":["\ud800"]}`, ``,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		filter, n, err := nostr.ParseFilter(data)
		if err != nil {
			var parse *nostr.ParseError
			require.ErrorAs(t, err, &parse)
			require.True(t, 0 <= parse.Offset && parse.Offset <= len(data))
			return
		}
		require.True(t, json.Valid(data[:n]))
		require.NoError(t, filter.Validate(), "what is parsed may be sent")
		written := filter.AppendJSON(nil)
		again, m, err := nostr.ParseFilter(written)
		require.NoError(t, err)
		require.Equal(t, len(written), m)
		require.Equal(t, filter, again)
		require.Equal(t, filter.MatchesNothing(), again.MatchesNothing())
		ev := &nostr.Event{Kind: 1, CreatedAt: 1, Tags: nostr.Tags{{"t", "a"}}}
		require.Equal(t, filter.Matches(ev), again.Matches(ev))
		require.False(t, filter.MatchesNothing() && filter.Matches(ev))
	})
}

func FuzzNormalizeURL(f *testing.F) {
	for _, raw := range []string{
		"wss://relay.com//ws/?b=2&a=1", "wss://r.com/a/wss:///b//./..///", "ws://[::1]:80/%2e%2e", "wss://b\u00fccher.example:443", "wss://u:p@h", "WSS://A.B.", "wss://xn--a", "ws://127.1", "wss://h/%",
		"ws://\uff11\uff12\uff17.0.0.1", "wss://a/{}?[]=\u00e9&&", "relay.com", "wss://\u05d0.com/..//", "ws://h:0080?", "wss://h/a%2f..%2F/../b", "wss://xn--zn7c.com",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := nostr.NormalizeURL(raw)
		if err != nil {
			require.ErrorIs(t, err, nostr.ErrInvalidURL)
			require.Empty(t, got)
			return
		}
		checkNormalized(t, got)
	})
}
