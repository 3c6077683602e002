package nostr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/internal/strictjson"
)

// ParsePubKey reads a public key as people write it, in flags and configurations: 64
// lower-case hexadecimal digits or a NIP-19 npub, with or without "nostr:" before it
// (NIP-21). White space around it is ignored.
//
// The error for another NIP-19 entity says what it is. Errors never repeat the input,
// which may be a secret key in the wrong place. On the wire keys are hex only, see
// [PubKeyFromHex].
func ParsePubKey(s string) (PubKey, error) {
	b, err := parse32(s, "public key", "npub")
	return PubKey(b), err
}

// ParseID reads an event ID as people write it: 64 lower-case hexadecimal digits or a
// NIP-19 note, otherwise as [ParsePubKey].
func ParseID(s string) (ID, error) {
	b, err := parse32(s, "event id", "note")
	return ID(b), err
}

// ParseSecretKey reads a secret key as people write it: 64 lower-case hexadecimal digits
// or a NIP-19 nsec. White space around it is ignored, such as the line feed at the end
// of a file. Errors never repeat the input. NIP-21 has no "nostr:" for secret keys, and
// so it is refused here.
func ParseSecretKey(s string) (SecretKey, error) {
	const what = "secret key"
	s = trimSpace(s)
	if _, isURI := cutScheme21(s); isURI {
		return SecretKey{}, errors.New("nostr: secret key: must not be a nostr: URI (NIP-21)")
	}
	b, err := parse32(s, what, "nsec")
	if err != nil {
		return SecretKey{}, err
	}
	sk, ok := secretKeyFromBytes(&b)
	if !ok {
		return SecretKey{}, errors.New("nostr: secret key: zero or not below the order of secp256k1")
	}
	return sk, nil
}

// parse32 reads 32 bytes from hex, or from bech32 with the prefix want.
func parse32(s, what, want string) (out [32]byte, err error) {
	s, _ = cutScheme21(trimSpace(s))
	switch prefix := entityPrefix(s); {
	case prefix == want:
		prefix, data, err := bech32.Decode(s)
		if err == nil && prefix != want { // bech32 ends its prefix at the last "1", not the first
			err = errors.New("something stands between the prefix and the data")
		}
		if err != nil {
			return out, fmt.Errorf("nostr: %s: bad %s: %w", what, want, err)
		}
		defer clear(data)
		if len(data) != len(out) {
			return out, fmt.Errorf("nostr: %s: bad %s: %d bytes, want %d", what, want, len(data), len(out))
		}
		return [32]byte(data), nil
	case prefix != "":
		return out, fmt.Errorf("nostr: %s: this is %s, want %s or 64 lower-case hex digits", what, entityName(prefix), want)
	case len(s) != 2*len(out):
		return out, fmt.Errorf("nostr: %s: want 64 lower-case hex digits or %s, got %d bytes", what, want, len(s))
	case !strictjson.DecodeHex(out[:], s):
		clear(out[:])
		return out, fmt.Errorf("nostr: %s: %w", what, errNotHex)
	}
	return out, nil
}

func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }

// cutScheme21 cuts the scheme of NIP-21 off, in any case, as URIs have it.
func cutScheme21(s string) (rest string, found bool) {
	const scheme = "nostr:"
	if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		return s[len(scheme):], true
	}
	return s, false
}

// entityPrefix returns the prefix of NIP-19 or NIP-49 that s begins with, "" if there is
// none. What else stands before a "1" is no prefix but may be the digits of a secret.
func entityPrefix(s string) string {
	for _, prefix := range [...]string{"npub", "nsec", "note", "nprofile", "nevent", "naddr", "nrelay", "ncryptsec"} {
		if n := len(prefix); len(s) > n && s[n] == '1' && strings.EqualFold(s[:n], prefix) {
			return prefix
		}
	}
	return ""
}

// entityName says in an error message what the entities with that prefix are.
func entityName(prefix string) string {
	switch prefix {
	case "npub":
		return "an npub (a public key)"
	case "nsec":
		return "an nsec (a secret key: show it to nobody)"
	case "note":
		return "a note (an event id)"
	case "nprofile":
		return "an nprofile (a public key with relays: see package nip19)"
	case "nevent":
		return "an nevent (an event id with relays: see package nip19)"
	case "naddr":
		return "an naddr (an address of events: see package nip19)"
	case "ncryptsec":
		return "an ncryptsec (an encrypted secret key, NIP-49: decrypt it first)"
	}
	return "an " + prefix
}
