// Package wire is the codec of the messages between a client and a relay: NIP-01,
// NIP-42, NIP-45, NIP-67 and NIP-77, parsed and encoded in both directions.
//
// A parser decides in a single pass, never a search for substrings (L25); it
// tolerates what running relays do beside the text (P27, P34, Q01, Q02) and refuses
// the rest with a [*ParseError]. Nothing that it returns refers to the frame.
package wire

import "github.com/gennostr/gennostr/nostr"

// The verbs: the first element of every message.
const (
	verbEvent    = "EVENT"
	verbReq      = "REQ"
	verbClose    = "CLOSE"
	verbOK       = "OK"
	verbEOSE     = "EOSE"
	verbClosed   = "CLOSED"
	verbNotice   = "NOTICE"
	verbAuth     = "AUTH"
	verbCount    = "COUNT"
	verbNegOpen  = "NEG-OPEN"
	verbNegMsg   = "NEG-MSG"
	verbNegClose = "NEG-CLOSE"
	verbNegErr   = "NEG-ERR"
	verbNegError = "NEG-ERROR" // khatru's spelling of NEG-ERR (Q02), parsed and never written
)

// ServerMessage is what a relay says: Event, OK, EOSE, Closed, Notice,
// AuthChallenge, Count, NegMsg, NegErr or Unknown, always a value and no pointer.
type ServerMessage interface {
	// Verb is the message's first element, such as "EVENT".
	Verb() string
	// AppendJSON appends the frame to dst. Strings are expected to be UTF-8.
	AppendJSON(dst []byte) []byte
	fromServer()
}

// ClientMessage is what a client says: Publish, Req, Close, Auth, CountReq,
// NegOpen, NegMsg, NegClose or Unknown, always a value and no pointer.
type ClientMessage interface {
	// Verb is the message's first element, such as "REQ".
	Verb() string
	// AppendJSON appends the frame to dst as it is, without the checks of
	// [EncodeClient]: filters that match nothing and bad subscription ids included.
	AppendJSON(dst []byte) []byte
	fromClient()
}

// From relay to client.
type (
	// Event is an event that a subscription asked for (NIP-01). It is parsed, not verified.
	Event struct {
		SubscriptionID string
		Event          *nostr.Event
	}
	// OK is the verdict on a Publish or an Auth (NIP-01, NIP-42, P27, P28).
	OK struct {
		EventID  nostr.ID
		Accepted bool
		Message  string // see SplitPrefix; empty if the relay left it out
	}
	// EOSE ends the stored events of a subscription (NIP-01).
	EOSE struct {
		SubscriptionID string
		Hints          []string // of NIP-67 ("finish", "more"); nil without, non-nil if the relay sent an empty list
	}
	// Closed ends a subscription from the relay's side (NIP-01, P30), and refuses a COUNT (P55).
	Closed struct {
		SubscriptionID string
		Message        string // see SplitPrefix; empty if the relay left it out
	}
	// Notice is text for people (NIP-01, P31).
	Notice struct{ Message string }
	// AuthChallenge asks for an Auth (NIP-42, P38).
	AuthChallenge struct{ Challenge string }
	// Count answers a CountReq (NIP-45, P54).
	Count struct {
		SubscriptionID string
		Count          int64
		Approximate    bool
		HLL            []byte // 256 registers (P56), nil without
	}
	// NegErr ends a reconciliation (NIP-77, P68).
	NegErr struct {
		SubscriptionID string
		Reason         string // see SplitPrefix; empty if the relay left it out
		Max            int64  // the relay's cap on records, 0 if it gave none
	}
)

// From client to relay.
type (
	// Publish hands over a signed event (NIP-01). The verb is EVENT.
	Publish struct{ Event *nostr.Event }
	// Req opens or replaces a subscription (NIP-01, P13).
	Req struct {
		SubscriptionID string
		Filters        []nostr.Filter
	}
	// Close ends a subscription (NIP-01).
	Close struct{ SubscriptionID string }
	// Auth answers an AuthChallenge with an event of kind 22242 (NIP-42, P39).
	Auth struct{ Event *nostr.Event }
	// CountReq asks how many events match (NIP-45). The verb is COUNT.
	CountReq struct {
		SubscriptionID string
		Filters        []nostr.Filter
	}
	// NegOpen opens a reconciliation (NIP-77, P66).
	NegOpen struct {
		SubscriptionID string
		Filter         nostr.Filter
		Payload        []byte // hex in the frame
	}
	// NegClose ends a reconciliation (NIP-77, P67).
	NegClose struct{ SubscriptionID string }
)

// In both directions.
type (
	// NegMsg is a step of a reconciliation (NIP-77, P67).
	NegMsg struct {
		SubscriptionID string
		Payload        []byte // hex in the frame
	}
	// Unknown is legal JSON with a verb that the receiving side does not know (P34).
	Unknown struct {
		Name string // the verb
		Raw  []byte // a copy of the whole frame
	}
)

// Verb returns "EVENT".
func (Event) Verb() string { return verbEvent }

// Verb returns "OK".
func (OK) Verb() string { return verbOK }

// Verb returns "EOSE".
func (EOSE) Verb() string { return verbEOSE }

// Verb returns "CLOSED".
func (Closed) Verb() string { return verbClosed }

// Verb returns "NOTICE".
func (Notice) Verb() string { return verbNotice }

// Verb returns "AUTH".
func (AuthChallenge) Verb() string { return verbAuth }

// Verb returns "COUNT".
func (Count) Verb() string { return verbCount }

// Verb returns "NEG-ERR".
func (NegErr) Verb() string { return verbNegErr }

// Verb returns "EVENT".
func (Publish) Verb() string { return verbEvent }

// Verb returns "REQ".
func (Req) Verb() string { return verbReq }

// Verb returns "CLOSE".
func (Close) Verb() string { return verbClose }

// Verb returns "AUTH".
func (Auth) Verb() string { return verbAuth }

// Verb returns "COUNT".
func (CountReq) Verb() string { return verbCount }

// Verb returns "NEG-OPEN".
func (NegOpen) Verb() string { return verbNegOpen }

// Verb returns "NEG-CLOSE".
func (NegClose) Verb() string { return verbNegClose }

// Verb returns "NEG-MSG".
func (NegMsg) Verb() string { return verbNegMsg }

// Verb returns the name that the frame gave.
func (m Unknown) Verb() string { return m.Name }

func (Event) fromServer()         {}
func (OK) fromServer()            {}
func (EOSE) fromServer()          {}
func (Closed) fromServer()        {}
func (Notice) fromServer()        {}
func (AuthChallenge) fromServer() {}
func (Count) fromServer()         {}
func (NegErr) fromServer()        {}
func (NegMsg) fromServer()        {}
func (Unknown) fromServer()       {}

func (Publish) fromClient()  {}
func (Req) fromClient()      {}
func (Close) fromClient()    {}
func (Auth) fromClient()     {}
func (CountReq) fromClient() {}
func (NegOpen) fromClient()  {}
func (NegClose) fromClient() {}
func (NegMsg) fromClient()   {}
func (Unknown) fromClient()  {}
