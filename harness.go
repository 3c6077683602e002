package gennostr

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/nostr"
)

// Harness runs a handler by hand, for unit tests of the handler alone: no relay,
// no socket, no waiting. The test says what happens (Connect, Deliver, Call,
// Advance, …); the callbacks run at once, on the test's goroutine; then the test
// reads what the handler has sent, subscribed and scheduled. Everything between
// is the library's own code: a client whose connections have no socket.
// Continues, the order of callbacks, OnError, stops and Terminate are as in life,
// and so is what a relay may say: an event has to be asked for and genuine
// (nostrtest makes such events).
//
// Time stands still for all that the library schedules, and passes by Advance.
// What the handler asks of package time itself is not the Harness's to say;
// testing/synctest helps there.
//
// The verbs that feed the handler return nil if all went well. Else they return
// why the client has stopped, [ErrStop] included, or the problems that OnError was
// told, joined. A test that expects no trouble requires NoError of each. After the
// stop they return [ErrClientClosed] with the reason.
//
// A query ([Self.Query]) asks in REQs that stand in [Harness.Subscribed]: Deliver of events and an
// EOSE to their ids is a relay's answer, and Advance brings the deadline.
//
// All methods are for one goroutine, outside of callbacks. What is put into a [Queue]
// waits until [Harness.Work] does it, on the test's goroutine. Work of [Go] runs on
// goroutines as always; [Harness.Settle] waits for it. Signers ([WithSigner]) and the policy
// for AUTH are asked at once, on the test's goroutine: an AUTH stands in [Harness.Sent]
// when the verb that has made it necessary returns.
type Harness struct {
	c        *Client
	opts     []Option // as NewHarness was given them
	network  *byHand
	clock    atomic.Pointer[time.Time] // stands still but for Advance
	fed      error                     // what a verb is about to tell OnError itself
	problems []error                   // what else OnError was told since a verb returned
	over     bool                      // the client has stopped
	working  bool                      // an item of a queue is being worked on
	restless int                       // constant: how many steps are too many; fewer in tests

	mu      sync.Mutex                // of what Send notes, from any goroutine; taken after connection.mu
	sent    []Sent                    // guarded by mu
	open    map[string]map[string]Req // guarded by mu: by URL and id, the last Req of each
	helpers []func()                  // guarded by mu: what signers and policies are asked
}

// Sent is a message that the handler has sent, or the client for it.
type Sent struct {
	URL     string // the relay's identity, as in [Relay]
	Message ClientMessage
	Frame   string // as it goes out, whatever becomes of what Message points to
}

// Scheduled is a message that [Self.SendAfter] has set for later.
type Scheduled struct {
	After   time.Duration // from the Harness's now
	Message any
}

// NewHarness makes a client for the handler and runs Init. Its errors are those of
// [Start]. The relays of [WithRelays] and those that Init adds are being dialled,
// until the test says how it ends: [Harness.Connect] or [Harness.FailDial]. Stop it
// in the end.
func NewHarness(handler Handler, opts ...Option) (*Harness, error) {
	h := &Harness{opts: opts, restless: restless}
	now := time.Now()
	h.clock.Store(&now)
	if err := h.begin(handler); err != nil {
		return nil, err
	}
	return h, nil
}

// begin makes a client and starts it.
func (h *Harness) begin(handler Handler) error {
	h.mu.Lock()
	h.sent, h.open, h.helpers = nil, make(map[string]map[string]Req), nil
	h.mu.Unlock()
	h.fed, h.problems, h.over, h.working = nil, nil, false, false
	h.network = &byHand{took: h.took, slots: make(map[*connection]*slot)}
	c, err := newClient(context.Background(), handler, h.opts, surroundings{
		network: h.network, now: h.now, problem: h.told,
		beginItems: func(*Client, workQueue) {}, // they begin in Work
		helper:     h.help,
	})
	if err != nil {
		h.over = true
		return err
	}
	h.c = c
	c.cfg.maxDials = math.MaxInt // none of them ends by itself
	c.cfg.slowCallback = 0       // a test that is being debugged is slow
	go c.sup.run()               // ended and joined by the client's end
	if err := h.init(); err != nil {
		return err
	}
	c.sup.beginLog()
	for _, url := range c.cfg.relays {
		_, _ = c.EnsureRelay(url) // validated; one that Init added is merged
	}
	c.initialised.Store(true)
	c.sup.inbox.Put(begun{})
	if err := h.settle(); err != nil && !h.over {
		h.problems = append(h.problems, err) // the next verb tells
	}
	return nil
}

// init runs Init. A client that it does not let start is ended here, also when
// Init has ended its goroutine, as t.FailNow does, or panicked WithoutRecover.
func (h *Harness) init() (err error) {
	returned := false
	defer func() {
		if !returned {
			err = &PanicError{Where: "Init", Value: errGoexit}
		}
		if err != nil {
			h.over = true
			h.c.abort(err)
		}
	}()
	h.c.running.on(goroutineID())
	err = h.c.init()
	returned = true
	return err
}

// Client is the client that the handler sees: for Relays, Stats and the verbs of
// other goroutines, whose messages Settle handles. Its Call and Stop wait for a
// loop, which a Harness does not have: use those here.
func (h *Harness) Client() *Client { return h.c }

// Now is the Harness's time: when it was made, and what Advance has added since.
func (h *Harness) Now() time.Time { return h.now() }

// Run runs f as if it were a callback: all of Self may be used, and what f returns
// is judged like the error of a callback.
func (h *Harness) Run(f func(*Self) error) error {
	if h.over {
		return h.c.closedErr()
	}
	h.c.mail.Put(&thenLetter{then: f})
	return h.settle()
}

// Connect opens the connection that is being dialled, or waited for: OnConnect.
// The error is [ErrUnknownRelay] if the handler has no such relay, and another one
// if nobody dials it: it is connected, or lost and the handler, which has
// [WithManualReconnect], did not ask for it.
func (h *Harness) Connect(url string) error {
	conn, err := h.dialling(url)
	if err != nil {
		return err
	}
	h.network.connect(conn)
	return h.settle()
}

// FailDial fails the dial that is going on or waited for: OnError and
// OnDisconnect get a *[DialError] that wraps err.
func (h *Harness) FailDial(url string, err error) error {
	if err == nil {
		return errNilProblem
	}
	conn, failed := h.dialling(url)
	if failed != nil {
		return failed
	}
	return h.feed(err, func() { conn.cut(dialError(conn.relay.URL, err)) })
}

// Disconnect ends an open connection: OnError, unless the reason is a
// *[CloseError] of code 1000 or 1001, and OnDisconnect. Without a reason it is a
// *CloseError of code 1000. The relay then waits for [Harness.Connect].
func (h *Harness) Disconnect(url string, reason error) error {
	conn, err := h.connected(url)
	if err != nil {
		return err
	}
	if reason == nil {
		reason = &CloseError{Code: 1000}
	}
	return h.feed(reason, func() { conn.cut(reason) })
}

// Deliver has the relay say something on an open connection. Whether the
// handler gets it is judged as always: a message of a subscription that is not
// open, an event that matches no filter or is not genuine is refused, which
// Deliver returns as a *[RejectError]. The Phase of an event follows from the EOSE before it.
//
// The SubscriptionID may be the name of a subscription ([Self.Subscribe]): then it is
// what the relay says to the REQ that the library has open for it, and of several to
// the first that waits for an EOSE.
func (h *Harness) Deliver(url string, msg RelayMessage) error {
	if e, ok := msg.(EventMessage); ok && e.Event == nil || msg == nil {
		return errNilMessage
	}
	msg, err := h.named(url, msg)
	if err != nil {
		return err
	}
	return h.Receive(url, string(msg.fromRelay().AppendJSON(nil)))
}

// Receive is [Harness.Deliver] of the text of a frame, well-formed or not.
func (h *Harness) Receive(url, frame string) error {
	conn, err := h.connected(url)
	if err != nil {
		return err
	}
	conn.in.Take(&intake.Buffers{Frame: []byte(frame)}, true, true) // if it is false the connection has ended: settle tells
	conn.in.Lane().Drain()
	if conn.in.HeldUp() {
		return fmt.Errorf("gennostr: no room for a message of %s: too many of its messages are held; in life it would have to wait", conn.relay.URL)
	}
	conn.flushReports() // now, not within a second
	return h.settle()
}

// Fail tells OnError of a problem, as if the library had met it. The url may be "".
func (h *Harness) Fail(url string, problem error) error {
	if problem == nil {
		return errNilProblem
	}
	if h.over {
		return h.c.closedErr()
	}
	if normal, err := nostr.NormalizeURL(url); err == nil {
		url = normal
	}
	return h.feed(problem, func() { h.c.mail.Put(&errorLetter{relay: h.c.named(url), err: problem}) })
}

var errNilProblem = errors.New("gennostr: nil error")

// Cast is [Client.Cast], handled at once.
func (h *Harness) Cast(request any) error { return h.post(&castLetter{request}) }

// Notify is [Client.Notify], handled at once.
func (h *Harness) Notify(msg any) error { return h.post(&infoLetter{msg: msg, posted: true}) }

func (h *Harness) post(l letter) error {
	if err := h.c.post(l); err != nil {
		return err
	}
	return h.settle()
}

// Call is [Client.Call], handled at once. The error is [ErrNoReply] if HandleCall
// leaves the answer for later: then [Harness.Ask] is what the test wants.
func (h *Harness) Call(request any) (any, error) {
	ask := h.Ask(request)
	return ask.Answer()
}

// Ask is a call whose answer may come later.
type Ask struct {
	harness *Harness
	pending *pendingCall
	err     error // what went wrong while it was handled
	answer  *answer
}

// Ask hands a request to HandleCall and does not wait for the answer.
func (h *Harness) Ask(request any) *Ask {
	ask := &Ask{harness: h, pending: &pendingCall{answer: make(chan answer, 1)}}
	ask.err = h.post(&callLetter{From{ask.pending}, request})
	return ask
}

// Answer is the reply so far: [ErrNoReply] before there is one, and [ErrClientClosed]
// when there will be none. Where the caller got no error of its own, it is what
// other verbs would have returned for the call.
func (a *Ask) Answer() (any, error) {
	if a.answer == nil {
		select {
		case got := <-a.pending.answer:
			a.answer = &got
		default:
			if a.harness.over {
				return nil, a.harness.c.closedErr() // as in life (R14)
			}
			if a.err != nil {
				return nil, a.err
			}
			return nil, ErrNoReply
		}
	}
	if a.answer.err != nil {
		return a.answer.value, a.answer.err
	}
	return a.answer.value, a.err
}

// Advance lets time pass: what SendAfter, SetTimeout and WithTask have set for
// these d happens in order, each at its time, and so does what subscriptions wait
// for, such as a retry. The schedule of reconnects does
// not: Connect says when a relay comes back.
func (h *Harness) Advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("gennostr: Advance by %v", d)
	}
	end := h.now().Add(d)
	var told []error
	for {
		at, some := h.c.timers.next()
		at, some = earlier(at, some, h.c.self.timeout)
		h.c.sup.do(func(s *supervisor) {
			if later, ok := s.later.Next(); ok {
				at, some = earlier(at, some, later)
			}
		})
		if !some || at.After(end) {
			break
		}
		if at.After(h.now()) {
			h.clock.Store(&at)
		}
		err := h.settle()
		if h.over || err == errRestless {
			return join(append(told, err))
		}
		told = append(told, err)
	}
	h.clock.Store(&end)
	return join(append(told, h.settle()))
}

// join is errors.Join that leaves a single error as it is.
func join(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// Settle handles what other goroutines have sent to the client meanwhile. It waits
// for the work of [Go] that is running, as long as ctx lives, and handles its results.
func (h *Harness) Settle(ctx context.Context) error {
	var told []error
	for {
		before := h.c.tasks.untold()
		err := h.settle()
		told = append(told, err)
		after := h.c.tasks.untold()
		if before == 0 && after == 0 || h.over || err == errRestless {
			return join(told)
		}
		if after == 0 {
			continue // the results of the last ones may have come after all was handled
		}
		select {
		case <-h.c.tasks.ended:
		case <-h.c.mail.Wake():
		case <-ctx.Done():
			return join(append(told, context.Cause(ctx)))
		}
	}
}

// Stop stops the client in good order, if it has not stopped, and returns what
// [Client.Wait] does: nil, or why the client failed. If work of [Go] does not end
// within [WithShutdownTimeout], it returns a *[ShutdownError].
func (h *Harness) Stop() error {
	if !h.over && h.c.goexit != nil { // a callback has ended the test's goroutine: this is its deferred Stop
		h.end(h.c.goexit)
	}
	if !h.over {
		h.c.mail.Put(&stopLetter{})
		_ = h.settle()
	}
	if !h.over { // it does not come to rest
		h.end(ErrShutdown)
	}
	select {
	case <-h.c.done:
		return h.c.Wait()
	default:
		return h.c.stillRunning(context.DeadlineExceeded)
	}
}

// Stopped tells whether the client has stopped.
func (h *Harness) Stopped() bool { return h.over }

// Sent returns what was sent since the last time, in order. Broadcast sends in the order of the URLs.
func (h *Harness) Sent() []Sent {
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := h.sent
	h.sent = nil
	return sent
}

// Subscribed lists the open subscriptions of a connection in the order of their
// ids: sent, and not closed by either side. A REQ that was sent as Raw is among them.
func (h *Harness) Subscribed(url string) []Req {
	conn, err := h.connected(url)
	if err != nil {
		return nil
	}
	ids := conn.requests.Subscriptions()
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Req
	for _, id := range ids {
		list = append(list, h.open[conn.relay.URL][id])
	}
	return list
}

// Scheduled lists what [Self.SendAfter] has set and is neither due nor cancelled, in the order of time.
func (h *Harness) Scheduled() []Scheduled { return h.c.timers.scheduled(h.now()) }

// Timeout is the idle timeout that is set ([Self.SetTimeout]), from now.
func (h *Harness) Timeout() (after time.Duration, set bool) {
	if h.c.self.timeout.IsZero() {
		return 0, false
	}
	return h.c.self.timeout.Sub(h.now()), true
}

// now may be asked by any goroutine.
func (h *Harness) now() time.Time { return *h.clock.Load() }
