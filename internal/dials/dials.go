// Package dials says which relays are dialled now and which wait (DESIGN 3.11).
//
// A dial holds one of so many places. A relay that does not answer would hold its
// place until the handshake times out, and a few of them all places: so a dial that
// hangs goes on, but gives its place away; relays that were never tried, or were
// up until now, go before those that keep failing, and before those that strangers
// have named; and where too many dials hang, the one that is the least likely to
// succeed is given up.
//
// It owns no clock, no timer and no socket, and is not safe for concurrent use: its
// owner serialises.
package dials

import (
	"math"
	"slices"
	"time"
)

// Kind is what is known of a relay that wants to be dialled.
type Kind uint8

const (
	Lost     Kind = iota // was up until now
	New                  // has never been dialled
	Known                // was up once; its last dial has failed
	Stranger             // has never been up, and its last dial has failed
	Guest                // is named by somebody else, who may name any number of dead ones

	kinds
)

// Action is what the owner is to do.
type Action uint8

const (
	Wait  Action = iota // nothing, until the time that comes with it or an Ask or an End
	Dial                // dial this relay
	Abort               // give this relay's dial up; End follows when it has ended
)

const (
	perPlace = 4 // dials under way, at most, for each place

	hanging  = time.Second             // a dial that has taken so long gives its place away, or sooner if many wait:
	hurried  = 150 * time.Millisecond  // but not before this
	target   = 1800 * time.Millisecond // what a relay that does not fail should wait at most, its neighbours in the queue included
	tooLate  = 2500 * time.Millisecond // what has waited so long is not worth a hurry
	patience = 3 * time.Second         // an age at which a dial may be given up for another,
	least    = 800 * time.Millisecond  // and one before which it is not, however many wait
	owed     = 30 * time.Second        // one that keeps failing has waited its share
	little   = 100 * time.Millisecond  // that a busy machine is late by
)

// Dials decides about the dials of one client. Made by Make. The key is a relay.
type Dials[K comparable] struct {
	places int
	turns  map[K]*turn[K] // all that wait or are under way

	waiting  [kinds][]*turn[K] // in the order in which they asked
	under    []*turn[K]        // under way, in the order in which they began
	holding  int               // of under: have a place
	failing  int               // of holding: keep failing
	aborting int               // of under: are on their way out

	served [2]Kind // the last kind that was served, of each of groups
	turned bool    // the last dial was one that keeps failing

	// Time as it passes for the dials: what the owner has slept through does not count.
	clock time.Duration
	last  time.Time // the owner's time at clock
	wake  time.Time // when the owner was to come back, zero: when something happens
}

// turn is one relay's.
type turn[K comparable] struct {
	key      K
	kind     Kind
	spared   bool
	at       time.Duration // since when it waits or is under way
	dialing  bool          // it is under way,
	holding  bool          // has a place,
	aborting bool          // is on its way out
}

// Make returns the dials of a client with so many places.
func Make[K comparable](places int) *Dials[K] {
	return &Dials[K]{
		places: min(max(places, 1), math.MaxInt/perPlace),
		turns:  make(map[K]*turn[K]),
		served: [2]Kind{New, Guest},
	}
}

// groups are the kinds that go first and those that wait for them. Of one group each
// kind has its turn.
var groups = [2][]Kind{{Lost, New}, {Known, Stranger, Guest}}

func (k Kind) group() int {
	if k.fails() {
		return 1
	}
	return 0
}

// Ask puts a relay in the queue; it is neither there nor under way. spared says
// that its last dial was given up here: it is not the first to be given up again.
func (d *Dials[K]) Ask(key K, kind Kind, spared bool, now time.Time) {
	d.pass(now)
	t := &turn[K]{key: key, kind: kind, spared: spared, at: d.clock}
	d.turns[key] = t
	d.waiting[kind] = append(d.waiting[kind], t)
}

// End says that a relay's dial has ended, in whatever way, or is not wanted any
// more. One that is unknown is ignored.
func (d *Dials[K]) End(key K) {
	t := d.turns[key]
	if t == nil {
		return
	}
	delete(d.turns, key)
	is := func(o *turn[K]) bool { return o == t }
	if !t.dialing {
		d.waiting[t.kind] = slices.DeleteFunc(d.waiting[t.kind], is)
		return
	}
	d.release(t)
	if t.aborting {
		d.aborting--
	}
	d.under = slices.DeleteFunc(d.under, is)
}

// Next says what to do now; the owner calls it until it says Wait. With Wait comes
// the time to call it again at the latest, zero if nobody waits for time to pass.
func (d *Dials[K]) Next(now time.Time) (key K, do Action, wake time.Time) {
	d.pass(now)
	t, do, in := d.decide()
	d.wake = time.Time{}
	if do == Wait {
		if in < 0 {
			return key, Wait, d.wake
		}
		d.wake = now.Add(max(in, 1))
		return key, Wait, d.wake
	}
	return t.key, do, d.wake
}

// Waiting and UnderWay count.
func (d *Dials[K]) Waiting() int  { return len(d.turns) - len(d.under) }
func (d *Dials[K]) UnderWay() int { return len(d.under) }

// pass lets time pass. An owner that comes much later than it was told to has been
// asleep, and who knows since when: next to no time has passed then. It is not none,
// for the sake of a machine that is always late.
func (d *Dials[K]) pass(now time.Time) {
	if !d.last.IsZero() {
		passed := now.Sub(d.last)
		if !d.wake.IsZero() && now.Sub(d.wake) > little {
			passed = min(passed, little)
		}
		d.clock += max(passed, 0)
	}
	d.last = now
	if !d.wake.IsZero() && now.After(d.wake) {
		d.wake = now
	}
}

// never is a time that does not come by itself.
const never time.Duration = -1

// decide is Next in the dials' own time: in is how long to wait.
func (d *Dials[K]) decide() (t *turn[K], do Action, in time.Duration) {
	if d.Waiting() == 0 {
		return nil, Wait, never
	}
	hang := d.hang()
	for _, u := range d.under {
		if u.holding && d.age(u) >= hang {
			d.release(u)
		}
	}
	t = d.next()
	if t == nil || d.holding >= d.places {
		return nil, Wait, d.untilFree(hang, t == nil)
	}
	if len(d.under) < perPlace*d.places {
		d.begin(t)
		return t, Dial, 0
	}
	if d.aborting >= min(d.places-d.holding, d.Waiting()) {
		return nil, Wait, never // for the ends of those
	}
	victim, in := d.victim(d.strongest())
	if victim == nil {
		return nil, Wait, in
	}
	victim.aborting = true
	d.aborting++
	return victim, Abort, 0
}

// hang is how long a dial keeps its place from others: the more relays wait that
// do not keep failing, the shorter, so that all of them have their turn in time.
func (d *Dials[K]) hang() time.Duration {
	n := len(d.waiting[Lost]) + len(d.waiting[New])
	if n == 0 {
		return hanging
	}
	waited := time.Duration(0)
	for _, kind := range []Kind{Lost, New} {
		if q := d.waiting[kind]; len(q) > 0 {
			waited = max(waited, d.age(q[0]))
		}
	}
	return min(max((target-waited)/rounds(n, d.places), hurried), hanging)
}

// next is whose turn it is, nil if nobody's: then those that keep failing have
// their share of the places, and nobody else waits.
func (d *Dials[K]) next() *turn[K] {
	fresh := d.first(0)
	if d.failing >= max(1, d.places/2) {
		return fresh
	}
	failing := d.first(1)
	if fresh == nil || failing != nil && !d.turned && d.age(failing) >= owed {
		return failing
	}
	return fresh
}

// first is whose turn it is of a group: the first of the kind that comes behind the
// one that was served last.
func (d *Dials[K]) first(group int) *turn[K] {
	kinds := groups[group]
	last := slices.Index(kinds, d.served[group])
	for i := range kinds {
		if q := d.waiting[kinds[(last+1+i)%len(kinds)]]; len(q) > 0 {
			return q[0]
		}
	}
	return nil
}

func (d *Dials[K]) begin(t *turn[K]) {
	d.waiting[t.kind] = d.waiting[t.kind][1:]
	d.served[t.kind.group()] = t.kind
	d.turned = t.kind.fails()
	t.at, t.dialing, t.holding = d.clock, true, true
	d.under = append(d.under, t)
	d.holding++
	if t.kind.fails() {
		d.failing++
	}
}

// release takes a dial's place away, if it has one.
func (d *Dials[K]) release(t *turn[K]) {
	if !t.holding {
		return
	}
	t.holding = false
	d.holding--
	if t.kind.fails() {
		d.failing--
	}
}

// untilFree is how long it takes until a place is given away, or one of those that keep failing.
func (d *Dials[K]) untilFree(hang time.Duration, failing bool) time.Duration {
	for _, u := range d.under {
		if u.holding && (!failing || u.kind.fails()) {
			return hang - d.age(u)
		}
	}
	return never
}

// strongest is who waits and may displace the most; whose turn it is is another matter.
func (d *Dials[K]) strongest() *turn[K] {
	for _, q := range d.waiting {
		if len(q) > 0 {
			return q[0]
		}
	}
	return nil // nobody waits
}

// victim is the dial to be given up for t, or how long it takes until one may be:
// of those that t may displace, the least likely to succeed, and of these the one
// that hangs longest.
func (d *Dials[K]) victim(t *turn[K]) (victim *turn[K], in time.Duration) {
	age, in := d.ripe(t), never
	for _, u := range d.under {
		if u.aborting || u.rank() > t.kind.reach() {
			continue
		}
		if left := age - d.age(u); left > 0 { // and all behind it are younger
			if victim == nil {
				in = left
			}
			break
		}
		if victim == nil || u.rank() < victim.rank() {
			victim = u
		}
	}
	return victim, in
}

// ripe is the age at which a dial may be given up for t. It is patient: a slow
// relay is no dead one. Only where all that wait can be served in time is it as
// hasty as that takes.
func (d *Dials[K]) ripe(t *turn[K]) time.Duration {
	n := len(d.waiting[Lost])
	if t.kind == New {
		n += len(d.waiting[New])
	}
	waited := d.age(t)
	all := rounds(n, perPlace*d.places)
	if t.kind.fails() || all > 2 || waited > tooLate {
		return patience
	}
	return min(max((target-waited)/all, least), patience)
}

func (d *Dials[K]) age(t *turn[K]) time.Duration { return d.clock - t.at }

// rounds is how often m have to be served until n are.
func rounds(n, m int) time.Duration { return time.Duration((n + m - 1) / m) }

// fails tells the kinds that keep failing, or are expected to.
func (k Kind) fails() bool { return k >= Known }

// rank orders dials under way by how likely they are to succeed.
func (t *turn[K]) rank() int {
	switch t.kind {
	case Lost:
		return 3
	case Known:
		return 2
	}
	rank := 0
	if t.kind == Guest {
		rank = -1
	}
	if t.spared {
		rank++
	}
	return rank
}

// reach is the highest rank that a kind may displace. What keeps failing displaces
// no more than strangers, strangers no more than guests, and guests nobody: otherwise
// dead relays would take turns to end each other's dials, and with them those of slow
// ones, for ever.
func (k Kind) reach() int {
	switch k {
	case Lost:
		return 3
	case New:
		return 2
	case Known:
		return 0
	case Stranger:
		return -1
	}
	return -2
}
