package limits

import (
	"strings"
	"unicode/utf8"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostr/nip13"
)

// Excess is a limit of a relay's that an event exceeds.
type Excess struct {
	Limit string // its name in the document (NIP-11)
	Bound int64  // what the relay states
	Value int64  // what the event has, in the same unit
	Least bool   // Bound is the least, not the most
}

// Exceeds tells the first limit of a relay's document that an event exceeds (P49, P52).
// messageBytes is how long the message is in which it goes out, now what the time is for
// the relay. A number below one states nothing.
func Exceeds(l nip11.Limitation, e *nostr.Event, messageBytes int, now nostr.Timestamp) (x Excess, exceeds bool) {
	for _, c := range []struct {
		name  string
		bound *int64
		value func() int64
	}{
		{"max_message_length", l.MaxMessageLength, func() int64 { return int64(messageBytes) }},
		{"max_event_tags", l.MaxEventTags, func() int64 { return int64(len(e.Tags)) }},
		{"max_content_length", l.MaxContentLength, func() int64 { return int64(utf8.RuneCountInString(e.Content)) }},
		{"created_at_lower_limit", l.CreatedAtLowerLimit, func() int64 { return int64(now - e.CreatedAt) }},
		{"created_at_upper_limit", l.CreatedAtUpperLimit, func() int64 { return int64(e.CreatedAt - now) }},
	} {
		if c.bound == nil || *c.bound < 1 {
			continue
		}
		if v := c.value(); v > *c.bound {
			return Excess{Limit: c.name, Bound: *c.bound, Value: v}, true
		}
	}
	if bits := l.MinPowDifficulty; bits != nil && *bits > 0 {
		if v := int64(nip13.Difficulty(e.ID)); v < *bits {
			return Excess{Limit: "min_pow_difficulty", Bound: *bits, Value: v, Least: true}, true
		}
	}
	return Excess{}, false
}

// What an event is that no relay is likely to refuse for a limit: strfry takes events of
// 64 KiB, dated up to 15 minutes ahead.
const (
	plainBytes = 16 << 10
	plainTags  = 100
	plainDate  = 10 * 60 // seconds
)

// Plain tells the events that are worth sending to a relay of which nothing is known.
func Plain(e *nostr.Event, messageBytes int, now nostr.Timestamp) bool {
	off := e.CreatedAt - now // no Duration, which holds 292 years
	return messageBytes <= plainBytes && len(e.Tags) <= plainTags && -plainDate <= off && off <= plainDate
}

// dateWords are what relays say of a created_at that they do not take. In deployed relays:
//
//	invalid: created_at too late / too early                            strfry
//	invalid: event creation date is too far off from the current time   NIP-01's example
//	rejected: created_at is more than 900 seconds in the future         nostream
//	The event created_at field is out of the acceptable range           nostr-rs-relay
//	invalid: timestamp too far in the future                            khatru's policies
//	invalid: event too old                                              several
var dateWords = []string{
	"created_at", "created at", "creation date", "timestamp", "in the future", "from the future", "in the past", "too old", "too far ahead", "clock",
}

// Dates tells whether a refusal speaks of dates.
func Dates(text string) bool {
	return hasAny(strings.ToLower(text[:min(len(text), longestText)]), dateWords)
}
