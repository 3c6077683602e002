package gennostr

import (
	"errors"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

// What becomes of REQs of subscriptions that a relay refuses for want of AUTH (NIP-42).

// unauthenticated is for a REQ that was refused for want of AUTH; false if that is
// somebody's fault, to be found.
func (s *supervisor) unauthenticated(e *relayEntry, ev reqAnswer) bool {
	a, r, now := e.asking, ev.route, s.client.now()
	knew := r.accepts == e.accepts()
	if knew && len(r.members) > 1 && (r.accepts > 0 || e.auth != nil && e.auth.vain) {
		return false // some of what it asks for may be for everybody
	}
	a.slots.Ended(now, r.number)
	for _, m := range r.members {
		switch {
		case m.gone.Load():
		case knew:
			m.asker.needsAuth(s, e, ev.message, len(r.members) > 1)
		default: // it did not know yet who asks
			s.again(e, []*ask{m.ask}, 0)
		}
	}
	return true
}

// leavesToAuth has a leg wait for AUTH.
func (s *supervisor) leavesToAuth(e *relayEntry, l *leg) {
	if l.authing {
		return
	}
	l.authing, l.unchallenged = true, false
	l.setStatus(SubscriptionRetrying, l.words)
	s.inform(l, SubscriptionChange{State: SubscriptionRetrying, Message: l.words})
	s.authOf(e).machine.Tried(l) // of what was accepted since, it would have been told
	s.want(e, l, nostr.PubKey{})
}

// authDone asks again what waited for AUTH.
func (l *leg) authDone(s *supervisor, e *relayEntry) {
	l.authing = false
	s.reask(e, l, 0, func(k *legAsk) bool { return k.auth })
}

// authFailed is for a leg that waited for AUTH in vain. If the fault may be another's with
// whom it shared a REQ, it is asked for again, and that is found. A signer that has failed,
// and a relay that has not answered, may do better later.
func (l *leg) authFailed(s *supervisor, e *relayEntry, err *AuthError) {
	l.authing = false
	if l.entry != e || e.asking.slots == nil {
		return
	}
	s.reask(e, l, 0, func(k *legAsk) bool { return k.auth && k.shared })
	left := false
	for _, k := range l.refused {
		left = left || k.auth
	}
	if !left {
		return
	}
	l.unchallenged = errors.Is(err, authn.ErrNoChallenge)
	change := SubscriptionChange{State: SubscriptionRefused, Message: l.words, Err: err}
	if mayWork(err) {
		change.State = SubscriptionRetrying
		change.RetryAt = s.retryAt(e, l)
		for _, k := range l.refused {
			k.auth = false
		}
	}
	l.setRefusal(change.State, l.words, err)
	s.inform(l, change)
	if l.denied = change.State == SubscriptionRefused; l.denied {
		s.inbox.Put(deafened{l}) // who publishes may be in the middle of asking for AUTH
	}
}

// deafened tells that a subscription has been refused on a relay for want of AUTH.
type deafened struct{ leg *leg }

func (ev deafened) supervise(s *supervisor) { s.nowHeard(ev.leg) }

// mayWork tells the failures that may be over in a moment.
func mayWork(err *AuthError) bool {
	for _, final := range []error{authn.ErrNoSigner, authn.ErrNoChallenge, authn.ErrRefused, authn.ErrNotEnough} {
		if errors.Is(err.Err, final) {
			return false
		}
	}
	return true
}

// authenticated asks again, at once, what was refused before the relay knew who we are,
// and what has given up waiting for AUTH.
func (s *supervisor) authenticated(e *relayEntry) {
	if e.asking == nil {
		return
	}
	for _, l := range e.asking.sorted() {
		if len(l.refused) > 0 && !l.authing {
			s.later.Cancel(laterKey{entry: e, leg: l})
			s.reask(e, l, 1, func(*legAsk) bool { return true })
		}
	}
}

// challengeAtLast is for the first challenge of a connection: those that have given up
// waiting for one wait for AUTH again.
func (s *supervisor) challengeAtLast(e *relayEntry) {
	if e.asking == nil {
		return
	}
	for _, l := range e.asking.sorted() {
		if l.unchallenged && len(l.refused) > 0 {
			s.leavesToAuth(e, l)
		}
	}
}
