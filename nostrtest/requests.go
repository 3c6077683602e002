package nostrtest

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// capAnswer is how a relay tells a client that it has too many subscriptions.
type capAnswer uint8

const (
	capClosed  capAnswer = iota // with CLOSED, as NIP-01 has it
	capNotice                   // with a NOTICE that names no subscription, and nothing else
	capEOSE                     // with such a NOTICE behind the stored events and EOSE
	capSilence                  // not at all
)

// handleReq opens a subscription, answers with the stored events and EOSE, and
// from then on pushes what comes (P13, P16–P25, P29).
func (s *session) handleReq(h *handling, m wire.Req) {
	m.Filters = h.heeded(m.Filters)
	r := s.relay
	refusal := s.refuseRequest(h, m.SubscriptionID, m.Filters)
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.openIDs && refusal == "" && s.subscription(m.SubscriptionID) != nil {
		s.refuse(h, m.SubscriptionID, "duplicate: this subscription is open already")
		return // and the open one stays so
	}
	var added []nostr.Filter
	if open := s.subscription(m.SubscriptionID); open != nil && h.addToOpen && refusal == "" {
		added = open.filters
		s.takeSubscription(open.id) // what is queued for it is still sent
	}
	old := s.dropSubscription(m.SubscriptionID)
	s.remember(m.SubscriptionID, m.Filters)
	limit := r.cfg.limits.Subscriptions
	if h.maxOpen > 0 {
		limit = h.maxOpen
	}
	full := refusal == "" && limit > 0 && len(s.subscriptions) >= limit
	if full && h.maxAnswer == capClosed {
		refusal = fmt.Sprintf("rate-limited: %d subscriptions are open, at most %d", len(s.subscriptions), limit)
	}
	if old || refusal == "" {
		r.changed.ring()
	}
	tooMany := wire.Notice{Message: fmt.Sprintf("ERROR: too many concurrent REQs, at most %d", limit)}
	switch {
	case refusal != "":
		s.refuse(h, m.SubscriptionID, refusal)
		return
	case full && h.maxAnswer == capNotice:
		h.reply(tooMany)
		return
	case full && h.maxAnswer == capSilence:
		return
	}
	sub := h.subscription(m.SubscriptionID, slices.Concat(added, m.Filters))
	if !full {
		s.subscriptions = append(s.subscriptions, sub)
	}
	// Registered and queried under one lock: an event is either among the
	// stored ones or pushed behind EOSE, never both and never neither.
	s.send(outItem{stored: s.stored(h, m), subscription: sub})
	if full {
		h.reply(tooMany)
	}
}

// subscription returns what a REQ opens, as the faults want it.
func (h *handling) subscription(id string, filters []nostr.Filter) *subscription {
	sub := &subscription{id: id, filters: filters, perFilter: h.perFilter, deafToIDs: h.deafToIDs, crossed: h.crossed}
	if hidden := h.hidden; hidden != nil {
		sub.hidden = func(event *nostr.Event) bool { return hidden(h.session, event) }
	}
	return sub
}

// heeded returns the filters of a REQ or COUNT that the relay looks at.
func (h *handling) heeded(filters []nostr.Filter) []nostr.Filter {
	switch n := len(filters); {
	case h.lastOnly && n > 0:
		return filters[n-1:]
	case h.firstOnly > 0 && n > h.firstOnly:
		return filters[:h.firstOnly]
	}
	return filters
}

// stored returns the stored events for a REQ. Caller holds relay.mu.
func (s *session) stored(h *handling, m wire.Req) *storedEvents {
	r := s.relay
	q := h.question(m.Filters)
	q.hint, q.whole = r.cfg.hints, r.cfg.whole
	q.page = r.cfg.limits.page
	if h.unlimited {
		q.page = Limits{}.page
		q.filters = slices.Clone(q.filters)
		for i := range q.filters {
			q.filters[i].Limit, q.filters[i].LimitZero = 0, false
		}
	}
	if h.page > 0 {
		q.page = Limits{Limit: h.page}.page
	}
	if h.filter != nil {
		q.filters = slices.Clone(q.filters)
		for i := range q.filters {
			q.filters[i] = h.filter(q.filters[i])
		}
	}
	q.most = h.most
	if h.samePage {
		q.amend = func(events []*nostr.Event) []*nostr.Event { return s.firstPage(m.Filters, events) }
	}
	events, more := r.store.query(q)
	answer := &storedEvents{events: events, handling: h}
	switch {
	case !r.cfg.hints:
	case more: // P36
		answer.hints = []string{"more"}
	default:
		answer.hints = []string{"finish"}
	}
	return answer
}

// question returns what REQ and COUNT ask in the same way. Caller holds relay.mu.
func (h *handling) question(filters []nostr.Filter) question {
	q := question{filters: filters, now: nostr.TimestampOf(h.session.relay.now()), expired: h.keepExpired}
	if hidden := h.hidden; hidden != nil {
		q.hidden = func(event *nostr.Event) bool { return hidden(h.session, event) }
	}
	if h.looseTags {
		q.matches = matchesLoosely
	}
	switch {
	case h.perValue:
		q.copies = repetitions
	case h.perFilter:
		q.copies = func(nostr.Filter, *nostr.Event) int { return 1 }
	}
	return q
}

// firstPage returns the first page that was asked for with these filters, whatever
// their until is. Caller holds relay.mu.
func (s *session) firstPage(filters []nostr.Filter, events []*nostr.Event) []*nostr.Event {
	var key []byte
	for _, f := range filters {
		f.Until = nil
		key = f.AppendJSON(key)
	}
	if page, known := s.pages[string(key)]; known {
		return page
	}
	if s.pages == nil {
		s.pages = make(map[string][]*nostr.Event)
	}
	s.pages[string(key)] = events
	return events
}

// knows reports whether an event with this id is stored.
func (r *Relay) knows(id nostr.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store.byID[id] != nil
}

// page returns how many stored events a filter gets at most, or -1 for all (P51).
func (l Limits) page(f nostr.Filter) int {
	page := -1
	switch {
	case f.LimitZero:
		return 0
	case f.Limit > 0:
		page = f.Limit
	case l.DefaultLimit > 0:
		page = l.DefaultLimit
	}
	if l.Limit > 0 && (page < 0 || page > l.Limit) {
		page = l.Limit
	}
	return page
}

// handleCount answers COUNT (P54), or refuses it with CLOSED (P55).
func (s *session) handleCount(h *handling, m wire.CountReq) {
	m.Filters = h.heeded(m.Filters)
	refusal := s.refuseRequest(h, m.SubscriptionID, m.Filters)
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal != "" {
		s.refuse(h, m.SubscriptionID, refusal)
		return
	}
	q := h.question(m.Filters)
	q.copies = nil
	events, _ := r.store.query(q)
	h.reply(wire.Count{SubscriptionID: m.SubscriptionID, Count: int64(len(events))})
}

// refuseRequest returns why a REQ, COUNT or NEG-OPEN is not answered, or "".
func (s *session) refuseRequest(h *handling, id string, filters []nostr.Filter) string {
	if h.refusal != "" {
		return h.refusal
	}
	limits := s.relay.cfg.limits
	if h.filterCap > 0 {
		limits.Filters = h.filterCap
	}
	switch n := utf8.RuneCountInString(id); {
	case n == 0 || n > limits.SubIDLength: // P12
		return fmt.Sprintf("invalid: subscription id of %d characters, want 1 to %d", n, limits.SubIDLength)
	case s.relay.cfg.auth && !s.hasAuthenticated(): // P41
		return "auth-required: authenticate before reading"
	case len(filters) == 0:
		return "invalid: no filter"
	case limits.Filters > 0 && len(filters) > limits.Filters:
		return fmt.Sprintf("invalid: %d filters, at most %d", len(filters), limits.Filters)
	case len(h.unknown) > 0 && !h.heedless: // as if it were not there it would widen the filter
		return fmt.Sprintf("unsupported: filter contains unknown elements: %.64q", h.unknown[0])
	}
	for _, f := range filters {
		if err := f.Validate(); err != nil {
			return "invalid: " + err.Error()
		}
		if name, n := longestList(f); h.valueCap > 0 && n > h.valueCap {
			return fmt.Sprintf("invalid: %d %s in a filter, at most %d", n, name, h.valueCap)
		}
	}
	if s.relay.cfg.readPolicy != nil {
		request := Request{Connection: s.number, Time: time.Now(), Verb: h.verb, SubscriptionID: id, Filters: filters, Unknown: h.unknown}
		return s.relay.cfg.readPolicy(s.info(), request)
	}
	return ""
}

// longestList returns the longest list of a filter.
func longestList(f nostr.Filter) (name string, n int) {
	name, n = "ids", len(f.IDs)
	if len(f.Authors) > n {
		name, n = "authors", len(f.Authors)
	}
	if len(f.Kinds) > n {
		name, n = "kinds", len(f.Kinds)
	}
	for letter, values := range f.Tags {
		if len(values) > n {
			name, n = "#"+letter, len(values)
		}
	}
	return name, n
}

// refuse sends CLOSED. Caller holds relay.mu.
func (s *session) refuse(h *handling, id, refusal string) {
	s.challengeIfAsked(h, refusal)
	h.reply(wire.Closed{SubscriptionID: id, Message: refusal})
}

// handleClose ends a subscription. NIP-01 has no answer to CLOSE.
func (s *session) handleClose(h *handling, id string) {
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.dropSubscription(id) {
		r.changed.ring()
	}
	if h.closeText != nil {
		h.reply(wire.Closed{SubscriptionID: id, Message: *h.closeText})
	}
}
