package gennostr

import (
	"math/rand/v2"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// queryLeg is one query on one relay. What is to be asked next is decided in
// internal/query. Supervisor goroutine only, but for what says otherwise.
type queryLeg struct {
	q     *openQuery // immutable, as are the next two
	index int        // of the relay
	url   string
	rank  int // guarded by openQuery.mu: events that have come

	track *query.Leg   // nil of a count
	tally *query.Tally // nil of a query

	entry   *relayEntry              // nil: it has none, or the leg is over
	engaged bool                     // the relay is needed for it (On)
	asks    map[*query.Ask]*queryAsk // open, or in the slots' queue
	counts  map[*query.CountAsk]*queryAsk
	held    []*queryAsk // refused for now, or for want of AUTH
	delayed []*queryAsk // wait until there is room for what they bring
	bytes   int         // how long a REQ may be for which the filters were split
	retries int
	authing bool  // some of held wait for AUTH
	over    bool  // nothing more is asked
	err     error // why the relay cannot be asked, or was not waited for
	clock   error // a *ClockError: what explains that the relay refuses dates
}

// queryAsk is one filter of a query as it is asked for on one connection, or one COUNT.
type queryAsk struct {
	ask
	leg     *queryLeg
	of      *query.Ask      // nil of a COUNT
	counted *query.CountAsk // nil of a REQ
	skips   bool            // written before the supervisor is told of its page: something could not be read
	id      string          // of a COUNT that is sent
	words   string          // the relay's, why it wants AUTH
}

func newQueryAsk(l *queryLeg, a *query.Ask) *queryAsk {
	k := &queryAsk{leg: l, of: a, ask: ask{filter: a.Filter, moved: a.Filter, once: true}}
	k.asker, k.group = k, k
	return k
}

// queryPage is what a member of a REQ has for a query, beside what it counts. Guarded by route.mu.
type queryPage struct {
	ids      []nostr.ID            // that have come
	came     map[nostr.ID]struct{} // the same, once it matters
	repeated int                   // events that have come before
	told     bool                  // the supervisor has been
	cut      bool                  // nothing counts any more: it is asked for again from here
}

// repeats tells whether an event has come before, and notes it.
func (p *queryPage) repeats(id nostr.ID, fresh bool) bool {
	if fresh && p.came == nil { // then it has not, and most are
		p.ids = append(p.ids, id)
		return false
	}
	if p.came == nil {
		p.came = make(map[nostr.ID]struct{}, len(p.ids))
		for _, id := range p.ids {
			p.came[id] = struct{}{}
		}
		p.ids = nil
	}
	before := len(p.came)
	p.came[id] = struct{}{}
	return len(p.came) == before
}

// begin makes a member of a REQ one of a query's. Supervisor goroutine, before it is sent.
func (k *queryAsk) begin(m *member) {
	m.asked, m.page = new(queryPage), k.of.Counter()
	m.route.queries++
	m.route.room += k.leg.track.Room(k.of)
}

// had tells whether the query has an event already, or takes none: then a copy is counted, and
// nothing else. That is done in the order of arrival: where a page is cut, all that came before
// that has been counted, and nothing that came after.
func (k *queryAsk) had(l *intake.Letter) bool {
	return l.InOrder && (k.of.Silent || k.leg.q.had(l.Event.ID))
}

// copied counts a copy, of which nothing is kept.
func (k *queryAsk) copied(m *member, l *intake.Letter, shared bool) {
	k.take(m, (*dataLetter)(l), shared)
}

// take hands a stored event to the query, at once: it takes no room in the relay's window.
func (k *queryAsk) take(m *member, l *dataLetter, shared bool) {
	p := m.asked
	if l.Live || p.cut {
		return
	}
	fresh, full := m.page.Events() == 0, false
	if !k.of.Silent {
		fresh, full = k.leg.q.take(k.leg, l.Event)
	}
	if p.repeats(l.Event.ID, fresh) {
		p.repeated++
	} else {
		m.stored((*intake.Letter)(l), k.leg.q.begun, fresh, shared)
	}
	if full {
		m.cut(l.Request)
	}
}

// pageOf counts each event of the REQ.
func (k *queryAsk) pageOf(m *member, _, refused int, hint paging.Hint) paging.Page {
	if !m.asked.told { // the supervisor reads it when it is told of the page
		m.asked.told, k.skips = true, m.route.skips
	}
	return m.page.Page(m.route.every+refused, refused+m.asked.repeated, hint)
}

// cut has what came so far taken for a page, after which there is more. Needs route.mu.
func (m *member) cut(r *reqs.Request) {
	if m.asked == nil || m.asked.cut || m.gone.Load() {
		return
	}
	m.asked.cut = true
	m.route.conn.client.sup.inbox.Put(pageCut{m.route, m, m.asker.pageOf(m, 0, r.Refused(), paging.More)})
}

// pageCut says that a REQ has brought as much for one of its members as there is room for.
type pageCut struct {
	route *route
	m     *member
	page  paging.Page
}

// supervise closes the REQ, if no other needs it, and goes on from there. If all of the page
// has one date, it may be that nothing but the lack of room has made it that short.
func (ev pageCut) supervise(s *supervisor) {
	e, k, p := ev.route.conn.entry, ev.m.asker.(*queryAsk), ev.page
	if e.conn != ev.route.conn || e.asking.slots == nil || k.leg.asks[k.of] != k || k.gone.Swap(true) {
		return
	}
	e.asking.slots.Remove(s.client.now(), &k.ask)
	delete(k.leg.asks, k.of)
	if k.skips {
		k.leg.track.Skipped(k.of)
	}
	if p.Oldest == p.Newest && p.Events < queueEvents {
		s.putAsks(e, k.leg, k.leg.track.Lost(k.of), 0)
	} else {
		s.putAsks(e, k.leg, k.leg.track.Answered(k.of, p, s.caps(e)), 0)
	}
	s.ask(e)
}

// answered is for the EOSE of its REQ.
func (k *queryAsk) answered(s *supervisor, e *relayEntry, p paging.Page, caps paging.Caps, _ time.Time) {
	l := k.leg
	if l.asks[k.of] != k || k.gone.Swap(true) {
		return
	}
	delete(l.asks, k.of)
	if k.skips {
		l.track.Skipped(k.of)
	}
	s.putAsks(e, l, l.track.Answered(k.of, p, caps), 0)
}

// lost asks for the same again.
func (k *queryAsk) lost(s *supervisor, e *relayEntry, within int) {
	if l := k.leg; k.counted != nil {
		s.putCounts(e, l, l.tally.Lost(k.counted))
	} else {
		delete(l.asks, k.of)
		s.putAsks(e, l, l.track.Lost(k.of), within)
	}
}

// refused asks for something else, or later, if that makes sense.
func (k *queryAsk) refused(s *supervisor, e *relayEntry, reason limits.Reason, message string) {
	k.gone.Store(true)
	if clock := e.wrongClockFor(message, s.client.now(), k.asksFor()); clock != nil {
		k.leg.clock = clock
	}
	if l := k.leg; k.counted != nil {
		asks, wait := l.tally.Refused(k.counted, reason, message)
		s.putOff(e, k, wait)
		s.putCounts(e, l, asks)
	} else {
		delete(l.asks, k.of)
		asks, wait := l.track.Refused(k.of, reason, message)
		s.putOff(e, k, wait)
		s.putAsks(e, l, asks, 0)
	}
}

// asksFor is what was refused.
func (k *queryAsk) asksFor() nostr.Filter {
	if k.counted != nil {
		return k.counted.Filter
	}
	return k.filter
}

// needsAuth has it wait for AUTH. What it has to wait for, doAuth says.
func (k *queryAsk) needsAuth(s *supervisor, e *relayEntry, message string, shared bool) {
	l := k.leg
	delete(l.asks, k.of)
	k.gone.Store(true)
	k.auth, k.shared, k.words = true, shared, message
	k.heldBack(message)
	l.held = append(l.held, k)
	if !l.authing {
		l.authing = true
		s.authOf(e).machine.Tried(l) // of what was accepted since, it would have been told
		s.want(e, l, nostr.PubKey{})
	}
}

// heldBack notes in what words the relay has refused it until there is AUTH.
func (k *queryAsk) heldBack(words string) {
	if k.counted != nil {
		k.leg.tally.HeldBack(k.counted, words)
	} else {
		k.leg.track.HeldBack(k.of, words)
	}
}

// authDone asks again what waited for AUTH.
func (l *queryLeg) authDone(s *supervisor, e *relayEntry) {
	l.authing = false
	l.askAgain(s, e, func(k *queryAsk) bool { return k.auth })
}

// authFailed gives up what waited for AUTH. If the fault may be another's with whom it shared a
// REQ, it is asked for again, and that is found.
func (l *queryLeg) authFailed(s *supervisor, e *relayEntry, err *AuthError) {
	l.authing = false
	if l.entry != e || e.conn == nil {
		return
	}
	l.askAgain(s, e, func(k *queryAsk) bool { return k.auth && k.shared })
	left := l.held
	l.held = nil
	for _, k := range left {
		if !k.auth {
			l.held = append(l.held, k)
			continue
		}
		l.err = err
		k.refused(s, e, limits.AuthRequired, k.words)
	}
}

// askAgain asks again for what was refused, as far as these go.
func (l *queryLeg) askAgain(s *supervisor, e *relayEntry, these func(*queryAsk) bool) {
	if l.entry != e || e.conn == nil {
		return
	}
	held := l.held
	l.held = nil
	for _, k := range held {
		if these(k) {
			if k.auth {
				k.heldBack("")
			}
			k.lost(s, e, 0)
		} else {
			l.held = append(l.held, k)
		}
	}
}

const (
	// firstAgain and longestAgain are the least and the most that a query waits before it
	// repeats what a relay has refused and may serve later.
	firstAgain   = time.Second
	longestAgain = time.Minute
)

// patience is how long to wait before what was refused is asked again: twice as long each
// time, give or take a fifth.
func (l *queryLeg) patience() time.Duration {
	d := min(longestAgain, firstAgain<<min(l.retries, 16))
	l.retries++
	return time.Duration(float64(d) * (1 + l.entry.cfg.schedule.Jitter*(2*rand.Float64()-1)))
}

// waits tells whether it waits for something of the relay's.
func (l *queryLeg) waits() bool { return len(l.asks) > len(l.delayed) || len(l.counts) > 0 }
