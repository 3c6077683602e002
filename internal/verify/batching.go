package verify

import "time"

// The more signatures are checked together, the less each of them takes. So while
// submitters have more at hand, events wait until there is a whole batch of them:
// for as long as it takes to bring it, and no longer. There is no timer. A
// submitter says when it has more and when it is about to wait itself; once all of
// them wait, what there is is checked at once.
//
// A relay must not be able to make others wait for nothing: a submitter is waited
// for while it brings events to be checked and is no suspect, and never for long.

const (
	// minBatch is how many events of a burst a worker takes before it leaves some to
	// others: fewer would save too little by being together. It takes two
	// milliseconds or so.
	minBatch = 256
	// patience is how long events wait for others, as far as anybody looks: which is
	// after every round of a submitter, and when one pauses.
	patience = 5 * time.Millisecond
)

// Expect tells that the submitter has more at hand, which it will submit next, or
// else call Pause. The submitter calls it, or whoever acts for it.
func (l *Lane[T]) Expect() { l.expect(true) }

// Pause takes Expect back. It has to be called before the submitter waits for
// anything, since others may wait for it. Any goroutine.
func (l *Lane[T]) Pause() { l.expect(false) }

func (l *Lane[T]) expect(more bool) {
	if l.hasMore.Load() == more {
		return
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if l.hasMore.Swap(more) != more {
		l.recount()
	}
}

// Round tells that the submitter has dealt with some of what it has at hand,
// whether or not it was to be submitted. If none of it was, nobody waits for it
// until it brings something. The time between its rounds should be a fraction of a
// millisecond. At their end others may run, as by Yield.
func (l *Lane[T]) Round() {
	p := l.pool
	p.mu.Lock()
	l.useful, l.brought = l.brought, false
	l.recount()
	p.look()
	p.mu.Unlock()
	l.Yield()
}

// bring takes note of an event that nobody else has brought. Needs pool.mu.
func (l *Lane[T]) bring() {
	l.brought, l.useful = true, true
	l.recount()
}

// recount counts the lane among those that are awaited, or does not. Needs pool.mu.
func (l *Lane[T]) recount() {
	counts := l.hasMore.Load() && l.useful && !l.suspect()
	if counts == l.awaited {
		return
	}
	l.awaited = counts
	if counts {
		l.pool.awaited++
		return
	}
	l.pool.awaited--
	l.pool.look()
}

// look finds out whether events have waited for too long. Needs mu.
func (p *Pool) look() {
	if p.waiting > 0 && p.awaited > 0 && !p.overdue && time.Since(p.since) >= patience {
		p.overdue = true
	}
	if p.due() {
		p.rouse()
	}
}

// count takes note of events that have begun to wait for a worker, or, if negative,
// that no longer do, and of how many of them are repeats. Needs mu.
func (p *Pool) count(n, repeats int) {
	if p.waiting == 0 && n > 0 {
		p.since, p.overdue = time.Now(), false
	}
	p.waiting += n
	p.repeats += repeats
}

// whole tells whether the largest batch can be made. Needs mu.
func (p *Pool) whole() bool { return p.waiting-p.repeats >= p.cfg.MaxBatch }

// due tells whether there are events to be checked that had better not wait for
// others. Needs mu; who brings it about calls rouse.
func (p *Pool) due() bool {
	return p.waiting > 0 && (p.awaited == 0 || p.whole() || p.overdue || p.stopped)
}

// room is how many events of those that wait are one worker's. In the middle of a
// stream all of them, since what it leaves would wait for more to come. Of what a
// burst has left, its part: the others that have nothing to check take theirs at once,
// and equal parts cost less than some large and some small ones. Needs mu.
func (p *Pool) room() int {
	if p.awaited > 0 || p.whole() {
		return p.cfg.MaxBatch
	}
	free := max(1, p.cfg.Workers-p.checking)
	return max(minBatch, (p.waiting-p.repeats+free-1)/free)
}
