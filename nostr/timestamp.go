package nostr

import (
	"math"
	"time"
)

// A Timestamp is a time in whole seconds since 1970-01-01 UTC, the unit of NIP-01. In an
// event it is what the author says, or the author's clock, or a program that counts in milliseconds.
type Timestamp int64

// MaxAhead is how many seconds into the future a date may lie and still be believed: a
// quarter of an hour, beyond which most relays refuse events too. Clocks are
// seldom off by so much.
const MaxAhead Timestamp = 15 * 60

// Now is the present second.
func Now() Timestamp { return TimestampOf(time.Now()) }

// TimestampOf drops the fraction of t's second.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.Unix()) }

// Time returns t in the local time zone, as [time.Unix] does. What lies beyond the range
// of [time.Time], some 292 billion years ahead, is its end: the far future stays in the future.
func (t Timestamp) Time() time.Time {
	const toYearOne = 62135596800 // seconds that time.Time counts before 1970
	return time.Unix(min(int64(t), math.MaxInt64-toYearOne), 0)
}

// IsAhead reports whether t lies more than [MaxAhead] after now, mostly [Now]: no honest
// clock shows that yet.
func (t Timestamp) IsAhead(now Timestamp) bool {
	// The difference of two 64-bit numbers, the larger one first, fits into 64 bits without a sign.
	return t > now && uint64(t)-uint64(now) > uint64(MaxAhead)
}
