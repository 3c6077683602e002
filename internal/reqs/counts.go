package reqs

import "time"

// A COUNT ends with its answer, and a relay need not give one. So COUNTs are
// bounded, in number always and in age where Trim looks for the old ones.
const (
	// maxCounts is how many COUNTs may be open.
	maxCounts = 1024
	// patience is after how many times the grace an open COUNT is given up, and
	// minPatience the least time for it, for a table without grace.
	patience    = 10
	minPatience = time.Minute
)

// endOldestCount ends the open COUNT that was asked first. It looks at all of
// them, which only a client with more than maxCounts in the air pays for. Needs mu.
func (t *Table) endOldestCount(now time.Time) {
	var oldest *Request
	for _, p := range t.byID[countSpace] {
		if r := p.current; r != nil && (oldest == nil || r.asked < oldest.asked) {
			oldest = r
		}
	}
	t.end(countSpace, oldest.id, now)
}

// endUnanswered ends the COUNTs whose answer has been waited for too long.
func (t *Table) endUnanswered(now time.Time) {
	most := max(patience*t.grace, minPatience)
	for id, p := range t.byID[countSpace] {
		if r := p.current; r != nil && now.Sub(r.askedAt) > most {
			t.end(countSpace, id, now)
		}
	}
}
