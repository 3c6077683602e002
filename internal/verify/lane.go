package verify

import (
	"fmt"
	"sync/atomic"

	"github.com/gennostr/gennostr/nostr"
)

const (
	// MaxInFlight bounds what a lane holds, undelivered. The caller reserves
	// room before it submits, so it stays far below; more is a bug and panics.
	MaxInFlight = 1 << 22

	minRing = 8  // slots; a power of two
	maxIdle = 16 // slots an empty lane keeps

	// batchSize is how many items a worker delivers before other lanes have
	// their turn, and how many it takes from the lane at a time.
	batchSize = 16
)

// Lane keeps one connection's messages in order while their events are
// checked in parallel. Make it with NewLane; it needs no closing.
type Lane[T any] struct {
	pool    *Pool          // immutable
	deliver func(T, error) // immutable
	station station        // its places in the pool's queues
	pending atomic.Int64   // items submitted and not delivered; set under pool.mu, but see Submit
	hasMore atomic.Bool    // more will be submitted at once; set under pool.mu

	// All below is guarded by pool.mu. Items are numbered in the order of submission.
	waiting    int           // events that wait for a worker
	repeats    int           // how many of them are most likely the same as others
	useful     bool          // it has brought something to be checked in the last round
	brought    bool          // and in this one
	awaited    bool          // it is counted in pool.awaited
	delivering bool          // a worker is calling deliver
	suspicion  int           // events still to be accepted before this lane's are mixed with those of others
	standing   int           // events accepted since then, or since the lane was made; not counted on and on
	ring       []slot[T]     // its length is a power of two, or 0; slots outside head…tail are zero
	head       uint64        // the oldest item that nobody has begun to deliver
	next       uint64        // no item before this one waits for a worker; may lag behind head
	tail       uint64        // the next item to be submitted
	drained    chan struct{} // closed and forgotten when pending falls to 0; nil when nobody drains
}

// slot is one item of a lane; the zero value when empty.
type slot[T any] struct {
	v      T
	ev     *nostr.Event // what a worker has to check; nil when claimed or when there was nothing to check
	err    error        // the verdict, once done
	repeat bool         // see SubmitRepeat
	done   bool         // may be delivered when it is the oldest
}

// NewLane returns a lane through p. For each Submit, deliver is called exactly
// once, in the order of submission and never concurrently, with the submitted
// value and the verdict: on a worker, or on the submitter's goroutine. It must
// not block, nor submit to the same lane. If it panics, the program ends.
func NewLane[T any](p *Pool, deliver func(v T, err error)) *Lane[T] {
	l := &Lane[T]{pool: p, deliver: deliver, useful: true}
	l.station.lane = l
	return l
}

// Submit hands in v; its event ev, whose id has to be its hash, is checked
// before v is delivered. If ev is nil there is nothing to check, v only keeps its place; when nothing stands
// before it, it is delivered here and now. One goroutine at a time submits.
func (l *Lane[T]) Submit(v T, ev *nostr.Event) { l.submit(v, ev, false) }

// SubmitRepeat is Submit for an event that somebody has most likely submitted
// before: it does not count when events wait for a batch to be whole.
func (l *Lane[T]) SubmitRepeat(v T, ev *nostr.Event) { l.submit(v, ev, true) }

func (l *Lane[T]) submit(v T, ev *nostr.Event, repeat bool) {
	// Only the submitter adds items: what it finds empty stays empty, and the
	// last deliver has returned.
	if ev == nil && l.pending.Load() == 0 {
		l.deliver(v, nil)
		return
	}
	p := l.pool
	p.mu.Lock()
	s := slot[T]{v: v, ev: ev, repeat: repeat, done: ev == nil}
	if (p.stopped || p.abandoned) && ev != nil {
		s.ev, s.err, s.done = nil, ErrStopped, true
	}
	if s.done && l.pending.Load() == 0 {
		p.mu.Unlock()
		l.deliver(v, s.err)
		return
	}
	l.push(s)
	if s.ev != nil {
		l.meet()
		l.count(repeat, 1)
		if !repeat {
			l.bring()
		}
		l.requeue()
		if p.due() || p.suspectsDue() {
			p.rouse()
		}
	}
	// Else nobody need be called: an item stands before this one, and who
	// settles that looks at what follows.
	p.mu.Unlock()
}

// Drain returns when all that was submitted has been delivered. It is called
// by the submitter, or after its last Submit (while others submit, it returns
// at some moment at which the lane is empty); not from a deliver function.
func (l *Lane[T]) Drain() {
	l.Pause()
	l.pool.mu.Lock()
	if l.pool.alone == &l.station {
		l.pool.alone = nil // who drains may never come back
	}
	if l.pending.Load() == 0 {
		l.pool.mu.Unlock()
		return
	}
	if l.drained == nil {
		l.drained = make(chan struct{})
	}
	drained := l.drained
	l.pool.mu.Unlock()
	<-drained
}

// claim hands the oldest waiting events to a worker, as far as it has room, and no
// more than the lane's share.
func (l *Lane[T]) claim(w *worker) {
	l.next = max(l.next, l.head)
	for left := w.room - l.share(); l.waiting > 0 && w.room > max(left, 0); l.next++ {
		s := l.at(l.next)
		if s.ev == nil {
			continue
		}
		w.add(s.ev, item{&l.station, l.next})
		s.ev = nil
		l.count(s.repeat, -1)
	}
}

// count takes note of an event that has begun to wait for a worker, or by −1 of
// one that no longer does. Needs pool.mu.
func (l *Lane[T]) count(repeat bool, n int) {
	repeats := 0
	if repeat {
		repeats = n
	}
	l.waiting += n
	l.repeats += repeats
	if !l.suspect() {
		l.pool.count(n, repeats)
	}
}

// settle takes a verdict. The item is still there, as it was not done; its slot
// may have moved.
func (l *Lane[T]) settle(n uint64, err error) {
	s := l.at(n)
	s.err, s.done = err, true
	if err != ErrStopped { // which says nothing of it
		l.judge(err == nil)
	}
}

// deliverBatch delivers the oldest items as far as they are done, but one batch at
// most, and returns how many. Needs pool.mu, and gives it up for the deliver
// calls; until it is back, delivering keeps every other worker from delivering.
func (l *Lane[T]) deliverBatch() int {
	type outcome struct {
		v   T
		err error
	}
	if !l.deliverable() {
		return 0 // another worker is at it, or it has been done
	}
	var batch [batchSize]outcome
	n := 0
	for n < len(batch) && l.head != l.tail && l.at(l.head).done {
		s := l.at(l.head)
		batch[n] = outcome{s.v, s.err}
		*s = slot[T]{}
		l.head++
		n++
	}
	l.delivering = true

	l.pool.mu.Unlock()
	for i := range batch[:n] {
		l.deliver(batch[i].v, batch[i].err)
	}
	l.pool.mu.Lock()

	l.delivering = false
	l.requeue()
	if l.pending.Add(-int64(n)) > 0 {
		return n
	}
	if len(l.ring) > maxIdle {
		l.ring = nil
	}
	if l.drained != nil {
		close(l.drained)
		l.drained = nil
	}
	return n
}

// deliverable reports whether the oldest item may be delivered now.
// Needs pool.mu.
func (l *Lane[T]) deliverable() bool {
	return !l.delivering && l.head != l.tail && l.at(l.head).done
}

// requeue puts the lane into the queues in which it belongs, and tells whether it
// has just got something to deliver: to be called after every change that may
// have made that so. Needs pool.mu.
func (l *Lane[T]) requeue() bool {
	if l.waiting > 0 {
		l.checks().push(&l.station)
	}
	return l.deliverable() && l.pool.deliveries.push(&l.station)
}

// at returns the slot of item n, for head ≤ n < tail. Needs pool.mu; good until
// mu is given up or an item pushed.
func (l *Lane[T]) at(n uint64) *slot[T] { return &l.ring[n&uint64(len(l.ring)-1)] }

// push appends an item. Needs pool.mu.
func (l *Lane[T]) push(s slot[T]) {
	held := l.tail - l.head
	if held == uint64(len(l.ring)) {
		if held >= MaxInFlight {
			l.pool.mu.Unlock()
			panic(fmt.Sprintf("verify: %d items in flight on one lane", held))
		}
		ring := make([]slot[T], max(minRing, 2*held))
		for n := l.head; n != l.tail; n++ {
			ring[n&uint64(len(ring)-1)] = *l.at(n)
		}
		l.ring = ring
	}
	l.tail++
	*l.at(l.tail - 1) = s
	l.pending.Add(1)
}
