package accidents_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Relays that send without end what nobody has asked for: while the handler hangs, and while
// it takes all of it at once.

// neverSigns is a signer that knows its key and answers nothing.
type neverSigns struct{ nostr.Signer }

func (neverSigns) SignEvent(ctx context.Context, _ *nostr.Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// floods are what a relay may send without end, and each time something else. Those of
// kinds are the others.
func floods() map[string]func(i int) string {
	long := strings.Repeat("words ", 100)
	note := kit.TextNote(1)
	return map[string]func(i int) string{
		"EOSEs of what was asked":      func(int) string { return `["EOSE","all"]` },
		"CLOSEDs of what was asked":    func(i int) string { return fmt.Sprintf(`["CLOSED","all","error: %d %s"]`, i, long) },
		"EOSEs of a subscription":      func(int) string { return `["EOSE","gn:1"]` },
		"events of unknown ids":        func(i int) string { return fmt.Sprintf(`["EVENT","unknown %d",%s]`, i, note) },
		"EOSEs of unknown ids":         func(i int) string { return fmt.Sprintf(`["EOSE","unknown %d"]`, i) },
		"CLOSEDs of unknown ids":       func(i int) string { return fmt.Sprintf(`["CLOSED","unknown %d","error: %s"]`, i, long) },
		"counts of unknown ids":        func(i int) string { return fmt.Sprintf(`["COUNT","unknown %d",{"count":%d}]`, i, i) },
		"comparisons of unknown ids":   func(i int) string { return fmt.Sprintf(`["NEG-MSG","unknown %d","61%064x"]`, i, i) },
		"OKs of unknown events":        func(i int) string { return fmt.Sprintf(`["OK","%064x",true,"%s"]`, i, long) },
		"challenges":                   func(i int) string { return fmt.Sprintf(`["AUTH","challenge %d %s"]`, i, long) },
		"challenges that are too long": func(i int) string { return fmt.Sprintf(`["AUTH","%d%s"]`, i, strings.Repeat("c", 20_000)) },
		"verbs that nobody knows":      func(i int) string { return fmt.Sprintf(`["X%d","%s"]`, i, long) },
		"notices about subscriptions":  func(i int) string { return fmt.Sprintf(`["NOTICE","ERROR: too many concurrent REQs %d"]`, i) },
		"ids that are megabytes": func(i int) string {
			return fmt.Sprintf(`["EOSE","%d%s"]`, i, strings.Repeat("i", 300_000))
		},
	}
}

// A relay sends messages of one kind as fast as they are taken, while the handler hangs, a
// signer signs nothing and nobody reads the subscription: what they leave is in the budget.
// Shows B01, B09, B14, B15.
func TestFloodsOfOneKindLeaveNoMoreThanTheBudget(t *testing.T) {
	const budget, much = 1 << 20, 4 << 20
	many := int64(kit.Sized(40_000, 12_000)) // some times what the window has
	for what, next := range floods() {
		t.Run(what, func(t *testing.T) {
			var sent, messages atomic.Int64
			var ebb atomic.Bool // the relay sends nothing more
			url := relay(t, func(ctx context.Context, ws *websocket.Conn, message string) {
				if !strings.HasPrefix(message, `["REQ","all"`) {
					return
				}
				for i := 0; !ebb.Load(); i++ {
					text := next(i)
					if ws.Write(ctx, websocket.MessageText, []byte(text)) != nil {
						return
					}
					sent.Add(int64(len(text)))
					if messages.Add(1) == many {
						sent.Add(much) // of short ones that is a flood, too
					}
				}
			})
			h := newHung()
			client := kit.Launch(t, h, gennostr.WithMailboxBudget(budget), kit.Quietly(), gennostr.WithRelays(url), gennostr.WithShutdownTimeout(100*time.Millisecond),
				gennostr.WithSigner(neverSigns{nostrtest.Key(1).Signer()}))
			<-h.in
			sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(1)})
			require.NoError(t, err)
			kit.WaitUntil(t, "the subscription", func() bool {
				on := client.Subscriptions()[0].Relays
				return len(on) == 1 && on[0].State == gennostr.SubscriptionOpen
			})
			before := live()
			require.NoError(t, client.Send(url, kit.Everything("all")))
			untilStuck(t, &sent, much)
			ebb.Store(true) // what the relay makes while a collection runs counts as live
			untilStill(t, &messages)
			grown := growth(before)
			t.Logf("%d messages: %.0f KiB live", messages.Load(), float64(grown)/1024)
			inHand := 4 * int64(len(next(0))) // the relay's, which lives in this process
			assert.Less(t, grown, budget+budget/2+perRelay+inHand)
			close(h.let)
			sub.Close()
			stop(t, client)
		})
	}
}

// enough is how much a flood has to bring at least, in bytes.
const enough = 100_000

// untilStuck waits until so much has been counted, or enough and then nothing any more.
func untilStuck(t *testing.T, count *atomic.Int64, much int64) {
	t.Helper()
	look := standing(count)
	kit.WaitUntil(t, "a flood, or its end", func() bool {
		now, still := look()
		return now >= much || now > enough && still > 100
	})
}

// untilStill waits until nothing has been counted for a while.
func untilStill(t *testing.T, count *atomic.Int64) {
	t.Helper()
	look := standing(count)
	kit.WaitUntil(t, "the ebb", func() bool {
		_, still := look()
		return still > 20
	})
}

// standing tells at each look what has been counted, and for how many looks that has not changed.
func standing(count *atomic.Int64) func() (now int64, still int) {
	still, last := 0, int64(-1)
	return func() (int64, int) {
		now := count.Load()
		if still++; now != last {
			still, last = 0, now
		}
		return now, still
	}
}

// strange are short messages that have nothing to do with what a client has asked for, each with
// a name that has not come before.
func strange() []func(i int) string {
	note := kit.TextNote(1)
	return []func(i int) string{
		func(i int) string { return fmt.Sprintf(`["EVENT","unknown %d",%s]`, i, note) },
		func(i int) string { return fmt.Sprintf(`["EOSE","unknown %d"]`, i) },
		func(i int) string { return fmt.Sprintf(`["CLOSED","unknown %d","error: %d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["CLOSED","unknown %d","auth-required: %d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["COUNT","unknown %d",{"count":%d}]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["NEG-MSG","unknown %d","61%064x"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["NEG-ERR","unknown %d","closed: %d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["OK","%064x",true,"%d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["OK","%064x",false,"rate-limited: %d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["AUTH","challenge %d"]`, i) },
		func(i int) string { return fmt.Sprintf(`["X%d","unknown %d"]`, i, i) },
		func(i int) string { return fmt.Sprintf(`["NOTICE","unknown %d"]`, i) },
	}
}

// A relay sends messages that nobody has asked for by the hundred thousand, and the handler
// takes all of them: of them nothing is left, not as much as an entry of a table each. A budget
// that is not used up hides nothing here.
// Shows B09.
func TestOfMessagesThatNobodyHasAskedForNothingIsLeft(t *testing.T) {
	const tolerated = 128 << 10 // bytes: of the messages of one kind less than six each, and less than one entry of a table under the race detector
	n, first := kit.Sized(300_000, 72_000), 12_000
	further := make(chan struct{})
	url := kit.RawRelay(t, func(conn net.Conn, request *http.Request) {
		kit.Upgrade(conn, request)
		kinds := strange()
		frames := make([]byte, 0, 80<<10) // stays, and is not counted as given back
		defer func() { runtime.KeepAlive(frames) }()
		send := func(from, to int) {
			for i := from; i < to; i++ {
				frames = append(frames, kit.Frame(kit.OpText, kinds[i%len(kinds)](i))...)
				if len(frames) > 64<<10 || i == to-1 {
					_, _ = conn.Write(frames)
					frames = frames[:0]
				}
			}
			_, _ = conn.Write([]byte(kit.Frame(kit.OpText, `["NOTICE","that was it"]`)))
		}
		send(0, first)
		<-further
		send(first, n)
		kit.UntilClose(conn)
	})
	h := &told{it: make(chan struct{}, 1)}
	client := kit.Launch(t, h, kit.Quietly(), gennostr.WithRelays(url))
	kit.Within(t, "the first messages", h.it)
	before := min(live(), live(), live())
	close(further)
	<-h.it
	grown := growth(before)
	traffic := client.Relays()[0].Traffic
	t.Logf("%d messages: %d bytes live more than after the first %d; %d were refused", n, grown, first, traffic.Unsolicited)
	assert.EqualValues(t, n+2, traffic.MessagesIn)
	assert.Less(t, grown, int64(tolerated))
	stop(t, client)
}

// told is a handler that takes everything, and says when that was it.
type told struct {
	hungless
	it chan struct{}
}

func (h *told) OnNotice(_ *gennostr.Self, _ gennostr.Relay, m gennostr.NoticeMessage) error {
	if m.Message == "that was it" {
		h.it <- struct{}{}
	}
	return nil
}
