package gennostr

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/verify"
)

// Client is a running bot, seen from outside its callbacks. All its methods
// may be called from any goroutine, at any time, also after it has stopped.
//
// One goroutine, the loop (loop.go), owns the handler and runs every callback.
// It waits only for its mailbox and its timer. The supervisor's goroutine
// (supervisor.go) owns the relays; each relay has a reader (connection.go).
type Client struct {
	// immutable after Start
	handler Handler
	cfg     config
	log     *slog.Logger
	self    *Self
	mail    *mailbox.Queue[letter] // the one way into the loop
	budget  *mailbox.Budget
	pool    *verify.Pool
	dialer  *socket.Dialer // of relays without transport options of their own
	sup     *supervisor
	ctx     context.Context // self.Context(): ends with the client
	cancel  context.CancelCauseFunc
	parent  context.Context // Start's

	long    *mailbox.LongMessages // room for what readers have in hand
	intakes *intake.Shared        // for the readers
	reg     registry
	timers  timers
	surroundings
	tasks   *taskGroup
	queues  queues
	holds   holds
	late    *mailbox.Queue[*thenLetter] // what has ended when mail is closed
	place   place                       // client goroutine only: of the message that is being handled, nil if it takes up none
	ending  ending                      // client goroutine only
	spoilt  bool                        // client goroutine only: something went wrong at the end
	running running
	posted  atomic.Int64 // Calls, Casts, Notifys and failed sends that wait, for WithMailboxLimit
	waking  atomic.Bool  // a wakeLetter is in the mailbox

	stopOnce sync.Once
	hardOnce sync.Once
	hard     chan struct{}             // closed when the stop's deadline has passed: what is queued is dropped
	dead     chan struct{}             // closed when Terminate has returned: callers get no more replies
	done     chan struct{}             // closed when nothing is running
	deadline atomic.Pointer[time.Time] // of the orderly stop, nil before one
	reason   error                     // written by the loop before dead is closed, immutable after
	goexit   *PanicError               // client goroutine only: a callback has called runtime.Goexit
}

// Start runs a handler as a client (GenServer.start_link). It returns when
// Init has returned: with the client, or with an error and nothing left
// running: *HandlerError, *NameTakenError, ErrIgnore, what Init returned, or
// its *PanicError. A nil handler is a plain relay pool.
//
// Cancelling ctx ends the client promptly: the running callback is the last
// one before Terminate, what is queued is dropped (R10). Stop is the orderly
// way; Run does it for main.
func Start(ctx context.Context, h Handler, opts ...Option) (*Client, error) {
	c, err := newClient(ctx, h, opts, surroundings{sockets{}, time.Now, (*Client).beginWork, nil})
	if err != nil {
		return nil, err
	}
	go c.sup.run() // ended and joined by the loop, in finish

	started := make(chan error, 1)
	go c.loop(started) // ends with the client; Done tells
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// surroundings are what a client lives in: the world, or a Harness.
type surroundings struct {
	network network
	now     func() time.Time      // the clock of everything that a handler can set
	work    func(*Client, worker) // begins what a queue may begin
	problem func(error)           // sees what OnError is about to be told; nil: nobody looks
}

// newClient makes a client of which nothing runs yet.
func newClient(ctx context.Context, h Handler, opts []Option, in surroundings) (*Client, error) {
	if h == nil {
		h = new(BaseHandler)
	}
	if err := checkHandler(h); err != nil {
		return nil, err
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	dialer, err := socket.NewDialer(cfg.relay.socket)
	if err != nil {
		return nil, err
	}
	c := &Client{
		handler: h, cfg: cfg, log: cfg.logger, parent: ctx, dialer: dialer, surroundings: in,
		mail:   mailbox.NewQueue[letter](),
		late:   mailbox.NewQueue[*thenLetter](),
		budget: mailbox.NewBudget(cfg.mailboxBudget),
		long:   intake.NewLongMessages(cfg.mailboxBudget),
		hard:   make(chan struct{}), dead: make(chan struct{}), done: make(chan struct{}),
	}
	if cfg.name != "" {
		c.log = c.log.With("client", cfg.name)
	}
	c.self = &Self{c: c}
	c.tasks = newTaskGroup(context.WithValue(ctx, onLoop{}, inTask{c}))
	c.ctx, c.cancel = context.WithCancelCause(context.WithValue(ctx, onLoop{}, c))
	c.pool = verify.NewPool(c.signatures())
	c.intakes = intake.NewShared(c.pool, cfg.verifier == nil)
	c.sup = newSupervisor(c)
	if err := c.takeName(); err != nil {
		c.cancel(err)
		c.tasks.cancel()
		c.tasks.cancelWork()
		dialer.Close()
		return nil, err
	}
	return c, nil
}

// Run is Start and Wait for main: it returns when the client has stopped by
// itself, with the reason, or when ctx has been cancelled and the orderly stop
// that this begins is over, within WithShutdownTimeout, with nil. Before Init has
// returned, the end of ctx is Init's: an error of Init that says so is nil here,
// and so is ErrIgnore.
func Run(ctx context.Context, h Handler, opts ...Option) error {
	// Until Init has returned, ctx ends it as it would end Start's.
	starting, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	if ctx.Err() != nil {
		abandon(context.Cause(ctx)) // now, not soon: nothing is to be started
	}
	started := context.AfterFunc(ctx, func() { abandon(context.Cause(ctx)) })
	c, err := Start(starting, h, opts...)
	if err != nil {
		started()
		cancelled := ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
		if cancelled || errors.Is(err, ErrIgnore) {
			return nil
		}
		return err
	}
	if started() {
		select {
		case <-c.Done():
			return c.Wait()
		case <-ctx.Done():
		}
	}
	return c.Stop(context.WithoutCancel(ctx))
}

// Stop stops the client in good order (R37, R38): what was queued before is
// handled; tasks of Go are cancelled and joined; Terminate runs; what was
// accepted for sending is written; all connections are closed at once. It
// returns nil when Done is closed, however the client came to stop.
//
// All of that shares one deadline, WithShutdownTimeout after the first Stop or
// the end of ctx, whichever is first. Then sockets are cut; if user code still
// runs a *ShutdownError names it, and Done closes when it returns. With the
// context of a callback or a task of this client: ErrCallingSelf, for they
// would wait for themselves.
func (c *Client) Stop(ctx context.Context) error {
	if c.onLoop(ctx) || ctx.Value(onLoop{}) == any(inTask{c}) {
		return ErrCallingSelf
	}
	c.stopOnce.Do(func() {
		c.setDeadline()
		c.mail.Put(&stopLetter{})
	})
	deadline := c.deadline.Load()
	timer := time.NewTimer(time.Until(*deadline))
	defer timer.Stop()
	cause := context.DeadlineExceeded
	select {
	case <-c.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	c.sup.inbox.Put(stopBy{time.Now()}) // cut what is left
	// Cut sockets end at once. Only user code can take longer, and it is given a
	// moment: a callback that happens to be ending is not to blame.
	timer.Reset(stopGrace)
	select {
	case <-c.done:
		return nil
	case <-timer.C:
	}
	return c.stillRunning(cause)
}

// stopGrace is how long user code may take, after the deadline, to notice it.
const stopGrace = 100 * time.Millisecond

func (c *Client) stillRunning(cause error) error {
	if call := c.running.get(); call.name != "" {
		return &ShutdownError{Running: call.name, Since: time.Since(call.since), Err: cause}
	}
	if what, since := c.tasks.oldest(); what != "" {
		return &ShutdownError{Running: what, Since: since, Err: cause}
	}
	// What is left is a function of an option, called by the library.
	running := "a DialContext, a Verifier, a logger or the like"
	if urls := c.left(); len(urls) > 0 {
		running += " for " + strings.Join(urls, ", ")
	}
	return &ShutdownError{Running: running, Since: time.Since(*c.deadline.Load()) + c.cfg.shutdownTimeout, Err: cause}
}

// left lists the relays whose connections have not ended.
func (c *Client) left() (urls []string) {
	c.sup.ask(func(s *supervisor) {
		for url, e := range s.relays {
			if e.conn != nil {
				urls = append(urls, url)
			}
		}
	})
	slices.Sort(urls)
	return urls
}

// setDeadline starts the clock of the one shared deadline. Idempotent.
func (c *Client) setDeadline() time.Time {
	at := time.Now().Add(c.cfg.shutdownTimeout)
	if c.deadline.CompareAndSwap(nil, &at) {
		c.sup.inbox.Put(stopBy{at})
	}
	return *c.deadline.Load()
}

// harden drops what is queued: the running callback is the last one before
// Terminate. It also ends self.Context(), the hint to user code that waits.
func (c *Client) harden() {
	c.hardOnce.Do(func() {
		close(c.hard)
		c.cancel(context.DeadlineExceeded)
		c.tasks.cancelWork() // endWork may not have begun: a callback takes too long
	})
}

// Done is closed when nothing of the client is running: every goroutine has
// exited, every socket is closed, the name is free (R43). Only what somebody
// else's transport does is beyond it: the deprecated Dial of an http.Transport,
// which knows no context, and a Close of its connections that blocks.
func (c *Client) Done() <-chan struct{} { return c.done }

// Wait blocks until Done and returns why the client stopped: nil for ErrStop,
// ErrShutdown and Stop; the reason of gennostr.Stop(reason); a *PanicError;
// context.Cause of Start's ctx; the error that OnError returned.
func (c *Client) Wait() error {
	<-c.done
	if quiet(c.reason) {
		return nil
	}
	return c.reason
}

// closedErr is ErrClientClosed with the reason, once it is known (R14).
func (c *Client) closedErr() error {
	select {
	case <-c.dead:
		return &clientClosedError{c.reason}
	default:
		return ErrClientClosed
	}
}

// onLoop is the key of the context value by which a client recognises its own callbacks (R16).
type onLoop struct{}

// inTask is its value in the work of Go, which may call its client but not stop it.
type inTask struct{ c *Client }

func (c *Client) onLoop(ctx context.Context) bool { return ctx.Value(onLoop{}) == any(c) }

// running is what the loop is running for the user right now, for errors and logs that say so.
type running struct {
	mu      sync.Mutex
	call    callback    // guarded by mu
	watched atomic.Bool // the supervisor will look (slow.go)
}

// callback is one run of user code on the client's goroutine.
type callback struct {
	name      string // "" between callbacks
	since     time.Time
	number    uint64 // of the callbacks of this client, counted from 1
	goroutine string // the client's, as in stack dumps
}

// on notes the client's goroutine, once.
func (r *running) on(goroutine string) {
	r.mu.Lock()
	r.call.goroutine = goroutine
	r.mu.Unlock()
}

// here tells whether a callback is running, and this goroutine runs it.
func (r *running) here() bool {
	call := r.get()
	return call.name != "" && call.goroutine == goroutineID()
}

func (r *running) set(name string) {
	r.mu.Lock()
	r.call.name, r.call.since = name, time.Now()
	r.call.number++
	r.mu.Unlock()
}

func (r *running) clear() {
	r.mu.Lock()
	r.call.name = ""
	r.mu.Unlock()
}

// status is the callback's name and how long it has been running.
func (c callback) status() (name string, since time.Duration) {
	if c.name == "" {
		return "", 0
	}
	return c.name, time.Since(c.since)
}

func (r *running) get() callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.call
}
