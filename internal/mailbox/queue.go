// Package mailbox is the way into a loop: a queue that anybody fills and one
// goroutine empties (Queue), and the accounts that keep it bounded (Window for
// one connection, Budget for all of a client).
//
// The two are separate on purpose. Queue never refuses and never blocks, so
// that a connection's end, a reply or a timer always gets in; what may arrive
// without bound, a relay's messages, reserves room in a Window before it is
// put, and its reader stops reading while there is none.
//
// Nothing here starts a goroutine or looks at a clock.
package mailbox

import (
	"reflect"
	"sync"
	"sync/atomic"
)

const (
	minChunk   = 8       // slots of the first chunk of an idle queue
	chunkBytes = 8 << 10 // about what a full-grown chunk may weigh

	// A chunk is far too large when less than an eighth of it was used; after
	// so many of them in a row the queue starts small again.
	looseFactor = 8
	looseLimit  = 64
)

// Queue is an unbounded FIFO queue: any goroutine puts and never blocks, one
// goroutine, the consumer, takes. Make it with NewQueue.
//
// What was put waits in a chain of chunks. The consumer unlinks the oldest
// chunk and then empties it without the lock, so that the lock is taken once
// per chunk, not once per item; no item is ever moved, and a chunk that has
// been emptied is garbage but for one spare: a burst leaves nothing behind.
type Queue[T any] struct {
	wake     chan struct{} // capacity 1; immutable
	maxChunk int           // slots of a full-grown chunk; immutable

	mu      sync.Mutex
	first   *chunk[T] // guarded by mu: the oldest chunk the consumer has not unlinked; nil when there is none
	last    *chunk[T] // guarded by mu: the one Put appends to; nil exactly when first is
	waiting int       // guarded by mu: items in the chain first…last
	spare   *chunk[T] // guarded by mu: an empty chunk for the next Put, every slot zero; may be nil
	loose   int       // guarded by mu: chunks in a row that were far too large
	parked  bool      // guarded by mu: the consumer found nothing, and no token has been sent since
	closed  bool      // guarded by mu: first, last and spare are nil and stay so

	// current is what the consumer is emptying: in no chain, nobody appends to
	// it. Only the consumer sets it, and under mu; so the consumer reads it
	// without mu, everybody else with it.
	current *chunk[T]
}

// chunk is a run of items. Its capacity never changes.
type chunk[T any] struct {
	next *chunk[T] // guarded by Queue.mu

	// items is appended to under Queue.mu while the chunk is in the chain, and
	// no longer once it is current.
	items []T

	// taken counts the slots that have an owner, from the front: who moves it
	// from i to j alone may read and zero items[i:j]. 0 while in the chain.
	taken atomic.Int64
}

// NewQueue returns an empty queue.
func NewQueue[T any]() *Queue[T] {
	size := max(1, int(reflect.TypeFor[T]().Size()))
	return &Queue[T]{
		wake:     make(chan struct{}, 1),
		maxChunk: min(max(chunkBytes/size, 2*minChunk), 512),
		parked:   true, // a consumer may wait before it has asked once
	}
}

// Put appends v and reports whether the queue was open. What one goroutine
// puts is taken in the order in which it was put.
func (q *Queue[T]) Put(v T) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	if q.last == nil || len(q.last.items) == cap(q.last.items) {
		q.extend()
	}
	q.last.items = append(q.last.items, v)
	q.waiting++
	rouse := q.parked
	q.parked = false
	q.mu.Unlock()

	if rouse {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// extend links an empty chunk behind the last one. Needs mu.
func (q *Queue[T]) extend() {
	c := q.spare
	if c != nil {
		q.spare = nil
	} else {
		size := minChunk
		if q.last != nil {
			size = min(2*cap(q.last.items), q.maxChunk)
		}
		c = &chunk[T]{items: make([]T, 0, size)}
	}
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
}

// Next takes the oldest item; false when there is none, and for good once the
// queue is closed. Consumer only.
func (q *Queue[T]) Next() (T, bool) {
	for {
		if c := q.current; c != nil {
			if v, ok := c.take(); ok {
				return v, true
			}
		}
		if !q.advance() {
			var zero T
			return zero, false
		}
	}
}

// take removes the chunk's oldest item; false when none is left.
func (c *chunk[T]) take() (v T, ok bool) {
	i := c.taken.Load()
	if i == int64(len(c.items)) || !c.taken.CompareAndSwap(i, i+1) {
		return v, false // the swap fails only when Close has just claimed all the rest
	}
	var zero T
	v, c.items[i] = c.items[i], zero
	return v, true
}

// advance makes the oldest waiting chunk the current one, whose predecessor is
// used up; false when nothing waits. Consumer only.
func (q *Queue[T]) advance() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current != nil {
		q.recycle(q.current)
		q.current = nil
	}
	c := q.first
	if c == nil {
		q.parked = true
		return false
	}
	q.first, c.next = c.next, nil
	if q.first == nil {
		q.last = nil
	}
	q.waiting -= len(c.items)
	q.current = c
	return true
}

// recycle keeps a used-up chunk for the next Put, or lets it go. Needs mu.
func (q *Queue[T]) recycle(c *chunk[T]) {
	if q.closed {
		return
	}
	if cap(c.items) > minChunk && len(c.items)*looseFactor < cap(c.items) {
		q.loose++
	} else {
		q.loose = 0
	}
	if q.loose == looseLimit {
		q.loose, q.spare = 0, nil
		return
	}
	if q.spare == nil || cap(q.spare.items) < cap(c.items) {
		c.items = c.items[:0]
		c.taken.Store(0)
		q.spare = c
	}
}

// Wake returns a channel of capacity 1 that is readable when something may
// have been put since Next last returned false. The consumer calls Next until
// it returns false, waits here, and begins again; a token may turn out to have
// nothing behind it.
//
// No wake-up is lost. Say Next has found nothing: in that critical section E
// it set parked. The first Put after E, in the order of mu, finds parked set
// and sends a token (later ones need not). All that the consumer had read from
// the channel by E it read before that send; so after the send the channel
// holds a token the consumer has not read, whether this one or one that made
// the send a no-op, and the consumer's next receive returns. Its next Next
// comes after that receive. Had it come before the Put in the order of mu, it
// would be another E, and the same holds from there.
func (q *Queue[T]) Wake() <-chan struct{} { return q.wake }

// Len counts the items that have been put and not been taken.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.waiting
	if c := q.current; c != nil {
		n += len(c.items) - int(c.taken.Load())
	}
	return n
}

// Close refuses every later Put and returns what had not been taken, oldest
// first: each item goes to Next or to Close, never to both. Any goroutine may
// call it, again too; later calls return nil. It sends no token.
func (q *Queue[T]) Close() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	var left []T
	if c := q.current; c != nil {
		rest := c.items[c.taken.Swap(int64(len(c.items))):]
		left = append(left, rest...)
		clear(rest)
	}
	for c := q.first; c != nil; c = c.next {
		left = append(left, c.items...)
	}
	q.first, q.last, q.spare, q.waiting = nil, nil, nil, 0
	return left
}

// Trim gives back all memory that holds no item. Consumer only.
func (q *Queue[T]) Trim() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare, q.loose = nil, 0
	if c := q.current; c != nil && c.taken.Load() == int64(len(c.items)) {
		q.current = nil
	}
}
