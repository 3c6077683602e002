package gennostr

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
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

// NewsOfSync is what a comparison is told before it looks, and its machine in the middle of a session.
type NewsOfSync struct {
	Machine *reconcile.Machine
	news    syncNews
	session int
}

// SyncInSession is a comparison whose NEG-OPEN has been sent, and which has not heard so.
func SyncInSession(have *nip77.Set, now time.Time) *NewsOfSync {
	s := &NewsOfSync{Machine: reconcile.New(reconcile.Config{Until: reconcile.Forever, Ours: have, Patience: time.Minute, Most: 1 << 20}, now)}
	s.news.bell = make(chan struct{}, 1)
	s.news.isUp(1 << 16)
	s.session = s.Look(now)[0].Session
	s.news.isOpened(s.session, now)
	return s
}

// Look has the machine told all that there is, and returns what it says.
func (s *NewsOfSync) Look(now time.Time) (steps []reconcile.Step) {
	for {
		tell, some := s.news.next()
		if !some {
			return steps
		}
		steps = append(steps, tell(s.Machine, now)...)
	}
}

// Answers is a NEG-MSG, which it has to take.
func (s *NewsOfSync) Answers(payload []byte) {
	l := &dataLetter{Message: wire.NegMsg{Payload: payload}, Owner: new(connection)}
	l.Kept.Store(2) // the test's
	if !s.news.message(s.session, l) {
		panic("nobody wants it")
	}
}

// Says is a NEG-ERR.
func (s *NewsOfSync) Says(words string) {
	s.news.failed(syncFailure{session: s.session, words: words})
}

// HangsUp is the end of the connection.
func (s *NewsOfSync) HangsUp() { s.news.isDown() }

// Returns is the next connection.
func (s *NewsOfSync) Returns() { s.news.isUp(1 << 16) }
