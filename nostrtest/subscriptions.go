package nostrtest

import (
	"slices"
	"sync/atomic"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// subscription is an open REQ. But for over it is immutable.
type subscription struct {
	id      string
	filters []nostr.Filter
	over    atomic.Bool // closed or replaced by the client: what is queued for it is dropped

	// Of relays in the wild.
	perFilter bool                    // a live event comes once for each filter that it matches
	deafToIDs bool                    // nothing live comes for a filter with ids
	crossed   bool                    // see CrossedListeners
	hidden    func(*nostr.Event) bool // events that this client is not shown; nil: none
}

// subscription returns the open subscription with this id, or nil. Caller holds
// relay.mu.
func (s *session) subscription(id string) *subscription {
	i := slices.IndexFunc(s.subscriptions, func(sub *subscription) bool { return sub.id == id })
	if i < 0 {
		return nil
	}
	return s.subscriptions[i]
}

// dropSubscription ends the subscription on the client's wish: what is queued for it is
// dropped. Caller holds relay.mu.
func (s *session) dropSubscription(id string) bool {
	sub := s.takeSubscription(id)
	if sub != nil {
		sub.over.Store(true)
	}
	return sub != nil
}

// takeSubscription removes the subscription and returns it, nil if it is not open.
// Caller holds relay.mu.
func (s *session) takeSubscription(id string) *subscription {
	sub := s.subscription(id)
	if sub != nil {
		s.remember(id, sub.filters)
		s.subscriptions = slices.DeleteFunc(s.subscriptions, func(other *subscription) bool { return other == sub })
	}
	return sub
}

// forget ends a subscription from the relay's side.
func (s *session) forget(id string) {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.takeSubscription(id)
	s.relay.changed.ring()
}

// remember keeps what was asked for last under an id, for faults that go on with it when
// it is over. Who asks anew ends that. Caller holds relay.mu.
func (s *session) remember(id string, filters []nostr.Filter) {
	if !s.relay.faults.any.Load() {
		return
	}
	if s.asked == nil {
		s.asked = make(map[string][]nostr.Filter)
	}
	s.asked[id] = filters
	s.undead = slices.DeleteFunc(s.undead, func(sub *subscription) bool { return sub.id == id })
}

// revive makes live events go on coming under an id that has had its CLOSED.
func (s *session) revive(id string) {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	filters, known := s.asked[id]
	if known && s.subscription(id) == nil && !slices.ContainsFunc(s.undead, func(sub *subscription) bool { return sub.id == id }) {
		s.undead = append(s.undead, &subscription{id: id, filters: filters})
	}
}

// push sends an event to every subscription that it matches, once each (P17), and
// returns how often it was sent. Caller holds mu.
func (r *Relay) push(event *nostr.Event) (sent int) {
	size, crossing := eventSize(event), r.crossing(event)
	for _, s := range r.sessions {
		for _, list := range [][]*subscription{s.subscriptions, s.undead} {
			for _, sub := range list {
				for range sub.wants(event, crossing) {
					s.send(outItem{
						message:      wire.Event{SubscriptionID: sub.id, Event: event},
						subscription: sub,
						size:         size + len(sub.id),
					})
					sent++
				}
			}
		}
	}
	return sent
}

// crossing reports whether, of the subscriptions that CrossedListeners is for, one has the
// event's author in a filter and one has its kind. Caller holds mu.
func (r *Relay) crossing(event *nostr.Event) bool {
	author, kind := false, false
	for _, s := range r.sessions {
		for _, sub := range s.subscriptions {
			for _, f := range sub.filters {
				if sub.crossed && sub.listens(f) {
					author = author || slices.Contains(f.Authors, event.PubKey)
					kind = kind || slices.Contains(f.Kinds, event.Kind)
				}
			}
		}
	}
	return author && kind
}

// listens reports whether a filter of the subscription is of use for live events.
func (sub *subscription) listens(f nostr.Filter) bool { return !sub.deafToIDs || f.IDs == nil }

// wants returns how often a live event is sent for a subscription.
func (sub *subscription) wants(event *nostr.Event, crossing bool) int {
	if sub.hidden != nil && sub.hidden(event) {
		return 0
	}
	n := 0
	for _, f := range sub.filters {
		if sub.crossed && crossing && (f.Authors == nil) != (f.Kinds == nil) {
			continue
		}
		if sub.listens(f) && matches(f, event) {
			if n++; !sub.perFilter {
				break
			}
		}
	}
	return n
}
