package gennostr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/backoff"
	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/keepalive"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/verify"
)

// The options of one relay, their defaults and what is no sense.

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
	publishRate    float64 // a second; 0: as fast as they come
	publishBurst   int
	trusted        bool
	signers        []*identity
	ownSigners     bool // an option of this relay gave signers: they are not the client's
	ownAuth        bool // an option of this relay says who authenticates, and when
	authPolicy     func(Relay, AuthMessage) AuthDecision
	maxTags        int
	tasks          []task
	ownTransport   bool           // an option of this relay touched socket: the client's dialer does not fit
	ownWay         bool           // and so did another one than WithDialPolicy
	ownPolicy      bool           // and so did WithDialPolicy
	dialer         *socket.Dialer // set by equip: the client's, or its own
}

// relaySpec is a relay as it was added.
type relaySpec struct {
	*relayConfig        // immutable; the client's default, unless there are options of its own
	address      string // its URL as it was written
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

// equip makes the dialer. What a relay may send is bounded by what the client has
// room for.
func (c *relayConfig) equip(budget int64) (err error) {
	c.socket.ReadLimit = min(c.socket.ReadLimit, intake.MostRead(budget))
	c.dialer, err = socket.NewDialer(c.socket)
	return err
}

// with applies the options of one relay to a copy of the defaults.
func (c *relayConfig) with(opts []RelayOption) error {
	c.ownTransport, c.ownWay, c.ownPolicy, c.ownSigners, c.ownAuth = false, false, false, false, false
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
	return transport(func(s *socket.Config) { s.Header = socket.SecretHeader(h.Clone()) })
}

// DialPolicy judges an address that is about to be dialled, after name
// resolution; an error refuses it. A proxy's own address is judged too; the
// environment's proxy is not used, for behind it the target could not be judged.
type DialPolicy = func(network string, addr netip.AddrPort) error

// WithDialPolicy asks the policy about every address. Default: all may be dialled.
func WithDialPolicy(p DialPolicy) RelayOption {
	return relayOption(func(c *relayConfig) error {
		c.socket.Policy, c.ownTransport, c.ownPolicy = p, true, true
		return nil
	})
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
	return relayOption(func(c *relayConfig) error { f(&c.socket); c.ownTransport, c.ownWay = true, true; return nil })
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

// WithPublishPace spaces what is published on a relay ([Client.Publish]): rate events a
// second, and after a pause burst of them at once. What has piled up in an outage comes
// at the rate, without a burst. Publications of one author take turns with those of others.
// A relay that answers "rate-limited:" gets less in any case, until it has taken events
// for a while. Default: no pace, as fast as they come.
func WithPublishPace(rate float64, burst int) RelayOption {
	return relayOption(func(c *relayConfig) error {
		if !(rate > 0) || math.IsInf(rate, 1) {
			return fmt.Errorf("gennostr: WithPublishPace: rate %v is not positive", rate)
		}
		c.publishRate, c.publishBurst = rate, burst
		return positive("WithPublishPace: burst", burst)
	})
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
