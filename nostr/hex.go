package nostr

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// An ID names an event: the SHA-256 hash of its canonical form (NIP-01).
type ID [32]byte

// A PubKey is the public key of an event's author: the x coordinate of a point on
// secp256k1 (BIP-340). Not every 32 bytes are one; [Event.Verify] notices.
type PubKey [32]byte

// A Sig is a BIP-340 Schnorr signature over an event's ID.
type Sig [64]byte

// IDFromHex decodes 64 lower-case hexadecimal digits.
func IDFromHex(s string) (id ID, err error) {
	err = decodeHex(id[:], s, "event id")
	return id, err
}

// PubKeyFromHex decodes 64 lower-case hexadecimal digits. It does not look whether
// the key is on the curve.
func PubKeyFromHex(s string) (pk PubKey, err error) {
	err = decodeHex(pk[:], s, "public key")
	return pk, err
}

// SigFromHex decodes 128 lower-case hexadecimal digits.
func SigFromHex(s string) (sig Sig, err error) {
	err = decodeHex(sig[:], s, "signature")
	return sig, err
}

// MustIDFromHex is [IDFromHex] for constants: it panics on a bad string.
func MustIDFromHex(s string) ID { return must(IDFromHex(s)) }

// MustPubKeyFromHex is [PubKeyFromHex] for constants: it panics on a bad string.
func MustPubKeyFromHex(s string) PubKey { return must(PubKeyFromHex(s)) }

// MustSigFromHex is [SigFromHex] for constants: it panics on a bad string.
func MustSigFromHex(s string) Sig { return must(SigFromHex(s)) }

// String returns 64 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// String returns 64 lower-case hexadecimal digits.
func (pk PubKey) String() string { return hex.EncodeToString(pk[:]) }

// String returns 128 lower-case hexadecimal digits.
func (sig Sig) String() string { return hex.EncodeToString(sig[:]) }

// IsZero reports whether id is all zeros, which no event's ID is.
func (id ID) IsZero() bool { return id == ID{} }

// IsZero reports whether pk is all zeros, which no author's key is.
func (pk PubKey) IsZero() bool { return pk == PubKey{} }

// MarshalText returns lower-case hex.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// MarshalText returns lower-case hex.
func (pk PubKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, pk[:]), nil }

// MarshalText returns lower-case hex.
func (sig Sig) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, sig[:]), nil }

// UnmarshalText is [IDFromHex]. The ID keeps its value when it fails.
func (id *ID) UnmarshalText(text []byte) error { return assign(id)(IDFromHex(string(text))) }

// UnmarshalText is [PubKeyFromHex]. The key keeps its value when it fails.
func (pk *PubKey) UnmarshalText(text []byte) error { return assign(pk)(PubKeyFromHex(string(text))) }

// UnmarshalText is [SigFromHex]. The signature keeps its value when it fails.
func (sig *Sig) UnmarshalText(text []byte) error { return assign(sig)(SigFromHex(string(text))) }

func assign[T any](dst *T) func(T, error) error {
	return func(v T, err error) error {
		if err == nil {
			*dst = v
		}
		return err
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// decodeHex clears dst when it fails. Its errors never repeat the input: it may be a
// secret key that ended up in the wrong place.
func decodeHex(dst []byte, s, what string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("nostr: %s: want %d lower-case hex digits, got %d bytes", what, 2*len(dst), len(s))
	}
	if !strictjson.DecodeHex(dst, s) {
		clear(dst)
		return fmt.Errorf("nostr: %s: %w", what, errNotHex)
	}
	return nil
}

var errNotHex = errors.New("not lower-case hex")

func appendHex(dst, src []byte) []byte { return hex.AppendEncode(dst, src) }

// Compare orders IDs as NIP-01 orders events of one second: byte by byte, which is
// also the order of their hex. It returns -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }
