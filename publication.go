package gennostr

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/nostr"
)

// Publication is an event on its way to relays, from [Client.StartPublish]. All methods
// may be called by any goroutine, at any time.
type Publication struct {
	// immutable
	c       *Client
	event   *nostr.Event
	frame   []byte // as it is sent
	cfg     publishConfig
	begun   time.Time
	until   time.Time // when it is given up
	inside  bool      // Self.Publish
	then    func(PublishReport) error
	replies *Subscription // of a Request: it is published where this is live; nil: none
	decided chan struct{} // closed when whoever waits is to be told

	// supervisor goroutine only
	number int // in the order in which they began
	state  *outcome.Publication[int]
	legs   []*publishLeg // by index of its relay; nil once it is over

	mu       sync.Mutex
	outcomes []Outcome     // guarded by mu: in the order of its relays
	changed  []uint64      // guarded by mu: the number of the news that brought each of them, 0: none
	news     uint64        // guarded by mu: how many there have been
	cause    error         // guarded by mu: why it ended, if that is no relay's doing
	over     bool          // guarded by mu: every relay has given its verdict, or none will
	bell     chan struct{} // guarded by mu: closed by the next news; nil while nobody listens
}

// Outcomes yields the verdicts as they come, and ends when there is one of every relay,
// or at Cancel. Whatever ends the client gives every relay one: see [Client.Stop]. A relay that changes its mind before that, by a second OK, is told
// again: the newest one counts. Of several that come while the body runs, the newest of
// each relay is told.
func (p *Publication) Outcomes() iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		for seen := uint64(0); ; {
			o, number, bell := p.next(seen)
			switch {
			case number > 0:
				seen = number
				if !yield(o) {
					return
				}
			case bell == nil:
				return
			default:
				<-bell // rung by every verdict, and by the end
			}
		}
	}
}

// next is the first news after those that were seen, else what to wait for; nil: there
// will be none.
func (p *Publication) next(seen uint64) (o Outcome, number uint64, bell <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.changed {
		if n > seen && (number == 0 || n < number) {
			o, number = p.outcomes[i], n
		}
	}
	if number > 0 || p.over {
		return o, number, nil
	}
	if p.bell == nil {
		p.bell = make(chan struct{})
	}
	return o, 0, p.bell
}

// Wait waits until the publication is decided ([AtLeast]), and returns where it stands
// then; see [Client.Publish]. Later calls return at once, with what has come since.
func (p *Publication) Wait(ctx context.Context) (PublishReport, error) {
	select {
	case <-p.decided:
	default:
		if p.c.inInit(ctx) {
			r := p.report()
			r.cause = ErrCallingSelf
			return r, r.Err()
		}
		select {
		case <-p.decided:
		case <-ctx.Done():
			decided := closedChannel(p.decided)
			r := p.report()
			if !decided && r.cause == nil {
				r.cause = context.Cause(ctx)
			}
			return r, r.Err()
		}
	}
	r := p.report()
	return r, r.Err()
}

// Cancel ends the publication: the event is not sent any more. What was sent is sent,
// and its verdict nobody's. Whoever waits gets [context.Canceled].
func (p *Publication) Cancel() {
	p.c.sup.inbox.Put(cancelled{p})
}

// report is where it stands. The event is the reader's own: he may change it, to publish
// it anew, say, while this one goes on.
func (p *Publication) report() PublishReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PublishReport{Event: p.event.Clone(), Outcomes: append([]Outcome(nil), p.outcomes...), AtLeast: p.cfg.atLeast, cause: p.cause}
}

// begin takes note of the relays. Supervisor goroutine.
func (p *Publication) begin(urls []string) {
	indexes := make([]int, len(urls))
	for i := range urls {
		indexes[i] = i
	}
	p.state = outcome.NewPublication(indexes, p.cfg.atLeast)
	p.legs = make([]*publishLeg, len(urls))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcomes, p.changed = make([]Outcome, len(urls)), make([]uint64, len(urls))
	for i, url := range urls {
		p.outcomes[i].URL = url
	}
}

// note takes a verdict. Supervisor goroutine.
func (p *Publication) note(index int, o Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.URL = p.outcomes[index].URL
	p.outcomes[index] = o
	p.news++
	p.changed[index] = p.news
	p.ring()
}

// ring needs mu.
func (p *Publication) ring() {
	if p.bell != nil {
		close(p.bell)
		p.bell = nil
	}
}

// end says that there will be no more news. Supervisor goroutine.
func (p *Publication) end(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cause, p.over = cause, true
	p.ring()
}

// decide lets those know who wait. Supervisor goroutine, once. What the handler is told
// counts until it has been.
func (p *Publication) decide() {
	close(p.decided)
	if !p.inside {
		return
	}
	if l := reportLetter(p.report(), p.then, &p.c.publications); l != nil {
		p.c.publications.Add(1)
		p.c.then(l)
	}
}
