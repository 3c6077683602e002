package socket

import (
	"sync"
	"sync/atomic"
	"time"
)

// deadline bounds the time for which the network is waited for in the middle of one
// message. What passes between two reads is our own time, and does not count: a
// reader that has to wait for room, or for a processor, is no fault of the peer's.
//
// A message that is there at once needs none of this; it is made when one first is not.
type deadline struct {
	timeout time.Duration // immutable; 0: none
	conn    *Conn         // immutable: what it cuts, and who joins the timer's goroutine
	message uint32        // who reads only: frames.count of the message that the rest is about
	used    atomic.Bool   // the network has been waited for in it

	mu      sync.Mutex
	timer   *time.Timer   // guarded by mu; it is counted by conn.helpers while it runs
	due     time.Duration // guarded by mu: when the time is up, on the clock of now; 0 while the network is not waited for
	waited  time.Duration // guarded by mu: for that message, before the read at hand
	arrived int64         // guarded by mu: bytes that came of it then
}

func (d *deadline) now() time.Duration { return time.Since(d.conn.dialer.born) }

// wait begins a read of the network in the middle of a message.
func (d *deadline) wait(message uint32) {
	if d.timeout == 0 {
		return
	}
	if d.message != message {
		d.message = message
		d.forget()
	}
	d.used.Store(true)
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.timeout - d.waited
	d.due = d.now() + left
	d.conn.helpers.Add(1)
	if d.timer == nil {
		d.timer = time.AfterFunc(left, d.fire)
	} else {
		d.timer.Reset(left)
	}
}

// came ends that read.
func (d *deadline) came(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.due == 0 {
		return // the timer has fired, or there is none
	}
	d.arrived += int64(n)
	if d.waited = d.timeout - (d.due - d.now()); d.waited > d.timeout+overslept(d.timeout) {
		d.waited = 0
	}
	d.due = 0
	if d.timer.Stop() {
		d.conn.helpers.Done()
	}
}

// fire is the timer's goroutine. It may come after the read that it was for, and
// even in the next one.
func (d *deadline) fire() {
	d.mu.Lock()
	now := d.now()
	cut := d.due != 0 && now >= d.due
	if cut && now-d.due > overslept(d.timeout) {
		d.due = now + d.timeout
		d.timer.Reset(d.timeout)
		d.mu.Unlock()
		return
	}
	if cut {
		d.due = 0
	}
	d.mu.Unlock()
	if cut {
		d.conn.Cut(ErrMessageTimeout)
	}
	d.conn.helpers.Done()
}

// forget is for the end of a message.
func (d *deadline) forget() {
	if !d.used.Load() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used.Store(false)
	d.waited, d.arrived = 0, 0
}

// slow is what Conn.Slow says.
func (d *deadline) slow() (waited time.Duration, arrived int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	waited = d.waited
	if d.due != 0 {
		waited = d.timeout - (d.due - d.now())
	}
	return waited, d.arrived
}
