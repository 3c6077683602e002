package verify

// queue is a list of lanes, each in it at most once, the next to be served first.
// There is one of each kind, in which a lane has its place.
type queue struct {
	kind        kind // immutable
	first, last *station
	length      int
}

type kind int

const (
	toDeliver kind = iota
	toCheck
	toSuspect
	kinds
)

// push puts a lane at the end, and tells whether it was not there already.
func (q *queue) push(s *station) bool {
	if s.queued[q.kind] {
		return false
	}
	s.queued[q.kind] = true
	if q.last == nil {
		q.first = s
	} else {
		q.last.next[q.kind] = s
	}
	q.last = s
	q.length++
	return true
}

// remove takes a lane out, wherever it stands; it has to be there. It looks at all
// that stand before it.
func (q *queue) remove(s *station) {
	if q.first == s {
		q.pop()
		return
	}
	before := q.first
	for before.next[q.kind] != s {
		before = before.next[q.kind]
	}
	before.next[q.kind], s.next[q.kind] = s.next[q.kind], nil
	if q.last == s {
		q.last = before
	}
	q.length--
	s.queued[q.kind] = false
}

// pop takes the first lane out, nil if there is none.
func (q *queue) pop() *station {
	s := q.first
	if s == nil {
		return nil
	}
	q.first, s.next[q.kind] = s.next[q.kind], nil
	if q.first == nil {
		q.last = nil
	}
	q.length--
	s.queued[q.kind] = false
	return s
}
