// Package verify checks signatures on all cores between the readers of a
// client's connections and its mailbox, and hands the events on in the order in
// which they came.
//
// A Pool owns the goroutines: workers, which do nothing but check and deliver.
// A Lane is one connection's way through the pool and owns none: an idle lane
// is a small struct. Both may be created in any number; neither is shared
// between clients.
//
// What waits becomes a batch, of all lanes together, since many signatures are
// checked for less than the sum of each. There is no timer: a lone event is
// checked at once and by itself, by its submitter if nothing else is going on, and
// under load the batches grow by themselves, as far as submitters have more at hand.
package verify

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// Check decides about a batch of events: errs[i], nil before, becomes why
// events[i] is refused. Each worker has a Check of its own, as have the
// submitters together, so it may keep scratch space. It may panic or end its
// goroutine (see PanicError), unless that is a submitter's, which it must not
// end; and it must not keep or change an event.
type Check func(events []*nostr.Event, errs []error)

// Each makes a Check of a function that checks one event, and confines a panic to its event.
func Each(check func(*nostr.Event) error) Check {
	one := func(ev *nostr.Event) (err error) {
		returned := false
		defer func() {
			if !returned {
				if v := recover(); v != nil { // else it is runtime.Goexit, which cannot be stopped here
					err = &PanicError{Value: v, Stack: debug.Stack()}
				}
			}
		}()
		err = check(ev)
		returned = true
		return err
	}
	return func(events []*nostr.Event, errs []error) {
		for i, ev := range events {
			errs[i] = one(ev)
		}
	}
}

// PanicError is the outcome of an event whose Check panicked, or called
// runtime.Goexit, as t.FailNow does.
type PanicError struct {
	Value any    // what it panicked with; an error that says so when it was runtime.Goexit
	Stack []byte // where, as debug.Stack prints it
}

func (e *PanicError) Error() string { return fmt.Sprintf("verify: check panicked: %v", e.Value) }

// Unwrap returns the value of the panic if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

var errGoexit = errors.New("runtime.Goexit was called")

// ErrStopped is the outcome of an event that was submitted after Stop, or had not been
// claimed at Abandon: it has not been checked.
var ErrStopped = errors.New("verify: pool is stopped")

// Config is what a Pool is made of.
type Config struct {
	Workers  int          // at most so many goroutines; less than one for as many as GOMAXPROCS
	MaxBatch int          // at most so many events for one call of a Check; less than one for 1
	NewCheck func() Check // called once by each worker, and once for the submitters, maybe several at a time
}

// Pool is a client's set of workers. Make it with NewPool, end it with Stop.
//
// The unit of its work is a step: to deliver what one lane has ready, or to have a
// batch checked, which takes events of all lanes together. Lanes with something to
// do stand in queues, one for each; a worker takes the first lane, does one step,
// and the lane goes to the end if it has more. So a lane with thousands of events
// costs a neighbour's lone event the wait for one batch, never the thousands.
//
// An event's words, in order, and whose they are:
//
//	waiting    submitted, and in no worker's hands       Lane.waiting; Pool.waiting but for suspects'
//	in flight  a worker has claimed it and checks it     worker.flights, Pool.flights
//	done       has its verdict, may have to be passed by those before it
//	pending    any of these: not delivered               Lane.pending
//
// A lane's:
//
//	has more   its submitter says so                     Lane.Expect until Pause
//	useful     it has brought something lately           Lane.Round, Lane.bring
//	suspect    it had an event refused                   Lane.judge; until suspectFor were accepted
//	standing   what it may put into one batch            Lane.share; grows with what is accepted
//	awaited    has more, is useful and no suspect        Lane.recount, Pool.awaited
//
// A pool's, on which it depends whether a worker claims what is waiting:
//
//	whole      the largest batch can be made             then room is all of it
//	overdue    something has been waiting for long       Pool.look, after patience
//	due        whole, overdue, or no lane is awaited
//	suspectsDue  nobody else has events waiting, or the suspects have credit
//	lent       a submitter does a worker's work itself   SubmitLone, when nobody is atWork
type Pool struct {
	cfg      Config    // immutable
	born     time.Time // immutable
	proven   proven    // has a lock of its own
	courtesy courtesy

	// mu guards the fields below and the bookkeeping of all lanes of this pool.
	// Neither a Check nor deliver is called while it is held.
	mu         sync.Mutex
	deliveries queue                // lanes with something to deliver
	checks     queue                // lanes with events that wait for a worker
	waiting    int                  // how many those are
	repeats    int                  // how many of them are most likely the same as others
	since      time.Time            // when the oldest of them began to wait, or the last were claimed
	overdue    bool                 // that was too long ago
	awaited    int                  // lanes of which more is worth waiting for: see Lane.recount
	checking   int                  // workers that check some of those
	suspects   queue                // lanes apart with events that wait for a worker: see suspects.go
	suspecting int                  // workers that check events of suspects
	credit     time.Duration        // what the suspects have of the workers' time
	alone      *station             // the only lane until now that has submitted events; nil if there is none
	company    bool                 // there are others
	delivered  int                  // items, since events were claimed
	flights    map[nostr.ID]*flight // events that are being checked
	wake       *sync.Cond           // on mu: idle workers wait for a step to do, or for stopped
	running    int                  // workers started
	idle       int                  // workers that wait and have not been called; who calls one subtracts it
	stopped    bool                 // no worker is started any more; the queues are still emptied
	abandoned  bool                 // nobody wants what is waiting
	lent       bool                 // a submitter is at work: see lone.go
	lone       *worker              // what it works with; nil before the first time, its own from then on

	// The workers and who is lent one; Add under mu, and only before stopped is set or by a worker.
	joined sync.WaitGroup
}

// station is what the pool sees of a lane.
type station struct {
	lane line // immutable

	// All below is guarded by Pool.mu. When that is free, a lane is in Pool.deliveries if it
	// has something to deliver, and if it has waiting events in Pool.checks, or in
	// Pool.suspects if it is kept apart.
	next    [kinds]*station
	queued  [kinds]bool
	touched bool // false whenever Pool.mu is given up: see worker.touch
}

// line is a Lane, whatever it carries. All its methods need Pool.mu.
type line interface {
	// deliverBatch delivers some of what is ready, and tells how many. In between it gives Pool.mu up.
	deliverBatch() int
	// claim adds waiting events to the worker's batch.
	claim(*worker)
	// settle takes the verdict on item n.
	settle(n uint64, err error)
	// suspect tells that the lane's events are kept out of others' batches.
	suspect() bool
	// requeue puts the lane into the queues in which it belongs, and tells whether
	// it has just got something to deliver.
	requeue() bool
}

// NewPool returns a pool. No goroutine is started before the first event needs
// it, and then no more than there are events.
func NewPool(cfg Config) *Pool {
	if cfg.Workers < 1 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	cfg.MaxBatch = max(1, cfg.MaxBatch)
	p := &Pool{cfg: cfg, born: time.Now(), deliveries: queue{kind: toDeliver}, checks: queue{kind: toCheck}, suspects: queue{kind: toSuspect}}
	p.wake = sync.NewCond(&p.mu)
	p.proven.keys.make()
	return p
}

// Proven tells whether a Check of this pool has accepted this very id and
// signature, as far as the pool remembers. Such an event need not be submitted
// for a check; its id has to be recomputed all the same. Any goroutine.
func (p *Pool) Proven(ev *nostr.Event) bool { return p.proven.has(p.proven.print(ev)) }

// Forget makes nothing proven: what was accepted until now, and what a Check has
// in hand, is checked again when it comes again. For when a Check has turned out
// not to be trustworthy. Any goroutine may call it, a Check too.
func (p *Pool) Forget() { p.proven.forget() }

// Abandon is for an end at which nobody wants what waits to be checked any more, of
// which there may be seconds' work: it is delivered with ErrStopped, as is what is
// submitted later, and lanes that are drained are so when the checks in hand are
// done. Any goroutine may call it.
func (p *Pool) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
}

// Stop ends the workers and returns when they have exited. All lanes should
// have been drained; what has been submitted nevertheless is checked and
// delivered before Stop returns, and what is submitted later gets ErrStopped.
// Any goroutine may call it, again too, but not a Check or a deliver function.
func (p *Pool) Stop() {
	p.mu.Lock()
	if p.checks.length+p.suspects.length > 0 {
		p.rouse() // they may have waited for more, and for nobody to be there
	}
	p.stopped = true
	p.wake.Broadcast()
	p.mu.Unlock()
	p.joined.Wait()
}

// deliveriesFirst is how many items are delivered before events that wait are
// checked: what one check has settled should not wait for the next, but a flood of
// what needs none should not hold up a check for longer than another check does.
const deliveriesFirst = 4096

// work is a worker. Stop ends it and waits for it.
func (p *Pool) work() {
	w := &worker{pool: p, check: p.cfg.NewCheck(), most: p.cfg.MaxBatch}
	defer w.succeed()
	p.mu.Lock()
	for {
		checks, suspects := p.due(), p.suspectsDue()
		switch {
		case p.deliveries.length > 0 && (p.delivered < deliveriesFirst || !checks && !suspects):
			p.delivered += p.deliveries.pop().lane.deliverBatch()
		case suspects: // has a claim to be first, or nobody else is there
			w.run(p.suspects.pop())
		case checks:
			w.run(p.checks.pop())
		case p.stopped:
			p.mu.Unlock()
			return
		default:
			p.idle++
			p.wake.Wait()
		}
	}
}

// rouse finds a worker for a step that has just come up, by somebody who is
// not a worker: an idle one, or a new one, or none, when all are busy. Needs mu.
//
// A worker that brings steps about calls it for all but one of them, which it takes
// itself before it gives up mu. So there are as many steps as awake workers, or
// all workers are awake, and nobody goes idle before there is nothing to do.
func (p *Pool) rouse() {
	switch {
	case p.idle > 0:
		p.idle--
		p.wake.Signal()
	case p.running < p.cfg.Workers && !p.stopped:
		p.running++
		p.joined.Go(p.work)
	}
}
