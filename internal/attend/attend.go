// Package attend measures how long somebody was given to answer, for one who may
// have slept meanwhile (DESIGN 3.9).
//
// A program that is suspended, stopped or starved wakes up behind all its
// deadlines, and the answers to what it had asked lie unread in the kernel. So a
// deadline that judges others is not a point in time. It is a span that has to be
// watched: its owner looks at it several times on the way, and a time in which it
// was late to look is not held against anybody.
//
// A Span owns no clock and no timer, and is not safe for concurrent use: its owner
// serialises. A Timer is one with both, for deadlines that nobody else looks at.
package attend

import "time"

const (
	looks  = 4                     // on the way; the distance between two is need/looks
	finish = 20                    // the last look comes need/finish after the one before it
	little = 20 * time.Millisecond // that a busy machine is always late by
)

// A Span is a time that has to pass while its owner looks on. Made by Start.
type Span struct {
	need time.Duration // immutable after Start, at least 1
	left time.Duration // of need
	last time.Time     // the last look
	step time.Duration // from there to the next
}

// Start begins a span of the given length at now. A length below 1 ns counts as 1 ns.
func Start(now time.Time, need time.Duration) Span {
	s := Span{need: max(need, 1)}
	s.Restart(now)
	return s
}

// Restart begins it anew.
func (s *Span) Restart(now time.Time) { s.left = s.need; s.advance(now) }

// Look tells whether the span is over. If it is not, next, later than now, says
// when to look again; looking earlier does no harm.
//
// A look that is late by more than a little (a quarter of the span, 20 ms at
// least) begins the span anew. One that is late by less counts as if it were in
// time. And the last step is a short one, so that a span never ends with the first
// look after a pause: whoever reads what has come in the meantime has had a
// twentieth of the span to do so.
func (s *Span) Look(now time.Time) (over bool, next time.Time) {
	passed := now.Sub(s.last)
	switch {
	case passed < 0: // a clock that was read before the last one
	case passed-s.step > max(s.need/looks, little):
		s.Restart(now)
	default:
		s.left -= min(passed, s.step)
		s.advance(now)
	}
	return s.left <= 0, s.last.Add(s.step)
}

func (s *Span) advance(now time.Time) {
	s.last = now
	short := max(s.need/finish, 1)
	if s.left <= short {
		s.step = max(s.left, 1)
		return
	}
	s.step = min(max(s.need/looks, 1), s.left-short)
}
