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
	every int        // guarded by mu: all of its stored events, if queries are among its members
	found []*member  // guarded by mu: see wanting
	skips bool       // guarded by mu: a message was too long to be read

	eose   bool // supervisor goroutine only: it has come
	looked int  // supervisor goroutine only: how many stored events there were at the last look
}

// member is an ask's part of a REQ.
type member struct {
	*ask
	route        *route
	asked        *pageCounter    // of a query: what came before the EOSE
	filter       *reqs.Filters   // as it was sent
	unlimited    bool            // it has no limit of its own
	since        nostr.Timestamp // when it was sent
	slipped      int             // guarded by route.mu: events of the page that are dated later, and were published meanwhile
	moved        bool            // it was live in another REQ, which this one takes over
	page         paging.Page     // guarded by route.mu: what came before the EOSE
	last, before arrival         // guarded by route.mu: of the events that no other member asks for, the last two to come
}

func newMember(r *route, k *ask, filter nostr.Filter, moved bool) *member {
	m := &member{
		ask: k, route: r, moved: moved, since: nostr.TimestampOf(r.sent),
		filter: reqs.Compile([]nostr.Filter{filter}), unlimited: filter.Limit == 0 && !filter.LimitZero,
	}
	k.asker.begin(m)
	return m
}

// count notes an event of the REQ for those of its members that ask for it and are not
// gone: of one that is gone nothing counts for where it stands. Needs mu.
func (r *route) count(l *intake.Letter, wanting []*member) {
	anew := false // one of the few that are asked for to take over says nothing about the rest
	for _, m := range wanting {
		if !m.gone.Load() {
			m.asker.count(m, l, len(wanting) > 1)
			anew = anew || !l.Live && !m.moved
		}
	}
	if anew {
		r.total++
	}
}

// stored counts an event that has come before the EOSE; shared: others of the REQ's
// members ask for it as well, those that are gone included, for the relay has them still.
func (m *member) stored(l *intake.Letter, now nostr.Timestamp, shared bool) {
	p, at := &m.page, l.Event.CreatedAt
	switch {
	case p.Events == 0 || at < p.Oldest:
		p.Oldest, p.Edge = at, 1
	case at == p.Oldest:
		p.Edge++
	}
	if (p.Newest == 0 || at > p.Newest) && !at.IsAhead(now) { // one from the future says nothing of what the relay has brought
		p.Newest = at
	}
	if at >= m.since {
		m.slipped++
	}
	if p.Events++; shared {
		p.Shared++
		return
	}
	if p.Events-p.Shared == 1 {
		p.End = at
		m.last, m.before = arrival{l.Number, at}, arrival{0, at}
	}
	p.End = min(p.End, at)
	// They are counted as they are proven, which is not always as they have come.
	switch {
	case l.Number > m.last.number:
		m.before, m.last = m.last, arrival{l.Number, at}
	case l.Number > m.before.number && l.Number != m.last.number:
		m.before = arrival{l.Number, at}
	}
	p.Last = max(m.before.at, m.last.at)
}

// arrival is when an event came, and its date.
type arrival struct {
	number uint64
	at     nostr.Timestamp
}

// had tells whether a proven event has been delivered to all who ask for it; then it
// is counted, and that is all.
func (r *route) had(l *intake.Letter) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanting := r.wanting(l.Event)
	for _, m := range wanting {
		if !m.gone.Load() && !m.asker.had(l.Event) {
			return false
		}
	}
	r.count(l, wanting)
	for _, m := range wanting {
		m.asker.copied()
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
	wanting := r.wanting(l.Event)
	r.count((*intake.Letter)(l), wanting)
	for _, m := range wanting {
		if !m.gone.Load() {
			m.asker.take(m, l, len(wanting) > 1)
		}
	}
	if r.queries > 0 && !l.Live {
		r.countEvery(l)
	}
}

// countEvery counts an event for the queries among the members. A relay that sends more than
// anybody asks for is asked no further. Needs mu.
func (r *route) countEvery(l *dataLetter) {
	if r.every++; r.every+l.Request.Refused() > r.room {
		for _, m := range r.members {
			m.cut(l.Request)
		}
	}
}

// skip notes that an event of the REQ was too long to be read. The reader's goroutine.
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
