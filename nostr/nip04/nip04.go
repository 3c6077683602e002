// Package nip04 is the encryption that NIP-44 has replaced, for those peers who know nothing
// newer: old direct messages (kind 4), wallets and remote signers. It is legacy:
// NIP-04 itself is marked as not recommended, and says that it "must not be used for anything
// you really need to keep secret". For private messages there are packages nip17 and nip44.
//
//	content, err := nip04.Encrypt("hello", theirs, mine) // an event's Content
//	text, err := nip04.Decrypt(content, theirs, mine)
//
// # What is wrong with it
//
// AES-256-CBC with the bare x coordinate of the shared point as its key, and no MAC. Whoever
// passes a message on can change what it says: a bit flipped in the iv is a bit flipped
// in the text. Only the event's signature protects it, so verify that first
// ([nostr.Event.Verify]) and never decrypt what came without. With a wrong key the result is an
// error nearly always, and by chance (one in 256 or less) a short text of garbage. Length,
// sender, receiver and time are there for all to see.
//
// # What is refused
//
// With [ErrMalformed], for what everybody can see: no "?iv=" or a second one, an iv that is not
// 16 bytes, a ciphertext that is no whole number of blocks, base64 in any but its one canonical
// form (line feeds, which Go's decoder skips, missing padding, stray bits, the URL alphabet).
// Several implementations panic on some of these.
//
// With [ErrDecrypt], for what only the key shows: padding other than PKCS#7, checked byte by
// byte and in constant time, and text that is not UTF-8. Both are one error, for whoever learns
// which of the two it was can decrypt a message by asking often enough; do not tell a
// stranger even that decryption failed. The padding of zeros that NIP-04 does not
// mention and some accept is refused too.
//
// # Coming from go-nostr
//
// In the place of the shared secret, which had to be computed first (ComputeSharedSecret) and kept
// from the logs, are the two keys it is made of, in the order of nip44.GenerateConversationKey.
// [Cipher] does the same as a [nostr.Cipher].
package nip04

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrMalformed is in the error when a content is not of the form
	// "<ciphertext>?iv=<initialization vector>"; the error says in what way.
	ErrMalformed = errors.New("nip04: malformed content")

	// ErrDecrypt is returned when a content of the right form does not decrypt: another
	// key, or changed on its way. It says no more on purpose.
	ErrDecrypt = errors.New("nip04: does not decrypt: another key, or a changed content")

	// ErrNotUTF8 is returned by Encrypt for a text that is none.
	ErrNotUTF8 = errors.New("nip04: text is not UTF-8")
)

const separator = "?iv="

// Strict refuses stray bits in the last character. Line feeds are skipped all the same.
var encoding = base64.StdEncoding.Strict()

// Encrypt encrypts text, which may be empty, for pk's owner with a fresh random iv. It
// fails with [ErrNotUTF8], [nostr.ErrBadPubKey] or [nostr.ErrNoSecretKey].
func Encrypt(text string, pk nostr.PubKey, sk nostr.SecretKey) (content string, err error) {
	var iv [aes.BlockSize]byte
	rand.Read(iv[:]) // never fails: it ends the program instead
	return encrypt(text, pk, sk, &iv)
}

func encrypt(text string, pk nostr.PubKey, sk nostr.SecretKey, iv *[aes.BlockSize]byte) (string, error) {
	if !utf8.ValidString(text) {
		return "", ErrNotUTF8
	}
	block, err := blockCipher(sk, pk)
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(text)%aes.BlockSize // 1 to 16: PKCS#7
	data := make([]byte, len(text)+padding)
	for i := copy(data, text); i < len(data); i++ {
		data[i] = byte(padding)
	}
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(data, data)
	return encoding.EncodeToString(data) + separator + encoding.EncodeToString(iv[:]), nil
}

// Decrypt returns the text that pk's owner encrypted for sk's, or sk's owner for pk's. The
// event it came in is to be verified before. It fails with [ErrMalformed], [ErrDecrypt],
// [nostr.ErrBadPubKey] or [nostr.ErrNoSecretKey]. It allocates less than twice the
// content's length.
func Decrypt(content string, pk nostr.PubKey, sk nostr.SecretKey) (text string, err error) {
	data, iv, err := parse(content)
	if err != nil {
		return "", err
	}
	block, err := blockCipher(sk, pk)
	if err != nil {
		return "", err
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	padding, good := padding(data)
	valid := utf8.Valid(data[:len(data)-padding])
	if good != 1 || !valid {
		return "", ErrDecrypt
	}
	return string(data[:len(data)-padding]), nil
}

// parse returns at least one whole block, and an iv of one.
func parse(content string) (data, iv []byte, err error) {
	ciphertext, vector, found := strings.Cut(content, separator)
	if !found {
		return nil, nil, fmt.Errorf("%w: no %s", ErrMalformed, separator)
	}
	if iv, err = decode(vector); err != nil {
		return nil, nil, fmt.Errorf("%w: iv: %w", ErrMalformed, err)
	}
	if len(iv) != aes.BlockSize {
		return nil, nil, fmt.Errorf("%w: iv of %d bytes, want %d", ErrMalformed, len(iv), aes.BlockSize)
	}
	if data, err = decode(ciphertext); err != nil {
		return nil, nil, fmt.Errorf("%w: ciphertext: %w", ErrMalformed, err)
	}
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, nil, fmt.Errorf("%w: ciphertext of %d bytes, want a multiple of %d", ErrMalformed, len(data), aes.BlockSize)
	}
	return data, iv, nil
}

func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line feed in base64")
	}
	return encoding.DecodeString(s)
}

func blockCipher(sk nostr.SecretKey, pk nostr.PubKey) (cipher.Block, error) {
	key, err := sk.ECDH(pk)
	if err != nil {
		return nil, fmt.Errorf("nip04: %w", err)
	}
	defer clear(key[:])
	return aes.NewCipher(key[:])
}

// padding returns the length of the PKCS#7 padding that the last block ends in, and 1 if
// all of it is as it must be; else 0 and 0. Its time does not depend on the bytes.
func padding(data []byte) (n, good int) {
	last := data[len(data)-aes.BlockSize:]
	claim := int(last[aes.BlockSize-1])
	good = subtle.ConstantTimeLessOrEq(1, claim) & subtle.ConstantTimeLessOrEq(claim, aes.BlockSize)
	for i, b := range last {
		inText := subtle.ConstantTimeLessOrEq(claim, aes.BlockSize-1-i)
		good &= inText | subtle.ConstantTimeByteEq(b, byte(claim))
	}
	return subtle.ConstantTimeSelect(good, claim, 0), good
}

// Cipher returns a [nostr.Cipher] that encrypts and decrypts by NIP-04 with sk. It never
// waits; once ctx is done its methods return ctx's error. It keeps no keys, so that each
// message costs some 100 microseconds.
func Cipher(sk nostr.SecretKey) nostr.Cipher { return keyCipher{sk} }

type keyCipher struct{ sk nostr.SecretKey }

func (c keyCipher) Encrypt(ctx context.Context, peer nostr.PubKey, plaintext string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return Encrypt(plaintext, peer, c.sk)
}

func (c keyCipher) Decrypt(ctx context.Context, peer nostr.PubKey, payload string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return Decrypt(payload, peer, c.sk)
}

// String says whose cipher it is: the public key.
func (c keyCipher) String() string { return "nip04.Cipher(" + c.sk.PubKey().String() + ")" }

// Format writes the same for every verb: most of them do not ask String.
func (c keyCipher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String, also for handlers that write JSON.
func (c keyCipher) LogValue() slog.Value { return slog.StringValue(c.String()) }
