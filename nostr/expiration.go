package nostr

import (
	"slices"
	"strconv"
)

const expirationKey = "expiration"

// ExpirationTag returns ["expiration", at], at in decimal: after that second nobody should
// show the event, and relays should delete it (NIP-40). It is a request, not a lock:
// whoever has a copy can keep it.
func ExpirationTag(at Timestamp) Tag {
	return Tag{expirationKey, strconv.FormatInt(int64(at), 10)}
}

// WithExpiration returns a copy of the tags in which [ExpirationTag] is the last, in the
// place of all expiration tags there were.
func (tags Tags) WithExpiration(at Timestamp) Tags {
	out := slices.DeleteFunc(tags.Clone(), func(t Tag) bool { return t.Key() == expirationKey })
	return append(out, ExpirationTag(at))
}

// Expiration returns when the event expires (NIP-40), and false if it never does. The
// first expiration tag with a decimal number of seconds counts; those with anything
// else are ignored. What was meant as milliseconds lies in the far future.
func (e *Event) Expiration() (at Timestamp, ok bool) {
	for t := range e.Tags.FindAll(expirationKey) {
		// ParseUint takes no sign; the 63 bits are those of a Timestamp.
		if n, err := strconv.ParseUint(t.Value(), 10, 63); err == nil {
			return Timestamp(n), true
		}
	}
	return 0, false
}

// Expired reports whether the event's time has come at the second now, mostly [Now].
// It is to be ignored from the very second its expiration tag names (NIP-40).
func (e *Event) Expired(now Timestamp) bool {
	at, ok := e.Expiration()
	return ok && at <= now
}
