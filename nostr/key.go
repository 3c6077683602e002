package nostr

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// A SecretKey signs events. It prints as redacted wherever it is printed or logged, alone
// or inside other values, and is not marshalled: that fails with [ErrNotMarshaled] instead of
// writing what cannot be read again. [SecretKey.Hex] is the one way out.
//
// The zero value is no key: signing with it fails with [ErrNoSecretKey]. Copies share
// one key, and two copies are ==; keys that were made separately are compared with
// [SecretKey.Equal].
type SecretKey struct {
	k *secret
}

// A secret hides its scalar in a closure, where neither fmt nor a debugging printer
// that follows pointers by reflection can reach it.
type secret struct {
	pub  PubKey
	open func() *btcec.PrivateKey
}

func newSecretKey(priv *btcec.PrivateKey) SecretKey {
	k := &secret{open: func() *btcec.PrivateKey { return priv }}
	copy(k.pub[:], priv.PubKey().SerializeCompressed()[1:]) // x without the byte for y (BIP-340)
	return SecretKey{k}
}

// GenerateSecretKey returns a new key from the system's random source.
func GenerateSecretKey() SecretKey {
	for {
		var b [32]byte
		rand.Read(b[:]) // never fails: it ends the program instead
		if sk, ok := secretKeyFromBytes(&b); ok {
			return sk
		}
	}
}

// secretKeyFromBytes refuses zero and what is not below the order of the curve. It wipes b.
func secretKeyFromBytes(b *[32]byte) (SecretKey, bool) {
	defer clear(b[:])
	var scalar btcec.ModNScalar
	if overflow := scalar.SetBytes(b); overflow != 0 || scalar.IsZero() {
		return SecretKey{}, false
	}
	return newSecretKey(btcec.PrivKeyFromScalar(&scalar)), true
}

// SecretKeyFromHex decodes 64 lower-case hexadecimal digits. Errors do not repeat them.
func SecretKeyFromHex(s string) (SecretKey, error) {
	var b [32]byte
	switch {
	case len(s) > 5 && s[:5] == "nsec1":
		return SecretKey{}, errors.New("nostr: secret key: this is a NIP-19 nsec, want hex (ParseSecretKey reads both)")
	case len(s) != 64:
		return SecretKey{}, fmt.Errorf("nostr: secret key: want 64 lower-case hex digits, got %d bytes", len(s))
	case !strictjson.DecodeHex(b[:], s):
		return SecretKey{}, fmt.Errorf("nostr: secret key: %w", errNotHex)
	}
	sk, ok := secretKeyFromBytes(&b)
	if !ok {
		return SecretKey{}, errors.New("nostr: secret key: zero or not below the order of secp256k1")
	}
	return sk, nil
}

// UnmarshalText is [SecretKeyFromHex], for flags and configuration files: keys can be read
// from them, and are not written. An empty text is the zero key. The key keeps its value when it fails.
func (sk *SecretKey) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*sk = SecretKey{}
		return nil
	}
	return assign(sk)(SecretKeyFromHex(string(text)))
}

// MustSecretKeyFromHex is [SecretKeyFromHex] for tests and constants: it panics on a bad string.
func MustSecretKeyFromHex(s string) SecretKey { return must(SecretKeyFromHex(s)) }

// PubKey returns the key that others know the owner of sk by, the zero PubKey if sk is zero.
func (sk SecretKey) PubKey() PubKey {
	if sk.k == nil {
		return PubKey{}
	}
	return sk.k.pub
}

// Hex returns the secret itself as 64 lower-case hexadecimal digits, "" if sk is zero.
func (sk SecretKey) Hex() string {
	if sk.k == nil {
		return ""
	}
	b := sk.k.open().Key.Bytes()
	defer clear(b[:])
	return hex.EncodeToString(b[:])
}

// IsZero reports whether sk is the zero value, which is no key.
func (sk SecretKey) IsZero() bool { return sk.k == nil }

// Equal reports whether both are the same key, or both none. Its time tells nothing of the keys.
func (sk SecretKey) Equal(other SecretKey) bool {
	if sk.k == nil || other.k == nil {
		return sk.k == other.k
	}
	a, b := sk.k.open().Key.Bytes(), other.k.open().Key.Bytes()
	defer clear(a[:])
	defer clear(b[:])
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

const redacted = "SecretKey(redacted)"

// Format writes the same redacted text for every verb.
func (sk SecretKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns a redacted text.
func (sk SecretKey) String() string { return redacted }

// GoString returns a redacted text.
func (sk SecretKey) GoString() string { return redacted }

// LogValue returns a redacted text for [slog].
func (sk SecretKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails with [ErrNotMarshaled], and so do JSON, YAML, XML and others that call it;
// the zero key is an empty text.
func (sk SecretKey) MarshalText() ([]byte, error) {
	if sk.IsZero() {
		return []byte{}, nil
	}
	return nil, ErrNotMarshaled
}

// MarshalJSON fails with [ErrNotMarshaled]; the zero key is an empty string.
func (sk SecretKey) MarshalJSON() ([]byte, error) {
	if sk.IsZero() {
		return []byte(`""`), nil
	}
	return nil, ErrNotMarshaled
}

// MarshalBinary fails with [ErrNotMarshaled], for encoding/gob.
func (sk SecretKey) MarshalBinary() ([]byte, error) { return nil, ErrNotMarshaled }
