package gennostr

import (
	"encoding/json"
	"errors"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Phase tells where in the life of its subscription an event arrived.
type Phase uint8

const (
	// PhaseStored: before the relay's EOSE, an answer from its store.
	PhaseStored Phase = iota
	// PhaseLive: after it, as it was published.
	PhaseLive
	// PhaseResumed: of a subscription, published while its relay was away, or before
	// the program was started again with a [Cursor]. It may as well be older: it was
	// not delivered before.
	PhaseResumed
)

func (p Phase) String() string {
	switch p {
	case PhaseLive:
		return "live"
	case PhaseResumed:
		return "resumed"
	}
	return "stored"
}

// What a relay says. Each type is handed to the callback named after it;
// UnknownMessage, NegMessage and NegErrorMessage go to HandleInfo.
type (
	// EventMessage is an event that a subscription of this connection asked
	// for, proven genuine: its id is its hash, and its signature verifies (NIP-01).
	// The event may be kept. It is not to be changed: others may have the same one.
	//
	// One event may come in several of these: once for each subscription that it
	// matches, and for a [Req] again and again. See OnEvent of [Handler]. Some relays
	// send events whose time has come (NIP-40): what is to be ignored then, a program
	// asks of [nostr.Event.Expired].
	EventMessage struct {
		SubscriptionID string // of a Req, or the name of a subscription
		Event          *nostr.Event
		Phase          Phase
		Raw            bool // of a Req, and not of a subscription that was declared
	}
	// EOSEMessage ends the stored events of a subscription (NIP-01). Hints are
	// those of NIP-67 ("finish", "more"), nil if there were none.
	EOSEMessage struct {
		SubscriptionID string
		Hints          []string
	}
	// OKMessage is a relay's verdict on an event or an AUTH (NIP-01, NIP-42).
	OKMessage struct {
		EventID  nostr.ID
		Accepted bool
		Message  string // "prefix: text", or empty
	}
	// NoticeMessage is text for people: NIP-01 gives it no meaning for programs.
	NoticeMessage struct{ Message string }
	// AuthMessage is a challenge of NIP-42. The latest of a connection counts. The
	// event that answers it, in an [AuthResponse], has the tags
	// {"relay", relay.Address} and {"challenge", msg.Challenge}. [WithSigner] sees to that.
	AuthMessage struct{ Challenge string }
	// ClosedMessage ends a subscription from the relay's side, on refusal or later (NIP-01).
	ClosedMessage struct {
		SubscriptionID string
		Message        string // "prefix: text", or empty
	}
	// CountMessage answers a CountReq (NIP-45).
	CountMessage struct {
		SubscriptionID string
		Count          int64
		Approximate    bool   // true as well where the relay's word on it cannot be read
		HLL            []byte // the 256 registers, nil if there were none that can be read
	}
	// NegMessage is a step of NIP-77's reconciliation, for HandleInfo.
	NegMessage struct {
		Relay          Relay
		SubscriptionID string
		Payload        []byte
	}
	// NegErrorMessage ends a reconciliation (NIP-77), for HandleInfo.
	NegErrorMessage struct {
		Relay          Relay
		SubscriptionID string
		Reason         string
		Max            int64 // the relay's cap on records, 0 if it gave none
	}
	// UnknownMessage is legal JSON with a verb that this library does not know, for HandleInfo.
	UnknownMessage struct {
		Relay Relay
		Verb  string
		Raw   string // the whole frame
	}
)

// RelayMessage is any message of a relay, for [Harness.Deliver].
type RelayMessage interface{ fromRelay() wire.ServerMessage }

func (m EventMessage) fromRelay() wire.ServerMessage {
	return wire.Event{SubscriptionID: m.SubscriptionID, Event: m.Event}
}
func (m EOSEMessage) fromRelay() wire.ServerMessage   { return wire.EOSE(m) }
func (m OKMessage) fromRelay() wire.ServerMessage     { return wire.OK(m) }
func (m NoticeMessage) fromRelay() wire.ServerMessage { return wire.Notice(m) }
func (m AuthMessage) fromRelay() wire.ServerMessage   { return wire.AuthChallenge(m) }
func (m ClosedMessage) fromRelay() wire.ServerMessage { return wire.Closed(m) }
func (m CountMessage) fromRelay() wire.ServerMessage  { return wire.Count(m) }
func (m NegMessage) fromRelay() wire.ServerMessage {
	return wire.NegMsg{SubscriptionID: m.SubscriptionID, Payload: m.Payload}
}
func (m NegErrorMessage) fromRelay() wire.ServerMessage {
	return wire.NegErr{SubscriptionID: m.SubscriptionID, Reason: m.Reason, Max: m.Max}
}
func (m UnknownMessage) fromRelay() wire.ServerMessage {
	if m.Raw == "" {
		raw, _ := json.Marshal([]string{m.Verb}) // of strings: it cannot fail
		return wire.Unknown{Name: m.Verb, Raw: raw}
	}
	return wire.Unknown{Name: m.Verb, Raw: []byte(m.Raw)}
}

// Prefix returns the machine-readable word before the colon of an OK, such as
// "duplicate" or "rate-limited" (NIP-01), and "" if there is none.
func (m OKMessage) Prefix() string {
	prefix, _ := wire.SplitPrefix(m.Message)
	return prefix
}

// Prefix is as [OKMessage.Prefix]; it sees through strfry's leading "ERROR: ".
func (m ClosedMessage) Prefix() string {
	prefix, _ := wire.SplitPrefix(m.Message)
	return prefix
}

// ClientMessage is what can be sent to a relay: [Req], [Close], [PublishEvent],
// [AuthResponse], [CountReq], [NegOpen], [NegMsg], [NegClose] and [Raw].
type ClientMessage interface {
	// encode gives the frame, and the message in the codec's terms for the
	// table of open requests (nil if it opens and closes none).
	encode() (frame []byte, opens wire.ClientMessage, err error)
}

type (
	// Req opens a subscription, or replaces the one of the same id (NIP-01).
	// Filters that match nothing are left out. A Req of nothing else is refused
	// with [ErrMatchesNothing] rather than sent; what is repeated in them is sent once. It is not sent again after a reconnect.
	Req struct {
		SubscriptionID string // 1–64 characters (NIP-01)
		Filters        []nostr.Filter
	}
	// Close ends a subscription (NIP-01). Events of it that wait in the mailbox, or arrive late, are dropped silently.
	Close struct{ SubscriptionID string }
	// PublishEvent hands a signed event to the relay (NIP-01); OnOK brings the
	// verdict. If the connection ends before that, there is none: send it again.
	PublishEvent struct{ Event *nostr.Event }
	// AuthResponse answers a challenge with a signed event of kind 22242 (NIP-42)
	// that names the relay and the challenge in its tags. The relay is named by its
	// Address there and not by its URL (see [Relay]): some relays compare the tag
	// with their own URL byte for byte. OnOK brings the verdict.
	AuthResponse struct{ Event *nostr.Event }
	// CountReq asks how many events match (NIP-45).
	CountReq struct {
		SubscriptionID string
		Filters        []nostr.Filter
	}
	// NegOpen opens a reconciliation (NIP-77).
	NegOpen struct {
		SubscriptionID string
		Filter         nostr.Filter
		Payload        []byte // sent as hex
	}
	// NegMsg is the client's next step of a reconciliation (NIP-77).
	NegMsg struct {
		SubscriptionID string
		Payload        []byte
	}
	// NegClose ends a reconciliation (NIP-77).
	NegClose struct{ SubscriptionID string }
	// Raw is sent as it is, one text frame. Where it begins as a REQ, CLOSE, COUNT,
	// NEG-OPEN or NEG-CLOSE with a subscription id, it opens or closes that, like the typed message.
	// Of its filters the conditions count that this library knows: an event is
	// delivered if it meets those, and one of a filter that is not understood at all if it is
	// genuine. Frames that begin otherwise are sent all the same, and what a relay
	// sends for a subscription in them is unsolicited.
	Raw string
)

func encode(m wire.ClientMessage) ([]byte, wire.ClientMessage, error) {
	frame, err := wire.EncodeClient(m)
	return frame, m, err
}

func (m Req) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.Req{SubscriptionID: m.SubscriptionID, Filters: m.Filters})
}

func (m Close) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.Close{SubscriptionID: m.SubscriptionID})
}

var errNilEvent = errors.New("gennostr: message without an event")

func (m PublishEvent) encode() ([]byte, wire.ClientMessage, error) {
	if m.Event == nil {
		return nil, nil, errNilEvent
	}
	return encode(wire.Publish{Event: m.Event})
}

func (m AuthResponse) encode() ([]byte, wire.ClientMessage, error) {
	if m.Event == nil {
		return nil, nil, errNilEvent
	}
	return encode(wire.Auth{Event: m.Event})
}

func (m CountReq) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.CountReq{SubscriptionID: m.SubscriptionID, Filters: m.Filters})
}

func (m NegOpen) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.NegOpen{SubscriptionID: m.SubscriptionID, Filter: m.Filter, Payload: m.Payload})
}

func (m NegMsg) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.NegMsg{SubscriptionID: m.SubscriptionID, Payload: m.Payload})
}

func (m NegClose) encode() ([]byte, wire.ClientMessage, error) {
	return encode(wire.NegClose{SubscriptionID: m.SubscriptionID})
}

func (m Raw) encode() ([]byte, wire.ClientMessage, error) {
	frame := []byte(m)
	if len(frame) == 0 {
		return nil, nil, errors.New("gennostr: empty Raw message")
	}
	return frame, wire.Opens(frame), nil
}

// received turns a message of the codec into the public one. Events are not
// its business: they carry the phase that only their connection knows.
func received(relay Relay, m wire.ServerMessage) any {
	switch m := m.(type) {
	case wire.OK:
		return OKMessage(m)
	case wire.EOSE:
		return EOSEMessage(m)
	case wire.Notice:
		return NoticeMessage(m)
	case wire.AuthChallenge:
		return AuthMessage(m)
	case wire.Closed:
		return ClosedMessage(m)
	case wire.Count:
		return CountMessage(m)
	case wire.NegMsg:
		return NegMessage{Relay: relay, SubscriptionID: m.SubscriptionID, Payload: m.Payload}
	case wire.NegErr:
		return NegErrorMessage{Relay: relay, SubscriptionID: m.SubscriptionID, Reason: m.Reason, Max: m.Max}
	case wire.Unknown:
		return UnknownMessage{Relay: relay, Verb: m.Name, Raw: string(m.Raw)}
	}
	return nil
}
