package gennostr

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"
)

// Go runs work on a goroutine of its own, and then with its result on the
// client's goroutine, like any callback (OTP's Task.async). What then returns is
// judged like the error of a callback.
//
// The context of work ends when the client stops, which waits for work to
// return. If the client has stopped meanwhile, then is not run; a panic in work
// is logged instead. Otherwise a panic in work is then's error, a *[PanicError].
// While [WithMaxTasks] of them are running, then gets [ErrTooManyTasks].
func Go[T any](self *Self, work func(context.Context) (T, error), then func(T, error) error) {
	c := self.c
	var zero T
	start := func(ctx context.Context) {
		value, err := zero, error(&PanicError{Where: "task", Value: errGoexit}) // unless work returns or panics
		defer func() {
			told := c.mail.Put(&thenLetter{func(*Self) error { return then(value, err) }})
			var panicked *PanicError
			if !told && errors.As(err, &panicked) && panicked.Where == "task" {
				c.log.Error("task panicked while the client stopped", "error", panicked, "stack", string(panicked.Stack))
			}
		}()
		value, err = guarded(c, ctx, work)
	}
	if err := c.tasks.start(c.cfg.maxTasks, start); err != nil {
		c.mail.Put(&thenLetter{func(*Self) error { return then(zero, err) }})
	}
}

func guarded[T any](c *Client, ctx context.Context, work func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if c.cfg.crashOnPanic {
			return
		}
		if v := recover(); v != nil {
			err = &PanicError{Where: "task", Value: v, Stack: debug.Stack()}
		}
	}()
	return work(ctx)
}

// taskGroup joins the goroutines of Go.
type taskGroup struct {
	ctx  context.Context // of the work; immutable
	stop context.CancelFunc

	mu      sync.Mutex
	started map[uint64]time.Time // guarded by mu: the running ones
	lastID  uint64               // guarded by mu
	closed  bool                 // guarded by mu: the client stops, nothing starts
	empty   chan struct{}        // guarded by mu until closed; closed when the last one has ended
	ended   chan struct{}        // capacity 1: one has ended, for a Harness that waits for them
}

func newTaskGroup(parent context.Context) *taskGroup {
	g := &taskGroup{started: make(map[uint64]time.Time), empty: make(chan struct{}), ended: make(chan struct{}, 1)}
	g.ctx, g.stop = context.WithCancel(parent)
	return g
}

func (g *taskGroup) start(limit int, run func(context.Context)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClientClosed
	}
	if len(g.started) >= limit {
		return ErrTooManyTasks
	}
	g.lastID++
	id := g.lastID
	g.started[id] = time.Now()
	go func() { // told to end by cancel, joined by join
		defer g.end(id)
		run(g.ctx)
	}()
	return nil
}

func (g *taskGroup) end(id uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.started, id)
	select {
	case g.ended <- struct{}{}:
	default:
	}
	if g.closed && len(g.started) == 0 {
		close(g.empty)
	}
}

// cancel tells the running ones to end and starts no more. Once.
func (g *taskGroup) cancel() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if len(g.started) == 0 {
		close(g.empty)
	}
	g.stop()
}

// join waits until all have ended, at most for so long.
func (g *taskGroup) join(within time.Duration) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-g.empty:
	case <-timer.C:
	}
}

// trim gives back what many tasks at once have left behind.
func (g *taskGroup) trim() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started = copied(g.started)
}

// oldest tells how many are running, and for how long the first of them.
func (g *taskGroup) oldest() (since time.Duration, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, at := range g.started {
		since = max(since, time.Since(at))
	}
	return since, len(g.started)
}
