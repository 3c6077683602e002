package gennostr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// The client's goroutine. It owns the handler: nothing else calls it. It takes
// letters from the mailbox one by one and turns each into at most a few callbacks.

// letter is the sealed type of what the mailbox brings.
type letter interface {
	// handle runs on the client's goroutine. A non-nil exit stops the client.
	handle(*Client) *exit
}

// exit is why the loop ends.
type exit struct{ reason error }

type (
	connectLetter    struct{ conn *connection }
	disconnectLetter struct {
		entry  *relayEntry // for the supervisor; not looked into here
		conn   *connection // nil when the relay was removed between two connections
		relay  Relay
		reason error
	}
	// dataLetter is a message of a relay; it holds space in its window until it has been handled.
	dataLetter struct {
		conn  *connection
		size  int
		event EventMessage
		msg   any // nil: it is the event
	}
	rejectLetter struct {
		conn   *connection
		reason error
	}
	errorLetter struct {
		relay Relay
		err   error
	}
	callLetter struct {
		from    From
		request any
	}
	castLetter struct{ request any }
	infoLetter struct {
		msg    any
		posted bool // counts against WithMailboxLimit
	}
	taskLetter struct { // WithTask
		conn  *connection
		index int
	}
	thenLetter struct{ then func(*Self) error } // the result of Go
	wakeLetter struct{}                         // a timer was set from another goroutine
	stopLetter struct{}
)

func (c *Client) loop(started chan<- error) {
	if err := c.init(); err != nil {
		c.abort(err)
		started <- err
		return
	}
	for _, url := range c.cfg.relays {
		// The URLs have been validated; one that Init added already is merged.
		_, _ = c.EnsureRelay(url)
	}
	started <- nil
	c.finish(c.serve())
}

// init runs Init, with a context of its own bound (R06).
func (c *Client) init() error {
	h, ok := c.handler.(Initializer)
	if !ok {
		return nil
	}
	if d := c.cfg.initTimeout; d > 0 {
		ctx, cancel := context.WithTimeoutCause(c.ctx, d, errInitTimeout)
		defer cancel()
		c.self.initCtx.Store(&ctx)
		defer c.self.initCtx.Store(nil)
	}
	err := c.protect("Init", nil, func() error { return h.Init(c.self) })
	var panicked *PanicError
	switch {
	case err == nil, errors.Is(err, ErrIgnore), errors.As(err, &panicked):
		return err
	}
	return initError(err)
}

// serve is the loop: continues first (R24), then the end if it has come, then
// timers that are due (they queue like any message), then the mailbox, and
// only with nothing left the idle timeout (R26).
func (c *Client) serve() error {
	idle := time.NewTimer(time.Hour)
	defer idle.Stop()
	hibernated := false
	for {
		if c.ctx.Err() != nil {
			return c.cancelled()
		}
		if arg, ok := c.self.nextContinue(); ok {
			if e := c.handleContinue(arg); e != nil {
				return e.reason
			}
			continue
		}
		c.timers.due(func(l letter) { c.mail.Put(l) })
		if l, ok := c.mail.Next(); ok {
			hibernated = false
			if _, ok := l.(wakeLetter); !ok {
				c.self.timeout = time.Time{} // any message clears it (R25)
			}
			if e := l.handle(c); e != nil {
				return e.reason
			}
			continue
		}
		now := time.Now()
		if at := c.self.timeout; !at.IsZero() && !now.Before(at) {
			c.self.timeout = time.Time{}
			if e := c.handleInfo(Timeout{}); e != nil {
				return e.reason
			}
			continue
		}
		if c.self.hibernate {
			c.self.hibernate, hibernated = false, true
			c.trimAll()
		}
		// Nothing to do: wait for the mailbox or the next instant that matters.
		next, some := c.timers.next()
		next, some = earlier(next, some, c.self.timeout)
		if d := c.cfg.hibernateAfter; d > 0 && !hibernated {
			next, some = earlier(next, some, now.Add(d))
		}
		if some {
			idle.Reset(next.Sub(now))
		} else {
			idle.Stop()
		}
		select {
		case <-c.mail.Wake():
		case <-idle.C:
			if d := c.cfg.hibernateAfter; d > 0 && !hibernated && time.Since(now) >= d {
				c.self.hibernate = true
			}
		case <-c.ctx.Done():
		}
	}
}

func earlier(at time.Time, ok bool, other time.Time) (time.Time, bool) {
	if other.IsZero() || ok && !other.Before(at) {
		return at, ok
	}
	return other, true
}

// cancelled is the reason of an end that no callback asked for: the deadline of
// an orderly stop, or Start's ctx (R10).
func (c *Client) cancelled() error {
	select {
	case <-c.hard:
		return ErrShutdown
	default:
		return context.Cause(c.parent)
	}
}

// abort ends a client whose Init did not let it start: no Terminate (R03, R04).
func (c *Client) abort(err error) {
	c.reason = err
	c.setDeadline()
	c.mail.Close()
	c.tasks.cancel()
	close(c.dead)
	c.close()
}

// finish is the stop order of DESIGN 3.5, from the last callback but one.
func (c *Client) finish(reason error) {
	deadline := c.setDeadline()
	c.reason = reason
	// From here on nothing gets in, and readers drop what they have. Calls among
	// what was left are answered when dead closes (R14).
	for _, l := range c.mail.Close() {
		if d, ok := l.(*dataLetter); ok {
			d.conn.window.Release(d.size) // a reader that stands still has to see the closing handshake
		}
	}
	c.tasks.cancel()
	c.tasks.join(time.Until(deadline))

	if h, ok := c.handler.(Terminator); ok {
		err := c.protect("Terminate", reason, func() error { h.Terminate(c.self, reason); return nil })
		if err != nil {
			c.reason = errors.Join(reason, err) // R41
		}
	}
	if !quiet(c.reason) && (c.parent.Err() == nil || c.reason != context.Cause(c.parent)) {
		c.log.Error("client stopped", "reason", c.reason) // once, and only what is a problem (R34)
	}
	close(c.dead)
	c.close()
}

// close closes the connections and joins whatever is left. Done is its last word.
func (c *Client) close() {
	c.sup.inbox.Put(shutdown{*c.deadline.Load()})
	<-c.sup.done
	c.pool.Stop()
	c.dialer.Close()
	<-c.tasks.empty
	c.cancel(&clientClosedError{c.reason})
	c.releaseName()
	close(c.done)
}

// protect runs user code and turns a panic into a *PanicError.
func (c *Client) protect(callback string, msg any, f func() error) (err error) {
	c.running.set(callback)
	c.self.inside.Store(true)
	defer func() {
		c.self.inside.Store(false)
		c.running.clear()
		if c.cfg.crashOnPanic {
			return
		}
		if v := recover(); v != nil {
			if l, ok := msg.(*dataLetter); ok {
				msg = l.event // boxed only now: not once for every event
			}
			err = &PanicError{Where: callback, Value: v, Stack: debug.Stack(), Message: msg}
		}
	}()
	return f()
}

// call runs one callback and judges what it returned: nil carries on, a stop
// or a panic ends the loop, anything else goes to OnError.
func (c *Client) call(callback string, relay Relay, msg any, f func() error) *exit {
	err := c.protect(callback, msg, f)
	if err == nil {
		return nil
	}
	if e := asExit(err); e != nil {
		return e
	}
	return c.onError(relay, &CallbackError{Callback: callback, Relay: relay, Err: err})
}

func asExit(err error) *exit {
	if panicked, ok := err.(*PanicError); ok {
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
	err := c.protect("OnError", problem, func() error { return c.handler.OnError(c.self, relay, problem) })
	if err == nil {
		return nil
	}
	if e := asExit(err); e != nil {
		return e
	}
	return &exit{err}
}

func (l *connectLetter) handle(c *Client) *exit {
	c.greet(l.conn)
	return c.call("OnConnect", l.conn.relay, nil, func() error { return c.handler.OnConnect(c.self, l.conn.relay) })
}

// handle tells OnError of an end that is an error, then OnDisconnect, the same
// value to both (R53); then the supervisor, which dials only now.
func (l *disconnectLetter) handle(c *Client) *exit {
	if l.conn != nil {
		c.dismiss(l.conn)
	}
	if !orderly(l.reason) {
		if e := c.onError(l.relay, l.reason); e != nil {
			return e
		}
	}
	e := c.call("OnDisconnect", l.relay, l.reason, func() error { return c.handler.OnDisconnect(c.self, l.relay, l.reason) })
	if e == nil {
		c.sup.inbox.Put(disconnectTold{l.entry})
	}
	return e
}

// orderly tells the ends of a connection that are no error.
func orderly(reason error) bool {
	var closed *CloseError
	return errors.Is(reason, ErrRelayRemoved) ||
		errors.As(reason, &closed) && (closed.Code == 1000 || closed.Code == 1001)
}

func (l *dataLetter) handle(c *Client) *exit {
	defer l.conn.window.Release(l.size)
	relay := l.conn.relay
	switch m := l.msg.(type) {
	case nil:
		return c.call("OnEvent", relay, l, func() error { return c.handler.OnEvent(c.self, relay, l.event) })
	case EOSEMessage:
		return c.call("OnEOSE", relay, m, func() error { return c.handler.OnEOSE(c.self, relay, m) })
	case OKMessage:
		return c.call("OnOK", relay, m, func() error { return c.handler.OnOK(c.self, relay, m) })
	case NoticeMessage:
		return c.call("OnNotice", relay, m, func() error { return c.handler.OnNotice(c.self, relay, m) })
	case AuthMessage:
		return c.call("OnAuth", relay, m, func() error { return c.handler.OnAuth(c.self, relay, m) })
	case ClosedMessage:
		if h, ok := c.handler.(ClosedHandler); ok {
			return c.call("OnClosed", relay, m, func() error { return h.OnClosed(c.self, relay, m) })
		}
		return c.onError(relay, &ClosedError{m}) // never silent (L06)
	case CountMessage:
		if h, ok := c.handler.(CountHandler); ok {
			return c.call("OnCount", relay, m, func() error { return h.OnCount(c.self, relay, m) })
		}
		c.log.Debug("COUNT without OnCount", "relay", relay.URL, "count", m.Count)
		return nil
	default: // NegMessage, NegErrorMessage, UnknownMessage
		return c.handleInfo(m)
	}
}

func (l *rejectLetter) handle(c *Client) *exit {
	return c.onError(l.conn.relay, l.conn.takeReport(l.reason))
}

func (l *errorLetter) handle(c *Client) *exit { return c.onError(l.relay, l.err) }

func (l *callLetter) handle(c *Client) *exit {
	c.posted.Add(-1)
	h, ok := c.handler.(CallHandler)
	if !ok {
		_ = l.from.fail(ErrNotHandled)
		return nil
	}
	err := c.protect("HandleCall", l.request, func() error { return h.HandleCall(c.self, l.from, l.request) })
	if err == nil {
		return nil
	}
	if e := asExit(err); e != nil {
		return e
	}
	if l.from.fail(err) != nil { // answered already: the error is a problem of the handler's
		return c.onError(Relay{}, &CallbackError{Callback: "HandleCall", Err: err})
	}
	return nil
}

func (l *castLetter) handle(c *Client) *exit {
	c.posted.Add(-1)
	h, ok := c.handler.(CastHandler)
	if !ok {
		c.log.Warn("cast without HandleCast dropped", "type", fmt.Sprintf("%T", l.request)) // R22
		return nil
	}
	return c.call("HandleCast", Relay{}, l.request, func() error { return h.HandleCast(c.self, l.request) })
}

func (l *infoLetter) handle(c *Client) *exit {
	if l.posted {
		c.posted.Add(-1)
	}
	return c.handleInfo(l.msg)
}

func (c *Client) handleInfo(msg any) *exit {
	h, ok := c.handler.(InfoHandler)
	if !ok {
		c.log.Debug("message without HandleInfo dropped", "type", fmt.Sprintf("%T", msg)) // R23
		return nil
	}
	return c.call("HandleInfo", Relay{}, msg, func() error { return h.HandleInfo(c.self, msg) })
}

func (c *Client) handleContinue(arg any) *exit {
	h, ok := c.handler.(ContinueHandler)
	if !ok {
		c.log.Warn("continue without HandleContinue dropped", "type", fmt.Sprintf("%T", arg))
		return nil
	}
	return c.call("HandleContinue", Relay{}, arg, func() error { return h.HandleContinue(c.self, arg) })
}

func (l *thenLetter) handle(c *Client) *exit {
	return c.call("the continuation of Go", Relay{}, nil, func() error { return l.then(c.self) })
}

func (wakeLetter) handle(*Client) *exit { return nil }

func (*stopLetter) handle(*Client) *exit { return &exit{ErrShutdown} }
