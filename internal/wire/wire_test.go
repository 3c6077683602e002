package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// An event of the right shape: this package never looks at hash and signature.
const eventJSON = `{"id":"00000000000000000000000000000000000000000000000000000000000000aa",` +
	`"pubkey":"00000000000000000000000000000000000000000000000000000000000000bb",` +
	`"created_at":1700000000,"kind":1,"tags":[["e","x","y"],["p","z"]],"content":"a \"quoted\" word\n",` +
	`"sig":"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000cc"}`

const idHex = "00000000000000000000000000000000000000000000000000000000000000aa"

func sampleEvent() *nostr.Event {
	ev := &nostr.Event{
		CreatedAt: 1700000000, Kind: 1, Content: "a \"quoted\" word\n",
		Tags: nostr.Tags{{"e", "x", "y"}, {"p", "z"}},
	}
	ev.ID[31], ev.PubKey[31], ev.Sig[63] = 0xaa, 0xbb, 0xcc
	return ev
}

func authEvent() *nostr.Event {
	ev := sampleEvent()
	ev.Kind = 22242
	ev.Tags = nostr.Tags{{"relay", "wss://relay.example.com/"}, {"challenge", "c"}}
	return ev
}

var registers = func() []byte {
	hll := make([]byte, 256)
	for i := range hll {
		hll[i] = byte(i)
	}
	return hll
}()

// One frame of every kind, as this package writes it.
func serverFrames() map[string]wire.ServerMessage {
	id := sampleEvent().ID
	return map[string]wire.ServerMessage{
		`["EVENT","s",` + eventJSON + `]`:            wire.Event{SubscriptionID: "s", Event: sampleEvent()},
		`["OK","` + idHex + `",true,""]`:             wire.OK{EventID: id, Accepted: true},
		`["OK","` + idHex + `",false,"blocked: no"]`: wire.OK{EventID: id, Message: "blocked: no"},
		`["EOSE","s"]`:                                wire.EOSE{SubscriptionID: "s"},
		`["EOSE","s",[]]`:                             wire.EOSE{SubscriptionID: "s", Hints: []string{}},
		`["EOSE","s",["finish","new"]]`:               wire.EOSE{SubscriptionID: "s", Hints: []string{"finish", "new"}},
		`["CLOSED","s","error: gone"]`:                wire.Closed{SubscriptionID: "s", Message: "error: gone"},
		`["NOTICE","line\u0001\nline"]`:               wire.Notice{Message: "line\x01\nline"},
		`["AUTH","challenge"]`:                        wire.AuthChallenge{Challenge: "challenge"},
		`["COUNT","s",{"count":0}]`:                   wire.Count{SubscriptionID: "s"},
		`["COUNT","s",{"count":9223372036854775807}]`: wire.Count{SubscriptionID: "s", Count: 1<<63 - 1},
		`["COUNT","s",{"count":7,"approximate":true,"hll":"` + hex.EncodeToString(registers) + `"}]`: wire.Count{
			SubscriptionID: "s", Count: 7, Approximate: true, HLL: registers},
		`["NEG-MSG","n","6100"]`:               wire.NegMsg{SubscriptionID: "n", Payload: []byte{0x61, 0}},
		`["NEG-MSG","n",""]`:                   wire.NegMsg{SubscriptionID: "n", Payload: []byte{}},
		`["NEG-ERR","n","blocked: too big"]`:   wire.NegErr{SubscriptionID: "n", Reason: "blocked: too big"},
		`["NEG-ERR","n","blocked: x",1000000]`: wire.NegErr{SubscriptionID: "n", Reason: "blocked: x", Max: 1000000},
		`["WHO","knows",{"what":[1e999]}]`:     wire.Unknown{Name: "WHO", Raw: []byte(`["WHO","knows",{"what":[1e999]}]`)},
		`["REQ","s",{}]`:                       wire.Unknown{Name: "REQ", Raw: []byte(`["REQ","s",{}]`)},
		`[""]`:                                 wire.Unknown{Name: "", Raw: []byte(`[""]`)},
	}
}

func clientFrames() map[string]wire.ClientMessage {
	since := nostr.Timestamp(5)
	filter := nostr.Filter{Kinds: []nostr.Kind{1, 2}, Since: &since, Limit: 3}
	return map[string]wire.ClientMessage{
		`["EVENT",` + eventJSON + `]`: wire.Publish{Event: sampleEvent()},
		`["REQ","s",{"kinds":[1,2],"since":5,"limit":3},{}]`: wire.Req{
			SubscriptionID: "s", Filters: []nostr.Filter{filter, {}}},
		`["CLOSE","s"]`: wire.Close{SubscriptionID: "s"},
		`["AUTH",` + string(authEvent().AppendJSON(nil)) + `]`: wire.Auth{Event: authEvent()},
		`["COUNT","s",{"kinds":[1,2],"since":5,"limit":3}]`: wire.CountReq{
			SubscriptionID: "s", Filters: []nostr.Filter{filter}},
		`["NEG-OPEN","n",{"kinds":[1,2],"since":5,"limit":3},"6100"]`: wire.NegOpen{
			SubscriptionID: "n", Filter: filter, Payload: []byte{0x61, 0}},
		`["NEG-MSG","n","61"]`: wire.NegMsg{SubscriptionID: "n", Payload: []byte{0x61}},
		`["NEG-CLOSE","n"]`:    wire.NegClose{SubscriptionID: "n"},
		`["OK",1]`:             wire.Unknown{Name: "OK", Raw: []byte(`["OK",1]`)},
	}
}

// Shows P54.
func TestEveryServerMessageRoundTrips(t *testing.T) {
	for frame, want := range serverFrames() {
		got, err := wire.ParseServer([]byte(frame))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got)
		assert.Equal(t, frame, string(got.AppendJSON(nil)))
		assert.Equal(t, "x"+frame, string(got.AppendJSON([]byte("x"))))
		assert.True(t, strings.HasPrefix(frame, `["`+got.Verb()+`"`), frame)
	}
}

// Shows P11, P54.
func TestEveryClientMessageRoundTrips(t *testing.T) {
	for frame, want := range clientFrames() {
		got, err := wire.ParseClient([]byte(frame))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got)
		assert.Equal(t, frame, string(got.AppendJSON(nil)))
		assert.True(t, strings.HasPrefix(frame, `["`+got.Verb()+`"`), frame)
		encoded, err := wire.EncodeClient(got)
		require.NoError(t, err, frame)
		assert.Equal(t, frame, string(encoded))
	}
}

func TestNothingRefersToTheFrame(t *testing.T) {
	for frame, want := range serverFrames() {
		data := []byte(frame)
		got, err := wire.ParseServer(data)
		require.NoError(t, err)
		overwrite(data)
		assert.Equal(t, want, got, frame)
	}
	for frame, want := range clientFrames() {
		data := []byte(frame)
		got, err := wire.ParseClient(data)
		require.NoError(t, err)
		overwrite(data)
		assert.Equal(t, want, got, frame)
	}
	for _, frame := range []string{`["FOO",{"a":x}]`, `["EOSE","a`, `["EVENT","s",{"id":7}]`, `["EVENT","s",{"unknown key":7,}]`} {
		data := []byte(frame)
		_, err := wire.ParseServer(data)
		require.Error(t, err)
		before := err.Error()
		overwrite(data)
		assert.Equal(t, before, err.Error())
	}
}

func overwrite(data []byte) {
	for i := range data {
		data[i] = '!'
	}
}

func TestR56AnyLegalWhiteSpace(t *testing.T) {
	for frame, want := range serverFrames() {
		if _, unknown := want.(wire.Unknown); unknown {
			continue // keeps its frame
		}
		got, err := wire.ParseServer(spread(frame))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got)
	}
	for frame, want := range clientFrames() {
		if _, unknown := want.(wire.Unknown); unknown {
			continue
		}
		got, err := wire.ParseClient(spread(frame))
		require.NoError(t, err, frame)
		assert.Equal(t, want, got)
	}
}

// spread puts white space around every token of a frame.
func spread(frame string) []byte {
	var b bytes.Buffer
	quoted := false
	for i := 0; i < len(frame); i++ {
		c := frame[i]
		if c == '"' && (i == 0 || frame[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && strings.IndexByte("[]{},:", c) >= 0 {
			b.WriteString(" \t\r\n")
			b.WriteByte(c)
			b.WriteString("\n\r\t ")
		} else {
			b.WriteByte(c)
		}
	}
	return b.Bytes()
}

func TestQ02ATrailingLineFeedIsTolerated(t *testing.T) {
	for frame := range serverFrames() {
		_, err := wire.ParseServer([]byte(frame + "\n"))
		assert.NoError(t, err)
	}
}

// refused asserts that err is a *ParseError that stands within the frame and does not
// repeat it at length.
func refused(t *testing.T, frame []byte, err error) *wire.ParseError {
	t.Helper()
	var e *wire.ParseError
	require.True(t, errors.As(err, &e), "%.100q: %v", frame, err)
	assert.GreaterOrEqual(t, e.Offset, 0, "%.100q", frame)
	assert.LessOrEqual(t, e.Offset, len(frame), "%.100q", frame)
	assert.Less(t, len(e.Error()), 400, "%.100q", frame)
	assert.NotNil(t, e.Unwrap())
	return e
}

// testdata is the path of a shared file. The test is skipped without it.
func testdata(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		here, err := os.Getwd()
		require.NoError(t, err)
		for here != filepath.Dir(here) {
			if _, err := os.Stat(filepath.Join(here, "go.mod")); err == nil {
				break
			}
			here = filepath.Dir(here)
		}
		dir = filepath.Join(here, "..", "shared", "data")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared test data (GENNOSTR_TESTDATA): %v", err)
	}
	return path
}
