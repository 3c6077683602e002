package verify

import "time"

// A lane that had an event refused is a suspect. To find the bad ones in a batch
// costs several times what a good batch does, so its events are checked apart from
// those of others, and last: while others have events that wait, the suspects get a
// tenth of the time that the checks take. And unless there is only one lane, they
// have half of the workers at most, so that a good event finds one and its submitter
// a processor; nor do they have a worker for long. A lane that is new, or was a
// suspect until now, has a small share of each batch at first.

const (
	// suspectFor is how many events in a row have to be accepted before those of a
	// lane that had one refused are checked together with those of others again.
	suspectFor = 1024
	// suspectBatch is how many events of a suspect are checked together. Where some
	// are bad, more would save nothing; it takes a millisecond or two.
	suspectBatch = 16
	// newcomer is how many events of a lane that nothing is known of are put into a
	// batch that others may share.
	newcomer = suspectBatch
	// suspectShare is how many times as long others have been checked as suspects may
	// be, while others wait.
	suspectShare = 9
	// maxCredit is what suspects save up, that a good event may have to wait for.
	maxCredit = 2 * time.Millisecond
)

func (l *Lane[T]) suspect() bool { return l.suspicion > 0 }

// share is how many events of the lane may be put into one batch: as many as have
// been accepted, or a few. For who forges it is not enough to begin anew, with
// another connection, to hold up others with a whole batch. Needs pool.mu.
func (l *Lane[T]) share() int {
	if !l.pool.company {
		return l.pool.cfg.MaxBatch
	}
	return max(newcomer, l.standing)
}

// judge takes note of a verdict, and moves the lane to where it belongs. Needs pool.mu.
func (l *Lane[T]) judge(accepted bool) {
	was := l.suspect()
	switch {
	case !accepted:
		l.suspicion, l.standing = suspectFor, 0
	case was:
		l.suspicion--
	case l.standing < l.pool.cfg.MaxBatch:
		l.standing++
	}
	if l.suspect() == was {
		return
	}
	p := l.pool
	left, joins := &p.checks, -1
	if was {
		left, joins = &p.suspects, 1
	}
	if l.station.queued[left.kind] {
		left.remove(&l.station)
		l.checks().push(&l.station)
	}
	p.count(joins*l.waiting, joins*l.repeats)
	l.recount()
}

// checks is the queue in which the lane's events wait. Needs pool.mu.
func (l *Lane[T]) checks() *queue {
	if l.suspect() {
		return &l.pool.suspects
	}
	return &l.pool.checks
}

// suspectsDue tells whether a worker may check events of a suspect. Needs mu; who
// brings it about calls rouse.
func (p *Pool) suspectsDue() bool {
	switch {
	case p.suspects.length == 0:
		return false
	case p.stopped:
		return true
	}
	most := p.cfg.Workers
	if p.company {
		most = max(1, most/2)
	}
	return p.suspecting < most && (p.waiting == 0 || p.credit > 0)
}

// meet takes note of a lane that submits. Needs pool.mu.
func (l *Lane[T]) meet() {
	switch p := l.pool; p.alone {
	case &l.station:
	case nil:
		p.alone = &l.station
	default:
		p.company = true
	}
}

// account ends a batch: what it took is credited to the suspects, or charged to
// them if others had to wait. Needs Pool.mu.
func (w *worker) account() {
	p, took := w.pool, time.Since(w.began)
	switch {
	case !w.suspect:
		p.checking--
		p.credit = min(p.credit+took/suspectShare, maxCredit)
		return
	case w.charged:
		p.credit -= took
	}
	p.suspecting--
}
