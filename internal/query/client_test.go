package query_test

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// A client does for a leg what its owner is to do, and keeps what has come.
type client struct {
	t     require.TestingT
	relay *relay
	leg   *query.Leg
	bytes int
	now   nostr.Timestamp

	up      bool
	queue   []*query.Ask
	waits   []*query.Ask // refused for now
	got     map[int]map[nostr.ID]bool
	fresh   map[nostr.ID]bool
	number  uint64
	asked   int
	events  int
	most    int // of one REQ
	largest int
	log     func(format string, args ...any)
}

func newClient(t require.TestingT, r *relay, filters []nostr.Filter, cfg query.Config) *client {
	return &client{t: t, relay: r, leg: query.NewLeg(filters, cfg), bytes: 1 << 16, now: epoch,
		got: map[int]map[nostr.ID]bool{}, fresh: map[nostr.ID]bool{}, largest: limits.LeastPage, log: func(string, ...any) {}}
}

func (c *client) caps() paging.Caps {
	if c.relay.told {
		return paging.Caps{Page: c.relay.pageCap, Known: true}
	}
	return paging.Caps{Page: c.largest}
}

func (c *client) take(asks []*query.Ask) {
	for _, a := range asks {
		require.NoError(c.t, a.Filter.Validate())
		require.False(c.t, a.Filter.MatchesNothing(), "asked for nothing: %s", a.Filter)
		require.False(c.t, slices.Contains(c.queue, a))
	}
	c.queue = append(c.queue, asks...)
}

func (c *client) connect() {
	c.log("up")
	c.up = true
	c.take(c.leg.Up(c.bytes))
}

func (c *client) cut() {
	c.log("cut")
	c.up, c.queue, c.waits = false, nil, nil
	c.relay.cut()
	c.leg.Down()
}

// send sends the first n asks that wait in one REQ.
func (c *client) send(n int, slips *nostr.Event) {
	if n = min(n, len(c.queue)); n == 0 {
		return
	}
	q := &req{asks: slices.Clone(c.queue[:n]), counts: map[*query.Ask]*paging.Counter{}, seen: map[nostr.ID]bool{}}
	for _, a := range q.asks {
		c.log("REQ: %p %s silent %v", a, a.Filter, a.Silent)
		counter := a.Counter()
		q.counts[a] = &counter
	}
	c.asked += n
	c.queue = slices.Delete(c.queue, 0, n)
	c.relay.open(q, slips)
}

// read takes the next message from the wire.
func (c *client) read() bool {
	if len(c.relay.wire) == 0 {
		return false
	}
	m := c.relay.wire[0]
	c.relay.wire = c.relay.wire[1:]
	switch {
	case m.event != nil:
		c.event(m.req, m.event)
	case m.req.words != "":
		c.closed(m.req)
	default:
		c.answered(m.req, c.relay.hint(m.req))
	}
	return true
}

func (c *client) event(q *req, e *nostr.Event) {
	q.total++
	c.number++
	c.events++
	c.most = max(c.most, q.total)
	var wanting []*query.Ask
	for _, a := range q.asks {
		if a.Filter.Matches(e) {
			wanting = append(wanting, a)
		}
	}
	switch {
	case c.relay.long[e.ID]:
		for _, a := range q.asks {
			c.leg.Skipped(a)
		}
		fallthrough
	case q.seen[e.ID], len(wanting) == 0:
		q.refused++
	default:
		q.seen[e.ID] = true
		c.log("event %x dated %d", e.ID[:3], e.CreatedAt-epoch)
		for _, a := range wanting {
			q.counts[a].Event(c.number, e.CreatedAt, c.now, !c.fresh[e.ID], len(wanting) > 1)
			if !a.Silent {
				c.keep(a.Index, e)
			}
		}
		c.fresh[e.ID] = true
	}
	room := 0
	for _, a := range q.asks {
		room += c.leg.Room(a)
	}
	if q.total >= room {
		c.log("overfull")
		c.relay.shut(q)
		c.answered(q, paging.More)
	}
}

func (c *client) keep(index int, e *nostr.Event) {
	if c.got[index] == nil {
		c.got[index] = map[nostr.ID]bool{}
	}
	c.got[index][e.ID] = true
}

func (c *client) answered(q *req, hint paging.Hint) {
	c.relay.shut(q)
	for _, a := range q.asks {
		p := q.counts[a].Page(q.total, q.refused, hint)
		if a.Filter.Limit == 0 && len(q.asks) == 1 {
			c.largest = max(c.largest, p.Events)
		}
		c.log("EOSE: %p %+v", a, p)
		c.take(c.leg.Answered(a, p, c.caps()))
	}
}

func (c *client) closed(q *req) {
	c.relay.shut(q)
	if len(q.asks) > 1 { // nobody's, until each is alone
		for _, a := range q.asks {
			c.take(c.leg.Lost(a))
		}
		return
	}
	var l limits.Limits
	reason := l.Refused(q.words, 1)
	asks, wait := c.leg.Refused(q.asks[0], reason, q.words)
	c.log("closed: %p %s: %d more, wait %v", q.asks[0], reason, len(asks), wait)
	c.take(asks)
	if wait {
		c.waits = append(c.waits, q.asks[0])
	}
}

// settle lets the query come to its end.
func (c *client) settle(together int, most int) {
	for !c.leg.Done() {
		require.LessOrEqual(c.t, c.asked, most, "it keeps asking")
		switch {
		case !c.up:
			c.connect()
		case c.read():
		case len(c.queue) > 0:
			c.send(together, nil)
			if len(c.relay.reqs) > 0 && c.relay.reqs[len(c.relay.reqs)-1].words != "" {
				together = 1
			}
		case len(c.waits) > 0:
			c.take(c.leg.Lost(c.waits[0]))
			c.waits = c.waits[1:]
		default:
			require.Fail(c.t, "it waits for nothing")
		}
	}
}
