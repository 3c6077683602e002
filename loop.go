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
		ask   uint64 // which REQ of its subscription it answers, 0 for none
		event EventMessage
		msg   any // nil: it is the event
	}
	rejectLetter struct {
		conn   *connection
		reason error
	}
	errorLetter struct {
		relay  Relay
		err    error
		posted bool // counts against WithMailboxLimit
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
	started <- nil
	c.finish(c.serve())
}

// unwound carries on where a callback has ended this goroutine with
// runtime.Goexit, as t.FailNow does: such a client stops like any other (R36).
func (c *Client) unwound(started chan<- error) {
	switch e := c.goexit; {
	case e == nil, e.Where == "Terminate": // nothing to do, or done by finish's own deferred call
	case e.Where == "Init":
		c.abort(e)
		started <- e
	default:
		c.finish(e)
	}
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
		defer time.AfterFunc(d, func() { cancel(errInitTimeout) }).Stop()
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

// serve is the loop: the end if it has come, continues before anything that is
// queued (R24), then timers that are due (they queue like any message), then the
// mailbox, and only with nothing left the idle timeout (R26).
func (c *Client) serve() error {
	idle := time.NewTimer(time.Hour)
	defer idle.Stop()
	hibernated := false
	for {
		did, e := c.step()
		if e != nil {
			return e.reason
		}
		if did == didMessage {
			hibernated = false
		}
		if did != didNothing {
			continue
		}
		now := time.Now()
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

// did says what a step of the loop has done.
type did uint8

const (
	didNothing did = iota // there is nothing to do
	didOwn                // a continue, an idle timeout, or the client's own business
	didMessage            // something that came from outside or from a timer
)

// step does the next thing there is to do, one callback at most but for those
// that judge another one's error. It does not wait.
func (c *Client) step() (did, *exit) {
	if c.ctx.Err() != nil {
		return didNothing, &exit{c.cancelled()}
	}
	if arg, ok := c.self.nextContinue(); ok {
		return didOwn, c.handleContinue(arg)
	}
	c.timers.due(c.now, func(l letter) { c.mail.Put(l) })
	if l, ok := c.mail.Next(); ok {
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

// internal tells the letters that are the client's own business: they run no
// callback, and do not disturb the idle timeout (R27).
func internal(l letter) bool {
	switch l := l.(type) {
	case wakeLetter:
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

// cancelled is the reason of an end that no callback asked for: the deadline of
// an orderly stop, or Start's ctx (R10).
func (c *Client) cancelled() error {
	if err := context.Cause(c.parent); err != nil {
		return err
	}
	return ErrShutdown
}

// abort ends a client whose Init did not let it start: no Terminate (R03, R04).
func (c *Client) abort(err error) {
	c.reason = err
	c.setDeadline()
	c.shut()
	c.tasks.cancel()
	close(c.dead)
	c.close()
}

// finish is the stop order of DESIGN 3.5, from the last callback but one.
func (c *Client) finish(reason error) {
	deadline := c.setDeadline()
	c.reason = reason
	c.shut()
	c.tasks.cancel()
	c.tasks.join(time.Until(deadline))

	var panicked *PanicError
	defer func() { // deferred, for a Terminate that ends its goroutine
		if e := c.goexit; e != nil && e.Where == "Terminate" {
			panicked = e
		}
		c.bury(panicked)
	}()
	if h, ok := c.handler.(Terminator); ok {
		panicked, _ = c.protect("Terminate", reason, func() error { h.Terminate(c.self, reason); return nil })
	}
}

// bury logs a reason that is a problem, once (R34), and lets everybody know.
func (c *Client) bury(inTerminate *PanicError) {
	expected := quiet(c.reason) || c.parent.Err() != nil && errors.Is(c.reason, context.Cause(c.parent))
	if inTerminate != nil {
		c.reason, expected = errors.Join(c.reason, inTerminate), false // R41
	}
	if !expected {
		log := c.log
		var panicked *PanicError
		if errors.As(c.reason, &panicked) {
			log = log.With("stack", string(panicked.Stack))
		}
		log.Error("client stopped", "reason", c.reason)
	}
	close(c.dead)
	if c.harness != nil {
		go c.close() // which waits for work of Go; joined by Harness.end, as long as it is worth it
		return
	}
	c.close()
}

// shut closes the mailbox: from here on nothing gets in, and readers drop what
// they have. Calls among what was left fail at once (R14).
func (c *Client) shut() {
	for _, l := range c.mail.Close() {
		switch l := l.(type) {
		case *dataLetter:
			l.conn.window.Release(l.size) // a reader that stands still has to see the closing handshake
		case *callLetter:
			_ = l.from.fail(&clientClosedError{c.reason})
		}
	}
	c.posted.Store(0) // a mailbox that was full is now closed, and says so (R15)
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
		if l, ok := msg.(*dataLetter); ok {
			msg = l.event // boxed only now: not once for every event
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
	if c.harness != nil {
		c.harness.told(problem)
	}
	panicked, err := c.protect("OnError", problem, func() error { return c.handler.OnError(c.self, relay, problem) })
	if e := asExit(panicked, err); e != nil || err == nil {
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
		c.self.ending = true
		e := c.onError(l.relay, l.reason)
		c.self.ending = false
		if e != nil {
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
	if l.overtaken() {
		return nil
	}
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

func (l *errorLetter) handle(c *Client) *exit {
	if l.posted {
		c.posted.Add(-1)
	}
	return c.onError(l.relay, l.err)
}

func (l *callLetter) handle(c *Client) *exit {
	c.posted.Add(-1)
	h, ok := c.handler.(CallHandler)
	if !ok {
		_ = l.from.fail(ErrNotHandled)
		return nil
	}
	panicked, err := c.protect("HandleCall", l.request, func() error { return h.HandleCall(c.self, l.from, l.request) })
	if e := asExit(panicked, err); e != nil || err == nil {
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

func (wakeLetter) handle(c *Client) *exit {
	c.waking.Store(false)
	return nil
}

func (*stopLetter) handle(*Client) *exit { return &exit{ErrShutdown} }
