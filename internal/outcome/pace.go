package outcome

import (
	"math"
	"time"
)

// PaceConfig is how fast a relay is sent to.
type PaceConfig struct {
	// Rate is how many events a second; 0 or less: as fast as they come.
	Rate float64
	// Burst is how many may be written at once after a pause on a connection, 1 at
	// least. A new connection begins with 1: what has piled up in an outage is spaced.
	Burst int
	// Random returns a number in [0,1), which makes waits up to a fifth longer, so that
	// not all clients come back at once. nil: they are exact.
	Random func() float64
}

// After a refusal for the rate nothing is written for a while: a second at first, then
// twice as long each time.
const (
	firstHold = time.Second
	levels    = 7 // the last one is 64 s: relays count by the minute
	// Back off, one is written at a time, and the next when it is answered, or has not
	// been for patience.
	patience = 10 * time.Second
	// One lucky answer proves nothing where five a minute are taken: so many of them,
	// with no refusal between, or so much time, lower the level by one.
	luck = 8
	calm = time.Minute
	// What has found no room in the connection's queue is tried again after it.
	noRoom = 20 * time.Millisecond
)

// A Pace says which of the events that wait for a relay is written next, and when. It
// is shared by all that is published there, and outlives connections. Events K wait in
// lines L that take turns. Made by NewPace.
type Pace[K, L comparable] struct {
	interval  time.Duration // between two, 0: none
	burst     int
	random    func() float64
	queue     *lines[K, L]
	connected bool
	paid      time.Time // the bucket is full again then
	room      time.Time // not before: no room

	level   int       // of backing off; 0: not
	hold    time.Time // nothing is written before
	cooling time.Time // the level falls by one at calm after it
	good    int       // answers since the level has changed
	epoch   int       // counts refusals that counted
	written map[K]int // unanswered: in which epoch
	probe   time.Time // of a level: when the last was written
	probing bool      // and it has not been answered
	last    K         // which one that is
}

// NewPace returns a Pace with nothing in it.
func NewPace[K, L comparable](cfg PaceConfig) *Pace[K, L] {
	p := &Pace[K, L]{queue: newLines[K, L](), written: make(map[K]int), random: cfg.Random}
	p.Set(cfg)
	return p
}

// Set changes rate and burst. What is known of the relay stays.
func (p *Pace[K, L]) Set(cfg PaceConfig) {
	p.interval, p.burst = 0, max(cfg.Burst, 1)
	if cfg.Rate > 0 { // not NaN
		p.interval = time.Duration(min(math.Ceil(float64(time.Second)/cfg.Rate), float64(time.Hour)))
	}
}

// Connected says that events can be written, from now on.
func (p *Pace[K, L]) Connected(now time.Time) {
	p.connected = true
	p.room = time.Time{}
	if full := now.Add(p.credit()); p.paid.Before(full) {
		p.paid = full
	}
}

// credit is what a full bucket is ahead of one that has a single event in it.
func (p *Pace[K, L]) credit() time.Duration {
	if p.interval == 0 {
		return 0
	}
	return time.Duration(min(int64(p.burst-1), int64(24*time.Hour/p.interval))) * p.interval
}

// Lost says that the connection has ended. What is written is not answered any more.
func (p *Pace[K, L]) Lost() {
	p.connected, p.probing = false, false
	clear(p.written)
}

// Put lets an event wait, at the end of its line. One that waits keeps its place.
func (p *Pace[K, L]) Put(key K, line L) { p.queue.put(key, line, false) }

// Remove is for what is not to be written any more, or whose answer is of no interest.
func (p *Pace[K, L]) Remove(key K) {
	p.queue.remove(key)
	p.answered(key)
}

// Waiting is how many wait; Unanswered, how many were written and are not answered.
func (p *Pace[K, L]) Waiting() int    { return p.queue.len() }
func (p *Pace[K, L]) Unanswered() int { return len(p.written) }

// Next takes the event that is to be written now, if one is.
func (p *Pace[K, L]) Next(now time.Time) (key K, ok bool) {
	at, ok := p.When()
	if !ok || now.Before(at) {
		return key, false
	}
	p.cool(now)
	key, _, _ = p.queue.pop()
	if p.paid.Before(now) {
		p.paid = now
	}
	p.paid = p.paid.Add(p.interval)
	p.written[key] = p.epoch
	if p.level > 0 {
		p.probing, p.probe, p.last = true, now, key
	}
	return key, true
}

// When is when the next event may be written, unless something happens before; false
// if none waits or there is no connection.
func (p *Pace[K, L]) When() (at time.Time, ok bool) {
	if !p.connected || p.queue.len() == 0 {
		return at, false
	}
	at = later(p.paid.Add(-p.credit()), p.hold, p.room)
	if p.level > 0 && p.probing {
		at = later(at, p.probe.Add(patience))
	}
	return at, true
}

// Unsent puts back the event that Next gave: there was no room for it.
func (p *Pace[K, L]) Unsent(now time.Time, key K, line L) {
	p.answered(key)
	p.paid = p.paid.Add(-p.interval)
	p.queue.put(key, line, true)
	p.room = now.Add(noRoom)
}

// Answered is for any answer but a refusal for the rate.
func (p *Pace[K, L]) Answered(now time.Time, key K) {
	p.cool(now)
	epoch, ok := p.answered(key)
	if !ok || p.level == 0 || epoch != p.epoch {
		return
	}
	if p.good++; p.good >= luck {
		p.good = 0
		p.lower()
	}
}

// Limited is for a refusal for the rate. Those of events that were written before the
// last one was known say nothing new.
func (p *Pace[K, L]) Limited(now time.Time, key K) {
	p.cool(now)
	epoch, ok := p.answered(key)
	if !ok || epoch != p.epoch {
		return
	}
	p.epoch++
	p.good = 0
	p.level = min(p.level+1, levels)
	wait := firstHold << (p.level - 1)
	if p.random != nil {
		wait += time.Duration(p.random() * 0.2 * float64(wait))
	}
	p.hold = now.Add(wait)
	p.cooling = p.hold
}

func (p *Pace[K, L]) answered(key K) (epoch int, ok bool) {
	if epoch, ok = p.written[key]; ok {
		delete(p.written, key)
		if p.probing && p.last == key {
			p.probing = false
		}
	}
	return epoch, ok
}

// cool lowers the level for the time without a refusal.
func (p *Pace[K, L]) cool(now time.Time) {
	for p.level > 0 && !now.Before(p.cooling.Add(calm)) {
		p.cooling = p.cooling.Add(calm)
		p.lower()
	}
}

func (p *Pace[K, L]) lower() {
	if p.level--; p.level == 0 {
		p.probing = false
	}
}

func later(at time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(at) {
			at = t
		}
	}
	return at
}
