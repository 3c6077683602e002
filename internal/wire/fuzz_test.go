package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
)

var fuzzSeeds = []string{
	`["EVENT",""`, `["EOSE","s",["more"],1]`, `["OK","` + idHex + `",true]`, `["NEG-ERROR","n","CLOSED"]`, `["NEG-ERR","n","x",-1]`,
	`["COUNT","s",{"c\u006funt":1,"x":[{}]}]`, `["REQ","s",{"#e":[]},{"search":"x","limit":0,"#T":["\ud83d\ude00"]}]`,
	" [\"EVENT\" ,\t\"\\u0000\"\n]\r", `[[[[]]]]`, `["X",1e999]`, `["COUNT","s",{"ids":[]}]`,
}

// What is accepted is written as a frame that is accepted as the same message.
// Shows P35, L01.
func FuzzParseServer(f *testing.F) {
	for frame := range serverFrames() {
		f.Add([]byte(frame))
	}
	for _, frame := range fuzzSeeds {
		f.Add([]byte(frame))
	}
	var kept wire.Decoder
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := string(frame)
		got, err := wire.ParseServer(frame)
		same, errKept := kept.ParseServer(frame)
		require.Equal(t, before, string(frame))
		require.Equal(t, got, same)
		require.Equal(t, err, errKept)
		judgeSplit(t, frame, got)
		if err != nil {
			judgeRefusal(t, frame, err)
			return
		}
		overwrite(frame)
		again, err := wire.ParseServer(got.AppendJSON(nil))
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

// judgeSplit holds Split to what it says: whatever else stands before the same
// rest, the event is the same, or there is none.
func judgeSplit(t *testing.T, frame []byte, got wire.ServerMessage) {
	var d wire.Decoder
	id, rest, ok := d.Split(frame)
	event, isEvent := got.(wire.Event)
	if !ok {
		return
	}
	other, err := wire.ParseServer([]byte(` ["\u0045VENT" ,"other",` + string(rest) + `]`))
	if !isEvent {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, event.SubscriptionID, id)
	require.Equal(t, wire.Event{SubscriptionID: "other", Event: event.Event}, other)
}

// The same, and what EncodeClient lets through is accepted too.
func FuzzParseClient(f *testing.F) {
	for frame := range clientFrames() {
		f.Add([]byte(frame))
	}
	for _, frame := range fuzzSeeds {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, err := wire.ParseClient(frame)
		if err != nil {
			judgeRefusal(t, frame, err)
			return
		}
		overwrite(frame)
		again, err := wire.ParseClient(got.AppendJSON(nil))
		require.NoError(t, err)
		require.Equal(t, got, again)
		if sent, err := wire.EncodeClient(got); err == nil {
			again, err := wire.ParseClient(sent)
			require.NoError(t, err)
			require.Equal(t, got.Verb(), again.Verb())
		}
	})
}

func FuzzSplitPrefix(f *testing.F) {
	for _, message := range []string{"duplicate: x", "ERROR: auth-required: x", "", ":", "ERROR:", "wss://x", "pow:1"} {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		prefix, text := wire.SplitPrefix(message)
		require.True(t, strings.HasSuffix(message, text))
		if prefix == "" {
			require.Equal(t, message, text)
			return
		}
		require.Empty(t, strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz-"))
		require.Contains(t, message, prefix+":")
	})
}

func judgeRefusal(t *testing.T, frame []byte, err error) {
	var e *wire.ParseError
	require.True(t, errors.As(err, &e))
	require.GreaterOrEqual(t, e.Offset, 0)
	require.LessOrEqual(t, e.Offset, len(frame))
	require.Less(t, len(e.Error()), 800)
}
