package reqs

import (
	"slices"
	"time"
)

// Grace costs memory for what is over, so all of it is bounded, whatever the
// client's churn: in ids, in old filters per id, and in their size. Where a
// bound makes the table forget the filters of an id that is still known, it
// errs on the relay's side: until their time is over, an event that matches
// nothing counts as Late and not as Mismatch. It is dropped either way.
const (
	// maxGrace is how many ids have a part in grace. The one whose latest end is
	// longest ago is forgotten first; its late messages are then Unknown.
	maxGrace = 1024
	// maxFormer is how many replaced REQs of one id keep their filters. It also
	// bounds what a relay can make an event cost that matches nothing.
	maxFormer = 8
	// maxKept is how heavy all filters in grace may be, in bytes as by weigh.
	maxKept = 1 << 20
)

// graceState is the part of a place that is in grace. Guarded by Table.mu.
type graceState struct {
	until      time.Time   // end of grace of what ended last
	former     []former    // filters of ended REQs, oldest first; at most maxFormer
	forgotten  time.Time   // end of grace of the last REQ whose filters were not kept
	unanswered []time.Time // ends of grace of the REQs that we have closed or replaced and no CLOSED has come for, oldest first; at most maxFormer

	queued     bool // the place stands in Table.ending
	prev, next *place
}

// former is what remains of a REQ that has ended.
type former struct {
	filters *Filters
	until   time.Time
}

// inGrace gives the filters of this id's ended REQs; all: an event may be of one
// whose filters were not kept.
func (g *graceState) inGrace(now time.Time) (filters [maxFormer]*Filters, n int, all bool) {
	for _, f := range g.former {
		if now.Before(f.until) {
			filters[n] = f.filters
			n++
		}
	}
	return filters, n, now.Before(g.forgotten)
}

// expectClosed takes note of a REQ that we have ended: some relays answer that with a CLOSED.
func (g *graceState) expectClosed() {
	if len(g.unanswered) == maxFormer {
		g.unanswered = slices.Delete(g.unanswered, 0, 1)
	}
	g.unanswered = append(g.unanswered, g.until)
}

// answered tells whether a CLOSED may be of a REQ that we have ended, and takes it for that of the oldest.
func (g *graceState) answered(now time.Time) bool {
	for len(g.unanswered) > 0 {
		until := g.unanswered[0]
		g.unanswered = slices.Delete(g.unanswered, 0, 1)
		if now.Before(until) {
			return true
		}
	}
	return false
}

// forgetUntil makes every event count as late until the given time.
func (g *graceState) forgetUntil(until time.Time) {
	if until.After(g.forgotten) {
		g.forgotten = until
	}
}

// retire puts what has just ended into grace. Needs mu.
func (t *Table) retire(p *place, now time.Time) {
	until := now.Add(t.grace)
	if p.space == reqSpace {
		t.retireFilters(p, p.filters, now, until)
		p.filters = nil
	}
	p.until = until
	t.ending.remove(p)
	t.ending.push(p)
	if t.ending.len > maxGrace {
		oldest := t.ending.oldest
		until := oldest.until
		t.forget(oldest)
		oldest.forgetUntil(until) // matters where it is open
	}
	t.graced.Store(int64(t.ending.len))
}

// retireFilters moves the filters of the ended REQ to the former ones.
func (t *Table) retireFilters(p *place, filters *Filters, now, until time.Time) {
	for len(p.former) > 0 && !now.Before(p.former[0].until) {
		t.dropFormer(p)
	}
	if len(p.former) == maxFormer {
		p.forgetUntil(p.former[0].until)
		t.dropFormer(p)
	}
	if t.kept+filters.weight > maxKept {
		p.forgetUntil(until)
		return
	}
	t.kept += filters.weight
	p.former = append(p.former, former{filters: filters, until: until})
}

// dropFormer drops the oldest of the former filters.
func (t *Table) dropFormer(p *place) {
	t.kept -= p.former[0].filters.weight
	n := copy(p.former, p.former[1:])
	p.former[n] = former{}
	p.former = p.former[:n]
}

// expire forgets what is out of grace. The queue is in the order of the ends,
// so that it costs one look where there is nothing to do. Needs mu.
func (t *Table) expire(now time.Time) {
	for t.ending.oldest != nil && !now.Before(t.ending.oldest.until) {
		t.forget(t.ending.oldest)
	}
}

// forget takes a place out of grace, and out of the table if nothing else needs it.
func (t *Table) forget(p *place) {
	t.ending.remove(p)
	t.graced.Store(int64(t.ending.len))
	for _, f := range p.former {
		t.kept -= f.filters.weight
	}
	p.graceState = graceState{}
	t.drop(p)
}

// drop takes a place out of the table if it is neither open nor in grace, and no
// CLOSED of it waits to be handled. Needs mu.
func (t *Table) drop(p *place) {
	if p == nil || p.current != nil || p.queued || p.last != nil {
		return
	}
	if t.byID[p.space][p.id] == p {
		delete(t.byID[p.space], p.id)
	}
}

// graceQueue is a doubly linked list of places, the one that ended first at
// its head. Linked through the places, so that one that is opened and closed
// again moves to the end without a search.
type graceQueue struct {
	oldest, newest *place
	len            int
}

func (q *graceQueue) push(p *place) {
	p.queued, p.prev, p.next = true, q.newest, nil
	if q.newest == nil {
		q.oldest = p
	} else {
		q.newest.next = p
	}
	q.newest = p
	q.len++
}

func (q *graceQueue) remove(p *place) {
	if !p.queued {
		return
	}
	if p.prev == nil {
		q.oldest = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		q.newest = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.queued, p.prev, p.next = false, nil, nil
	q.len--
}
