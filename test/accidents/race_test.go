package accidents_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Everything at once: many goroutines call every verb while the relays die,
// come back, lie and fall silent. Nothing is promised about what happens, but
// the order of callbacks per relay, that all of it can be stopped, and that it
// works again when the storm is over. The race detector and the leak gate of
// TestMain look on.

// storm is one randomised run. It draws the same each time; with GENNOSTR_SEED, a number,
// it draws something else.
type storm struct {
	network *nostrtest.Network
	relays  []*nostrtest.Relay
	urls    []string
	client  *gennostr.Client
	events  []*nostr.Event
	seed    uint64
	over    atomic.Bool // the handler acts no more
}

const (
	stormRelays, stormLength = 4, 700 * time.Millisecond
	stormPatience            = 30 * time.Second // what should take no time
)

func seedOf(t *testing.T) uint64 {
	seed := uint64(20261127)
	if given, err := strconv.ParseUint(os.Getenv("GENNOSTR_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("GENNOSTR_SEED=%d", seed)
	return seed
}

func newStorm(t *testing.T, ctx context.Context) (*storm, *kit.Bot) {
	s := &storm{network: nostrtest.NewNetwork(t), events: kit.TextNotes(10), seed: seedOf(t)}
	for i := range stormRelays {
		s.urls = append(s.urls, fmt.Sprintf("wss://%d.example/", i))
		s.relays = append(s.relays, s.network.NewRelay(s.urls[i], nostrtest.WithLog(func(string, ...any) {})))
	}
	random := s.random(0) // the callbacks', without a lock: they run one at a time
	h := kit.NewBot(func(self *gennostr.Self, n kit.Note) error { return s.callback(self, n, random) })
	client, err := gennostr.Start(ctx, h, gennostr.WithHTTPClient(s.network.HTTPClient()), kit.Quietly(),
		gennostr.WithReconnectSchedule(time.Millisecond, 4*time.Millisecond), gennostr.WithStableAfter(10*time.Millisecond),
		gennostr.WithHandshakeTimeout(30*time.Millisecond), gennostr.WithPing(20*time.Millisecond, 60*time.Millisecond),
		gennostr.WithWriteTimeout(50*time.Millisecond), gennostr.WithMailboxWindow(8, 16<<10), gennostr.WithSendQueue(16),
		gennostr.WithMaxDials(2), gennostr.WithShutdownTimeout(stormPatience), gennostr.WithMaxAttempts(5), gennostr.WithForgeryLimit(20), gennostr.WithReadLimit(4096),
		gennostr.WithTask("tick", 3*time.Millisecond, func(self *gennostr.Self, relay gennostr.Relay) error {
			return h.Note(self, "task", relay, nil)
		}))
	require.NoError(t, err)
	s.client = client
	return s, h
}

func (s *storm) random(who uint64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, who)) }

// callback does what a handler may do inside, now and then.
func (s *storm) callback(self *gennostr.Self, n kit.Note, random *rand.Rand) error {
	if n.Name == "HandleCall" && (s.over.Load() || random.IntN(4) > 0) {
		return n.Msg.(kit.Asked).From.Reply(random.IntN(10))
	}
	url := s.urls[random.IntN(stormRelays)]
	if n.Name == "OnConnect" {
		self.Send(n.Relay.URL, kit.Everything("all"))
	}
	if n.Name == "OnDisconnect" && s.over.Load() { // no machine is to be too slow to come back
		_ = self.AddRelay(n.Relay.URL, gennostr.WithHandshakeTimeout(10*time.Second), gennostr.WithPing(10*time.Second, 10*time.Second),
			gennostr.WithWriteTimeout(10*time.Second))
	}
	if s.over.Load() || n.Name == "Init" || n.Name == "OnError" || random.IntN(10) > 0 {
		return nil
	}
	switch random.IntN(12) {
	case 0:
		_ = self.AddRelay(url)
	case 1:
		self.RemoveRelay(url)
	case 2:
		self.Reconnect(url)
	case 3:
		self.Send(url, s.message(random))
	case 4:
		self.Broadcast(s.message(random))
	case 5:
		if n.Name != "Terminate" {
			self.SetTimeout(time.Duration(random.IntN(3)) * time.Millisecond)
			self.Continue("on")
		}
	case 6:
		if n.Name != "Terminate" {
			self.Hibernate()
		}
	case 7:
		cancel := self.SendAfter(time.Millisecond, "later")
		if random.IntN(2) == 0 {
			defer cancel()
		}
	case 8:
		gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, func(int, error) error { return nil })
	case 9:
		_ = self.Relays()
	case 10:
		return errors.New("a problem of the handler")
	case 11:
		_ = self.SetRelays(s.some(random))
	}
	return nil
}

// some are a few of the URLs.
func (s *storm) some(random *rand.Rand) (urls []string) {
	for _, url := range s.urls {
		if random.IntN(3) > 0 {
			urls = append(urls, url)
		}
	}
	return urls
}

func (s *storm) message(random *rand.Rand) gennostr.ClientMessage {
	id := strconv.Itoa(random.IntN(3))
	switch random.IntN(7) {
	case 0:
		return gennostr.Close{SubscriptionID: id}
	case 1:
		return gennostr.PublishEvent{Event: s.events[random.IntN(len(s.events))]}
	case 2:
		return gennostr.CountReq{SubscriptionID: id, Filters: []nostr.Filter{{}}}
	case 3:
		return gennostr.Raw(strings.Repeat("[", random.IntN(100)+1))
	case 4:
		return kit.Request(id, nostr.Filter{}.WithAuthors())
	case 5:
		return gennostr.NegOpen{SubscriptionID: id, Payload: []byte{0x61}}
	}
	return kit.Everything(id)
}

// verb calls one of the client's, as any goroutine may.
func (s *storm) verb(ctx context.Context, random *rand.Rand) {
	url := s.urls[random.IntN(stormRelays)]
	opts := [][]gennostr.RelayOption{nil, nil, {gennostr.WithManualReconnect()}, {gennostr.WithHeader(nil), gennostr.WithTrustedRelay()}}[random.IntN(4)]
	switch random.IntN(14) {
	case 0, 1, 2:
		_ = s.client.AddRelay(url, opts...)
	case 3:
		_, _ = s.client.EnsureRelay(url, opts...)
	case 4:
		_ = s.client.SetRelays(s.some(random), opts...)
	case 5:
		_ = s.client.RemoveRelay(url)
	case 6:
		_ = s.client.Reconnect(url)
	case 7:
		_, _ = s.client.Relay(url)
		_ = s.client.Stats()
	case 8, 9:
		_ = s.client.Send(url, s.message(random))
	case 10:
		_ = s.client.Broadcast(s.message(random))
	case 11:
		soon, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		_ = s.client.Ready(soon, random.IntN(stormRelays+1))
	case 12:
		soon, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		_, _ = s.client.Call(soon, "how are you")
	case 13:
		_ = s.client.Cast(1)
		_ = s.client.Notify(2)
	}
}

// havoc is what relays and networks do.
func (s *storm) havoc(random *rand.Rand) {
	i := random.IntN(stormRelays)
	relay, url := s.relays[i], s.urls[i]
	switch random.IntN(16) {
	case 0:
		relay.Stop()
	case 1, 2:
		_ = relay.Restart()
	case 3:
		relay.DisconnectAll()
	case 4:
		for _, conn := range relay.Connections() {
			relay.CloseConnection(conn.Number, []int{1000, 1001, 1008, 4000}[random.IntN(4)], "so it goes")
		}
	case 5:
		s.network.Partition(url)
	case 6, 7:
		s.network.Heal(url)
	case 8:
		s.network.HoldDials(url)
	case 9, 10:
		s.network.ReleaseDials(url)
	case 11:
		relay.Inject(`["EVENT","all",{` + strings.Repeat("x", random.IntN(6000)))
		relay.Inject(kit.EventFrame(strconv.Itoa(random.IntN(5)), s.events[0]))
	case 12:
		relay.Publish(s.events[random.IntN(len(s.events))])
		relay.Push(kit.Forge(s.events[0]), s.events[1])
	case 13:
		for range 50 { // more than a window
			relay.Push(s.events[random.IntN(len(s.events))])
		}
	case 14:
		relay.CloseSubscription("all", "error: no reason")
	case 15:
		relay.RequestAuth()
		relay.Notice("havoc")
		relay.Clear()
	}
}

// rage lets all of it loose for a while.
func (s *storm) rage() {
	ctx, cancel := context.WithTimeout(context.Background(), stormLength)
	defer cancel()
	var raging sync.WaitGroup
	for who := range uint64(6) {
		raging.Go(func() {
			random := s.random(who + 1)
			for ctx.Err() == nil {
				s.verb(ctx, random)
			}
		})
	}
	for who := range uint64(2) {
		raging.Go(func() {
			random := s.random(who + 100)
			for ctx.Err() == nil {
				s.havoc(random)
				pause := time.NewTimer(time.Duration(random.IntN(2000)) * time.Microsecond)
				<-pause.C
			}
		})
	}
	raging.Wait()
}

// calm repairs what the storm has broken.
func (s *storm) calm(t *testing.T) {
	s.over.Store(true)
	for i, relay := range s.relays {
		s.network.Heal(s.urls[i])
		s.network.ReleaseDials(s.urls[i])
		require.NoError(t, relay.Restart())
	}
}

// strictGrammar is grammar, and what it leaves open: every connection and every
// dial has one OnDisconnect, right behind the OnError of the same value where
// the end is an error; what a connection says lies between its first and last word.
func strictGrammar(t *testing.T, notes []kit.Note) {
	t.Helper()
	kit.Grammar(t, notes)
	open := map[string]bool{}
	for i, n := range notes {
		ok, url := true, n.Relay.URL
		switch n.Name {
		case "OnConnect":
			open[url] = true
		case "OnDisconnect":
			reason := kit.ReasonOf(t, n)
			var closed *gennostr.CloseError
			var dial *gennostr.DialError
			orderly := errors.Is(reason, gennostr.ErrRelayRemoved) || errors.As(reason, &closed) && (closed.Code == 1000 || closed.Code == 1001)
			if !orderly {
				before := notes[max(0, i-1)]
				ok = assert.True(t, before.Name == "OnError" && before.Relay == n.Relay && before.Msg == n.Msg, "OnError comes before, with the same value") &&
					assert.Equal(t, !open[url], errors.As(reason, &dial), "a *DialError, if and only if there was no connection")
			}
			open[url] = false
		case "OnError":
			var reject *gennostr.RejectError
			if errors.As(kit.ReasonOf(t, n), &reject) {
				ok = assert.True(t, open[url], "a refusal of a relay that is not connected")
			}
		}
		require.True(t, ok, "up to here: %v", notes[max(0, i-5):i+1])
	}
}

func TestStressVerbsAgainstHavoc(t *testing.T) {
	s, h := newStorm(t, context.Background())
	s.rage()
	s.calm(t)

	// It works again.
	ctx, cancel := context.WithTimeout(context.Background(), stormPatience)
	defer cancel()
	_, err := s.client.Call(ctx, "are you through") // its last own wishes are behind it
	require.NoError(t, err)
	require.NoError(t, s.client.SetRelays(s.urls))
	back := make(chan error, 1)
	go func() { back <- s.client.Ready(ctx, stormRelays) }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for waiting := true; waiting; {
		select {
		case err := <-back:
			require.NoError(t, err, "%+v", s.client.Relays())
			waiting = false
		case <-again.C:
			for _, url := range s.urls {
				_ = s.client.Reconnect(url) // those that were added WithManualReconnect wait for it
			}
		}
	}

	require.NoError(t, s.client.Stop(context.Background()))
	notes := h.All()
	strictGrammar(t, withoutOwn(notes))
	assert.Equal(t, "Terminate", notes[len(notes)-1].Name)
	t.Logf("%d callbacks, %d connections", len(notes), len(h.Named("OnConnect")))
	require.NotEmpty(t, h.Named("OnConnect"))
}

// withoutOwn leaves the callbacks that concern no relay, and the tasks, out.
func withoutOwn(notes []kit.Note) (list []kit.Note) {
	for _, n := range notes {
		switch n.Name {
		case "Init", "HandleCall", "HandleCast", "HandleInfo", "HandleContinue":
		default:
			list = append(list, n)
		}
	}
	return list
}

func TestStressCancelInTheMiddleOfHavoc(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s, h := newStorm(t, ctx)
	reason := errors.New("the plug was pulled")
	timer := time.AfterFunc(stormLength/2, func() { cancel(reason) })
	defer timer.Stop()
	s.rage()
	s.calm(t)
	kit.Within(t, "the client's end", s.client.Done())
	assert.Equal(t, reason, s.client.Wait())
	notes := h.All()
	strictGrammar(t, withoutOwn(notes))
	assert.Equal(t, "Terminate", notes[len(notes)-1].Name)
}
