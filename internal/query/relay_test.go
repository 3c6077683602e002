package query_test

import (
	"slices"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// quirks are what a relay does beside the protocol.
type quirks struct {
	untilExcluded, sinceExcluded bool // Q07, Q03
	ignoresUntil                 bool // and so repeats its page
	ignoresLimit                 bool
	endlessMore                  bool
	always                       nostr.Kind // in every answer, asked for or not, an event of that kind (Q05)
}

// A relay is a model of one: what it has stored, what is open, what is on the wire.
type relay struct {
	quirks
	pageCap   int  // without a limit
	maxLimit  int  // what a filter's limit is clamped to
	told      bool // the cap, by NIP-11
	perREQ    bool // the cap is for the REQ
	hints     bool // NIP-67
	perFilter bool // sends an event once for each filter and each value that match (Q02)
	longList  int  // longer lists are refused; 0: none is
	highLimit int  // higher limits are refused; 0: none is

	stored []*nostr.Event
	long   map[nostr.ID]bool // too long for the client
	reqs   []*req            // open
	wire   []message
}

// req is a REQ, as relay and client see it.
type req struct {
	asks    []*query.Ask
	counts  map[*query.Ask]*paging.Counter
	seen    map[nostr.ID]bool
	total   int
	refused int
	more    bool
	words   string // of a CLOSED
}

// message is an event for a req, or its EOSE or CLOSED.
type message struct {
	req   *req
	event *nostr.Event
}

// open answers a REQ; slips is an event that is published in the middle of that, or nil.
func (r *relay) open(q *req, slips *nostr.Event) {
	r.reqs = append(r.reqs, q)
	var events []*nostr.Event
	total := 0
	sent := map[nostr.ID]bool{}
	for _, a := range q.asks {
		switch {
		case r.longList == 0:
		case len(a.Filter.Authors) > r.longList:
			q.words = "invalid: too many authors"
		case len(a.Filter.IDs) > r.longList:
			q.words = "bad req: total filter items too large"
		}
		if r.highLimit > 0 && a.Filter.Limit > r.highLimit {
			q.words = "limit too high"
		}
		for _, e := range r.page(a.Filter, &total, q, sent) {
			if !sent[e.ID] || r.perFilter {
				sent[e.ID] = true
				events = append(events, e)
			}
		}
	}
	if q.words != "" {
		events = nil
	}
	if slips != nil {
		// Of a page of one second nobody can tell that it does not go on down to what slipped in.
		if n := len(events); n > 2 && events[n-2].CreatedAt < events[0].CreatedAt && slices.ContainsFunc(q.asks, func(a *query.Ask) bool { return a.Filter.Matches(slips) }) {
			events = slices.Insert(events, n-1, slips)
		}
		r.stored = append(r.stored, slips)
	}
	for _, e := range events {
		r.wire = append(r.wire, message{q, e})
	}
	r.wire = append(r.wire, message{req: q})
}

// copies is how often an event is sent for a filter.
func (r *relay) copies(f nostr.Filter, e *nostr.Event) int {
	n := 0
	for _, tag := range e.Tags {
		if r.perFilter && slices.Contains(f.Tags[tag[0]], tag[1]) {
			n++
		}
	}
	return max(1, n)
}

// page is what the relay sends for a filter.
func (r *relay) page(f nostr.Filter, total *int, q *req, sent map[nostr.ID]bool) (page []*nostr.Event) {
	asked := r.reading(f)
	for _, e := range r.stored {
		if asked.Matches(e) && !(r.perREQ && !r.perFilter && sent[e.ID]) {
			page = append(page, e)
		}
	}
	slices.SortFunc(page, nostr.NewestFirst)
	room := r.pageCap
	if f.Limit > 0 && !r.ignoresLimit {
		room = min(f.Limit, r.maxLimit)
	}
	if r.perREQ {
		room = min(room, r.pageCap-*total)
	}
	var copies []*nostr.Event // each of which takes its place
	for _, e := range page {
		copies = append(copies, slices.Repeat([]*nostr.Event{e}, r.copies(f, e))...)
	}
	if page = copies; len(page) > room {
		q.more = q.more || slices.ContainsFunc(page[room:], func(e *nostr.Event) bool { return !slices.Contains(page[:room], e) })
		page = page[:room]
	}
	*total += len(page)
	if r.always != 0 {
		other := &nostr.Event{ID: nostr.ID{0xff, byte(len(r.wire))}, Kind: r.always, CreatedAt: epoch}
		page = append(page, other)
	}
	return page
}

// reading is a filter as the relay takes it.
func (r *relay) reading(f nostr.Filter) nostr.Filter {
	if f.Until != nil && r.ignoresUntil {
		f.Until = nil
	}
	if f.Until != nil && r.untilExcluded {
		f = f.WithUntil(*f.Until - 1)
	}
	if f.Since != nil && r.sinceExcluded {
		f = f.WithSince(*f.Since + 1)
	}
	return f
}

func (r *relay) hint(q *req) paging.Hint {
	switch {
	case r.endlessMore:
		return paging.More
	case !r.hints:
		return paging.None
	case q.more:
		return paging.More
	}
	return paging.Finish
}

func (r *relay) shut(q *req) {
	r.reqs = slices.DeleteFunc(r.reqs, func(o *req) bool { return o == q })
	r.wire = slices.DeleteFunc(r.wire, func(m message) bool { return m.req == q })
}

func (r *relay) cut() { r.reqs, r.wire = nil, nil }
