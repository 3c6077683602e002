// Package nip49 keeps secret keys at rest, encrypted with a password, as strings that begin
// with "ncryptsec1" (NIP-49): scrypt makes a key of the password, XChaCha20-Poly1305
// encrypts with it, bech32 writes it down.
//
//	s, err := nip49.Encrypt(sk, password, nip49.DefaultLogN, nip49.ClientDoesNotTrackThisData)
//	sk, err := nip49.Decrypt(s, password)
//
// Unlike an nsec such a string may lie in a file or a backup. It is as good as the password,
// which anybody who has the string can guess at as fast as scrypt lets them; so NIP-49 says
// not to publish it.
//
// # Passwords
//
// They are brought into Unicode's form NFKC first, so that the same letters typed on another
// machine are the same password. An empty one is refused when encrypting, for that is what an
// unset environment variable looks like; so is text that is not UTF-8.
//
// # The cost, and who decides it
//
// log_n, a byte of the string, says how much scrypt costs: 2^log_n KiB of memory, and time
// in proportion, some 60 ms for 16 on a fast machine. The string may be a stranger's: 40
// would be a terabyte. So [Decrypt] refuses more than [DefaultMaxLogN], 256 MiB, before it
// allocates anything, unless [WithMaxLogN] says otherwise, and never goes beyond [MaxLogN].
// A program that decrypts several at once pays for each. [Inspect] tells the cost without
// the password.
//
// # Secrets
//
// The normalised password, scrypt's key and the decrypted bytes are wiped after use. What
// passes through Go strings cannot be: the password itself, and for a moment the key in hex.
// Errors never repeat what was given.
//
// # Coming from go-nostr
//
// Keys are [nostr.SecretKey] instead of hex, and decrypting has a bound.
package nip49

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/text/unicode/norm"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/nostr"
)

// The cost of scrypt, as the power of two that is log_n. Each step doubles memory and time.
const (
	MinLogN        = 1
	DefaultLogN    = 16 // 64 MiB: the least that NIP-49 lists
	DefaultMaxLogN = 18 // 256 MiB: the most that Decrypt takes unless told otherwise
	MaxLogN        = 22 // 4 GiB: the most that NIP-49 lists
)

// A KeySecurityByte says how a key has been handled before it was encrypted (NIP-49). Values
// beyond the three are read as they stand.
type KeySecurityByte byte

const (
	KnownToHaveBeenHandledInsecurely    KeySecurityByte = 0x00 // stored or pasted unencrypted
	NotKnownToHaveBeenHandledInsecurely KeySecurityByte = 0x01
	ClientDoesNotTrackThisData          KeySecurityByte = 0x02
)

var (
	// ErrMalformed is in the error when a string is no ncryptsec of version 2; the error
	// says in what way.
	ErrMalformed = errors.New("nip49: malformed ncryptsec")

	// ErrCost is in the error when log_n is out of bounds.
	ErrCost = errors.New("nip49: log_n out of bounds")

	// ErrPassword is in the error when a password cannot be used: it is not UTF-8, or it
	// is to encrypt with and empty.
	ErrPassword = errors.New("nip49: unusable password")

	// ErrWrongPassword is returned by Decrypt when the password is not that of the string, or
	// the string was changed.
	ErrWrongPassword = errors.New("nip49: wrong password, or a changed ncryptsec")
)

const (
	prefix    = "ncryptsec"
	version   = 2
	saltSize  = 16
	nonceSize = chacha20poly1305.NonceSizeX

	// Version, log_n, salt, nonce, security byte, ciphertext: 91 bytes.
	saltAt   = 2
	nonceAt  = saltAt + saltSize
	adAt     = nonceAt + nonceSize
	cipherAt = adAt + 1
	size     = cipherAt + 32 + chacha20poly1305.Overhead
)

// Encrypt encrypts sk with a password into an ncryptsec of 162 characters. logN is from
// [MinLogN] to [MaxLogN], in earnest [DefaultLogN] or more. It fails with
// [nostr.ErrNoSecretKey], [ErrPassword] or [ErrCost], or when the security byte is none of
// the three.
func Encrypt(sk nostr.SecretKey, password string, logN uint8, security KeySecurityByte) (string, error) {
	switch {
	case sk.IsZero():
		return "", fmt.Errorf("nip49: %w", nostr.ErrNoSecretKey)
	case password == "":
		return "", fmt.Errorf("%w: empty", ErrPassword)
	case security > ClientDoesNotTrackThisData:
		return "", fmt.Errorf("nip49: security byte %d, want 0, 1 or 2", security)
	}
	data := make([]byte, cipherAt, size)
	data[0], data[1], data[adAt] = version, logN, byte(security)
	rand.Read(data[saltAt:adAt]) // salt and nonce; never fails: it ends the program instead
	key, err := deriveKey(data, password, MaxLogN)
	if err != nil {
		return "", err
	}
	defer clear(key)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return "", fmt.Errorf("nip49: %w", err)
	}
	secret, err := hex.DecodeString(sk.Hex())
	if err != nil {
		return "", fmt.Errorf("nip49: %w", err)
	}
	defer clear(secret)
	return bech32.Encode(prefix, aead.Seal(data, data[nonceAt:adAt], secret, data[adAt:cipherAt]))
}

// An Option is for [Decrypt].
type Option func(*options)

type options struct{ maxLogN uint8 }

// WithMaxLogN sets the highest log_n that is decrypted, at most [MaxLogN]: 2^n KiB of
// memory are allocated at a stranger's word. The default is [DefaultMaxLogN], 18, which is
// 256 MiB.
func WithMaxLogN(n uint8) Option { return func(o *options) { o.maxLogN = min(n, MaxLogN) } }

// Decrypt returns the key in an ncryptsec. White space around it is ignored, such as the
// line feed at the end of a file. It fails with [ErrMalformed], [ErrCost], [ErrPassword] or
// [ErrWrongPassword].
func Decrypt(ncryptsec, password string, opts ...Option) (nostr.SecretKey, error) {
	o := options{maxLogN: DefaultMaxLogN}
	for _, opt := range opts {
		opt(&o)
	}
	data, err := parse(ncryptsec)
	if err != nil {
		return nostr.SecretKey{}, err
	}
	key, err := deriveKey(data, password, o.maxLogN)
	if err != nil {
		return nostr.SecretKey{}, err
	}
	defer clear(key)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nostr.SecretKey{}, fmt.Errorf("nip49: %w", err)
	}
	secret, err := aead.Open(nil, data[nonceAt:adAt], data[cipherAt:], data[adAt:cipherAt])
	if err != nil {
		return nostr.SecretKey{}, ErrWrongPassword
	}
	defer clear(secret)
	sk, err := nostr.SecretKeyFromHex(hex.EncodeToString(secret))
	if err != nil {
		return nostr.SecretKey{}, fmt.Errorf("%w: what is in it is no secret key", ErrMalformed)
	}
	return sk, nil
}

// Inspect returns what an ncryptsec says openly: log_n, which [Decrypt] will cost, and the
// security byte, which nobody has proven before the string decrypts. It fails with
// [ErrMalformed].
func Inspect(ncryptsec string) (logN uint8, security KeySecurityByte, err error) {
	data, err := parse(ncryptsec)
	if err != nil {
		return 0, 0, err
	}
	return data[1], KeySecurityByte(data[adAt]), nil
}

// parse returns as many bytes as size says, of which the first is right.
func parse(s string) ([]byte, error) {
	got, data, err := bech32.Decode(strings.Trim(s, " \t\r\n"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case got == "nsec":
		clear(data)
		return nil, fmt.Errorf("%w: this is an nsec, which is not encrypted", ErrMalformed)
	case got != prefix:
		clear(data) // whatever it is, it was taken for a secret
		return nil, fmt.Errorf("%w: another prefix than %s", ErrMalformed, prefix)
	case len(data) == 0 || data[0] != version:
		return nil, fmt.Errorf("%w: not version %d", ErrMalformed, version)
	case len(data) != size:
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrMalformed, len(data), size)
	}
	return data, nil
}

// deriveKey returns the 32 bytes of the symmetric key for what parse returns.
func deriveKey(data []byte, password string, maxLogN uint8) ([]byte, error) {
	if !utf8.ValidString(password) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrPassword)
	}
	logN := data[1]
	// scrypt needs N > 1; where an int has 32 bits, more than 20 cannot be addressed.
	if logN < MinLogN || logN > maxLogN || logN > bits.UintSize-12 {
		return nil, fmt.Errorf("%w: %d, want %d to %d", ErrCost, logN, MinLogN, min(maxLogN, bits.UintSize-12))
	}
	normalized := norm.NFKC.Bytes([]byte(password))
	defer clear(normalized)
	key, err := scrypt.Key(normalized, data[saltAt:nonceAt], 1<<logN, 8, 1, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("nip49: %w", err)
	}
	return key, nil
}
