package gennostr

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/internal/intake"
)

// The letters of the mailbox, and the callbacks that each becomes.

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
		stays  bool // conn goes on, as a guest's
	}
	// dataLetter is a message of a relay; it holds room in its window until it has been handled.
	dataLetter   intake.Letter
	rejectLetter struct {
		conn   *connection
		reason error
	}
	errorLetter struct {
		relay  Relay
		conn   *connection // that it is about, nil if about none: relay says it
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
	thenLetter struct { // what came of work that was done elsewhere
		callback string // "" for Go's
		place    place  // what its item has kept, nil if nothing
		err      error  // the work's
		then     func(*Self) error
		problem  error   // for OnError, in place of then
		lost     error   // of an event that was not published: logged if nobody is told
		room     counter // counts it until it is handled, nil if nothing does
		refused  bool    // nothing was done: the client stops
	}
	wakeLetter struct{} // a timer was set from another goroutine
	stopLetter struct{}
)

func (l *connectLetter) handle(c *Client) *exit {
	c.startTasks(l.conn)
	return c.call("OnConnect", l.conn.relay, nil, func() error { return c.handler.OnConnect(c.self, l.conn.relay) })
}

// handle tells OnError of an end that is an error, then OnDisconnect, the same
// value to both (R53); then the supervisor, which dials only now.
func (l *disconnectLetter) handle(c *Client) *exit {
	if l.conn != nil {
		c.stopTasks(l.conn)
		if l.stays {
			l.conn.endOwn()
		} else {
			l.conn.parted = true
		}
	}
	if !orderly(l.reason) {
		c.self.ending = true
		e := c.onError(l.relay, l.reason)
		c.self.ending = false
		if e = cmp.Or(e, c.ended()); e != nil {
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

// conn is the connection that has received it.
func (l *dataLetter) conn() *connection { return l.Owner.(*connection) }

func (l *dataLetter) handle(c *Client) *exit {
	conn := l.conn()
	l.keep()
	c.place = l
	defer c.vacate(l)
	// The handler may have closed or replaced its request since it arrived: then it
	// is late, like one that arrives only now.
	if l.Request != nil && l.Request.Over() {
		conn.in.Late()
		return nil
	}
	if l.Ends {
		conn.requests.Finish(l.Request)
	}
	relay := conn.forCallback()
	if l.Event != nil {
		return c.call("OnEvent", relay, l, func() error { return c.handler.OnEvent(c.self, relay, l.event()) })
	}
	switch m := received(relay, l.Message).(type) {
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

// vacate ends the handling of what takes up a place.
func (c *Client) vacate(p place) {
	c.place = nil
	p.leave()
}

func (c *Client) leaveAsked() { c.place = nil }

// event is what OnEvent gets.
func (l *dataLetter) event() EventMessage {
	m := EventMessage{SubscriptionID: l.SubscriptionID, Event: l.Event, Raw: true}
	if l.Live {
		m.Phase = PhaseLive
	}
	return m
}

func (l *rejectLetter) handle(c *Client) *exit {
	return c.onError(l.conn.forCallback(), l.conn.takeReport(l.reason))
}

func (l *errorLetter) handle(c *Client) *exit {
	if l.posted {
		c.posted.Add(-1)
	}
	if l.conn != nil {
		l.relay = l.conn.forCallback()
	}
	return c.onError(l.relay, l.err)
}

func (l *callLetter) handle(c *Client) *exit {
	c.posted.Add(-1)
	c.place = asked{c}
	defer c.leaveAsked()
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
	c.place = asked{c}
	defer c.leaveAsked()
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
		c.place = asked{c}
		defer c.leaveAsked()
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
	callback := l.callback
	if callback == "" {
		callback = "the continuation of Go"
	}
	if l.room != nil {
		l.room.Add(-1)
	}
	if l.problem != nil {
		return c.onError(Relay{}, l.problem)
	}
	if l.place != nil {
		c.place = l.place
		defer c.vacate(l.place)
	}
	e := c.call(callback, Relay{}, nil, func() error { return l.then(c.self) })
	if d, ok := l.place.(*delivery); ok && e != nil && isPanic(e.reason) {
		d.unhandled.Store(true)
	}
	return e
}

// letGo is for one that will not be handled.
func (l *thenLetter) letGo() {
	switch p := l.place.(type) {
	case nil:
	case *delivery: // what came of it was not told
		p.giveUp()
	default:
		p.leave()
	}
}

func (wakeLetter) handle(c *Client) *exit {
	c.waking.Store(false)
	return nil
}

func (*stopLetter) handle(*Client) *exit { return &exit{ErrShutdown} }
