package nostrtest

import "time"

// bucket is a token bucket that starts full. The zero value becomes one by its first use.
type bucket struct {
	filled time.Time // when it last held what left says
	left   float64
}

// refill adds what has come in since the last call. A bucket holds size tokens, one of
// which comes in every period.
func (b *bucket) refill(now time.Time, size int, period time.Duration) {
	if b.filled.IsZero() {
		b.left = float64(size)
	} else {
		b.left = min(b.left+float64(now.Sub(b.filled))/float64(period), float64(size))
	}
	b.filled = now
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time, size int, period time.Duration) bool {
	b.refill(now, size, period)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// wait takes a token, and returns how long it takes until that is there.
func (b *bucket) wait(now time.Time, size int, period time.Duration) time.Duration {
	b.refill(now, size, period)
	b.left--
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left * float64(period))
}
