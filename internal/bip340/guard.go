package bip340

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// What a Guard has re-checked: of the acceptances about one in so many, chosen at random, and
// of the refusals at most so many within any second.
const (
	AcceptancesPerCheck = 1024
	RefusalChecks       = 100
)

// A Guard watches Verifiers at work: it has a part of their verdicts confirmed by a reference.
// The first verdict that the reference does not share is reported, and from then on the
// reference alone verifies, for good. So a fault in this package costs speed; trust it costs
// until a verdict that it spoils happens to be confirmed, and for the batches then under way.
//
// A Guard is safe for concurrent use, as long as each goroutine brings a Verifier of its own.
type Guard struct {
	config     GuardConfig // immutable after NewGuard
	distrusted atomic.Bool // set once

	mu        sync.Mutex
	confirms  [RefusalChecks]time.Time // guarded by mu: when the last refusals were confirmed, a ring
	confirmed int                      // guarded by mu: how many have been, ever
}

// GuardConfig is what a Guard is made of. All of it may be left out, and none of it may block.
type GuardConfig struct {
	// Reference has the last word. nil is the package's function Reference, btcec.
	Reference func(pub, msg *[32]byte, sig *[64]byte) bool
	// OnDisagreement is called once, in the goroutine that found out, before verification goes on.
	OnDisagreement func(Disagreement)
	// Now is the clock. nil is time.Now.
	Now func() time.Time
	// Random returns 32 random bits, from any goroutine. nil is math/rand/v2's.
	Random func() uint32
}

// A Disagreement is a verdict that the reference does not share, or a panic of the Verifier.
type Disagreement struct {
	Pub, Msg [32]byte
	Sig      [64]byte
	Accepted bool // by the Verifier; the reference says the opposite
	Panic    any  // what the Verifier panicked with; the other fields are empty then
}

// NewGuard returns a Guard.
func NewGuard(config GuardConfig) *Guard {
	if config.Reference == nil {
		config.Reference = Reference
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Random == nil {
		config.Random = rand.Uint32
	}
	return &Guard{config: config}
}

// Distrusted reports whether there has been a disagreement: only the reference verifies now.
func (g *Guard) Distrusted() bool { return g.distrusted.Load() }

// VerifyOne is v.VerifyOne under guard.
func (g *Guard) VerifyOne(v *Verifier, pub, msg *[32]byte, sig *[64]byte) (valid bool) {
	if !g.Distrusted() &&
		g.attempt(func() { valid = v.VerifyOne(pub, msg, sig) }) &&
		g.confirm(&Item{pub, msg, sig}, valid) {
		return valid
	}
	return g.config.Reference(pub, msg, sig)
}

// VerifyBatch is v.VerifyBatch under guard. After a disagreement within the batch, all of it is
// verified by the reference.
func (g *Guard) VerifyBatch(v *Verifier, items []Item, valid []bool) (all bool) {
	valid = valid[:len(items)]
	if !g.Distrusted() &&
		g.attempt(func() { all = v.VerifyBatch(items, valid) }) &&
		g.confirmAll(items, valid) {
		return all
	}
	all = true
	for i := range items {
		valid[i] = g.config.Reference(items[i].Pub, items[i].Msg, items[i].Sig)
		all = all && valid[i]
	}
	return all
}

// attempt lets a Verifier work, and reports whether it did without a panic, which is taken for
// a disagreement.
func (g *Guard) attempt(work func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			g.disagree(Disagreement{Panic: r})
		}
	}()
	work()
	return true
}

func (g *Guard) confirmAll(items []Item, valid []bool) bool {
	for i := range items {
		if !g.confirm(&items[i], valid[i]) {
			return false
		}
	}
	return true
}

// confirm has the verdict confirmed if it is due, and reports whether it stands.
func (g *Guard) confirm(item *Item, valid bool) bool {
	if valid {
		if g.config.Random()%AcceptancesPerCheck != 0 {
			return true
		}
	} else if !g.refusalDue() {
		return true
	}
	if g.config.Reference(item.Pub, item.Msg, item.Sig) == valid {
		return true
	}
	g.disagree(Disagreement{Pub: *item.Pub, Msg: *item.Msg, Sig: *item.Sig, Accepted: valid})
	return false
}

// refusalDue reports whether a refusal may be confirmed now: whether the last but 99 was so at
// least a second ago.
func (g *Guard) refusalDue() bool {
	now := g.config.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	oldest := &g.confirms[g.confirmed%RefusalChecks]
	if g.confirmed >= RefusalChecks && now.Sub(*oldest) < time.Second {
		return false
	}
	*oldest = now
	g.confirmed++
	return true
}

func (g *Guard) disagree(d Disagreement) {
	if g.distrusted.CompareAndSwap(false, true) && g.config.OnDisagreement != nil {
		g.config.OnDisagreement(d)
	}
}
