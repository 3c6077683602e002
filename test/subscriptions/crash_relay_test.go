package subscriptions_test

import (
	"cmp"
	"slices"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// modelRelay is a relay as the model has it: what it has stored, what is open on the
// one connection, and what is on its way there, frame by frame. Nothing is lost but
// what is on its way when the connection ends.
type modelRelay struct {
	url    string
	pages  int  // events in a page
	perREQ bool // a page is one of the REQ, not of each filter
	hints  bool // its EOSE tells whether there are more (NIP-67)
	twice  bool // what matches two filters of a REQ comes twice

	stored []*nostr.Event
	up     bool
	open   []gennostr.Req
	wire   []frame
}

// frame is one that is on its way. Of an urgent one nobody has waited for an answer:
// while it is on its way, the client does not know that it lags behind.
type frame struct {
	gennostr.RelayMessage
	urgent bool
}

func (r *modelRelay) cut() { r.up, r.open, r.wire = false, nil, nil }

// publish stores an event and passes it on.
func (r *modelRelay) publish(e *nostr.Event) {
	r.stored = append(r.stored, e)
	for _, q := range r.open {
		for _, f := range q.Filters {
			if f.Matches(e) {
				r.send(gennostr.EventMessage{SubscriptionID: q.SubscriptionID, Event: e}, true)
				break
			}
		}
	}
}

func (r *modelRelay) send(m gennostr.RelayMessage, urgent bool) {
	r.wire = append(r.wire, frame{m, urgent})
}

// hears takes a message of the client's.
func (r *modelRelay) hears(m gennostr.ClientMessage) {
	switch m := m.(type) {
	case gennostr.Close:
		r.shut(m.SubscriptionID)
	case gennostr.Req:
		r.shut(m.SubscriptionID)
		r.open = append(r.open, m)
		r.answer(m)
	}
}

func (r *modelRelay) shut(id string) {
	r.open = slices.DeleteFunc(r.open, func(q gennostr.Req) bool { return q.SubscriptionID == id })
}

// answer sends the pages of a REQ and its EOSE.
func (r *modelRelay) answer(q gennostr.Req) {
	had, more, left := map[nostr.ID]bool{}, false, r.pages
	for _, f := range q.Filters {
		page := r.matching(f)
		room := r.pages
		if r.perREQ {
			room = left
		}
		if f.Limit > 0 {
			room = min(room, f.Limit)
		}
		if f.LimitZero {
			page = nil
		}
		if len(page) > room {
			page, more = page[:room], true
		}
		left -= len(page)
		for _, e := range page {
			if r.twice || !had[e.ID] {
				r.send(gennostr.EventMessage{SubscriptionID: q.SubscriptionID, Event: e}, false)
			}
			had[e.ID] = true
		}
	}
	eose := gennostr.EOSEMessage{SubscriptionID: q.SubscriptionID}
	switch {
	case r.hints && more:
		eose.Hints = []string{"more"}
	case r.hints:
		eose.Hints = []string{"finish"}
	}
	r.send(eose, false)
}

// matching lists what is stored for a filter, the newest first.
func (r *modelRelay) matching(f nostr.Filter) (list []*nostr.Event) {
	for _, e := range r.stored {
		if f.Matches(e) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *nostr.Event) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return list
}

// refuses closes the REQ at a place of its list, if one is open.
func (r *modelRelay) refuses(at int) {
	if len(r.open) > 0 {
		id := r.open[at%len(r.open)].SubscriptionID
		r.shut(id)
		r.send(gennostr.ClosedMessage{SubscriptionID: id, Message: "error: out of order"}, true)
	}
}

// lag is how many frames lead up to the last urgent one.
func (r *modelRelay) lag() int {
	for i, f := range slices.Backward(r.wire) {
		if f.urgent {
			return i + 1
		}
	}
	return 0
}

// dense tells whether the relay has more in one second than it gives.
func (r *modelRelay) dense(second nostr.Timestamp) bool {
	n := 0
	for _, e := range r.stored {
		if e.CreatedAt == second {
			n++
		}
	}
	return n >= r.pages
}
