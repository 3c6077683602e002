package attend

import (
	"sync"
	"time"
)

// A Timer is a Span that looks at itself: a time.Timer whose time does not run while
// the program does not. Made by AfterFunc; its methods may be called from any goroutine.
type Timer struct {
	f func() // immutable after AfterFunc

	mu    sync.Mutex
	span  Span        // guarded by mu
	timer *time.Timer // guarded by mu
	over  bool        // guarded by mu: stopped, or f is running or has run
}

// AfterFunc calls f on a goroutine of its own once the program has had d to wait for
// what f puts an end to.
func AfterFunc(d time.Duration, f func()) *Timer {
	now := time.Now()
	t := &Timer{f: f, span: Start(now, d)}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, next := t.span.Look(now)
	t.timer = time.AfterFunc(next.Sub(now), t.look) // ends with a look, which may set it again
	return t
}

func (t *Timer) look() {
	if t.due() {
		t.f()
	}
}

func (t *Timer) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	now := time.Now()
	over, next := t.span.Look(now)
	if t.over = over; !over {
		t.timer.Reset(next.Sub(now))
	}
	return over
}

// Stop sees to it that f is not called any more; false if it was too late for that.
func (t *Timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	stopped := !t.over
	t.over = true
	return stopped
}
