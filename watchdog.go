package gennostr

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/attend"
)

// A callback that does not return holds up everything that its client does,
// and nobody sees it: no error, no log line, events that wait. The supervisor
// looks at the clock of the running callback and logs one that takes longer
// than WithSlowCallback, once, with its stack.
//
// Callbacks are many and short, so none of them sets a timer. The first one
// after a quiet time asks the supervisor to look before its time is up; until
// then the others find the watch armed, which costs them one atomic load.
//
// The supervisor looks several times, since only time in which the program has
// run counts: a suspended machine is no slow callback.

// slowWatch is what the supervisor knows of the running callback. Its goroutine only.
type slowWatch struct {
	number uint64      // which one it is
	span   attend.Span // WithSlowCallback, from its beginning
	logged bool
}

// watchSlow is the supervisor's order to look at what runs at that time.
type watchSlow struct{ at time.Time }

// watch arms the watch. Client goroutine, after running.set.
//
// No callback slips through: it is entered as running before the watch is found
// armed, and checkSlow disarms before it looks at what is running.
func (c *Client) watch() {
	d := c.cfg.slowCallback
	if d > 0 && !c.running.watched.Load() && c.running.watched.CompareAndSwap(false, true) {
		c.sup.inbox.Put(watchSlow{time.Now().Add(d / 4)}) // a callback that begins meanwhile is looked at in time, too
	}
}

func (ev watchSlow) supervise(s *supervisor) { s.due.Set(alarm{what: alarmSlow}, ev.at) }

// checkSlow looks once. Supervisor goroutine.
func (s *supervisor) checkSlow(now time.Time) {
	c := s.client
	c.running.watched.Store(false)
	call := c.running.get()
	if call.name == "" {
		return // the next callback arms the watch again
	}
	if call.number != s.slow.number {
		s.slow = slowWatch{number: call.number, span: attend.Start(call.since, c.cfg.slowCallback)}
	}
	if s.slow.logged { // a second look is rare: watch was held up between its two steps for as long as it takes
		return
	}
	if over, next := s.slow.span.Look(now); !over {
		if c.running.watched.CompareAndSwap(false, true) {
			s.due.Set(alarm{what: alarmSlow}, next)
		}
		return
	}
	s.slow.logged = true
	// A logger is user code, which the supervisor does not wait for. Joined with the children.
	s.children.Go(func() {
		running, stack := time.Since(call.since), stackOf(call.goroutine)
		if c.running.get().number != call.number || c.running.get().name == "" {
			stack = "it has returned meanwhile"
		}
		c.log.Warn("callback does not return", "callback", call.name, "running", running.Round(time.Millisecond),
			"mailbox", c.mail.Len(), "stack", stack)
	})
}

// goroutineID is the name of the calling goroutine in a stack dump: "goroutine 42".
func goroutineID() string {
	buf := make([]byte, 64)
	id, _, _ := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte(" ["))
	return string(id)
}

// stackOf finds one goroutine's stack among all, "" if it is not there. It
// stops the program for as long as the dump takes, so it is for rare use.
func stackOf(goroutine string) string {
	const most = 64 << 20 // bytes of the dump; some hundred thousand goroutines
	for size := 64 << 10; size <= most; size *= 4 {
		buf := make([]byte, size)
		n := runtime.Stack(buf, true)
		if stack, whole := cutStack(buf[:n], goroutine); stack != "" && (whole || n < size) {
			return stack
		}
		if n < size {
			break
		}
	}
	return ""
}

// cutStack takes one goroutine's part out of a dump, whose parts are separated
// by empty lines; whole tells that another part follows.
func cutStack(dump []byte, goroutine string) (stack string, whole bool) {
	for len(dump) > 0 {
		part, rest, more := bytes.Cut(dump, []byte("\n\n"))
		if bytes.HasPrefix(part, []byte(goroutine+" [")) {
			return string(part), more
		}
		dump = rest
	}
	return "", false
}

// running is what the loop is running for the user right now, for errors and logs that say so.
type running struct {
	mu      sync.Mutex
	call    callback    // guarded by mu
	watched atomic.Bool // the supervisor will look
}

// callback is one run of user code on the client's goroutine.
type callback struct {
	name      string // "" between callbacks
	since     time.Time
	number    uint64 // of the callbacks of this client, counted from 1
	goroutine string // the client's, as in stack dumps
}

// on notes the client's goroutine, once.
func (r *running) on(goroutine string) {
	r.mu.Lock()
	r.call.goroutine = goroutine
	r.mu.Unlock()
}

// here tells whether a callback is running, and this goroutine runs it.
func (r *running) here() bool {
	call := r.get()
	return call.name != "" && call.goroutine == goroutineID()
}

func (r *running) set(name string) {
	r.mu.Lock()
	r.call.name, r.call.since = name, time.Now()
	r.call.number++
	r.mu.Unlock()
}

func (r *running) clear() {
	r.mu.Lock()
	r.call.name = ""
	r.mu.Unlock()
}

// status is the callback's name and how long it has been running.
func (c callback) status() (name string, since time.Duration) {
	if c.name == "" {
		return "", 0
	}
	return c.name, time.Since(c.since)
}

func (r *running) get() callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.call
}
