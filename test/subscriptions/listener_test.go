// Package subscriptions_test tests subscriptions from outside: against a relay that
// is cut, that caps its pages and its subscriptions, whose clock is wrong.
package subscriptions_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

func TestMain(m *testing.M) {
	if underRace { // a program of the model takes seconds; the gate runs hundreds without it
		_ = flag.Set("rapid.checks", "15") // before the command line is read, which says otherwise
	}
	kit.Main(m)
}

// listener subscribes in Init, and keeps what it hears.
type listener struct {
	gennostr.BaseHandler
	subscribe func(*gennostr.Self) error
	onEvent   func(*gennostr.Self, gennostr.EventMessage) error

	mu      sync.Mutex
	heard   map[nostr.ID]int
	phases  map[gennostr.Phase]int
	order   []gennostr.EventMessage
	changes []gennostr.SubscriptionChange
	eoses   int
	errors  []error
}

// listensTo makes one with a subscription "all".
func listensTo(filters []nostr.Filter, opts ...gennostr.SubscribeOption) *listener {
	return &listener{subscribe: func(self *gennostr.Self) error { return self.Subscribe("all", filters, opts...) }}
}

var textNotes = []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}

func (l *listener) Init(self *gennostr.Self) error {
	if l.heard == nil {
		l.heard, l.phases = map[nostr.ID]int{}, map[gennostr.Phase]int{}
	}
	return l.subscribe(self)
}

func (l *listener) OnEvent(self *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	l.mu.Lock()
	l.heard[msg.Event.ID]++
	l.phases[msg.Phase]++
	l.order = append(l.order, msg)
	l.mu.Unlock()
	if l.onEvent != nil {
		return l.onEvent(self, msg)
	}
	return nil
}

func (l *listener) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.eoses++
	return nil
}

func (l *listener) OnSubscription(_ *gennostr.Self, _ gennostr.Relay, change gennostr.SubscriptionChange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, change)
	return nil
}

func (l *listener) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors = append(l.errors, err)
	return nil
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard)
}

// eachOnce demands that every event was heard, each once.
func (l *listener) eachOnce(t *testing.T, events []*nostr.Event) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, twice := 0, 0
	for _, e := range events {
		switch n := l.heard[e.ID]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	assert.Zero(t, missing, "of %d events are missing", len(events))
	assert.Zero(t, twice, "came more than once")
}

// gaps lists the gaps that were reported.
func (l *listener) gaps() (list []gennostr.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.changes {
		if c.Gap != nil {
			list = append(list, *c.Gap)
		}
	}
	return list
}

// waitLive waits until all subscriptions of a client are live on n relays.
func waitLive(t *testing.T, client *gennostr.Client, n int) {
	t.Helper()
	waitUntil(t, fmt.Sprintf("live on %d", n), func() bool {
		for _, s := range client.Subscriptions() {
			if s.Live < n {
				return false
			}
		}
		return true
	})
}

// waitUntil looks every 5 ms, in virtual time or not, as long as no machine is that slow.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 12_000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.FailNow(t, "never: "+what)
}

func start(t *testing.T, h gennostr.Handler, network *nostrtest.Network, urls []string, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	opts = append([]gennostr.Option{gennostr.WithRelays(urls...), kit.Quietly()}, opts...)
	return kit.Start(t, h, kit.Over(network, opts...)...)
}

var background = context.Background()

// sized is a test's number, and another one under the race detector.
func sized(n, race int) int {
	if underRace {
		return race
	}
	return n
}
