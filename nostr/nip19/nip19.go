// Package nip19 reads and writes the strings that people pass around on Nostr: npub, nsec,
// note, nprofile, nevent and naddr (NIP-19), alone, as nostr: URIs (NIP-21) and in
// running text. On the wire there are none of them, only hex.
//
//	switch e := entity.(type) { // of Decode, DecodeURI or FindAll
//	case nip19.PubKey:    // e.PubKey
//	case nip19.Profile:   // e.PubKey, e.Relays
//	case nip19.Note:      // e.ID
//	case nip19.Event:     // e.ID, e.Relays; e.Author may be zero, e.Kind may be nil
//	case nip19.Address:   // e.Kind, e.PubKey, e.Identifier, e.Relays
//	case nip19.SecretKey: // e.SecretKey; only of Decode
//	}
//
// # What is refused
//
// Other prefixes, wrong checksums, mixed case, values of the wrong length, values missing or
// there twice where one is wanted, kinds beyond 65535, text that is not UTF-8, more
// than 5,000 characters. Parts of types that NIP-19 does not know are ignored, an empty
// identifier and kind 0 are as good as any. Relay URLs are a stranger's words and are
// returned as they stand; [nostr.NormalizeURL] judges them. Errors never repeat the
// input, which may be a secret key.
//
// # Coming from go-nostr
//
// Decode returns a typed [Entity] instead of a prefix and an any. Strings are made by
// [Encode] and its shorter forms for what one has in hand: [EncodePubKey], [EncodeEvent] and so on.
// EncodeEvent and [EncodeAddress], which is EncodeEntity, take an event; of an ID alone the
// nevent is Encode(nip19.Event{ID: id}).
package nip19

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrMalformed is in the error when a string is no entity: it is not bech32, or
	// what is in it is incomplete or of the wrong length.
	ErrMalformed = errors.New("nip19: malformed")

	// ErrUnknownPrefix is in the error when a string is good bech32 but none of the six
	// kinds of entity; nrelay, which NIP-19 has given up, is not either.
	ErrUnknownPrefix = errors.New("nip19: unknown prefix")

	// ErrNotEncodable is in the error when an entity has no encoding: a text is longer
	// than 255 bytes or not UTF-8, the whole too long, or a secret key zero.
	ErrNotEncodable = errors.New("nip19: not encodable")

	// ErrSecretInURI is in the error when a secret key is found in a nostr: URI or
	// was to be put in one (NIP-21).
	ErrSecretInURI = errors.New("nip19: a secret key has no place in a nostr: URI")
)

// Entity is one of [PubKey], [SecretKey], [Note], [Profile], [Event] and [Address], as a
// value, never as a pointer. No other package can add to them.
type Entity interface {
	// Prefix returns what the string begins with, before the "1".
	Prefix() string

	// String returns the entity in bech32. Where [Encode] fails it is a text in parentheses
	// that is none, and for secret keys it is always a redacted one.
	String() string

	payload() ([]byte, error)
}

// A PubKey is an npub: an author and nothing else.
type PubKey struct{ PubKey nostr.PubKey }

// A SecretKey is an nsec. It prints as redacted; [EncodeSecretKey] is the way out.
type SecretKey struct{ SecretKey nostr.SecretKey }

// A Note is a note: an event's ID and nothing else.
type Note struct{ ID nostr.ID }

// A Profile is an nprofile: an author, and relays that may have his events.
type Profile struct {
	PubKey nostr.PubKey
	Relays []string // URLs; empty ones are left out, both ways
}

// An Event is an nevent: an event's ID, and what helps to find it.
type Event struct {
	ID     nostr.ID
	Relays []string     // URLs; empty ones are left out, both ways
	Author nostr.PubKey // zero if not told
	Kind   *nostr.Kind  // nil if not told: kind 0 is a kind
}

// An Address is an naddr: a [nostr.Address], the slot of a replaceable or addressable event
// whatever its version (NIP-01), and relays that may have it.
type Address struct {
	nostr.Address
	Relays []string // URLs; empty ones are left out, both ways
}

func (PubKey) Prefix() string    { return "npub" }
func (SecretKey) Prefix() string { return "nsec" }
func (Note) Prefix() string      { return "note" }
func (Profile) Prefix() string   { return "nprofile" }
func (Event) Prefix() string     { return "nevent" }
func (Address) Prefix() string   { return "naddr" }

func (e PubKey) String() string  { return text(e) }
func (e Note) String() string    { return text(e) }
func (e Profile) String() string { return text(e) }
func (e Event) String() string   { return text(e) }
func (e Address) String() string { return text(e) }

// String returns a redacted text. Secret keys do not get into logs by accident.
func (e SecretKey) String() string { return e.SecretKey.String() }

func text(e Entity) string {
	s, err := Encode(e)
	if err != nil {
		return "(" + e.Prefix() + ": " + strings.TrimPrefix(err.Error(), "nip19: ") + ")"
	}
	return s
}

// Coordinate returns "kind:pubkey:d", the text of the [nostr.Address], which is the value
// of an "a" tag for it; "" for kinds that have none (NIP-01).
func (e Address) Coordinate() string { return e.Address.String() }

// Decode reads one entity. It takes lower case and, for the sake of QR codes, upper case. The
// errors are [ErrMalformed] and [ErrUnknownPrefix]; one about a part of an
// nprofile, nevent or naddr is a [*TLVError] too. For a nostr: URI there is [DecodeURI],
// for keys in flags [nostr.ParsePubKey] and its like, which also take hex.
func Decode(s string) (Entity, error) {
	if hasPrefix(s, scheme) {
		return nil, fmt.Errorf("%w: a nostr: URI, which is for DecodeURI", ErrMalformed)
	}
	prefix, data, err := bech32.Decode(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	defer clear(data)
	switch prefix {
	case "nprofile":
		return decodeProfile(data)
	case "nevent":
		return decodeEvent(data)
	case "naddr":
		return decodeAddress(data)
	case "npub", "nsec", "note":
		if len(data) != 32 {
			return nil, fmt.Errorf("%w: %s of %d bytes, want 32", ErrMalformed, prefix, len(data))
		}
	default:
		return nil, ErrUnknownPrefix
	}
	switch prefix {
	case "npub":
		return PubKey{nostr.PubKey(data)}, nil
	case "note":
		return Note{nostr.ID(data)}, nil
	}
	sk, err := nostr.ParseSecretKey(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return SecretKey{sk}, nil
}

// Encode returns the entity in bech32, in lower case. It fails with [ErrNotEncodable]; an npub
// or a note cannot fail. That it writes secret keys is why they have a type of their own.
func Encode(e Entity) (string, error) {
	if e == nil {
		return "", fmt.Errorf("%w: nil", ErrNotEncodable)
	}
	data, err := e.payload()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotEncodable, err)
	}
	defer clear(data)
	s, err := bech32.Encode(e.Prefix(), data)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotEncodable, err)
	}
	return s, nil
}

// EncodePubKey returns the npub of a public key.
func EncodePubKey(pk nostr.PubKey) string { return PubKey{pk}.String() }

// EncodeNote returns the note of an event's ID.
func EncodeNote(id nostr.ID) string { return Note{id}.String() }

// EncodeSecretKey returns the nsec of a secret key: the secret itself. It fails with
// [nostr.ErrNoSecretKey] for the zero key only.
func EncodeSecretKey(sk nostr.SecretKey) (string, error) { return Encode(SecretKey{sk}) }

// EncodeProfile returns the nprofile of a public key with the URLs of relays that have the
// author's events.
func EncodeProfile(pk nostr.PubKey, relays ...string) (string, error) {
	return Encode(Profile{PubKey: pk, Relays: relays})
}

// EncodeEvent returns the nevent of an event, its author and kind included, with the URLs of
// relays that have it.
func EncodeEvent(ev *nostr.Event, relays ...string) (string, error) {
	kind := ev.Kind
	return Encode(Event{ID: ev.ID, Author: ev.PubKey, Kind: &kind, Relays: relays})
}

// EncodeAddress returns the naddr of a replaceable or addressable event with the URLs of relays
// that have it: a name for all its versions. For events of other kinds it fails.
func EncodeAddress(ev *nostr.Event, relays ...string) (string, error) {
	a := Address{nostr.Address{Kind: ev.Kind, PubKey: ev.PubKey}, relays}
	switch {
	case ev.Kind.IsAddressable():
		a.Identifier = ev.Tags.GetD()
	case !ev.Kind.IsReplaceable():
		return "", fmt.Errorf("%w: events of kind %d have no address", ErrNotEncodable, ev.Kind)
	}
	return Encode(a)
}

func (e PubKey) payload() ([]byte, error) { return append([]byte(nil), e.PubKey[:]...), nil }
func (e Note) payload() ([]byte, error)   { return append([]byte(nil), e.ID[:]...), nil }

func (e SecretKey) payload() ([]byte, error) {
	if e.SecretKey.IsZero() {
		return nil, nostr.ErrNoSecretKey
	}
	return hex.DecodeString(e.SecretKey.Hex())
}
