package gennostr

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// From is who waits for the answer to a [Client.Call]. It may be kept and answered
// later, from any goroutine, once.
type From struct{ pending *pendingCall }

type pendingCall struct {
	answered atomic.Bool
	answer   chan answer // capacity 1, so that a late answer blocks nobody (R13)
}

type answer struct {
	value any
	err   error
}

// Reply answers the call with a value; nil is a legal one. The second answer is
// dropped with [ErrAlreadyReplied]. A caller that has given up is not an error: it
// is simply not there any more.
func (f From) Reply(value any) error { return f.put(answer{value: value}) }

// Fail answers the call with an error, as an error that HandleCall returns does.
func (f From) Fail(err error) error { return f.fail(err) }

func (f From) fail(err error) error { return f.put(answer{err: err}) }

func (f From) put(a answer) error {
	if f.pending == nil || !f.pending.answered.CompareAndSwap(false, true) {
		return ErrAlreadyReplied
	}
	f.pending.answer <- a
	return nil
}

// Call sends a request to HandleCall and waits for the reply (GenServer.call).
// Without a deadline in ctx it waits for [WithCallTimeout]. The errors:
//
//   - what HandleCall returned, or [From.Fail] was given
//   - *[CallTimeoutError]; the handler still finishes the request
//   - [ErrClientClosed] with the reason, at once when the client stops
//   - [ErrMailboxFull]
//   - [ErrNotHandled]: the handler has no HandleCall
//   - [ErrCallingSelf], with the context of a callback of this client
//   - context.Cause(ctx), if ctx had ended already
func (c *Client) Call(ctx context.Context, request any) (any, error) {
	if c.onLoop(ctx) {
		return nil, ErrCallingSelf
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.callTimeout)
		defer cancel()
	}
	p := &pendingCall{answer: make(chan answer, 1)}
	if err := c.post(&callLetter{From{p}, request}); err != nil {
		return nil, err
	}
	var err error
	select {
	case a := <-p.answer:
		return a.value, a.err
	case <-ctx.Done():
		err = c.callTimeout(context.Cause(ctx))
	case <-c.dead:
		err = c.closedErr()
	}
	select { // a reply that arrived in the same instant is taken (R13)
	case a := <-p.answer:
		return a.value, a.err
	default:
		return nil, err
	}
}

func (c *Client) callTimeout(cause error) error {
	e := &CallTimeoutError{Mailbox: c.mail.Len(), Err: cause}
	e.Callback, e.Running = c.running.get().status()
	return e
}

// Call is [Client.Call] with a typed reply. A reply of another type is an error
// that names both types. A nil reply is the zero value.
func Call[T any](ctx context.Context, c *Client, request any) (T, error) {
	var zero T
	value, err := c.Call(ctx, request)
	if err != nil {
		return zero, err
	}
	reply, ok := value.(T)
	if !ok && value != nil {
		return zero, fmt.Errorf("gennostr: call: reply is a %T, want a %v", value, reflect.TypeFor[T]())
	}
	return reply, nil
}

// Cast sends a request to HandleCast and waits for nothing (GenServer.cast). Its
// errors are [ErrClientClosed] and [ErrMailboxFull]. A handler without HandleCast
// drops it with a warning in the log.
func (c *Client) Cast(request any) error { return c.post(&castLetter{request}) }

// Notify sends a message to HandleInfo and waits for nothing. Its errors are
// [ErrClientClosed] and [ErrMailboxFull]. A handler without HandleInfo drops it.
func (c *Client) Notify(msg any) error { return c.post(&infoLetter{msg: msg, posted: true}) }

// post lets in what comes from outside, a bounded number of letters.
func (c *Client) post(l letter) error {
	if c.posted.Add(1) > int64(c.cfg.mailboxLimit) {
		c.posted.Add(-1)
		return ErrMailboxFull
	}
	if !c.mail.Put(l) {
		c.posted.Add(-1)
		return c.closedErr()
	}
	return nil
}

// Stats is a snapshot of a client, for gauges and health checks.
type Stats struct {
	Mailbox      int           // messages that wait
	MailboxBytes int64         // bytes of received messages that wait
	Callback     string        // the callback that is running, "" if none is
	Running      time.Duration // and for how long
	Tasks        int           // running tasks of Go
	Queries      int           // queries and counts that are open, whose loop is not left, or of which the handler is to be told
	QueryBytes   int64         // bytes that they hold, about
	Queues       []QueueStats  // of NewQueue, in the order in which they were made
	Holds        int           // messages held by [Self.Hold]
	OldestHold   HoldStats     // the one that has been held for the longest, zero if none is
}

// HoldStats is a snapshot of a message that is held.
type HoldStats struct {
	Relay string        // that has sent it, "" if it is none of a relay's
	Held  time.Duration // for how long
	By    string        // file and line that have called Hold
}

// Stats is a snapshot. It waits for no callback.
func (c *Client) Stats() Stats {
	s := Stats{Mailbox: c.mail.Len(), MailboxBytes: c.budget.Used()}
	s.Callback, s.Running = c.running.get().status()
	s.Tasks = c.tasks.atWork()
	s.Queries, s.QueryBytes = int(c.queries.Load()), c.queryBytes.Load()
	for _, q := range c.queues.list() {
		s.Queues = append(s.Queues, q.status())
	}
	if h, n := c.holds.oldest(); n > 0 {
		s.Holds, s.OldestHold = n, HoldStats{Relay: h.relay, Held: time.Since(h.since), By: h.where()}
	}
	return s
}

// onLoop is the key of the context value by which a client recognises its own callbacks (R16).
type onLoop struct{}

// inTask is its value in the work of Go, which may call its client but not stop it.
type inTask struct{ c *Client }

func (c *Client) onLoop(ctx context.Context) bool { return ctx.Value(onLoop{}) == any(c) }

// inInit tells whether a context is that of an Init that has not returned: what needs the
// client's relays begins when it has, so that waiting for it there would be for ever.
func (c *Client) inInit(ctx context.Context) bool { return !c.initialised.Load() && c.onLoop(ctx) }
