package nostr_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestUnsignedEventsNeedFourFields(t *testing.T) {
	whole, err := nostr.ParseUnsigned([]byte(eventJSON(nil)))
	require.NoError(t, err)
	signed, _, err := nostr.ParseEvent([]byte(eventJSON(nil)))
	require.NoError(t, err)
	assert.Equal(t, signed, whole)

	for _, field := range []string{"id", "pubkey", "sig"} {
		for _, value := range []string{"-", `""`, ` "" `} {
			e, err := nostr.ParseUnsigned([]byte(eventJSON(map[string]string{field: value})))
			require.NoError(t, err, field)
			assert.Equal(t, field == "id", e.ID.IsZero())
			assert.Equal(t, field == "pubkey", e.PubKey.IsZero())
			assert.Equal(t, field == "sig", e.Sig == nostr.Sig{})
			assert.Equal(t, "hello", e.Content)

			_, _, err = nostr.ParseEvent([]byte(eventJSON(map[string]string{field: value})))
			assert.Error(t, err, "a signed event needs all seven")
		}
		for _, value := range []string{"null", `"ab"`, `" "`, "0", `"` + strings.Repeat("AB", 32) + `"`, `"\u0061"`} {
			_, err := nostr.ParseUnsigned([]byte(eventJSON(map[string]string{field: value})))
			var parse *nostr.ParseError
			require.ErrorAs(t, err, &parse, "%s %s", field, value)
			assert.Equal(t, field, parse.Field)
		}
		zeros := strings.Repeat("0", map[string]int{"id": 64, "pubkey": 64, "sig": 128}[field])
		_, err := nostr.ParseUnsigned([]byte(eventJSON(map[string]string{field: `"` + zeros + `"`})))
		assert.ErrorContains(t, err, field+": all zeros", "a field that is there is not one that is missing")
		_, _, err = nostr.ParseEvent([]byte(eventJSON(map[string]string{field: `"` + zeros + `"`})))
		assert.NoError(t, err, "it has the shape of an event and will not verify")
	}
	for _, field := range []string{"created_at", "kind", "tags", "content"} {
		_, err := nostr.ParseUnsigned([]byte(eventJSON(map[string]string{field: "-"})))
		assert.ErrorContains(t, err, field+": missing")
	}
	for _, data := range []string{"", "null", "[]", "hello", "{}", eventJSON(nil) + " {}", `{"id":"","id":"",` + eventJSON(nil)[1:]} {
		_, err := nostr.ParseUnsigned([]byte(data))
		assert.Error(t, err, data)
	}
}

func TestUnsignedEventsAreWrittenWithoutASignature(t *testing.T) {
	e := signed(t, nostr.Event{Kind: 14, CreatedAt: 1700000000, Tags: nostr.Tags{{"sig", `","sig":"`}}, Content: `,"sig":"no"}`})
	data := e.AppendUnsignedJSON([]byte("before"))
	require.Equal(t, "before", string(data[:6]))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data[6:], &fields))
	assert.NotContains(t, fields, "sig")
	assert.Len(t, fields, 6)
	back, err := nostr.ParseUnsigned(data[6:])
	require.NoError(t, err)
	want := e.Clone()
	want.Sig = nostr.Sig{}
	assert.Equal(t, want, back)

	template := nostr.Event{Kind: 1, CreatedAt: 1714078911, Tags: nostr.Tags{{"t", "é"}}, Content: "sign this"}
	assert.Equal(t, `{"created_at":1714078911,"kind":1,"tags":[["t","é"]],"content":"sign this"}`, string(template.AppendUnsignedJSON(nil)))
	back, err = nostr.ParseUnsigned(template.AppendUnsignedJSON(nil))
	require.NoError(t, err)
	assert.Equal(t, &template, back)
}

func FuzzParseUnsigned(f *testing.F) {
	for _, change := range []map[string]string{nil, {"sig": "-"}, {"sig": `""`, "id": `""`}, {"id": "-", "pubkey": "-"}, {"tags": `[["sig",",\"sig\":\""]]`}, {"content": `",\"sig\":\""`}, {"id": `"`}} {
		f.Add([]byte(eventJSON(change)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := nostr.ParseUnsigned(data)
		if err != nil {
			var parse *nostr.ParseError
			require.ErrorAs(t, err, &parse)
			_, n, err := nostr.ParseEvent(data)
			require.True(t, err != nil || n != len(data), "what is read signed is read unsigned")
			return
		}
		e.Sig = nostr.Sig{}
		again, err := nostr.ParseUnsigned(e.AppendUnsignedJSON(nil))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
