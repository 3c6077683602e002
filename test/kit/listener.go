package kit

import (
	"sync"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Listener counts the events that it hears, and keeps what it is told of its
// subscriptions and of problems. Handlers embed it; one with an OnEvent of its own
// calls the listener's.
type Listener struct {
	gennostr.BaseHandler

	Mu      sync.Mutex
	Heard   map[nostr.ID]int              // guarded by Mu: how often each event came
	Changes []gennostr.SubscriptionChange // guarded by Mu
	Errors  []error                       // guarded by Mu
}

func (l *Listener) OnEvent(_ *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	if l.Heard == nil {
		l.Heard = make(map[nostr.ID]int)
	}
	l.Heard[msg.Event.ID]++
	return nil
}

func (l *Listener) OnSubscription(_ *gennostr.Self, _ gennostr.Relay, change gennostr.SubscriptionChange) error {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.Changes = append(l.Changes, change)
	return nil
}

func (l *Listener) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.Errors = append(l.Errors, err)
	return nil
}
