// Package nip44 encrypts what one author writes for another (NIP-44, version 2): the
// payloads of private messages, gift wraps, remote signers and wallets.
//
//	key, err := nip44.GenerateConversationKey(theirs, mine) // costs 100 µs: keep it
//	payload, err := nip44.Encrypt("hello", key)             // an event's Content
//	plaintext, err := nip44.Decrypt(payload, key)
//
// A conversation key is the same for both sides and for all messages between them. It is the
// caller's to keep; [Cipher] and [Keyer] keep a bounded number of them, and are what packages
// take that do not care whose hands the secret key is in.
//
// # What NIP-44 leaves to the caller
//
// The payload has to be in a signed event, and that has to be verified ([nostr.Event.Verify])
// before it is decrypted: the MAC proves that one of the two wrote it, the signature which
// one and when. There is no forward secrecy, and of the length only steps are hidden.
//
// # What is refused
//
// Versions other than 2, and the "#" of versions to come, with [ErrUnsupportedVersion]. Base64
// in any but its one canonical form: line feeds, which Go's decoder skips, missing or wrong
// padding, stray bits in the last character. A wrong MAC, compared in constant time. A
// length prefix that does not fit, a long one where a short one would do, an empty text, a
// text that is not UTF-8. Public keys that are no point of the curve.
//
// # Length
//
// Texts of 65,536 bytes and more have a prefix of six bytes instead of two. Many
// implementations are older than that rule and refuse them. NIP-44 allows 4 GiB and wants
// implementations to set a bound of their own: ours is [MaxPlaintextSize], and it is
// checked before anything is decoded. Decrypting allocates no more than one and a half
// times the payload's length.
//
// As in the text's own algorithm the length of the zeros behind the text is checked and
// their value is not: the MAC covers them, and nothing is read from them.
//
// # Coming from go-nostr
//
// The functions have the same names and order of arguments. The conversation key is a type
// that does not print. A nonce cannot be chosen (WithCustomNonce): used twice, it gives both texts
// away.
package nip44

import (
	"errors"

	"github.com/gennostr/gennostr/nostr"
)

// Version is the version of the payloads that this package writes and reads.
const Version = 2

// Bounds of a plaintext, in bytes.
const (
	MinPlaintextSize = 1
	MaxPlaintextSize = 64 << 20 // NIP-44 ends at 2³²-1 and asks for a bound below
)

var (
	// ErrUnsupportedVersion is in the error when a payload is of another version than 2.
	ErrUnsupportedVersion = errors.New("nip44: unsupported version")

	// ErrMalformed is in the error when something is no payload, or one that no sender
	// should have made; the error says in what way.
	ErrMalformed = errors.New("nip44: malformed payload")

	// ErrMAC is in the error when a payload was encrypted with another conversation key,
	// so mostly for somebody else, or changed on its way.
	ErrMAC = errors.New("nip44: wrong MAC: another key, or a changed payload")

	// ErrPlaintext is in the error when a text cannot be encrypted: it is empty, longer
	// than [MaxPlaintextSize], or not UTF-8.
	ErrPlaintext = errors.New("nip44: bad plaintext")
)

// Errors of keys, which are those of [nostr.SecretKey.ECDH], and of the zero ConversationKey.
var errNoConversationKey = errors.New("nip44: no conversation key")

var (
	_ nostr.Cipher = (*cipher)(nil)
	_ nostr.Keyer  = keyer{}
)
