package gennostr

import (
	"runtime"
	"strconv"
	"sync"
	"time"
)

// place is what the message that is being handled takes up, until nobody keeps it
// any more. There are three: a *dataLetter is room in its relay's window, asked is a
// place among the calls, casts and infos that wait, and seat (queue.go) is one among
// a queue's items that hold nothing.
type place interface {
	keep()
	leave()
}

// keep and leave are the loop's too: it keeps a message while it is being handled.
func (l *dataLetter) keep() { l.Kept.Add(1) }
func (l *dataLetter) leave() {
	if l.Kept.Add(-1) == 0 {
		l.conn().window.Release(l.Size)
	}
}

// asked is the place of a call, a cast or an info, for WithMailboxLimit. It is
// given up when it begins to be handled, and taken again if it is kept.
type asked struct{ c *Client }

func (p asked) keep()  { p.c.posted.Add(1) }
func (p asked) leave() { p.c.posted.Add(-1) }

// Hold keeps the message that the running callback handles in its relay's window
// until release is called, and so lets work go on after the callback without
// losing count of it: once the window (WithMailboxWindow) is full of messages that
// wait or are held, the relay is slowed down by TCP. The window is the relay's: it
// outlives the connection, and RemoveRelay.
//
// In HandleCall, HandleCast and HandleInfo it keeps the request's place among
// those that WithMailboxLimit counts. In a callback that handles nothing which
// takes up room (OnConnect, HandleContinue, a timer, the continuation of Go) there
// is nothing to hold, and release does nothing.
//
// Release may be called by any goroutine; the second call does nothing. A message
// that is held for longer than WithSlowCallback is logged, with the line that has
// called Hold, at most once a minute; [Client.Stats] counts them. Hold panics outside of a callback.
//
// [Queue] does all of that by itself.
func (s *Self) Hold() (release func()) {
	if !s.c.running.here() {
		panic("gennostr: Hold outside of a callback: it holds the message that is being handled")
	}
	p := s.c.place
	if p == nil {
		return func() {}
	}
	p.keep()
	h := &hold{place: p, since: time.Now(), relay: relayOf(p)}
	runtime.Callers(2, h.caller[:])
	s.c.holds.add(s.c, h)
	return sync.OnceFunc(func() {
		s.c.holds.remove(h)
		p.leave()
	})
}

// hold is a message that is held.
type hold struct {
	place  place
	relay  string
	since  time.Time
	caller [1]uintptr
	told   bool // guarded by holds.mu: it has been logged for its age
}

// where is the line that has called Hold.
func (h *hold) where() string {
	frame, _ := runtime.CallersFrames(h.caller[:]).Next()
	return frame.File + ":" + strconv.Itoa(frame.Line)
}

func relayOf(p place) string {
	switch p := p.(type) {
	case *dataLetter:
		return p.conn().relay.URL
	case *delivery:
		return p.conn().relay.URL
	}
	return ""
}

// holds are a client's.
type holds struct {
	mu      sync.Mutex
	all     map[*hold]struct{} // guarded by mu
	watched bool               // guarded by mu: the supervisor will look
	quiet   time.Time          // guarded by mu: nothing is logged before
}

// holdsEvery spaces the lines: a bot that holds all of its messages for long says so once in a while.
const holdsEvery = time.Minute

func (hs *holds) add(c *Client, h *hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.all == nil {
		hs.all = make(map[*hold]struct{})
	}
	hs.all[h] = struct{}{}
	if d := c.cfg.slowCallback; d > 0 && !hs.watched {
		hs.watched = true
		c.sup.inbox.Put(watchHolds{h.since.Add(d)})
	}
}

func (hs *holds) remove(h *hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.all, h)
	if len(hs.all) == 0 {
		hs.all = nil // a map does not shrink
	}
}

// oldest of them, and how many there are.
func (hs *holds) oldest() (first *hold, n int) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for h := range hs.all {
		if first == nil || h.since.Before(first.since) {
			first = h
		}
	}
	return first, len(hs.all)
}

// overdue lists those that are older than d and have not been told, and when the
// next one will be; false if none will.
func (hs *holds) overdue(now time.Time, d time.Duration) (late []*hold, next time.Time, some bool) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.watched = len(hs.all) > 0; now.Before(hs.quiet) {
		return nil, hs.quiet, hs.watched
	}
	for h := range hs.all {
		switch at := h.since.Add(d); {
		case h.told:
		case !now.Before(at):
			h.told = true
			late = append(late, h)
		case !some || at.Before(next):
			next, some = at, true
		}
	}
	if hs.watched = some; len(late) > 0 {
		hs.quiet = now.Add(holdsEvery)
	}
	return late, next, some
}

// watchHolds is the supervisor's order to look at what is held at that time.
type watchHolds struct{ at time.Time }

func (ev watchHolds) supervise(s *supervisor) { s.due.Set(alarm{what: alarmHolds}, ev.at) }

// checkHolds logs those that have been held for long, once: one line for all that
// have become so at the same time. Supervisor goroutine.
func (s *supervisor) checkHolds(now time.Time) {
	c := s.client
	late, next, some := c.holds.overdue(now, c.cfg.slowCallback)
	if some {
		s.due.Set(alarm{what: alarmHolds}, next)
	}
	if len(late) == 0 {
		return
	}
	first := late[0]
	for _, h := range late {
		if h.since.Before(first.since) {
			first = h
		}
	}
	// A logger is user code, which the supervisor does not wait for. Joined with the children.
	s.children.Go(func() {
		c.log.Warn("messages are held and not released", "count", len(late), "relay", first.relay,
			"held", time.Since(first.since).Round(time.Millisecond), "by", first.where())
	})
}
