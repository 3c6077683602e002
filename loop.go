package gennostr

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/gennostr/gennostr/internal/agenda"
)

// The client's goroutine. It owns the handler: nothing else calls it. It takes
// letters from the mailbox one by one and turns each into at most a few callbacks.

func (c *Client) loop(started chan<- error) {
	defer c.unwound(started)
	c.running.on(goroutineID())
	if err := c.init(); err != nil {
		c.abort(err)
		started <- err
		return
	}
	c.sup.beginLog()
	for _, url := range c.cfg.relays {
		// The URLs have been validated; one that Init added already is merged.
		_, _ = c.EnsureRelay(url)
	}
	c.initialised.Store(true)
	c.sup.inbox.Put(begun{})
	started <- nil
	c.finish(c.serve())
	c.close()
}

// init runs Init, with a context of its own bound (R06).
func (c *Client) init() error {
	h, ok := c.handler.(Initializer)
	if !ok {
		return nil
	}
	if d := c.cfg.initTimeout; d > 0 {
		// An Init that ends in time leaves its context alone: a server that it
		// started may live by it.
		ctx, cancel := context.WithCancelCause(c.ctx)
		late := make(chan struct{})
		timer := time.AfterFunc(d, func() { // joined when Init has returned
			defer close(late)
			cancel(errInitTimeout)
		})
		defer func() {
			if !timer.Stop() {
				<-late
			}
		}()
		c.self.initCtx.Store(&ctx)
		defer c.self.initCtx.Store(nil)
	}
	panicked, err := c.protect("Init", nil, func() error { return h.Init(c.self) })
	switch {
	case panicked != nil:
		return panicked
	case err == nil, errors.Is(err, ErrIgnore):
		return err
	}
	return initError(err)
}

// serve is the loop: step after step until one is the end, and sleep where there is
// nothing to do.
func (c *Client) serve() error {
	bell := agenda.NewBell()
	defer bell.Stop()
	hibernated := false
	idle := time.Time{} // since when there is nothing to do; zero: there is
	for {
		did, e := c.step()
		if e != nil {
			return e.reason
		}
		if did == didMessage {
			hibernated = false
		}
		if did != didNothing {
			idle = time.Time{}
			continue
		}
		now := time.Now()
		if idle.IsZero() {
			idle = now
		}
		d := c.cfg.hibernateAfter
		if c.self.hibernate || d > 0 && !hibernated && now.Sub(idle) >= d {
			c.self.hibernate, hibernated = false, true
			c.trimAll()
		}
		// Wait for the mailbox or the next instant that matters.
		next, some := c.timers.next()
		next, some = earlier(next, some, c.self.timeout)
		if d > 0 && !hibernated {
			next, some = earlier(next, some, idle.Add(d))
		}
		if some {
			bell.Set(next)
		}
		select {
		case <-c.mail.Wake():
		case <-bell.C:
			bell.Rung()
		case <-c.ctx.Done():
		}
	}
}

// did says what a step of the loop has done.
type did uint8

const (
	didNothing did = iota // there is nothing to do
	didOwn                // a continue, an idle timeout, or the client's own business
	didMessage            // something that came from outside or from a timer
)

// step does the next thing there is to do: the end if it has come, continues before
// anything that is queued (R24), then timers that are due (they queue like any
// message), then the mailbox, and only with nothing left the idle timeout (R26). That
// is one callback at most but for those that judge another one's error. It does not wait.
func (c *Client) step() (did, *exit) {
	if e := c.ended(); e != nil {
		return didNothing, e
	}
	if arg, ok := c.self.nextContinue(); ok {
		return didOwn, c.handleContinue(arg)
	}
	c.timers.due(c.now, func(l letter) { c.mail.Put(l) })
	if l, ok := c.mail.Next(); ok {
		// Start's context has ended before any that was made from it, so what came of its
		// end is told from what came before by asking now, with the letter in hand.
		if c.parent.Err() != nil {
			c.taken = l
			return didNothing, &exit{c.cancelled()}
		}
		if internal(l) {
			return didOwn, l.handle(c)
		}
		c.self.timeout = time.Time{} // any message clears it (R25)
		return didMessage, l.handle(c)
	}
	if at := c.self.timeout; !at.IsZero() && !c.now().Before(at) {
		c.self.timeout = time.Time{}
		return didOwn, c.handleInfo(Timeout{})
	}
	return didNothing, nil
}

// ended is the exit once the client has to end without being asked by a callback: between
// any two callbacks, also those that one letter becomes. Only OnError still hears what
// the last one has returned.
func (c *Client) ended() *exit {
	if c.ctx.Err() != nil || c.parent.Err() != nil { // the second ends first
		return &exit{c.cancelled()}
	}
	return nil
}

// internal tells the letters that are the client's own business: they run no
// callback, and do not disturb the idle timeout (R27).
func internal(l letter) bool {
	switch l := l.(type) {
	case wakeLetter, *passedLetter:
		return true
	case *taskLetter:
		return l.task().run == nil || !l.conn.greeted
	}
	return false
}

func earlier(at time.Time, ok bool, other time.Time) (time.Time, bool) {
	if other.IsZero() || ok && !other.Before(at) {
		return at, ok
	}
	return other, true
}

// protect runs user code. A panic and an error that it returns are kept apart:
// a *PanicError that is returned, somebody else's, is an error like any other.
func (c *Client) protect(callback string, msg any, f func() error) (panicked *PanicError, err error) {
	c.running.set(callback)
	c.watch()
	c.self.inside.Store(true)
	returned := false
	defer func() {
		c.self.inside.Store(false)
		c.running.clear()
		if returned {
			return
		}
		v := recover()
		if v != nil && c.cfg.crashOnPanic {
			panic(v) // the trace still shows where it began
		}
		switch l := msg.(type) { // boxed only now: not once for every event
		case *dataLetter:
			msg = l.event()
		case *delivery:
			msg = l.message()
		}
		panicked = &PanicError{Where: callback, Value: v, Stack: debug.Stack(), Message: msg}
		if v == nil { // no panic: the goroutine is ending, and unwound is next
			panicked.Value = errGoexit
			c.goexit = panicked
		}
	}()
	if err = f(); err != nil {
		_, _ = stopReason(err) // an error whose methods panic, a nil pointer say, does so here
	}
	returned = true
	return nil, err
}

// call runs one callback and judges what it returned: nil carries on, a stop
// or a panic ends the loop, anything else goes to OnError.
func (c *Client) call(callback string, relay Relay, msg any, f func() error) *exit {
	panicked, err := c.protect(callback, msg, f)
	if e := asExit(panicked, err); e != nil || err == nil {
		return e
	}
	return c.onError(relay, &CallbackError{Callback: callback, Relay: relay, Err: err})
}

func asExit(panicked *PanicError, err error) *exit {
	if panicked != nil {
		return &exit{panicked}
	}
	if reason, stops := stopReason(err); stops {
		return &exit{reason}
	}
	return nil
}

// onError is the one callback whose every error stops: OnError returning its
// argument makes all problems fatal.
func (c *Client) onError(relay Relay, problem error) *exit {
	if c.problem != nil {
		c.problem(problem)
	}
	panicked, err := c.protect("OnError", problem, func() error { return c.handler.OnError(c.self, relay, problem) })
	if e := asExit(panicked, err); e != nil || err == nil {
		return e
	}
	return &exit{err}
}
