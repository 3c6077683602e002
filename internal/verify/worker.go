package verify

import (
	"runtime/debug"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// worker is what a worker's goroutine has to itself.
type worker struct {
	pool  *Pool
	check Check
	most  int // events it takes at a time

	// The batch that is being put together or checked.
	room    int
	flights []flight // never moves while it is in use: its capacity is most
	events  []*nostr.Event
	errs    []error
	touched []*station // lanes whose items were settled
	suspect bool       // the batch is of a lane that is kept apart
	charged bool       // and others waited when it was begun
	began   time.Time

	exiting bool // the Check has called runtime.Goexit
}

// item is a place in a lane.
type item struct {
	at *station
	n  uint64
}

// flight is an event on its way through a check. The same event may be asked
// for by several lanes meanwhile: they get the same verdict, for the id, which
// was recomputed, and the signature are all there is to judge. The fields are
// guarded by Pool.mu, but for ev and print, which are immutable.
type flight struct {
	ev    *nostr.Event
	print print
	item  item   // who asked first
	more  []item // who asked while it was under way
}

// run puts a batch together, beginning with a lane that has waiting events,
// checks it and settles its items. Needs Pool.mu, and gives it up for the check.
func (w *worker) run(first *station) {
	p := w.pool
	if w.flights == nil {
		w.flights = make([]flight, 0, w.most)
	}
	p.delivered = 0
	w.began = time.Now()
	if w.suspect = first.lane.suspect(); w.suspect {
		w.room, w.charged = min(w.most, suspectBatch), p.waiting > 0
		p.suspecting++
		first.lane.claim(w)
		w.touch(first)
	} else {
		w.room = min(w.most, p.room())
		p.checking++
		p.since, p.overdue = w.began, false
		first.lane.claim(w)
		w.touch(first)
		// Each lane is looked at once: those that have more to do go to the end.
		for left := p.checks.length; left > 0 && w.room > 0; left-- {
			s := p.checks.pop()
			s.lane.claim(w)
			w.touch(s)
		}
	}
	others := w.requeue() // have something to deliver that has turned out to be proven
	if p.due() {          // what is left
		others++
	}
	if p.suspectsDue() {
		others++
	}
	if len(w.flights) == 0 {
		others-- // all of it is proven, or being checked by others: this worker goes on
	}
	for range others {
		p.rouse()
	}
	if len(w.flights) == 0 {
		w.account()
		return
	}
	p.mu.Unlock()
	w.verdicts()
	p.mu.Lock()
	w.settle()
}

// add claims one event. Needs Pool.mu.
func (w *worker) add(ev *nostr.Event, it item) {
	p := w.pool
	if p.abandoned {
		w.verdict(it, ErrStopped)
		return
	}
	pr := p.proven.print(ev)
	if p.proven.has(pr) { // since it was submitted
		w.verdict(it, nil)
		return
	}
	if f := p.flights[ev.ID]; f != nil && f.ev.Sig == ev.Sig {
		f.more = append(f.more, it)
		return
	}
	w.flights = append(w.flights, flight{ev: ev, print: pr, item: it})
	w.events = append(w.events, ev)
	w.room--
	if p.flights == nil {
		p.flights = make(map[nostr.ID]*flight)
	}
	if p.flights[ev.ID] == nil {
		p.flights[ev.ID] = &w.flights[len(w.flights)-1]
	}
}

// verdicts calls the Check.
func (w *worker) verdicts() {
	w.errs = append(w.errs[:0], make([]error, len(w.events))...)
	returned := false
	defer func() {
		if returned {
			return
		}
		// The whole batch is in doubt: none of it may pass.
		err := &PanicError{Value: recover(), Stack: debug.Stack()}
		if err.Value == nil { // not even panic(nil) recovers as that
			err.Value, w.exiting = errGoexit, true
		}
		for i := range w.errs {
			w.errs[i] = err
		}
	}()
	epoch := w.pool.proven.epoch.Load()
	w.check(w.events, w.errs)
	w.pool.proven.add(w.flights, w.errs, epoch)
	returned = true
}

// succeed is deferred: a worker whose goroutine is ended by its Check settles the
// batch that it holds, and leaves its place to another.
func (w *worker) succeed() {
	if !w.exiting {
		return
	}
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	w.settle()
	p.joined.Go(p.work) // before this one is done, so Stop is still waiting
}

// settle hands the verdicts to the lanes. Needs Pool.mu.
func (w *worker) settle() {
	p := w.pool
	for i := range w.flights {
		f := &w.flights[i]
		if p.flights[f.ev.ID] == f {
			delete(p.flights, f.ev.ID)
		}
		w.verdict(f.item, w.errs[i])
		for _, it := range f.more {
			w.verdict(it, w.errs[i])
		}
	}
	clear(w.flights)
	clear(w.events)
	clear(w.errs)
	w.flights, w.events, w.errs = w.flights[:0], w.events[:0], w.errs[:0]
	w.account()
	others := w.requeue()
	if p.due() { // may be so since a lane is no longer waited for, or no longer apart
		others++
	}
	for range others - 1 { // one of them is this worker's
		p.rouse()
	}
}

func (w *worker) verdict(it item, err error) {
	it.at.lane.settle(it.n, err)
	w.touch(it.at)
}

// touch notes a lane that may have got a step to do. Needs Pool.mu, which is
// not given up before requeue.
func (w *worker) touch(s *station) {
	if !s.touched {
		s.touched = true
		w.touched = append(w.touched, s)
	}
}

// requeue puts the lanes that were touched into the queues in which they belong, and
// counts those that have got something to deliver. Needs Pool.mu.
func (w *worker) requeue() (n int) {
	for i, s := range w.touched {
		s.touched = false
		w.touched[i] = nil
		if s.lane.requeue() {
			n++
		}
	}
	w.touched = w.touched[:0]
	return n
}
