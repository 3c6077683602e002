package gennostr

import (
	"errors"
	"fmt"
)

// Handler is a bot: its fields are its state, its methods the callbacks. They
// run one at a time on the client's goroutine, so they need no locks. Embed
// [BaseHandler] and write the callbacks that matter.
//
// A callback that returns nil carries on. [ErrStop], [ErrShutdown] or [Stop]
// stop the client. Any other error is a report: it goes to OnError as a
// *[CallbackError], and the client lives. A panic stops the client.
//
// What a relay does is told in one of these orders. None is promised across relays.
//
//	OnConnect, then any number of OnEvent, OnEOSE, OnOK, OnNotice, OnAuth,
//	OnClosed, OnCount and OnError; then OnDisconnect        a connection
//	OnError, OnDisconnect                                   a dial that failed
//	OnDisconnect                                            a relay that was removed
//	                                                        while it was not connected
//
// OnError comes right before OnDisconnect if a connection's end is an error. What
// went wrong with the handler's own doing is told whenever it happens, outside of
// that order: a *[SendError] for a relay that is not connected comes before its
// OnConnect or after its OnDisconnect.
//
// When the client stops there is no OnDisconnect. Terminate is the last word.
//
// Guests ([On]) stand outside of that order: no OnConnect and no OnDisconnect tells of
// one, nor OnError of its dials and ends. What comes from it is told by the other
// callbacks, with relay.Guest set.
type Handler interface {
	// OnConnect: the connection is open. A [Req] that the handler sends itself belongs
	// here, for it does not outlive the connection; a subscription does ([Self.Subscribe]).
	OnConnect(self *Self, relay Relay) error

	// OnDisconnect: the connection is over, or the dial has failed, or the relay
	// was removed. Nothing more comes from that connection, unless somebody needs the
	// removed relay as a guest ([On]); relay.ConnectedAt is zero if there was none.
	//
	// The relay comes back by itself on the schedule ([WithReconnectSchedule]),
	// unless reason is [ErrRelayRemoved], [ErrGaveUp], [ErrRestartIntensity] or
	// [ErrForgeryLimit], or [WithManualReconnect] leaves it to self.Reconnect.
	OnDisconnect(self *Self, relay Relay, reason error) error

	// OnError gets what went wrong: *[CallbackError], *[SendError], *[ClosedError],
	// *[AuthError], *[DialError] and other ends of a connection every single time; refused frames
	// counted together, in a *[RejectError] a second at most for each connection and
	// reason. The relay is zero where the problem concerns none. An error that OnError
	// returns stops the client.
	OnError(self *Self, relay Relay, err error) error

	// OnEvent gets an event that is proven genuine and was asked for.
	//
	// An event of a subscription comes once ([Self.Subscribe]), whatever relays bring
	// it, and once for each subscription whose filters it matches.
	//
	// For a [Req] that the handler has sent itself (msg.Raw) it comes once for each relay
	// and each Req that asked for it, so several times: from two relays, for two
	// Reqs, from a relay that repeats itself, and again after a reconnect, when
	// the Req in OnConnect asks for what is stored.
	OnEvent(self *Self, relay Relay, msg EventMessage) error

	// OnEOSE: the relay has sent what it had stored. For a subscription it comes once
	// each time it is live on a relay, behind the last of what was stored or missed.
	OnEOSE(self *Self, relay Relay, msg EOSEMessage) error

	// OnOK: a relay's verdict on an event or an AUTH, normally on one that was sent
	// to it: compare the id.
	// An OK without a readable id or verdict goes to OnError: see [RejectError.Text].
	OnOK(self *Self, relay Relay, msg OKMessage) error

	// OnNotice: a line for people.
	OnNotice(self *Self, relay Relay, msg NoticeMessage) error

	// OnAuth: a challenge (NIP-42). With [WithSigner] there is nothing to do. Without, it is
	// answered with an [AuthResponse] to relay.URL, whose relay tag is relay.Address
	// (nostr.NewAuthEvent); subscriptions and publications wait ten seconds for that, and
	// no longer than it takes BaseHandler's OnAuth to do nothing, but are sent again
	// also when it comes later.
	OnAuth(self *Self, relay Relay, msg AuthMessage) error
}

// The optional behaviours. [Start] finds them by type assertion. It refuses a
// handler with a method that is named like one of theirs, or nearly so, and would
// never be called: *[HandlerError] says which.
type (
	// Initializer: Init runs on the client's goroutine before Start returns.
	// [ErrIgnore] ends the client without a failure. Any other error makes Start
	// fail. Relays that Init adds are dialled at once, and closed again if Start fails.
	Initializer interface{ Init(self *Self) error }
	// Terminator: Terminate runs exactly once after every successful Init, after a
	// panic too. The reason is what [Client.Wait] returns, or [ErrStop] or
	// [ErrShutdown] after a quiet end. Terminate may still send: that is written.
	Terminator interface {
		Terminate(self *Self, reason error)
	}
	// CallHandler answers [Client.Call], now or later, through [From.Reply]. An
	// error that does not stop the client is the caller's answer.
	CallHandler interface {
		HandleCall(self *Self, from From, request any) error
	}
	// CastHandler gets what [Client.Cast] sends.
	CastHandler interface {
		HandleCast(self *Self, request any) error
	}
	// InfoHandler gets everything else: what [Client.Notify] and [Self.SendAfter]
	// send, [Timeout], [UnknownMessage], [NegMessage] and [NegErrorMessage].
	InfoHandler interface {
		HandleInfo(self *Self, msg any) error
	}
	// ContinueHandler gets what [Self.Continue] left, before anything that is queued.
	ContinueHandler interface {
		HandleContinue(self *Self, arg any) error
	}
	// ClosedHandler: the relay ended a subscription. Without it a CLOSED goes to
	// OnError as a *[ClosedError].
	ClosedHandler interface {
		OnClosed(self *Self, relay Relay, msg ClosedMessage) error
	}
	// SubscriptionHandler gets news of subscriptions ([Self.Subscribe]): each time one
	// is live on a relay, right after OnEOSE; when a relay has refused it, for now or
	// for good; when events may be missing; and when a guest ([On]) cannot be reached,
	// or is lost, once until it is back. Without it refusals and gaps go to
	// OnError as a *[SubscriptionError].
	SubscriptionHandler interface {
		OnSubscription(self *Self, relay Relay, change SubscriptionChange) error
	}
	// CountHandler gets the answer to a [CountReq]; the count also where the rest of it cannot be read.
	CountHandler interface {
		OnCount(self *Self, relay Relay, msg CountMessage) error
	}
)

// Timeout is what HandleInfo gets when the idle time of [Self.SetTimeout] has passed.
type Timeout struct{}

// ClosedError is a CLOSED that no OnClosed took.
type ClosedError struct{ ClosedMessage }

func (e *ClosedError) Error() string {
	return fmt.Sprintf("gennostr: relay closed subscription %.70q: %s", e.SubscriptionID, brief(e.Message))
}

// SubscriptionError is news of a subscription that no OnSubscription took: a refusal or a gap.
type SubscriptionError struct{ SubscriptionChange }

func (e *SubscriptionError) Error() string { return textPrefix + e.inside("") }
func (e *SubscriptionError) inside(url string) string {
	which := "the subscription"
	if e.SubscriptionID != "" {
		which = fmt.Sprintf("subscription %.70q", e.SubscriptionID)
	}
	if g := e.Gap; g != nil {
		may := "events are missing"
		if g.Possible {
			may = "events that are not stored may be missing"
		}
		return fmt.Sprintf("%s: %s, dated %d to %d", which, may, g.Since, g.Until)
	}
	if e.Err != nil && e.Message == e.Err.Error() {
		return which + ": " + inner(e.Err, url)
	}
	why := ""
	if e.Err != nil {
		why = ": " + inner(e.Err, url)
	}
	return fmt.Sprintf("relay refused %s (%s): %s%s", which, e.State, brief(e.Message), why)
}

// Unwrap gives the change's Err.
func (e *SubscriptionError) Unwrap() error { return e.Err }

// BaseHandler has every callback of [Handler]: OnError logs what the client has not
// logged itself, OnOK logs refusals, the others do nothing. Its receivers are pointers, so that Start(ctx, Bot{}) does not
// compile: a handler is state, and a copy of it would be another bot.
type BaseHandler struct{}

func (*BaseHandler) OnConnect(*Self, Relay) error             { return nil }
func (*BaseHandler) OnDisconnect(*Self, Relay, error) error   { return nil }
func (*BaseHandler) OnEvent(*Self, Relay, EventMessage) error { return nil }
func (*BaseHandler) OnEOSE(*Self, Relay, EOSEMessage) error   { return nil }
func (*BaseHandler) OnNotice(*Self, Relay, NoticeMessage) error {
	return nil
}

// OnAuth does nothing: it is for signers to answer ([WithSigner]).
func (*BaseHandler) OnAuth(self *Self, _ Relay, _ AuthMessage) error {
	self.leaveAuth()
	return nil
}

// OnOK logs a refusal as a warning.
func (*BaseHandler) OnOK(self *Self, relay Relay, msg OKMessage) error {
	if !msg.Accepted {
		self.Logger().Warn("event refused", "relay", relay.URL, "event", msg.EventID, "message", brief(msg.Message))
	}
	return nil
}

// OnError logs the error as a warning, so that no problem is silent. Failed dials
// and other ends of a connection it leaves to the client, which logs a relay that
// goes, once an hour that it is still away, and that it is back, whoever handles
// OnError. Refused frames of one relay and reason are a line a minute at most.
func (*BaseHandler) OnError(self *Self, relay Relay, err error) error {
	if self.ending {
		return nil
	}
	log := self.Logger()
	if relay.URL != "" {
		log = log.With("relay", relay.URL)
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		log = log.With("stack", string(panicked.Stack))
	}
	if refused, ok := err.(*RejectError); ok && refused.Reason != nil {
		count, due := self.refusals.note(relay.URL, refused, self.c.now())
		if !due {
			return nil
		}
		log = log.With("count", count)
	}
	log.Warn("problem", "error", err)
	return nil
}

// brief bounds a stranger's text in errors and logs.
func brief(text string) string { return fmt.Sprintf("%.200q", text) }

var _ Handler = (*BaseHandler)(nil)
