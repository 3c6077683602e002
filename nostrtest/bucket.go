package nostrtest

import "time"

// bucket bounds how often something happens: size times at once, and once more for every
// period that passes. The zero value has all of them left.
type bucket struct {
	full time.Time // when all of them will be left again, if nothing more happens
}

// take counts one, if there is one left.
func (b *bucket) take(now time.Time, size int, period time.Duration) bool {
	if b.due(now, size, period) > 0 {
		return false
	}
	b.count(now, period)
	return true
}

// wait counts one, and returns how long it takes until it is left.
func (b *bucket) wait(now time.Time, size int, period time.Duration) time.Duration {
	d := b.due(now, size, period)
	b.count(now, period)
	return d
}

// due returns how long it takes until one is left.
func (b *bucket) due(now time.Time, size int, period time.Duration) time.Duration {
	if b.full.Before(now) { // also at first: the zero time is further off than a Duration reaches
		return 0
	}
	return max(b.full.Sub(now)-time.Duration(size-1)*period, 0)
}

func (b *bucket) count(now time.Time, period time.Duration) {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(period)
}
