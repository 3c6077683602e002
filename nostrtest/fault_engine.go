package nostrtest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// faults is what a relay has of faults at present: it decides which of them
// strikes when. Everybody asks it, so its mutex is held for a moment only and
// never while a fault strikes.
type faults struct {
	relay *Relay
	any   atomic.Bool // a fault is armed, or has been: an honest relay asks nothing else

	mu         sync.Mutex // guards all below; taken after Relay.mu
	armed      []*armed   // in the order they were given
	handshakes int        // attempts so far
	chaos      []Fault    // every chaos there has been
}

// armed is a fault that a relay has been given.
type armed struct {
	Fault
	mended  chan struct{} // closed when it is over
	parent  *armed        // the chaos that has picked it, nil otherwise
	chances *chances      // of a chaos, nil otherwise

	// Guarded by faults.mu.
	seen  map[int]int // occasions, by connection; under 0 if they are counted over all
	stuck map[int]int // strikes, the same
	turn  int         // of what it sends in turn
	over  bool
}

// WithFaults gives the relay faults from the start. They cannot be taken back
// one by one, see Relay.Break for that, but Relay.Mend ends them. Default: none.
func WithFaults(faults ...Fault) Option {
	return func(c *config) { c.faults = append(c.faults, faults...) }
}

// Break gives the relay faults, besides those it has, until mend is called.
// Faults of the connection that On, Before, After, AfterFrames and AfterBytes
// have not moved strike at the open connections at once, and at each further one
// when it opens. It panics if a fault's conditions make no sense.
//
// Mending ends what lasts (Silence, StallReads, StallWrites, Drip, PingEvery):
// what has waited goes on its way. What has happened stays: a connection that
// was cut is not mended, and a reply that was held back for a time still comes
// when it was to come. mend may be called from any goroutine, and more than once.
func (r *Relay) Break(faults ...Fault) (mend func()) {
	for _, f := range faults {
		if err := f.validate(); err != nil {
			panic(err)
		}
	}
	given := r.faults.arm(faults)
	r.mu.Lock()
	sessions := slices.Clone(r.sessions)
	r.mu.Unlock()
	for _, a := range given {
		for _, s := range sessions {
			r.faults.open(s, a)
		}
	}
	return func() { r.faults.disarm(given) }
}

// Mend ends every fault that the relay has. See Break for what that means.
func (r *Relay) Mend() {
	r.faults.mu.Lock()
	given := slices.Clone(r.faults.armed)
	r.faults.mu.Unlock()
	r.faults.disarm(given)
}

// Faults returns the faults that the relay has at present, in the order they
// were given, those included that have struck as often as they may.
func (r *Relay) Faults() []Fault {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	out := make([]Fault, len(r.faults.armed))
	for i, a := range r.faults.armed {
		out[i] = a.Fault
	}
	return out
}

// isMended reports whether the fault is over.
func (a *armed) isMended() bool {
	select {
	case <-a.mended:
		return true
	default:
		return false
	}
}

func newArmed(f Fault) *armed {
	a := &armed{Fault: f, mended: make(chan struct{}), seen: make(map[int]int), stuck: make(map[int]int)}
	if c := f.effect.chaos; c != nil {
		a.chances = &chances{seed: c.seed, streams: make(map[chance]*rand.Rand)}
	}
	return a
}

func (e *faults) arm(list []Fault) []*armed {
	given := make([]*armed, len(list))
	for i, f := range list {
		given[i] = newArmed(f)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.armed = append(e.armed, given...)
	for _, f := range list {
		if f.effect.chaos != nil {
			e.chaos = append(e.chaos, f)
		}
	}
	if len(list) > 0 {
		e.any.Store(true)
	}
	return given
}

func (e *faults) disarm(given []*armed) {
	var ended []*armed
	e.mu.Lock()
	for _, a := range given {
		if !a.over {
			a.over = true
			close(a.mended)
			ended = append(ended, a)
		}
	}
	e.armed = slices.DeleteFunc(e.armed, func(a *armed) bool { return a.over })
	e.mu.Unlock()
	if len(ended) == 0 {
		return
	}
	e.relay.mu.Lock()
	sessions := slices.Clone(e.relay.sessions)
	e.relay.mu.Unlock()
	for _, s := range sessions {
		s.peer.tap.release(ended)
	}
}

// due counts an occasion and returns the faults that strike at it. Chaos adds
// what it picks.
func (e *faults) due(where place, o Occasion) []*armed {
	if !e.any.Load() {
		return nil
	}
	e.mu.Lock()
	candidates := slices.Clone(e.armed)
	e.mu.Unlock()
	var due []*armed
	for _, a := range candidates {
		if c := a.effect.chaos; c != nil {
			if a.fits(o) {
				due = append(due, c.pick(a, where, o)...)
			}
			continue
		}
		if a.where == where && a.fits(o) && e.counts(a, o.Connection) {
			due = append(due, a)
		}
	}
	return due
}

// counts counts an occasion that fits, and says whether the fault strikes.
func (e *faults) counts(a *armed, connection int) bool {
	if !a.each {
		connection = 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a.seen[connection]++
	switch seen := a.seen[connection]; {
	case a.over, seen < a.first, a.times > 0 && a.stuck[connection] >= a.times:
		return false
	case a.every > 0 && (seen-a.first)%a.every != 0:
		return false
	}
	a.stuck[connection]++
	return true
}

// opened lets the faults strike that are for a connection that has just opened.
func (e *faults) opened(s *session) {
	if !e.any.Load() {
		return
	}
	e.mu.Lock()
	candidates := slices.Clone(e.armed)
	e.mu.Unlock()
	for _, a := range candidates {
		e.open(s, a)
	}
}

// open lets one fault strike at an open connection, once: a fault that is given
// while the connection opens finds it twice.
func (e *faults) open(s *session, a *armed) {
	if a.where != atOpen && a.effect.chaos == nil {
		return
	}
	o := Occasion{Connection: s.number}
	if !s.peer.tap.firstTime(a) || !a.fits(o) {
		return
	}
	if c := a.effect.chaos; c != nil {
		c.follow(s, a)
		return
	}
	if e.counts(a, s.number) {
		s.strike(a, false)
	}
}

// thresholds returns the faults that strike after so many frames or bytes.
func (e *faults) thresholds(where place) []*armed {
	if !e.any.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*armed
	for _, a := range e.armed {
		if a.where == where {
			list = append(list, a)
		}
	}
	return list
}

// attempt numbers a handshake.
func (e *faults) attempt() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handshakes++
	return e.handshakes
}

// skew is how far the relay's clock is off.
func (e *faults) skew() time.Duration {
	if !e.any.Load() {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var skew time.Duration
	for _, a := range e.armed {
		skew += a.effect.skew
	}
	return skew
}

// keeps is for how long ephemeral events are stored.
func (e *faults) keeps() time.Duration {
	if !e.any.Load() {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var keep time.Duration
	for _, a := range e.armed {
		keep = max(keep, a.effect.keep)
	}
	return keep
}

// wantsDeflate reports whether a fault sends what only permessage-deflate makes legal.
func (e *faults) wantsDeflate() bool {
	if !e.any.Load() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.armed, func(a *armed) bool { return a.effect.deflate })
}

// now is the relay's clock.
func (r *Relay) now() time.Time { return time.Now().Add(r.faults.skew()) }

func (e *faults) allChaos() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.chaos)
}
