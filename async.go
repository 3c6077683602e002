package gennostr

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// Go runs work on a goroutine of its own and then, with its result, on the
// client's goroutine, like any callback (OTP's Task.async). A panic in work is
// then's error, a *[PanicError]; while [WithMaxTasks] are running, then gets
// [ErrTooManyTasks]. What then returns is judged like the error of a callback.
//
// The work's context ends as soon as the client begins to stop, which waits for
// the work to return; then runs for what has ended. It does not run after a panic,
// when [Start]'s context has ended, or once [WithShutdownTimeout] is over; a panic
// in work is logged instead.
//
// Go is for the occasional task. Work for each event belongs in a [Queue], which
// takes as many as there are and does not lose count of them.
func Go[T any](self *Self, work func(context.Context) (T, error), then func(T, error) error) {
	c := self.c
	var zero T
	start := func(ctx context.Context, over func(func())) {
		value, err := zero, error(&PanicError{Where: "task", Value: errGoexit}) // unless work returns or panics
		defer func() {
			if v := recover(); v != nil { // WithoutRecover: the program ends here, and begins nothing more
				panic(v)
			}
			over(func() { c.then(&thenLetter{err: err, then: func(*Self) error { return then(value, err) }}) })
		}()
		value, err = guarded(c, ctx, work)
	}
	if err := c.tasks.start(c.cfg.maxTasks, start); err != nil {
		c.then(&thenLetter{refused: err == ErrClientClosed, then: func(*Self) error { return then(zero, err) }})
	}
}

// then queues what is to run on the loop, or leaves it to the end of the client.
func (c *Client) then(l *thenLetter) {
	if !c.mail.Put(l) {
		c.late.Put(l)
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

// taskGroup joins the goroutines of Go, and those that work for queues.
type taskGroup struct {
	ctx, workCtx     context.Context // of Go, and of queues; immutable
	stop, cancelWork context.CancelFunc

	mu      sync.Mutex
	started map[uint64]started // guarded by mu: the running ones
	tasks   int                // guarded by mu: how many of Go are at work
	lastID  uint64             // guarded by mu
	closed  bool               // guarded by mu: the client stops, nothing starts
	empty   chan struct{}      // guarded by mu until closed; closed when the last one has ended
	ended   chan struct{}      // capacity 1: one has ended, for a Harness that waits for them
}

// started is a goroutine of the user's.
type started struct {
	at   time.Time
	what string // "a task of Go", "work of QUEUE"
}

const aTask = "a task of Go"

func newTaskGroup(parent context.Context) *taskGroup {
	g := &taskGroup{started: make(map[uint64]started), empty: make(chan struct{}), ended: make(chan struct{}, 1)}
	g.ctx, g.stop = context.WithCancel(parent)
	g.workCtx, g.cancelWork = context.WithCancel(parent)
	return g
}

// start is Go's. Run calls over with what tells its result.
func (g *taskGroup) start(limit int, run func(ctx context.Context, over func(tell func()))) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClientClosed
	}
	if g.tasks >= limit {
		return ErrTooManyTasks
	}
	g.tasks++
	g.launch(aTask, func() { run(g.ctx, g.over) })
	return nil
}

// over has the result of work told, and makes room for the next: at once, for who is told
// may call Go again, and the result of what starts in this place comes after this one.
func (g *taskGroup) over(tell func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tasks--
	tell()
}

// startWork is a queue's: it begins what may begin. What has begun is joined, so
// that is asked for under the lock.
func (g *taskGroup) startWork(q workQueue) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	run, ok := q.next()
	if ok {
		g.launch("work of "+q.status().Name, func() { run(g.workCtx) })
	}
	return ok
}

// launch needs mu.
func (g *taskGroup) launch(what string, run func()) {
	g.lastID++
	id := g.lastID
	g.started[id] = started{time.Now(), what}
	go func() { // told to end by cancel and cancelWork, joined by endWork, or after it by close
		defer g.end(id)
		run()
	}()
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

// cancel tells the tasks of Go to end, and starts nothing more. Once.
func (g *taskGroup) cancel() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if len(g.started) == 0 {
		close(g.empty)
	}
	g.stop()
}

// trim gives back what many tasks at once have left behind.
func (g *taskGroup) trim() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started = copied(g.started)
}

// atWork is how many tasks of Go are at work.
func (g *taskGroup) atWork() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tasks
}

// untold is how many tasks of Go there are whose result is not with the loop yet.
func (g *taskGroup) untold() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.started {
		if s.what == aTask {
			n++
		}
	}
	return n
}

// oldest tells what has been running for the longest; "" if nothing is.
func (g *taskGroup) oldest() (what string, since time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.started {
		if d := time.Since(s.at); what == "" || d > since {
			what, since = s.what, d
		}
	}
	return what, since
}
