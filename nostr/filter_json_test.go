package nostr_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestFilterJSONIsDeterministic(t *testing.T) {
	f := nostr.Filter{
		IDs: []nostr.ID{nostr.MustIDFromHex(hexA)}, Kinds: []nostr.Kind{0, 65535}, Authors: []nostr.PubKey{nostr.MustPubKeyFromHex(hexB)},
		Tags:  nostr.TagMap{"t": {"a\n", "\"<\u00e9>"}, "e": {hexA}, "Z": {""}, "a": {}, "K": {"1"}},
		Since: ptr[nostr.Timestamp](0), Until: ptr[nostr.Timestamp](1<<63 - 1), Limit: 20, Search: "purple \\",
	}
	want := `{"ids":["` + hexA + `"],"authors":["` + hexB + `"],"kinds":[0,65535],"#K":["1"],"#Z":[""],"#a":[],"#e":["` + hexA + `"],"#t":["a\n","\"<` + "\u00e9" + `>"],` +
		`"since":0,"until":9223372036854775807,"limit":20,"search":"purple \\"}`
	for range 20 {
		require.Equal(t, want, f.String())
	}
	assert.Equal(t, "x"+want, string(f.AppendJSON([]byte("x"))))
	back, n, err := nostr.ParseFilter([]byte(want + " trailing"))
	require.NoError(t, err)
	assert.Equal(t, len(want), n)
	assert.Equal(t, f, back)
	var viaJSON nostr.Filter
	data, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &viaJSON))
	assert.Equal(t, f, viaJSON)
	assert.Equal(t, "{}", nostr.Filter{}.String())
	assert.Equal(t, "x{}", string(nostr.Filter{}.AppendJSON([]byte("x"))))
}

func TestFilterJSONKeepsLimitZero(t *testing.T) {
	for data, want := range map[string]nostr.Filter{
		`{}`: {}, `{"limit":0}`: {LimitZero: true}, `{"limit":7}`: {Limit: 7},
	} {
		f, _, err := nostr.ParseFilter([]byte(data))
		require.NoError(t, err)
		assert.Equal(t, want, f)
		assert.Equal(t, data, f.String())
	}
}

func TestP18EmptyListsSurviveJSON(t *testing.T) {
	data := `{"ids":[],"authors":[],"kinds":[],"#t":[]}`
	f, _, err := nostr.ParseFilter([]byte(data))
	require.NoError(t, err)
	assert.True(t, f.MatchesNothing())
	assert.Equal(t, data, f.String())
}

func TestFilterJSONIgnoresUnknownKeys(t *testing.T) {
	f, _, err := nostr.ParseFilter([]byte(` { "kinds" : [ 1 ] , "&t":["a"], "IDs":7, "x":{"ids":[]}, "x":null, "":[[]], "\u0073ince":5 } `))
	require.NoError(t, err)
	assert.Equal(t, nostr.Filter{}.WithKinds(1).WithSince(5), f)
}

func TestFilterJSONRefusals(t *testing.T) {
	for _, tt := range []struct{ data, field, reason string }{
		{`null`, "", "expected an object, found null"},
		{`[]`, "", "expected an object"},
		{``, "", "the end of the data"},
		{`{"ids":["` + hexA + `"]`, "", "expected ',' or '}'"},
		{`{"kinds":[1],}`, "", "nothing after a comma"},
		{`{"kinds" [1]}`, "", "expected ':'"},
		{`{"x":nul}`, `"x"`, "not a JSON value"},
		{`{"x":"\ud800"}`, `"x"`, "surrogate"},
		{`{"ids":null}`, "ids", "expected an array, found null"},
		{`{"ids":"` + hexA + `"}`, "ids", "expected an array, found a string"},
		{`{"ids":[1]}`, "ids[0]", "expected a string, found a number"},
		{`{"ids":["` + hexA + `" "x"]}`, "ids", "expected ',' or ']'"},
		{`{"authors":{}}`, "authors", "expected an array"},
		{`{"authors":[null]}`, "authors[0]", "found null"},
		{`{"kinds":1}`, "kinds", "expected an array"},
		{`{"kinds":[1,"1"]}`, "kinds[1]", "expected an integer, found a string"},
		{`{"kinds":[65536]}`, "kinds[0]", "too large"},
		{`{"kinds":[-1]}`, "kinds[0]", "negative"},
		{`{"kinds":[1.0]}`, "kinds[0]", "fraction"},
		{`{"since":-1}`, "since", "negative"},
		{`{"since":"1"}`, "since", "expected an integer"},
		{`{"since":null}`, "since", "found null"},
		{`{"until":1e9}`, "until", "exponent"},
		{`{"until":9223372036854775808}`, "until", "too large"},
		{`{"limit":-5}`, "limit", "negative"},
		{`{"limit":1.5}`, "limit", "fraction"},
		{`{"limit":"1"}`, "limit", "found a string"},
		{`{"limit":18446744073709551616}`, "limit", "too large"},
		{`{"search":1}`, "search", "expected a string"},
		{"{\"search\":\"\xff\"}", "search", "UTF-8"},
		{`{"#t":"x"}`, "#t", "expected an array, found a string"},
		{`{"#t":{}}`, "#t", "expected an array"},
		{`{"#t":["a",1]}`, "#t[1]", "expected a string, found a number"},
		{`{"#t":[["a"]]}`, "#t[0]", "found an array"},
		{`{"#t":[null]}`, "#t[0]", "found null"},
		{`{"#tt":["a"]}`, `"#tt"`, "one letter"},
		{`{"#":["a"]}`, `"#"`, "one letter"},
		{`{"kinds":[1],"kinds":[2]}`, "kinds", "duplicate key"},
		{`{"#t":["a"],"#e":[],"#\u0074":["b"]}`, "#t", "duplicate key"},
		{`{"limit":1,"l\u0069mit":1}`, "limit", "duplicate key"},
		{`{"x":` + strings.Repeat("[", 100) + `}`, `"x"`, "nested too deeply"},
		{"{\"\xff\":1}", "", "UTF-8"},
	} {
		f, n, err := nostr.ParseFilter([]byte(tt.data))
		var parse *nostr.ParseError
		if !assert.ErrorAs(t, err, &parse, tt.data) {
			continue
		}
		assert.Equal(t, "filter", parse.What)
		assert.Equal(t, tt.field, parse.Field, tt.data)
		assert.Contains(t, parse.Reason, tt.reason, tt.data)
		assert.LessOrEqual(t, parse.Offset, len(tt.data))
		assert.Zero(t, n)
		assert.Equal(t, nostr.Filter{}, f)

		kept := nostr.Filter{}.WithKinds(42)
		assert.Error(t, kept.UnmarshalJSON([]byte(tt.data)))
		assert.Equal(t, nostr.Filter{}.WithKinds(42), kept)
	}
	var f nostr.Filter
	assert.ErrorContains(t, f.UnmarshalJSON([]byte(`{} {}`)), "trailing data")
	assert.ErrorContains(t, f.UnmarshalJSON([]byte(`{}x`)), "at byte 2")
}

func TestParsedFilterHoldsNoReferenceToTheData(t *testing.T) {
	data := []byte(`{"#t":["plain","esc\naped"],"search":"words"}`)
	f, _, err := nostr.ParseFilter(data)
	require.NoError(t, err)
	want := f.String()
	clear(data)
	assert.Equal(t, want, f.String())
}
