package wire_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// parsers are the two directions, for tests that hold for both.
var parsers = map[string]func([]byte) (any, error){
	"server": func(frame []byte) (any, error) { m, err := wire.ParseServer(frame); return m, err },
	"client": func(frame []byte) (any, error) { m, err := wire.ParseClient(frame); return m, err },
}

func frames(side string) (all []string) {
	if side == "server" {
		for frame := range serverFrames() {
			all = append(all, frame)
		}
		return all
	}
	for frame := range clientFrames() {
		all = append(all, frame)
	}
	return all
}

// Shows L01.
func TestP35EveryTruncationIsRefused(t *testing.T) {
	for side, parse := range parsers {
		for _, frame := range frames(side) {
			for n := range len(frame) {
				cut := []byte(frame[:n])
				m, err := parse(cut)
				refused(t, cut, err)
				require.Nil(t, m)
			}
		}
	}
}

func TestP35EveryByteReplacedIsTakenOrRefusedWithoutAPanic(t *testing.T) {
	for side, parse := range parsers {
		for _, frame := range frames(side) {
			data := []byte(frame)
			for i, was := range data {
				for _, c := range []byte("\x00\"\\[]{},:0-ent \xff\xc3\x7f\n") {
					data[i] = c
					if m, err := parse(data); err != nil {
						refused(t, data, err)
						require.Nil(t, m)
					}
				}
				data[i] = was
			}
		}
	}
}

func TestP35HostileFramesAreRefused(t *testing.T) {
	for name, frame := range map[string]string{
		"nothing":             "",
		"space":               " \t\r\n",
		"eleven bytes":        `["EVENT",""`,
		"binary":              "\x00\x01\x02\xff",
		"BOM":                 "\xef\xbb\xbf[\"NOTICE\",\"x\"]",
		"NUL behind":          "[\"NOTICE\",\"x\"]\x00",
		"NUL between":         "[\"NOTICE\",\x00\"x\"]",
		"NUL in a string":     "[\"X\",\"\x00\"]",
		"line feed in string": "[\"X\",\"\n\"]",
		"object":              `{"EVENT":1}`,
		"text":                `EVENT`,
		"string":              `"EVENT"`,
		"null":                `null`,
		"two frames":          `["NOTICE","x"]["NOTICE","y"]`,
		"no comma":            `["NOTICE" "x"]`,
		"two commas":          `["NOTICE",,"x"]`,
		"comma at the end":    `["NOTICE","x",]`,
		"comma at the start":  `[,"NOTICE","x"]`,
		"single quotes":       `['NOTICE','x']`,
		"comment":             `["NOTICE","x"/**/]`,
		"verb null":           `[null]`,
		"verb array":          `[["NOTICE"],"x"]`,
		"bad escape":          `["X","\x"]`,
		"short escape":        `["X","\u00"]`,
		"lone high surrogate": `["X","\ud83d"]`,
		"lone low surrogate":  `["X","\ude00"]`,
		"swapped surrogates":  `["X","\ude00\ud83d"]`,
		"raw surrogate":       "[\"X\",\"\xed\xa0\xbd\"]",
		"overlong UTF-8":      "[\"X\",\"\xc0\xaf\"]",
		"cut UTF-8":           "[\"X\",\"\xe2\x82\"]",
		"beyond Unicode":      "[\"X\",\"\xf4\x90\x80\x80\"]",
		"bad UTF-8 in verb":   "[\"\xff\"]",
		"brackets":            strings.Repeat("[", 100_000),
		"brackets behind":     `["X",` + strings.Repeat("[", 100_000),
		"balanced brackets":   `["X",` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `]`,
		"braces":              `["X",` + strings.Repeat(`{"a":`, 100_000),
		"open string":         `["NOTICE","` + strings.Repeat("x", 1<<20),
		"long bad verb":       `["` + strings.Repeat("X", 1<<20) + `",}`,
		"long bad id":         `["EOSE","` + strings.Repeat("X", 1<<20) + `",}`,
		"long bad key":        `["X",{"` + strings.Repeat("X", 1<<20) + `":}]`,
		"bad number":          `["X",1e]`,
		"hex number":          `["X",0x10]`,
		"NaN":                 `["X",NaN]`,
		"plus":                `["X",+1]`,
		"leading zero":        `["X",01]`,
	} {
		for side, parse := range parsers {
			m, err := parse([]byte(frame))
			assert.Error(t, err, "%s: %s", side, name)
			assert.Nil(t, m)
			refused(t, []byte(frame), err)
		}
	}
}

func TestP35LegalOdditiesAreTaken(t *testing.T) {
	digits := strings.Repeat("9", 100_000)
	for _, frame := range []string{
		`["X",1e999,-1E-999,` + digits + `,0.` + digits + `]`,
		`["X",` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `]`,
		`["X",{"a":1,"a":2}]`,
		`["X","\ud83d\ude00\u0000\u001f"]`,
		"[\"X\",\"\x7f\u2028\U0010ffff\"]",
	} {
		for side, parse := range parsers {
			m, err := parse([]byte(frame))
			require.NoError(t, err, "%s: %.60s", side, frame)
			assert.Equal(t, wire.Unknown{Name: "X", Raw: []byte(frame)}, m)
		}
	}
}

func TestP35EveryPositionWantsItsType(t *testing.T) {
	values := map[string]string{
		"string": `"zz"`, "number": `7`, "huge": `1e999`, "true": `true`, "null": `null`, "array": `[]`, "object": `{"zz":0}`,
	}
	// Shapes with one hole, and what may stand in it. Trailing holes that may hold anything are not here.
	for side, shapes := range map[string]map[string]string{
		"server": {
			`[%s]`:                             "string",
			`["EVENT",%s,` + eventJSON + `]`:   "string",
			`["EVENT","s",%s]`:                 "",
			`["OK",%s,true,""]`:                "",
			`["OK","` + idHex + `",%s,""]`:     "true",
			`["EOSE",%s]`:                      "string",
			`["CLOSED",%s,""]`:                 "string",
			`["NOTICE",%s]`:                    "string",
			`["AUTH",%s]`:                      "string",
			`["COUNT",%s,{"count":1}]`:         "string",
			`["COUNT","s",%s]`:                 "",
			`["COUNT","s",{"count":%s}]`:       "number",
			`["NEG-MSG",%s,""]`:                "string",
			`["NEG-MSG","n",%s]`:               "",
			`["NEG-ERR",%s,""]`:                "string",
			`["COUNT","s",{"count":1,%s:1}]`:   "string",
			`["COUNT","s",{"count":1,"a":1%s]`: "",
		},
		"client": {
			`["EVENT",%s]`:            "",
			`["AUTH",%s]`:             "",
			`["REQ",%s,{}]`:           "string",
			`["REQ","s",%s]`:          "object",
			`["REQ","s",{},%s]`:       "object",
			`["COUNT",%s,{}]`:         "string",
			`["COUNT","s",%s]`:        "object",
			`["CLOSE",%s]`:            "string",
			`["NEG-OPEN",%s,{},""]`:   "string",
			`["NEG-OPEN","n",%s,""]`:  "object",
			`["NEG-OPEN","n",{},%s]`:  "",
			`["NEG-MSG",%s,""]`:       "string",
			`["NEG-CLOSE",%s]`:        "string",
			`["NEG-OPEN","n",{} %s]`:  "",
			`["NEG-OPEN","n",{}, %s]`: "",
		},
	} {
		for shape, want := range shapes {
			for kind, value := range values {
				frame := []byte(strings.Replace(shape, "%s", value, 1))
				m, err := parsers[side](frame)
				if kind == want {
					assert.NoError(t, err, "%s", frame)
					continue
				}
				assert.Nil(t, m, "%s", frame)
				refused(t, frame, err)
			}
			frame := []byte(strings.Replace(shape, "%s", "", 1))
			_, err := parsers[side](frame)
			refused(t, frame, err)
		}
	}
}

func TestP35EventsAreHeldToTheirShape(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for name, change := range map[string][2]string{
		"duplicate key":       {`"kind":1`, `"kind":1,"kind":1`},
		"missing key":         {`"kind":1,`, ``},
		"huge kind":           {`"kind":1`, `"kind":65536`},
		"huge time":           {`1700000000`, `1e999`},
		"fraction":            {`1700000000`, `1700000000.0`},
		"empty tag":           {`["p","z"]`, `[]`},
		"number in a tag":     {`"z"`, `1`},
		"nested tag":          {`"z"`, `["z"]`},
		"null tag":            {`["p","z"]`, `null`},
		"upper-case hex":      {`aa"`, `AA"`},
		"short hex":           {`aa"`, `a"`},
		"lone surrogate":      {`quoted`, `\ud800`},
		"deep unknown key":    {`"kind":1`, `"kind":1,"x":` + deep},
		"bad unknown key":     {`"kind":1`, `"kind":1,"x":undefined`},
		"content of a number": {`"a \"quoted\" word\n"`, `1`},
	} {
		bad := strings.Replace(eventJSON, change[0], change[1], 1)
		require.NotEqual(t, eventJSON, bad, name)
		for _, c := range [][2]string{{"server", `["EVENT","s",` + bad + `]`}, {"client", `["EVENT",` + bad + `]`}, {"client", `["AUTH",` + bad + `]`}} {
			_, err := parsers[c[0]]([]byte(c[1]))
			e := refused(t, []byte(c[1]), err)
			assert.True(t, strings.HasPrefix(e.Field, "event"), "%s: %s", name, e.Field)
			var inner *nostr.ParseError
			assert.ErrorAs(t, err, &inner, name)
		}
	}
}

func TestJSONTestSuiteAsTrailingElements(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(testdata(t, "JSONTestSuite/test_parsing"), "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	judged := map[string]int{}
	for _, path := range paths {
		name := filepath.Base(path)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		judged[name[:2]]++
		for _, start := range []string{`["NOTICE","x",`, `["EOSE","s",[],`, `["UNKNOWN",`} {
			frame := []byte(start + string(data) + `]`)
			m, err := wire.ParseServer(frame)
			switch name[:2] {
			case "n_":
				assert.Error(t, err, name)
			case "y_":
				assert.NoError(t, err, name)
			}
			if err != nil {
				assert.Nil(t, m)
				refused(t, frame, err)
			}
		}
	}
	t.Log(judged)
}

// lines reads a shared file of JSON lines.
func lines(t testing.TB, name string) (all [][]byte) {
	f, err := os.Open(testdata(t, name))
	require.NoError(t, err)
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		all = append(all, append([]byte(nil), s.Bytes()...))
	}
	require.NoError(t, s.Err())
	return all
}

func TestRealEventsRoundTrip(t *testing.T) {
	var d wire.Decoder
	for _, line := range append(lines(t, "real-events.jsonl"), lines(t, "extra-keys-events.jsonl")...) {
		frame := []byte(`["EVENT","real",` + string(line) + `]`)
		got, err := d.ParseServer(frame)
		require.NoError(t, err)
		again, err := d.ParseServer(got.AppendJSON(nil))
		require.NoError(t, err)
		require.Equal(t, got, again)
		require.NoError(t, got.(wire.Event).Event.CheckID())
	}
}

func TestP06NoInvalidEventGetsThroughParseAndVerify(t *testing.T) {
	for _, line := range lines(t, "invalid-events.jsonl") {
		var entry struct{ Raw, Reason string }
		require.NoError(t, json.Unmarshal(line, &entry))
		frame := []byte(`["EVENT","real",` + entry.Raw + `]`)
		got, err := wire.ParseServer(frame)
		if err != nil {
			refused(t, frame, err)
			continue
		}
		event, ok := got.(wire.Event)
		require.True(t, ok)
		assert.Error(t, event.Event.Verify(), entry.Reason)
	}
}
