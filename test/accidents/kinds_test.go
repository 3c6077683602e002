package accidents_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// pours has a relay send these messages again and again, as fast as they are taken.
func pours(messages ...string) func(context.Context, *websocket.Conn) {
	return func(ctx context.Context, ws *websocket.Conn) {
		for i := 0; ; i++ {
			if ws.Write(ctx, websocket.MessageText, []byte(messages[i%len(messages)])) != nil {
				return
			}
		}
	}
}

// made has a relay send messages without end, each another one.
func made(next func(i int) string) func(context.Context, *websocket.Conn) {
	var n atomic.Int64
	return func(ctx context.Context, ws *websocket.Conn) {
		for ws.Write(ctx, websocket.MessageText, []byte(next(int(n.Add(1))))) == nil {
		}
	}
}

// kinds are ten ways to be a bad relay.
func kinds() map[string]func(context.Context, *websocket.Conn) {
	note := kit.TextNote(1)
	event := func(e *nostr.Event) string { return fmt.Sprintf(`["EVENT","all",%s]`, e) }
	return map[string]func(context.Context, *websocket.Conn){
		"forged signatures": made(func(i int) string {
			e := note.Clone()
			e.CreatedAt += nostr.Timestamp(i)
			e.ID = e.GetID()
			return event(e)
		}),
		"ids that are no hashes": made(func(i int) string {
			e := note.Clone()
			e.Content = strings.Repeat("n", 60_000) + fmt.Sprint(i)
			return event(e)
		}),
		"copies of one event":             pours(event(note)),
		"notices":                         made(func(i int) string { return fmt.Sprintf(`["NOTICE","%d%s"]`, i, strings.Repeat("!", 10_000)) }),
		"challenges":                      made(func(i int) string { return fmt.Sprintf(`["AUTH","%d"]`, i) }),
		"OKs and EOSEs of nobody":         made(func(i int) string { return fmt.Sprintf(`["EOSE","%d"]`, i) }),
		"what is no JSON":                 pours("{", strings.Repeat("[", 100_000), `["EVENT","all",{"id":`),
		"events of thousands of tags":     pours(many(60_000)),
		"messages over every limit":       pours(many(690_000), strings.Repeat("x", 5<<20)),
		"a message without end, in drops": drips,
	}
}

// drips sends a message byte by byte.
func drips(ctx context.Context, ws *websocket.Conn) {
	w, err := ws.Writer(ctx, websocket.MessageText)
	for err == nil {
		_, err = w.Write([]byte("["))
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// Fifty relays of ten kinds do their worst all at once, beside five good ones. These are
// heard, and what the program holds is bounded by the budget.
func TestFiftyHostileRelaysBesideFiveGoodOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	order := memoryOrder{Budget: 64 << 20}
	for _, f := range kinds() {
		order.URLs = append(order.URLs, spread(hostile(t, f), 5)...)
	}
	for range 5 {
		order.Good = append(order.Good, goodRelay(t))
	}
	report := inItsOwnProcess(t, order)
	t.Logf("%d hostile relays beside %d good ones: %d events of those, p50 %v, p99 %v on their way; %.1f MiB live at most; Stop took %v",
		len(order.URLs), len(order.Good), report.Events, report.P50, report.P99, mib(report.Peak), report.Stop)
	assert.True(t, report.Hurt, "the relays were hostile")
	assert.Greater(t, report.Events, memoryEvents)
	assert.Less(t, report.Peak, 2*order.Budget+int64(len(order.URLs)+len(order.Good))*(64<<10))
	assert.Less(t, report.P99, 30*time.Second, "on whatever machine")
}
