package socket

import (
	"sync"
	"time"
)

// overslept is how much too late a timer for d is that judges nobody: it was this
// process that stood still, or its machine, and what the peer has sent, or made room
// for, meanwhile is not known yet. Such a timer starts again. A machine that is busy is
// late by some milliseconds always.
func overslept(d time.Duration) time.Duration {
	return min(max(d/4, 20*time.Millisecond), time.Second)
}

// alarm cuts a connection, unless it is stopped before.
type alarm struct {
	conn  *Conn
	after time.Duration
	cause error

	mu      sync.Mutex
	timer   *time.Timer // guarded by mu, as is all below; counted by conn.helpers until it is stopped or has cut
	due     time.Time
	stopped bool
}

// after cuts the connection after d, unless it is stopped before.
func (c *Conn) after(d time.Duration, cause error) *alarm {
	a := &alarm{conn: c, after: d, cause: cause, due: time.Now().Add(d)}
	c.helpers.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(d, a.ring)
	return a
}

// ring is the timer's goroutine.
func (a *alarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); !a.stopped && now.Sub(a.due) > overslept(a.after) {
		a.due = now.Add(a.after)
		a.timer.Reset(a.after)
		return
	}
	if !a.stopped {
		a.conn.Cut(a.cause)
	}
	a.conn.helpers.Done()
}

// stop may come again.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.timer.Stop() {
		a.conn.helpers.Done()
	}
}
