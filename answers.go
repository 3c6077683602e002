package gennostr

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/wire"
)

// What the supervisor makes of a relay's answers to the REQs of subscriptions: the EOSE
// that ends a page, and the CLOSED that refuses, for now or for good.

// reqAnswer is an EOSE or a CLOSED of a REQ of ours.
type reqAnswer struct {
	route   *route
	eose    bool
	pages   []paging.Page // what came before it for the members, in order
	slipped []int         // how many of them were published meanwhile
	message string        // of a CLOSED
	ends    bool          // it has ended the REQ
}

// answerOf is made where the message is delivered.
func answerOf(r *route, l *dataLetter) reqAnswer {
	ev := reqAnswer{route: r, ends: l.Ends}
	switch m := l.Message.(type) {
	case wire.EOSE:
		ev.eose = true
		refused := l.Request.Refused()
		for _, member := range r.members {
			p := member.asker.pageOf(member, r.total+refused, refused, hintOf(m.Hints))
			ev.pages, ev.slipped = append(ev.pages, p), append(ev.slipped, member.slipped)
		}
	case wire.Closed:
		ev.message = heardOf(m.Message) // it stays with the subscription
		if l.Ends {
			r.conn.requests.Finish(l.Request)
		}
	}
	return ev
}

func hintOf(hints []string) paging.Hint {
	switch {
	case slices.Contains(hints, "more"): // also of a relay that says both
		return paging.More
	case slices.Contains(hints, "finish"):
		return paging.Finish
	}
	return paging.None
}

func (ev reqAnswer) supervise(s *supervisor) {
	e, r := ev.route.conn.entry, ev.route
	a := e.asking
	if e.conn != r.conn || a == nil || a.routes[r.number] != r {
		return
	}
	if ev.eose {
		s.answered(e, ev)
	} else {
		s.closed(e, ev)
	}
	s.ask(e)
}

// answered is for the EOSE of a REQ: each ask of it learns what came.
func (s *supervisor) answered(e *relayEntry, ev reqAnswer) {
	a, r := e.asking, ev.route
	r.eose = true
	for i, m := range r.members {
		if p := ev.pages[i]; m.unlimited && ev.slipped[i] == 0 && p.Shared == 0 { // what slips in, or is in another's page, is no measure of one
			e.lore().limits.SawPage(p.Events, p.Oldest, p.Newest)
		}
	}
	caps := s.caps(e)
	a.slots.EOSE(s.client.now(), r.number)
	for i, m := range r.members {
		m.asker.answered(s, e, ev.pages[i], caps, r.sent)
	}
}

// closed is for the CLOSED of a REQ, by what the relay says is the reason.
func (s *supervisor) closed(e *relayEntry, ev reqAnswer) {
	a, r, now := e.asking, ev.route, s.client.now()
	reason := e.lore().limits.Refused(ev.message, max(0, e.conn.requests.Len()-unended(ev)))
	if !ev.ends && reason != limits.Duplicate {
		return // it may be of a REQ that was closed before
	}
	switch reason {
	case limits.TooManySubscriptions:
		a.slots.SetConfig(e.lore().packing())
		s.again(e, a.slots.Refused(now, r.number), 0)
	case limits.Duplicate: // under another id
		if !ev.ends {
			e.conn.sendOwn(Close{SubscriptionID: wireID(r.number)}, nil)
		}
		s.again(e, a.slots.Refused(now, r.number), 0)
	case limits.RateLimited: // whatever it was that was asked
		a.slots.Refused(now, r.number) // and what is not asked again by us is not by the slots
		for _, m := range r.members {
			a.slots.Remove(now, m.ask)
			if !m.gone.Load() {
				m.asker.refused(s, e, reason, ev.message)
			}
		}
	case limits.AuthRequired:
		if !s.unauthenticated(e, ev) {
			s.closedFor(e, ev, reason)
		}
	case limits.Error: // the relay's trouble, of the moment it seems
		if a.trouble.IsZero() {
			a.trouble = now
		}
		if now.Sub(a.trouble) < settled && len(r.members) > 1 {
			s.again(e, a.slots.Refused(now, r.number), 0)
			break
		}
		s.closedFor(e, ev, reason)
	default:
		s.closedFor(e, ev, reason)
	}
	delete(a.routes, r.number)
	s.doAuth(e)
}

// closedFor is for a REQ that was refused for what it asks for: what of it that is, is found.
func (s *supervisor) closedFor(e *relayEntry, ev reqAnswer, reason limits.Reason) {
	a := e.asking
	verdict := a.slots.Closed(s.client.now(), ev.route.number)
	if n := a.slots.Learnt(); n > 0 {
		e.lore().limits.LearntFilters(n)
	}
	s.again(e, verdict.Lost, verdict.Within)
	for _, k := range verdict.Guilty {
		if reason == limits.AuthRequired {
			k.asker.needsAuth(s, e, ev.message, false)
		} else {
			k.asker.refused(s, e, reason, ev.message)
		}
	}
}

// lowerLimit is for an ask that was refused for its limit; true if it may be asked with a lower one.
func (s *supervisor) lowerLimit(e *relayEntry, k *legAsk) bool {
	l := &e.lore().limits
	return k.Filter.Limit > 1 && l.LimitRefused(min(k.Filter.Limit, l.Limit()))
}

// again makes asks anew that have lost their REQ.
func (s *supervisor) again(e *relayEntry, lost []*ask, within int) {
	for _, k := range lost {
		if !k.gone.Swap(true) {
			k.asker.lost(s, e, within)
		}
	}
}

// retryAt is when a leg asks again what was refused.
func (s *supervisor) retryAt(e *relayEntry, l *leg) time.Time {
	key := laterKey{entry: e, leg: l}
	at, set := s.later.At(key)
	if !set {
		at = s.client.now().Add(l.patience(s.client.now()))
		s.later.Set(key, at)
	}
	return at
}

// final tells the refusals that asking again does not help against.
func final(reason limits.Reason) bool {
	switch reason {
	case limits.Unknown, limits.Error, limits.RateLimited:
		return false
	}
	return true
}

// unended is 1 while a REQ that was refused counts as open.
func unended(ev reqAnswer) int {
	if ev.ends {
		return 0
	}
	return 1
}

const (
	// firstRetry and longestRetry are the least and the most that is waited before an
	// ask is repeated that a relay has refused, and which it may serve later.
	firstRetry   = 2 * time.Second
	longestRetry = 5 * time.Minute
	// settled is how long a subscription has to be live for its retries to begin anew.
	settled = time.Minute
)

// patience is how long to wait before the next retry: twice as long each time, give or take a fifth.
func (l *leg) patience(now time.Time) time.Duration {
	if !l.liveAt.IsZero() && now.Sub(l.liveAt) >= settled {
		l.retries = 0
	}
	d := min(longestRetry, firstRetry<<min(l.retries, 16))
	l.retries++
	l.liveAt = time.Time{}
	return time.Duration(float64(d) * (1 + l.entry.cfg.schedule.Jitter*(2*rand.Float64()-1)))
}

// retry asks again what was refused, but for what waits for AUTH.
func (s *supervisor) retry(e *relayEntry, l *leg) {
	s.reask(e, l, 1, func(k *legAsk) bool { return !k.auth }) // it may have been its fault
}

// reask asks again what was refused, as far as these go. So many others may stand in
// their REQs, less one; 0: any number.
func (s *supervisor) reask(e *relayEntry, l *leg, within int, these func(*legAsk) bool) {
	if l.entry != e || e.asking.slots == nil {
		return
	}
	var again, left []*legAsk
	for _, k := range l.refused {
		if these(k) {
			again = append(again, k)
		} else {
			left = append(left, k)
		}
	}
	l.refused = left
	if len(again) == 0 {
		return
	}
	l.denied = false
	l.setStatus(SubscriptionPending, "")
	l.within = within
	for _, k := range again {
		s.take(e, l, l.track.Lost(k.Ask))
	}
	l.within = 0
}
