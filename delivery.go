package gennostr

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/reqs"
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
	accepts int // AUTHs that the relay had accepted before
	members []*member
	queries int // how many of them are of queries
	room    int // stored events that may come for these, and more than that for others

	mu    sync.Mutex // the reader and a delivery may count at once
	total int        // guarded by mu: stored events of the REQ that were asked for anew
	every int        // guarded by mu: all of its stored events
	found []*member  // guarded by mu: see wanting
	skips bool       // guarded by mu: an event could not be read, or not be verified

	eose   bool // supervisor goroutine only: it has come
	looked int  // supervisor goroutine only: how many stored events there were at the last look
}

// member is an ask's part of a REQ.
type member struct {
	*ask
	route     *route
	filter    *reqs.Filters   // as it was sent
	unlimited bool            // it has no limit of its own
	since     nostr.Timestamp // when it was sent
	moved     bool            // it was live in another REQ, which this one takes over
	page      paging.Counter  // guarded by route.mu: of what came before the EOSE
	slipped   int             // guarded by route.mu: events of the page that are dated later, and were published meanwhile
	asked     *queryPage      // guarded by route.mu: what a query has to know of it beside; nil of a subscription
}

func newMember(r *route, k *ask, filter nostr.Filter, moved bool) *member {
	m := &member{
		ask: k, route: r, moved: moved, since: nostr.TimestampOf(r.sent),
		filter: reqs.Compile([]nostr.Filter{filter}), unlimited: filter.Limit == 0 && !filter.LimitZero,
	}
	k.asker.begin(m)
	return m
}

// count counts an event of the REQ. Needs mu.
func (r *route) count(l *intake.Letter, wanting []*member) {
	if l.Live {
		return
	}
	r.every++
	for _, m := range wanting {
		if !m.gone.Load() && !m.moved { // one of the few that are asked for to take over says nothing about the rest
			r.total++
			return
		}
	}
}

// stored counts an event that has come before the EOSE. Fresh: whoever asks had not had it;
// shared: others of the REQ's members ask for it as well, those that are gone included, for
// the relay has them still.
func (m *member) stored(l *intake.Letter, now nostr.Timestamp, fresh, shared bool) {
	if l.Event.CreatedAt >= m.since {
		m.slipped++
	}
	m.page.Event(l.Number, l.Event.CreatedAt, now, fresh, shared)
}

// had tells whether a proven event has been delivered to all who ask for it; then it
// is counted, and that is all.
func (r *route) had(l *intake.Letter) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !l.InOrder && r.queries > 0 && !l.Live && r.every+l.Request.Refused() >= r.room {
		return false // it may end pages, and what came before it has not been counted: it waits its turn
	}
	wanting := r.wanting(l.Event)
	for _, m := range wanting {
		if !m.gone.Load() && !m.asker.had(l) {
			return false
		}
	}
	r.count(l, wanting)
	for _, m := range wanting {
		if !m.gone.Load() { // of one that is, nothing counts for where it stands
			m.asker.copied(m, l, len(wanting) > 1)
		}
	}
	r.bound(l)
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
	wanting := r.wanting(l.Event)
	r.count((*intake.Letter)(l), wanting)
	for _, m := range wanting {
		if !m.gone.Load() {
			m.asker.take(m, l, len(wanting) > 1)
		}
	}
	r.bound((*intake.Letter)(l))
}

// bound has the queries of a REQ that brings more than anybody asks for go on from here: in the order
// of arrival, see queryAsk.had. Needs mu.
func (r *route) bound(l *intake.Letter) {
	if l.InOrder && r.queries > 0 && !l.Live && r.every+l.Request.Refused() > r.room {
		for _, m := range r.members {
			m.cut(l.Request)
		}
	}
}

// skip notes that an event of the REQ could not be read, or not be verified. Any goroutine.
func (r *route) skip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skips = true
}

// wanting lists the members of the REQ that ask for an event of it; of a single one the
// table of requests has made sure. The list is good until the next call. Needs mu.
func (r *route) wanting(e *nostr.Event) []*member {
	if len(r.members) == 1 {
		return r.members
	}
	r.found = r.found[:0]
	for _, m := range r.members {
		if m.filter.Match(e) {
			r.found = append(r.found, m)
		}
	}
	return r.found
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

// giveUp is leave for one that will not be handled: no cursor passes it, and it comes
// again when the program is started again with its cursor.
func (d *delivery) giveUp() {
	d.unhandled.Store(true)
	d.leave()
}

// finish lets cursors pass the event: it has been handled.
func (d *delivery) finish() {
	if !d.unhandled.Load() && d.leg.remove(d) {
		d.leg.sub.remember(d.Event)
	}
}

// drop is for an event that nobody wants any more. It was not had, either: it comes again
// when it is wanted again.
func (d *delivery) drop() {
	d.leg.remove(d)
	sub := d.leg.sub
	sub.c.seen.Forget(d.Event.ID, sub.owner)
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
	relay := d.conn().forCallback()
	e := c.call("OnEvent", relay, d, func() error { return c.handler.OnEvent(c.self, relay, d.message()) })
	if e != nil && isPanic(e.reason) {
		d.unhandled.Store(true)
	}
	c.vacate(d)
	return e
}
