package limits

import "strings"

// A Reason is why a relay refuses a REQ, as far as its words tell.
type Reason uint8

// The reasons. Most are the prefixes of NIP-01 and NIP-42, or words to the same effect.
const (
	Unknown              Reason = iota // no words, or none that are known
	TooManySubscriptions               // on this connection; nobody's fault
	TooManyFilters                     // in the REQ
	TooLong                            // the message, a list in a filter, or a value: Split may help
	LimitTooHigh                       // a filter's limit
	RateLimited                        // too much of something in some time
	AuthRequired                       // AUTH, then again (NIP-42)
	Restricted                         // AUTH does not help (NIP-42)
	Duplicate                          // a subscription with that id, or those filters, is open
	Unsupported                        // something in the filter
	Invalid                            // the REQ
	Blocked                            // whoever asks, or what for
	Mute                               // nobody listens
	Error                              // the relay is in trouble
)

var reasonNames = [...]string{
	Unknown: "unknown", TooManySubscriptions: "too many subscriptions", TooManyFilters: "too many filters", TooLong: "too long",
	LimitTooHigh: "limit too high", RateLimited: "rate-limited", AuthRequired: "auth-required", Restricted: "restricted", Duplicate: "duplicate",
	Unsupported: "unsupported", Invalid: "invalid", Blocked: "blocked", Mute: "mute", Error: "error",
}

// String is for logs: the prefix, or a few words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[Unknown]
}

// longestText is how much of a refusal is read, in bytes: it may be as long as a frame.
const longestText = 512

// read finds the reason in a refusal. Relays agree neither on prefixes for what
// there is too much of nor on words, and many leave the prefix out. So what the
// words say comes first, but for the two prefixes that are never used otherwise.
func read(text string) Reason {
	s := strings.ToLower(text[:min(len(text), longestText)])
	prefix := prefixOf(s)
	switch {
	case prefix == AuthRequired, prefix == Duplicate:
		return prefix
	case ofSubscriptionID(s):
		return Invalid
	case ofLimit(s):
		return LimitTooHigh
	case ofFilters(s):
		return TooManyFilters
	case ofSubscriptions(s):
		return TooManySubscriptions
	case hasAny(s, longWords) || ofList(s):
		return TooLong
	case hasAny(s, rateWords) || hasAny(s, perTime) && hasAny(s, manyWords):
		return RateLimited
	case prefix == Unknown || prefix == Error:
		return ofWords(s, prefix)
	}
	return prefix
}

var prefixes = []struct {
	word   string
	reason Reason
}{
	{"rate-limited:", RateLimited}, {"auth-required:", AuthRequired}, {"restricted:", Restricted}, {"duplicate:", Duplicate},
	{"unsupported:", Unsupported}, {"invalid:", Invalid}, {"blocked:", Blocked}, {"mute:", Mute},
}

// prefixOf returns what the prefix says. That of strfry stands behind "ERROR: " (Q01).
func prefixOf(s string) Reason {
	s, failed := strings.CutPrefix(s, "error:")
	s = strings.TrimLeft(s, " ")
	for _, p := range prefixes {
		if strings.HasPrefix(s, p.word) {
			return p.reason
		}
	}
	if failed {
		return Error
	}
	return Unknown
}

// manyWords say that a count has a bound. "limit" alone does not: rates have limits, too.
var manyWords = []string{
	"too many", "too much", "no more than", "at most", "exceed", "maximum", "max ", "max:", "max_", "limit reached", "limit of", "limit is",
	"count reached", "less than or equal", "less then or equal", // sic: nostream
}

var longWords = []string{
	"too large", "too long", "too big", "message length", "message_length", "size limit", "max length", "total filter items",
	"too many ids", "too many event ids", "too many authors", "too many pubkeys", "too many kinds", "too many tag", "too many values", "too many items",
	"less than or equal to", // zod and joi, of list lengths
}

var rateWords = []string{
	"rate limit", "rate-limit", "ratelimit", "slow down", "too many requests", "too many messages", "too many connections", "throttl",
	"budget exhausted", "burst exhausted", "too fast",
}

// A number for some time is a rate, whatever is counted.
var perTime = []string{"per second", "per minute", "per hour", "a second", "a minute"}

func hasAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// hasWord reports whether a word stands there with no letter beside it.
func hasWord(s, word string) bool {
	for i := 0; ; {
		at := strings.Index(s[i:], word)
		if at < 0 {
			return false
		}
		at += i
		i = at + len(word)
		if (at == 0 || !isLetter(s[at-1])) && (i == len(s) || !isLetter(s[i])) {
			return true
		}
	}
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }

func ofSubscriptionID(s string) bool {
	return hasAny(s, []string{"subscription id", "subid", "sub id", "sub_id"}) && hasAny(s, []string{"long", "length", "max", "less"})
}

func ofLimit(s string) bool {
	return hasAny(s, []string{"limit too high", "limit is too high", "limit must", "limit too large", "limit is too large", `.limit"`, "max_limit", "limit exceeds "})
}

func ofFilters(s string) bool {
	if strings.Contains(s, "arr too big") { // strfry, of the REQ
		return true
	}
	return strings.Contains(s, "filters") && hasAny(s, manyWords) && !hasAny(s, perTime)
}

// ofList is for lists in a filter: "135 authors in a filter, at most 100".
func ofList(s string) bool {
	about := strings.Contains(s, "filter") && (hasWord(s, "ids") || hasWord(s, "authors") || hasWord(s, "pubkeys") || hasWord(s, "kinds") || hasWord(s, "values") || strings.Contains(s, " #"))
	return about && hasAny(s, manyWords) && !hasAny(s, perTime)
}

func ofSubscriptions(s string) bool {
	about := hasAny(s, []string{"subscriptions", "concurrent subscription", "subscription count", "subscription limit", "active subscription", "concurrent reqs"}) ||
		hasWord(s, "reqs") || hasWord(s, "subs")
	return about && hasAny(s, manyWords) && !hasAny(s, perTime)
}

// ofWords looks for other words where the prefix says little.
func ofWords(s string, prefix Reason) Reason {
	switch {
	case strings.Contains(s, "duplicate subscription"):
		return Duplicate
	case hasAny(s, []string{"unrecognised filter", "not supported", "unsupported"}):
		return Unsupported
	case hasAny(s, []string{"bad req", "invalid"}):
		return Invalid
	}
	return prefix
}
