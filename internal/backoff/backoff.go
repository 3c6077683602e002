// Package backoff says how long to wait before a relay is dialled again
// (R54, L07, L08), and when a part that panics has done so too often (R46).
//
// It owns no clock and no timer: times are handed in and delays come out.
// Nothing in it is safe for concurrent use: its owner serialises.
package backoff

import (
	"math"
	"math/rand/v2"
	"time"
)

// MaxRetryAfter bounds what a relay can ask for with Retry-After, so that one
// header cannot mute it for a year.
const MaxRetryAfter = 10 * time.Minute

// usefulStep is the index of the longest delay that a link which served brings about.
const usefulStep = 2

// A Schedule describes how a lost link is dialled again. It may be that of many relays.
type Schedule struct {
	// Delays before the first, second, … dial after a setback. The last is
	// repeated for ever: a relay is never given up here (L08). Negative delays
	// count as 0. An empty list is DefaultDelays, never a dial in a tight loop.
	Delays []time.Duration
	// Jitter spreads each delay evenly over ± this share of it: 0.2 is ±20 %.
	// It is held between 0 and 1.
	Jitter float64
	// Stable is how long a link must have been up for its loss to start the
	// schedule anew. With 0 every link does, however short.
	Stable time.Duration
	// Random returns a number in [0,1) for the jitter. nil is math/rand/v2.
	Random func() float64
}

// DefaultDelays returns the original's schedule: 500 ms, 1 s, 5 s, 10 s, 30 s.
func DefaultDelays() []time.Duration {
	return []time.Duration{
		500 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	}
}

// A Backoff walks through the Schedule of one relay. Made by New.
type Backoff struct {
	schedule *Schedule     // immutable
	step     int           // index of the next delay
	attempts int           // dials since the last stable link
	floor    time.Duration // the next delay is at least this long
	up       bool          // a link is up,
	since    time.Time     // since then
}

// New returns a Backoff at the start of the schedule, which must not change any
// more: it may be that of many relays.
func New(s *Schedule) *Backoff { return &Backoff{schedule: s} }

// Connected says that a dial has succeeded and the link is up. The schedule
// goes on from where it was until the link has proven stable: a relay that
// takes every call and hangs up at once is not dialled at full speed (L07).
func (b *Backoff) Connected(now time.Time) {
	b.attempts++
	b.up, b.since = true, now
	b.floor = 0 // a relay that took us in no longer asks us to stay away
}

// Lost says that the link is gone, and returns the delay before the next dial.
// The schedule starts anew first if the link had been up for at least Stable.
//
// useful tells that the link has brought something that was waited for. It
// served, however short, and its relay is not one that takes calls and hangs up:
// the schedule goes no further than its third delay then.
func (b *Backoff) Lost(now time.Time, useful bool) time.Duration {
	switch {
	case !b.up:
	case now.Sub(b.since) >= b.schedule.Stable:
		b.step, b.attempts = 0, 0
	case useful:
		b.step = min(b.step, usefulStep)
	}
	b.up = false
	return b.next()
}

// Failed says that a dial has failed, and returns the delay before the next.
func (b *Backoff) Failed() time.Duration {
	b.attempts++
	b.up = false
	return b.next()
}

// AtLeast makes the next delay, the one that the next Failed or Lost returns,
// at least d long. It is for the Retry-After of a relay that answered 429 or
// 503; d is bounded by MaxRetryAfter. Of several the longest counts. A link
// that comes up, Reset, and the delay itself use it up.
func (b *Backoff) AtLeast(d time.Duration) {
	b.floor = max(b.floor, min(d, MaxRetryAfter))
}

// Follow makes b go on where old stands, with a schedule of its own: for a
// relay that is added anew with other options, which must not become a way to
// dial it faster. Taken over are the step, as far as b's schedule goes, the
// attempts, what AtLeast has asked for, and since when the link has been up. A
// nil old changes nothing.
func (b *Backoff) Follow(old *Backoff) {
	if old == nil {
		return
	}
	b.step = min(old.step, len(b.schedule.delays())-1)
	b.attempts, b.floor = old.attempts, old.floor
	b.up, b.since = old.up, old.since
}

// Attempts returns the number of dials since the last stable link, failed and
// succeeded ones. The loss of a stable link sets it to 0, so while that link
// is up it still counts the dials that led to it: 1 if the first one did.
func (b *Backoff) Attempts() int { return b.attempts }

// Reset starts the schedule anew, as if nothing had been dialled yet.
func (b *Backoff) Reset() {
	b.step, b.attempts, b.floor = 0, 0, 0
	b.up, b.since = false, time.Time{}
}

// next returns the delay at the current step and moves on.
func (b *Backoff) next() time.Duration {
	delays := b.schedule.delays()
	delay := b.schedule.jitter(max(0, delays[b.step]), -1, 1)
	b.step = min(b.step+1, len(delays)-1)
	if b.floor > 0 {
		// Spread too, but only upwards: "not before" was the relay's word, and
		// all its clients have heard it at the same time.
		delay = max(delay, min(b.schedule.jitter(b.floor, 0, 1), MaxRetryAfter))
		b.floor = 0
	}
	return delay
}

func (s *Schedule) delays() []time.Duration {
	if len(s.Delays) == 0 {
		return DefaultDelays()
	}
	return s.Delays
}

// jitter moves d by a share of it, between low and high times Jitter.
func (s *Schedule) jitter(d time.Duration, low, high float64) time.Duration {
	if !(s.Jitter > 0) || d == 0 { // NaN too
		return d // exact, and nothing drawn
	}
	random := s.Random
	if random == nil {
		random = rand.Float64
	}
	r := random()
	if !(r >= 0 && r < 1) { // NaN too: a delay must not come out negative
		r = 0.5
	}
	moved := float64(d) * (1 + min(s.Jitter, 1)*(low+(high-low)*r))
	if moved >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(moved)
}
