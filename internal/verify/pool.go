// Package verify checks events on all cores between the readers of a client's
// connections and its mailbox, and hands them on in the order in which they
// came.
//
// A Pool owns the goroutines: workers, which do nothing but check and deliver.
// A Lane is one connection's way through the pool and owns none: an idle lane
// is a small struct. Both may be created in any number; neither is shared
// between clients.
package verify

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// Check decides about one event: nil means genuine. It is called on a worker,
// from several workers at once; it may panic (see PanicError), but it must not
// end its goroutine, nor keep or change the event.
type Check func(*nostr.Event) error

// PanicError is the outcome of an event whose Check panicked.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // where, as debug.Stack prints it
}

func (e *PanicError) Error() string { return fmt.Sprintf("verify: check panicked: %v", e.Value) }

// Unwrap returns the value of the panic if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ErrStopped is the outcome of an event that was submitted after Stop: it has
// not been checked.
var ErrStopped = errors.New("verify: pool is stopped")

// Pool is a client's set of workers. Make it with NewPool, end it with Stop.
//
// The unit of its work is a step of a lane: to check one event, or to deliver
// one batch. Lanes that have a step to do stand in a queue, each at most once;
// a worker takes the first lane, does one step, and the lane goes to the end
// if it has more. So a lane with thousands of events costs a neighbour's lone
// event the wait for one step per waiting lane, never the thousands.
type Pool struct {
	check   Check // immutable
	workers int   // how many there may be; immutable

	// mu guards the fields below and the bookkeeping of all lanes of this pool.
	// Neither Check nor deliver is called while it is held.
	mu          sync.Mutex
	first, last *station   // lanes with a step to do, each once, next to be served first
	wake        *sync.Cond // on mu: idle workers wait for a lane in the queue, or for stopped
	running     int        // workers started
	idle        int        // workers that wait and have not been called; who calls one subtracts it
	stopped     bool       // no worker is started any more; the queue is still emptied

	joined sync.WaitGroup // the workers; Add under mu and only before stopped is set
}

// station is what the pool sees of a lane.
type station struct {
	next   *station // guarded by Pool.mu
	queued bool     // guarded by Pool.mu: it is in the pool's queue

	// step does one unit of the lane's work. It is called with Pool.mu held and
	// returns with it held; in between it gives it up. Immutable.
	step func()
}

// NewPool returns a pool of at most so many workers, less than one for as many
// as GOMAXPROCS; check nil is (*nostr.Event).Verify. No goroutine is started
// before the first event needs it, and then no more than there are events.
func NewPool(workers int, check Check) *Pool {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	if check == nil {
		check = (*nostr.Event).Verify
	}
	p := &Pool{check: check, workers: workers}
	p.wake = sync.NewCond(&p.mu)
	return p
}

// Stop ends the workers and returns when they have exited. All lanes should
// have been drained; what has been submitted nevertheless is checked and
// delivered before Stop returns, and what is submitted later gets ErrStopped.
// Any goroutine may call it, again too, but not a Check or a deliver function.
func (p *Pool) Stop() {
	p.mu.Lock()
	p.stopped = true
	p.wake.Broadcast()
	p.mu.Unlock()
	p.joined.Wait()
}

// work is a worker. Stop ends it and waits for it.
func (p *Pool) work() {
	p.mu.Lock()
	for {
		for p.first == nil && !p.stopped {
			p.idle++
			p.wake.Wait()
		}
		s := p.first
		if s == nil {
			break
		}
		p.first, s.next = s.next, nil
		if p.first == nil {
			p.last = nil
		}
		s.queued = false
		s.step()
	}
	p.mu.Unlock()
}

// enqueue puts a lane that has a step to do into the queue, if it is not
// there. Needs mu.
func (p *Pool) enqueue(s *station) {
	if s.queued {
		return
	}
	s.queued = true
	if p.last == nil {
		p.first = s
	} else {
		p.last.next = s
	}
	p.last = s
}

// rouse finds a worker for a step that has just been added by somebody who is
// not a worker: an idle one, or a new one, or none, when all are busy. Needs mu.
//
// A worker that adds steps need not call it: it makes at most one (a delivery;
// the checks were announced when their events were submitted) and takes one
// before it gives up mu. So there are as many steps as awake workers, or all
// workers are awake, and nobody goes idle before the queue is empty.
func (p *Pool) rouse() {
	switch {
	case p.idle > 0:
		p.idle--
		p.wake.Signal()
	case p.running < p.workers:
		p.running++
		p.joined.Go(p.work)
	}
}

// verdict is check, with a panic turned into an error.
func (p *Pool) verdict(ev *nostr.Event) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = &PanicError{Value: recover(), Stack: debug.Stack()}
		}
	}()
	err = p.check(ev)
	returned = true
	return err
}
