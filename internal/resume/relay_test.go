package resume_test

import (
	"math"
	"slices"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// A relay is a model of one: what it has stored, what is open on the one connection, and
// what is on its way on that. Nothing is lost of it but by a cut.
type relay struct {
	pageCap  int  // without a limit
	maxLimit int  // what a filter's limit is clamped to
	told     bool // the cap, by NIP-11
	perREQ   bool // the cap is for the REQ and not for each filter
	hints    bool
	order    func([]*nostr.Event) // of a page; nil: newest first

	stored []*nostr.Event
	subs   []*sub // open
	wire   []message
	paused []*sub // of the last REQ, whose page is not all on the wire yet
}

// sub is a filter of a REQ that is open.
type sub struct {
	ask    *resume.Ask
	filter nostr.Filter // as it was sent
	req    *req
	rest   []*nostr.Event // what is to follow of its page
	page   resume.Page    // the client's count
	seen   []nostr.Timestamp
	own    []nostr.Timestamp // of those that no other sub of the REQ wants
	moved  bool              // takes the ask over from another
}

type req struct {
	subs  []*sub
	sent  nostr.Timestamp // on the client's clock
	eose  bool            // seen by the client
	more  bool
	total int // events before the EOSE, on the wire
}

// message is one of: an event for a req, the EOSE of a req, CLOSED of a sub, a pong.
type message struct {
	event  *nostr.Event
	req    *req
	eose   *req
	closed *sub
	pong   *nostr.Timestamp
}

// publish stores the event and passes it on.
func (r *relay) publish(e *nostr.Event) {
	if !e.Kind.IsEphemeral() {
		r.stored = append(r.stored, e)
	}
	told := map[*req]bool{}
	for _, s := range r.subs {
		if !told[s.req] && s.filter.Matches(e) {
			told[s.req] = true
			r.wire = append(r.wire, message{event: e, req: s.req})
		}
	}
}

// open takes a REQ. Of its pages all is put on the wire but the last two events of each,
// which follow with resume; what is published meanwhile slips in.
func (r *relay) open(q *req, pause bool) {
	r.resume()
	total := 0
	pause = pause && !(r.perREQ && len(q.subs) > 1) // an ask may have got nothing but what slipped in
	for _, s := range q.subs {
		s.req = q
		var page []*nostr.Event
		for _, e := range r.stored {
			if s.filter.Matches(e) && !s.filter.LimitZero {
				page = append(page, e)
			}
		}
		slices.SortStableFunc(page, func(a, b *nostr.Event) int { return newest(a, b) })
		room := r.pageCap
		if s.filter.Limit > 0 {
			room = min(s.filter.Limit, r.maxLimit)
		}
		if r.perREQ {
			room = min(room, r.pageCap-total)
		}
		if len(page) > room {
			page = page[:room]
			q.more = true
		}
		total += len(page)
		if n := len(page); n > 0 && (n < 3 || page[n-2].CreatedAt == page[0].CreatedAt) {
			pause = false // whoever pages can know an end from what slipped in by order only
		}
		if r.order != nil {
			r.order(page)
			pause = false
		}
		s.rest = page
	}
	for _, s := range q.subs {
		if slices.ContainsFunc(s.rest, func(e *nostr.Event) bool { return len(q.wanting(e)) > 1 }) {
			pause = false // nor by the order of too few that are its own
		}
	}
	r.subs = append(r.subs, q.subs...)
	r.paused = q.subs
	if !pause {
		r.resume()
		return
	}
	for _, s := range q.subs {
		last := max(0, len(s.rest)-2)
		r.send(s, s.rest[:last])
		s.rest = s.rest[last:]
	}
}

func newest(a, b *nostr.Event) int {
	switch {
	case a.CreatedAt > b.CreatedAt:
		return -1
	case a.CreatedAt < b.CreatedAt:
		return 1
	}
	return 0
}

func (r *relay) send(s *sub, events []*nostr.Event) {
	for _, e := range events {
		r.wire = append(r.wire, message{event: e, req: s.req})
	}
}

// resume puts the rest of the pages on the wire.
func (r *relay) resume() {
	if len(r.paused) == 0 {
		return
	}
	for _, s := range r.paused {
		r.send(s, s.rest)
		s.rest = nil
	}
	r.wire = append(r.wire, message{eose: r.paused[0].req})
	r.paused = nil
}

// shut is the client's CLOSE, or the relay's CLOSED.
func (r *relay) shut(s *sub) {
	r.subs = slices.DeleteFunc(r.subs, func(o *sub) bool { return o == s })
}

func (r *relay) cut() { r.subs, r.wire, r.paused = nil, nil, nil }

// wanting are the subs of the REQ that an event is for.
func (q *req) wanting(e *nostr.Event) (list []*sub) {
	for _, s := range q.subs {
		if s.filter.Matches(e) {
			list = append(list, s)
		}
	}
	return list
}

// count is what the client's reader counts of a page. A shared event is wanted by others of the REQ.
func (s *sub) count(e *nostr.Event, fresh, shared bool) {
	p := &s.page
	s.seen = append(s.seen, e.CreatedAt)
	if p.Events == 0 {
		p.Oldest, p.Newest = math.MaxInt64, math.MinInt64
	}
	p.Events++
	if fresh {
		p.Fresh++
	}
	switch {
	case e.CreatedAt < p.Oldest:
		p.Oldest, p.Edge = e.CreatedAt, 1
	case e.CreatedAt == p.Oldest:
		p.Edge++
	}
	p.Newest = max(p.Newest, e.CreatedAt)
	if shared {
		p.Shared++
		return
	}
	s.own = append(s.own, e.CreatedAt)
	p.End = slices.Min(s.own)
	p.Last = slices.Max(s.own[max(0, len(s.own)-2):])
}

func (r *relay) hint(q *req) resume.Hint {
	switch {
	case !r.hints:
		return resume.None
	case q.more:
		return resume.More
	}
	return resume.Finish
}
