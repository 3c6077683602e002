// Package outbox is the queue of what a connection has accepted for sending. It
// is bounded; a writer, which is not its business, exists only while there is
// something in it.
//
// There is no goroutine here. The owner serialises.
package outbox

import "slices"

// Queue holds messages M and their frames. Made by New.
type Queue[M any] struct {
	limit   int
	items   []Item[M]
	taken   int           // of them, those that the writer has in hand
	writing bool          // a writer is at work: between a Put that said so and the Next that found nothing
	drained chan struct{} // made by Drain, closed when nothing is left
}

// Item is an accepted message.
type Item[M any] struct {
	Frame   []byte
	Message M
}

// New returns a queue of at most limit messages.
func New[M any](limit int) *Queue[M] { return &Queue[M]{limit: limit} }

// Full tells whether Put would refuse.
func (q *Queue[M]) Full() bool { return len(q.items) >= q.limit }

// Put accepts a message unless the queue is full. start: a writer is to be started.
func (q *Queue[M]) Put(frame []byte, m M) (start, ok bool) {
	if q.Full() {
		return false, false
	}
	return q.Own(frame, m), true
}

// Own accepts a message of the library's, whose number is bounded elsewhere, full or not.
func (q *Queue[M]) Own(frame []byte, m M) (start bool) { return q.insert(len(q.items), frame, m) }

// First is Own for one that must not wait for the others, but for those that are being written.
func (q *Queue[M]) First(frame []byte, m M) (start bool) { return q.insert(q.taken, frame, m) }

func (q *Queue[M]) insert(at int, frame []byte, m M) (start bool) {
	q.items = slices.Insert(q.items, at, Item[M]{frame, m})
	start = !q.writing
	q.writing = true
	return start
}

// Next is the writer's: the oldest messages' frames, as many as have no more than so many
// bytes together, and one at least, appended to dst; none when there is none, and the
// writer ends.
func (q *Queue[M]) Next(dst [][]byte, bytes int) [][]byte {
	q.taken = 0
	for _, item := range q.items {
		if bytes -= len(item.Frame); bytes < 0 && q.taken > 0 {
			break
		}
		dst = append(dst, item.Frame)
		q.taken++
	}
	if len(q.items) == 0 {
		q.items = nil // a queue's memory is not kept while there is nothing to write
		q.writing = false
		if q.drained != nil {
			close(q.drained)
			q.drained = nil
		}
	}
	return dst
}

// Written is the writer's too: the oldest n, which Next gave, are out. What was not
// written stays for Unsent.
func (q *Queue[M]) Written(n int) {
	clear(q.items[:n])
	q.items, q.taken = q.items[n:], 0
}

// Writing tells whether a writer is at work.
func (q *Queue[M]) Writing() bool { return q.writing }

// Drain returns a channel that is closed when all has been written. To be called
// once, after the last Put.
func (q *Queue[M]) Drain() <-chan struct{} {
	done := make(chan struct{})
	if q.writing {
		q.drained = done
	} else {
		close(done)
	}
	return done
}

// Unsent takes what was accepted and not written, the one that was being written
// included. To be called when the writer has ended.
func (q *Queue[M]) Unsent() []Item[M] {
	items := q.items
	q.items = nil
	return items
}

// Len is how many messages wait, the one that is being written included.
func (q *Queue[M]) Len() int { return len(q.items) }
