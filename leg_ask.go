package gennostr

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// legAsk is one filter of a leg as it is asked on one connection.
type legAsk struct {
	ask
	*resume.Ask
	leg    *leg
	newest atomic.Int64 // newest created_at of a proven event after the EOSE; math.MinInt64 before the first
}

func newAsk(l *leg, a *resume.Ask) *legAsk {
	k := &legAsk{Ask: a, leg: l, ask: ask{group: l, filter: a.Filter, moved: a.Moved, once: a.Once}}
	k.asker = k
	k.newest.Store(math.MinInt64)
	return k
}

// proven notes how new the events are that the relay brings. Deliveries of one connection.
func (k *legAsk) proven(at nostr.Timestamp) {
	if int64(at) > k.newest.Load() && !at.IsAhead(k.leg.sub.c.date()) {
		k.newest.Store(int64(at))
	}
}

// phase is that of an event which arrives for the ask.
func (k *legAsk) phase(live, moved bool) Phase {
	switch {
	case live && !k.Once:
		return PhaseLive
	case k.Resumed, moved: // it was live before: what is new was published in the moment between

		return PhaseResumed
	}
	return PhaseStored
}

// begin makes room for what it may bring beside the pages of queries.
func (k *legAsk) begin(m *member) {
	m.page = k.Counter()
	m.route.room += query.DefaultEvents
}

func (k *legAsk) had(l *intake.Letter) bool { return k.leg.sub.had(l.Event) }

func (k *legAsk) copied(m *member, l *intake.Letter, shared bool) {
	k.leg.sub.repeat.Add(1)
	if l.Live {
		k.proven(l.Event.CreatedAt)
	} else {
		m.stored(l, k.leg.sub.c.date(), false, shared)
	}
}

func (k *legAsk) take(m *member, l *dataLetter, shared bool) {
	if l.Live {
		k.proven(l.Event.CreatedAt) // before it is handled: a cursor taken then counts on it
		k.leg.sub.take(m, k, l)
	} else {
		m.stored((*intake.Letter)(l), k.leg.sub.c.date(), k.leg.sub.take(m, k, l), shared)
	}
}

func (k *legAsk) pageOf(m *member, total, refused int, hint paging.Hint) paging.Page {
	return m.page.Page(total, refused, hint)
}

// answered is for the EOSE of its REQ.
func (k *legAsk) answered(s *supervisor, e *relayEntry, p paging.Page, caps paging.Caps, sent time.Time) {
	l := k.leg
	if k.gone.Load() || l.asks[k.Ask] != k {
		return
	}
	if k.Once {
		delete(l.asks, k.Ask)
	}
	s.take(e, l, l.track.Answered(k.Ask, p, caps, sent))
}

// lost makes it anew.
func (k *legAsk) lost(s *supervisor, e *relayEntry, within int) {
	l := k.leg
	l.note()
	delete(l.asks, k.Ask)
	l.within = within
	s.take(e, l, l.track.Lost(k.Ask))
	l.within = 0
}

// refused is for an ask that the relay would not serve: it is asked again later, if
// that makes sense, else with the next connection.
func (k *legAsk) refused(s *supervisor, e *relayEntry, reason limits.Reason, message string) {
	if reason == limits.LimitTooHigh && s.lowerLimit(e, k) {
		s.again(e, []*ask{&k.ask}, 1)
		return
	}
	l := k.leg
	l.note()
	delete(l.asks, k.Ask)
	k.gone.Store(true)
	l.refused = append(l.refused, k)
	state := SubscriptionRetrying
	if final(reason) {
		state = SubscriptionRefused
	}
	change := SubscriptionChange{State: state, Message: message, Err: e.wrongClockFor(message, s.client.now(), k.filter)}
	if state == SubscriptionRetrying {
		change.RetryAt = s.retryAt(e, l)
	}
	l.setRefusal(state, message, change.Err)
	s.inform(l, change)
	if l.denied = state == SubscriptionRefused && reason != limits.AuthRequired; l.denied {
		s.nowHeard(l)
	}
}

// needsAuth has it wait for AUTH. What it has to wait for, doAuth says.
func (k *legAsk) needsAuth(s *supervisor, e *relayEntry, message string, shared bool) {
	l := k.leg
	l.note()
	delete(l.asks, k.Ask)
	k.gone.Store(true)
	k.auth, k.shared = true, shared
	l.refused = append(l.refused, k)
	l.words = message
	s.leavesToAuth(e, l)
}
