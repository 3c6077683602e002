package agenda

import "time"

// A Bell is the one timer of a loop that waits in a select. The loop sets it before it
// waits, and calls Rung when it has received from C.
//
// It rings when it is set to, or before: once set to a time it is not put off, so that
// a loop whose next deadline moves with everything that it does leaves its timer alone,
// and is woken for nothing once. Nor is it a timer with a channel, which the runtime
// enters when somebody begins to wait for it and takes out when he has been woken
// otherwise; of each entry the runtime's poller has to learn, which costs more than all
// that a publication has the loop do.
//
// Made by NewBell. Not safe for concurrent use: its owner serialises.
type Bell struct {
	C <-chan struct{} // immutable

	timer *time.Timer
	at    time.Time // when it rings; zero: it is not set
}

// NewBell makes a bell that is not set.
func NewBell() *Bell {
	c := make(chan struct{}, 1)
	timer := time.AfterFunc(time.Hour, func() { // ends at once
		select {
		case c <- struct{}{}:
		default:
		}
	})
	timer.Stop()
	return &Bell{C: c, timer: timer}
}

// Set has it ring at that time at the latest.
func (b *Bell) Set(at time.Time) {
	if !b.at.IsZero() && !at.Before(b.at) {
		return
	}
	b.at = at
	b.timer.Reset(time.Until(at))
}

// Rung is for who has received from C.
func (b *Bell) Rung() { b.at = time.Time{} }

// Stop is for its end.
func (b *Bell) Stop() { b.timer.Stop() }
