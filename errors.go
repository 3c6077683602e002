package gennostr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What a callback returns to stop its client. Every other error is a report to
// OnError, not a stop.
var (
	// ErrStop stops the client quietly: [Client.Wait] returns nil. OTP's :normal.
	ErrStop = errors.New("gennostr: stop")
	// ErrShutdown stops the client quietly, as part of a larger shutdown. OTP's :shutdown.
	ErrShutdown = errors.New("gennostr: shutdown")
	// ErrIgnore is returned by Init to say that there is nothing to do: [Start]
	// returns (nil, ErrIgnore) and nothing is left running. [Run] returns nil.
	ErrIgnore = errors.New("gennostr: ignore")
)

// What the verbs of a Client return.
var (
	// ErrClientClosed: the client has stopped or is stopping. It wraps the reason, where there is one.
	ErrClientClosed = errors.New("gennostr: client closed")
	// ErrCallingSelf: Call, Stop, Ready or Sync with self.Context() of the very client
	// they wait for, or with a context made from it; in Init also what waits for relays, which
	// the client has when Init has returned: Publish, Request, CaughtUp, and queries without
	// [On]. A goroutine that a callback
	// started and that calls its client needs another context: that of [Go] is one.
	ErrCallingSelf = errors.New("gennostr: self.Context() cannot wait for its own client")
	// ErrMailboxFull: more is waiting, or kept, than [WithMailboxLimit] allows.
	ErrMailboxFull = errors.New("gennostr: mailbox full")
	// ErrSendQueueFull: more is waiting to be written to this relay than [WithSendQueue] allows.
	ErrSendQueueFull = errors.New("gennostr: send queue full")
	// ErrNotConnected: the relay is known, but there is no open connection to it now.
	ErrNotConnected = errors.New("gennostr: relay not connected")
	// ErrUnknownRelay: the URL was not added, or has been removed, or is none.
	ErrUnknownRelay = errors.New("gennostr: unknown relay")
	// ErrNoRelay: Publish or a query while the client has no relay, connected or not; Broadcast while
	// no relay is connected, of anything but a [Close] or a [NegClose]; the end of
	// a [Subscription] of which all relays ([On]) are gone for good.
	ErrNoRelay = errors.New("gennostr: no relay is connected")
	// ErrSubscriptionExists: Subscribe with the name of a subscription that has other filters or options.
	ErrSubscriptionExists = errors.New("gennostr: subscription exists")
	// ErrTooManySubscriptions: Subscribe while [WithMaxSubscriptions] are there; a [Req] or [NegOpen] while as many are open on its connection.
	ErrTooManySubscriptions = errors.New("gennostr: too many subscriptions")
	// ErrUnknownSubscription: SetFilters of a name that was not declared, or has been unsubscribed.
	ErrUnknownSubscription = errors.New("gennostr: unknown subscription")
	// ErrReservedSubscriptionID: a [Req] or [Close] whose id is the name of a subscription, or begins with "gn:", as those do that the library sends; or a [CountReq], [NegOpen], [NegMsg] or [NegClose] whose id begins so.
	ErrReservedSubscriptionID = errors.New("gennostr: reserved subscription id")
	// ErrTooManyGuests: [On] names a relay that was not added, while [WithMaxGuests] are connected for others.
	ErrTooManyGuests = errors.New("gennostr: too many guests")
	// ErrTooManyRelays: AddRelay, EnsureRelay or SetRelays beyond [WithMaxRelays].
	ErrTooManyRelays = errors.New("gennostr: too many relays")
	// ErrRelayExists: AddRelay of a URL that is already there. EnsureRelay does not mind.
	ErrRelayExists = errors.New("gennostr: relay exists")
	// ErrNotHandled: Call to a client whose handler has no HandleCall.
	ErrNotHandled = errors.New("gennostr: handler has no HandleCall")
	// ErrAlreadyReplied: the second [From.Reply] for one call.
	ErrAlreadyReplied = errors.New("gennostr: call already answered")
	// ErrNoReply: under a Harness, HandleCall has returned and nobody has answered yet.
	ErrNoReply = errors.New("gennostr: call not answered yet")
	// ErrQueueFull: Put of an item that holds no message, while as many as
	// QueueConfig.Limit wait.
	ErrQueueFull = errors.New("gennostr: queue full")
	// ErrTooManyTasks: Go while [WithMaxTasks] are running.
	ErrTooManyTasks = errors.New("gennostr: too many tasks")
	// ErrNotFound: FetchOne, of every relay that was asked: each has said that it has no such event.
	ErrNotFound = errors.New("gennostr: no relay has such an event")
	// ErrQueryTooLarge: a query has brought more than [WithQueryBudget] lets it hold, or 1,048,576 events. In an *[IncompleteError].
	ErrQueryTooLarge = errors.New("gennostr: query too large")
	// ErrTooManyQueries: a query or a count while [WithMaxQueries] are open. In an *[IncompleteError].
	ErrTooManyQueries = errors.New("gennostr: too many queries")
	// ErrBacklog: the relay's answer to a query stands behind more events that nobody has
	// handled than may wait: four times the bytes of [WithMailboxWindow], and as many as
	// [WithMailboxBudget] for all relays. In a [RelayAnswer].
	ErrBacklog = errors.New("gennostr: the answer stands behind events that are not handled")
	// ErrPublishQueueFull: Publish while as many publications are open as
	// [WithPublishQueue] allows. In a *[PublishError].
	ErrPublishQueueFull = errors.New("gennostr: publish queue full")
)

// Why a message cannot be sent at all: what a *[SendError] or *[PublishError] wraps
// beside the above.
var (
	// ErrUnsigned: an event without an id or a signature.
	ErrUnsigned = wire.ErrUnsigned
	// ErrAuthPublished: an event of kind 22242, which goes to its relay in an [AuthResponse] and nowhere else (NIP-42).
	ErrAuthPublished = wire.ErrAuthPublished
	// ErrMatchesNothing: every filter has an empty list, or a since after its until. It is not sent, since some relays would send everything.
	ErrMatchesNothing = wire.ErrMatchesNothing
	// ErrSubscriptionID: not 1–64 characters (NIP-01), or control characters among them.
	ErrSubscriptionID = wire.ErrSubscriptionID
)

// Why a connection ended: the reason of OnDisconnect, beside *[DialError],
// *[CloseError] and *[PanicError].
var (
	// ErrRelayRemoved: RemoveRelay or SetRelays took the relay away. Nothing follows for it.
	ErrRelayRemoved = errors.New("gennostr: relay removed")
	// ErrHandshakeTimeout: the dial took longer than [WithHandshakeTimeout]. In a *[DialError].
	ErrHandshakeTimeout = socket.ErrHandshakeTimeout
	// ErrDialAborted: the relay did not answer while others waited for their turn
	// ([WithMaxDials]). It is dialled again on its schedule, and [WithMaxAttempts] does
	// not count it. In a *[DialError].
	ErrDialAborted = errors.New("gennostr: dial given up: it hung while others waited for their turn")
	// ErrAddressDenied: [DenyPrivateNetworks] has refused the address; of a guest
	// ([WithGuestOptions]), whatever its dial policy has refused. In a *[DialError].
	ErrAddressDenied = socket.ErrDenied
	// ErrPingTimeout: no byte arrived within the time of [WithPing] after a ping.
	ErrPingTimeout = errors.New("gennostr: ping timeout")
	// ErrWriteTimeout: the relay did not take a message within [WithWriteTimeout].
	ErrWriteTimeout = errors.New("gennostr: write timeout")
	// ErrMessageTimeout: a message took longer than [WithMessageTimeout] to arrive.
	ErrMessageTimeout = errors.New("gennostr: message timeout")
	// ErrFrameTooLarge: a message over eight times the read limit ([WithReadLimit]).
	// In a *[RejectError]: one over the limit, which was read past.
	ErrFrameTooLarge = intake.ErrTooLarge
	// ErrGaveWay: a message over 8 KiB came in so slowly that the room it took was
	// given to others, since the client had no more ([WithMailboxBudget]).
	ErrGaveWay = intake.ErrGaveWay
	// ErrRestartIntensity: more than three panics within five seconds while handling this relay's bytes; it is removed.
	ErrRestartIntensity = errors.New("gennostr: restart intensity reached")
	// ErrGaveUp: [WithMaxAttempts] dials failed in a row; the relay is removed.
	ErrGaveUp = errors.New("gennostr: gave up")
	// ErrForgeryLimit: [WithForgeryLimit] forged events arrived; the relay is removed.
	ErrForgeryLimit = errors.New("gennostr: relay forges events")
)

// Why a received frame was refused: what a *[RejectError] wraps, beside
// [nostr.ErrBadID] and [nostr.ErrBadSignature].
var (
	// ErrMalformed: not a message of the protocol.
	ErrMalformed = intake.ErrMalformed
	// ErrUnsolicited: a message for a subscription this connection never opened.
	ErrUnsolicited = intake.ErrUnsolicited
	// ErrVerifierFailed: the verifier of [WithVerifier] panicked or called runtime.Goexit; the event is dropped, and the relay is not to blame.
	ErrVerifierFailed = intake.ErrVerifierFailed
	// ErrFilterMismatch: an event that no filter of its subscription asked for.
	ErrFilterMismatch = intake.ErrFilterMismatch
)

// Stop makes the error that a callback returns to stop its client for the
// given reason, which is logged once and returned by [Client.Wait]. Stop(nil) is
// [ErrStop], and Stop of ErrStop or [ErrShutdown] is as quiet as they are.
func Stop(reason error) error {
	if reason == nil {
		return ErrStop
	}
	return &stopError{reason}
}

type stopError struct{ reason error }

func (e *stopError) Error() string { return "gennostr: stop: " + inner(e.reason, "") }
func (e *stopError) Unwrap() error { return e.reason }

// stopReason tells whether an error that a callback returned stops the client.
// The end of another client, seen through a failed Call, is only a report:
// otherwise one bot's normal stop would stop the bots that talk to it.
func stopReason(err error) (reason error, stops bool) {
	var stop *stopError
	if errors.As(err, &stop) {
		return stop.reason, true
	}
	if err != nil && quiet(err) {
		return err, true
	}
	return nil, false
}

// quiet tells the reasons that are no failure: neither logged nor returned by
// Wait. A panic is one, whatever its value, and so is the end of another client.
func quiet(reason error) bool {
	var panicked *PanicError
	if errors.As(reason, &panicked) || errors.Is(reason, ErrClientClosed) {
		return false
	}
	return reason == nil || errors.Is(reason, ErrStop) || errors.Is(reason, ErrShutdown)
}

// clientClosedError is ErrClientClosed with the reason behind it (R14).
type clientClosedError struct{ reason error }

func (e *clientClosedError) Error() string {
	if e.reason == nil {
		return ErrClientClosed.Error()
	}
	return ErrClientClosed.Error() + ": " + inner(e.reason, "")
}
func (e *clientClosedError) Is(target error) bool { return target == ErrClientClosed }
func (e *clientClosedError) Unwrap() error        { return e.reason }

// CallbackError is what OnError gets when a callback returned an error that does not stop the client.
type CallbackError struct {
	Callback string // "OnEvent", "HandleCast", …
	Relay    Relay  // zero when the callback concerned no relay
	Err      error
}

func (e *CallbackError) Error() string {
	if e.Relay.URL == "" {
		return fmt.Sprintf("gennostr: %s: %s", e.Callback, inner(e.Err, ""))
	}
	return fmt.Sprintf("gennostr: %s (%s): %s", e.Callback, e.Relay.URL, inner(e.Err, e.Relay.URL))
}
func (e *CallbackError) Unwrap() error { return e.Err }

// PanicError is a recovered panic. In a callback it stops the client; while
// handling a relay's bytes it ends that connection only; in a signer or a policy for
// AUTH it costs that AUTH; in the work of [Go] or of a
// [Queue] it is the error that then gets.
type PanicError struct {
	// Where is the callback ("OnEvent"); "signer" ([WithSigner]) and "auth policy"
	// ([WithAuthPolicy]), in an *[AuthError]; "task" for the work of [Go], and "the
	// continuation of Go" for its then; "work of NAME" and "Then of NAME" for those of a
	// [Queue]; "task NAME" ([WithTask]); or "connection".
	Where   string
	Value   any    // what was passed to panic; an error that says so when it was runtime.Goexit (t.FailNow) instead
	Stack   []byte // the stack of the goroutine that panicked
	Message any    // the message being handled, nil if there was none
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("gennostr: panic in %s: %v", e.Where, e.Value)
}

// Unwrap gives the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// SendError is what OnError gets for a message that was not sent, with the
// message. Verbs of [Client] return it. Err says why: [ErrNotConnected],
// [ErrSendQueueFull], [ErrTooManySubscriptions], [ErrUnknownRelay], [ErrNoRelay], an encoding error, or the end
// of the connection. Where a write was cut short, the relay may have seen the message.
type SendError struct {
	URL     string // the relay's identity, as in [Relay]; "" if what was given is no relay URL (it may hold a password) or there was none
	Message ClientMessage
	Err     error
}

func (e *SendError) Error() string { return textPrefix + e.inside("") }
func (e *SendError) inside(url string) string {
	return "send" + of(" to ", e.URL, url) + ": " + inner(e.Err, e.URL)
}
func (e *SendError) Unwrap() error { return e.Err }

// DialError is a dial that failed, the handshake included.
type DialError struct {
	URL        string        // the relay's identity, as in [Relay]
	Status     int           // HTTP status of the answer, 0 if there was none
	RetryAfter time.Duration // of the answer; the reconnect schedule waits at least so long (ten minutes at most)
	Failures   int           // failed dials of this relay in a row, this one included unless it is ErrDialAborted: 1 for the first
	Err        error
}

func (e *DialError) Error() string { return textPrefix + e.inside("") }
func (e *DialError) inside(url string) string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(": %d %s", e.Status, http.StatusText(e.Status))
	}
	return "dial" + of(" ", e.URL, url) + status + ": " + inner(e.Err, e.URL)
}
func (e *DialError) Unwrap() error { return e.Err }

// CloseError is a close frame of the relay (RFC 6455, section 7.4). Codes 1000
// and 1001 are an orderly end and reach OnDisconnect only; others OnError first.
type CloseError struct {
	Code   int
	Reason string // at most 123 bytes, valid UTF-8
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("gennostr: relay closed the connection: %d %q", e.Code, e.Reason)
}

// RejectError is what OnError gets for frames that were refused: dropped,
// counted, and reported at most once a second per connection and reason, so that
// a flood of them costs nothing. errors.Is tells the reason: [ErrMalformed],
// [ErrFrameTooLarge], [ErrUnsolicited], [ErrFilterMismatch], [ErrVerifierFailed], [nostr.ErrBadID],
// [nostr.ErrOtherSerialization] (which is a [nostr.ErrBadID] too) or [nostr.ErrBadSignature].
//
// One bad part does not cost the rest of a message: where a part of it was left out, [ErrMalformed]
// says which, and the message is delivered too. An OK, CLOSED or NEG-ERR that cannot
// be delivered, since its event or subscription id or its verdict cannot be read, still
// tells its Text.
type RejectError struct {
	Reason error
	Count  int   // refused for this reason since the last report
	Err    error // what was wrong with the first of them
}

func (e *RejectError) Error() string {
	if e.Count == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (first of %d)", e.Err, e.Count)
}
func (e *RejectError) Unwrap() []error { return []error{e.Reason, e.Err} }

// Text returns what the relay says to people in the first of the frames: the message of
// an OK, CLOSED or NEG-ERR that could not be delivered, such as "invalid: bad event id"; at
// most 1,024 bytes. It is "" where there is none.
func (e *RejectError) Text() string {
	var refused *wire.ParseError
	if errors.As(e.Err, &refused) {
		return refused.Text
	}
	return ""
}

// Forged tells whether the events had an id or a signature that was not theirs.
// An id that is the hash of another serialization (nostr.ErrOtherSerialization) is none of that.
func (e *RejectError) Forged() bool {
	return e.Reason == nostr.ErrBadID || e.Reason == nostr.ErrBadSignature
}

// CallTimeoutError is a [Client.Call] whose context ended before the reply. It
// unwraps to context.DeadlineExceeded or whatever ended the context.
type CallTimeoutError struct {
	Mailbox  int           // messages waiting in the mailbox
	Callback string        // the callback that is running, "" if none is
	Running  time.Duration // and for how long
	Err      error
}

func (e *CallTimeoutError) Error() string {
	if e.Callback == "" {
		return fmt.Sprintf("gennostr: call: %v (%d messages waiting, no callback running)", e.Err, e.Mailbox)
	}
	return fmt.Sprintf("gennostr: call: %v (%d messages waiting, %s running for %v)", e.Err, e.Mailbox, e.Callback, e.Running.Round(time.Millisecond))
}
func (e *CallTimeoutError) Unwrap() error { return e.Err }

// ShutdownError is returned by [Client.Stop] and [Run] when the deadline of the
// stop had passed and user code was still running. All sockets are cut then. Done
// closes when that code returns.
type ShutdownError struct {
	// Running is the callback, named as in [PanicError]; "a task of Go"; "work of NAME"
	// ([Queue]); or, where none of these has run for two seconds after the deadline, "a DialContext,
	// a Signer, a Verifier, a logger or the like", with the URLs of the relays whose connections
	// have not ended.
	Running string
	Since   time.Duration // how long it has been running; in the last case, how long the stop has taken
	Err     error         // context.DeadlineExceeded, or what ended the context of Stop
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("gennostr: stop: %s is still running after %v: %v", e.Running, e.Since.Round(time.Millisecond), e.Err)
}
func (e *ShutdownError) Unwrap() error { return e.Err }

// NameTakenError is returned by [Start] when [WithName] names a running client.
type NameTakenError struct {
	Name   string
	Client *Client // the client that has the name
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("gennostr: name %q is taken", e.Name)
}

// HandlerError is returned by [Start] when a method of the handler would never be
// called, but was probably meant to be a callback:
//
//   - It has the name of a callback (upper and lower case and underscores aside)
//     and is none, since its signature is another one or its receiver a pointer
//     and the handler is none.
//   - It has a *[Self] among its parameters and a name like that of a callback:
//     with On for Handle or the other way round (HandleEvent, OnInit), with an
//     ending too many (OnEvents, Terminated), or a slip of the keyboard or two
//     away (OnConect, HandelCall).
//
// A method that is meant for something else needs another name, or one that is
// not exported. One that comes from an embedded type is left alone when that
// type is a named field instead.
type HandlerError struct {
	Method string // as the handler has it, with its signature
	Want   string // the callback it was probably meant to be, with its signature
}

func (e *HandlerError) Error() string {
	return fmt.Sprintf("gennostr: handler has %s, which would never be called; the callback is %s; "+
		"a method that is meant for something else needs another name, or one that is not exported", e.Method, e.Want)
}

// initError wraps what made Init, and so Start, fail (R04).
func initError(err error) error { return &asPart{"gennostr: init", err} }

// errGoexit is the value of a *PanicError that was no panic: the goroutine was
// ended by runtime.Goexit, which t.FailNow calls.
var errGoexit = errors.New("runtime.Goexit was called")

// errInitTimeout is the cause of self.Context() when WithInitTimeout ends.
var errInitTimeout = fmt.Errorf("gennostr: init timeout: %w", context.DeadlineExceeded)
