// Package auth_test tests AUTH (NIP-42) from outside: against relays that want it, that
// challenge late, often or never, and with signers that are slow, fail, or never answer.
package auth_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

const relayURL = "wss://relay.example/"

var (
	me    = nostrtest.Key(7)
	alias = nostrtest.Key(8)
)

// member has subscriptions, and keeps what it hears of them.
type member struct {
	kit.Listener
	names      []string
	filters    func(name string) []nostr.Filter
	challenges int  // guarded by Mu
	answers    bool // its OnAuth answers, as me
}

// memberOf subscribes to text notes, under so many names.
func memberOf(n int) *member {
	m := &member{filters: func(string) []nostr.Filter {
		return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
	}}
	for i := range n {
		m.names = append(m.names, fmt.Sprint("s", i))
	}
	return m
}

func (m *member) Init(self *gennostr.Self) error {
	for _, name := range m.names {
		if err := self.Subscribe(name, m.filters(name)); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) OnAuth(self *gennostr.Self, relay gennostr.Relay, msg gennostr.AuthMessage) error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.challenges++
	if !m.answers {
		return nil
	}
	event := nostr.NewAuthEvent(relay.Address, msg.Challenge, nostr.Now())
	if err := event.Sign(me); err != nil {
		return err
	}
	self.Send(relay.URL, gennostr.AuthResponse{Event: &event})
	return nil
}

// authErrors are what OnError was told of AUTH.
func (m *member) authErrors() (list []*gennostr.AuthError) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	for _, err := range m.Errors {
		if failed, ok := err.(*gennostr.AuthError); ok {
			list = append(list, failed)
		}
	}
	return list
}

func (m *member) last() (change gennostr.SubscriptionChange) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if n := len(m.Changes); n > 0 {
		change = m.Changes[n-1]
	}
	return change
}

// join starts a member on the relay.
func join(t *testing.T, m *member, network *nostrtest.Network, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	return kit.Start(t, m, over(network, opts...)...)
}

func over(network *nostrtest.Network, opts ...gennostr.Option) []gennostr.Option {
	return kit.Over(network, append([]gennostr.Option{
		gennostr.WithRelays(relayURL), gennostr.WithReconnectSchedule(10 * time.Millisecond), kit.Quietly(),
	}, opts...)...)
}

// live tells whether all subscriptions are live.
func live(client *gennostr.Client) bool {
	for _, s := range client.Subscriptions() {
		if s.Live == 0 {
			return false
		}
	}
	return true
}

// states are where the subscriptions stand on the relay, by name.
func states(client *gennostr.Client) map[string]gennostr.SubscriptionState {
	list := make(map[string]gennostr.SubscriptionState)
	for _, s := range client.Subscriptions() {
		list[s.ID] = s.Relays[0].State
	}
	return list
}

// auths counts the AUTHs that a relay has received on each of its connections.
func auths(relay *nostrtest.Relay) map[int]int {
	count := make(map[int]int)
	for _, m := range relay.Received() {
		if m.Verb == "AUTH" {
			count[m.Connection]++
		}
	}
	return count
}

// publishMany publishes events at once and demands that the relay takes them all.
func publishMany(t *testing.T, client *gennostr.Client, events []*nostr.Event) {
	t.Helper()
	var group sync.WaitGroup
	for _, e := range events {
		group.Go(func() {
			if report, err := client.Publish(context.Background(), e); err != nil {
				t.Errorf("%v: %+v", err, report)
			}
		})
	}
	group.Wait()
}

// signer takes its time, and may be told what to do instead of signing.
type signer struct {
	nostr.Signer
	takes   time.Duration
	instead func(context.Context) error

	mu    sync.Mutex
	calls int
}

func (s *signer) SignEvent(ctx context.Context, e *nostr.Event) error {
	s.mu.Lock()
	s.calls++
	instead := s.instead
	s.mu.Unlock()
	if instead != nil {
		return instead(ctx)
	}
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.Signer.SignEvent(ctx, e)
}

func (s *signer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}
