package agenda

import (
	"sync"
	"time"
)

// A Bell is the one timer of a loop that waits in a select. The loop sets it before it
// waits, and calls Rung when it has received from C.
//
// It may ring for nothing: once set to a time it is not put off, so that a loop whose
// next deadline moves with everything that it does leaves its timer alone. Whoever hears
// it looks what is due, and sets it again.
//
// Nor is it a timer with a channel, which the runtime enters when somebody begins to wait
// for it and takes out when he has been woken otherwise: of each entry the runtime's
// poller has to learn, and a publication took a twelfth more CPU for that.
//
// Made by NewBell. Not safe for concurrent use: its owner serialises.
type Bell struct {
	C <-chan struct{} // immutable

	timer   *time.Timer
	at      time.Time // when it rings; zero: it is not set
	ringing sync.WaitGroup
}

// NewBell makes a bell that is not set.
func NewBell() *Bell {
	c := make(chan struct{}, 1)
	b := &Bell{C: c}
	b.timer = time.AfterFunc(time.Hour, func() { // ends at once, joined by Stop
		defer b.ringing.Done()
		select {
		case c <- struct{}{}:
		default:
		}
	})
	b.timer.Stop()
	return b
}

// Set has it ring at that time at the latest. The time is one of time.Now's, with the
// reading of the monotonic clock, as all times of an Agenda.
func (b *Bell) Set(at time.Time) {
	if !b.at.IsZero() && !at.Before(b.at) {
		return
	}
	b.at = at
	b.ringing.Add(1)
	if b.timer.Reset(time.Until(at)) { // it was to ring at another time
		b.ringing.Done()
	}
}

// Rung is for who has received from C.
func (b *Bell) Rung() { b.at = time.Time{} }

// Stop is for its end: it is not set any more, and nothing of it runs on.
func (b *Bell) Stop() {
	if b.timer.Stop() {
		b.ringing.Done()
	}
	b.ringing.Wait()
}
