package nostrtest

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// handle answers one message of the client. It runs on the session's reader.
// Where a fault asks for it, it runs on a timer's goroutine instead.
func (s *session) handle(h *handling) {
	switch {
	case h.notice != "":
		h.reply(wire.Notice{Message: h.notice})
		return
	case h.bad != nil:
		h.reply(wire.Notice{Message: "invalid: " + h.bad.Error()})
		return
	}
	switch m := h.message.(type) {
	case wire.Publish:
		s.handleEvent(h, m.Event)
	case wire.Req:
		s.handleReq(h, m)
	case wire.Close:
		s.handleClose(m.SubscriptionID)
	case wire.CountReq:
		s.handleCount(h, m)
	case wire.Auth:
		s.handleAuth(h, m.Event)
	default:
		h.reply(wire.Notice{Message: fmt.Sprintf("unsupported: %.32q is not understood here", m.Verb())})
	}
}

// handleEvent decides on an event and answers with OK (P28).
func (s *session) handleEvent(h *handling, event *nostr.Event) {
	r := s.relay
	refusal := s.refuseEvent(h, event)
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal != "" {
		s.challengeIfAsked(h, refusal)
		h.reply(wire.OK{EventID: event.ID, Message: refusal})
		return
	}
	if h.forget {
		h.reply(wire.OK{EventID: event.ID, Accepted: true})
		return
	}
	verdict := r.store.add(event)
	h.reply(wire.OK{EventID: event.ID, Accepted: verdict != gone, Message: verdict.message()})
	if verdict == gone {
		return
	}
	r.accepted.add(event)
	if verdict == fresh {
		r.push(event)
	}
	r.changed.ring()
}

// refuseEvent returns why an event is not accepted, or "".
func (s *session) refuseEvent(h *handling, event *nostr.Event) string {
	if h.refusal != "" {
		return h.refusal
	}
	if s.relay.cfg.auth && !s.hasAuthenticated() {
		return "auth-required: authenticate before publishing"
	}
	if event.Kind == nostr.KindClientAuthentication { // P45
		return "invalid: events of kind 22242 answer AUTH and are not published"
	}
	if !h.trustKnown || !s.relay.knows(event.ID) {
		if err := event.Verify(); err != nil { // P06
			return "invalid: " + err.Error()
		}
	}
	now := s.relay.now()
	if refusal := s.relay.cfg.limits.refuse(event, now); refusal != "" {
		return refusal
	}
	if !h.keepExpired && expired(event, nostr.TimestampOf(now)) { // P62
		return "invalid: the event has expired"
	}
	if event.Tags.Has("-") && !s.isAuthenticated(event.PubKey) { // P61
		if !s.hasAuthenticated() {
			return "auth-required: this event may only be published by its author"
		}
		return "restricted: this event may only be published by its author"
	}
	if s.relay.cfg.policy != nil {
		return s.relay.cfg.policy(s.info(), event.Clone())
	}
	return ""
}

// refuse returns which limit the event breaks, or "" (P52).
func (l Limits) refuse(event *nostr.Event, now time.Time) string {
	switch {
	case l.EventTags > 0 && len(event.Tags) > l.EventTags:
		return fmt.Sprintf("invalid: %d tags, at most %d", len(event.Tags), l.EventTags)
	case l.ContentLength > 0 && utf8.RuneCountInString(event.Content) > l.ContentLength:
		return fmt.Sprintf("invalid: content is longer than %d characters", l.ContentLength)
	case l.Difficulty > 0 && difficulty(event.ID) < l.Difficulty:
		return fmt.Sprintf("pow: difficulty %d, need %d", difficulty(event.ID), l.Difficulty)
	case l.Past > 0 && event.CreatedAt < nostr.TimestampOf(now.Add(-l.Past)):
		return fmt.Sprintf("invalid: created_at is more than %v ago", l.Past)
	case l.Future > 0 && event.CreatedAt > nostr.TimestampOf(now.Add(l.Future)):
		return fmt.Sprintf("invalid: created_at is more than %v ahead", l.Future)
	}
	return ""
}

// handleReq opens a subscription, answers with the stored events and EOSE, and
// from then on pushes what comes (P13, P16–P25, P29).
func (s *session) handleReq(h *handling, m wire.Req) {
	r := s.relay
	refusal := s.refuseRequest(h, m.SubscriptionID, m.Filters)
	r.mu.Lock()
	defer r.mu.Unlock()
	old := s.dropSubscription(m.SubscriptionID)
	limit := r.cfg.limits.Subscriptions
	if h.maxOpen > 0 {
		limit = h.maxOpen
	}
	full := refusal == "" && limit > 0 && len(s.subscriptions) >= limit
	if full {
		refusal = fmt.Sprintf("rate-limited: %d subscriptions are open, at most %d", len(s.subscriptions), limit)
	}
	if old || refusal == "" {
		r.changed.ring()
	}
	switch {
	case full && h.maxNotice != "":
		h.reply(wire.Notice{Message: h.maxNotice})
		return
	case refusal != "":
		s.refuse(h, m.SubscriptionID, refusal)
		return
	}
	sub := &subscription{id: m.SubscriptionID, filters: m.Filters}
	s.subscriptions = append(s.subscriptions, sub)
	events, more := r.stored(h, m.Filters)
	stored := &storedEvents{events: events, handling: h}
	if r.cfg.hints { // P36
		stored.hints = []string{"finish"}
		if more {
			stored.hints = []string{"more"}
		}
	}
	// Registered and queried under one lock: an event is either among the
	// stored ones or pushed behind EOSE, never both and never neither.
	s.send(outItem{stored: stored, subscription: sub})
}

// stored returns the stored events for a REQ, as far as the faults leave it so.
// Caller holds mu.
func (r *Relay) stored(h *handling, filters []nostr.Filter) (events []*nostr.Event, more bool) {
	page := r.cfg.limits.page
	if h.unlimited {
		page = Limits{}.page
		filters = slices.Clone(filters)
		for i := range filters {
			filters[i].Limit, filters[i].LimitZero = 0, false
		}
	}
	if h.page > 0 {
		page = Limits{Limit: h.page}.page
	}
	if h.filter != nil {
		filters = slices.Clone(filters)
		for i := range filters {
			filters[i] = h.filter(filters[i])
		}
	}
	now := nostr.TimestampOf(r.now())
	if h.keepExpired {
		now = 0
	}
	return r.store.query(filters, page, now)
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
	if refusal := s.refuseRequest(h, m.SubscriptionID, m.Filters); refusal != "" {
		s.relay.mu.Lock()
		defer s.relay.mu.Unlock()
		s.refuse(h, m.SubscriptionID, refusal)
		return
	}
	r := s.relay
	r.mu.Lock()
	events, _ := r.store.query(m.Filters, func(nostr.Filter) int { return -1 }, nostr.TimestampOf(r.now()))
	r.mu.Unlock()
	h.reply(wire.Count{SubscriptionID: m.SubscriptionID, Count: int64(len(events))})
}

// refuseRequest returns why a REQ or COUNT is not answered, or "".
func (s *session) refuseRequest(h *handling, id string, filters []nostr.Filter) string {
	if h.refusal != "" {
		return h.refusal
	}
	limits := s.relay.cfg.limits
	switch n := utf8.RuneCountInString(id); {
	case n == 0 || n > limits.SubIDLength: // P12
		return fmt.Sprintf("invalid: subscription id of %d characters, want 1 to %d", n, limits.SubIDLength)
	case s.relay.cfg.auth && !s.hasAuthenticated(): // P41
		return "auth-required: authenticate before reading"
	case len(filters) == 0:
		return "invalid: no filter"
	case limits.Filters > 0 && len(filters) > limits.Filters:
		return fmt.Sprintf("invalid: %d filters, at most %d", len(filters), limits.Filters)
	}
	for _, f := range filters {
		if err := f.Validate(); err != nil {
			return "invalid: " + err.Error()
		}
	}
	if s.relay.cfg.readPolicy != nil {
		request := Request{Connection: s.number, Time: time.Now(), SubscriptionID: id, Filters: filters}
		return s.relay.cfg.readPolicy(s.info(), request)
	}
	return ""
}

// refuse sends CLOSED. Caller holds relay.mu.
func (s *session) refuse(h *handling, id, refusal string) {
	s.challengeIfAsked(h, refusal)
	h.reply(wire.Closed{SubscriptionID: id, Message: refusal})
}

// handleClose ends a subscription. NIP-01 has no answer to CLOSE.
func (s *session) handleClose(id string) {
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.dropSubscription(id) {
		r.changed.ring()
	}
}

// dropSubscription ends the subscription on the client's wish: what is queued
// for it is dropped. Caller holds relay.mu.
func (s *session) dropSubscription(id string) bool {
	sub := s.takeSubscription(id)
	if sub != nil {
		sub.over.Store(true)
	}
	return sub != nil
}

// takeSubscription removes the subscription and returns it, nil if it is not
// open. Caller holds relay.mu.
func (s *session) takeSubscription(id string) *subscription {
	i := slices.IndexFunc(s.subscriptions, func(sub *subscription) bool { return sub.id == id })
	if i < 0 {
		return nil
	}
	sub := s.subscriptions[i]
	s.subscriptions = slices.Delete(s.subscriptions, i, i+1)
	return sub
}

// push sends an event to every subscription that it matches, once each (P17).
// Caller holds mu.
func (r *Relay) push(event *nostr.Event) {
	size := eventSize(event)
	for _, s := range r.sessions {
		for _, sub := range s.subscriptions {
			if matchesAny(sub.filters, event) {
				s.send(outItem{
					message:      wire.Event{SubscriptionID: sub.id, Event: event},
					subscription: sub,
					size:         size + len(sub.id),
				})
			}
		}
	}
}
