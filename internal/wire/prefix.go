package wire

import "strings"

// The machine-readable words that OK, CLOSED and NEG-ERR start with, before a
// colon (NIP-01, NIP-42, NIP-77, P32, P68). Relays use others as well.
const (
	PrefixDuplicate    = "duplicate"
	PrefixPoW          = "pow"
	PrefixBlocked      = "blocked"
	PrefixRateLimited  = "rate-limited"
	PrefixInvalid      = "invalid"
	PrefixRestricted   = "restricted"
	PrefixMute         = "mute"
	PrefixError        = "error"
	PrefixAuthRequired = "auth-required"
	PrefixUnsupported  = "unsupported" // seen, in no NIP
	PrefixClosed       = "closed"      // NIP-77
)

// longestPrefix bounds the words taken for a prefix, in bytes; the known ones have 13 at most.
const longestPrefix = 32

// SplitPrefix splits "prefix: text" (NIP-01, P28, P32). The prefix is one word of
// lower-case letters and dashes; the space behind the colon may be missing. An
// "ERROR: " before it, as strfry writes in CLOSED, is passed over (Q01). Without a
// prefix the first result is "" and the second the whole message.
func SplitPrefix(message string) (prefix, text string) {
	rest, strfry := strings.CutPrefix(message, "ERROR:")
	if strfry {
		rest = strings.TrimLeft(rest, " ")
	}
	for i := 0; i < len(rest) && i <= longestPrefix; i++ {
		switch c := rest[i]; {
		case 'a' <= c && c <= 'z', c == '-' && i > 0:
		case c == ':' && i > 0 && !strings.HasPrefix(rest[i+1:], "//"): // "wss://…" is no prefix
			return rest[:i], strings.TrimLeft(rest[i+1:], " ")
		default:
			return "", message
		}
	}
	return "", message
}
