package gennostr

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/nostr"
)

// subscription is what a program has declared: filters, on all relays or some. It
// is shared by the supervisor, who keeps it alive on every relay, the deliveries of
// connections, and whoever handles its events.
type subscription struct {
	// immutable
	c       *Client
	name    string     // the handler's; "" of one that was opened from outside
	owner   seen.Owner // to whom the table of what has been seen belongs in part
	cfg     subscribeConfig
	on      map[string]bool // by URL; nil: all relays
	outside *Subscription   // nil: its events go to the handler

	over   atomic.Bool                  // unsubscribed: what still waits is dropped
	now    atomic.Pointer[reqs.Filters] // the filters: what waits and matches none is dropped
	repeat atomic.Uint64                // copies that were not delivered

	mu      sync.Mutex
	filters []nostr.Filter  // guarded by mu
	legs    map[string]*leg // guarded by mu; written by the supervisor only
	memory  memory          // guarded by mu
	former  *former         // of the cursor that it started from; nil if none

	why error // supervisor goroutine only: of the last relay of On that was lost for good
}

// setFilters makes these the filters. Its own they are already. Needs mu, but for one
// that nobody else knows yet.
func (s *subscription) setFilters(filters []nostr.Filter) {
	s.filters = filters
	s.now.Store(reqs.Compile(filters))
}

// equals tells whether the subscription was declared with the same filters.
func (s *subscription) equals(filters []nostr.Filter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.EqualFunc(s.filters, filters, sameFilter)
}

func sameFilter(a, b nostr.Filter) bool { return cursor.FilterHash(a) == cursor.FilterHash(b) }

// wants tells whether an event that waits is still to be handled.
func (s *subscription) wants(e *nostr.Event) bool { return !s.over.Load() && s.now.Load().Match(e) }

// take gives an event of one of its relays to the subscription, and tells whether
// it had not had it. Deliveries of several connections at once.
func (s *subscription) take(m *member, k *legAsk, l *dataLetter) (fresh bool) {
	phase := k.phase(l.Live, m.moved)
	// What nobody wants now is not had by that: it may be wanted later, or come live.
	if !s.wants(l.Event) || s.cfg.liveOnly && phase != PhaseLive {
		return false
	}
	if !s.c.seen.Take(l.Event.ID, s.owner) {
		s.repeat.Add(1)
		return false
	}
	if s.again(l.Event) {
		s.repeat.Add(1)
		return true
	}
	l.keep()
	d := &delivery{dataLetter: l, leg: k.leg, phase: phase}
	k.leg.add(d)
	s.former.begin(l.Event.ID)
	switch {
	case s.outside != nil:
		s.outside.put(d)
	case !s.c.mail.Put(d):
		l.leave() // the client stops; a cursor does not pass it
	}
	return true
}

// date is the client's clock as events are dated.
func (c *Client) date() nostr.Timestamp { return nostr.TimestampOf(c.now()) }

// had tells whether the subscription has had an event. Readers of several connections at once.
func (s *subscription) had(e *nostr.Event) bool { return s.c.seen.Had(e.ID, s.owner) }

// again tells whether an event comes again that was handled before the cursor was taken, and
// remembers it anew.
func (s *subscription) again(e *nostr.Event) bool {
	again := s.former.had(e)
	if again == nil {
		return false
	}
	s.remember(e) // first: a cursor that is taken meanwhile has it twice, rather than not at all
	again.Store(true)
	return true
}

// remember keeps the id of an event that has been handled, for cursors.
func (s *subscription) remember(e *nostr.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory.add(e.ID, e.CreatedAt)
}

// legsNow lists the subscription's legs.
func (s *subscription) legsNow() []*leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*leg, 0, len(s.legs))
	for _, l := range s.legs {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *leg) int { return strings.Compare(a.url, b.url) })
	return list
}

// present sorts the legs of relays that are there before those that are gone. Supervisor goroutine.
func present(legs []*leg) []*leg {
	slices.SortStableFunc(legs, func(a, b *leg) int {
		switch {
		case a.entry != nil && b.entry == nil:
			return -1
		case a.entry == nil && b.entry != nil:
			return 1
		}
		return 0
	})
	return legs
}

// maxGone is of how many relays that are gone a subscription knows where it stood, in
// case they are added again.
const maxGone = 64

// forgetLegs forgets those of relays that are gone, the ones that went first, but for
// what waits of them, and counts the others. Those that On names are no more than that
// says, and stay. Supervisor goroutine.
func (s *subscription) forgetLegs() (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []*leg
	for _, l := range s.legs {
		if l.entry != nil {
			left++
		} else if s.on == nil && l.unfinishedNow() == 0 {
			gone = append(gone, l)
		}
	}
	slices.SortFunc(gone, func(a, b *leg) int { return a.wentAt.Compare(b.wentAt) })
	for _, l := range gone[:max(0, len(gone)-maxGone)] {
		delete(s.legs, l.url)
	}
	return left
}

// filtersNow are the filters. They are not to be changed.
func (s *subscription) filtersNow() []nostr.Filter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filters
}

// memory is a ring of what has been handled last.
type memory struct {
	ring []handled
	next int
}

type handled struct {
	id cursor.Short
	at nostr.Timestamp
}

func (m *memory) add(id nostr.ID, at nostr.Timestamp) {
	h := handled{cursor.ShortOf(id), at}
	if len(m.ring) < cursor.MaxHandled {
		m.ring = append(m.ring, h)
		return
	}
	m.ring[m.next] = h
	m.next = (m.next + 1) % len(m.ring)
}

// since appends what is not older than a time, what was handled last first.
func (m *memory) since(list []cursor.Short, at nostr.Timestamp) []cursor.Short {
	list = slices.Grow(list, len(m.ring))
	for _, part := range [][]handled{m.ring[:m.next], m.ring[m.next:]} {
		for _, h := range slices.Backward(part) {
			if h.at >= at {
				list = append(list, h.id)
			}
		}
	}
	return list
}

// former is what the cursor that a subscription has started from remembers. A nil
// one remembers nothing.
type former struct {
	handled map[cursor.Short]*atomic.Bool // immutable; true once a relay has sent it again

	left       atomic.Int64 // how many are unfinished
	mu         sync.Mutex
	unfinished map[nostr.ID]bool // guarded by mu: ids that are still to come
}

func formerOf(c *cursor.Cursor) *former {
	if len(c.Handled) == 0 && len(c.Unfinished) == 0 {
		return nil
	}
	f := &former{handled: make(map[cursor.Short]*atomic.Bool, len(c.Handled)), unfinished: make(map[nostr.ID]bool, len(c.Unfinished))}
	for _, id := range c.Handled {
		f.handled[id] = new(atomic.Bool)
	}
	for _, id := range c.Unfinished {
		f.unfinished[id] = true
		delete(f.handled, cursor.ShortOf(id))
	}
	f.left.Store(int64(len(f.unfinished)))
	return f
}

// had tells of an event that was handled before the cursor was taken what is to be set once
// it is remembered anew; nil: it was not.
func (f *former) had(e *nostr.Event) (again *atomic.Bool) {
	if f == nil {
		return nil
	}
	return f.handled[cursor.ShortOf(e.ID)]
}

// begin notes that an event which the cursor had as unfinished has come again.
func (f *former) begin(id nostr.ID) {
	if f == nil || f.left.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.unfinished, id)
	f.left.Store(int64(len(f.unfinished)))
}

// toFetch lists the events that the cursor has as unfinished: they are asked for by id.
func (f *former) toFetch() (ids []nostr.ID) {
	_, ids = f.carried()
	return ids
}

// carried is what the next cursor takes over: what no relay has sent again.
func (f *former) carried() (handled []cursor.Short, unfinished []nostr.ID) {
	if f == nil {
		return nil, nil
	}
	for id, again := range f.handled {
		if !again.Load() {
			handled = append(handled, id)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.unfinished {
		unfinished = append(unfinished, id)
	}
	return handled, unfinished
}
