package attend

import "time"

// A Grace is for deadlines that are points in time, of an owner that looks at each of
// them in time unless the program does not run. The one who looks long after that does
// not judge yet: answers that have come meanwhile are read first, for a second.
//
// It owns no clock and no timer, as a Span. The zero value is ready.
type Grace struct {
	until time.Time // before this nobody is judged
}

const (
	// Late is by how much more than its time a look tells that the program did not run.
	Late = 2 * time.Second
	// CatchUp is how long is waited then.
	CatchUp = time.Second
)

// Look says that it is now, before anything is judged; next is the earliest of the deadlines.
func (g *Grace) Look(now, next time.Time) {
	if now.Sub(g.Next(next)) > Late {
		g.until = now.Add(CatchUp)
	}
}

// Over tells whether a deadline has passed for whom it judges.
func (g *Grace) Over(now, deadline time.Time) bool { return !now.Before(g.Next(deadline)) }

// Next is when a deadline is to be looked at.
func (g *Grace) Next(deadline time.Time) time.Time {
	if deadline.Before(g.until) {
		return g.until
	}
	return deadline
}
