package verify

import (
	"runtime"
	"sync/atomic"
	"time"
)

// To let others run for a moment costs a submitter next to nothing, unless somebody
// never waits: with a computation on every processor it costs a time slice of theirs.
// Then the submitters of this pool are not so polite for a while.

const (
	dear    = 2 * time.Millisecond // a yield that took so long was a time slice
	dearFor = 100                  // how many times as long nobody yields after it
)

// courtesy tells whether to yield.
type courtesy struct {
	until atomic.Int64 // nanoseconds on the caller's clock: nobody yields before
}

// yield lets others run, unless that has been dear lately.
func (c *courtesy) yield(clock func() time.Duration, yield func()) {
	now := clock()
	if int64(now) < c.until.Load() {
		return
	}
	yield()
	if took := clock() - now; took >= dear {
		c.until.Store(int64(now + dearFor*took))
	}
}

// Yield lets others run that are ready to, such as whoever waits for what has just
// been delivered, as long as that costs little. Any goroutine.
func (l *Lane[T]) Yield() { l.pool.Yield() }

// Yield is Yield of a lane, for those who have none.
func (p *Pool) Yield() {
	p.courtesy.yield(func() time.Duration { return time.Since(p.born) }, runtime.Gosched)
}
