package gennostr

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Self is the client seen from inside its callbacks. It has only verbs that
// cannot block and cannot deadlock. Sending returns nothing, as in the original: a
// failure comes back to OnError as a *[SendError].
//
// A Self that is kept beyond its callback goes on working until Done, from any
// goroutine. Three verbs do not: Continue, SetTimeout and Hibernate speak of the
// callback that is running, belong to its goroutine, and panic when there is none.
type Self struct {
	c       *Client
	initCtx atomic.Pointer[context.Context] // during Init with WithInitTimeout
	inside  atomic.Bool                     // a callback is running

	// client goroutine only
	continues []any
	timeout   time.Time // zero: none
	hibernate bool
	ending    bool // OnError is being told of the end of a connection
	refusals  refusalLog
}

// Client is the client seen from any other goroutine, for a server that Init
// starts, say.
func (s *Self) Client() *Client { return s.c }

// Context is for what callbacks do themselves. It ends with the client, or when
// the deadline of its stop has passed. During Init it also ends after
// [WithInitTimeout]. [Client.Call], [Client.Stop] and [Client.Ready] of this client
// refuse it with [ErrCallingSelf].
func (s *Self) Context() context.Context {
	if ctx := s.initCtx.Load(); ctx != nil {
		return *ctx
	}
	return s.c.ctx
}

// Logger is the one of [WithLogger], with the client's name.
func (s *Self) Logger() *slog.Logger { return s.c.log }

// leaveAuth tells that the handler does not answer challenges itself, so that nothing
// waits for that.
func (s *Self) leaveAuth() {
	if s != nil && !s.c.leavesAuth.Swap(true) {
		s.c.sup.inbox.Put(authLeft{})
	}
}

func (s *Self) mustBeInside(verb string) {
	if !s.inside.Load() {
		panic("gennostr: " + verb + " outside of a callback: it speaks of the callback that is running")
	}
}

// Continue has HandleContinue run with arg right after this callback, before
// anything that is queued. Several run in order.
func (s *Self) Continue(arg any) {
	s.mustBeInside("Continue")
	s.continues = append(s.continues, arg)
}

func (s *Self) nextContinue() (any, bool) {
	if len(s.continues) == 0 {
		return nil, false
	}
	arg := s.continues[0]
	s.continues[0] = nil
	if s.continues = s.continues[1:]; len(s.continues) == 0 {
		s.continues = nil
	}
	return arg, true
}

// SetTimeout sends [Timeout] to HandleInfo once nothing has arrived for d. Any
// message clears it; it is not set again by itself. With 0 it comes as soon as
// nothing is waiting. A negative d cancels it.
func (s *Self) SetTimeout(d time.Duration) {
	s.mustBeInside("SetTimeout")
	if d < 0 {
		s.timeout = time.Time{}
		return
	}
	s.timeout = s.c.now().Add(d)
}

// Hibernate gives back the memory of what the client can rebuild, as soon as
// nothing is waiting.
func (s *Self) Hibernate() {
	s.mustBeInside("Hibernate")
	s.hibernate = true
}

// SendAfter sends a message to HandleInfo after d, behind what is waiting then
// (Process.send_after). cancel takes it back if it is not due yet. Nothing but the program
// bounds how many there are: for work with each event there is [Queue].
func (s *Self) SendAfter(d time.Duration, msg any) (cancel func()) {
	id := s.c.timers.after(s.c.now().Add(d), &infoLetter{msg: msg})
	if !s.inside.Load() && s.c.waking.CompareAndSwap(false, true) {
		s.c.mail.Put(wakeLetter{}) // the loop may be asleep until a later instant
	}
	return func() { s.c.timers.cancel(id) }
}

// AddRelay is [Client.AddRelay].
func (s *Self) AddRelay(url string, opts ...RelayOption) error { return s.c.AddRelay(url, opts...) }

// EnsureRelay is [Client.EnsureRelay].
func (s *Self) EnsureRelay(url string, opts ...RelayOption) (added bool, err error) {
	return s.c.EnsureRelay(url, opts...)
}

// SetRelays is [Client.SetRelays].
func (s *Self) SetRelays(urls []string, opts ...RelayOption) error {
	return s.c.SetRelays(urls, opts...)
}

// RemoveRelay is [Client.RemoveRelay]. An unknown relay is nothing to do.
func (s *Self) RemoveRelay(url string) { _ = s.c.RemoveRelay(url) }

// Reconnect is [Client.Reconnect]. An unknown relay is nothing to do.
func (s *Self) Reconnect(url string) { _ = s.c.Reconnect(url) }

// Relays is [Client.Relays].
func (s *Self) Relays() []RelayStatus { return s.c.Relays() }

// Relay is [Client.Relay].
func (s *Self) Relay(url string) (RelayStatus, bool) { return s.c.Relay(url) }

// Send is [Client.Send]. A failure comes back to OnError as a *[SendError]; in
// Terminate, after which there is no OnError, it is logged.
func (s *Self) Send(url string, msg ClientMessage) {
	if err := s.c.send(url, msg); err != nil {
		s.failed(err)
	}
}

// Broadcast is [Client.Broadcast]. Each failure comes back to OnError as a
// *[SendError], also that there was no relay to send it to ([ErrNoRelay]).
func (s *Self) Broadcast(msg ClientMessage) {
	for _, err := range s.c.broadcast(msg) {
		s.failed(err)
	}
}

// failed tells OnError, as long as WithMailboxLimit allows: a goroutine that
// sends to a relay that is away must not fill the memory with its failures.
func (s *Self) failed(err *SendError) {
	if full := s.c.post(&errorLetter{relay: s.c.named(err.URL), err: err, posted: true}); full != nil {
		s.c.log.Warn("message not sent", "error", err)
	}
}
