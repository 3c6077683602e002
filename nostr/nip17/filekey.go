package nip17

import (
	"errors"
	"fmt"
	"log/slog"
)

// A FileKey decrypts a file. It prints as redacted wherever it is printed or logged, alone
// or inside other values, and is not marshalled: who stores messages stores their rumors.
// [FileKey.Reveal] is the one way out. The zero value is no key.
type FileKey struct {
	k *fileKey
}

// The key is in a closure, where no printer finds it: fmt prints what is behind a pointer
// in a struct, and without asking its methods, when the verb does not fit.
type fileKey struct {
	open func() string
}

// NewFileKey takes a key as the sender's program writes it, mostly in hex.
func NewFileKey(s string) FileKey {
	if s == "" {
		return FileKey{}
	}
	return FileKey{&fileKey{open: func() string { return s }}}
}

// Reveal returns the key itself, "" if k is zero.
func (k FileKey) Reveal() string {
	if k.k == nil {
		return ""
	}
	return k.k.open()
}

const redacted = "FileKey(redacted)"

// Format writes the same redacted text for every verb.
func (k FileKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns a redacted text.
func (k FileKey) String() string { return redacted }

// LogValue returns a redacted text for [slog].
func (k FileKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails, and so do JSON, YAML and others that call it: what they would write
// is a secret, or cannot be read again. The zero key is an empty text.
func (k FileKey) MarshalText() ([]byte, error) {
	if k.k == nil {
		return []byte{}, nil
	}
	return nil, errNotMarshaled
}

// UnmarshalText is [NewFileKey].
func (k *FileKey) UnmarshalText(text []byte) error {
	*k = NewFileKey(string(text))
	return nil
}

var errNotMarshaled = errors.New("nip17: file keys are not marshalled: store the rumor, or what Reveal returns")
