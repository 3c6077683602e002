package gennostr

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// The defaults.
const (
	defaultCallTimeout     = 5 * time.Second  // OTP's GenServer.call/2 (R11)
	defaultShutdownTimeout = 5 * time.Second  // OTP's child_spec shutdown (R48)
	defaultSlowCallback    = 30 * time.Second //
	defaultMailboxLimit    = 65_536           // messages
	defaultMailboxBudget   = 64 << 20         // bytes
	defaultMaxDials        = 64               // at once
	defaultMaxTasks        = 1_024            // of Go, at once
	defaultMaxRelays       = 16_384           // of the client's own
	defaultMaxSubscribed   = 16_384           // subscriptions
	defaultMaxGuests       = 1_024            // at once
	defaultGuestIdle       = 30 * time.Second //
	defaultWindowMessages  = 2_048            // per relay
	defaultWindowBytes     = 4 << 20          // per relay
	defaultSendQueue       = 1_024            // messages per relay
	defaultPublishQueue    = 4_096            // publications
	defaultMaxQueries      = 4_096            // queries and counts
	defaultQueryBudget     = 1 << 30          // bytes
	defaultReadLimit       = 4 << 20          // bytes of one message
	defaultMaxTags         = 65_536           // of one event: follow lists have tens of thousands
	defaultMessageTimeout  = time.Minute      // from its first byte to its last
	defaultHandshake       = 20 * time.Second //
	defaultWriteTimeout    = 10 * time.Second //
	defaultPingInterval    = 30 * time.Second // below the 55 s of strfry
	defaultPingTimeout     = 10 * time.Second //
	defaultStableAfter     = 30 * time.Second //
	defaultJitter          = 0.2              // ±20 %
	trimEvery              = time.Hour        // the built-in task of R57
	requestGrace           = 30 * time.Second // late events of a closed request are dropped silently
	closeTimeout           = time.Second      // of the closing handshake when a relay is removed
)

func defaultSchedule() []time.Duration {
	return []time.Duration{500 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}
}

// Option configures a client. Every [RelayOption] is an Option too: given to
// [Start], it is the default of all relays. Start fails with an error that names
// the option if a value is out of range.
type Option interface{ apply(*config) error }

// RelayOption configures one relay: given to AddRelay and its like for that one,
// given to [Start] for all.
type RelayOption interface {
	Option
	applyRelay(*relayConfig) error
}

type option func(*config) error

func (f option) apply(c *config) error { return f(c) }

type relayOption func(*relayConfig) error

func (f relayOption) apply(c *config) error           { return f(&c.relay) }
func (f relayOption) applyRelay(c *relayConfig) error { return f(c) }

// config is what the options of Start make. Immutable once Start has validated it.
type config struct {
	name             string
	relays           []string
	logger           *slog.Logger
	initTimeout      time.Duration
	callTimeout      time.Duration
	shutdownTimeout  time.Duration
	hibernateAfter   time.Duration
	slowCallback     time.Duration
	mailboxLimit     int
	mailboxBudget    int64
	maxDials         int
	maxTasks         int
	maxRelays        int
	maxSubscriptions int
	maxGuests        int
	guestIdle        time.Duration
	guestOptions     []RelayOption
	publishQueue     int
	maxQueries       int
	queryBudget      int64
	workers          int
	verifier         Verifier // nil: our own
	crashOnPanic     bool
	stopError        error       // what Serve returns for a normal stop
	relay            relayConfig // the default of every relay
	guest            guestConfig // of every guest; made of relay and guestOptions when relay has its dialer
}

func newConfig(opts []Option) (config, error) {
	c := config{
		logger:          slog.Default(),
		callTimeout:     defaultCallTimeout,
		shutdownTimeout: defaultShutdownTimeout,
		slowCallback:    defaultSlowCallback,
		mailboxLimit:    defaultMailboxLimit,
		mailboxBudget:   defaultMailboxBudget,
		maxDials:        defaultMaxDials,
		maxTasks:        defaultMaxTasks,
		maxRelays:       defaultMaxRelays, maxSubscriptions: defaultMaxSubscribed,
		maxGuests:    defaultMaxGuests,
		guestIdle:    defaultGuestIdle,
		publishQueue: defaultPublishQueue,
		maxQueries:   defaultMaxQueries,
		queryBudget:  defaultQueryBudget,
		workers:      runtime.GOMAXPROCS(0),
		relay:        defaultRelayConfig(),
	}
	for _, o := range opts {
		if o == nil {
			return c, errors.New("gennostr: nil Option")
		}
		if err := o.apply(&c); err != nil {
			return c, err
		}
	}
	return c, c.validate()
}

func (c *config) validate() error {
	var relays []error
	for i, u := range c.relays {
		if _, err := nostr.NormalizeURL(u); err != nil {
			relays = append(relays, fmt.Errorf("gennostr: WithRelays: number %d: %w", i+1, err)) // it may hold a password
		}
	}
	return errors.Join(
		errors.Join(relays...),
		positive("WithCallTimeout", c.callTimeout), positive("WithShutdownTimeout", c.shutdownTimeout),
		notNegative("WithInitTimeout", c.initTimeout), notNegative("WithHibernateAfter", c.hibernateAfter),
		notNegative("WithSlowCallback", c.slowCallback),
		positive("WithMailboxLimit", c.mailboxLimit), positive("WithMailboxBudget", c.mailboxBudget),
		positive("WithMaxDials", c.maxDials), positive("WithMaxTasks", c.maxTasks), positive("WithPublishQueue", c.publishQueue), positive("WithVerifyWorkers", c.workers),
		positive("WithMaxQueries", c.maxQueries), positive("WithQueryBudget", c.queryBudget),
		positive("WithMaxRelays", c.maxRelays), positive("WithMaxSubscriptions", c.maxSubscriptions), notOver("WithRelays", len(relaysOf(c.relays)), c.maxRelays),
		positive("WithMaxGuests", c.maxGuests), notNegative("WithGuestIdle", c.guestIdle),
		c.relay.validate(),
	)
}

// relaysOf are the identities of relays that are named by their URLs.
func relaysOf(urls []string) map[string]bool {
	named := make(map[string]bool, len(urls))
	for _, u := range urls {
		if url, err := nostr.NormalizeURL(u); err == nil {
			named[url] = true
		}
	}
	return named
}

func positive[T ~int | ~int64](option string, v T) error {
	if v <= 0 {
		return fmt.Errorf("gennostr: %s: %v is not positive", option, v)
	}
	return nil
}

func notOver(option string, v, most int) error {
	if v > most {
		return fmt.Errorf("gennostr: %s: %d is over %d", option, v, most)
	}
	return nil
}

func notNegative[T ~int | ~int64](option string, v T) error {
	if v < 0 {
		return fmt.Errorf("gennostr: %s: %v is negative", option, v)
	}
	return nil
}

// WithRelays adds relays as soon as Init has returned. Of several spellings of one
// relay the first is the one that is dialled. Default: none; a client without
// relays waits for [Client.AddRelay].
func WithRelays(urls ...string) Option {
	return option(func(c *config) error { c.relays = append(c.relays, urls...); return nil })
}

// WithName registers the client under a name that is unique in this process, for
// [Whereis]. While another client runs under it, [Start] fails with a
// *[NameTakenError]. Default: no name.
func WithName(name string) Option {
	return option(func(c *config) error { c.name = name; return nil })
}

// WithLogger says where problems are logged, among them, once each, that a relay
// has gone and that it is back. The client never waits for the logger, but where a
// callback logs. Default: [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return option(func(c *config) error {
		if l == nil {
			return errors.New("gennostr: WithLogger: nil")
		}
		c.logger = l
		return nil
	})
}

// WithInitTimeout bounds self.Context() during Init. Default: 0, no bound.
func WithInitTimeout(d time.Duration) Option {
	return option(func(c *config) error { c.initTimeout = d; return nil })
}

// WithCallTimeout bounds a [Client.Call] whose context has no deadline. Default: 5 s.
func WithCallTimeout(d time.Duration) Option {
	return option(func(c *config) error { c.callTimeout = d; return nil })
}

// WithShutdownTimeout is the one deadline of an orderly stop: draining, tasks,
// Terminate, flushing and closing share it. Default: 5 s.
func WithShutdownTimeout(d time.Duration) Option {
	return option(func(c *config) error { c.shutdownTimeout = d; return nil })
}

// WithHibernateAfter hibernates ([Self.Hibernate]) when nothing has arrived for d. Default: 0, never.
func WithHibernateAfter(d time.Duration) Option {
	return option(func(c *config) error { c.hibernateAfter = d; return nil })
}

// WithSlowCallback logs a callback that has not returned after d, once, with its
// stack: nothing else of the client's is handled meanwhile. Time in which the
// program did not run does not count. 0: never. Default: 30 s.
func WithSlowCallback(d time.Duration) Option {
	return option(func(c *config) error { c.slowCallback = d; return nil })
}

// WithMailboxLimit bounds, in number and together: Calls, Casts and Notifys that wait;
// those that have been handled and are kept, by [Self.Hold] or in a [Queue]; and
// failures of [Self.Send] and [Self.Broadcast] that OnError has not been told. Beyond it
// Call, Cast and Notify return [ErrMailboxFull], and failures to send are logged instead.
// Default: 65,536.
func WithMailboxLimit(n int) Option {
	return option(func(c *config) error { c.mailboxLimit = n; return nil })
}

// WithMailboxBudget bounds what relays make the client hold, in bytes over all
// relays: messages that wait to be handled, with what parsing has made of them.
// Beyond it readers stop reading. Half as much again may be taken by messages over
// 8 KiB while they are read and parsed; where that is used up, the one that comes
// in most slowly loses its connection, with [ErrGaveWay]. A message may be three
// tenths of the budget long, or 8 KiB, whatever [WithReadLimit] says. Default: 64 MiB.
func WithMailboxBudget(bytes int64) Option {
	return option(func(c *config) error { c.mailboxBudget = bytes; return nil })
}

// WithMaxRelays bounds the relays that are the client's own, which those of [On] are not:
// AddRelay and its like return [ErrTooManyRelays] beyond. Where such lists are made by strangers,
// a smaller number is in place: each relay is a connection. Default: 16,384.
func WithMaxRelays(n int) Option {
	return option(func(c *config) error { c.maxRelays = n; return nil })
}

// WithMaxSubscriptions bounds the subscriptions, of the handler and from outside, and beside
// them the requests that the program has open on one connection by [Req] or [NegOpen]:
// [ErrTooManySubscriptions] beyond. Default: 16,384.
func WithMaxSubscriptions(n int) Option {
	return option(func(c *config) error { c.maxSubscriptions = n; return nil })
}

// WithMaxDials says how many relays are dialled at once; others wait their turn,
// those that keep failing behind the rest. A dial that hangs for a second goes on
// but makes room for another; of four times as many the one that is the least
// likely to succeed is given up with ErrDialAborted. Default: 64.
func WithMaxDials(n int) Option {
	return option(func(c *config) error { c.maxDials = n; return nil })
}

// WithMaxTasks bounds the tasks of [Go] that run at once. Beyond it they fail
// with [ErrTooManyTasks]. Default: 1,024.
func WithMaxTasks(n int) Option {
	return option(func(c *config) error { c.maxTasks = n; return nil })
}

// WithPublishQueue bounds the publications that are open at once, and those of
// [Self.Publish] of which the handler has not been told: ErrPublishQueueFull beyond.
// Default: 4,096.
func WithPublishQueue(n int) Option {
	return option(func(c *config) error { c.publishQueue = n; return nil })
}

// WithMaxQueries bounds the queries and counts that are open at once, those of [Client.Query] until
// the loop is left, and those of [Self.Query] until the handler has been told:
// [ErrTooManyQueries] beyond. Default: 4,096.
func WithMaxQueries(n int) Option {
	return option(func(c *config) error { c.maxQueries = n; return nil })
}

// WithQueryBudget bounds what the queries that are open make the client hold, in bytes over all
// of them, about: the events of reports until they are handed over, what waits for a loop, and
// the ids by which each event comes once. A query that brings more than that leaves, or than a
// quarter of it, ends with [ErrQueryTooLarge]. Default: 1 GiB.
func WithQueryBudget(bytes int64) Option {
	return option(func(c *config) error { c.queryBudget = bytes; return nil })
}

// WithVerifyWorkers sets how many goroutines verify, at most; each takes up to
// 1 MB. A lone event is verified by the goroutine that has read it. Default: GOMAXPROCS.
func WithVerifyWorkers(n int) Option {
	return option(func(c *config) error { c.workers = n; return nil })
}

// WithVerifier swaps what verifies signatures, one by one; ids are always recomputed
// here first. Default: our own BIP-340 verifier, in batches, watched over by btcec.
func WithVerifier(v Verifier) Option {
	return option(func(c *config) error {
		if v == nil {
			return errors.New("gennostr: WithVerifier: nil")
		}
		c.verifier = v
		return nil
	})
}

// WithoutRecover lets a panic in a callback crash the program. Default: it stops the client.
func WithoutRecover() Option {
	return option(func(c *config) error { c.crashOnPanic = true; return nil })
}

// WithStopError is what [ChildSpec.Serve] returns when its client has stopped by
// itself without a failure, for supervisors that would otherwise start it again:
// suture.ErrDoNotRestart. Default: nil.
func WithStopError(err error) Option {
	return option(func(c *config) error { c.stopError = err; return nil })
}

// Verifier checks BIP-340 signatures. It is called from several goroutines at
// once, with public data only; a panic, or runtime.Goexit, costs the event, not the
// relay ([ErrVerifierFailed]).
type Verifier interface {
	// VerifySignature returns nil if sig is pubkey's signature of the 32 bytes of id.
	VerifySignature(pubkey nostr.PubKey, id nostr.ID, sig nostr.Sig) error
}
