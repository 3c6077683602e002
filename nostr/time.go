package nostr

import "time"

// A Timestamp is a time in whole seconds since 1970-01-01 UTC, the unit of NIP-01.
type Timestamp int64

// Now is the present second.
func Now() Timestamp { return TimestampOf(time.Now()) }

// TimestampOf drops the fraction of t's second.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.Unix()) }

// Time returns t in the local time zone, as [time.Unix] does.
func (t Timestamp) Time() time.Time { return time.Unix(int64(t), 0) }
