package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

func TestP27OKWithoutItsMessage(t *testing.T) {
	id := sampleEvent().ID
	for frame, want := range map[string]wire.OK{
		`["OK","` + idHex + `",true]`:                 {EventID: id, Accepted: true},
		`["OK","` + idHex + `",false]`:                {EventID: id},
		`["OK","` + idHex + `",true,"pow: 25>=24",0]`: {EventID: id, Accepted: true, Message: "pow: 25>=24"},
	} {
		got, err := wire.ParseServer([]byte(frame))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestP30AClosedWithoutItsReasonStillEndsItsSubscription(t *testing.T) {
	for frame, want := range map[string]wire.ServerMessage{
		`["CLOSED","s"]`:  wire.Closed{SubscriptionID: "s"},
		`["NEG-ERR","n"]`: wire.NegErr{SubscriptionID: "n"},
	} {
		got, err := wire.ParseServer([]byte(frame))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// A reason that is no text explains nothing, but what it came with still holds.
func TestL06AReasonThatIsNoTextIsReadAsNone(t *testing.T) {
	for _, reason := range []string{`null`, `7`, `1e999`, `true`, `[]`, `{"why":["x"]}`} {
		for head, want := range map[string]wire.ServerMessage{
			`["CLOSED","x",`:              wire.Closed{SubscriptionID: "x"},
			`["OK","` + idHex + `",true,`: wire.OK{EventID: sampleEvent().ID, Accepted: true},
			`["NEG-ERR","n",`:             wire.NegErr{SubscriptionID: "n"},
		} {
			for _, tail := range []string{`]`, `,null]`, `,"more"]`} {
				got, err := wire.ParseServer([]byte(head + reason + tail))
				require.NoError(t, err)
				assert.Equal(t, want, got)
			}
			for _, broken := range []string{`nul`, `[1,]`, `{"a"}`, `{"a":"\x"}`, `"x`, ``} {
				frame := []byte(head + broken + `]`)
				_, err := wire.ParseServer(frame)
				refused(t, frame, err)
			}
		}
	}
	got, err := wire.ParseServer([]byte(`["NEG-ERR","n",null,1000]`))
	require.NoError(t, err)
	assert.Equal(t, wire.NegErr{SubscriptionID: "n", Max: 1000}, got)
}

func TestP34TrailingElementsAreIgnoredButValidated(t *testing.T) {
	for frame, want := range serverFrames() {
		switch want.(type) {
		case wire.Unknown:
			continue
		case wire.EOSE: // its third element is NIP-67's
			continue
		case wire.NegErr: // its fourth element is the cap
			continue
		}
		open := strings.TrimSuffix(frame, "]")
		got, err := wire.ParseServer([]byte(open + `,null,{"a":[1e999,"é"]},"x" ]`))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got)
		for _, bad := range []string{`,]`, `,nul]`, `,{"a":}]`, `,"\ud800"]`, `,01]`, "," + strings.Repeat("[", 65) + strings.Repeat("]", 65) + "]", `]]`, `] x`, `]["x"]`} {
			data := []byte(open + bad)
			_, err := wire.ParseServer(data)
			refused(t, data, err)
		}
	}
	for _, frame := range []string{`["CLOSE","s",{"x":1},2]`, `["NEG-CLOSE","n",0]`, `["NEG-MSG","n","61",[]]`,
		`["EVENT",` + eventJSON + `,"x"]`, `["AUTH",` + eventJSON + `,false]`, `["NEG-OPEN","n",{},"61",1]`} {
		_, err := wire.ParseClient([]byte(frame))
		assert.NoError(t, err, frame)
	}
}

func TestP34UnknownVerbsKeepTheirFrame(t *testing.T) {
	frame := []byte(" [ \"x-\\u00e9\" , {\"a\" : 1} ]\n")
	want := wire.Unknown{Name: "x-é", Raw: []byte(string(frame))}
	server, err := wire.ParseServer(frame)
	require.NoError(t, err)
	assert.Equal(t, want, server)
	client, err := wire.ParseClient(frame)
	require.NoError(t, err)
	assert.Equal(t, want, client)

	for _, verb := range []string{"event", "Event", "EVENT ", " EVENT", "EVENTS", "REQ"} {
		got, err := wire.ParseServer([]byte(`["` + verb + `","s",` + eventJSON + `]`))
		require.NoError(t, err)
		assert.IsType(t, wire.Unknown{}, got)
	}
	long := []byte(`["` + strings.Repeat("X", wire.MaxVerb+1) + `"]`)
	_, err = wire.ParseServer(long)
	assert.Equal(t, "verb", refused(t, long, err).Field)
}

func TestL25AParserDecidesAndNoSubstring(t *testing.T) {
	tricky := strings.Replace(eventJSON, `["p","z"]`, `["id","[\"EVENT\",\"other\",{"],["]","}"]`, 1)
	tricky = strings.Replace(tricky, `"kind":1,`, `"kind":1,"extra":{"id":"x","tags":["EOSE"]},`, 1)
	got, err := wire.ParseServer([]byte(`["\u0045VENT","a\"]\\,",` + tricky + `]`))
	require.NoError(t, err)
	event, ok := got.(wire.Event)
	require.True(t, ok)
	assert.Equal(t, `a"]\,`, event.SubscriptionID)
	assert.Equal(t, sampleEvent().ID, event.Event.ID)
	assert.Equal(t, nostr.Tags{{"e", "x", "y"}, {"id", `["EVENT","other",{`}, {"]", "}"}}, event.Event.Tags)
}

func TestP36HintsThatMeanNothingAreIgnored(t *testing.T) {
	long := `"` + strings.Repeat("h", wire.MaxHint+1) + `"`
	many := strings.TrimSuffix(strings.Repeat(`"h",`, 100_000), ",")
	for element, want := range map[string][]string{
		`["more"],1`: {"more"}, `[1,"finish",null,["more"],{"a":"more"}]`: {"finish"}, `[` + long + `,"more"]`: {"more"},
		`"finish"`: nil, `null`: nil, `{"hints":["finish"]}`: nil, `7`: nil, `[null]`: {},
		`[` + many + `]`: strings.Split(strings.Repeat("h", wire.MaxHints), ""),
	} {
		got, err := wire.ParseServer([]byte(`["EOSE","s",` + element + `]`))
		require.NoError(t, err)
		assert.Equal(t, wire.EOSE{SubscriptionID: "s", Hints: want}, got, "%.60s", element)
	}
}

func TestP54P56CountResults(t *testing.T) {
	upper := strings.Repeat("Aa", 256)
	for result, want := range map[string]wire.Count{
		`{"count":3}`: {Count: 3}, `{"count":3,"approximate":false}`: {Count: 3}, `{"count":3,"approximate":null}`: {Count: 3},
		`{"new":{"count":9},"approximate":true,"count":3,"new":[]}`: {Count: 3, Approximate: true},
		`{"hll":"` + upper + `","count":0}`:                         {HLL: []byte(strings.Repeat("\xaa", 256))},
		`{"c\u006funt":3,"hll":null}`:                               {Count: 3},
	} {
		want.SubscriptionID = "s"
		got, err := decoded(`["COUNT","s",` + result + `]`)
		require.NoError(t, err, result)
		assert.Equal(t, want, got)
	}
	for result, field := range map[string]string{
		`{}`: "result.count", `{"count":-1}`: "result.count", `{"count":1.5}`: "result.count", `{"count":1e300}`: "result.count",
		`{"count":9223372036854775808}`: "result.count", `{"count":null}`: "result.count", `{"count":""}`: "result.count", `{"count":"0x3"}`: "result.count",
		`{"count":[3]}`: "result.count", `{"count":"3 notes"}`: "result.count", `{"count":1,"count":1}`: "result.count",
		`3`: "result", `[]`: "result", `null`: "result", `{"count":1,}`: "result", `{"count":1,"x":nil}`: "result",
		`{"count":1,"hll":nil}`: "result.hll", `{"count":1,"approximate":tru}`: "result.approximate", `{"count":01}`: "result.count",
	} {
		frame := []byte(`["COUNT","s",` + result + `]`)
		_, err := wire.ParseServer(frame)
		assert.Equal(t, field, refused(t, frame, err).Field, result)
	}
}

func TestP55ARefusedCountIsAClosed(t *testing.T) {
	got, err := wire.ParseServer([]byte(`["CLOSED","count-1","auth-required: who are you?"]`))
	require.NoError(t, err)
	assert.Equal(t, wire.Closed{SubscriptionID: "count-1", Message: "auth-required: who are you?"}, got)
}

func TestP68NegErrCapsAreReadWhereTheyAreOne(t *testing.T) {
	for element, want := range map[string]int64{
		`1000`: 1000, `0`: 0, `1000,"more"`: 1000,
		`1e3`: 1000, `"1000"`: 1000, `1000.0`: 1000,
		`-1`: 0, `1.5`: 0, `"1_000"`: 0, `"0x10"`: 0, `null`: 0, `[1]`: 0, `99999999999999999999`: 0,
	} {
		got, err := wire.ParseServer([]byte(`["NEG-ERR","n","blocked: x",` + element + `]`))
		require.NoError(t, err, element)
		assert.Equal(t, wire.NegErr{SubscriptionID: "n", Reason: "blocked: x", Max: want}, got, element)
	}
}

func TestQ02NegErrorIsNegErr(t *testing.T) {
	got, err := wire.ParseServer([]byte("[\"NEG-ERROR\",\"n\",\"CLOSED\"]\n"))
	require.NoError(t, err)
	assert.Equal(t, wire.NegErr{SubscriptionID: "n", Reason: "CLOSED"}, got)
	assert.Equal(t, "NEG-ERR", got.Verb())
}

func TestP67PayloadsAreHexOfEitherCase(t *testing.T) {
	got, err := wire.ParseServer([]byte(`["NEG-MSG","n","61aBFf"]`))
	require.NoError(t, err)
	assert.Equal(t, wire.NegMsg{SubscriptionID: "n", Payload: []byte{0x61, 0xab, 0xff}}, got)
	for _, payload := range []string{`"6"`, `"6g"`, `"0x61"`, `"61 "`, `"é"`, `[97]`, `null`} {
		frame := []byte(`["NEG-MSG","n",` + payload + `]`)
		_, err := wire.ParseServer(frame)
		assert.Equal(t, "payload", refused(t, frame, err).Field)
	}
}

// Shows B14.
func TestP38ChallengesAreBounded(t *testing.T) {
	longest := strings.Repeat("c", wire.MaxChallenge)
	got, err := wire.ParseServer([]byte(`["AUTH","` + longest + `"]`))
	require.NoError(t, err)
	assert.Equal(t, wire.AuthChallenge{Challenge: longest}, got)
	frame := []byte(`["AUTH","` + longest + `c"]`)
	_, err = wire.ParseServer(frame)
	assert.Equal(t, "challenge", refused(t, frame, err).Field)
}

func TestP12ReceivedIDsAreTakenUpToASaneBound(t *testing.T) {
	for _, id := range []string{"", "é", strings.Repeat("i", 65), strings.Repeat("i", wire.MaxReceivedID)} {
		got, err := wire.ParseServer([]byte(`["EOSE","` + id + `"]`))
		require.NoError(t, err)
		assert.Equal(t, wire.EOSE{SubscriptionID: id}, got)
		asked, err := wire.ParseClient([]byte(`["CLOSE","` + id + `"]`))
		require.NoError(t, err)
		assert.Equal(t, wire.Close{SubscriptionID: id}, asked)
	}
	frame := []byte(`["EOSE","` + strings.Repeat("i", wire.MaxReceivedID+1) + `"]`)
	_, err := wire.ParseServer(frame)
	e := refused(t, frame, err)
	assert.Equal(t, "subscription id", e.Field)
	assert.NotContains(t, err.Error(), "iii")
}

func TestP11RequestsNeedFilters(t *testing.T) {
	for _, verb := range []string{"REQ", "COUNT"} {
		for arguments, field := range map[string]string{
			``: "subscription id", `,"s"`: "filters[0]", `,"s",[]`: "filters[0]", `,"s",{},null`: "filters[1]", `,7,{}`: "subscription id",
			`,"s",{"kinds":["1"]}`: "filters[0].kinds[0]", `,"s",{},{"#ab":[]}`: `filters[1]."#ab"`, `,"s",{"ids":["ab"]}`: "filters[0].ids[0]",
			`,"s"` + strings.Repeat(",{}", wire.MaxFilters+1): "filters",
		} {
			frame := []byte(`["` + verb + `"` + arguments + `]`)
			_, err := wire.ParseClient(frame)
			e := refused(t, frame, err)
			assert.Equal(t, field, e.Field)
			assert.Equal(t, verb, e.Verb)
		}
	}
}

func TestP18FiltersThatMatchNothingAreParsed(t *testing.T) {
	got, err := wire.ParseClient([]byte(`["REQ","s",{"authors":[]},{"#e":[]}]`))
	require.NoError(t, err)
	req := got.(wire.Req)
	require.Len(t, req.Filters, 2)
	assert.True(t, req.Filters[0].MatchesNothing())
	assert.True(t, req.Filters[1].MatchesNothing())
	assert.Equal(t, `["REQ","s",{"authors":[]},{"#e":[]}]`, string(got.AppendJSON(nil)))
}

func TestErrorsNameVerbFieldAndByte(t *testing.T) {
	bad := strings.Replace(eventJSON, `["p","z"]`, `["p",7]`, 1)
	frame := []byte(` ["EVENT", "s", ` + bad + `]`)
	_, err := wire.ParseServer(frame)
	e := refused(t, frame, err)
	at := strings.Index(string(frame), `7]`)
	assert.Equal(t, "EVENT", e.Verb)
	assert.Equal(t, "event.tags[1][1]", e.Field)
	assert.Equal(t, at, e.Offset)
	assert.Equal(t, fmt.Sprintf("wire: EVENT: event.tags[1][1]: expected a string, found a number (byte %d)", at), err.Error())
	var inner *nostr.ParseError
	require.ErrorAs(t, err, &inner)
	assert.Equal(t, "tags[1][1]", inner.Field)

	frame = []byte(`["REQ","s",{},{"limit":-1}]`)
	_, err = wire.ParseClient(frame)
	assert.EqualError(t, err, "wire: REQ: filters[1].limit: negative number (byte 23)")
	require.ErrorAs(t, err, &inner)

	for frame, want := range map[string]string{
		``:                                    "wire: expected an array, found the end of the data (byte 0)",
		`{}`:                                  "wire: expected an array, found an object (byte 0)",
		`[]`:                                  "wire: verb: missing (byte 1)",
		`[7]`:                                 "wire: verb: expected a string, found a number (byte 1)",
		`["OK"]`:                              "wire: OK: event id: missing (byte 5)",
		`["OK","AA",true]`:                    "wire: OK: event id: hex string of the wrong length (byte 7)",
		`["OK","` + idHex + `"]`:              "wire: OK: accepted: missing (byte 72)",
		`["OK","` + idHex + `",1]`:            "wire: OK: accepted: expected true or false, found a number (byte 73)",
		`["EOSE","s"`:                         "wire: EOSE: expected ',' or ']', found the end of the data (byte 11)",
		`["EOSE","s"] []`:                     "wire: EOSE: trailing data after the value (byte 13)",
		`["EOSE","s",[],nil]`:                 "wire: EOSE: [3]: not a JSON value (byte 15)",
		`["NOTICE",null]`:                     "wire: NOTICE: message: expected a string, found null (byte 10)",
		`["EVENT","s",null]`:                  "wire: EVENT: event: expected an object, found null (byte 13)",
		`["EVENT","s"]`:                       "wire: EVENT: event: missing (byte 12)",
		`["COUNT","s",{}]`:                    "wire: COUNT: result.count: missing (byte 13)",
		"[\"OK\",\"AA\",false,\"no \u202e\"]": `wire: OK: event id: hex string of the wrong length (byte 7); the relay says "no \u202e"`,
		"[\"a\u202eb\\n\",}":                  `wire: "a\u202eb\n": [1]: expected a value, found '}' (byte 11)`,
		`["NEG-MSG","n","6"]`:                 "wire: NEG-MSG: payload: not pairs of hexadecimal digits (byte 15)",
		`["AUTH","a` + "\x00\"]":              "wire: AUTH: challenge: control byte in a string (byte 10)",
	} {
		_, err := wire.ParseServer([]byte(frame))
		require.Error(t, err, frame)
		assert.Equal(t, want, err.Error())
		var syntax *strictjson.SyntaxError
		if strings.Contains(want, "expected") && !strings.Contains(want, "EVENT") {
			assert.ErrorAs(t, err, &syntax)
		}
	}
}

func TestADecoderAllocatesAnIDOnce(t *testing.T) {
	var d wire.Decoder
	frame := []byte(`["EOSE","` + strings.Repeat("i", 64) + `"]`)
	allocs := testing.AllocsPerRun(100, func() { _, _ = d.ParseServer(frame) })
	assert.LessOrEqual(t, allocs, 1.0, "the boxed message only")

	event := []byte(`["EVENT","` + strings.Repeat("i", 64) + `",` + eventJSON + `]`)
	alone := testing.AllocsPerRun(100, func() { _, _, _ = nostr.ParseEvent([]byte(eventJSON)) })
	framed := testing.AllocsPerRun(100, func() { _, _, _ = d.Decode(event) })
	assert.LessOrEqual(t, framed, alone)
	plain := testing.AllocsPerRun(100, func() { _, _ = wire.ParseServer(event) })
	assert.LessOrEqual(t, plain, alone+2)
}

func TestADecoderKeepsManyIDsApart(t *testing.T) {
	var d wire.Decoder
	for range 3 {
		for i := range 40 {
			id := fmt.Sprintf("id-%d", i%20)
			if i%7 == 0 {
				id = strings.Repeat("long", 100)
			}
			got, err := d.ParseServer([]byte(`["EOSE","` + id + `"]`))
			require.NoError(t, err)
			assert.Equal(t, wire.EOSE{SubscriptionID: id}, got)
		}
	}
	got, err := d.ParseServer([]byte(`["EOSE",""]`))
	require.NoError(t, err)
	assert.Equal(t, wire.EOSE{}, got)
}

func TestSplitTakesOnlyPlainEventFramesApart(t *testing.T) {
	var d wire.Decoder
	for frame, want := range map[string]string{
		`["EVENT","s",{"id":"x"}]`:         `{"id":"x"}`,
		` [ "EVENT" , "s" ,  {"id":"x"} ]`: `{"id":"x"} `,
		`["EVENT","s",{"id":"x"},1,{}]`:    `{"id":"x"},1,{}`,
		`["\u0045VENT","\u0073",{"a":[]}]`: `{"a":[]}`,
		`["EVENT","s",garbage]`:            `garbage`,
		`["EVENT","s",{"id":"x"}] `:        ``,
		`["EVENT","s",{"id":"x"}`:          ``,
		`["EVENT","s"]`:                    ``,
		`["EVENT",{"id":"x"}]`:             ``,
		`["EOSE","s",{"id":"x"}]`:          ``,
		`{"EVENT":["s"]}`:                  ``,
		``:                                 ``,
		`["EVENT","` + strings.Repeat("s", 1025) + `",{"id":"x"}]`: ``,
	} {
		id, rest, ok := d.Split([]byte(frame))
		assert.Equal(t, want != "", ok, frame)
		if ok {
			assert.Equal(t, "s", id, frame)
			assert.Equal(t, want, string(rest), frame)
		}
	}
}
