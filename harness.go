package gennostr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Harness runs a handler by hand, for unit tests of the handler alone: no relay,
// no socket, and a clock that stands still. The test says what happens
// (Connect, Deliver, Call, Advance, …); the callbacks run at once, on the test's
// goroutine; then the test reads what the handler has sent, subscribed and
// scheduled. Everything between is the library's own code: a client whose
// connections have no socket. Continues, the order of callbacks, OnError, stops
// and Terminate are as in life, and so is what a relay may say: an event has to
// be asked for and genuine (nostrtest makes such events).
//
// The verbs that feed the handler return nil if all went well: else why the
// client has stopped, ErrStop included, or else the first problem that OnError
// was told. A test that expects no trouble requires NoError of each. After the
// stop they return ErrClientClosed with the reason.
//
// All methods are for one goroutine, outside of callbacks. Work of Go runs on
// goroutines as always; Settle waits for it.
type Harness struct {
	c       *Client
	clock   atomic.Pointer[time.Time] // stands still but for Advance
	fed     error                     // what a verb is telling OnError itself
	problem error                     // the first one that OnError was told since a verb returned
	over    bool                      // the client has stopped

	mu   sync.Mutex                // of what Send notes, from any goroutine; taken after connection.mu
	sent []Sent                    // guarded by mu
	open map[string]map[string]Req // guarded by mu: by URL and id, the last Req of each
}

// Sent is a message that the handler has sent, or the client for it.
type Sent struct {
	URL     string // of the relay, normalised
	Message ClientMessage
}

// Scheduled is a message that Self.SendAfter has set for later.
type Scheduled struct {
	After   time.Duration // from the Harness's now
	Message any
}

// NewHarness makes a client for the handler and runs Init, with Start's errors.
// The relays of WithRelays and those that Init adds are being dialled, until the
// test says how it ends: Connect or FailDial. Stop it in the end.
func NewHarness(h Handler, opts ...Option) (*Harness, error) {
	c, err := newClient(context.Background(), h, opts)
	if err != nil {
		return nil, err
	}
	t := &Harness{c: c, open: make(map[string]map[string]Req)}
	now := time.Now()
	t.clock.Store(&now)
	c.harness = t
	c.cfg.maxDials = math.MaxInt // none of them ends by itself
	c.cfg.slowCallback = 0       // a test that is being debugged is slow
	go c.sup.run()               // ended and joined by the client's end
	if err := c.init(); err != nil {
		c.abort(err)
		return nil, err
	}
	for _, url := range c.cfg.relays {
		_, _ = c.EnsureRelay(url) // validated; one that Init added is merged
	}
	t.problem = t.settle() // the next verb tells
	return t, nil
}

// Client is the client that the handler sees: for Relays, Stats and the verbs of
// other goroutines, whose messages Settle handles. Its Call and Stop wait for a
// loop, which a Harness does not have: use those here.
func (t *Harness) Client() *Client { return t.c }

// Self is what callbacks get, to call one of them directly. Continues of such a
// call are handled by the next verb.
func (t *Harness) Self() *Self { return t.c.self }

// Connect opens the connection that is being dialled, or waited for: OnConnect.
// ErrUnknownRelay if the handler has no such relay.
func (t *Harness) Connect(url string) error {
	conn, err := t.dialling(url)
	if err != nil {
		return err
	}
	conn.mu.Lock()
	conn.open = true
	conn.relay.ConnectedAt = t.now()
	conn.mu.Unlock()
	t.c.sup.ask(func(s *supervisor) { s.up(conn) })
	return t.settle()
}

// FailDial fails the dial that is going on or waited for: OnError and
// OnDisconnect get a *DialError that wraps err.
func (t *Harness) FailDial(url string, err error) error {
	conn, failed := t.dialling(url)
	if failed != nil {
		return failed
	}
	conn.cut(dialError(conn.url, err))
	return t.settleBut(err)
}

// Disconnect ends an open connection: OnError, unless the reason is a
// *CloseError of code 1000 or 1001, and OnDisconnect. The relay then waits for Connect.
func (t *Harness) Disconnect(url string, reason error) error {
	conn, err := t.connected(url)
	if err != nil {
		return err
	}
	if reason == nil {
		reason = &CloseError{Code: 1000}
	}
	conn.cut(reason)
	return t.settleBut(reason)
}

// Deliver has the relay say something on an open connection. Whether the
// handler gets it is judged as always: a message of a subscription that is not
// open, an event that matches no filter or is not genuine is refused, which
// Deliver returns as a *RejectError. The Phase of an event follows from the EOSE before it.
func (t *Harness) Deliver(url string, msg RelayMessage) error {
	if e, ok := msg.(EventMessage); ok && e.Event == nil || msg == nil {
		return errNilMessage
	}
	return t.Receive(url, string(msg.fromRelay().AppendJSON(nil)))
}

// Receive is Deliver of the text of a frame, well-formed or not.
func (t *Harness) Receive(url, frame string) error {
	conn, err := t.connected(url)
	if err != nil {
		return err
	}
	_ = conn.frame(new(intake), true, []byte(frame)) // its error is that the connection has ended: settle tells
	conn.lane.Drain()
	conn.flushReports() // now, not within a second
	return t.settle()
}

// Fail tells OnError of a problem, as if the library had met it.
func (t *Harness) Fail(url string, problem error) error {
	if !t.c.mail.Put(&errorLetter{relay: Relay{URL: url}, err: problem}) {
		return t.c.closedErr()
	}
	return t.settleBut(problem)
}

// Cast is Client.Cast, handled at once.
func (t *Harness) Cast(request any) error { return t.post(&castLetter{request}) }

// Notify is Client.Notify, handled at once.
func (t *Harness) Notify(msg any) error { return t.post(&infoLetter{msg: msg, posted: true}) }

func (t *Harness) post(l letter) error {
	if err := t.c.post(l); err != nil {
		return err
	}
	return t.settle()
}

// Call is Client.Call, handled at once. ErrNoReply if HandleCall leaves the
// answer for later: then Ask is what the test wants.
func (t *Harness) Call(request any) (any, error) {
	ask := t.Ask(request)
	return ask.Answer()
}

// Ask is a call whose answer may come later.
type Ask struct {
	pending *pendingCall
	err     error // why there will be no answer
	answer  *answer
}

// Ask hands a request to HandleCall and does not wait for the answer.
func (t *Harness) Ask(request any) *Ask {
	ask := &Ask{pending: &pendingCall{answer: make(chan answer, 1)}}
	ask.err = t.post(&callLetter{From{ask.pending}, request})
	return ask
}

// Answer is the reply so far: ErrNoReply before there is one. Where the caller
// got no error of its own, it is what other verbs would have returned for the call.
func (a *Ask) Answer() (any, error) {
	if a.answer == nil {
		select {
		case got := <-a.pending.answer:
			a.answer = &got
		default:
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
// these d happens in order, each at its time. The schedule of reconnects does
// not: Connect says when a relay comes back.
func (t *Harness) Advance(d time.Duration) error {
	end := t.now().Add(d)
	var first error
	for {
		at, some := t.c.timers.next()
		at, some = earlier(at, some, t.c.self.timeout)
		if !some || at.After(end) {
			break
		}
		if at.After(t.now()) {
			t.clock.Store(&at)
		}
		if err := t.settle(); first == nil {
			first = err
		}
		if t.over {
			return first
		}
	}
	t.clock.Store(&end)
	if err := t.settle(); first == nil {
		first = err
	}
	return first
}

// Settle handles what other goroutines have sent to Client meanwhile, and waits
// for the work of Go that is running, as long as ctx lives, to handle its results.
func (t *Harness) Settle(ctx context.Context) error {
	var first error
	for {
		_, before := t.c.tasks.oldest()
		if err := t.settle(); first == nil {
			first = err
		}
		_, after := t.c.tasks.oldest()
		if before == 0 && after == 0 || t.over {
			return first
		}
		if after == 0 {
			continue // the results of the last ones may have come after all was handled
		}
		select {
		case <-t.c.tasks.ended:
		case <-t.c.mail.Wake():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stop stops the client in good order, if it has not stopped, and returns what
// Client.Wait does: nil, or why the client failed.
func (t *Harness) Stop() error {
	if !t.over {
		t.c.mail.Put(&stopLetter{})
		_ = t.settle()
	}
	if !t.over { // it does not come to rest
		t.end(ErrShutdown)
	}
	return t.c.Wait()
}

// Stopped tells whether the client has stopped.
func (t *Harness) Stopped() bool { return t.over }

// Sent returns what was sent since the last time, in order. Broadcast sends in the order of the URLs.
func (t *Harness) Sent() []Sent {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.sent
	t.sent = nil
	return sent
}

// Subscribed lists the open subscriptions of a connection in the order of their
// ids: sent, and not closed by either side. A REQ that was sent as Raw is among them.
func (t *Harness) Subscribed(url string) []Req {
	conn, err := t.connected(url)
	if err != nil {
		return nil
	}
	conn.mu.Lock()
	ids := slices.Sorted(maps.Keys(conn.asks))
	conn.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Req
	for _, id := range ids {
		list = append(list, t.open[conn.url][id])
	}
	return list
}

// Scheduled lists what SendAfter has set and is neither due nor cancelled, in the order of time.
func (t *Harness) Scheduled() []Scheduled { return t.c.timers.scheduled(t.now()) }

// Timeout is the idle timeout that is set (Self.SetTimeout), from now.
func (t *Harness) Timeout() (after time.Duration, set bool) {
	if t.c.self.timeout.IsZero() {
		return 0, false
	}
	return t.c.self.timeout.Sub(t.now()), true
}

// now may be asked by any goroutine.
func (t *Harness) now() time.Time { return *t.clock.Load() }

// dialling finds the connection that is not open yet, and starts it if its time has not come.
func (t *Harness) dialling(url string) (conn *connection, err error) {
	if t.over {
		return nil, t.c.closedErr()
	}
	url, err = nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	t.c.sup.ask(func(s *supervisor) {
		e := s.relays[url]
		if e == nil || !e.known() {
			err = fmt.Errorf("%w: %s", ErrUnknownRelay, url)
			return
		}
		if e.stage == waiting || e.stage == down {
			s.dial(e)
		}
		if e.stage == connected {
			err = fmt.Errorf("gennostr: %s is connected already", url)
			return
		}
		conn = e.conn
	})
	return conn, err
}

// connected finds an open connection.
func (t *Harness) connected(url string) (*connection, error) {
	if t.over {
		return nil, t.c.closedErr()
	}
	normal, err := nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	if conn := t.c.reg.lookup(normal); conn != nil {
		conn.mu.Lock()
		defer conn.mu.Unlock()
		if conn.open {
			return conn, nil
		}
	}
	return nil, t.c.notConnected(normal)
}

// took notes what was accepted for sending. Any goroutine; conn.mu is held.
func (t *Harness) took(conn *connection, msg ClientMessage, opens wire.ClientMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, Sent{URL: conn.url, Message: msg})
	if req, ok := opens.(wire.Req); ok {
		if t.open[conn.url] == nil {
			t.open[conn.url] = make(map[string]Req)
		}
		t.open[conn.url][req.SubscriptionID] = Req(req)
	}
}

// told notes what OnError is about to be told.
func (t *Harness) told(problem error) {
	if t.problem == nil && (t.fed == nil || !errors.Is(problem, t.fed)) {
		t.problem = problem
	}
}

// settleBut settles what a verb does that tells OnError of a problem itself.
func (t *Harness) settleBut(fed error) error {
	t.fed = fed
	defer func() { t.fed = nil }()
	return t.settle()
}

// restless is how many steps a client may take until nothing is left to do.
const restless = 100_000

var errRestless = errors.New("gennostr: the handler does not come to rest: something that it does is always followed by more")

// settle lets the client do what there is to do, until there is nothing.
func (t *Harness) settle() error {
	if t.c.self.inside.Load() {
		panic("gennostr: Harness used inside a callback")
	}
	if t.over {
		return t.c.closedErr()
	}
	for range restless {
		did, e := t.c.step()
		switch {
		case e != nil:
			t.end(e.reason)
			return e.reason
		case did != didNothing:
		case t.ending():
			<-t.c.mail.Wake()
		default:
			t.c.sup.ask(func(*supervisor) {}) // it has done what the callbacks left to it
			if t.c.mail.Len() == 0 && !t.ending() {
				problem := t.problem
				t.problem = nil
				return problem
			}
		}
	}
	return errRestless
}

// ending tells whether some connection has ended and its OnDisconnect is not queued yet.
func (t *Harness) ending() bool {
	return slices.ContainsFunc(t.c.reg.all(), func(conn *connection) bool {
		select {
		case <-conn.ended:
			return true
		default:
			return false
		}
	})
}

// end is what the loop does when it is over.
func (t *Harness) end(reason error) {
	t.over = true
	t.c.finish(reason)
}
