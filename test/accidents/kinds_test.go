package accidents_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// hostile serves websockets whose every connection is treated by f, after the
// client's first message.
func hostile(t *testing.T, f func(context.Context, *websocket.Conn)) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ws, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.CloseNow() }()
		if _, _, err := ws.Read(req.Context()); err == nil {
			f(req.Context(), ws)
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// spread is n relays at one address.
func spread(url string, n int) (urls []string) {
	for i := range n {
		urls = append(urls, fmt.Sprintf("%s/%d", url, i))
	}
	return urls
}

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

// halts has a relay send a message up to a point, and no further.
func halts(part string) func(context.Context, *websocket.Conn) {
	return func(ctx context.Context, ws *websocket.Conn) {
		w, err := ws.Writer(ctx, websocket.MessageText)
		if err != nil {
			return
		}
		_, _ = w.Write([]byte(part))
		<-ws.CloseRead(ctx).Done()
	}
}

// many is an event of so many empty tags.
func many(n int) string {
	e := &nostr.Event{CreatedAt: 1, Kind: 1, Tags: make(nostr.Tags, n)}
	for i := range e.Tags {
		e.Tags[i] = nostr.Tag{""}
	}
	e.ID = e.GetID() // the hash is right, the signature is not
	return fmt.Sprintf(`["EVENT","all",%s]`, e)
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

// Fifty relays of ten kinds (twenty under the race detector) do their worst all at once,
// beside five good ones. These are heard, and what the program holds is bounded by the budget.
// Shows B01.
func TestFiftyHostileRelaysBesideFiveGoodOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	order := memoryOrder{Budget: 64 << 20}
	for _, f := range kinds() {
		order.URLs = append(order.URLs, spread(hostile(t, f), kit.Sized(5, 2))...)
	}
	report := bounded(t, order, 5)
	// What it was before the others came is printed, and nothing more: they live on the same two
	// processors, and most of what an event waits for is that they make their messages. So no
	// factor says anything of the client, but that which the machine has on that day.
	most := time.Duration(kit.Sized(30, 90)) * time.Second
	for i, good := range report.Good {
		assert.Less(t, good.P99, most, "good relay %d, on whatever machine", i)
	}
}
