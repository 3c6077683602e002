package gennostr

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// What of a query is shared: the deliveries of its relays' connections put events in, the
// supervisor decides what is asked and when it is over (querying.go), and whoever has asked
// takes what came.

// openQuery is one query, or one count.
type openQuery struct {
	// immutable once it has begun
	c       *Client
	filters []nostr.Filter
	cfg     queryConfig
	stream  bool                    // its events are yielded as they come
	count   bool                    // it asks how many
	once    bool                    // it ends with its connection
	plain   bool                    // older versions of replaceable events count like any other event
	then    func(QueryReport) error // the handler's
	begun   nostr.Timestamp
	over    chan struct{} // closed when it has ended
	bell    chan struct{} // capacity 1: something has come; for the one who ranges

	// supervisor goroutine only
	number int         // in the order in which they began
	legs   []*queryLeg // by index of the relay; nil: it is over. See going
	left   int         // legs that are not over
	until  time.Time   // the deadline
	ended  error       // why it ends before all relays have answered
	paused time.Time   // since when it does not run; zero: it does

	mu        sync.Mutex
	merge     *query.Merge   // guarded by mu
	closed    bool           // guarded by mu: nothing is taken any more
	satisfied bool           // guarded by mu: there can be no more
	queue     []*nostr.Event // guarded by mu: of a stream, what has not been yielded
	bytes     int            // guarded by mu: about what it takes
	delayed   bool           // guarded by mu: the supervisor wants to know when there is room
	held      int            // guarded by mu: what of WithQueryBudget it takes
	released  bool           // guarded by mu: it takes nothing any more
	cause     error          // guarded by mu: why it ended, if that is no relay's doing
	answers   []RelayAnswer  // guarded by mu
	missing   []query.Span   // guarded by mu: of which dates the last relay that has answered has not given all
	counts    []RelayCount   // guarded by mu
}

// How much of a stream may wait for whoever ranges over it. From the lesser on no further
// pages are asked for; at the greater what is open is closed, and asked for again from there.
const (
	queueEvents, queueBytes = 1024, 1 << 20
	mostEvents, mostBytes   = 4 * queueEvents, 4 * queueBytes
)

// beginQuery hands a query to the supervisor.
func (c *Client) beginQuery(ctx context.Context, q *openQuery) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if q.cfg.on == nil && c.inInit(ctx) {
		return ErrCallingSelf
	}
	now := c.now()
	q.begun = nostr.TimestampOf(now)
	q.until = now.Add(q.cfg.deadline)
	if !q.count {
		most := int(min(c.cfg.queryBudget/4, math.MaxInt))
		q.merge = query.NewMerge(q.filters, query.MergeConfig{Stream: q.stream, Versions: q.plain, Now: q.begun, Bytes: max(1, most)})
	}
	if c.queries.Add(1) > int64(c.cfg.maxQueries) {
		c.queries.Add(-1)
		return fmt.Errorf("%w: %d are open", ErrTooManyQueries, c.cfg.maxQueries)
	}
	if !c.sup.inbox.Put(queryBegun{q}) {
		c.queries.Add(-1)
		return c.closedErr()
	}
	return nil
}

// hold counts what it holds in the account of all queries; false: that is too much. Needs mu.
func (q *openQuery) hold() bool {
	held := 0
	if !q.released && q.merge != nil {
		held = q.merge.Bytes() + q.bytes
	}
	more := held - q.held
	if q.held = held; more == 0 {
		return true
	}
	return q.c.queryBytes.Add(int64(more)) <= q.c.cfg.queryBudget || more < 0
}

// queryPlace is what a query takes of WithMaxQueries and WithQueryBudget until the handler is
// told of it, or its loop is left; of any other until it is over.
type queryPlace struct{ *openQuery }

// Add is for the letter: it gives the place back.
func (q queryPlace) Add(int64) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.released {
		q.released = true
		q.hold()
		q.c.queries.Add(-1)
	}
	return 0
}

// cancel ends it, if it is not over.
func (q *openQuery) cancel(cause error) {
	select {
	case <-q.over:
	default:
		q.c.sup.inbox.Put(queryCancelled{q, cause})
	}
}

// leave is for whoever has left the loop: the place of the query is free when it returns.
func (q *openQuery) leave() {
	q.cancel(errUnwanted) // nothing to do if it is over
	<-q.over              // the supervisor waits for nobody
	queryPlace{q}.Add(-1) // not before: what waits for the loop is held
}

// wait waits until it is over, which it is when ctx ends.
func (q *openQuery) wait(ctx context.Context) {
	select {
	case <-q.over:
	case <-ctx.Done():
		q.cancel(context.Cause(ctx))
		<-q.over // the supervisor waits for nobody
	}
}

// next waits for an event; false: there will be none.
func (q *openQuery) next(ctx context.Context) (*nostr.Event, bool) {
	for done := ctx.Done(); ; {
		over := closedChannel(q.over) // before it is looked what has come
		if e := q.pop(); e != nil {
			return e, true
		}
		if over {
			return nil, false
		}
		select {
		case <-q.bell:
		case <-q.over:
		case <-done:
			done = nil
			q.cancel(context.Cause(ctx))
		}
	}
}

// pop takes what has come first; nil: nothing is there.
func (q *openQuery) pop() *nostr.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return nil
	}
	e := q.queue[0]
	q.queue[0] = nil
	q.queue = q.queue[1:]
	if q.bytes -= sizeOf(e); len(q.queue) == 0 {
		q.queue, q.bytes = nil, 0
	}
	q.hold()
	if q.delayed && len(q.queue) <= queueEvents/2 && q.bytes <= queueBytes/2 {
		q.delayed = false
		q.c.sup.inbox.Put(queryDrained{q})
	}
	return e
}

// sizeOf is what an event takes in memory, about.
func sizeOf(e *nostr.Event) int {
	n := 400 + len(e.Content)
	for _, tag := range e.Tags {
		n += 24
		for _, s := range tag {
			n += 16 + len(s)
		}
	}
	return n
}

// had tells whether an event has come before, and another copy is of no use but to be counted.
func (q *openQuery) had(id nostr.ID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.merge.Has(id)
}

// take takes an event of a relay. Fresh: the relay had not sent it; full: no more finds room.
// Deliveries of several connections at once.
func (q *openQuery) take(l *queryLeg, e *nostr.Event) (fresh, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true, false
	}
	fresh, yield, err := q.merge.Take(l.index, l.rank, e)
	l.rank++
	switch {
	case err != nil:
		q.cause = ErrQueryTooLarge
		q.settle()
		return fresh, false
	case yield:
		q.queue = append(q.queue, e)
		q.bytes += sizeOf(e)
		q.ring()
	}
	if !q.hold() && q.cause == nil {
		q.cause = ErrQueryTooLarge
		q.settle()
	}
	if q.merge.Satisfied() {
		q.satisfied = true
		q.settle()
	}
	return fresh, len(q.queue) >= mostEvents || q.bytes >= mostBytes
}

// settle takes nothing any more, and has the supervisor end it. Needs mu.
func (q *openQuery) settle() {
	q.closed = true
	q.c.sup.inbox.Put(querySettled{q})
}

// ring wakes the one who ranges. Needs mu.
func (q *openQuery) ring() {
	select {
	case q.bell <- struct{}{}:
	default:
	}
}

// delays tells whether further pages wait; if so, the supervisor is told when they need not.
func (q *openQuery) delays() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) < queueEvents && q.bytes < queueBytes {
		return false
	}
	q.delayed = true
	return true
}

// answer notes what a relay did. Supervisor goroutine.
func (q *openQuery) answer(l *queryLeg) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := RelayAnswer{URL: l.url}
	if q.count {
		c := l.counted()
		q.counts[l.index] = c
		a.Complete, a.Err = c.complete()
	} else {
		answer := l.track.Answer()
		a.Events, a.Complete, a.Err = q.merge.Events(l.index), answer.Complete, errorOf(l.url, answer, l.err, l.clock)
		q.missing = answer.Missing
	}
	q.answers[l.index] = a
}

// finish says that it is over. Supervisor goroutine, once.
func (q *openQuery) finish(cause error) {
	q.mu.Lock()
	q.closed = true
	if q.cause == nil && !q.satisfied {
		q.cause = cause
	}
	q.mu.Unlock()
	if q.then == nil && !q.stream {
		queryPlace{q}.Add(-1) // before whoever waits asks for the next
	}
	close(q.over)
	if q.then != nil {
		l := reportOf(q.report, q.then)
		l.room = queryPlace{q}
		q.c.then(l)
	}
}

// lost are the dates of which the relay of a query of one relay has not given all, the newest first.
func (q *openQuery) lost() []query.Span {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.missing
}

// report is what came of it, when it is over.
func (q *openQuery) report() QueryReport {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := QueryReport{Relays: q.answers, cause: q.cause, satisfied: q.satisfied, onePage: q.cfg.mode == query.OnePage}
	if q.merge != nil {
		r.Events = q.merge.Result()
	}
	return r
}
