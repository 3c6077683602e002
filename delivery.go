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

	mu    sync.Mutex // the reader and a delivery may count at once
	total int        // guarded by mu: stored events of the REQ that were asked for anew

	eose   bool // supervisor goroutine only: it has come
	looked int  // supervisor goroutine only: how many stored events there were at the last look
}

// member is an ask's part of a REQ.
type member struct {
	*ask
	filter    *reqs.Filters   // as it was sent
	unlimited bool            // it has no limit of its own
	since     nostr.Timestamp // when it was sent
	slipped   int             // guarded by route.mu: events of the page that are dated later, and were published meanwhile
	moved     bool            // it was live in another REQ, which this one takes over
	page      resume.Page     // guarded by route.mu: what came before the EOSE
	before    nostr.Timestamp // guarded by route.mu: the date of the event before
}

func newMember(k *ask, filter nostr.Filter, moved bool, sent time.Time) *member {
	return &member{ask: k, moved: moved, since: nostr.TimestampOf(sent), filter: reqs.Compile([]nostr.Filter{filter}), unlimited: filter.Limit == 0 && !filter.LimitZero}
}

// count notes an event of the REQ for a member that asks for it, and tells whether it
// is a stored one that was asked for anew. Needs mu.
func (r *route) count(m *member, l *intake.Letter) (anew bool) {
	if l.Live {
		m.proven(l.Event.CreatedAt)
		return false
	}
	m.stored(l.Event.CreatedAt)
	return !m.moved // one of the few that are asked for to take over says nothing about the rest
}

// counted counts an event for the REQ as a whole: once, however many ask for it. Needs mu.
func (r *route) counted(anew bool) {
	if anew {
		r.total++
	}
}

// stored counts an event that has come before the EOSE.
func (m *member) stored(at nostr.Timestamp) {
	p := &m.page
	switch {
	case p.Events == 0 || at < p.Oldest:
		p.Oldest, p.Edge = at, 1
	case at == p.Oldest:
		p.Edge++
	}
	if (p.Newest == 0 || at > p.Newest) && !at.IsAhead(nostr.Now()) { // one from the future says nothing of what the relay has brought
		p.Newest = at
	}
	if p.Events == 0 {
		m.before = at
	}
	p.Last, m.before = max(at, m.before), at
	if at >= m.since {
		m.slipped++
	}
	p.Events++
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
	anew := false
	for _, m := range r.members {
		if r.asks(m, l.Event) && !m.gone.Load() {
			anew = r.count(m, l) || anew
			m.leg.sub.repeat.Add(1)
		}
	}
	r.counted(anew)
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
	anew := false
	for _, m := range r.members {
		if !r.asks(m, l.Event) || m.gone.Load() { // of one that is gone nothing counts for where it stands
			continue
		}
		anew = r.count(m, (*intake.Letter)(l)) || anew
		if m.leg.sub.take(m, l) && !l.Live {
			m.page.Fresh++
		}
	}
	r.counted(anew)
}

// asks tells whether a member of the REQ asks for an event of it: of a single one the
// table of requests has made sure.
func (r *route) asks(m *member, e *nostr.Event) bool {
	return len(r.members) == 1 || m.filter.Match(e)
}

// stored is how many stored events have come.
func (r *route) stored() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// answered hands an EOSE or a CLOSED to the supervisor, with what came before it.
func (r *route) answered(l *dataLetter) {
	r.conn.client.sup.inbox.Put(answerOf(r, l))
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
