// Package refs reads what several NIPs have in their tags.
package refs

import (
	"strconv"

	"github.com/gennostr/gennostr/nostr"
)

// Address reads the value of an "a" tag, or of another tag that may hold an address (NIP-01).
func Address(s string) (kind nostr.Kind, author nostr.PubKey, ok bool) {
	a, err := nostr.ParseAddress(s)
	return a.Kind, a.PubKey, err == nil
}

// Kind reads the value of a "k" tag, or of "K": a number from 0 to 65535 as it is written, without
// zeros before it.
func Kind(s string) (nostr.Kind, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return nostr.Kind(n), err == nil && strconv.FormatUint(n, 10) == s
}

// Third returns the third string of a tag, which is a hint mostly, "" if there is none.
func Third(t nostr.Tag) string {
	if len(t) > 2 {
		return t[2]
	}
	return ""
}

// Hinted returns a tag with a hint at its end, without one if that is "".
func Hinted(hint string, tag ...string) nostr.Tag {
	if hint != "" {
		tag = append(tag, hint)
	}
	return tag
}
