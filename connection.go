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
	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/outbox"
	"github.com/gennostr/gennostr/internal/refusals"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/nostr"
)

// connection is one attempt to be connected to one relay: it dials, reads until
// the end, and is never used again. Its goroutine is the reader (receive.go); a
// writer exists only while there is something to write (send.go), and a ping, a
// closing handshake have short-lived goroutines of their own. All of them have
// ended when run returns.
type connection struct {
	client *Client
	entry  *relayEntry // the supervisor's; only the pointer is used here
	cfg    *relaySpec
	relay  Relay // immutable, but for ConnectedAt, which run writes before supervisor.up; Guest is not set: see forCallback and current

	helpers sync.WaitGroup // writer, pings, closing handshake: see spawn

	requests *reqs.Table     // what has been asked for
	window   *mailbox.Window // what has been received and not been handled; the relay's, from connection to connection
	in       *intake.Intake  // the way from one to the other
	written  atomic.Uint64   // messages
	answers  atomic.Int64    // when the latest ping was sent that has been answered, in Unix nanoseconds
	noticed  atomic.Bool     // the supervisor has not dealt with a NOTICE of too many subscriptions yet
	negHeard atomic.Bool     // the supervisor has not dealt with a NOTICE that may be about NIP-77 yet
	doubted  atomic.Bool     // the supervisor has not dealt with a NOTICE that may be about COUNT yet
	held     atomic.Bool     // the supervisor has not dealt with the reader's having no room while an answer is waited for
	useful   atomic.Bool     // it has brought something that was waited for (DESIGN 3.12)
	guest    atomic.Bool     // its relay is a guest

	lastSent uint64   // supervisor goroutine only: BytesOut at the last look
	greeted  bool     // client goroutine only: between OnConnect and OnDisconnect
	parted   bool     // client goroutine only: its OnDisconnect was the last word about it
	taskIDs  []uint64 // client goroutine only: the timers of cfg.tasks, by index

	mu         sync.Mutex                   // held for moments only: the supervisor takes it
	link       link                         // guarded by mu until open; nil while dialling
	end        chan struct{}                // guarded by mu: see Ended; nil while nobody has asked for it
	stopDial   func()                       // guarded by mu: nil but while dialling
	open       bool                         // guarded by mu: sends are taken
	closing    bool                         // guarded by mu: finish has begun
	ended      bool                         // guarded by mu: cut, or read to the end
	over       bool                         // guarded by mu: no more helpers may start
	cause      error                        // guarded by mu: why we ended it ourselves; the first one counts
	out        *outbox.Queue[ClientMessage] // guarded by mu: accepted and not yet written
	refused    refusals.Reports             // guarded by mu: what OnError has not been told
	unanswered map[nostr.ID]time.Time       // guarded by mu: events that an OK is to come for, and until when it is waited for
	asked      bool                         // guarded by mu: an EOSE is waited for
	hearing    *hearing                     // guarded by mu: what the supervisor is to hear; nil: nothing has been
	answered   chan struct{}                // guarded by mu: closed when there are none; nil unless that is waited for
	forgeries  int                          // guarded by mu
}

// network is what connections go over: sockets, or the hand of a Harness.
type network interface {
	// dial opens the link of a connection; it ends with ctx.
	dial(ctx context.Context, c *connection) (link, error)
	// automatic tells whether connections are pinged and dialled again by the clock, or somebody sees to that.
	automatic() bool
	// patient tells whether a message waits for room, rather than being dropped.
	patient() bool
}

// link is an open connection's transport. Next, Message, Lone and Ready are the
// reader's; the other methods may be called from any goroutine. *socket.Conn says
// what they do.
type link interface {
	Next() (text bool, err error)
	Message(buf []byte) ([]byte, error)
	Slow() (waited time.Duration, arrived int64)
	Lone() bool
	Ready() bool
	OnWait(func())
	OnRoom(func(bytes int) error)
	WriteAll(frames [][]byte) error
	Ping(timeout time.Duration) error
	LastInbound() time.Time
	Ahead() (clock time.Duration, known bool)
	BytesIn() uint64
	BytesOut() uint64
	Close(code int, reason string, within time.Duration)
	Cut(cause error)
	Wait()
	// takes accepts a message then and there, which then needs no queue and no writer.
	takes(outgoing) bool
}

// sockets is the network of the world.
type sockets struct{}

func (sockets) dial(ctx context.Context, c *connection) (link, error) {
	if c.cfg.dialer == nil { // of guests only
		return nil, c.client.cfg.guest.unfit
	}
	sock, err := c.cfg.dialer.Dial(ctx, target(c.relay.URL, c.relay.Address))
	if err != nil {
		return nil, err
	}
	return websocketLink{sock}, nil
}

func (sockets) automatic() bool { return true }
func (sockets) patient() bool   { return true }

type websocketLink struct{ *socket.Conn }

func (websocketLink) takes(outgoing) bool { return false }

func newConnection(client *Client, e *relayEntry) *connection {
	c := &connection{
		client: client, entry: e, cfg: e.cfg,
		relay:    Relay{URL: e.url, Address: e.cfg.address, Attempts: e.backoff.Attempts() + 1},
		requests: reqs.New(requestGrace),
		window:   e.window,
		out:      outbox.New[ClientMessage](e.cfg.sendQueue),
	}
	c.in = intake.New(client.intakes, intake.Config{
		Owner: c, Window: c.window, Long: client.long, Requests: c.requests, Trusted: e.cfg.trusted, MaxTags: e.cfg.maxTags,
		Drops: !client.network.patient(), NoRoom: c.noRoom,
	})
	c.guest.Store(e.guest)
	return c
}

// run is the connection's goroutine, started by the supervisor, which learns of
// its end and joins it. A goroutine of its own dials: TLS and HTTP want a deep
// stack, which would stay as large for as long as the connection lives.
func (c *connection) run() {
	defer c.client.sup.children.Done()
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
	c.window.Lift(0)
	c.in.Drain() // what arrived before the end is delivered before the end

	c.mu.Lock()
	c.over = true // no helper starts after this
	link := c.link
	c.mu.Unlock()
	if link != nil {
		link.Cut(err)
	}
	c.helpers.Wait()
	if link != nil {
		link.Wait()
	}
	c.reportUnsent(err)
	c.flushReports()
	c.client.sup.inbox.Put(connectionEnded{c, err})
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
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c.mu.Lock()
	c.stopDial = stop
	cause := c.cause
	c.mu.Unlock()
	if cause != nil { // cut before it began
		return cause
	}
	link, err := c.client.network.dial(ctx, c)
	if err != nil {
		return dialError(c.relay.URL, err)
	}
	c.mu.Lock()
	c.link, c.stopDial = link, nil
	if cause := c.cause; cause != nil { // cut while the handshake was ending
		c.mu.Unlock()
		return cause
	}
	link.OnWait(c.in.Lane().Pause)
	link.OnRoom(c.roomToRead)
	c.open = true
	c.relay.ConnectedAt = c.client.now()
	c.mu.Unlock()
	up := false
	c.client.sup.do(func(s *supervisor) { up = s.up(c) })
	if !up {
		return c.endCause()
	}
	return nil
}

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

// heldUp tells whether we make the relay wait: its silence is our doing then. So
// does a long message that the relay is taking: our ping stands behind it.
// Supervisor goroutine, connection open.
func (c *connection) heldUp() bool {
	sent := c.link.BytesOut()
	progress := sent != c.lastSent
	c.lastSent = sent
	c.mu.Lock()
	writing := c.out.Writing()
	c.mu.Unlock()
	return c.in.HeldUp() || writing && progress
}

// lastInbound is when the last byte arrived. Supervisor goroutine, connection open.
func (c *connection) lastInbound() time.Time { return c.link.LastInbound() }

// ping sends a ping and lets go of it: any byte that arrives counts as life.
// Its goroutine may wait for a pong until the end of the connection, no longer.
func (c *connection) ping() {
	sent := time.Now()
	c.spawn(func() {
		if c.link.Ping(c.cfg.ping.Timeout) == nil && !c.in.Lacks() { // its pong came behind all that the relay had sent before
			c.answers.Store(max(c.answers.Load(), sent.UnixNano()))
		}
	})
}

// alive is when the latest ping was sent that the relay has answered: all that it
// had sent by then has come. Zero if none has been. Any goroutine.
func (c *connection) alive() time.Time {
	if !c.client.network.automatic() { // a Harness has no lag
		return c.client.now()
	}
	if at := c.answers.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// cut ends the connection or the dial at once; it never blocks. The first cause counts.
func (c *connection) cut(cause error) {
	c.mu.Lock()
	c.open = false
	c.endLocked(cause)
	link, stopDial, cause := c.link, c.stopDial, c.cause
	c.mu.Unlock()
	if stopDial != nil {
		stopDial()
	}
	if link != nil {
		link.Cut(cause)
	}
}

func (c *connection) endLocked(cause error) {
	if c.cause == nil {
		c.cause = cause
	}
	if !c.ended && c.end != nil {
		close(c.end)
	}
	c.ended = true
}

// Ended is closed by cut, or by run: it wakes whoever waits beside the link. It is
// made for the first who asks, for a quiet connection has nobody who waits.
func (c *connection) Ended() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil {
		c.end = make(chan struct{})
		if c.ended {
			close(c.end)
		}
	}
	return c.end
}

func (c *connection) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// isEnding tells whether the end has begun.
func (c *connection) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause != nil
}

func (c *connection) endCause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// windDown ends the connection in good order, within a time: it takes no more
// messages, writes what it has taken, gives the relay half of the time that is left
// to answer events, since some drop what they have not dealt with when the
// connection ends, and does the closing handshake. It does not wait.
func (c *connection) windDown(cause error, within time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		c.open = false
		c.endLocked(cause)
		if c.stopDial != nil {
			c.stopDial()
		}
		return
	}
	if c.closing || c.over {
		return // under way
	}
	c.open, c.closing = false, true
	c.in.Hurry()
	if c.cause == nil {
		c.cause = cause
	}
	deadline, drained := time.Now().Add(within), c.out.Drain()
	c.spawnLocked(func() {
		if c.waitFor(drained, time.Until(deadline)) {
			c.waitFor(c.awaitOKs(), time.Until(deadline)/2)
			c.link.Close(1000, "", time.Until(deadline))
		}
		c.cut(cause)
	})
}

// waitFor waits for something, for some time, and not beyond the end.
func (c *connection) waitFor(done <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-c.Ended():
	}
	return false
}

// traffic is a snapshot of the counters.
func (c *connection) traffic() Traffic {
	in := c.in.Counts()
	t := Traffic{
		MessagesIn: in.Messages, MessagesOut: c.written.Load(), Events: in.Events, Late: in.Late,
		Malformed: in.Malformed, Oversized: in.Oversized, Unsolicited: in.Unsolicited, Mismatched: in.Mismatched, Forged: in.Forged,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		t.BytesIn, t.BytesOut = c.link.BytesIn(), c.link.BytesOut()
	}
	return t
}

// trim gives back what an idle connection does not need (R57).
func (c *connection) trim() { c.requests.Trim(time.Now()) }

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
	var panicked *socket.PanicError
	switch {
	case errors.As(err, &panicked): // in a connection of the program's
		return &PanicError{Where: "connection", Value: panicked.Value, Stack: panicked.Stack}
	case errors.As(err, &closed):
		return &CloseError{Code: closed.Code, Reason: closed.Reason}
	case errors.Is(err, socket.ErrTooLarge):
		return renamed(err, socket.ErrTooLarge, ErrFrameTooLarge)
	case errors.Is(err, socket.ErrMessageTimeout):
		return renamed(err, socket.ErrMessageTimeout, ErrMessageTimeout)
	case errors.Is(err, socket.ErrWriteTimeout):
		return renamed(err, socket.ErrWriteTimeout, ErrWriteTimeout)
	}
	return fmt.Errorf("gennostr: connection lost: %w", foreign.Confine(err))
}
