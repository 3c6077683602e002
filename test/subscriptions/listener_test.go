// Package subscriptions_test tests subscriptions from outside: against a relay that
// is cut, that caps its pages and its subscriptions, whose clock is wrong.
package subscriptions_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

func TestMain(m *testing.M) {
	if kit.UnderRace { // a program of the model takes seconds; the gate runs hundreds without it
		_ = flag.Set("rapid.checks", "15") // before the command line is read, which says otherwise
	}
	kit.Main(m)
}

// listener subscribes in Init, and keeps what it hears.
type listener struct {
	kit.Listener
	subscribe func(*gennostr.Self) error
	onEvent   func(*gennostr.Self, gennostr.EventMessage) error
	order     []gennostr.EventMessage // guarded by Mu
	eoses     int                     // guarded by Mu
}

// listensTo makes one with a subscription "all".
func listensTo(filters []nostr.Filter, opts ...gennostr.SubscribeOption) *listener {
	return &listener{subscribe: func(self *gennostr.Self) error { return self.Subscribe("all", filters, opts...) }}
}

var textNotes = []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}

func (l *listener) Init(self *gennostr.Self) error { return l.subscribe(self) }

func (l *listener) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	_ = l.Listener.OnEvent(self, relay, msg)
	l.Mu.Lock()
	l.order = append(l.order, msg)
	l.Mu.Unlock()
	if l.onEvent != nil {
		return l.onEvent(self, msg)
	}
	return nil
}

func (l *listener) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.eoses++
	return nil
}

// phases counts the events of each phase.
func (l *listener) phases() map[gennostr.Phase]int {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	count := make(map[gennostr.Phase]int)
	for _, m := range l.order {
		count[m.Phase]++
	}
	return count
}

func (l *listener) count() int {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	return len(l.Heard)
}

// eachOnce demands that every event was heard, each once.
func (l *listener) eachOnce(t *testing.T, events []*nostr.Event) {
	t.Helper()
	l.Mu.Lock()
	defer l.Mu.Unlock()
	missing, twice := 0, 0
	for _, e := range events {
		switch n := l.Heard[e.ID]; {
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
	l.Mu.Lock()
	defer l.Mu.Unlock()
	for _, c := range l.Changes {
		if c.Gap != nil {
			list = append(list, *c.Gap)
		}
	}
	return list
}

// waitLive waits until all subscriptions of a client are live on n relays.
func waitLive(t *testing.T, client *gennostr.Client, n int) {
	t.Helper()
	kit.WaitUntil(t, fmt.Sprintf("live on %d", n), func() bool {
		for _, s := range client.Subscriptions() {
			if s.Live < n {
				return false
			}
		}
		return true
	})
}

func start(t *testing.T, h gennostr.Handler, network *nostrtest.Network, urls []string, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	opts = append([]gennostr.Option{gennostr.WithRelays(urls...), kit.Quietly()}, opts...)
	return kit.Start(t, h, kit.Over(network, opts...)...)
}

var background = context.Background()

// plain is a text note for a test of thousands, which is about something else than
// signatures: under the race detector, where one takes ten milliseconds, it has none.
// Clients take it by plainly.
func plain(at nostr.Timestamp, author int, content string, tags ...nostr.Tag) *nostr.Event {
	if !kit.UnderRace {
		return nostrtest.TextNoteAt(at, nostrtest.Key(author), content, tags...)
	}
	e := &nostr.Event{PubKey: authors[author], CreatedAt: at, Kind: nostr.KindTextNote, Tags: append(nostr.Tags{}, tags...), Content: content}
	e.ID = e.GetID()
	return e
}

// authors are the public keys of the first test keys.
var authors = func() (list [9]nostr.PubKey) {
	for i := range list {
		list[i] = nostrtest.PubKey(i)
	}
	return list
}()

// plains are n plain notes, one in each step back from now.
func plains(n int, step time.Duration) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = plain(nostr.TimestampOf(time.Now().Add(-time.Duration(i)*step)), 1+i%5, fmt.Sprint(i))
	}
	return list
}

// plainly starts a client that takes plain notes.
func plainly(t *testing.T, h gennostr.Handler, network *nostrtest.Network, urls []string, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	if kit.UnderRace {
		opts = append(opts, gennostr.WithTrustedRelay())
	}
	return start(t, h, network, urls, opts...)
}
