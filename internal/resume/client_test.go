package resume_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// A client does for a leg what its owner is to do, and keeps what has come.
type client struct {
	t       require.TestingT
	relay   *relay
	cfg     resume.Config
	leg     *resume.Leg
	filters []nostr.Filter
	clock   func() nostr.Timestamp

	up      bool
	queue   []*resume.Ask // not sent
	subs    map[*resume.Ask][]*sub
	had     map[nostr.ID]bool
	gaps    []gap
	lives   int // Steps that said Live
	asked   int // asks that were sent
	largest int // page of an ask without a limit
	onFirst func(s *sub)
	log     func(format string, args ...any) // what happened, for who has to understand a failure
}

// gap is one with the filter it is of.
type gap struct {
	resume.Gap
	filter nostr.Filter
}

func newClient(t require.TestingT, r *relay, filters []nostr.Filter, cfg resume.Config) *client {
	return &client{t: t, relay: r, cfg: cfg, filters: filters, leg: resume.New(filters, nil, cfg),
		subs: map[*resume.Ask][]*sub{}, had: map[nostr.ID]bool{}, largest: 1, onFirst: func(*sub) {}, log: func(string, ...any) {}}
}

func (c *client) time() time.Time { return c.clock().Time() }

func (c *client) caps() resume.Caps {
	if c.relay.told {
		return resume.Caps{Page: c.relay.pageCap, Known: true}
	}
	return resume.Caps{Page: c.largest}
}

// do does what a step says.
func (c *client) do(s resume.Step) {
	for _, a := range s.Gone {
		c.log("gone: %p %s", a, a.Filter)
		c.queue = slices.DeleteFunc(c.queue, func(o *resume.Ask) bool { return o == a })
		c.forget(a)
	}
	for _, a := range s.Asks {
		require.False(c.t, a.Filter.MatchesNothing(), "asked for nothing: %s", a.Filter)
		require.NoError(c.t, a.Filter.Validate())
		require.False(c.t, slices.Contains(c.queue, a))
	}
	c.queue = append(c.queue, s.Asks...)
	for _, g := range s.Gaps {
		c.log("gap: %+v", g)
		require.LessOrEqual(c.t, g.Since, g.Until)
		found := gap{Gap: g}
		if g.Track >= 0 {
			found.filter = c.filters[g.Track]
		}
		c.gaps = append(c.gaps, found)
	}
	if s.Live {
		c.log("live")
		require.True(c.t, c.up)
		require.True(c.t, c.leg.CaughtUp())
		c.lives++
	}
}

// forget closes what is open for an ask.
func (c *client) forget(a *resume.Ask) {
	for _, s := range c.subs[a] {
		c.relay.shut(s)
	}
	delete(c.subs, a)
}

func (c *client) connect() {
	if !c.up {
		c.up, c.lives = true, 0
		c.log("up at %d", c.clock())
		c.do(c.leg.Up(c.time()))
	}
}

func (c *client) cut() {
	c.log("cut")
	c.up, c.queue = false, nil
	c.relay.cut()
	clear(c.subs)
	c.leg.Down()
}

// crash starts anew from what a cursor knows. Of a filter that has grown it does not know
// what was not loaded, unless that is all there is.
func (c *client) crash() {
	for _, a := range c.queue {
		c.first(&sub{ask: a, filter: a.Filter})
	}
	for _, s := range c.relay.subs {
		if !s.req.eose {
			c.first(s)
		}
	}
	marks := c.leg.Marks()
	c.log("crash: %+v", marks)
	c.cut()
	c.leg = resume.New(c.filters, marks, c.cfg)
}

// send sends the first n asks that wait in one REQ.
func (c *client) send(n int, pause bool) {
	n = min(n, len(c.queue))
	if n == 0 {
		return
	}
	q := &req{sent: c.clock()}
	for _, a := range c.queue[:n] {
		c.log("REQ at %d: %p once %v resumed %v: %s", q.sent, a, a.Once, a.Resumed, a.Filter)
		s := &sub{ask: a, filter: a.Filter}
		c.subs[a] = []*sub{s}
		q.subs = append(q.subs, s)
		c.first(s)
	}
	c.asked += n
	c.queue = slices.Delete(c.queue, 0, n)
	c.relay.open(q, pause)
}

// first tells of a first load.
func (c *client) first(s *sub) {
	if a := s.ask; !a.Once && !a.Resumed && !a.Heir() {
		c.onFirst(s)
	}
}

// answered are the live asks that have got their EOSE, in a fixed order.
func (c *client) answered() (asks []*resume.Ask) {
	for _, s := range c.relay.subs {
		if l := c.subs[s.ask]; s.req.eose && !s.ask.Once && len(l) == 1 && l[0] == s {
			asks = append(asks, s.ask)
		}
	}
	return asks
}

// move lets another REQ take over asks that have been answered.
func (c *client) move(asks []*resume.Ask) {
	if len(asks) == 0 {
		return
	}
	q := &req{sent: c.clock()}
	for _, a := range asks {
		c.log("moved at %d: %p %s", q.sent, a, a.Moved)
		s := &sub{ask: a, filter: a.Moved, moved: true}
		c.subs[a] = append(c.subs[a], s)
		q.subs = append(q.subs, s)
	}
	c.relay.open(q, false)
}

// replace sends a REQ under the id of one that was answered.
func (c *client) replace(a *resume.Ask) {
	c.forget(a)
	s := &sub{ask: a, filter: c.leg.Fresh(a)}
	c.log("replaced at %d: %p %s", c.clock(), a, s.filter)
	c.subs[a] = []*sub{s}
	c.asked++
	c.relay.open(&req{subs: []*sub{s}, sent: c.clock()}, false)
}

// read takes the next message from the wire.
func (c *client) read() bool {
	if len(c.relay.wire) == 0 {
		return false
	}
	m := c.relay.wire[0]
	c.relay.wire = c.relay.wire[1:]
	if m.event != nil && !m.req.eose {
		m.req.total++
	}
	switch {
	case m.event != nil:
		c.event(m.req, m.event)
	case m.eose != nil:
		c.eose(m.eose)
	case m.closed != nil && slices.Contains(c.subs[m.closed.ask], m.closed):
		a := m.closed.ask
		if m.closed.moved && !m.closed.req.eose { // what it was to take over is still open
			c.subs[a] = c.subs[a][:1]
			break
		}
		c.log("closed: %p", a)
		c.forget(a)
		c.do(c.leg.Lost(a))
	case m.pong != nil:
		c.log("alive at %d", *m.pong)
		c.leg.Alive(m.pong.Time())
	}
	return true
}

// event is for all asks of a REQ that want it, whatever page it is of.
func (c *client) event(q *req, e *nostr.Event) {
	wanting := q.wanting(e)
	require.NotEmpty(c.t, wanting)
	for _, s := range wanting {
		if !slices.Contains(c.subs[s.ask], s) {
			continue
		}
		c.log("event %x dated %d for %p", e.ID[:8], e.CreatedAt, s.ask)
		fresh := !c.had[e.ID]
		c.had[e.ID] = true
		if !q.eose {
			s.count(e, fresh, len(wanting) > 1)
		} else {
			c.leg.Proven(s.ask.Track, e.CreatedAt)
		}
	}
}

func (c *client) eose(q *req) {
	q.eose = true
	for _, s := range q.subs {
		open := c.subs[s.ask]
		if !slices.Contains(open, s) {
			continue
		}
		if s.filter.Limit == 0 && !s.filter.LimitZero {
			slipped := c.relay.pageCap - 1 // at most: less than the page
			if c.relay.perREQ {
				slipped = 0
			}
			c.largest = max(c.largest, min(len(s.seen), c.relay.pageCap+slipped))
		}
		if s.moved {
			c.relay.shut(open[0])
			c.subs[s.ask] = []*sub{s}
		}
		s.page.Total, s.page.Hint = q.total, c.relay.hint(q)
		if s.ask.Once {
			c.forget(s.ask)
		}
		c.log("EOSE: %p %+v %+v", s.ask, s.page, c.caps())
		c.do(c.leg.Answered(s.ask, s.page, c.caps(), q.sent.Time()))
	}
}

// settle lets everything that is going on come to its end.
func (c *client) settle(together int, most int) {
	for c.up {
		require.Less(c.t, c.asked, most, "it keeps asking")
		if c.read() {
			continue
		}
		if len(c.relay.paused) > 0 {
			c.relay.resume()
			continue
		}
		if len(c.queue) == 0 {
			return
		}
		c.send(together, false)
	}
}
