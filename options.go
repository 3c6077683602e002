package gennostr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/backoff"
	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/keepalive"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/verify"
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
	defaultWindowMessages  = 2_048            // per relay
	defaultWindowBytes     = 4 << 20          // per relay
	defaultSendQueue       = 1_024            // messages per relay
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
	name            string
	relays          []string
	logger          *slog.Logger
	initTimeout     time.Duration
	callTimeout     time.Duration
	shutdownTimeout time.Duration
	hibernateAfter  time.Duration
	slowCallback    time.Duration
	mailboxLimit    int
	mailboxBudget   int64
	maxDials        int
	maxTasks        int
	workers         int
	verifier        Verifier // nil: our own
	crashOnPanic    bool
	stopError       error       // what Serve returns for a normal stop
	relay           relayConfig // the default of every relay
}

// relayConfig is what the options of one relay make.
type relayConfig struct {
	socket         socket.Config
	schedule       backoff.Schedule
	manual         bool
	maxAttempts    int
	forgeryLimit   int
	ping           keepalive.Config
	windowMessages int
	windowBytes    int64
	sendQueue      int
	trusted        bool
	maxTags        int
	tasks          []task
	ownTransport   bool           // an option of this relay touched socket: the client's shared dialer does not fit
	dialer         *socket.Dialer // set when the relay is added: shared, or its own
	address        string         // set when the relay is added: its URL as it was written
	target         string         // set when the relay is added: what is dialled
}

// task is a recurring piece of work of a connection (R57).
type task struct {
	name  string
	every time.Duration
	run   func(*Self, Relay) error // nil: the built-in trim
}

func defaultRelayConfig() relayConfig {
	return relayConfig{
		socket:         socket.Config{ReadLimit: defaultReadLimit, MessageTimeout: defaultMessageTimeout, HandshakeTimeout: defaultHandshake, WriteTimeout: defaultWriteTimeout},
		schedule:       backoff.Schedule{Delays: defaultSchedule(), Jitter: defaultJitter, Stable: defaultStableAfter},
		ping:           keepalive.Config{Interval: defaultPingInterval, Timeout: defaultPingTimeout},
		windowMessages: defaultWindowMessages,
		windowBytes:    defaultWindowBytes,
		sendQueue:      defaultSendQueue,
		maxTags:        defaultMaxTags,
		tasks:          []task{{name: "trim", every: trimEvery}},
	}
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
		workers:         runtime.GOMAXPROCS(0),
		relay:           defaultRelayConfig(),
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

// fit bounds what a relay may send by what the client has room for.
func (c *relayConfig) fit(budget int64) {
	c.socket.ReadLimit = min(c.socket.ReadLimit, intake.MostRead(budget))
}

// with applies the options of one relay to a copy of the defaults.
func (c *relayConfig) with(opts []RelayOption) error {
	c.ownTransport = false
	for _, o := range opts {
		if o == nil {
			return errors.New("gennostr: nil RelayOption")
		}
		if err := o.applyRelay(c); err != nil {
			return err
		}
	}
	return c.validate()
}

// close lets go of a dialer that is the relay's own.
func (c *relayConfig) close() {
	if c.ownTransport {
		c.dialer.Close()
	}
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
		positive("WithMaxDials", c.maxDials), positive("WithMaxTasks", c.maxTasks), positive("WithVerifyWorkers", c.workers),
		c.relay.validate(),
	)
}

func (c *relayConfig) validate() error {
	var schedule error
	if len(c.schedule.Delays) == 0 {
		schedule = errors.New("gennostr: WithReconnectSchedule: no delay")
	}
	for _, d := range c.schedule.Delays {
		if d <= 0 {
			schedule = fmt.Errorf("gennostr: WithReconnectSchedule: delay %v is not positive", d)
		}
	}
	if !(c.schedule.Jitter >= 0 && c.schedule.Jitter < 1) { // NaN included
		schedule = errors.Join(schedule, fmt.Errorf("gennostr: WithReconnectJitter: %v is not in [0, 1)", c.schedule.Jitter))
	}
	return errors.Join(schedule,
		positive("WithReadLimit", c.socket.ReadLimit), positive("WithMessageTimeout", c.socket.MessageTimeout), positive("WithHandshakeTimeout", c.socket.HandshakeTimeout),
		positive("WithWriteTimeout", c.socket.WriteTimeout), positive("WithSendQueue", c.sendQueue),
		positive("WithMailboxWindow: messages", c.windowMessages), notOver("WithMailboxWindow: messages", c.windowMessages, verify.MaxInFlight), positive("WithMailboxWindow: bytes", c.windowBytes),
		notNegative("WithPing: interval", c.ping.Interval), positive("WithPing: timeout", c.ping.Timeout),
		notNegative("WithStableAfter", c.schedule.Stable), notNegative("WithMaxAttempts", c.maxAttempts),
		notNegative("WithForgeryLimit", c.forgeryLimit), positive("WithMaxTags", c.maxTags),
	)
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

// WithMailboxLimit bounds the Calls, Casts and Notifys that wait, in number.
// Beyond it they return [ErrMailboxFull]. Default: 65,536.
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

// WithVerifyWorkers sets how many goroutines verify, at most; each takes up to
// 1.5 MB. A lone event is verified by the goroutine that has read it. Default: GOMAXPROCS.
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

// WithHTTPClient dials with this client: its transport, proxy, cookies, redirect
// rule and timeout. Combined with [WithDialContext], [WithProxy], [WithTLSConfig] or
// [WithDialPolicy] its *http.Transport is cloned and changed. Default: a transport of our own.
func WithHTTPClient(h *http.Client) RelayOption {
	return transport(func(s *socket.Config) { s.HTTPClient = h })
}

// WithDialContext opens the TCP connections: SOCKS, Tor, unix sockets. Default: net.Dialer.
func WithDialContext(dial func(ctx context.Context, network, addr string) (net.Conn, error)) RelayOption {
	return transport(func(s *socket.Config) { s.DialContext = dial })
}

// WithProxy chooses the proxy of a request, http://, https:// or socks5://. Default: [http.ProxyFromEnvironment].
func WithProxy(proxy func(*http.Request) (*url.URL, error)) RelayOption {
	return transport(func(s *socket.Config) { s.Proxy = proxy })
}

// WithTLSConfig sets the TLS configuration of wss connections. Default: Go's.
func WithTLSConfig(t *tls.Config) RelayOption {
	return transport(func(s *socket.Config) { s.TLSConfig = t.Clone() })
}

// WithHeader adds headers to the handshake and to RelayInformation's request. A
// User-Agent among them replaces ours, "gennostr/" and the version of this module that
// the program was built with ("devel" where it does not say); an empty one sends
// none. They are not sent on to another host that a relay redirects to. Default: none.
func WithHeader(h http.Header) RelayOption {
	return transport(func(s *socket.Config) { s.Header = h.Clone() })
}

// DialPolicy judges an address that is about to be dialled, after name
// resolution; an error refuses it. A proxy's own address is judged too; the
// environment's proxy is not used, for behind it the target could not be judged.
type DialPolicy = func(network string, addr netip.AddrPort) error

// WithDialPolicy asks the policy about every address. Default: all may be dialled.
func WithDialPolicy(p DialPolicy) RelayOption {
	return transport(func(s *socket.Config) { s.Policy = p })
}

// WithCompression negotiates permessage-deflate. Default: off; it costs memory and time.
func WithCompression(on bool) RelayOption {
	return transport(func(s *socket.Config) { s.Compression = on })
}

// WithReadLimit bounds one received message in bytes, decompressed. A longer one
// is read past and thrown away, and OnError gets a *[RejectError] that is
// ErrFrameTooLarge and names its length and subscription; one of more than eight
// times the limit ends the connection with [ErrFrameTooLarge]. Default: 4 MiB.
func WithReadLimit(bytes int64) RelayOption {
	return transport(func(s *socket.Config) { s.ReadLimit = bytes })
}

// WithMessageTimeout bounds the time from the first byte of a received message to
// its last, fragments and what is read past included: beyond it the connection
// ends with ErrMessageTimeout. Time for which this client makes the relay wait does not
// count. Default: 60 s.
func WithMessageTimeout(d time.Duration) RelayOption {
	return transport(func(s *socket.Config) { s.MessageTimeout = d })
}

// WithHandshakeTimeout bounds a dial from name resolution to the end of the
// handshake: [ErrHandshakeTimeout] beyond. Default: 20 s.
func WithHandshakeTimeout(d time.Duration) RelayOption {
	return transport(func(s *socket.Config) { s.HandshakeTimeout = d })
}

// WithWriteTimeout bounds the writing of one message; beyond it the connection
// ends with [ErrWriteTimeout]. Default: 10 s.
func WithWriteTimeout(d time.Duration) RelayOption {
	return transport(func(s *socket.Config) { s.WriteTimeout = d })
}

func transport(f func(*socket.Config)) RelayOption {
	return relayOption(func(c *relayConfig) error { f(&c.socket); c.ownTransport = true; return nil })
}

// WithPing pings a relay that has been silent for interval, and ends the
// connection with [ErrPingTimeout] if not a byte arrives within timeout after
// that. Time in which the program did not run is not held against the relay.
// Interval 0: no pings. Default: 30 s, 10 s.
func WithPing(interval, timeout time.Duration) RelayOption {
	return relayOption(func(c *relayConfig) error {
		c.ping = keepalive.Config{Interval: interval, Timeout: timeout}
		return nil
	})
}

// WithReconnectSchedule sets the delays before the next dials, the last one
// repeated. Default: 500 ms, 1 s, 5 s, 10 s, 30 s.
func WithReconnectSchedule(delays ...time.Duration) RelayOption {
	return relayOption(func(c *relayConfig) error { c.schedule.Delays = slices.Clone(delays); return nil })
}

// WithReconnectJitter spreads each delay by ± this fraction. Default: 0.2.
func WithReconnectJitter(fraction float64) RelayOption {
	return relayOption(func(c *relayConfig) error { c.schedule.Jitter = fraction; return nil })
}

// WithStableAfter is how long a connection has to last before the schedule
// starts from its first delay again. After a shorter one that has brought an
// event, an EOSE or an OK, the schedule goes no further than its third delay. Default: 30 s.
func WithStableAfter(d time.Duration) RelayOption {
	return relayOption(func(c *relayConfig) error { c.schedule.Stable = d; return nil })
}

// WithManualReconnect leaves reconnecting to the handler: OnDisconnect decides
// by calling self.Reconnect(relay.URL), which dials after the schedule's next
// delay, as in the original. Default: automatic.
func WithManualReconnect() RelayOption {
	return relayOption(func(c *relayConfig) error { c.manual = true; return nil })
}

// WithMaxAttempts removes a relay with [ErrGaveUp] after n failed dials in a row, of
// which [ErrDialAborted] is none.
// Default: 0, it is dialled for ever.
func WithMaxAttempts(n int) RelayOption {
	return relayOption(func(c *relayConfig) error { c.maxAttempts = n; return nil })
}

// WithForgeryLimit removes a relay with [ErrForgeryLimit] once a connection of
// it has brought n forged events. An id that other signers would compute so
// ([nostr.ErrOtherSerialization]) does not count. Default: 0, never: they are dropped, counted and reported.
func WithForgeryLimit(n int) RelayOption {
	return relayOption(func(c *relayConfig) error { c.forgeryLimit = n; return nil })
}

// WithMailboxWindow bounds what one relay may have received and undelivered, in
// messages and in bytes. Beyond it the relay's reader stops reading, and TCP pushes
// back on that relay alone.
//
// This is why a handler is fed through a queue of the library's own, with windows
// for the messages of relays, and not through a plain Go channel. A channel has
// one bound for everything: a flood from one relay would hold up the others, and
// with them the end of a connection, the answer to a call, a timer. Here these
// always get in, only relays wait, each for its own window, and the bound is one of
// bytes as well, which a channel does not have.
//
// Default: 2,048 messages, 4 MiB.
func WithMailboxWindow(messages int, bytes int64) RelayOption {
	return relayOption(func(c *relayConfig) error { c.windowMessages, c.windowBytes = messages, bytes; return nil })
}

// WithSendQueue bounds the number of messages that wait to be written to one
// relay: [ErrSendQueueFull] beyond. Default: 1,024.
func WithSendQueue(n int) RelayOption {
	return relayOption(func(c *relayConfig) error { c.sendQueue = n; return nil })
}

// WithMaxTags bounds the tags of a received event; one that has more is refused as
// malformed. Default: 65,536.
func WithMaxTags(n int) RelayOption {
	return relayOption(func(c *relayConfig) error { c.maxTags = n; return nil })
}

// WithTrustedRelay skips the verification of a relay of your own: ids and
// signatures are taken as given. Filters are still checked. Default: none is trusted.
func WithTrustedRelay() RelayOption {
	return relayOption(func(c *relayConfig) error { c.trusted = true; return nil })
}

// WithTask runs a function on the client's goroutine every so often while the
// relay is connected. A task of the same name is replaced; every 0 takes
// it away. Default: "trim", hourly, which gives back idle memory; with a nil
// function its interval can be changed.
func WithTask(name string, every time.Duration, run func(*Self, Relay) error) RelayOption {
	return relayOption(func(c *relayConfig) error {
		if every < 0 {
			return fmt.Errorf("gennostr: WithTask %q: interval %v is negative", name, every)
		}
		if run == nil && every > 0 && name != "trim" {
			return fmt.Errorf("gennostr: WithTask %q: nil function", name)
		}
		// Clone first: the slice may be the client's default, shared by all relays.
		c.tasks = slices.DeleteFunc(slices.Clone(c.tasks), func(t task) bool { return t.name == name })
		if every > 0 {
			c.tasks = append(c.tasks, task{name, every, run})
		}
		return nil
	})
}

// Verifier checks BIP-340 signatures. It is called from several goroutines at
// once, with public data only; a panic, or runtime.Goexit, costs the event, not the
// relay ([ErrVerifierFailed]).
type Verifier interface {
	// VerifySignature returns nil if sig is pubkey's signature of the 32 bytes of id.
	VerifySignature(pubkey nostr.PubKey, id nostr.ID, sig nostr.Sig) error
}
