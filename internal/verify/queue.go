package verify

// queue is a list of lanes, each in it at most once, the next to be served first.
// The zero value is empty.
type queue struct {
	first, last *place
	length      int
}

// place is a lane's place in one queue.
type place struct {
	of     *station // immutable
	next   *place
	queued bool
}

// push puts a lane at the end, and tells whether it was not there already.
func (q *queue) push(at *place) bool {
	if at.queued {
		return false
	}
	at.queued = true
	if q.last == nil {
		q.first = at
	} else {
		q.last.next = at
	}
	q.last = at
	q.length++
	return true
}

// pop takes the first lane out, nil if there is none.
func (q *queue) pop() *station {
	at := q.first
	if at == nil {
		return nil
	}
	q.first, at.next = at.next, nil
	if q.first == nil {
		q.last = nil
	}
	q.length--
	at.queued = false
	return at.of
}
