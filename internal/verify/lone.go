package verify

import "github.com/gennostr/gennostr/nostr"

// A lone event is not worth a worker: to wake one, and to wake whoever waits for
// what it delivers, takes about as long as a signature. So while nothing else is
// going on, the submitter is lent what a worker has and does the work itself.
// There is one such loan at a time; whatever comes meanwhile goes to the workers.

// SubmitLone is Submit for a submitter that has nothing else to do until more
// arrives. If the pool has nothing to do either, v has been delivered when
// SubmitLone returns, and the Check was called on this goroutine.
func (l *Lane[T]) SubmitLone(v T, ev *nostr.Event) {
	p := l.pool
	if ev == nil || l.pending.Load() > 0 {
		l.Submit(v, ev)
		return
	}
	p.mu.Lock()
	if !p.lend() {
		p.mu.Unlock()
		l.Submit(v, ev)
		return
	}
	defer p.joined.Done()
	l.push(slot[T]{v: v, ev: ev})
	l.meet()
	l.count(false, 1)
	l.bring()
	p.lone.run(&l.station)
	if p.deliveries.first == &l.station { // as it is, unless others have asked for the same event
		p.deliveries.pop()
	}
	l.deliverBatch()
	p.lent = false
	for range p.deliveries.length { // what others wait for, and nobody may have been called for
		p.rouse()
	}
	if p.due() || p.suspectsDue() {
		p.rouse()
	}
	p.mu.Unlock()
}

// lend takes the loan, if all is quiet. Who has it owns lone, and Stop waits
// for its joined.Done. Needs mu, and may give it up for a while, in which
// nothing happens to the lane of its caller.
func (p *Pool) lend() bool {
	if p.lent || p.stopped || p.atWork() {
		return false
	}
	p.lent = true
	p.joined.Add(1)
	if p.lone == nil {
		p.mu.Unlock()
		w := &worker{pool: p, check: p.cfg.NewCheck(), most: 1}
		p.mu.Lock()
		p.lone = w
		if p.atWork() {
			p.lent = false
			p.joined.Done()
			return false
		}
	}
	return true
}

// atWork tells whether there is work, or a worker at it, that of the suspects aside.
// Needs mu.
func (p *Pool) atWork() bool {
	return p.deliveries.length > 0 || p.waiting > 0 || p.idle+p.suspecting < p.running
}
