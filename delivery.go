package gennostr

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// The receiving half of subscriptions: from a connection's proven message to the
// subscriptions that it is for, once each. Reader's side: it decides nothing.

// route is on whose account a REQ is open: the asks that share it. The supervisor
// makes it; the deliveries of its connection count in it, which are one at a time.
type route struct {
	conn    *connection
	number  int // of the REQ, on this connection
	sent    time.Time
	members []*member

	mu    sync.Mutex     // the reader and a delivery may count at once
	total int            // guarded by mu: stored events of the REQ that were asked for anew
	last  *intake.Letter // guarded by mu: the last one of them, which others may ask for too

	eose   bool // supervisor goroutine only: it has come
	looked int  // supervisor goroutine only: how many stored events there were at the last look
}

// member is an ask's part of a REQ.
type member struct {
	*ask
	filter    *reqs.Filters   // as it was sent
	unlimited bool            // it has no limit of its own
	moved     bool            // it was live in another REQ, which this one takes over
	page      resume.Page     // guarded by route.mu: what came before the EOSE
	before    nostr.Timestamp // guarded by route.mu: the date of the event before that no other member asks for
}

func newMember(k *ask, filter nostr.Filter, moved bool) *member {
	return &member{ask: k, moved: moved, filter: reqs.Compile([]nostr.Filter{filter}), unlimited: filter.Limit == 0 && !filter.LimitZero}
}

// count notes an event of the REQ for a member that asks for it, and which others ask
// for as well if it is shared. Needs mu.
func (r *route) count(m *member, l *intake.Letter, shared bool) {
	now := nostr.Now()
	if l.Live {
		m.proven(l.Event.CreatedAt, now)
		return
	}
	m.stored(l.Event.CreatedAt, now, shared)
	if r.last != l && !m.moved { // one of the few that are asked for to take over says nothing about the rest
		r.total, r.last = r.total+1, l
	}
}

// stored counts an event that has come before the EOSE.
func (m *member) stored(at, now nostr.Timestamp, shared bool) {
	p := &m.page
	switch {
	case p.Events == 0 || at < p.Oldest:
		p.Oldest, p.Edge = at, 1
	case at == p.Oldest:
		p.Edge++
	}
	if !at.IsAhead(now) && (p.Newest == 0 || at > p.Newest) { // one from the future says nothing of what the relay has brought
		p.Newest = at
	}
	if p.Events++; shared {
		p.Shared++
		return
	}
	if p.Events-p.Shared == 1 {
		p.End, m.before = at, at
	}
	p.End, p.Last, m.before = min(p.End, at), max(at, m.before), at
}

// had tells whether a proven event has been delivered to all who ask for it; then it
// is counted, and that is all.
func (r *route) had(l *intake.Letter) bool {
	for _, m := range r.members {
		if r.asks(m, l.Event) && !m.gone.Load() && !m.leg.sub.had(l.Event) {
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	shared := r.shares(l.Event)
	for _, m := range r.members {
		if r.asks(m, l.Event) && !m.gone.Load() {
			r.count(m, l, shared)
			m.leg.sub.repeat.Add(1)
		}
	}
	return true
}

// deliver takes a message that is for subscriptions, in order, one at a time.
func (r *route) deliver(l *dataLetter) {
	l.keep() // its room in the window, as long as a subscription has the event
	defer l.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.Event == nil {
		r.answered(l)
		return
	}
	shared := r.shares(l.Event)
	for _, m := range r.members {
		if !r.asks(m, l.Event) || m.gone.Load() { // of one that is gone nothing counts for where it stands
			continue
		}
		r.count(m, (*intake.Letter)(l), shared)
		if m.leg.sub.take(m, l) && !l.Live {
			m.page.Fresh++
		}
	}
}

// asks tells whether a member of the REQ asks for an event of it: of a single one the
// table of requests has made sure.
func (r *route) asks(m *member, e *nostr.Event) bool {
	return len(r.members) == 1 || m.filter.Match(e)
}

// shares tells whether several members of the REQ ask for an event, those that are gone
// included: the relay has them still.
func (r *route) shares(e *nostr.Event) bool {
	n := 0
	for i := 0; len(r.members) > 1 && i < len(r.members) && n < 2; i++ {
		if r.members[i].filter.Match(e) {
			n++
		}
	}
	return n > 1
}

// stored is how many stored events have come.
func (r *route) stored() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// answered hands an EOSE or a CLOSED to the supervisor, with what came before it.
func (r *route) answered(l *dataLetter) {
	r.conn.sup.inbox.Put(answerOf(r, l))
}

// delivery is an event for one subscription, from one of its relays, until it has
// been handled.
type delivery struct {
	*dataLetter
	leg   *leg
	phase Phase
	kept  atomic.Int32 // who still needs it: the loop, holds, items of queues

	unhandled atomic.Bool // its callback panicked, or nobody will ever work on it

	// guarded by leg.mu
	next, prev *delivery // those of the leg that are not finished
	finished   bool
}

func (d *delivery) keep() { d.kept.Add(1) }

func (d *delivery) leave() {
	if d.kept.Add(-1) == 0 {
		d.finish()
		d.dataLetter.leave()
	}
}

// finish lets cursors pass the event: it has been handled.
func (d *delivery) finish() {
	if !d.unhandled.Load() && d.leg.remove(d) {
		d.leg.sub.remember(d.Event)
	}
}

func (d *delivery) isFinished() bool {
	d.leg.mu.Lock()
	defer d.leg.mu.Unlock()
	return d.finished
}

// drop is for an event that nobody wants any more.
func (d *delivery) drop() {
	d.leg.remove(d)
	d.dataLetter.leave()
}

// message is what the handler gets.
func (d *delivery) message() EventMessage {
	return EventMessage{SubscriptionID: d.leg.sub.name, Event: d.Event, Phase: d.phase}
}

func (d *delivery) handle(c *Client) *exit {
	if !d.leg.sub.wants(d.Event) { // unsubscribed, or SetFilters, while it waited
		d.drop()
		return nil
	}
	d.keep()
	c.place = d
	relay := d.conn().relay
	e := c.call("OnEvent", relay, d, func() error { return c.handler.OnEvent(c.self, relay, d.message()) })
	if e != nil && isPanic(e.reason) {
		d.unhandled.Store(true)
	}
	c.vacate(d)
	return e
}
