package socket

import (
	"sync"
	"time"
)

// writing cuts a connection whose peer does not take what is written to it: when writes
// are under way and for so long (timeout) none of them has ended. One goroutine writes as
// a rule, so that this is the time of one write.
//
// Its timer runs on when a write has ended, and looks at what there is when it rings: at
// most one rings in that time, however much is written. To start and stop one for each
// write, of which the runtime's poller has to learn, was a tenth of what a publication costs.
type writing struct {
	conn    *Conn         // immutable
	timeout time.Duration // immutable

	mu    sync.Mutex
	open  int         // guarded by mu: writes
	due   time.Time   // guarded by mu: when the time is up, if any is open
	timer *time.Timer // guarded by mu: nil until it is needed
	armed bool        // guarded by mu: the timer runs, and is counted by conn.helpers
	over  bool        // guarded by mu: it will not run any more
}

// begin is for the beginning of a write, end for its end.
func (w *writing) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open++; w.open == 1 {
		w.due = time.Now().Add(w.timeout)
	}
	if w.armed || w.over {
		return
	}
	w.armed = true
	w.conn.helpers.Add(1)
	if w.timer == nil {
		w.timer = time.AfterFunc(w.timeout, w.ring)
	} else {
		w.timer.Reset(w.timeout)
	}
}

func (w *writing) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open--; w.open > 0 {
		w.due = time.Now().Add(w.timeout)
	}
}

// ring is the timer's goroutine. One that is late judges nobody, see overslept.
func (w *writing) ring() {
	if w.late() {
		w.conn.Cut(ErrWriteTimeout)
		w.conn.helpers.Done()
	}
}

// late tells whether the time is up. If not, the timer is started again, or is not needed
// any more.
func (w *writing) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	left := w.due.Sub(now)
	switch {
	case w.open == 0 || w.over:
		w.armed = false
		w.conn.helpers.Done()
		return false
	case left > 0:
	case -left > overslept(w.timeout):
		left = w.timeout
		w.due = now.Add(left)
	default:
		return true
	}
	w.timer.Reset(left)
	return false
}

// stop is for the end of the connection.
func (w *writing) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.armed && w.timer.Stop() {
		w.armed = false
		w.conn.helpers.Done()
	}
}
