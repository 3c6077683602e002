package gennostr

import (
	"errors"
	"fmt"
)

// Handler is a bot: its fields are its state, its methods the callbacks. They
// run one at a time on the client's goroutine, so they need no locks. Embed
// BaseHandler and write the callbacks that matter.
//
// A callback that returns nil carries on. ErrStop, ErrShutdown or Stop(reason)
// stop the client (R34). Any other error is a report: it goes to OnError as a
// *CallbackError, and the client lives. A panic stops the client (R39).
//
// Per relay the callbacks come in this order, and none is promised across relays:
//
//	OnConnect, then any of OnEvent, OnEOSE, OnOK, OnNotice, OnAuth, OnClosed, OnCount, OnError; then OnDisconnect
//	OnError, OnDisconnect    for a dial that failed
//
// When the client stops there is no OnDisconnect; Terminate is the last word.
type Handler interface {
	// OnConnect: the connection is open. A Req belongs here: it does not outlive the connection.
	OnConnect(self *Self, relay Relay) error
	// OnDisconnect is a connection's last word, once for every dial (R53). The
	// relay comes back by itself on the schedule (R54), unless reason is
	// ErrRelayRemoved, ErrGaveUp, ErrRestartIntensity or ErrForgeryLimit, or
	// WithManualReconnect leaves it to self.Reconnect.
	OnDisconnect(self *Self, relay Relay, reason error) error
	// OnError gets what went wrong: *CallbackError, *SendError, *RejectError, *ClosedError,
	// *DialError and other ends of a connection. An error that it returns
	// stops the client.
	OnError(self *Self, relay Relay, err error) error
	// OnEvent gets an event that is proven genuine and was asked for.
	OnEvent(self *Self, relay Relay, msg EventMessage) error
	// OnEOSE: the relay has sent what it had stored.
	OnEOSE(self *Self, relay Relay, msg EOSEMessage) error
	// OnOK: a relay's verdict on an event, normally one that was sent to it: compare the id.
	OnOK(self *Self, relay Relay, msg OKMessage) error
	// OnNotice: a line for people.
	OnNotice(self *Self, relay Relay, msg NoticeMessage) error
	// OnAuth: a challenge (NIP-42), answered with an AuthResponse.
	OnAuth(self *Self, relay Relay, msg AuthMessage) error
}

// The optional behaviours. Start finds them by type assertion, and refuses a
// handler whose method is named like one of theirs but has another signature (R40).
type (
	// Initializer: Init runs on the client's goroutine before Start returns.
	// ErrIgnore ends the client without a failure (R03), any other error makes
	// Start fail (R04). Relays that it adds are dialled at once, and closed again if Start fails.
	Initializer interface{ Init(self *Self) error }
	// Terminator: Terminate runs exactly once after every successful Init, the
	// panics included (R35). It may still send; what it sends is flushed.
	Terminator interface {
		Terminate(self *Self, reason error)
	}
	// CallHandler answers Client.Call, now or later, through from.Reply. An
	// error that does not stop the client is the caller's answer.
	CallHandler interface {
		HandleCall(self *Self, from From, request any) error
	}
	// CastHandler gets what Client.Cast sends.
	CastHandler interface {
		HandleCast(self *Self, request any) error
	}
	// InfoHandler gets everything else: Client.Notify, Self.SendAfter, Timeout,
	// UnknownMessage, NegMessage, NegErrorMessage.
	InfoHandler interface {
		HandleInfo(self *Self, msg any) error
	}
	// ContinueHandler gets what Self.Continue left, before anything that is queued (R24).
	ContinueHandler interface {
		HandleContinue(self *Self, arg any) error
	}
	// ClosedHandler: the relay ended a subscription. Without it a CLOSED goes to OnError as a *ClosedError.
	ClosedHandler interface {
		OnClosed(self *Self, relay Relay, msg ClosedMessage) error
	}
	// CountHandler gets the answer to a CountReq.
	CountHandler interface {
		OnCount(self *Self, relay Relay, msg CountMessage) error
	}
)

// Timeout is what HandleInfo gets when the idle time of Self.SetTimeout has passed (R25).
type Timeout struct{}

// ClosedError is a CLOSED that no OnClosed took.
type ClosedError struct{ ClosedMessage }

func (e *ClosedError) Error() string {
	return fmt.Sprintf("gennostr: relay closed subscription %.70q: %s", e.SubscriptionID, brief(e.Message))
}

// BaseHandler has every callback of Handler: OnError logs, OnOK logs refusals,
// the others do nothing. Its receivers are pointers, so that Start(ctx, Bot{}) does not
// compile: a handler is state, and a copy of it would be another bot.
type BaseHandler struct{}

func (*BaseHandler) OnConnect(*Self, Relay) error             { return nil }
func (*BaseHandler) OnDisconnect(*Self, Relay, error) error   { return nil }
func (*BaseHandler) OnEvent(*Self, Relay, EventMessage) error { return nil }
func (*BaseHandler) OnEOSE(*Self, Relay, EOSEMessage) error   { return nil }
func (*BaseHandler) OnNotice(*Self, Relay, NoticeMessage) error {
	return nil
}
func (*BaseHandler) OnAuth(*Self, Relay, AuthMessage) error { return nil }

// OnOK logs a refusal as a warning.
func (*BaseHandler) OnOK(self *Self, relay Relay, msg OKMessage) error {
	if !msg.Accepted {
		self.Logger().Warn("event refused", "relay", relay.URL, "event", msg.EventID, "message", brief(msg.Message))
	}
	return nil
}

// OnError logs the error as a warning, so that no problem is silent.
func (*BaseHandler) OnError(self *Self, relay Relay, err error) error {
	log := self.Logger()
	if relay.URL != "" {
		log = log.With("relay", relay.URL)
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		log = log.With("stack", string(panicked.Stack))
	}
	log.Warn("problem", "error", err)
	return nil
}

// brief bounds a stranger's text in errors and logs.
func brief(text string) string { return fmt.Sprintf("%.200q", text) }

var _ Handler = (*BaseHandler)(nil)
