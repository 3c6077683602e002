package accidents_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/test/kit"
)

// docs/BOUNDS.md says of everything that grows with what relays send, or with what a program
// asks, where it ends. Here are its lines that show from outside, in live bytes. Relays here
// keep nothing themselves, for they live in the same process.

// perRelay is what a connection may take beside the budget, in bytes.
const perRelay = 64 << 10

// growth is how much more is live than before, the least of three looks: what is allocated
// while a collection runs counts as live.
func growth(before int64) int64 { return min(live(), live(), live()) - before }

// relay serves websockets that keep nothing: each message of the client's is answered by what
// answer writes. It is done when the client hangs up.
func relay(t *testing.T, answer func(ctx context.Context, ws *websocket.Conn, message string)) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ws, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.CloseNow() }()
		ws.SetReadLimit(-1)
		for {
			_, message, err := ws.Read(req.Context())
			if err != nil {
				return
			}
			answer(req.Context(), ws, string(message))
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// second is the string behind the verb: of a REQ its id.
func second(message string) string {
	_, rest, _ := strings.Cut(message, `,"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// hung is a handler that hangs in OnConnect until it is let go.
type hung struct {
	gennostr.BaseHandler
	in, let chan struct{}
}

func newHung() *hung { return &hung{in: make(chan struct{}, 100), let: make(chan struct{})} }

func (h *hung) OnConnect(*gennostr.Self, gennostr.Relay) error {
	h.in <- struct{}{}
	<-h.let
	return nil
}
func (h *hung) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

// stop ends a client that a relay floods: its deadline may pass, for what is accepted cannot be written.
func stop(t *testing.T, client *gennostr.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = client.Stop(ctx)
	kit.Within(t, "the end", client.Done())
}

// What a relay says to each subscription and each publication is kept, of words as many as
// somebody may want to read.
// Shows B16.
func TestLongWordsAreCutBeforeTheyAreKept(t *testing.T) {
	const n, each = 40, 4096
	words := strings.Repeat("no ", 100_000)
	url := relay(t, func(ctx context.Context, ws *websocket.Conn, message string) {
		answer := ""
		switch {
		case strings.HasPrefix(message, `["REQ"`):
			answer = fmt.Sprintf(`["CLOSED",%q,"blocked: %s"]`, second(message), words)
		case strings.HasPrefix(message, `["EVENT"`):
			_, id, _ := strings.Cut(message, `"id":"`)
			answer = fmt.Sprintf(`["OK",%q,false,"blocked: %s"]`, id[:64], words)
		default:
			return
		}
		_ = ws.Write(ctx, websocket.MessageText, []byte(answer))
	})
	client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithRelays(url))
	require.NoError(t, client.Ready(t.Context(), 1))
	notes := kit.TextNotes(n)
	before := live()
	for range n {
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(1)})
		require.NoError(t, err)
		defer sub.Close()
	}
	var reports []gennostr.PublishReport
	for _, e := range notes {
		report, err := client.Publish(t.Context(), e)
		require.Error(t, err)
		reports = append(reports, report)
	}
	kit.WaitUntil(t, "all refusals", func() bool {
		for _, s := range client.Subscriptions() {
			if len(s.Relays) == 0 || s.Relays[0].State != gennostr.SubscriptionRefused {
				return false
			}
		}
		return true
	})
	grown := growth(before)
	t.Logf("%d subscriptions and publications, each refused with %d KB: %.0f KiB live", n, len(words)/1000, float64(grown)/1024)
	assert.Less(t, grown, int64(2*n*(each+perAsk)+perRelay))
	for _, s := range client.Subscriptions() {
		assert.LessOrEqual(t, len(s.Relays[0].Message), each)
	}
	for _, r := range reports {
		assert.LessOrEqual(t, len(r.Outcomes[0].Message), each)
	}
	stop(t, client)
}

// perAsk is what a subscription on one relay, or a publication with its event, may take beside, in bytes.
const perAsk = 8 << 10

// hungless takes no notice of anything.
type hungless struct{ gennostr.BaseHandler }

func (*hungless) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

// Subscriptions that are open on a relay take some KB each: so WithMaxSubscriptions is a bound in bytes.
// Shows B02.
func TestSubscriptionsTakeSomeKilobytesEach(t *testing.T) {
	n := kit.Sized(300, 100)
	url := relay(t, func(ctx context.Context, ws *websocket.Conn, message string) {
		if strings.HasPrefix(message, `["REQ"`) {
			_ = ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `["EOSE",%q]`, second(message)))
		}
	})
	client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithRelays(url), gennostr.WithMaxSubscriptions(n))
	require.NoError(t, client.Ready(t.Context(), 1))
	before := live()
	var subs []*gennostr.Subscription
	for i := range 2 * n {
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(nostr.Kind(i % 1000))})
		if i >= n {
			require.ErrorIs(t, err, gennostr.ErrTooManySubscriptions)
			continue
		}
		require.NoError(t, err)
		subs = append(subs, sub)
	}
	kit.WaitUntil(t, "all live", func() bool {
		for _, s := range client.Subscriptions() {
			if s.Live == 0 {
				return false
			}
		}
		return true
	})
	grown := growth(before)
	t.Logf("%d subscriptions on one relay: %d bytes each", n, grown/int64(n))
	assert.Less(t, grown, int64(n*perAsk))
	for _, s := range subs {
		s.Close()
	}
	kit.WaitUntil(t, "no subscription", func() bool { return len(client.Subscriptions()) == 0 })
	assert.Less(t, growth(before), int64(n*perAsk/8), "and give it back")
	stop(t, client)
}

// Thousands of relays are added, cannot be reached, and are removed: of them nothing is left but
// where a subscription stood on the last of them.
// Shows B04.
func TestRelaysThatWereLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := kit.Sized(4_000, 500)
		const gone = 64 // of which a subscription knows where it stood
		client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithDialContext(func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("nobody is there")
		}))
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(1)})
		require.NoError(t, err)
		come := func(from, to int) {
			for i := from; i < to; i++ {
				url := fmt.Sprintf("wss://%d.example/", i)
				require.NoError(t, client.AddRelay(url))
				synctest.Wait()
				require.NoError(t, client.RemoveRelay(url))
				synctest.Wait()
			}
		}
		come(0, 2*gone)
		before := live()
		come(2*gone, n)
		grown := growth(before)
		t.Logf("%d relays that were: %.0f KiB live", n, float64(grown)/1024)
		assert.Less(t, grown, int64(perRelay+n*8), "nothing of each")
		assert.Empty(t, client.Relays())
		sub.Close()
		require.NoError(t, client.Stop(context.Background()))
	})
}

// A relay that never says OK: of so many events it is waited for.
// Shows B17.
func TestOKsThatNeverComeTakeBoundedMemory(t *testing.T) {
	const most, entry = 4096, 160
	n := kit.Sized(20_000, 9_000)
	var got atomic.Int64
	url := relay(t, func(context.Context, *websocket.Conn, string) { got.Add(1) })
	client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithRelays(url), gennostr.WithSendQueue(64))
	require.NoError(t, client.Ready(t.Context(), 1))
	before := live()
	note := kit.TextNote(1)
	for i := 0; i < n; {
		e := note.Clone()
		e.CreatedAt += nostr.Timestamp(i)
		e.ID = e.GetID()
		switch err := client.Send(url, gennostr.PublishEvent{Event: e}); {
		case err == nil:
			i++
		default:
			require.ErrorIs(t, err, gennostr.ErrSendQueueFull)
			time.Sleep(time.Millisecond) // it is being written
		}
	}
	kit.WaitUntil(t, "all written", func() bool { return int(got.Load()) == n })
	grown := growth(before)
	t.Logf("%d events without an OK: %.0f KiB live", n, float64(grown)/1024)
	assert.Less(t, grown, int64(most*entry+perRelay))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = client.Stop(ctx) // which would wait for them
	<-client.Done()
}

// A program calls, casts and starts work while its handler hangs.
// Shows B12, B13.
func TestCallsCastsAndTasksAreBounded(t *testing.T) {
	const calls, tasks = 50, 7
	h := newHung()
	url := relay(t, func(context.Context, *websocket.Conn, string) {})
	client := kit.Launch(t, h, kit.Quietly(), gennostr.WithRelays(url), gennostr.WithMailboxLimit(calls), gennostr.WithMaxTasks(tasks))
	<-h.in
	before := live()
	request := strings.Repeat("x", 1<<10)
	refused := 0
	for range 100 * calls {
		if err := client.Cast(strings.Clone(request)); err != nil {
			require.ErrorIs(t, err, gennostr.ErrMailboxFull)
			refused++
		}
	}
	assert.Equal(t, 99*calls, refused)
	_, err := client.Call(t.Context(), request)
	require.ErrorIs(t, err, gennostr.ErrMailboxFull)
	require.ErrorIs(t, client.Notify(request), gennostr.ErrMailboxFull)
	assert.LessOrEqual(t, client.Stats().Mailbox, calls+1)
	assert.Less(t, growth(before), int64(calls*(len(request)+512)+perRelay))
	close(h.let)

	var running sync.WaitGroup
	late := 0
	done := make(chan struct{})
	running.Add(1)
	worker := &starter{then: func() { running.Done() }, start: func(self *gennostr.Self) {
		for range 10 * tasks {
			gennostr.Go(self, func(ctx context.Context) (int, error) { <-done; return 0, nil }, func(_ int, err error) error {
				if err != nil {
					assert.ErrorIs(t, err, gennostr.ErrTooManyTasks)
					late++
				}
				return nil
			})
		}
	}}
	other := kit.Launch(t, worker, kit.Quietly(), gennostr.WithMaxTasks(tasks))
	require.NoError(t, other.Notify(nil))
	running.Wait()
	close(done)
	stop(t, other)
	assert.Equal(t, 9*tasks, late)
	stop(t, client)
}

// starter starts work when it is told.
type starter struct {
	hungless
	start func(*gennostr.Self)
	then  func()
}

func (s *starter) HandleInfo(self *gennostr.Self, _ any) error {
	s.start(self)
	s.then()
	return nil
}

// A handler holds every message that it gets, and lets none go: so many are held as the window
// has, whatever the relay sends.
// Shows B26.
func TestHeldMessagesAreThoseOfTheWindow(t *testing.T) {
	const window = 32
	var sent atomic.Int64
	url := relay(t, func(ctx context.Context, ws *websocket.Conn, _ string) {
		for i := 0; ; i++ {
			text := fmt.Sprintf(`["NOTICE","%d %s"]`, i, strings.Repeat("!", 2_000))
			if ws.Write(ctx, websocket.MessageText, []byte(text)) != nil {
				return
			}
			sent.Add(int64(len(text)))
		}
	})
	h := &holder{}
	client := kit.Launch(t, h, kit.Quietly(), gennostr.WithRelays(url), gennostr.WithMailboxWindow(window, 1<<20), gennostr.WithShutdownTimeout(100*time.Millisecond))
	require.NoError(t, client.Ready(t.Context(), 1))
	before := live()
	require.NoError(t, client.Send(url, kit.Everything("all")))
	untilStuck(t, &sent, 100<<20)
	grown := growth(before)
	t.Logf("%d KB sent, %d messages held: %.0f KiB live", sent.Load()/1000, h.held.Load(), float64(grown)/1024)
	assert.EqualValues(t, window, h.held.Load())
	assert.Equal(t, window, client.Relays()[0].Traffic.Undelivered)
	assert.Less(t, grown, int64(window*2*2_048+2*perRelay))
	stop(t, client)
}

// holder holds.
type holder struct {
	hungless
	held atomic.Int64
}

func (h *holder) OnNotice(self *gennostr.Self, _ gennostr.Relay, _ gennostr.NoticeMessage) error {
	self.Hold()
	h.held.Add(1)
	return nil
}

// Documents that do not end: what is read of them is a document's worth.
// Shows B23.
func TestDocumentsThatDoNotEndAreReadUpToTheirBound(t *testing.T) {
	const relays = 20
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", nip11.ContentType)
		page := []byte(`{"name":"` + strings.Repeat("n", 8<<10))
		for i := 0; ; i++ {
			n, err := w.Write(page)
			served.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	before := live()
	var errs [relays]error
	var asked sync.WaitGroup
	for i := range relays {
		asked.Go(func() { _, errs[i] = gennostr.RelayInformation(t.Context(), url) })
	}
	asked.Wait()
	grown := growth(before)
	for _, err := range errs {
		require.ErrorIs(t, err, nip11.ErrTooLarge)
	}
	t.Logf("%d documents without end: %d KB were sent, %.0f KiB live", relays, served.Load()/1000, float64(grown)/1024)
	assert.Less(t, grown, int64(relays*perRelay))
	assert.Less(t, served.Load(), int64(relays*(nip11.MaxSize+16<<20)), "the sockets' buffers included")
}
