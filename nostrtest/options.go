package nostrtest

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// Option sets up a relay.
type Option func(*config)

// What holds unless an option says otherwise.
const (
	DefaultMessageLength = 1 << 20  // bytes of a message from a client
	DefaultSubIDLength   = 64       // characters of a subscription id
	DefaultSendBuffer    = 32 << 20 // bytes waiting for a slow reader
	DefaultHistory       = 1 << 16  // messages kept for the views

	// DefaultNegentropyFrame is how many bytes an answer of NIP-77 has at most; in
	// hexadecimal it is twice as long.
	DefaultNegentropyFrame = 60_000
)

// config is what the options fill in. Immutable once the relay is made, but
// for logf, which a Network sets before the relay starts.
type config struct {
	address    string
	limits     Limits
	auth       bool
	policy     EventPolicy
	readPolicy ReadPolicy
	info       func(*nip11.Document)
	hints      bool
	whole      bool
	compress   bool
	sendBuffer int
	history    int

	noNegentropy    bool
	negentropyFrame int

	logf    func(format string, args ...any)
	wireLog int
	faults  []Fault
}

func newConfig(opts []Option) (config, error) {
	c := config{
		limits:     Limits{MessageLength: DefaultMessageLength, SubIDLength: DefaultSubIDLength},
		sendBuffer: DefaultSendBuffer,
		history:    DefaultHistory,
		wireLog:    DefaultWireLog,

		negentropyFrame: DefaultNegentropyFrame,
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c, c.validate()
}

func (c *config) validate() error {
	for _, number := range []struct {
		name  string
		value int64
	}{
		{"Limits.MessageLength", c.limits.MessageLength},
		{"Limits.Subscriptions", int64(c.limits.Subscriptions)},
		{"Limits.Filters", int64(c.limits.Filters)},
		{"Limits.Limit", int64(c.limits.Limit)},
		{"Limits.DefaultLimit", int64(c.limits.DefaultLimit)},
		{"Limits.SubIDLength", int64(c.limits.SubIDLength)},
		{"Limits.EventTags", int64(c.limits.EventTags)},
		{"Limits.ContentLength", int64(c.limits.ContentLength)},
		{"Limits.Difficulty", int64(c.limits.Difficulty)},
		{"Limits.NegentropyEvents", int64(c.limits.NegentropyEvents)},
		{"Limits.Past", int64(c.limits.Past)},
		{"Limits.Future", int64(c.limits.Future)},
		{"WithSendBuffer", int64(c.sendBuffer)},
		{"WithHistory", int64(c.history)},
		{"WithWireLog", int64(c.wireLog)},
	} {
		if number.value < 0 {
			return fmt.Errorf("nostrtest: %s is %d, want 0 or more", number.name, number.value)
		}
	}
	for _, fault := range c.faults {
		if err := fault.validate(); err != nil {
			return err
		}
	}
	return validNegentropyFrame(c.negentropyFrame)
}

// Limits is what a relay demands of its clients. It enforces them and, but for
// NegentropyEvents, states them in its information document (NIP-11). Zero means no
// limit, but for MessageLength and SubIDLength, where it means the default.
type Limits struct {
	MessageLength int64         // bytes of a whole message; a longer one costs the connection (close code 1009). Default DefaultMessageLength
	Subscriptions int           // open at once per connection; one more is refused with CLOSED "rate-limited:"
	Filters       int           // of one REQ or COUNT; more are refused with CLOSED "invalid:"
	Limit         int           // a filter's limit is clamped to it silently, and it holds for filters without one
	DefaultLimit  int           // for filters without a limit
	SubIDLength   int           // characters of a subscription id, refused with CLOSED "invalid:". Default DefaultSubIDLength
	EventTags     int           // tags of an event, refused with OK "invalid:"
	ContentLength int           // Unicode characters of an event's content, refused with OK "invalid:"
	Difficulty    int           // leading zero bits of an event's id (NIP-13), refused with OK "pow:"
	Past, Future  time.Duration // how far from now created_at may lie, refused with OK "invalid:"

	NegentropyEvents int // that a NEG-OPEN's filter may match; more are refused with NEG-ERR "blocked:" and this number
}

// EventPolicy decides on an event that a client publishes, after everything
// else about it was found right. It returns "" to accept it, or the message of
// the refusal, which should start with a prefix of NIP-01: "blocked: not here".
// With the prefix "auth-required:" the relay sends a challenge, if this
// connection has had none. It is called on the connection's goroutine, without
// a lock: it may use the relay, but not wait for that connection.
type EventPolicy func(conn Connection, event *nostr.Event) string

// ReadPolicy decides on a REQ, COUNT or NEG-OPEN, as EventPolicy does; a refusal goes out as
// CLOSED, or as NEG-ERR.
type ReadPolicy func(conn Connection, request Request) string

// WithAddress listens on a given address, such as "127.0.0.1:7777". A Network
// ignores it. Default: a free port of the loopback interface.
func WithAddress(address string) Option { return func(c *config) { c.address = address } }

// WithLimits sets the limits that are not zero. Default: those of the constants, and no others.
func WithLimits(limits Limits) Option {
	return func(c *config) {
		if limits.MessageLength == 0 {
			limits.MessageLength = DefaultMessageLength
		}
		if limits.SubIDLength == 0 {
			limits.SubIDLength = DefaultSubIDLength
		}
		c.limits = limits
	}
}

// WithAuth makes the relay send a challenge when a client connects, and refuse
// EVENT, REQ, COUNT and NEG-OPEN with "auth-required:" until it has authenticated
// (NIP-42). For anything finer use a policy. Default: off.
func WithAuth() Option { return func(c *config) { c.auth = true } }

// WithPolicy sets who may publish what. Default: everybody everything.
func WithPolicy(policy EventPolicy) Option { return func(c *config) { c.policy = policy } }

// WithReadPolicy sets who may read what. Default: everybody everything.
func WithReadPolicy(policy ReadPolicy) Option { return func(c *config) { c.readPolicy = policy } }

// WithInfo lets edit change the information document (NIP-11), which comes
// with name, supported NIPs and the relay's limits filled in. It is called for
// every request of the document. Default: no change.
func WithInfo(edit func(*nip11.Document)) Option { return func(c *config) { c.info = edit } }

// WithHints makes EOSE say whether stored events were left out (NIP-67):
// "finish" or "more". Default: off.
func WithHints() Option { return func(c *config) { c.hints = true } }

// WithWholeSeconds makes a page that the relay's own limit ends go on to the end of
// its last second, so that who pages by until misses nothing there (NIP-67). A
// client's limit is kept all the same. Default: off.
func WithWholeSeconds() Option { return func(c *config) { c.whole = true } }

// WithoutNegentropy switches NIP-77 off: NEG-OPEN, NEG-MSG and NEG-CLOSE are answered with
// NOTICE, as strfry does then, and the information document does not name it.
// Default: the relay reconciles.
func WithoutNegentropy() Option { return func(c *config) { c.noNegentropy = true } }

// WithNegentropyFrame sets how many bytes the answers to NEG-OPEN and NEG-MSG have at most,
// 4096 or more; in hexadecimal they are twice as long. 0 means no limit. Default
// DefaultNegentropyFrame.
func WithNegentropyFrame(bytes int) Option { return func(c *config) { c.negentropyFrame = bytes } }

// WithCompression lets clients that ask for it have permessage-deflate. Default: off.
func WithCompression() Option { return func(c *config) { c.compress = true } }

// WithSendBuffer sets how many bytes of live events and answers may wait for a
// client that reads slowly; beyond it the connection is cut. Stored events are
// read from the store as the client takes them and do not count. 0 means no
// limit. Default DefaultSendBuffer.
func WithSendBuffer(bytes int) Option { return func(c *config) { c.sendBuffer = bytes } }

// WithHistory sets how many messages of clients, accepted events and
// connections are kept for the views and the Wait methods; the oldest are
// forgotten first. 0 keeps none. Default DefaultHistory.
func WithHistory(n int) Option { return func(c *config) { c.history = n } }

// WithLog says where the relay reports what a test's author should know of: a
// slow reader that was cut off, a panic in a policy. logf must not call the
// relay. Default: the test's Logf; nowhere for StartRelay.
func WithLog(logf func(format string, args ...any)) Option {
	return func(c *config) { c.logf = logf }
}
