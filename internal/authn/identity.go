package authn

import (
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// A state is where the AUTH of an identity stands.
type state uint8

const (
	idle    state = iota // nothing is in flight
	signing              // the signer has the challenge
	sent                 // the relay has the AUTH, and has not answered
	refused              // for good
	failed               // the signer, or the relay's answer: until it is over
)

// An identity is one of those that can sign.
type identity[I comparable] struct {
	name      I
	state     state
	needed    bool      // it is to answer the latest challenge
	challenge string    // of what is in flight, or was accepted last
	event     nostr.ID  // of the AUTH that was sent last
	until     time.Time // of signing, sent, failed
	accepted  int       // how often
	err       error     // of refused and failed
	message   string    // the relay's, of refused
	reported  bool      // see report

	signed int // signatures since
	since  time.Time

	vain int       // signatures in a row for challenges that were replaced meanwhile
	rest time.Time // for that, nothing is signed until then
}

func (a *Auth[W, I]) identity(name I) *identity[I] {
	id := a.identities[name]
	if id == nil {
		id = &identity[I]{name: name}
		a.identities[name] = id
		a.order = append(a.order, id)
	}
	return id
}

func (a *Auth[W, I]) fail(now time.Time, id *identity[I], err error) {
	id.state, id.err, id.needed = failed, err, false
	id.until = now.Add(failedFor)
	a.report(id)
}

// report says why an identity could not authenticate, once until it has.
func (a *Auth[W, I]) report(id *identity[I]) {
	if !id.reported {
		id.reported = true
		a.steps = append(a.steps, Step[W, I]{Do: Report, Identity: id.name, Message: id.message, Err: id.err})
	}
}

// answer takes an OK, also one that comes late, or again. A refusal of what was signed
// for another challenge than the latest says nothing: the latest was to be signed.
func (a *Auth[W, I]) answer(now time.Time, id *identity[I], accepted bool, message string) {
	switch {
	case accepted:
		if id.state == sent || id.accepted == 0 {
			id.accepted++
			a.accepts++
		}
		id.reported, id.message, id.vain = false, "", 0
		if id.state != signing {
			id.state, id.needed = idle, false
		}
	case id.state != sent:
	case id.challenge != a.challenge:
		id.wasted(now)
		id.needed = true
	default:
		id.state, id.needed, id.err = refused, false, ErrRefused
		id.message = clip(message)
		a.report(id)
	}
}

// late ends what has taken too long, and tells whether that is so.
func (a *Auth[W, I]) late(now time.Time, id *identity[I]) bool {
	switch {
	case id.state == signing && a.grace.Over(now, id.until):
		a.fail(now, id, ErrSigner)
	case id.state == sent && a.grace.Over(now, id.until):
		a.fail(now, id, ErrNoAnswer)
	case id.state == failed && !now.Before(id.until):
		id.state = idle
	default:
		return false
	}
	return true
}

// wasted is for a signature whose challenge does not count any more. The first is
// replaced at once. Then it waits, longer each time, so that what may be signed in a minute is
// not used up within a storm of challenges, and whoever needs AUTH has it soon after that.
func (id *identity[I]) wasted(now time.Time) {
	if id.state = idle; id.vain > 0 {
		id.rest = now.Add(firstRest << (id.vain - 1))
	}
	id.vain = min(id.vain+1, mostSigned)
}

// mayAt is when it may sign again.
func (id *identity[I]) mayAt() time.Time {
	if id.signed < mostSigned {
		return id.rest
	}
	return id.since.Add(perMinute)
}

// start begins a signature.
func (id *identity[I]) start(now time.Time, challenge string, d time.Duration) {
	if id.signed == 0 || !now.Before(id.since.Add(perMinute)) {
		id.signed, id.since = 0, now
	}
	id.signed++
	id.state, id.needed, id.challenge, id.until = signing, false, challenge, now.Add(d)
}
