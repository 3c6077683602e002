package authn

import (
	"strings"
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

	signed int // signatures since
	since  time.Time
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

func (id *identity[I]) fail(now time.Time, err error) {
	id.state, id.err, id.needed = failed, err, false
	id.until = now.Add(failedFor)
}

// answer takes an OK, also one that comes late, or again. A refusal of what was signed
// for another challenge than the latest says nothing: the latest was to be signed.
func (id *identity[I]) answer(accepted bool, message, latest string) {
	switch {
	case accepted:
		if id.state == sent || id.accepted == 0 {
			id.accepted++
		}
		if id.state != signing {
			id.state, id.needed = idle, false
		}
	case id.state != sent:
	case id.challenge != latest:
		id.state, id.needed = idle, true
	default:
		id.state, id.needed, id.err = refused, false, ErrRefused
		id.message = strings.Clone(message[:min(len(message), longestChallenge)])
	}
}

// late ends what has taken too long.
func (id *identity[I]) late(now time.Time) {
	switch {
	case id.state != signing && id.state != sent && id.state != failed || now.Before(id.until):
	case id.state == signing:
		id.fail(now, ErrSigner)
	case id.state == sent:
		id.fail(now, ErrNoAnswer)
	default:
		id.state = idle
	}
}

// mayAt is when it may sign again.
func (id *identity[I]) mayAt() time.Time {
	if id.signed < mostSigned {
		return time.Time{}
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
