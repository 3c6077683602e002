package verify

import "runtime"

// The more signatures are checked together, the less each of them takes. So while
// submitters have more at hand, events wait until there is a whole batch of them:
// for as long as it takes to bring it, and no longer. There is no timer. A
// submitter says when it has more and when it is about to wait itself; once all of
// them wait, what there is is checked at once.

const (
	// minBatch is how many events of a burst a worker takes before it leaves some to
	// others: fewer would save too little by being together. It takes two
	// milliseconds or so.
	minBatch = 256
	// patience is for how many rounds of submitters events wait for others: a relay
	// that sends what is known already, or nothing of use, must not hold up the rest.
	patience = 256
	// yields is how often a worker lets submitters go first that have just begun to
	// wait: most of them find that the next has arrived.
	yields = 16
)

// Expect tells that the submitter has more at hand, which it will submit next, or
// else call Pause. The submitter calls it, or whoever acts for it.
func (l *Lane[T]) Expect() { l.expect(true) }

// Pause takes Expect back. It has to be called before the submitter waits for
// anything, since others may wait for it. Any goroutine.
func (l *Lane[T]) Pause() { l.expect(false) }

func (l *Lane[T]) expect(more bool) {
	if l.coming.Load() == more {
		return
	}
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.coming.Swap(more) == more {
		return
	}
	if more {
		p.coming++
		return
	}
	p.coming--
	p.round()
}

// Round tells that the submitter has dealt with some of what it has at hand,
// whether or not it was to be submitted. It bounds how long others wait for it.
func (l *Lane[T]) Round() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.pool.round()
}

func (p *Pool) round() {
	p.rounds++
	if p.due() {
		p.rouse()
	}
}

// waits takes note of an event that has begun to wait for a worker, or by −1 of
// one that no longer does. Needs mu.
func (p *Pool) waits(repeat bool, n int) {
	if p.unclaimed == 0 {
		p.rounds = 0 // those in which nothing waited do not count
	}
	p.unclaimed += n
	if repeat {
		p.repeats += n
	}
}

// whole tells whether the largest batch can be made. Needs mu.
func (p *Pool) whole() bool { return p.unclaimed-p.repeats >= p.cfg.MaxBatch }

// due tells whether there are events to be checked that had better not wait for
// others. Needs mu; who brings it about calls rouse.
func (p *Pool) due() bool {
	switch {
	case p.unclaimed == 0:
		return false
	case p.coming == 0, p.whole(), p.rounds >= patience, p.stopped:
		return true
	}
	return false
}

// ripe is due for a worker that is about to claim the events: submitters that wait
// for a processor, or for what is on its way, go first. Needs mu, and may give it
// up for a while.
func (p *Pool) ripe() bool {
	for i := 0; i < yields && p.coming == 0 && !p.whole(); i++ {
		p.mu.Unlock()
		runtime.Gosched()
		p.mu.Lock()
	}
	return p.due()
}

// share is how many events of those that wait are one worker's: a whole batch in
// the middle of a stream, less of what a burst has left. Needs mu.
func (p *Pool) share() int {
	if p.whole() {
		return p.cfg.MaxBatch
	}
	return minBatch
}
