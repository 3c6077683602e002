package nip19

import (
	"fmt"
	"iter"
	"strings"

	"github.com/gennostr/gennostr/internal/bech32"
)

const (
	scheme       = "nostr:"
	secretPrefix = "nsec1"
)

// hasPrefix is [strings.HasPrefix] without regard to case: URIs have any, and bech32
// comes in both.
func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// DecodeURI reads a URI of NIP-21: "nostr:", in any case, and an entity as [Decode] reads
// it. An nsec is refused with [ErrSecretInURI].
func DecodeURI(s string) (Entity, error) {
	if !hasPrefix(s, scheme) {
		return nil, fmt.Errorf("%w: does not begin with \"nostr:\"", ErrMalformed)
	}
	s = s[len(scheme):]
	if hasPrefix(s, secretPrefix) {
		return nil, ErrSecretInURI
	}
	return Decode(s)
}

// EncodeURI returns "nostr:" and the entity (NIP-21). It fails as [Encode] does, and
// with [ErrSecretInURI] for a secret key.
func EncodeURI(e Entity) (string, error) {
	s, err := Encode(e)
	switch {
	case err != nil:
		return "", err
	case hasPrefix(s, secretPrefix):
		return "", ErrSecretInURI
	}
	return scheme + s, nil
}

// A Match is an entity in a text.
type Match struct {
	Start, End int    // text[Start:End] is what was found, "nostr:" included
	URI        bool   // whether it has "nostr:" before it (NIP-21)
	Entity     Entity // never a SecretKey
}

// FindAll yields the entities in a text, such as a note's content (NIP-27), from left to
// right: nostr: URIs and bare ones. An entity ends where letters and digits end, and
// begins where a word does; what is malformed is passed over, and so are secret
// keys. It takes time in proportion to the length of the text, whatever is in it.
func FindAll(text string) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for start := 0; start < len(text); {
			if !isWord(text[start]) {
				start++
				continue
			}
			end := start + 1
			for end < len(text) && isWord(text[end]) {
				end++
			}
			if m, ok := match(text, start, end); ok && !yield(m) {
				return
			}
			start = end
		}
	}
}

// match looks at one word of the text.
func match(text string, start, end int) (Match, bool) {
	const shortest, longest = len("note1") + 6, bech32.MaxLength
	word := text[start:end]
	if n := len(word); n < shortest || n > longest || word[0]|0x20 != 'n' || hasPrefix(word, secretPrefix) {
		return Match{}, false
	}
	e, err := Decode(word)
	if err != nil {
		return Match{}, false
	}
	m := Match{Start: start, End: end, Entity: e}
	if at := start - len(scheme); at >= 0 && hasPrefix(text[at:], scheme) && (at == 0 || !isWord(text[at-1])) {
		m.Start, m.URI = at, true
	}
	return m, true
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
