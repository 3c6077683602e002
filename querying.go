package gennostr

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
)

// What the supervisor does for queries. It feeds the machine that says what is to be asked
// of one relay (internal/query), and does what it says: its asks share the slots with
// those of subscriptions (asking.go).

type (
	queryBegun     struct{ q *openQuery }
	queryCancelled struct { // whoever has asked does not wait any more
		q     *openQuery
		cause error
	}
	querySettled struct{ q *openQuery } // there can be no more, or is no room for more
	queryDrained struct{ q *openQuery } // there is room again
)

// supervise begins a query. One of Init waits until the relays of WithRelays are there.
func (ev queryBegun) supervise(s *supervisor) {
	switch q := ev.q; {
	case closedChannel(q.over): // it has ended while it waited
	case !s.begun && s.unquerying == nil && q.cfg.on == nil:
		s.early = append(s.early, ev)
		s.later.Set(laterKey{query: q}, q.until)
	default:
		s.query(q)
	}
}

// finishQuery ends a query that has no leg, or none any more.
func (s *supervisor) finishQuery(q *openQuery, cause error) {
	delete(s.queries, q)
	s.later.Cancel(laterKey{query: q})
	q.finish(cause)
}

func (ev queryCancelled) supervise(s *supervisor) { s.endQuery(ev.q, ev.cause) }

func (ev querySettled) supervise(s *supervisor) { s.endQuery(ev.q, nil) }

// query begins a query on all its relays.
func (s *supervisor) query(q *openQuery) {
	if s.unquerying != nil {
		s.finishQuery(q, s.unquerying)
		return
	}
	nothing := q.newLeg(0, "").done() // to be asked of anybody
	urls := s.relaysOf(q.cfg.on)
	if len(urls) == 0 {
		cause := error(ErrNoRelay)
		if nothing {
			cause = nil
		}
		q.satisfied = nothing
		s.finishQuery(q, cause)
		return
	}
	s.queries[q] = struct{}{}
	s.asked++
	q.number, q.left = s.asked, len(urls)
	q.answers = make([]RelayAnswer, len(urls))
	if q.count {
		q.counts = make([]RelayCount, len(urls))
	}
	for i, url := range urls {
		q.legs = append(q.legs, q.newLeg(i, url))
	}
	s.later.Set(laterKey{query: q}, q.until)
	for _, l := range q.going() {
		s.beginQueryLeg(l)
	}
}

// going lists the legs that are not over. Those of relays that are done have gone, and any
// of these may end while the list is walked.
func (q *openQuery) going() []*queryLeg {
	return slices.DeleteFunc(slices.Clone(q.legs), func(l *queryLeg) bool { return l == nil })
}

func (q *openQuery) newLeg(index int, url string) *queryLeg {
	l := &queryLeg{q: q, index: index, url: url, asks: make(map[*query.Ask]*queryAsk), counts: make(map[*query.CountAsk]*queryAsk)}
	if q.count {
		l.tally = query.NewTally(q.filters)
	} else {
		l.track = query.NewLeg(q.filters, query.Config{Mode: q.cfg.mode})
	}
	return l
}

// beginQueryLeg asks a relay, or says why not.
func (s *supervisor) beginQueryLeg(l *queryLeg) {
	q := l.q
	if l.over || l.done() {
		s.endQueryLeg(l)
		return
	}
	e, err := s.relays[l.url], error(nil)
	if q.cfg.on != nil {
		e, err = s.engage(l.url, cmp.Or(q.cfg.written[l.url], l.url), l)
		l.engaged = err == nil
	}
	if err != nil {
		s.giveUpQueryLeg(l, err)
		return
	}
	if e.asking == nil {
		e.asking = &asking{legs: make(map[*subscription]*leg)}
	}
	l.entry = e
	e.asking.queries = append(e.asking.queries, l)
	if e.stage == connected {
		s.queryUp(e, l)
		s.askSoon(e)
	} else if err := e.unreachable(q.until); err != nil {
		s.giveUpQueryLeg(l, err)
	}
}

// unreachable is why a relay is not waited for, until then: it was lost, or could not be
// dialled, and waits for its next dial. nil: it is dialled, or about to be, as is a guest that
// was lost when nobody needed it.
func (e *relayEntry) unreachable(until time.Time) error {
	switch {
	case e.again != nil || e.removed, e.guest && !e.failed && !e.gone && e.redialAt.Before(until):
		return nil
	case e.stage == down, e.stage == waiting, e.stage == telling:
		if e.lastErr != errNotNeeded && e.lastErr != errOtherwise {
			return e.lastErr
		}
	}
	return nil
}

// queryUp asks what has not been answered, on a connection that is open.
func (s *supervisor) queryUp(e *relayEntry, l *queryLeg) {
	if e.asking.slots == nil {
		s.open(e)
	}
	l.err = nil
	l.bytes = e.lore().limits.MessageBytes()
	if bytes := max(1, l.bytes-frameOf); l.tally != nil {
		s.putCounts(e, l, l.tally.Up(bytes))
	} else {
		s.putAsks(e, l, l.track.Up(bytes), 0)
	}
}

// putAsks hands asks to the slots, and ends a leg that has none left.
func (s *supervisor) putAsks(e *relayEntry, l *queryLeg, asks []*query.Ask, within int) {
	if l.over {
		return
	}
	for _, a := range asks {
		k := newQueryAsk(l, a)
		k.within = within
		l.asks[a] = k
		if l.q.stream && l.q.delays() {
			l.delayed = append(l.delayed, k)
			s.pauseQuery(l.q)
			continue
		}
		s.put(e, &k.ask)
	}
	if l.done() {
		s.endQueryLeg(l)
	}
}

func (l *queryLeg) done() bool {
	if l.tally != nil {
		return l.tally.Done()
	}
	return l.track.Done()
}

// pauseQuery stops a deadline: who ranges over the query keeps its relays waiting.
func (s *supervisor) pauseQuery(q *openQuery) {
	if q.paused.IsZero() {
		q.paused = s.client.now()
		s.later.Cancel(laterKey{query: q})
	}
}

// supervise goes on where there was no room.
func (ev queryDrained) supervise(s *supervisor) {
	q, now := ev.q, s.client.now()
	if _, open := s.queries[q]; !open {
		return
	}
	if !q.paused.IsZero() {
		q.until, q.paused = q.until.Add(now.Sub(q.paused)), time.Time{}
		s.later.Set(laterKey{query: q}, q.until)
	}
	for _, l := range q.going() {
		delayed := l.delayed
		l.delayed = nil
		if e := l.entry; e != nil && len(delayed) > 0 {
			for _, k := range delayed {
				s.put(e, &k.ask)
			}
			s.askSoon(e)
		}
	}
}

// askSoon has ask follow when the supervisor has done what is at hand: queries that begin or
// end side by side are seen to together.
func (s *supervisor) askSoon(e *relayEntry) {
	if !e.asking.soon {
		e.asking.soon = true
		s.toAsk = append(s.toAsk, e)
	}
}

// askNow does what askSoon has put off.
func (s *supervisor) askNow() {
	for len(s.toAsk) > 0 {
		list := s.toAsk
		s.toAsk = nil
		for _, e := range list {
			e.asking.soon = false
			s.ask(e)
		}
	}
}

// putOff has what was refused for now asked again later; not wait: it is not.
func (s *supervisor) putOff(e *relayEntry, k *queryAsk, wait bool) {
	if !wait {
		return
	}
	l := k.leg
	l.held = append(l.held, k)
	if key := (laterKey{entry: e, queryLeg: l}); !s.isSet(key) {
		s.later.Set(key, s.client.now().Add(l.patience()))
	}
}

// endQueryLeg takes a leg off its relay.
func (s *supervisor) endQueryLeg(l *queryLeg) {
	q := l.q
	if l.over {
		return
	}
	l.over = true
	if e := l.entry; e != nil {
		l.entry = nil
		s.takeOff(e, l)
	}
	q.legs[l.index] = nil
	q.answer(l)
	if q.left--; q.left == 0 {
		s.finishQuery(q, q.ended)
	}
}

// takeOff closes what a leg has open on a relay.
func (s *supervisor) takeOff(e *relayEntry, l *queryLeg) {
	e.asking.queries = slices.DeleteFunc(e.asking.queries, func(o *queryLeg) bool { return o == l })
	s.later.Cancel(laterKey{entry: e, queryLeg: l})
	s.later.Cancel(laterKey{entry: e, queryLeg: l, notice: true})
	if e.auth != nil {
		e.auth.forget(l)
	}
	for _, k := range l.asks {
		k.gone.Store(true)
		if e.asking.slots != nil {
			e.asking.slots.Remove(s.client.now(), &k.ask)
		}
	}
	for _, k := range l.counts {
		k.endCount(e.conn)
	}
	clear(l.asks)
	clear(l.counts)
	l.held, l.delayed = nil, nil
	s.askSoon(e)
	if l.engaged {
		l.engaged = false
		s.disengage(e, l)
	}
}

// giveUpQueryLeg is for a relay that cannot be asked.
func (s *supervisor) giveUpQueryLeg(l *queryLeg, err error) {
	if l.over {
		return
	}
	l.err = err
	if words := err.Error(); l.tally != nil {
		l.tally.Expire(words)
	} else {
		l.track.Expire(words)
	}
	s.endQueryLeg(l)
}

// expireQuery is for the deadline.
func (s *supervisor) expireQuery(q *openQuery) {
	if _, open := s.queries[q]; !open { // it waits for Init still
		s.finishQuery(q, context.DeadlineExceeded)
		return
	}
	for _, l := range q.going() {
		if l.tally != nil {
			l.tally.Expire("")
		} else {
			l.track.Expire("")
		}
		s.endQueryLeg(l)
	}
}

// endQuery ends a query before its relays have answered. Without a cause it has all that
// there can be.
func (s *supervisor) endQuery(q *openQuery, cause error) {
	_, open := s.queries[q]
	switch {
	case closedChannel(q.over):
		return
	case cause == context.DeadlineExceeded:
		s.expireQuery(q)
		return
	case !open: // it waits for Init still
		s.finishQuery(q, cause)
		return
	}
	q.ended = cause
	for _, l := range q.going() {
		l.err = cause
		if l.tally != nil {
			l.tally.Stop()
		} else {
			l.track.Stop()
		}
		s.endQueryLeg(l)
	}
}

// queriesDown voids what was asked: the connection has ended.
func (s *supervisor) queriesDown(e *relayEntry) {
	for _, l := range e.asking.queries {
		s.later.Cancel(laterKey{entry: e, queryLeg: l})
		s.later.Cancel(laterKey{entry: e, queryLeg: l, notice: true})
		for _, k := range l.asks {
			k.gone.Store(true)
		}
		for _, k := range l.counts {
			k.gone.Store(true)
		}
		clear(l.asks)
		clear(l.counts)
		l.held, l.delayed, l.authing = nil, nil, false
		if l.tally != nil {
			l.tally.Down()
		} else {
			l.track.Down()
		}
	}
	for _, l := range slices.Clone(e.asking.queries) {
		if l.q.once {
			s.giveUpQueryLeg(l, e.conn.endCause())
		}
	}
}

// queriesEnded tells the queries of a relay how it fares: whether it is worth waiting for.
func (s *supervisor) queriesEnded(e *relayEntry, end relayEnd) {
	if e.asking == nil {
		return
	}
	s.syncsEnded(e, end)
	for _, l := range slices.Clone(e.asking.queries) {
		if l.over {
			continue
		}
		if l.err = end.err; end.final || end.failed || e.cfg.manual && !e.guest {
			s.giveUpQueryLeg(l, end.err)
		}
	}
}

// queriesLeave is for a relay that is removed.
func (s *supervisor) queriesLeave(e *relayEntry) {
	for _, l := range slices.Clone(e.asking.queries) {
		if _, needs := e.users[l]; !needs {
			s.giveUpQueryLeg(l, ErrRelayRemoved)
		}
	}
}

// resplit asks anew where a relay has stated that it takes shorter messages than what is open.
func (s *supervisor) resplit(e *relayEntry) {
	for _, l := range slices.Clone(e.asking.queries) {
		if l.over || l.tally != nil || l.bytes <= e.lore().limits.MessageBytes() {
			continue
		}
		for _, k := range l.asks {
			k.gone.Store(true)
			e.asking.slots.Remove(s.client.now(), &k.ask)
		}
		s.later.Cancel(laterKey{entry: e, queryLeg: l})
		clear(l.asks)
		l.held, l.delayed = nil, nil
		s.queryUp(e, l)
	}
}

// caps is what is known of a relay's pages.
func (s *supervisor) caps(e *relayEntry) paging.Caps {
	n, known := e.lore().limits.Page()
	return paging.Caps{Page: n, Known: known}
}

// endQueries ends all queries and comparisons, and those that are to come. Idempotent.
func (c *Client) endQueries() {
	c.sup.do(func(s *supervisor) {
		s.unquerying = &clientClosedError{c.reason}
		s.superviseEarly() // which says that it is too late
		open := slices.SortedFunc(maps.Keys(s.queries), func(a, b *openQuery) int { return cmp.Compare(a.number, b.number) })
		for _, q := range open {
			s.endQuery(q, s.unquerying)
		}
		for _, o := range s.syncs {
			o.news.goneFor(s.unquerying)
		}
	})
}
