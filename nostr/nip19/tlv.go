package nip19

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gennostr/gennostr/nostr"
)

// MaxRelays bounds the relays of an entity. Encode refuses more, Decode ignores what comes
// after them.
const MaxRelays = 64

// A tlvType is the T of the type-length-value triples in nprofile, nevent and naddr:
// one byte of type, one of length, then so many bytes (NIP-19).
type tlvType byte

const (
	tlvSpecial tlvType = 0 // public key, event ID or identifier
	tlvRelay   tlvType = 1
	tlvAuthor  tlvType = 2
	tlvKind    tlvType = 3 // 32 bits, big-endian
)

const maxValue = 255 // bytes of a value, of which one byte gives the length

// A TLVError says which part of an nprofile, nevent or naddr is wrong (NIP-19).
type TLVError struct {
	Prefix string // of the entity: "nevent"
	Type   byte   // 0 special, 1 relay, 2 author, 3 kind, or any other
	Reason string
}

func (e *TLVError) Error() string {
	name := "TLV " + strconv.Itoa(int(e.Type))
	if int(e.Type) < len(tlvNames) {
		name += " (" + tlvNames[e.Type] + ")"
	}
	return e.Prefix + ": " + name + ": " + e.Reason
}

var tlvNames = [...]string{"special", "relay", "author", "kind"}

// parts is what is in an nprofile, nevent or naddr.
type parts struct {
	special, author, kind []byte // nil if not there
	relays                []string
}

func malformed(prefix string, t tlvType, reason string) error {
	return fmt.Errorf("%w: %w", ErrMalformed, &TLVError{Prefix: prefix, Type: byte(t), Reason: reason})
}

// readParts cuts data into its parts. Of one that may be there once a second is
// refused, since decoders disagree on which of the two counts.
func readParts(prefix string, data []byte) (p parts, err error) {
	for len(data) > 0 {
		t := tlvType(data[0])
		if len(data) < 2 || len(data)-2 < int(data[1]) {
			return parts{}, malformed(prefix, t, "cut off")
		}
		value := data[2 : 2+int(data[1])]
		data = data[2+len(value):]
		switch t {
		case tlvSpecial:
			err = once(&p.special, value, prefix, t)
		case tlvAuthor:
			err = once(&p.author, value, prefix, t)
		case tlvKind:
			err = once(&p.kind, value, prefix, t)
		case tlvRelay:
			if !utf8.Valid(value) {
				return parts{}, malformed(prefix, t, "not UTF-8")
			}
			if len(value) > 0 && len(p.relays) < MaxRelays {
				p.relays = append(p.relays, string(value))
			}
		}
		if err != nil {
			return parts{}, err
		}
	}
	return p, nil
}

func once(dst *[]byte, value []byte, prefix string, t tlvType) error {
	if *dst != nil {
		return malformed(prefix, t, "more than one")
	}
	*dst = value
	return nil
}

const anySize = -1

// sized returns nil if the value has that many bytes, or is missing and may be.
func sized(prefix string, t tlvType, value []byte, size int, required bool) error {
	switch {
	case value == nil && required:
		return malformed(prefix, t, "missing")
	case value != nil && size != anySize && len(value) != size:
		return malformed(prefix, t, fmt.Sprintf("%d bytes, want %d", len(value), size))
	}
	return nil
}

// readKind takes four bytes.
func readKind(prefix string, value []byte) (nostr.Kind, error) {
	n := binary.BigEndian.Uint32(value)
	if n > 0xffff {
		return 0, malformed(prefix, tlvKind, "beyond 65535")
	}
	return nostr.Kind(n), nil
}

func decodeProfile(data []byte) (Entity, error) {
	const prefix = "nprofile"
	p, err := readParts(prefix, data)
	if err == nil {
		err = sized(prefix, tlvSpecial, p.special, 32, true)
	}
	if err != nil {
		return nil, err
	}
	return Profile{PubKey: nostr.PubKey(p.special), Relays: p.relays}, nil
}

func decodeEvent(data []byte) (Entity, error) {
	const prefix = "nevent"
	p, err := readParts(prefix, data)
	if err == nil {
		err = cmp.Or(
			sized(prefix, tlvSpecial, p.special, 32, true),
			sized(prefix, tlvAuthor, p.author, 32, false),
			sized(prefix, tlvKind, p.kind, 4, false),
		)
	}
	if err != nil {
		return nil, err
	}
	e := Event{ID: nostr.ID(p.special), Relays: p.relays}
	if p.author != nil {
		e.Author = nostr.PubKey(p.author)
	}
	if p.kind != nil {
		kind, err := readKind(prefix, p.kind)
		if err != nil {
			return nil, err
		}
		e.Kind = &kind
	}
	return e, nil
}

func decodeAddress(data []byte) (Entity, error) {
	const prefix = "naddr"
	p, err := readParts(prefix, data)
	if err == nil {
		err = cmp.Or(
			sized(prefix, tlvSpecial, p.special, anySize, true),
			sized(prefix, tlvAuthor, p.author, 32, true),
			sized(prefix, tlvKind, p.kind, 4, true),
		)
	}
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(p.special) {
		return nil, malformed(prefix, tlvSpecial, "not UTF-8")
	}
	kind, err := readKind(prefix, p.kind)
	if err != nil {
		return nil, err
	}
	return Address{nostr.Address{Kind: kind, PubKey: nostr.PubKey(p.author), Identifier: string(p.special)}, p.relays}, nil
}

func (e Profile) payload() ([]byte, error) {
	return appendRelays(appendTLV(nil, tlvSpecial, e.PubKey[:]), e.Relays)
}

func (e Event) payload() ([]byte, error) {
	data, err := appendRelays(appendTLV(nil, tlvSpecial, e.ID[:]), e.Relays)
	if err != nil {
		return nil, err
	}
	if !e.Author.IsZero() {
		data = appendTLV(data, tlvAuthor, e.Author[:])
	}
	if e.Kind != nil {
		data = appendKind(data, *e.Kind)
	}
	return data, nil
}

func (e Address) payload() ([]byte, error) {
	if err := checkText("identifier", e.Identifier); err != nil {
		return nil, err
	}
	data, err := appendRelays(appendTLV(nil, tlvSpecial, []byte(e.Identifier)), e.Relays)
	if err != nil {
		return nil, err
	}
	return appendKind(appendTLV(data, tlvAuthor, e.PubKey[:]), e.Kind), nil
}

func appendTLV(dst []byte, t tlvType, value []byte) []byte {
	return append(append(dst, byte(t), byte(len(value))), value...)
}

func appendKind(dst []byte, kind nostr.Kind) []byte {
	return appendTLV(dst, tlvKind, binary.BigEndian.AppendUint32(nil, uint32(kind)))
}

func appendRelays(dst []byte, relays []string) ([]byte, error) {
	count := 0
	for _, url := range relays {
		if url == "" {
			continue
		}
		if err := checkText("relay", url); err != nil {
			return nil, err
		}
		if count++; count > MaxRelays {
			return nil, fmt.Errorf("more than %d relays", MaxRelays)
		}
		dst = appendTLV(dst, tlvRelay, []byte(url))
	}
	return dst, nil
}

func checkText(what, s string) error {
	switch {
	case len(s) > maxValue:
		return fmt.Errorf("%s of %d bytes, at most %d fit", what, len(s), maxValue)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s is not UTF-8", what)
	}
	return nil
}
