package nip44

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20"
)

// A payload is base64 of version, nonce, ciphertext and MAC.
const (
	nonceSize = 32
	macSize   = sha256.Size
	headSize  = 1 + nonceSize

	shortPrefix = 2 // bytes of length before a text
	longPrefix  = 6 // the same, two zeros first, from this length on:
	longText    = 1 << 16

	minDecoded = headSize + shortPrefix + 32 + macSize              // 99, as NIP-44 says
	maxDecoded = headSize + longPrefix + MaxPlaintextSize + macSize // its padding is none: a power of two
	minPayload = 132                                                // base64 of minDecoded
	maxPayload = (maxDecoded + 2) / 3 * 4                           // base64 of maxDecoded
)

// Strict refuses stray bits in the last character. Line feeds are skipped all the same.
var encoding = base64.StdEncoding.Strict()

// Encrypt encrypts plaintext, under a fresh random nonce, into a payload of printable ASCII: an
// event's Content. The payload is half as long again as the text, at least 132 bytes.
// It fails with [ErrPlaintext], or when key is zero.
func Encrypt(plaintext string, key ConversationKey) (string, error) {
	var nonce [nonceSize]byte
	rand.Read(nonce[:]) // never fails: it ends the program instead
	return encrypt(plaintext, key, &nonce)
}

func encrypt(plaintext string, key ConversationKey, nonce *[nonceSize]byte) (string, error) {
	size := len(plaintext)
	switch {
	case key.IsZero():
		return "", errNoConversationKey
	case size < MinPlaintextSize:
		return "", fmt.Errorf("%w: empty", ErrPlaintext)
	case size > MaxPlaintextSize:
		return "", fmt.Errorf("%w: %d bytes, want %d at most", ErrPlaintext, size, MaxPlaintextSize)
	case !utf8.ValidString(plaintext):
		return "", fmt.Errorf("%w: not UTF-8", ErrPlaintext)
	}
	keys, err := key.messageKeys(nonce[:])
	if err != nil {
		return "", err
	}
	defer keys.wipe()
	prefix := prefixLen(size)
	end := headSize + prefix + int(paddedLen(uint64(size)))
	data := make([]byte, end, end+macSize)
	data[0] = Version
	copy(data[1:], nonce[:])
	body := data[headSize:]
	if prefix == shortPrefix {
		binary.BigEndian.PutUint16(body, uint16(size))
	} else {
		binary.BigEndian.PutUint32(body[2:], uint32(size))
	}
	copy(body[prefix:], plaintext)
	if err := keys.chacha20(body); err != nil {
		return "", err
	}
	data = keys.appendMAC(data, data[1:])
	return encoding.EncodeToString(data), nil
}

// Decrypt returns the text that [Encrypt] made payload of with the same key. The event that
// it came in is to be verified before. It fails with [ErrUnsupportedVersion], [ErrMalformed]
// or [ErrMAC], or when key is zero.
func Decrypt(payload string, key ConversationKey) (string, error) {
	if key.IsZero() {
		return "", errNoConversationKey
	}
	data, err := decode(payload)
	if err != nil {
		return "", err
	}
	return open(data, key)
}

// open decrypts in place what decode has returned.
func open(data []byte, key ConversationKey) (string, error) {
	keys, err := key.messageKeys(data[1:headSize])
	if err != nil {
		return "", err
	}
	defer keys.wipe()
	end := len(data) - macSize
	if mac := keys.appendMAC(data, data[1:end])[len(data):]; !hmac.Equal(mac, data[end:]) {
		return "", ErrMAC
	}
	body := data[headSize:end]
	if err := keys.chacha20(body); err != nil {
		return "", err
	}
	return unpad(body)
}

// Check returns nil if payload has the form of one of version 2, else what [Decrypt] would
// say. It takes no key, and does not tell who could decrypt it: it is for those
// who would have to ask a remote signer.
func Check(payload string) error {
	_, err := decode(payload)
	return err
}

// decode returns version, nonce, ciphertext and MAC in one: at least minDecoded bytes. Behind
// them there is room for macSize more.
func decode(payload string) ([]byte, error) {
	switch {
	case strings.HasPrefix(payload, "#"):
		return nil, fmt.Errorf("%w: one that is not base64", ErrUnsupportedVersion)
	case len(payload) < minPayload:
		return nil, fmt.Errorf("%w: %d bytes, want %d at least", ErrMalformed, len(payload), minPayload)
	case len(payload) > maxPayload:
		return nil, fmt.Errorf("%w: %d bytes, want %d at most", ErrMalformed, len(payload), maxPayload)
	case strings.IndexByte(payload, '\n') >= 0 || strings.IndexByte(payload, '\r') >= 0:
		return nil, fmt.Errorf("%w: line feed in base64", ErrMalformed)
	}
	n := encoding.DecodedLen(len(payload))
	data := make([]byte, n, n+macSize) // with room for the MAC to compare
	n, err := encoding.Decode(data, []byte(payload))
	data = data[:n]
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case data[0] != Version:
		return nil, fmt.Errorf("%w: %d", ErrUnsupportedVersion, data[0])
	case len(data) < minDecoded:
		return nil, fmt.Errorf("%w: %d bytes in base64, want %d at least", ErrMalformed, len(data), minDecoded)
	}
	return data, nil
}

// chacha20 encrypts, and decrypts, in place. The block counter starts at zero.
func (m messageKeys) chacha20(data []byte) error {
	stream, err := chacha20.NewUnauthenticatedCipher(m.chachaKey(), m.chachaNonce())
	if err != nil {
		return fmt.Errorf("nip44: %w", err)
	}
	stream.XORKeyStream(data, data)
	return nil
}

// appendMAC appends HMAC-SHA256 of the nonce, NIP-44's associated data, and the ciphertext
// behind it.
func (m messageKeys) appendMAC(dst, nonceAndCiphertext []byte) []byte {
	mac := hmac.New(sha256.New, m.hmacKey())
	mac.Write(nonceAndCiphertext)
	return mac.Sum(dst)
}

func prefixLen(size int) int {
	if size >= longText {
		return longPrefix
	}
	return shortPrefix
}

// paddedLen is the length of a text of size bytes with the zeros behind it: a multiple
// of 32, or of an eighth of the next power of two above 256. The result may be 2³².
func paddedLen(size uint64) uint64 {
	if size <= 32 {
		return 32
	}
	chunk := max(32, uint64(1)<<bits.Len64(size-1)/8)
	return ((size-1)/chunk + 1) * chunk
}

// unpad takes length prefix and zeros off. The MAC was right, so that what is wrong here is
// the sender's doing.
func unpad(padded []byte) (string, error) {
	prefix, size := shortPrefix, uint64(binary.BigEndian.Uint16(padded))
	if size == 0 {
		prefix, size = longPrefix, uint64(binary.BigEndian.Uint32(padded[2:]))
		if size < longText {
			return "", fmt.Errorf("%w: length %d in the long form", ErrMalformed, size)
		}
	}
	if uint64(len(padded)) != uint64(prefix)+paddedLen(size) {
		return "", fmt.Errorf("%w: padding does not fit length %d", ErrMalformed, size)
	}
	text := padded[prefix : prefix+int(size)]
	if !utf8.Valid(text) {
		return "", fmt.Errorf("%w: text is not UTF-8", ErrMalformed)
	}
	return string(text), nil
}
