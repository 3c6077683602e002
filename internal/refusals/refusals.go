// Package refusals coalesces what one relay sends and the client refuses: each
// reason is told soon after it first comes up, and then at most once in a while,
// with a count, so that a flood of bad frames costs one callback a second.
//
// There is no goroutine and no clock: time is handed in. The owner serialises.
package refusals

import "time"

// Every spaces the reports of one reason.
const Every = time.Second

// Reports counts the refusals that have not been told. The zero value is ready.
// A reason is one of a few sentinel errors, so what it takes is bounded.
type Reports struct {
	byReason map[error]*report
}

type report struct {
	count int
	first error
	stage stage
	last  time.Time // when it was last told
}

// stage is where a report stands.
type stage uint8

const (
	quiet stage = iota // nothing to tell
	due                // Add or Flush has said so; Take is to come
	later              // to be flushed, since the last one was a moment ago
)

// Step is what Add leaves to its caller.
type Step uint8

const (
	// Nothing: the report that is under way will count this one too.
	Nothing Step = iota
	// Tell: have Take called for this reason.
	Tell
	// Wait: have Flush called at the given time.
	Wait
)

// Add counts a refusal; err says what was wrong with this one.
func (r *Reports) Add(reason, err error, now time.Time) (step Step, at time.Time) {
	p := r.byReason[reason]
	if p == nil {
		if r.byReason == nil {
			r.byReason = make(map[error]*report)
		}
		p = new(report)
		r.byReason[reason] = p
	}
	p.count++
	if p.first == nil {
		p.first = err
	}
	switch next := p.last.Add(Every); {
	case p.stage != quiet:
		return Nothing, time.Time{}
	case now.Before(next):
		p.stage = later
		return Wait, next
	}
	p.stage = due
	return Tell, time.Time{}
}

// Flush lists the reasons that were waiting: Take is to be called for each. At
// the end of a connection that is sooner than Add had said.
func (r *Reports) Flush() (reasons []error) {
	for reason, p := range r.byReason {
		if p.stage == later {
			p.stage = due
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// Take is called when a report is about to be told: how many were refused for the
// reason since the last time, and what was wrong with the first of them.
func (r *Reports) Take(reason error, now time.Time) (count int, first error) {
	p := r.byReason[reason]
	if p == nil {
		return 0, nil
	}
	count, first = p.count, p.first
	*p = report{last: now}
	return count, first
}
