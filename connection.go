package gennostr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/foreign"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/verify"
)

// connection is one attempt to be connected to one relay: it dials, reads until
// the end, and is never used again. Its goroutine is the reader; a writer
// exists only while there is something to write, and a ping, a closing
// handshake have short-lived goroutines of their own. All of them have ended
// when run returns.
type connection struct {
	client *Client
	sup    *supervisor
	entry  *relayEntry // the supervisor's; only the pointer is used here
	cfg    *relayConfig
	url    string
	relay  Relay // written by run before supervisor.up, immutable after

	ended   chan struct{}  // closed by cut, or by run: wakes whoever waits beside the socket
	helpers sync.WaitGroup // writer, pings, closing handshake: see spawn

	window  *mailbox.Window
	lane    *verify.Lane[*dataLetter]
	held    atomic.Bool // the reader waits for its own window: silence is our doing (DESIGN 3.6)
	wasHeld atomic.Bool // it has waited since the supervisor last looked

	lastSent uint64   // supervisor goroutine only: BytesOut at the last look
	greeted  bool     // client goroutine only: between OnConnect and OnDisconnect
	taskIDs  []uint64 // client goroutine only: the timers of cfg.tasks, by index

	reqMu sync.Mutex  // taken before mu; matching filters under it may take long, and only senders to this relay wait for it
	reqs  *reqs.Table // guarded by reqMu

	mu        sync.Mutex        // held for moments only: the supervisor takes it
	sock      *socket.Conn      // guarded by mu until open; nil while dialling
	open      bool              // guarded by mu: sends are taken
	stopDial  func()            // guarded by mu: nil but while dialling
	over      bool              // guarded by mu: no more helpers may start
	cause     error             // guarded by mu: why we ended it ourselves; the first one counts
	asks      map[string]uint64 // guarded by mu: which REQ of each id is the current one
	lastAsk   uint64            // guarded by mu
	out       []outgoing        // guarded by mu: accepted and not yet written
	writing   bool              // guarded by mu: a writer is running
	drained   chan struct{}     // guarded by mu: made by finish, closed when out is empty
	reports   map[error]*report // guarded by mu: refusals that OnError has not been told
	forgeries int               // guarded by mu

	count counters
}

// outgoing is a message that was accepted for sending.
type outgoing struct {
	frame []byte
	msg   ClientMessage
}

// counters are the live form of Traffic.
type counters struct {
	messagesIn, messagesOut, events, late      atomic.Uint64
	malformed, unsolicited, mismatched, forged atomic.Uint64
}

func newConnection(s *supervisor, e *relayEntry) *connection {
	c := &connection{
		client: s.client, sup: s, entry: e, cfg: e.cfg, url: e.url,
		relay:  Relay{URL: e.url, Attempts: e.backoff.Attempts() + 1},
		ended:  make(chan struct{}),
		window: mailbox.NewWindow(e.cfg.windowMessages, e.cfg.windowBytes, s.client.budget),
		reqs:   reqs.New(requestGrace),
	}
	c.lane = verify.NewLane(s.client.pool, c.deliver)
	return c
}

// run is the connection's goroutine, started by the supervisor, which learns of
// its end and joins it. A goroutine of its own dials: TLS and HTTP want a deep
// stack, which would stay as large for as long as the connection lives.
func (c *connection) run() {
	defer c.sup.conns.Done()
	dialled := make(chan error)
	go func() { // ended by cut, joined here
		err := error(&PanicError{Where: "connection", Value: errGoexit}) // unless dial returns
		defer func() { dialled <- err }()
		err = c.protect(c.dial)
	}()
	err := <-dialled
	if err == nil {
		err = c.protect(c.read)
	}
	c.mu.Lock()
	c.open = false // what could only fail is refused from now on
	c.endLocked(err)
	err = c.cause // the first one counts; a writer that fails now is an echo of it
	c.mu.Unlock()
	c.window.Abandon() // room that was promised to this reader is no longer kept from others
	c.lane.Drain()     // what arrived before the end is delivered before the end

	c.mu.Lock()
	c.over = true // no helper starts after this
	sock := c.sock
	c.mu.Unlock()
	if sock != nil {
		sock.Cut(err)
	}
	c.helpers.Wait()
	if sock != nil {
		sock.Wait()
	}
	c.reportUnsent(err)
	c.flushReports()
	c.sup.inbox.Put(connectionEnded{c, err})
}

// protect confines a panic to this relay (R44).
func (c *connection) protect(f func() error) (err error) {
	if !c.client.cfg.crashOnPanic {
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Where: "connection", Value: v, Stack: debug.Stack()}
			}
		}()
	}
	return f()
}

// dial opens the connection; an error says why it did not.
func (c *connection) dial() error {
	if c.client.harness != nil { // no socket: the test says what becomes of it
		<-c.ended
		return c.endCause()
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c.mu.Lock()
	c.stopDial = stop
	cause := c.cause
	c.mu.Unlock()
	if cause != nil { // cut before it began
		return cause
	}
	sock, err := c.cfg.dialer.Dial(ctx, c.url)
	if err != nil {
		return dialError(c.url, err)
	}
	c.mu.Lock()
	c.sock, c.stopDial = sock, nil
	if cause := c.cause; cause != nil { // cut while the handshake was ending
		c.mu.Unlock()
		return cause
	}
	sock.OnWait(c.lane.Pause)
	c.open = true
	c.relay.ConnectedAt = time.Now()
	c.mu.Unlock()
	up := false
	c.sup.ask(func(s *supervisor) { up = s.up(c) })
	if !up {
		return c.endCause()
	}
	return nil
}

// turn is how many messages a reader takes in a row, where a long one counts for
// several: one more for each KiB. Relays that send the same events are read side by
// side then, and what one brings is still known when the next brings it; and a
// stream leaves room for its neighbours.
const turn = 64

// read reads until the end, and says why it ended.
func (c *connection) read() error {
	lone := false
	for taken := 0; ; {
		text, err := c.sock.Next()
		if err != nil {
			return readError(err)
		}
		in := c.client.takeIntake()
		in.frame, err = c.sock.Message(in.frame)
		if err != nil {
			return readError(err)
		}
		// Alone, or of a few that came together: then they are known by the first of them.
		lone = c.sock.Lone() || lone && !c.sock.Ready()
		size := len(in.frame)
		in.lone = lone
		c.count.messagesIn.Add(1)
		if err := c.frame(in, text, in.frame); err != nil {
			return err
		}
		c.client.keepIntake(in)
		c.expect(size)
		switch taken += 1 + size>>10; {
		case lone: // what it brought is waited for more than what comes next
			c.lane.Yield()
		case taken >= turn:
			taken = 0
			c.lane.Round()
		}
	}
}

// expect tells the verifier when another message is at hand, for which a batch is
// worth waiting. From then on nothing here may wait without lane.Pause. Messages of
// the size of this one must not take long, either: some are megabytes once they
// are decompressed.
func (c *connection) expect(size int) {
	if size > keepBuffer {
		c.lane.Pause()
		return
	}
	if c.sock.Ready() {
		c.lane.Expect()
		if !c.sock.Ready() { // a write has begun since, and has found nothing to take back
			c.lane.Pause()
		}
	}
}

// heldUp tells whether the reader waits for the window, or did since the last
// time: a hold that came and went between two looks counts too.
// So does a long message that the relay is taking: our ping stands behind it.
// Supervisor goroutine, connection open.
func (c *connection) heldUp() bool {
	sent := c.sock.BytesOut()
	progress := sent != c.lastSent
	c.lastSent = sent
	c.mu.Lock()
	writing := c.writing
	c.mu.Unlock()
	return c.wasHeld.Swap(false) || c.held.Load() || writing && progress
}

// lastInbound is when the last byte arrived. Supervisor goroutine, connection open.
func (c *connection) lastInbound() time.Time { return c.sock.LastInbound() }

// spawn runs f in a helper goroutine that run joins; false when the connection is over.
func (c *connection) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spawnLocked(f)
}

func (c *connection) spawnLocked(f func()) bool {
	if c.over {
		return false
	}
	c.helpers.Add(1)
	go func() { // joined by run; ended by cut at the latest
		defer c.helpers.Done()
		f()
	}()
	return true
}

// ping sends a ping and lets go of it: any byte that arrives counts as life.
// Its goroutine may wait for a pong until the end of the connection, no longer.
func (c *connection) ping() {
	c.spawn(func() { _ = c.sock.Ping(c.cfg.ping.Timeout) })
}

// cut ends the connection or the dial at once; it never blocks. The first cause counts.
func (c *connection) cut(cause error) {
	c.mu.Lock()
	c.open = false
	c.endLocked(cause)
	sock, stopDial, cause := c.sock, c.stopDial, c.cause
	c.mu.Unlock()
	if stopDial != nil {
		stopDial()
	}
	if sock != nil {
		sock.Cut(cause)
	}
}

func (c *connection) endLocked(cause error) {
	if c.cause == nil {
		c.cause = cause
	}
	select {
	case <-c.ended:
	default:
		close(c.ended)
	}
}

func (c *connection) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

func (c *connection) endCause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// finish ends the connection in good order, within a time: it takes no more
// messages, writes what it has taken, and does the closing handshake. It does not wait.
func (c *connection) finish(cause error, within time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sock == nil {
		c.open = false
		c.endLocked(cause)
		if c.stopDial != nil {
			c.stopDial()
		}
		return
	}
	if c.drained != nil || c.over {
		return // under way
	}
	c.open = false
	if c.cause == nil {
		c.cause = cause
	}
	c.drained = make(chan struct{})
	if !c.writing {
		close(c.drained)
	}
	deadline := time.Now().Add(within)
	drained := c.drained
	c.spawnLocked(func() {
		timer := time.NewTimer(within)
		defer timer.Stop()
		select {
		case <-drained:
			c.sock.Close(1000, "", time.Until(deadline))
		case <-timer.C:
		case <-c.ended:
		}
		c.cut(cause)
	})
}

// traffic is a snapshot of the counters.
func (c *connection) traffic() Traffic {
	t := Traffic{
		MessagesIn: c.count.messagesIn.Load(), MessagesOut: c.count.messagesOut.Load(),
		Events: c.count.events.Load(), Late: c.count.late.Load(),
		Malformed: c.count.malformed.Load(), Unsolicited: c.count.unsolicited.Load(),
		Mismatched: c.count.mismatched.Load(), Forged: c.count.forged.Load(),
	}
	t.Undelivered, _ = c.window.Used()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sock != nil {
		t.BytesIn, t.BytesOut = c.sock.BytesIn(), c.sock.BytesOut()
	}
	return t
}

// trim gives back what an idle connection does not need (R57).
func (c *connection) trim() {
	c.mu.Lock()
	if len(c.out) == 0 {
		c.out = nil
	}
	c.mu.Unlock()
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	c.reqs.Trim(time.Now())
}

func dialError(url string, err error) error {
	e := &DialError{URL: url}
	var handshake *socket.HandshakeError
	if errors.As(err, &handshake) {
		e.Status, e.RetryAfter, err = handshake.Status, handshake.RetryAfter, handshake.Err
	}
	e.Err = foreign.Confine(err) // a dialer's of the program's; the supervisor asks what it is
	return e
}

func readError(err error) error {
	var closed *socket.CloseError
	switch {
	case errors.As(err, &closed):
		return &CloseError{Code: closed.Code, Reason: closed.Reason}
	case errors.Is(err, socket.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrFrameTooLarge, err)
	case errors.Is(err, socket.ErrWriteTimeout):
		return fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	}
	return fmt.Errorf("gennostr: connection lost: %w", foreign.Confine(err))
}
