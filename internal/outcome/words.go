package outcome

import (
	"strings"
	"unicode/utf8"
)

// A Verdict is what became of an event on a relay.
type Verdict uint8

const (
	Open       Verdict = iota // none yet
	Accepted                  // OK true
	Duplicate                 // the relay had it
	Superseded                // the relay has a newer one in its place, and not this one
	Refused                   // OK false, or AUTH that was needed has failed
	Unanswered                // no answer in time, or no connection
)

var verdictNames = [...]string{
	Open: "open", Accepted: "accepted", Duplicate: "duplicate", Superseded: "superseded", Refused: "refused", Unanswered: "unanswered",
}

// String is a word for logs.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return verdictNames[Open]
}

// Has tells whether the relay has the event.
func (v Verdict) Has() bool { return v == Accepted || v == Duplicate }

// A Reason is why an event was refused, as far as that changes what is done next.
type Reason uint8

const (
	Other        Reason = iota // final: pow, blocked, invalid, error, or words that are not known
	RateLimited                // later, perhaps
	AuthRequired               // AUTH, then again (P42)
	Restricted                 // AUTH does not help (P43)
	Mute                       // nobody listens: an ephemeral event is gone (P33)
	Deleted                    // its author has asked for its deletion
)

var reasonNames = [...]string{
	Other: "other", RateLimited: "rate-limited", AuthRequired: "auth-required", Restricted: "restricted", Mute: "mute", Deleted: "deleted",
}

// String is a word for logs.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[Other]
}

// Bounds of the relay's words, in bytes: an OK may be as long as a frame.
const (
	longestRead    = 512  // of which the meaning is read
	longestMessage = 1024 // that are kept
)

// Read tells what an OK means. reason says something of what is Refused only.
//
// true is success, whatever prefix stands behind it (P28), but for one thing: several
// relays say true, with words of a newer version, for a replaceable event that they have
// not stored (P08). That is no error, and they do not have the event either.
func Read(accepted bool, message string) (v Verdict, reason Reason) {
	s := strings.ToLower(message[:min(len(message), longestRead)])
	prefix, text := splitPrefix(s)
	switch {
	case ofNewer(accepted, prefix, text):
		return Superseded, Other
	case accepted && prefix == "duplicate":
		return Duplicate, Other
	case accepted:
		return Accepted, Other
	case ofDeletion(prefix, text):
		return Refused, Deleted // also behind "duplicate:" (netstr)
	case prefix == "duplicate" || prefix == "" && strings.HasPrefix(text, "duplicate"):
		return Duplicate, Other
	}
	return Refused, reasonOf(prefix, text)
}

// splitPrefix splits lower-case words at the first colon, if a single word of letters
// and dashes is before it. That of strfry stands behind "ERROR: " (Q01).
func splitPrefix(s string) (prefix, text string) {
	if behind, ok := strings.CutPrefix(s, "error:"); ok {
		if prefix, text = splitPrefix(strings.TrimLeft(behind, " ")); isKnown(prefix) {
			return prefix, text
		}
		return "error", strings.TrimLeft(behind, " ")
	}
	prefix, text, ok := strings.Cut(s, ":")
	if !ok || prefix == "" || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "", s
	}
	return prefix, strings.TrimLeft(text, " ")
}

// isKnown: a prefix that means the same behind "ERROR: " as without.
func isKnown(prefix string) bool {
	switch prefix {
	case "duplicate", "pow", "blocked", "rate-limited", "invalid", "restricted", "mute", "auth-required", "replaced", "deleted", "unsupported":
		return true
	}
	return false
}

// ofNewer: the relay has a newer version. In deployed relays:
//
//	replaced: have newer event                                     strfry
//	duplicate: already have a newer version of this event          netstr
//	duplicate: a newer version …                                   Quartz, with true
//	duplicate: newer event already exists                          nosflare
//	invalid: not replacing newer replaceable event                 realy
//	invalid: a newer version of this event exists                  several
//	replaced event                                                 relays on rust-nostr's stores
//
// khatru and nostream say nothing, and true, nostream with a bare "duplicate:", which
// cannot be told from a duplicate. A newer deletion is none, nor is a date that should be
// newer, nor a newer client: so "newer" counts only beside what may be newer here. Words
// behind true may speak of what this event has replaced, so there the prefix counts too.
func ofNewer(accepted bool, prefix, text string) bool {
	instead := prefix == "replaced" || prefix == "superseded" || text == "replaced"
	deletion := strings.Contains(text, "delet")
	newer := strings.Contains(text, "newer")
	switch {
	case accepted:
		return newer && !deletion && (instead || prefix == "duplicate")
	case instead:
		return true
	case deletion:
		return false
	}
	return newer && prefix == "duplicate" || hasAny(text, newerWords)
}

var newerWords = []string{
	"have newer", "have a newer", "has a newer", "newer event", "newer version of", "newer replaceable", "newer addressable",
	"newer parameterized", "newer or equal", "newer one exists", "newer version exists", "replaced event", "replaced by", "event is replaced", "superseded by",
}

// ofDeletion: the author has deleted it. In deployed relays:
//
//	deleted: user requested deletion                               strfry
//	blocked: this event has been deleted                           khatru
//	duplicate: this event was already deleted                      netstr
//	deleted event                                                  relays on rust-nostr's stores
func ofDeletion(prefix, text string) bool {
	return prefix == "deleted" || strings.Contains(text, "delet") && hasAny(text, deletionWords)
}

// Of a deletion request that is refused itself the words are others.
var deletionWords = []string{
	"been deleted", "was deleted", "is deleted", "already deleted", "deleted event", "event deleted", "deleted by", "covered by a deletion",
	"deletion exists", "requested deletion",
}

// rateWords are for relays that leave the prefix out, or write another.
var rateWords = []string{
	"rate limit", "rate-limit", "ratelimit", "slow down", "too fast", "too many requests", "too many messages", "throttl", "noting too much",
}

// reasonOf reads a refusal. The prefixes that mean one thing only come first.
func reasonOf(prefix, text string) Reason {
	switch prefix {
	case "rate-limited", "rate-limit":
		return RateLimited
	case "auth-required":
		return AuthRequired
	case "restricted":
		return Restricted
	case "mute":
		return Mute
	case "pow", "invalid":
		return Other
	}
	switch {
	case hasAny(text, rateWords):
		return RateLimited
	case prefix == "" && hasAny(text, []string{"auth required", "auth-required", "authentication required"}):
		return AuthRequired
	}
	return Other
}

func hasAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// clip is what is kept of a relay's words: a copy, since they may be part of a frame.
func clip(message string) string {
	if len(message) <= longestMessage {
		return strings.Clone(message)
	}
	end := longestMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return strings.Clone(message[:end])
}
