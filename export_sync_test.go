package gennostr

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
)

// SyncOfPages is a comparison that waits for the events of a query, as one that pages does.
type SyncOfPages struct {
	o *openSync
	q *openQuery
}

// PageOf begins one.
func PageOf(ctx context.Context, c *Client, relay string, filter nostr.Filter, opts ...SyncOption) (*SyncOfPages, error) {
	o, err := c.newSync(relay, filter, nil, opts)
	if err != nil {
		return nil, err
	}
	c.sup.inbox.Put(syncBegun{o})
	q, err := o.ask(ctx, filter, false)
	return &SyncOfPages{o, q}, err
}

// Next waits for an event; nil: there will be none.
func (s *SyncOfPages) Next(ctx context.Context) (*nostr.Event, error) { return s.o.next(ctx, s.q) }

// RingUnread has its alarm ring while it looks at other news that came with it.
func (s *SyncOfPages) RingUnread() {
	s.o.armed = s.o.c.now().Add(-time.Millisecond)
	s.o.news.ring()
	s.TakeBell()
}

// TakeBell tells whether it is to look at its news.
func (s *SyncOfPages) TakeBell() bool {
	select {
	case <-s.o.news.bell:
		return true
	default:
		return false
	}
}

// LastNews tells it that its relay is gone.
func (s *SyncOfPages) LastNews(err error) { s.o.news.goneFor(err) }

// Cancel ends the query.
func (s *SyncOfPages) Cancel() { s.q.cancel(context.Canceled) }

// Leave ends both.
func (s *SyncOfPages) Leave() {
	s.q.leave()
	s.o.leave()
}

// SyncByHand is a comparison that goes on when the test says so.
type SyncByHand struct {
	o     *openSync
	steps []reconcile.Step // to be done
}

// SyncOf begins one.
func SyncOf(c *Client, relay string, filter nostr.Filter) (*SyncByHand, error) {
	o, err := c.newSync(relay, filter, nil, nil)
	if err != nil {
		return nil, err
	}
	c.sup.inbox.Put(syncBegun{o})
	return &SyncByHand{o: o}, nil
}

// Hear takes what has happened first; false: there is nothing.
func (s *SyncByHand) Hear() bool {
	tell, some := s.o.news.next()
	if some {
		s.steps = append(s.steps, tell(s.o.machine, s.o.c.now())...)
	}
	return some
}

// Act does what follows from that.
func (s *SyncByHand) Act(ctx context.Context) error {
	steps := s.steps
	s.steps = nil
	return s.o.do(ctx, steps)
}

// WantsAuth tells whether it is about to wait for AUTH.
func (s *SyncByHand) WantsAuth() bool {
	return slices.ContainsFunc(s.steps, func(step reconcile.Step) bool { return step.Do == reconcile.Auth })
}

// AuthError is why there was no AUTH, and whether the comparison has heard of that.
func (s *SyncByHand) AuthError() (err error, heard bool) {
	s.o.news.mu.Lock()
	defer s.o.news.mu.Unlock()
	if s.o.news.authErr != nil {
		err = s.o.news.authErr
	}
	return err, !s.o.news.auth
}

// Over tells whether it has come to its end.
func (s *SyncByHand) Over() bool { return s.o.machine.Done() }

// Report is what came of it.
func (s *SyncByHand) Report() SyncReport { return s.o.finish(nil) }

// Leave ends it.
func (s *SyncByHand) Leave() { s.o.leave() }
