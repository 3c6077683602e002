package nostr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

var hexSig = hexA + hexB

// eventJSON is a well-formed event (not a genuine one) in which some fields have other JSON;
// a field set to "-" is left out. More fields are appended.
func eventJSON(change map[string]string) string {
	fields := []string{"id", "pubkey", "created_at", "kind", "tags", "content", "sig"}
	values := map[string]string{
		"id": `"` + hexA + `"`, "pubkey": `"` + hexB + `"`, "created_at": "1700000000", "kind": "1",
		"tags": `[["t","x"]]`, "content": `"hello"`, "sig": `"` + hexSig + `"`,
	}
	for k, v := range change {
		if values[k] == "" {
			fields = append(fields, k)
		}
		values[k] = v
	}
	var parts []string
	for _, f := range fields {
		if values[f] != "-" {
			parts = append(parts, `"`+f+`":`+values[f])
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// parseBoth parses with ParseEvent and with encoding/json and wants them to agree.
func parseBoth(t *testing.T, data string) (*nostr.Event, error) {
	t.Helper()
	ev, n, err := nostr.ParseEvent([]byte(data))
	var viaJSON nostr.Event
	unmarshalErr := viaJSON.UnmarshalJSON([]byte(data))
	if err != nil {
		require.Nil(t, ev)
		require.Zero(t, n)
		require.Equal(t, err, unmarshalErr)
		require.Equal(t, nostr.Event{}, viaJSON)
		return nil, err
	}
	require.NoError(t, unmarshalErr, "%.80s", data)
	require.Equal(t, len(strings.TrimRight(data, " \t\r\n")), n)
	require.Equal(t, *ev, viaJSON)
	return ev, nil
}

func TestP01EventJSON(t *testing.T) {
	want := &nostr.Event{
		ID: nostr.MustIDFromHex(hexA), PubKey: nostr.MustPubKeyFromHex(hexB), CreatedAt: 1700000000, Kind: 1,
		Tags: nostr.Tags{{"t", "x"}}, Content: "hello", Sig: nostr.MustSigFromHex(hexSig),
	}
	plain := eventJSON(nil)
	got, err := parseBoth(t, plain)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, plain, string(got.AppendJSON(nil)))
	assert.Equal(t, "x"+plain, string(got.AppendJSON([]byte("x"))))
	assert.Equal(t, plain, got.String())
	marshalled, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Equal(t, plain, string(marshalled))
	marshalled, err = json.Marshal(map[string]nostr.Event{"ev": *got})
	require.NoError(t, err)
	assert.Equal(t, `{"ev":`+plain+`}`, string(marshalled))

	// Any order and any white space.
	spaced := fmt.Sprintf(" \n{ \"sig\" :\t%q , \"tags\": [ [ \"t\" ,\"x\" ] ] ,\r\n\"kind\":1, \"id\":%q, \"content\" : \"hello\" ,\"pubkey\":%q,\"created_at\": 1700000000 } \n", hexSig, hexA, hexB)
	got, err = parseBoth(t, spaced)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestP01EveryEscapedSpellingIsTheSameEvent(t *testing.T) {
	escape := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	}
	data := `{"` + escape("id") + `":"` + escape(hexA) + `","` + escape("pubkey") + `":"` + escape(hexB) + `","` +
		escape("created_at") + `":1700000000,"` + escape("kind") + `":1,"` + escape("tags") + `":[["` + escape("t") + `","` + escape("x") + `"]],"` +
		escape("content") + `":"` + escape("hello") + `","` + escape("sig") + `":"` + escape(hexSig) + `"}`
	got, err := parseBoth(t, data)
	require.NoError(t, err)
	assert.Equal(t, eventJSON(nil), got.String())
}

func TestP01BoundsOfIntegers(t *testing.T) {
	for field, ok := range map[string][]string{
		"created_at": {"0", "1", "9223372036854775807"},
		"kind":       {"0", "65535"},
	} {
		for _, v := range ok {
			ev, err := parseBoth(t, eventJSON(map[string]string{field: v}))
			require.NoError(t, err)
			assert.Contains(t, ev.String(), `"`+field+`":`+v+`,`)
		}
	}
	for field, bad := range map[string][]string{
		"created_at": {"-1", "-0", "9223372036854775808", "1" + strings.Repeat("0", 400), "1.0", "1e3", "1E3", "01", "+1", "0x1", `"1"`, "null", "true", "[]", "{}", "NaN", "1700000000.5"},
		"kind":       {"-1", "-0", "65536", "4294967297", "1.0", "1e0", "00", `"1"`, "null", "false", "[1]"},
	} {
		for _, v := range bad {
			assertRefused(t, eventJSON(map[string]string{field: v}), field, "")
		}
	}
}

func TestP01HexIsLowerCaseAndOfTheRightLength(t *testing.T) {
	for _, field := range []string{"id", "pubkey", "sig"} {
		good := hexA
		if field == "sig" {
			good = hexSig
		}
		for _, bad := range []string{
			`"` + strings.ToUpper(good) + `"`, `"` + good[1:] + `"`, `"` + good + `0"`, `"` + good + `00"`, `""`, `"` + good[:len(good)-1] + `g"`,
			`"` + good[:len(good)-1] + ` "`, `"0x` + good[2:] + `"`, `"` + good[:len(good)-2] + "\u00e9" + `"`, "null", "1", "[]", "{}", "true",
			`["` + good + `"]`, `"` + good[:len(good)-1] + `A"`, `"` + good[:len(good)-1] + `\n"`,
		} {
			assertRefused(t, eventJSON(map[string]string{field: bad}), field, "")
		}
	}
}

func TestP05TagsOfWrongTypesAreRefused(t *testing.T) {
	for tags, field := range map[string]string{
		`null`: "tags", `{}`: "tags", `"x"`: "tags", `1`: "tags", `[["a"]`: "tags[1]",
		`[null]`: "tags[0]", `["a"]`: "tags[0]", `[1]`: "tags[0]", `[{}]`: "tags[0]", `[[]]`: "tags[0]",
		`[["a"],[]]`: "tags[1]", `[["a"],["b"],{}]`: "tags[2]", `[["a" "b"]]`: "tags[0]", `[["a",]]`: "tags[0]",
		`[[1]]`: "tags[0][0]", `[[null]]`: "tags[0][0]", `[["a",null]]`: "tags[0][1]", `[["a",1]]`: "tags[0][1]", `[["a",true]]`: "tags[0][1]",
		`[["a",["b"]]]`: "tags[0][1]", `[["a","b",{}]]`: "tags[0][2]", `[["a"],["b","c"],["d","e","f",1.5]]`: "tags[2][3]",
		`[["a"],]`: "tags", `[,["a"]]`: "tags[0]", `[["a"]["b"]]`: "tags", `[["a","\ud800"]]`: "tags[0][1]", `[["a","\q"]]`: "tags[0][1]",
	} {
		assertRefused(t, eventJSON(map[string]string{"tags": tags}), field, "")
	}
	for tags, want := range map[string]nostr.Tags{
		`[]`: {}, `[ ]`: {}, `[["a"]]`: {{"a"}}, `[[""]]`: {{""}}, `[["",""],["a","","b"]]`: {{"", ""}, {"a", "", "b"}}, `[["\u0000"]]`: {{"\x00"}},
	} {
		ev, err := parseBoth(t, eventJSON(map[string]string{"tags": tags}))
		require.NoError(t, err, tags)
		require.NotNil(t, ev.Tags)
		assert.Equal(t, want, ev.Tags)
	}
}

func TestP01ContentOfWrongTypesIsRefused(t *testing.T) {
	for _, v := range []string{"null", "1", "{}", "[]", "true", `["a"]`, "\"a\nb\"", "\"\xff\"", `"\udc00"`, `"\x"`} {
		assertRefused(t, eventJSON(map[string]string{"content": v}), "content", "")
	}
}

func TestP01DuplicateKeysAreRefusedInEverySpelling(t *testing.T) {
	for _, field := range []string{"id", "pubkey", "created_at", "kind", "tags", "content", "sig"} {
		ev := eventJSON(nil)
		value := ev[strings.Index(ev, `"`+field+`":`)+len(field)+3:]
		value = value[:strings.IndexAny(value+",", ",}")]
		if field == "tags" {
			value = "[]"
		}
		for _, key := range []string{field, fmt.Sprintf(`\u%04x`, field[0]) + field[1:], field[:1] + fmt.Sprintf(`\u%04X`, field[1]) + field[2:]} {
			assertRefused(t, strings.TrimSuffix(ev, "}")+`,"`+key+`":`+value+`}`, field, "duplicate key")
			assertRefused(t, `{"`+key+`":`+value+`,`+ev[1:], field, "duplicate key")
		}
	}
	// Keys are case-sensitive: these are unknown ones.
	for _, key := range []string{"ID", "Id", "i\\u0044", "id ", "content\\u0000"} {
		_, err := parseBoth(t, eventJSON(map[string]string{key: `"x"`}))
		assert.NoError(t, err, key)
	}
}

func TestP01MissingKeysAreNamed(t *testing.T) {
	for _, field := range []string{"id", "pubkey", "created_at", "kind", "tags", "content", "sig"} {
		assertRefused(t, eventJSON(map[string]string{field: "-"}), field, "missing")
	}
	assertRefused(t, "{}", "id", "missing")
}

func TestP01UnknownKeysAreIgnoredButMustBeJSON(t *testing.T) {
	for _, v := range []string{
		`null`, `1e999`, `-0.5`, `"x"`, `[[[]]]`, `{"id":1,"id":2,"sig":{"a":[null]}}`, `"\u0000"`, strings.Repeat("[", 63) + strings.Repeat("]", 63), "1" + strings.Repeat("0", 1000),
	} {
		for _, key := range []string{"relays", "", "nson", `\"`, "\u00e9", strings.Repeat("k", 5000), `_\n`} {
			ev, err := parseBoth(t, eventJSON(map[string]string{key: v}))
			require.NoError(t, err, "%s: %.40s", key, v)
			assert.Equal(t, eventJSON(nil), ev.String())
		}
	}
	for _, v := range []string{`nul`, `01`, `"a`, `[1,]`, `{"a"}`, "\"\xff\"", `"\ud800"`, `NaN`, `'a'`, strings.Repeat("[", 64) + strings.Repeat("]", 64)} {
		_, err := parseBoth(t, eventJSON(map[string]string{"extra": v}))
		assert.Error(t, err, "%.40s", v)
	}
	_, _, err := nostr.ParseEvent([]byte(`{"` + strings.Repeat("<\u00e9>", 100) + `":nul}`))
	var parse *nostr.ParseError
	require.ErrorAs(t, err, &parse)
	assert.Less(t, len(parse.Field), 140, "a stranger's key is clipped")
	assert.NotContains(t, parse.Field, "\u00e9")
}

func TestP01BrokenTextIsRefused(t *testing.T) {
	good := eventJSON(nil)
	for _, data := range []string{
		"", " ", "null", "[]", `"x"`, "1", "true", "{", "}", "{{", "\x00", "\ufeff" + good, "[" + good + "]",
		strings.Replace(good, ",", "", 1), strings.Replace(good, ",", ",,", 1), strings.Replace(good, ":", "", 1), strings.Replace(good, ":", "=", 1),
		strings.Replace(good, `"id"`, `id`, 1), strings.Replace(good, `"id"`, `'id'`, 1), strings.TrimSuffix(good, "}") + ",}", strings.TrimSuffix(good, "}") + "]",
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
	} {
		_, err := parseBoth(t, data)
		assert.Error(t, err, "%.60q", data)
	}
	for n := range len(good) {
		_, err := parseBoth(t, good[:n])
		assert.Error(t, err, "cut at %d", n)
	}
}

func TestTrailingBytesAreRefusedByUnmarshalAndLeftByParse(t *testing.T) {
	good := eventJSON(nil)
	for _, tail := range []string{"x", "{}", ",", "]", "\x00", good} {
		ev, n, err := nostr.ParseEvent([]byte(good + tail))
		require.NoError(t, err)
		assert.Equal(t, len(good), n)
		assert.Equal(t, good, ev.String())

		err = ev.UnmarshalJSON([]byte(good + tail))
		var parse *nostr.ParseError
		require.ErrorAs(t, err, &parse)
		assert.Equal(t, len(good), parse.Offset)
		assert.Contains(t, err.Error(), "trailing data")
	}
}

func TestRefusalsNameFieldAndOffset(t *testing.T) {
	data := `{"id":"` + hexA + `","tags":[["a","b"],["c",7]]}`
	_, _, err := nostr.ParseEvent([]byte(data))
	var parse *nostr.ParseError
	require.ErrorAs(t, err, &parse)
	assert.Equal(t, "event", parse.What)
	assert.Equal(t, "tags[1][1]", parse.Field)
	assert.Equal(t, strings.Index(data, "7]]"), parse.Offset)
	assert.Equal(t, fmt.Sprintf("nostr: event refused: tags[1][1]: expected a string, found a number at byte %d", parse.Offset), err.Error())

	_, _, err = nostr.ParseEvent([]byte(`{"id" 1}`))
	assert.EqualError(t, err, "nostr: event refused: expected ':', found a number at byte 6")
	assert.False(t, errors.Is(err, nostr.ErrInvalidEvent))
}

func TestUnmarshalKeepsTheOldValueWhenItFails(t *testing.T) {
	var ev nostr.Event
	require.NoError(t, json.Unmarshal([]byte(eventJSON(nil)), &ev))
	for _, bad := range []string{eventJSON(map[string]string{"sig": "1", "kind": "7"}), "null", eventJSON(nil)[1:]} {
		assert.Error(t, ev.UnmarshalJSON([]byte(bad)))
		assert.Equal(t, eventJSON(nil), ev.String())
	}
}

func TestNilTagsAreWrittenAsAnEmptyList(t *testing.T) {
	ev := signed(t, nostr.Event{})
	assert.Contains(t, ev.String(), `"tags":[],`)
	back, err := parseBoth(t, ev.String())
	require.NoError(t, err)
	assert.NoError(t, back.Verify())
}

func TestHTMLEscapesOfEncodingJSONDoNotChangeTheID(t *testing.T) {
	ev := signed(t, nostr.Event{Content: "<a href='x'>&\u2028"})
	data, err := json.Marshal(ev)
	require.NoError(t, err)
	assert.Contains(t, string(data), `\u003c`)
	var back nostr.Event
	require.NoError(t, json.Unmarshal(data, &back))
	assert.NoError(t, back.Verify())
}

func TestAppendToATagDoesNotOverwriteItsNeighbour(t *testing.T) {
	ev, err := parseBoth(t, eventJSON(map[string]string{"tags": `[["a","1"],["b","2"],["c"]]`}))
	require.NoError(t, err)
	for i := range ev.Tags {
		assert.Equal(t, len(ev.Tags[i]), cap(ev.Tags[i]))
		_ = append(ev.Tags[i], "overwritten")
	}
	assert.Equal(t, nostr.Tags{{"a", "1"}, {"b", "2"}, {"c"}}, ev.Tags)
}

func TestParsedEventHoldsNoReferenceToTheData(t *testing.T) {
	data := []byte(eventJSON(map[string]string{"content": `"plain and long enough"`, "tags": `[["plain","esc\naped"]]`}))
	ev, _, err := nostr.ParseEvent(data)
	require.NoError(t, err)
	want := ev.String()
	for i := range data {
		data[i] = '#'
	}
	assert.Equal(t, want, ev.String())
}

func TestKeptEventPinsLittleMemory(t *testing.T) {
	// A megabyte of text that stands for a sixth of it, and another that stands for nothing.
	data := []byte(eventJSON(map[string]string{
		"content": `"` + strings.Repeat(`\u0041`, 1<<20/6) + `"`, "extra": `"` + strings.Repeat("x", 1<<20) + `"`,
	}))
	var before, after runtime.MemStats
	kept := make([]*nostr.Event, 16)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		ev, _, err := nostr.ParseEvent(data)
		require.NoError(t, err)
		kept[i] = ev
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int(after.HeapAlloc) - int(before.HeapAlloc)) / len(kept)
	assert.Less(t, each, 1<<20/6+32<<10)
	runtime.KeepAlive(kept)
}

func TestParsingTakesFourAllocations(t *testing.T) {
	_, data := benchEvent(t)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, _, err := nostr.ParseEvent(data); err != nil {
			panic(err)
		}
	}), 4.0)
}

func TestManyTagsSurviveTheRoundTrip(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 24, 48, 49, 2000} {
		var tags nostr.Tags
		for i := range n {
			tags = append(tags, nostr.Tag{"p", fmt.Sprintf("%064x", i), strings.Repeat("\n", i%5)})
		}
		ev := signed(t, nostr.Event{Kind: 3, Tags: tags, Content: "\t"})
		back, err := parseBoth(t, ev.String())
		require.NoError(t, err)
		assert.Equal(t, ev, back)
		assert.NoError(t, back.Verify())
	}
}

func TestRealEventsAreGenuine(t *testing.T) {
	every, checked := 1, 0
	if raced() { // one signature takes ten milliseconds then, and there is nothing to race with
		every = 16
	}
	n := lines(t, "real-events.jsonl", func(line []byte) {
		ev, used, err := nostr.ParseEvent(line)
		require.NoError(t, err, "%.200s", line)
		require.Equal(t, len(line), used)
		if checked++; checked%every == 0 {
			require.NoError(t, ev.Verify(), "%.200s", line)
		}
		back, err := parseBoth(t, ev.String())
		require.NoError(t, err)
		require.Equal(t, ev, back)
		viaJSON, err := json.Marshal(ev)
		require.NoError(t, err)
		var again nostr.Event
		require.NoError(t, json.Unmarshal(viaJSON, &again))
		require.Equal(t, ev.ID, again.GetID())
	})
	assert.Equal(t, 3725, n)
}

// raced tells whether the race detector looks on.
func raced() bool {
	info, known := debug.ReadBuildInfo()
	return known && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestInvalidEventsAreRefused(t *testing.T) {
	n := lines(t, "invalid-events.jsonl", func(line []byte) {
		var c struct{ Raw, Reason string }
		require.NoError(t, json.Unmarshal(line, &c))
		ev, _, err := nostr.ParseEvent([]byte(c.Raw))
		if err == nil {
			err = ev.Verify()
			assert.True(t, errors.Is(err, nostr.ErrBadID) || errors.Is(err, nostr.ErrBadSignature), "%s: %v", c.Reason, err)
		}
		assert.Error(t, err, "%s: %.200s", c.Reason, c.Raw)
	})
	assert.NotZero(t, n)
}

func TestEventsWithExtraKeysAreGenuine(t *testing.T) {
	n := lines(t, "extra-keys-events.jsonl", func(line []byte) {
		ev, err := parseBoth(t, string(line))
		require.NoError(t, err, "%s", line)
		assert.NoError(t, ev.Verify(), "%s", line)
	})
	assert.Equal(t, 9, n)
}

// What is not JSON is refused wherever it stands in an event.
func TestJSONTestSuiteInsideEvents(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata(t), "JSONTestSuite", "test_parsing", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		value := string(data)
		places := map[string]string{
			"extra":   eventJSON(map[string]string{"extra": value}),
			"tag":     eventJSON(map[string]string{"tags": `[["a",` + value + `]]`}),
			"content": eventJSON(map[string]string{"content": value}),
			"kind":    eventJSON(map[string]string{"kind": value}),
		}
		if strings.HasPrefix(name, "y_") {
			_, err := parseBoth(t, places["extra"])
			assert.NoError(t, err, name)
			var v any
			_ = json.Unmarshal(data, &v) // fails for 1e400, which is JSON and no float64
			s, isString := v.(string)
			for _, place := range []string{"tag", "content"} {
				ev, err := parseBoth(t, places[place])
				if !isString {
					assert.Error(t, err, "%s in %s", name, place)
					continue
				}
				require.NoError(t, err, "%s in %s", name, place)
				assert.True(t, ev.Content == s || ev.Tags[0].Value() == s, "%s in %s", name, place)
			}
			continue
		}
		if !strings.HasPrefix(name, "n_") || value == "" && name == "n_single_space.json" {
			continue
		}
		for place, text := range places {
			if json.Valid([]byte(text)) {
				continue // the piece and its surroundings make JSON together, as "2," does before a key
			}
			// A piece with a brace in it may end the event early: then there are trailing bytes.
			var ev nostr.Event
			assert.Error(t, ev.UnmarshalJSON([]byte(text)), "%s in %s", name, place)
		}
	}
}

func assertRefused(t *testing.T, data, field, reason string) {
	t.Helper()
	_, err := parseBoth(t, data)
	var parse *nostr.ParseError
	if assert.ErrorAs(t, err, &parse, "%.300s", data) {
		assert.Equal(t, field, parse.Field, "%v: %.300s", err, data)
		assert.Contains(t, parse.Reason, reason)
		assert.GreaterOrEqual(t, parse.Offset, 0)
		assert.LessOrEqual(t, parse.Offset, len(data))
	}
}
