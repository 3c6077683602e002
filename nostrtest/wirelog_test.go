package nostrtest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// lines returns the wire log as text, without the fragments of hex that differ
// from run to run.
func lines(relay *nostrtest.Relay) []string {
	var out []string
	for _, e := range relay.WireLog() {
		out = append(out, e.String())
	}
	return out
}

func TestWireLogHasEveryFrameWithTimeAndDirection(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		start := time.Now()
		c := world{t, relay, network}.dial()
		time.Sleep(time.Second)
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		c.alive()
		time.Sleep(time.Second)
		defer relay.Break(nostrtest.Fragmented(10), nostrtest.Cut().After("NOTICE"))()
		relay.Notice("hi")
		_, err := c.end()
		require.Error(t, err)
		assert.Equal(t, []string{
			`#- → HTTP GET /`,
			`#1 ← HTTP 101 Switching Protocols`,
			`#1 → TEXT 14 ["REQ","s",{}]`,
			`#1 ← TEXT 12 ["EOSE","s"]`,
			`#1 → PING 12 still there?`,
			`#1 ← PONG 12 still there?`,
			`#1 ! FAULT Fragmented(10)`,
			`#1 ← TEXT+ 10 ["NOTICE",`,
			`#1 ← CONTINUATION 5 "hi"]`,
			`#1 ! FAULT Cut().After("NOTICE")`,
		}, lines(relay))
		log := relay.WireLog()
		assert.Equal(t, nostrtest.FromClient, log[2].Direction)
		assert.Equal(t, nostrtest.ToClient, log[3].Direction)
		assert.Equal(t, start, log[0].Time)
		assert.Equal(t, start.Add(time.Second), log[2].Time)
		assert.Equal(t, start.Add(2*time.Second), log[7].Time)
	})
}

func TestWireLogShowsWhatIsNoTextAtAll(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{
			HTTPClient: network.HTTPClient(), CompressionMode: websocket.CompressionContextTakeover})
		require.NoError(t, err)
		require.NoError(t, ws.Write(t.Context(), websocket.MessageBinary, []byte{0xFF, 'x'}))
		_, _, err = ws.Read(t.Context())
		require.NoError(t, err)
		require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`["`+strings.Repeat("long ", 200)+`"]`)))
		_, _, err = ws.Read(t.Context())
		require.NoError(t, err)
		require.NoError(t, ws.Close(4000, "bye"))
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		got := strings.Join(lines(relay), "\n")
		assert.Contains(t, got, "#1 → BINARY 2 \uFFFDx\n")
		assert.Regexp(t, `#1 → TEXT \(compressed\) \d\d\n`, got)
		assert.Contains(t, got, "#1 → CLOSE 5 4000 bye\n#1 ← CLOSE 5 4000 bye")
	}, nostrtest.WithCompression())
}

func TestWireLogIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		for i := range 100 {
			c.ask("REQ", fmt.Sprint(i), everything)
		}
		assert.Equal(t, []string{`#1 ← TEXT 13 ["EOSE","98"]`, `#1 → TEXT 15 ["REQ","99",{}]`, `#1 ← TEXT 13 ["EOSE","99"]`}, lines(relay))
		relay.Notice(strings.Repeat("x", 100_000))
		c.got()
		assert.Less(t, len(relay.WireLog()[2].Text), 500)
		assert.EqualValues(t, 100_013, relay.WireLog()[2].Length)
	}, nostrtest.WithWireLog(3))
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		dial(t, network.HTTPClient(), home).ask("REQ", "s", everything)
		assert.Empty(t, relay.WireLog())
	}, nostrtest.WithWireLog(0))
}

// failedTB is a test that has failed, and what it printed.
type failedTB struct {
	nostrtest.TB
	failed   bool
	cleanups []func()
	log      strings.Builder
}

func (tb *failedTB) Failed() bool                    { return tb.failed }
func (tb *failedTB) Cleanup(f func())                { tb.cleanups = append(tb.cleanups, f) }
func (tb *failedTB) Logf(format string, args ...any) { fmt.Fprintf(&tb.log, format+"\n", args...) }
func (tb *failedTB) Helper()                         {}
func (tb *failedTB) end() {
	for _, f := range tb.cleanups {
		f()
	}
}

func TestFailedTestPrintsWireLogAndSeeds(t *testing.T) {
	for _, failed := range []bool{true, false} {
		for _, inMemory := range []bool{true, false} {
			tb := &failedTB{TB: t, failed: failed}
			faults := nostrtest.WithFaults(nostrtest.Chaos(4711, nostrtest.NoOK()))
			w := world{t: t}
			if inMemory {
				w.network = nostrtest.NewNetwork(tb)
				w.relay = w.network.NewRelay(home, faults)
			} else {
				w.relay = nostrtest.NewRelay(tb, faults)
			}
			c := w.dial()
			c.send("REQ", "s", everything)
			assert.Equal(t, eose("s"), c.next())
			tb.end()
			if !failed {
				assert.Empty(t, tb.log.String())
				continue
			}
			assert.Contains(t, tb.log.String(), "had chaos with seed 4711: Chaos(4711, NoOK()) in memory repeats it")
			assert.Contains(t, tb.log.String(), "wire log of "+w.relay.URL())
			assert.Contains(t, tb.log.String(), `s #1 ← TEXT 12 ["EOSE","s"]`)
		}
	}
}

func TestWaitForHearsOfFaultsThatStrike(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		var dials sync.WaitGroup
		defer dials.Wait()
		dials.Go(func() {
			for range 3 {
				_, err := tryDial(t, w.httpClient(), w.relay.URL())
				assert.Error(t, err)
			}
		})
		require.NoError(t, w.relay.WaitFor(soon(t), func() bool {
			return strings.Count(fmt.Sprint(w.relay.WireLog()), "FAULT RefuseHandshake(503, 0s)") == 3
		}))
	}, nostrtest.WithFaults(nostrtest.RefuseHandshake(503, 0)))
}
