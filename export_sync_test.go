package gennostr

import (
	"context"
	"time"

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
