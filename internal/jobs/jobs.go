// Package jobs decides which of many items is worked on next: a bounded number at
// once, in the order in which they may begin, and those of one key one after another,
// in the order in which they came.
//
// There is no goroutine here and no lock. The owner serialises, and does the work.
package jobs

// Queue holds items T. Made by New.
type Queue[T any] struct {
	workers int
	ready   fifo[*Job[T]]             // may begin, oldest first
	lines   map[string]*fifo[*Job[T]] // of each key that has begun or is ready: those behind
	running int
	waiting int // not begun
	last    uint64
	closed  bool
}

// Job is an item on its way.
type Job[T any] struct {
	Item   T
	key    string
	keyed  bool
	number uint64 // in the order of Add
}

// New returns a queue for so many workers.
func New[T any](workers int) *Queue[T] {
	return &Queue[T]{workers: workers, lines: make(map[string]*fifo[*Job[T]])}
}

// Add takes an item; false after Close. Keyed items of one key are worked on one
// after another.
func (q *Queue[T]) Add(item T, key string, keyed bool) bool {
	if q.closed {
		return false
	}
	q.last++
	q.waiting++
	j := &Job[T]{Item: item, key: key, keyed: keyed, number: q.last}
	if keyed {
		if line := q.lines[key]; line != nil {
			line.push(j)
			return true
		}
		q.lines[key] = new(fifo[*Job[T]])
	}
	q.ready.push(j)
	return true
}

// Next is the item that is to begin now; false if none is, or all workers are at
// work. Its work is to be ended by Done.
func (q *Queue[T]) Next() (*Job[T], bool) {
	if q.running >= q.workers || q.ready.len() == 0 {
		return nil, false
	}
	q.running++
	q.waiting--
	return q.ready.pop(), true
}

// Done tells that the work on an item has ended. The next of its key may begin.
func (q *Queue[T]) Done(j *Job[T]) {
	q.running--
	if !j.keyed {
		return
	}
	line := q.lines[j.key]
	if line == nil { // closed
		return
	}
	if line.len() == 0 {
		delete(q.lines, j.key)
		return
	}
	q.ready.push(line.pop())
}

// Close takes no more and returns what has not begun, in the order of Add.
func (q *Queue[T]) Close() (items []T) {
	q.closed = true
	var left []*Job[T]
	for q.ready.len() > 0 {
		left = append(left, q.ready.pop())
	}
	for _, line := range q.lines {
		for line.len() > 0 {
			left = append(left, line.pop())
		}
	}
	q.lines, q.waiting = nil, 0
	byNumber(left)
	for _, j := range left {
		items = append(items, j.Item)
	}
	return items
}

// Waiting is how many items have not begun.
func (q *Queue[T]) Waiting() int { return q.waiting }

// Running is how many items have begun and have not ended.
func (q *Queue[T]) Running() int { return q.running }
