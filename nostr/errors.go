package nostr

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
)

var (
	// ErrBadID is in the error when an event's id is not the hash of its content (NIP-01).
	ErrBadID = errors.New("nostr: event id is not the hash of the event")

	// ErrOtherSerialization is in the error of [Event.CheckID] when the id is the hash of
	// the event with its control bytes verbatim, as the text of NIP-01 has it, instead of
	// the \u00xx that nearly all implementations write. It wraps [ErrBadID]: others compute
	// another id, so the event is not to be used. But it is no forgery either: signers that go
	// by the text are in use, and a relay that passes their events on has done nothing wrong.
	// Whether the id is the author's, only the signature could tell; it has not been looked at.
	ErrOtherSerialization = fmt.Errorf("%w, but of the event with control bytes verbatim, where implementations escape them", ErrBadID)

	// ErrBadSignature is in the error when an event's signature is not its author's
	// over its id (BIP-340), or its public key is none.
	ErrBadSignature = errors.New("nostr: bad event signature")

	// ErrNoSecretKey is in the error when the zero SecretKey is used.
	ErrNoSecretKey = errors.New("nostr: no secret key")

	// ErrNotMarshaled is in the error when a secret key is about to be marshalled, inside a
	// configuration for instance.
	ErrNotMarshaled = errors.New("nostr: secret keys are not marshalled: to write one on purpose, put its Hex into a string, or encrypt it (NIP-49)")

	// ErrInvalidEvent is in the error when an event cannot be signed or encoded:
	// see [Event.Validate].
	ErrInvalidEvent = errors.New("nostr: invalid event")

	// ErrInvalidFilter is in the error when a filter must not be sent: see [Filter.Validate].
	ErrInvalidFilter = errors.New("nostr: invalid filter")

	// ErrInvalidURL is in the error when a string is no relay URL: see [NormalizeURL].
	ErrInvalidURL = errors.New("nostr: invalid relay URL")

	// ErrBadPubKey is in the error when a public key is needed as a point of secp256k1
	// and is the x coordinate of none (BIP-340).
	ErrBadPubKey = errors.New("nostr: public key is not on the curve")
)

// A ParseError is returned when JSON is refused as an event or as a filter.
type ParseError struct {
	What   string // "event" or "filter"
	Field  string // where it went wrong, as in "tags[3][1]"; "" between the fields
	Offset int    // in bytes from the start of the data
	Reason string
}

func (e *ParseError) Error() string {
	s := "nostr: " + e.What + " refused"
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Reason + " at byte " + strconv.Itoa(e.Offset)
}

func parseError(what, field string, err error) error {
	var syntax *strictjson.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	return &ParseError{What: what, Field: field, Offset: syntax.Offset, Reason: syntax.Msg}
}

// keyName makes a stranger's key presentable.
func keyName(key []byte) string {
	const most = 32
	if len(key) > most {
		return strconv.QuoteToASCII(string(key[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(key))
}

// clip shortens a string for an error message.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
