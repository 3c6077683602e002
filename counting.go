package gennostr

import (
	"strconv"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The COUNTs of the library on one relay. They take no slot. How many are open at once is said
// by internal/query.

// countRoute is on whose account a COUNT is open.
type countRoute struct {
	conn    *connection
	k       *queryAsk
	accepts int // AUTHs that the relay had accepted when it was sent
}

// countAnswer is what a relay says to a COUNT: how many, or, with refused, that it does not count.
type countAnswer struct {
	route   *countRoute
	count   wire.Count
	refused bool
	message string
}

// putCounts has COUNTs sent with the next ask, and ends a leg that has none left.
func (s *supervisor) putCounts(e *relayEntry, l *queryLeg, asks []*query.CountAsk) {
	if l.over {
		return
	}
	for _, a := range asks {
		k := &queryAsk{leg: l, counted: a, ask: ask{filter: a.Filter, once: true}}
		k.asker = k
		l.counts[a] = k
		e.asking.counts = append(e.asking.counts, k)
		s.askSoon(e)
	}
	if l.done() {
		s.endQueryLeg(l)
	}
}

// sendCounts sends what waits.
func (s *supervisor) sendCounts(e *relayEntry) {
	a := e.asking
	waiting := a.counts
	a.counts = nil
	for _, k := range waiting {
		if k.gone.Load() {
			continue
		}
		a.count++
		k.id = wirePrefix + "n" + strconv.Itoa(a.count)
		s.lift(e)
		e.conn.sendOwn(CountReq{SubscriptionID: k.id, Filters: []nostr.Filter{k.filter}}, &countRoute{e.conn, k, e.accepts()})
	}
}

// counting tells whether COUNTs wait for their answers.
func (a *asking) counting() bool {
	for _, l := range a.queries {
		if len(l.counts) > 0 {
			return true
		}
	}
	return false
}

// endCount forgets a COUNT: there is no message that ends it.
func (k *queryAsk) endCount(c *connection) {
	k.gone.Store(true)
	if c != nil && k.id != "" {
		c.requests.CloseCount(k.id, time.Now())
	}
}

// deliver takes a relay's answer.
func (r *countRoute) deliver(l *dataLetter) {
	l.keep()
	defer l.leave()
	switch m := l.Message.(type) {
	case wire.Count:
		r.conn.client.sup.inbox.Put(countAnswer{route: r, count: m})
	case wire.Closed:
		r.conn.client.sup.inbox.Put(countAnswer{route: r, refused: true, message: heardOf(m.Message)})
	}
}

func (ev countAnswer) supervise(s *supervisor) {
	e, k := ev.route.conn.entry, ev.route.k
	l := k.leg
	if e.conn != ev.route.conn || l.counts[k.counted] != k || k.gone.Swap(true) {
		return
	}
	delete(l.counts, k.counted)
	switch reason := new(limits.Limits).Refused(ev.message, 1); {
	case !ev.refused:
		s.putCounts(e, l, l.tally.Counted(k.counted, ev.count.Count, ev.count.Approximate, ev.count.HLL))
	case reason == limits.AuthRequired && ev.route.accepts != e.accepts(): // it did not know yet who asks
		k.lost(s, e, 0)
	case reason == limits.AuthRequired:
		k.needsAuth(s, e, ev.message, false)
		s.doAuth(e)
	default:
		k.refused(s, e, reason, ev.message)
	}
	s.ask(e)
}

// hearCountNotice is for every NOTICE: relays that do not know COUNT say nothing else. One may
// come while the supervisor is still sending, so it is the table that is asked, where a
// COUNT stands before it is sent.
func (c *connection) hearCountNotice(words string) {
	if c.requests.Counts() > 0 && query.AboutCount(words) && !c.doubted.Swap(true) {
		c.client.sup.inbox.Put(countNotice{c, heardOf(words)})
	}
}

type countNotice struct {
	c     *connection
	words string
}

func (ev countNotice) supervise(s *supervisor) {
	ev.c.doubted.Store(false)
	e := ev.c.entry
	if e.conn != ev.c || e.asking == nil {
		return
	}
	for _, l := range e.asking.queries {
		if l.tally == nil {
			continue
		}
		l.tally.Noticed(s.client.now(), ev.words, func(a *query.CountAsk) bool {
			k := l.counts[a]
			return k != nil && k.id != "" && !k.gone.Load()
		})
		if at, some := l.tally.Next(); some {
			s.later.Set(laterKey{entry: e, queryLeg: l, notice: true}, at)
		}
	}
}

// heedCountNotice gives up what has stayed unanswered since a NOTICE.
func (s *supervisor) heedCountNotice(e *relayEntry, l *queryLeg) {
	for _, a := range l.tally.Do(s.client.now()) {
		if k := l.counts[a]; k != nil {
			k.endCount(e.conn)
			delete(l.counts, a)
		}
	}
	if l.done() {
		s.endQueryLeg(l)
	}
}
