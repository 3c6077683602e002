package nip17

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

// AESGCM is the one algorithm that NIP-17 names for files.
const AESGCM = "aes-gcm"

// A File is what a message of kind 15 says of a file that lies somewhere, encrypted.
type File struct {
	URL       string  // where the encrypted file is
	Type      string  // the MIME type before encryption, such as "image/jpeg"; may be "" when read
	Algorithm string  // how it is encrypted: AESGCM
	Key       FileKey // what to decrypt it with
	Nonce     string  // as the sender's program writes it, mostly in hex

	Hash         Hash // of the encrypted file ("x"); zero if a message that was read does not tell, which it should
	OriginalHash Hash // of the file before encryption ("ox"), zero if the message does not tell

	// Zero if the message does not tell.
	Size          int64    // of the encrypted file, in bytes
	Width, Height int      // in pixels
	Thumbhash     string   // to show while the file is loading
	Blurhash      string   // the same
	Thumb         string   // URL of a smaller picture, encrypted in the same way
	Fallback      []string // more URLs of the same file
}

// A Hash is a SHA-256 hash. Zero stands for none.
type Hash [32]byte

// String returns 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns lower-case hex.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("nip17: want a hash of %d hexadecimal digits", 2*len(h))
	}
	copy(h[:], b)
	return nil
}

// The keys of a file message's tags.
const (
	tagType         = "file-type"
	tagAlgorithm    = "encryption-algorithm"
	tagKey          = "decryption-key"
	tagNonce        = "decryption-nonce"
	tagHash         = "x"
	tagOriginalHash = "ox"
	tagSize         = "size"
	tagDim          = "dim"
	tagThumbhash    = "thumbhash"
	tagBlurhash     = "blurhash"
	tagThumb        = "thumb"
	tagFallback     = "fallback"
)

var fileTags = []string{tagType, tagAlgorithm, tagKey, tagNonce, tagHash, tagOriginalHash, tagSize, tagDim, tagThumbhash, tagBlurhash, tagThumb, tagFallback}

// tags fails when something is missing that the text's kind 15 has.
func (f *File) tags() (nostr.Tags, error) {
	var tags nostr.Tags
	for _, need := range [][2]string{{"url", f.URL}, {tagType, f.Type}, {tagAlgorithm, f.Algorithm}, {tagKey, f.Key.Reveal()}, {tagNonce, f.Nonce}} {
		if need[1] == "" {
			return nil, fmt.Errorf("%w: file without %s", ErrInvalid, need[0])
		}
		if need[0] != "url" { // which is the content
			tags = append(tags, nostr.Tag{need[0], need[1]})
		}
	}
	switch {
	case f.Hash == Hash{}:
		return nil, fmt.Errorf("%w: file without x, its hash", ErrInvalid)
	case f.Size < 0 || f.Width < 0 || f.Height < 0:
		return nil, fmt.Errorf("%w: file of negative size", ErrInvalid)
	}
	optional := func(key, value string, there bool) {
		if there {
			tags = append(tags, nostr.Tag{key, value})
		}
	}
	optional(tagHash, f.Hash.String(), true)
	optional(tagOriginalHash, f.OriginalHash.String(), f.OriginalHash != Hash{})
	optional(tagSize, strconv.FormatInt(f.Size, 10), f.Size > 0)
	optional(tagDim, strconv.Itoa(f.Width)+"x"+strconv.Itoa(f.Height), f.Width > 0 && f.Height > 0)
	optional(tagThumbhash, f.Thumbhash, f.Thumbhash != "")
	optional(tagBlurhash, f.Blurhash, f.Blurhash != "")
	optional(tagThumb, f.Thumb, f.Thumb != "")
	for _, url := range f.Fallback {
		optional(tagFallback, url, true)
	}
	return tags, nil
}

// parseFile wants what it takes to decrypt the file. What is only for show is left out when
// it is not as it should be; a hash that is none is no small thing.
func parseFile(rumor *nostr.Event) (*File, error) {
	value := func(key string) string { return rumor.Tags.Find(key).Value() }
	f := &File{
		URL: rumor.Content, Type: value(tagType), Algorithm: value(tagAlgorithm), Key: NewFileKey(value(tagKey)), Nonce: value(tagNonce),
		Thumbhash: value(tagThumbhash), Blurhash: value(tagBlurhash), Thumb: value(tagThumb),
	}
	for _, need := range [][2]string{{"url", f.URL}, {tagAlgorithm, f.Algorithm}, {tagKey, f.Key.Reveal()}, {tagNonce, f.Nonce}} {
		if need[1] == "" {
			return nil, fmt.Errorf("%w: file without %s", ErrInvalid, need[0])
		}
	}
	for _, hash := range []struct {
		key  string
		into *Hash
	}{{tagHash, &f.Hash}, {tagOriginalHash, &f.OriginalHash}} {
		if s := value(hash.key); s != "" {
			if err := hash.into.UnmarshalText([]byte(s)); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, hash.key, err)
			}
		}
	}
	if n, err := strconv.ParseUint(value(tagSize), 10, 63); err == nil {
		f.Size = int64(n)
	}
	w, h, _ := strings.Cut(value(tagDim), "x")
	width, errW := strconv.ParseUint(w, 10, 31)
	height, errH := strconv.ParseUint(h, 10, 31)
	if errW == nil && errH == nil && width > 0 && height > 0 {
		f.Width, f.Height = int(width), int(height)
	}
	for tag := range rumor.Tags.FindAll(tagFallback) {
		if url := tag.Value(); url != "" {
			f.Fallback = append(f.Fallback, url)
		}
	}
	return f, nil
}
