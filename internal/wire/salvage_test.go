package wire_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
)

func TestSalvageFindsWhoWaitsForTheAnswerToABrokenMessage(t *testing.T) {
	other := strings.Repeat("c", 64)
	for _, test := range []struct {
		frame, verb, id string // id "" for none
	}{
		{`["REQ","s",{"ids":"no"}]`, "REQ", "s"},
		{`["REQ","s",{"#proxy":["x"]}]`, "REQ", "s"},
		{`["REQ","s",{}`, "REQ", "s"},
		{`["REQ","s"`, "REQ", "s"},
		{`["REQ","s",nonsense`, "REQ", "s"},
		{`["REQ","s",{}] more`, "REQ", "s"},
		{`["COUNT","\u0073",{"kinds":{}}]`, "COUNT", "s"},
		{`["NEG-OPEN","n",{},"zz"]`, "NEG-OPEN", "n"},
		{`["NEG-MSG","n",1]`, "NEG-MSG", "n"},
		{`["CLOSE","s",`, "CLOSE", "s"},
		{`["REQ",1,{}]`, "REQ", ""},
		{`["REQ"]`, "REQ", ""},
		{`["REQ","s`, "REQ", ""},
		{`["REQ","` + strings.Repeat("x", wire.MaxReceivedID+1) + `",{}]`, "REQ", ""},

		{`["EVENT",{"id":"` + idHex + `"}]`, "EVENT", idHex},
		{`["EVENT",{"id":"` + strings.ToUpper(idHex) + `"}]`, "EVENT", idHex},
		{`["EVENT",{"kind":"one","tags":[[]],"id":"` + idHex + `"}]`, "EVENT", idHex},
		{`["EVENT",{"tags":[["id","` + other + `"]],"content":"\"id\":\"` + other + `\"","id":"` + idHex + `","sig":`, "EVENT", idHex},
		{`["EVENT",{"id":"` + idHex + `","id":"` + idHex + `"}]`, "EVENT", idHex},
		{`["EVENT",{"id":"` + idHex + `","id":"` + other + `"}]`, "EVENT", ""},
		{`["EVENT",{"id":5,"id":"` + idHex + `"}]`, "EVENT", idHex},
		{`["AUTH",{"id":"` + idHex + `","kind":-1}]`, "AUTH", idHex},
		{`["EVENT",{"kind":01,"id":"` + idHex + `"}]`, "EVENT", ""},
		{`["EVENT",{"id":"` + idHex[1:] + `"}]`, "EVENT", ""},
		{`["EVENT",{"id":"` + idHex[1:] + `x"}]`, "EVENT", ""},
		{`["EVENT",["id","` + idHex + `"]]`, "EVENT", ""},
		{`["EVENT"]`, "EVENT", ""},
		{`["AUTH","text"]`, "AUTH", ""},

		{`["HELLO","s",{}]`, "HELLO", ""},
		{`{"REQ":"s"}`, "", ""},
		{``, "", ""},
	} {
		verb, id, ok := wire.Salvage([]byte(test.frame))
		assert.Equal(t, test.verb, verb, test.frame)
		assert.Equal(t, test.id, id, test.frame)
		assert.Equal(t, test.id != "", ok, test.frame)
	}
	_, id, ok := wire.Salvage([]byte(`["REQ","",{}]`))
	assert.True(t, ok, "an empty id was read all the same")
	assert.Empty(t, id)
}

func TestUnknownConditionsAreNamedOnceAndInTheirOrder(t *testing.T) {
	for frame, want := range map[string][]string{
		`["REQ","s",{"ids":[],"authors":[],"kinds":[],"since":1,"until":2,"limit":3,"search":"x","#e":[],"#Z":[]}]`: nil,
		`["REQ","s",{"&t":["x"],"kinds":[1]},{"#proxy":["y"],"&t":["z"]}]`:                                          {"&t", "#proxy"},
		`["COUNT","s",{"!#t":[]}]`:                       {"!#t"},
		`["NEG-OPEN","n",{"kind":1},"61",{"more":1}]`:    {"kind"},
		`["REQ","s",{"#\u0070":[],"#1":[],"#":[],"":0}]`: {"#1", "#", ""},
		`["REQ","s",{"#é":[],"#[":[],"# ":[]}]`:          {"#é", "#[", "# "},
		`["REQ","s",{"a":1`:                              {"a"},
		`["REQ","s",{"a":`:                               nil,
		`["REQ","s",{"x":1},7]`:                          {"x"},
		`["EVENT",{"x":1}]`:                              nil,
		`["REQ",{"x":1}]`:                                nil,
		`["CLOSE","s",{"x":1}]`:                          nil,
		`nonsense`:                                       nil,
	} {
		assert.Equal(t, want, wire.UnknownConditions([]byte(frame)), frame)
	}
	var filter strings.Builder
	for i := range 100 {
		fmt.Fprintf(&filter, `"x%d":0,`, i)
	}
	many := wire.UnknownConditions([]byte(`["REQ","s",{` + filter.String() + `"kinds":[1]}]`))
	assert.Len(t, many, wire.MaxUnknownConditions)
}

// What can be parsed can be salvaged, and is what was parsed; whatever else it gets, it
// returns only what stands in the frame.
func FuzzSalvage(f *testing.F) {
	for frame := range clientFrames() {
		f.Add([]byte(frame))
	}
	for _, frame := range append(fuzzSeeds, `["EVENT",{"id":"`+idHex+`","id":1}]`, `["REQ","s",{"&t":[]},{"#proxy":`) {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		verb, id, ok := wire.Salvage(frame)
		unknown := wire.UnknownConditions(frame)
		require.LessOrEqual(t, len(unknown), wire.MaxUnknownConditions)
		require.True(t, ok || id == "")
		message, err := wire.ParseClient(frame)
		if err != nil {
			return
		}
		require.Equal(t, message.Verb(), verb)
		switch m := message.(type) {
		case wire.Publish:
			require.Equal(t, m.Event.ID.String(), id)
		case wire.Auth:
			require.Equal(t, m.Event.ID.String(), id)
		case wire.Req:
			require.Equal(t, m.SubscriptionID, id)
			require.Equal(t, unknownByEncodingJSON(t, frame), len(unknown) > 0)
		case wire.CountReq:
			require.Equal(t, m.SubscriptionID, id)
		case wire.Close:
			require.Equal(t, m.SubscriptionID, id)
		case wire.Unknown:
			require.False(t, ok)
			return
		}
		require.True(t, ok)
	})
}

// unknownByEncodingJSON is the same question asked with another parser.
func unknownByEncodingJSON(t *testing.T, frame []byte) bool {
	var parts []json.RawMessage
	require.NoError(t, json.Unmarshal(frame, &parts))
	for _, part := range parts[2:] {
		var filter map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(part, &filter))
		for key := range filter {
			known := slices.Contains([]string{"ids", "authors", "kinds", "since", "until", "limit", "search"}, key)
			letter := len(key) == 2 && key[0] == '#' && strings.ContainsAny(key[1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
			if !known && !letter {
				return true
			}
		}
	}
	return false
}
