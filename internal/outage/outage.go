// Package outage says which of a relay's comings and goings are worth a line in the
// log: one when it goes, one an hour while it stays away, one when it is back
// (DESIGN 2). A relay that comes and goes all day is told of a few times an hour.
//
// It owns no clock, no timer and no logger, and is not safe for concurrent use: its
// owner serialises.
package outage

import (
	"slices"
	"time"
)

// Line is what is to be logged, if anything.
type Line uint8

const (
	Nothing   Line = iota
	Away           // it has gone, or cannot be reached
	StillAway      // and is away an hour later
	Back           // and is back
)

const (
	// Every is the time between two lines about a relay that stays away.
	Every = time.Hour
	// Steady is how long a connection has to last until its relay is said to be
	// back: one that takes calls and hangs up is still away.
	Steady = 10 * time.Second
	// Most is how many outages of one relay are told of in any hour.
	Most = 4
)

// An Outage follows one relay. The zero value is one that is not away; so is nil,
// which is enough for a relay until it is Lost.
type Outage struct {
	away   bool // from its going until it is steadily back
	told   bool // and that was said
	since  time.Time
	losses int         // ends of connections and dials that failed, in this outage
	up     time.Time   // a connection is open since then; zero if none is
	next   time.Time   // of the next StillAway
	recent []time.Time // when outages were told of in the last hour, at most Most
}

// Lost says that a connection has ended, or that a dial has failed. orderly is the
// end of a connection that the relay has announced: it may be back with the next
// dial, and only if it is not its outage is worth a line. grave is something that
// is told of even if the relay was away already.
func (o *Outage) Lost(now time.Time, orderly, grave bool) Line {
	o.up = time.Time{}
	if !o.away {
		o.away, o.told, o.since, o.losses, o.next = true, false, now, 0, now.Add(Every)
	}
	o.losses++
	if o.told && !grave || orderly || !o.allowed(now) {
		return Nothing
	}
	o.told = true
	return Away
}

// Up says that a connection was opened.
func (o *Outage) Up(now time.Time) {
	if o != nil && o.away {
		o.up = now
	}
}

// Look says what is to be told at now.
func (o *Outage) Look(now time.Time) Line {
	switch {
	case o == nil || !o.away:
	case !o.up.IsZero():
		if now.Before(o.up.Add(Steady)) {
			return Nothing
		}
		o.away = false
		if o.told {
			return Back
		}
	case !now.Before(o.next):
		o.next = now.Add(Every)
		o.told = true // whatever was not worth a line by itself is by now
		return StillAway
	}
	return Nothing
}

// Next is when to look again, if ever.
func (o *Outage) Next() (at time.Time, ok bool) {
	if o == nil || !o.away {
		return time.Time{}, false
	}
	if !o.up.IsZero() {
		return o.up.Add(Steady), true
	}
	return o.next, true
}

// Losses counts the ends of connections and the dials that failed in the outage
// that is going on, or was the last.
func (o *Outage) Losses() int { return o.losses }

// For is how long the relay has been away; at the end of an outage, how long it was.
func (o *Outage) For(now time.Time) time.Duration {
	if !o.up.IsZero() {
		now = o.up
	}
	return now.Sub(o.since)
}

// allowed tells whether another outage may be told of, and takes note of it.
func (o *Outage) allowed(now time.Time) bool {
	o.recent = slices.DeleteFunc(o.recent, func(t time.Time) bool { return now.Sub(t) >= Every })
	if len(o.recent) == Most {
		return false
	}
	o.recent = append(o.recent, now)
	return true
}
