package reqs

import (
	"time"

	"github.com/gennostr/gennostr/nostr"
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

// graceState is the part of a request that is in grace.
type graceState struct {
	until     time.Time // end of grace of the REQ that ended last
	former    []former  // filters of ended REQs, oldest first; at most maxFormer
	forgotten time.Time // end of grace of the last REQ whose filters were not kept

	queued     bool // the request stands in Table.ending
	prev, next *request
}

// former is what remains of a REQ that has ended.
type former struct {
	filters []nostr.Filter
	weight  int
	until   time.Time
}

// covers tells whether ev may belong to a REQ of this id that is in grace.
func (g *graceState) covers(ev *nostr.Event, now time.Time) bool {
	if now.Before(g.forgotten) {
		return true
	}
	for i := range g.former {
		if now.Before(g.former[i].until) && matchesAny(g.former[i].filters, ev) {
			return true
		}
	}
	return false
}

// forgetUntil makes every event count as covered until the given time.
func (g *graceState) forgetUntil(until time.Time) {
	if until.After(g.forgotten) {
		g.forgotten = until
	}
}

// retire puts the REQ, COUNT or session that has just ended under r into grace.
func (t *Table) retire(r *request, now time.Time) {
	until := now.Add(t.grace)
	if r.space == reqSpace {
		t.retireFilters(r, now, until)
	}
	r.until = until
	t.ending.remove(r)
	t.ending.push(r)
	if t.ending.len > maxGrace {
		oldest := t.ending.oldest
		until := oldest.until
		t.forget(oldest)
		oldest.forgetUntil(until) // matters where it is open
	}
}

// retireFilters moves the filters of the ended REQ to the former ones.
func (t *Table) retireFilters(r *request, now, until time.Time) {
	for len(r.former) > 0 && !now.Before(r.former[0].until) {
		t.dropFormer(r)
	}
	if len(r.former) == maxFormer {
		r.forgetUntil(r.former[0].until)
		t.dropFormer(r)
	}
	if t.kept+r.weight > maxKept {
		r.forgetUntil(until)
	} else {
		t.kept += r.weight
		r.former = append(r.former, former{filters: r.filters, weight: r.weight, until: until})
	}
	r.filters, r.weight = nil, 0
}

// dropFormer drops the oldest of the former filters.
func (t *Table) dropFormer(r *request) {
	t.kept -= r.former[0].weight
	n := copy(r.former, r.former[1:])
	r.former[n] = former{}
	r.former = r.former[:n]
}

// expire forgets what is out of grace. The queue is in the order of the ends,
// so that it costs one look where there is nothing to do.
func (t *Table) expire(now time.Time) {
	for t.ending.oldest != nil && !now.Before(t.ending.oldest.until) {
		t.forget(t.ending.oldest)
	}
}

// forget takes a request out of grace, and out of the table if it is not open.
func (t *Table) forget(r *request) {
	t.ending.remove(r)
	for _, f := range r.former {
		t.kept -= f.weight
	}
	r.graceState = graceState{}
	if !r.open {
		delete(t.byID[r.space], r.id)
	}
}

// weigh estimates how many bytes a list of filters holds.
func weigh(filters []nostr.Filter) int {
	const perFilter, perString = 192, 16
	n := 0
	for i := range filters {
		f := &filters[i]
		n += perFilter + 32*(len(f.IDs)+len(f.Authors)) + 2*len(f.Kinds) + len(f.Search)
		for _, values := range f.Tags {
			n += perString
			for _, v := range values {
				n += perString + len(v)
			}
		}
	}
	return n
}

// graceQueue is a doubly linked list of requests, the one that ended first at
// its head. Linked through the requests, so that one that is opened and closed
// again moves to the end without a search.
type graceQueue struct {
	oldest, newest *request
	len            int
}

func (q *graceQueue) push(r *request) {
	r.queued, r.prev, r.next = true, q.newest, nil
	if q.newest == nil {
		q.oldest = r
	} else {
		q.newest.next = r
	}
	q.newest = r
	q.len++
}

func (q *graceQueue) remove(r *request) {
	if !r.queued {
		return
	}
	if r.prev == nil {
		q.oldest = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		q.newest = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.queued, r.prev, r.next = false, nil, nil
	q.len--
}
