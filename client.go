package gennostr

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/internal/verify"
)

// Client is a running bot, seen from outside its callbacks. All its methods
// may be called from any goroutine, at any time, also after it has stopped.
// [Start] makes it.
type Client struct {
	// One goroutine, the loop (loop.go), owns the handler and runs every callback.
	// It waits for its mailbox and its timer, and never for what may wait for it
	// (DESIGN 3.1). The supervisor's goroutine (supervisor.go) owns the relays; each
	// relay has a reader (connection.go).

	// immutable after Start
	handler Handler
	plain   bool // there is no handler but ours, which does nothing about an OK that is true
	cfg     config
	log     *slog.Logger
	self    *Self
	mail    *mailbox.Queue[letter] // the one way into the loop
	budget  *mailbox.Budget
	pool    *verify.Pool
	sup     *supervisor
	ctx     context.Context // self.Context(): ends with the client
	cancel  context.CancelCauseFunc
	parent  context.Context // Start's

	long    *mailbox.LongMessages // room for what readers have in hand
	intakes *intake.Shared        // for the readers
	reg     registry
	timers  timers
	surroundings
	tasks        *taskGroup
	queues       queues
	holds        holds
	subs         subscriptions
	seen         *seen.Table                 // which of them have had which events
	late         *mailbox.Queue[*thenLetter] // what has ended when mail is closed
	taken        letter                      // client goroutine only: it came too late to be handled, and has to be put away; nil: none
	place        place                       // client goroutine only: of the message that is being handled, nil if it takes up none
	ending       ending                      // client goroutine only
	spoilt       bool                        // client goroutine only: something went wrong at the end
	running      running
	publications atomic.Int64 // that are open, or of which the handler is to be told: for WithPublishQueue
	queries      atomic.Int64 // that are open, whose loop is not left, or of which the handler is to be told: for WithMaxQueries
	queryBytes   atomic.Int64 // what they hold, about: for WithQueryBudget
	posted       atomic.Int64 // Calls, Casts, Notifys that wait or are kept, failed sends that wait: for WithMailboxLimit
	waking       atomic.Bool  // a wakeLetter is in the mailbox

	initialised atomic.Bool // Init has returned
	leavesAuth  atomic.Bool // there is no handler, or BaseHandler.OnAuth has been called: it does not answer challenges

	stopOnce sync.Once
	hardOnce sync.Once
	hard     chan struct{}             // closed when the stop's deadline has passed: what is queued is dropped
	dead     chan struct{}             // closed when Terminate has returned: callers get no more replies
	done     chan struct{}             // closed when nothing is running
	deadline atomic.Pointer[time.Time] // of the orderly stop, nil before one
	reason   error                     // written by the loop before dead is closed, immutable after
	goexit   *PanicError               // client goroutine only: a callback has called runtime.Goexit
}

// Start runs a handler as a client (GenServer.start_link). It returns when Init
// has returned: with the client, or with an error and nothing left running.
// A nil handler makes a plain relay pool.
//
// The errors:
//
//   - *[HandlerError]: a method of the handler would never be called.
//   - An error that names the option: a value is out of range, or a URL of
//     [WithRelays] is none (nostr.ErrInvalidURL).
//   - context.Cause(ctx), if ctx has ended already.
//   - *[NameTakenError]: a running client has the name of [WithName].
//   - [ErrIgnore], if Init returned it.
//   - What Init returned, wrapped, or its *[PanicError].
//
// Cancelling ctx ends the client promptly: the running callback is the last one
// before Terminate (but for OnError, if it returns an error), and what is queued is
// dropped. Work of [Go] and of a [Queue], whose contexts end with ctx, is waited for
// before Terminate, for [WithShutdownTimeout] at most; nobody is told what came of it.
// [Client.Stop] is the orderly way. [Run] does it for main.
func Start(ctx context.Context, h Handler, opts ...Option) (*Client, error) {
	c, err := newClient(ctx, h, opts, surroundings{network: sockets{}, now: time.Now, beginItems: (*Client).beginWork, helper: (*Client).help})
	if err != nil {
		return nil, err
	}
	go c.sup.run() // ended and joined by the loop, in close

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
	network    network
	now        func() time.Time         // the clock of everything that a handler can set
	beginItems func(*Client, workQueue) // begins what a queue may begin
	helper     func(*Client, func())    // runs what may take its time, which the supervisor joins
	problem    func(error)              // sees what OnError is about to be told; nil: nobody looks
}

// newClient makes a client of which nothing runs yet.
func newClient(ctx context.Context, h Handler, opts []Option, in surroundings) (*Client, error) {
	plain := h == nil
	if plain {
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
	if err := cfg.relay.equip(cfg.mailboxBudget); err != nil {
		return nil, err
	}
	cfg.relay.ownTransport, cfg.relay.ownAuth = false, false // they are the client's
	if cfg.guest, err = cfg.guests(); err != nil {
		cfg.relay.dialer.Close()
		return nil, err
	}
	c := &Client{
		handler: h, plain: plain, cfg: cfg, log: cfg.logger, parent: ctx, surroundings: in,
		mail:   mailbox.NewQueue[letter](),
		late:   mailbox.NewQueue[*thenLetter](),
		budget: mailbox.NewBudget(cfg.mailboxBudget),
		long:   intake.NewLongMessages(cfg.mailboxBudget),
		hard:   make(chan struct{}), dead: make(chan struct{}), done: make(chan struct{}),
	}
	c.leavesAuth.Store(plain)
	if cfg.name != "" {
		c.log = c.log.With("client", cfg.name)
	}
	c.seen = seen.New(maxSeen)
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
		cfg.relay.dialer.Close()
		cfg.guest.close()
		return nil, err
	}
	return c, nil
}

// Run is Start and Wait for main. It returns what [Client.Wait] returns: nil
// after a quiet end, else the failure.
//
// The end of ctx begins an orderly stop ([Client.Stop]), which may take
// [WithShutdownTimeout]. That ctx ended is no failure. What fails during that
// stop is one and is returned: a panic, the error of Stop(err), a panic in
// Terminate, or a *[ShutdownError] when user code is still running at the deadline.
//
// If ctx ends before Init has returned, it ends self.Context() of Init. An Init
// that returns the context's error, or [ErrIgnore], makes Run return nil.
func Run(ctx context.Context, h Handler, opts ...Option) error {
	// Until Init has returned, ctx ends it as it would end Start's.
	starting, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	if ctx.Err() != nil {
		abandon(context.Cause(ctx)) // now, not soon: nothing is to be started
	}
	abandoned := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // joined by started
		defer close(abandoned)
		abandon(context.Cause(ctx))
	})
	started := func() bool {
		if stop() {
			return true
		}
		<-abandoned
		return false
	}
	c, err := Start(starting, h, opts...)
	if err != nil {
		started()
		if errors.Is(err, ErrIgnore) || endOf(ctx, err) {
			return nil
		}
		return err
	}
	if started() {
		select {
		case <-c.Done():
		case <-ctx.Done():
			if err := c.Stop(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		return c.Wait()
	}
	// ctx ended during Init, which did not mind: Start's context has ended too.
	if err := c.Stop(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := c.Wait(); !endOf(ctx, err) {
		return err
	}
	return nil
}

// endOf tells whether an error says no more than that ctx has ended. A panic
// says more, whatever its value.
func endOf(ctx context.Context, err error) bool {
	if ctx.Err() == nil || errors.As(err, new(*PanicError)) {
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))
}
