package gennostr

import (
	"context"
	"time"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/internal/intake"
)

// BreakChecks makes the next event of a relay that is held against the filters of
// an open subscription panic, in the middle of that: a bug of ours that only these
// bytes bring out (R44).
func BreakChecks(c *Client, url string) {
	conn := c.reg.lookup(url)
	for _, id := range conn.requests.Subscriptions() {
		conn.requests.Open(id, nil, nil, time.Now())
	}
}

// Disagree is what happens when the verifier and btcec come to differ.
func Disagree(c *Client, d bip340.Disagreement) { c.disagreed(d) }

// KnowsTwins tells whether the client recognises events by their bytes by now.
func KnowsTwins(c *Client) bool { return c.intakes.Twins.Hot() }

// Feed returns what takes a frame from a connection's reader to the callback.
func Feed(h *Harness, url string) func(frame []byte) {
	conn, b := h.c.reg.lookup(url), new(intake.Buffers)
	return func(frame []byte) {
		b.Frame = frame
		conn.in.Take(b, true, false)
		conn.in.Lane().Drain()
		for did := didMessage; did != didNothing; did, _ = h.c.step() {
		}
	}
}

// Impatient has the handler be restless after fewer steps.
func Impatient(h *Harness, steps int) { h.restless = steps }

// HeadOf is what the head of a message says of it.
func HeadOf(head []byte) (verb, id string) { return headOf(head) }

// RefusalsLogged counts the relays and reasons that BaseHandler remembers.
func RefusalsLogged(h *Harness) int { return len(h.c.self.refusals) }

// LookAtSlowCallback is the supervisor's look at what is running, at a time of the test's.
func LookAtSlowCallback(c *Client, now time.Time) {
	c.sup.do(func(s *supervisor) { s.checkSlow(now) })
}

// Identify is what a relay's URL is found by, told as, and dialled as.
func Identify(raw string) (url, address, dialled string, err error) {
	if url, address, err = identify(raw); err == nil {
		dialled = target(url, address)
	}
	return url, address, dialled, err
}

// Reserved is what the accounts of a client hold, in bytes: for what waits to be
// handled or is held, and for what its readers have in hand.
func Reserved(c *Client) (waiting, inHand int64) { return c.budget.Used(), c.long.Held() }

// EntriesKept is how much the client remembers of relays that are not added: entries,
// windows, alarms.
func EntriesKept(c *Client) (n int) {
	c.sup.do(func(s *supervisor) {
		for _, e := range s.relays {
			if !e.known() {
				n++
			}
		}
		n += len(s.guests) + len(s.windows) + s.dials.Waiting() + s.dials.UnderWay()
		if _, some := s.later.Next(); some {
			n++
		}
	})
	return n
}

// WhileTheSupervisorIsBusy runs f while the supervisor takes nothing.
func WhileTheSupervisorIsBusy(h *Harness, f func()) { h.c.sup.do(func(*supervisor) { f() }) }

// Arrive hands a frame to a connection's reader, and lets nothing be done about it.
func Arrive(h *Harness, url, frame string) {
	conn := h.c.reg.lookup(url)
	conn.in.Take(&intake.Buffers{Frame: []byte(frame)}, true, true)
	conn.in.Lane().Drain()
}

// OpenPublications is how many publications of a client are open.
func OpenPublications(c *Client) int { return int(c.publications.Load()) }

// Need is who needs a relay, as queries and publications do.
type Need struct {
	Leaves bool // it needs the relay no more when it is told of an end

	c     *Client
	entry *relayEntry
	ends  []End
}

// End is what it was told.
type End struct {
	Err           error
	Failed, Final bool
}

func (n *Need) relayEnded(s *supervisor, e *relayEntry, end relayEnd) {
	n.ends = append(n.ends, End{end.err, end.failed, end.final})
	if n.Leaves {
		s.disengage(e, n)
	}
}

// Engage makes n need a relay.
func Engage(c *Client, url string, n *Need) (err error) {
	n.c = c
	c.sup.do(func(s *supervisor) { n.entry, err = s.engage(url, url, n) })
	return err
}

// Disengage ends that.
func (n *Need) Disengage() { n.c.sup.do(func(s *supervisor) { s.disengage(n.entry, n) }) }

// KeepPlaces lets no subscription have or leave its place until the result is called.
func KeepPlaces(c *Client) (goOn func()) {
	c.subs.mu.Lock()
	return c.subs.mu.Unlock
}

// HandOver is Disengage, and Engage of another one before anything else happens.
func (n *Need) HandOver(to *Need) (err error) {
	to.c = n.c
	n.c.sup.do(func(s *supervisor) {
		s.disengage(n.entry, n)
		to.entry, err = s.engage(n.entry.url, n.entry.url, to)
	})
	return err
}

// Ends lists what it has been told so far.
func (n *Need) Ends() (list []End) {
	n.c.sup.do(func(*supervisor) { list = append(list, n.ends...) })
	return list
}

// Connected tells whether what it needs is connected: the entry that it has is the relay's.
func (n *Need) Connected() (is bool) {
	n.c.sup.do(func(s *supervisor) { is = s.relays[n.entry.url] == n.entry && n.entry.stage == connected })
	return is
}

// Publishing is what publications take up of a relay: events, OKs that are awaited on its
// connection, and those of them that are owed.
func Publishing(c *Client, url string) (events, awaited, owed int) {
	c.sup.do(func(s *supervisor) {
		e := s.relays[url]
		if e.publishing != nil {
			events = len(e.publishing.legs) + e.publishing.relay.Len() + len(e.publishing.held)
		}
		e.conn.mu.Lock()
		defer e.conn.mu.Unlock()
		if h := e.conn.hearing; h != nil {
			awaited, owed = len(h.awaited), h.owed
		}
	})
	return events, awaited, owed
}

// StartAt is Start of a client without a handler and with a clock of the test's, for what
// is decided by the time of day.
func StartAt(ctx context.Context, now func() time.Time, opts ...Option) (*Client, error) {
	c, err := newClient(ctx, nil, opts, surroundings{network: sockets{}, now: now, beginItems: (*Client).beginWork, helper: (*Client).help})
	if err != nil {
		return nil, err
	}
	go c.sup.run() // ended and joined by the loop, in close
	started := make(chan error, 1)
	go c.loop(started) // ends with the client
	return c, <-started
}

// OpenSyncs is how many comparisons of a client are open, with what they have left behind.
func OpenSyncs(c *Client) (n int) {
	c.sup.do(func(s *supervisor) {
		n = len(s.syncs)
		for _, e := range s.relays {
			if e.asking != nil {
				n += len(e.asking.syncs) + e.asking.negs()
			}
		}
	})
	return n
}

// OpenQueries is how many queries of a client are open, with what they have left behind.
func OpenQueries(c *Client) (n int) {
	c.sup.do(func(s *supervisor) {
		n = len(s.queries)
		for _, e := range s.relays {
			if e.asking != nil {
				n += len(e.asking.queries) + len(e.asking.counts)
			}
		}
	})
	return n
}

// AliveUntil returns what tells up to when a relay's connection of now is known to have brought all.
func AliveUntil(c *Client, url string) (alive func() time.Time) {
	c.sup.do(func(s *supervisor) { alive = s.relays[url].conn.alive })
	return alive
}
