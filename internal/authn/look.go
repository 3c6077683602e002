package authn

import (
	"slices"
	"time"
)

// look brings everything up to now: what has taken too long ends, whoever waits is told
// what is known, and what is needed is signed.
func (a *Auth[W, I]) look(now time.Time) {
	a.ended(now)
	a.manual = slices.DeleteFunc(a.manual, func(m manual) bool {
		late := a.grace.Over(now, m.at.Add(a.cfg.Answer))
		if late {
			a.manualErr, a.manualMessage = ErrNoAnswer, ""
		}
		return late
	})
	a.waiting = slices.DeleteFunc(a.waiting, func(w *want[W, I]) bool {
		told := a.told(now, w)
		if told {
			a.count(w, -1)
		}
		return told
	})
	a.sign(now)
}

// ended ends what identities have taken too long for, and tells whether there is any. It is
// called before anything else is judged by the time.
func (a *Auth[W, I]) ended(now time.Time) (some bool) {
	if at, ok := a.judged(); ok {
		a.grace.Look(now, at)
	}
	for _, id := range a.order {
		some = a.late(now, id) || some
	}
	return some
}

func (a *Auth[W, I]) count(w *want[W, I], n int) {
	if len(w.identities) == 0 {
		a.alone += n
	}
}

// sign has signed what is needed.
func (a *Auth[W, I]) sign(now time.Time) {
	if a.number == 0 {
		return
	}
	for _, id := range a.order {
		if id.state == idle && id.needed && !now.Before(id.mayAt()) {
			id.start(now, a.challenge, a.cfg.Sign)
			a.steps = append(a.steps, Step[W, I]{Do: Sign, Identity: id.name, Challenge: a.challenge})
		}
	}
}

// told tells who waits whether to try again or to give up, if either is known.
func (a *Auth[W, I]) told(now time.Time, w *want[W, I]) bool {
	step := Step[W, I]{Do: GiveUp, Who: w.who}
	by, pending := a.progress(w)
	if !by && !pending {
		by = a.another(w)
	}
	switch {
	case by && w.redone < mostRedone:
		step.Do = Redo
		w.redone++
	case by:
		step.Err = ErrNotEnough
	case pending && (a.number > 0 || !a.grace.Over(now, w.since.Add(a.cfg.Challenge))):
		return false
	case pending:
		step.Err = ErrNoChallenge
	case a.manually(now, w):
		return false
	default:
		step.Message, step.Err = a.failure(w)
	}
	w.waits = false
	a.steps = append(a.steps, step)
	return true
}

// progress looks whether AUTH has been accepted that a want has not tried yet, and
// takes note of it; or whether any is to come. What is needed for that it starts.
func (a *Auth[W, I]) progress(w *want[W, I]) (by, pending bool) {
	if a.accepted > w.manual {
		w.manual, by = a.accepted, true
	}
	for _, name := range w.identities {
		id := a.identity(name)
		if id.accepted > w.tried[name] {
			w.tried[name], by = id.accepted, true
		}
	}
	for _, name := range w.identities {
		if by {
			break
		}
		id := a.identity(name)
		switch {
		case id.state == signing, id.state == sent:
			pending = true
		case id.state == idle && (id.accepted == 0 || id.challenge != a.challenge):
			id.needed, pending = true, true
		}
	}
	return by, pending
}

// another looks whether AUTH of somebody else has been accepted, where none of those who
// were to help can: relays that know one identity only do not tell them apart. It takes note of it.
func (a *Auth[W, I]) another(w *want[W, I]) (by bool) {
	for _, id := range a.order {
		if id.accepted > w.tried[id.name] {
			w.tried[id.name], by = id.accepted, true
		}
	}
	return by
}

// manually: the program may send an AUTH of its own, or has sent one.
func (a *Auth[W, I]) manually(now time.Time, w *want[W, I]) bool {
	return len(a.manual) > 0 || a.cfg.Manual && len(w.identities) == 0 && !a.grace.Over(now, w.since.Add(a.cfg.Challenge))
}

// failure says why no identity has helped: the relay's words first.
func (a *Auth[W, I]) failure(w *want[W, I]) (message string, err error) {
	err = ErrNoSigner
	for _, name := range w.identities {
		switch id := a.identity(name); {
		case id.state == refused:
			return id.message, id.err
		case id.state == failed:
			err = id.err
		case err == ErrNoSigner:
			err = ErrNotEnough
		}
	}
	if err == ErrNoSigner && a.manualErr != nil {
		return a.manualMessage, a.manualErr
	}
	return "", err
}

// Next is when Do is to be called again, unless something happens before.
func (a *Auth[W, I]) Next() (at time.Time, ok bool) {
	if at, ok = a.judged(); ok {
		at = a.grace.Next(at)
	}
	for _, id := range a.order {
		switch {
		case id.state == failed && id.needed:
			at, ok = earlier(at, ok, id.until)
		case id.state == idle && id.needed && a.number > 0:
			at, ok = earlier(at, ok, id.mayAt())
		}
	}
	return at, ok
}

// judged is the first deadline of those that end the waiting for a relay or a signer.
func (a *Auth[W, I]) judged() (at time.Time, ok bool) {
	for _, id := range a.order {
		if id.state == signing || id.state == sent {
			at, ok = earlier(at, ok, id.until)
		}
	}
	if a.number == 0 || a.alone > 0 {
		for _, w := range a.waiting {
			if a.number == 0 && len(w.identities) > 0 || len(a.manual) == 0 && len(w.identities) == 0 {
				at, ok = earlier(at, ok, w.since.Add(a.cfg.Challenge))
				break // in the order of their coming
			}
		}
	}
	for _, m := range a.manual {
		at, ok = earlier(at, ok, m.at.Add(a.cfg.Answer))
	}
	return at, ok
}

// earlier is the earlier of a time, if there is one, and another.
func earlier(at time.Time, ok bool, other time.Time) (time.Time, bool) {
	if !ok || other.Before(at) {
		return other, true
	}
	return at, true
}
