package nip44

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gennostr/gennostr/nostr"
)

const salt = "nip44-v2"

// A ConversationKey is what two authors' messages are encrypted with: the same for both,
// and as secret as their secret keys. It prints as redacted. The zero value is no key.
// Copies share one key and are ==; keys made separately are compared with
// [ConversationKey.Equal].
type ConversationKey struct {
	k *conversationKey
}

// The key is in a closure, where a printer that follows pointers does not find it.
type conversationKey struct {
	open func() *[32]byte
}

func newConversationKey(b [32]byte) ConversationKey {
	return ConversationKey{&conversationKey{open: func() *[32]byte { return &b }}}
}

// GenerateConversationKey derives the key of all messages between pk and sk's owner:
// HKDF-extract of [nostr.SecretKey.ECDH]. It fails as that does, with [nostr.ErrBadPubKey]
// or [nostr.ErrNoSecretKey]. It takes some 100 microseconds, a hundred times as long as
// encrypting a message.
func GenerateConversationKey(pk nostr.PubKey, sk nostr.SecretKey) (ConversationKey, error) {
	shared, err := sk.ECDH(pk)
	if err != nil {
		return ConversationKey{}, fmt.Errorf("nip44: conversation key: %w", err)
	}
	defer clear(shared[:])
	key, err := hkdf.Extract(sha256.New, shared[:], []byte(salt))
	if err != nil {
		return ConversationKey{}, fmt.Errorf("nip44: conversation key: %w", err)
	}
	defer clear(key)
	return newConversationKey([32]byte(key)), nil
}

// ConversationKeyFromBytes takes a conversation key that was derived elsewhere.
func ConversationKeyFromBytes(b [32]byte) ConversationKey { return newConversationKey(b) }

// IsZero reports whether c is the zero value, which is no key.
func (c ConversationKey) IsZero() bool { return c.k == nil }

// Equal reports whether both are the same key, or both none. Its time tells nothing of the
// keys.
func (c ConversationKey) Equal(other ConversationKey) bool {
	if c.k == nil || other.k == nil {
		return c.k == other.k
	}
	return subtle.ConstantTimeCompare(c.k.open()[:], other.k.open()[:]) == 1
}

const redacted = "ConversationKey(redacted)"

// Format writes the same redacted text for every verb.
func (c ConversationKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns a redacted text.
func (c ConversationKey) String() string { return redacted }

// LogValue returns a redacted text for [slog].
func (c ConversationKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails, and so do JSON, YAML and others that call it: what they would write
// is a secret, or cannot be read again.
func (c ConversationKey) MarshalText() ([]byte, error) { return nil, errNotMarshaled }

var errNotMarshaled = errors.New("nip44: conversation keys are not marshalled")

// messageKeys are those of one message (HKDF-expand with its nonce).
type messageKeys struct {
	okm []byte // 76 bytes: 32 for ChaCha20, 12 for its nonce, 32 for HMAC
}

func (c ConversationKey) messageKeys(nonce []byte) (messageKeys, error) {
	okm, err := hkdf.Expand(sha256.New, c.k.open()[:], string(nonce), 76)
	if err != nil {
		return messageKeys{}, fmt.Errorf("nip44: message keys: %w", err)
	}
	return messageKeys{okm}, nil
}

func (m messageKeys) chachaKey() []byte   { return m.okm[:32] }
func (m messageKeys) chachaNonce() []byte { return m.okm[32:44] }
func (m messageKeys) hmacKey() []byte     { return m.okm[44:76] }
func (m messageKeys) wipe()               { clear(m.okm) }
