package nostrtest

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Reconciliation is a NEG-OPEN and what followed it (NIP-77). Its sizes are of payloads;
// in messages they are twice as long, in hexadecimal.
type Reconciliation struct {
	Connection     int
	Time           time.Time // of NEG-OPEN
	SubscriptionID string    // in a namespace of its own: a REQ may have the same
	Filter         nostr.Filter
	Unknown        []string // conditions of the filter that Filter cannot say, such as "&t"

	Events   int       // that the relay has for the filter; 0 if it has not looked
	Messages int       // NEG-OPEN and NEG-MSG of the client
	Read     int       // bytes of the client's payloads
	Written  int       // bytes of the relay's
	Refusal  string    // why the relay ended it with NEG-ERR, or did not begin it; "" if it did not
	EndedAt  time.Time // by NEG-CLOSE, NEG-ERR, another NEG-OPEN of its id, or with the connection; zero while it is open
}

// Open reports whether the reconciliation had not ended when the view was taken.
func (r Reconciliation) Open() bool { return r.EndedAt.IsZero() }

// Reconciliations returns what clients have opened with NEG-OPEN, in that order: open, ended
// and refused ones. A relay without NIP-77 has none.
func (r *Relay) Reconciliations() []Reconciliation {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, _ := r.reconciled.since(0)
	out := make([]Reconciliation, len(all))
	for i, record := range all {
		out[i] = *record
	}
	return out
}

// negentropyDisabled is what strfry says when NIP-77 is switched off (P68).
const negentropyDisabled = "ERROR: bad msg: negentropy disabled"

// reconciliation is an open NEG-OPEN. The set it has been opened on does not change with
// the store. It belongs to whoever holds relay.mu.
type reconciliation struct {
	server *nip77.Server
	record *Reconciliation
	newest time.Time     // of the client's messages
	idle   time.Duration // after which it is forgotten; 0 for never
}

// handleNegentropy answers NIP-77's messages (P66–P70).
func (s *session) handleNegentropy(h *handling) {
	if s.relay.cfg.noNegentropy {
		h.reply(wire.Notice{Message: negentropyDisabled})
		return
	}
	switch m := h.message.(type) {
	case wire.NegOpen:
		s.handleNegOpen(h, m)
	case wire.NegMsg:
		s.handleNegMsg(h, m)
	case wire.NegClose:
		s.relay.mu.Lock()
		defer s.relay.mu.Unlock()
		s.endReconciliation(m.SubscriptionID)
	}
}

// handleNegOpen begins a reconciliation and answers its first message. Whatever becomes of
// it, the open one of its id is over.
func (s *session) handleNegOpen(h *handling, m wire.NegOpen) {
	refusal := s.refuseRequest(h, m.SubscriptionID, []nostr.Filter{m.Filter})
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	s.endReconciliation(m.SubscriptionID)
	now := time.Now()
	record := &Reconciliation{Connection: s.number, Time: now, SubscriptionID: m.SubscriptionID, Filter: m.Filter, Unknown: h.unknown}
	r.reconciled.add(record)
	r.changed.ring()
	open := &reconciliation{record: record, idle: h.idle}
	if refusal == "" {
		f := m.Filter
		if h.filter != nil {
			f = h.filter(f)
		}
		events := r.store.matching(h.question(nil), f)
		record.Events = len(events)
		limit, told := r.cfg.limits.NegentropyEvents, r.cfg.limits.NegentropyEvents
		if h.negentropyCap > 0 {
			limit, told = h.negentropyCap, 0
		}
		if limit > 0 && len(events) > limit {
			s.negErr(h, record, wire.NegErr{Reason: "blocked: too many events match, ask for less", Max: int64(told)})
			return
		}
		open.server, refusal = s.negServer(events)
	}
	if refusal != "" {
		s.negErr(h, record, wire.NegErr{Reason: refusal})
		return
	}
	if s.reconciliations == nil {
		s.reconciliations = make(map[string]*reconciliation)
	}
	s.reconciliations[m.SubscriptionID] = open
	s.reconcile(h, open, m.Payload)
	if h.loseReconciliation {
		s.endReconciliation(m.SubscriptionID)
	}
}

// negServer returns what answers for these events, or why there is none.
func (s *session) negServer(events []*nostr.Event) (server *nip77.Server, refusal string) {
	var b nip77.Builder
	b.Grow(len(events))
	for _, event := range events {
		if event.CreatedAt < 0 { // which the protocol cannot say (P70)
			continue
		}
		if err := b.Add(event.CreatedAt, event.ID); err != nil {
			return nil, "error: " + err.Error()
		}
	}
	server, err := nip77.NewServer(b.Build(), s.relay.cfg.negentropyFrame)
	if err != nil {
		return nil, "error: " + err.Error()
	}
	return server, ""
}

// handleNegMsg goes on with a reconciliation.
func (s *session) handleNegMsg(h *handling, m wire.NegMsg) {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	open := s.reconciliations[m.SubscriptionID]
	if open != nil && open.idle > 0 && time.Since(open.newest) >= open.idle {
		s.endReconciliation(m.SubscriptionID)
		open = nil
	}
	switch {
	case open == nil:
		s.negErr(h, &Reconciliation{SubscriptionID: m.SubscriptionID}, wire.NegErr{Reason: "closed: nothing is open under this id"})
	case h.refusal != "":
		s.negErr(h, open.record, wire.NegErr{Reason: h.refusal})
	default:
		s.reconcile(h, open, m.Payload)
	}
}

// reconcile answers one message of the client. Caller holds relay.mu.
func (s *session) reconcile(h *handling, open *reconciliation, payload []byte) {
	record := open.record
	record.Messages++
	record.Read += len(payload)
	open.newest = time.Now()
	answer, err := open.server.Reconcile(payload)
	if err != nil {
		s.negErr(h, record, wire.NegErr{Reason: "invalid: " + err.Error()})
		return
	}
	if h.payload != nil {
		answer = h.payload(record)
	}
	record.Written += len(answer)
	s.relay.changed.ring()
	h.reply(wire.NegMsg{SubscriptionID: record.SubscriptionID, Payload: answer})
}

// negErr ends a reconciliation, or says that there is none. Caller holds relay.mu.
func (s *session) negErr(h *handling, record *Reconciliation, m wire.NegErr) {
	record.Refusal, record.EndedAt = m.Reason, time.Now()
	s.endReconciliation(record.SubscriptionID)
	s.challengeIfAsked(h, m.Reason)
	m.SubscriptionID = record.SubscriptionID
	h.reply(m)
}

// endReconciliation forgets the open reconciliation of this id, if there is one. Caller holds
// relay.mu.
func (s *session) endReconciliation(id string) {
	open := s.reconciliations[id]
	if open == nil {
		return
	}
	if open.record.EndedAt.IsZero() {
		open.record.EndedAt = time.Now()
	}
	delete(s.reconciliations, id)
	s.relay.changed.ring()
}

// badNegentropy answers a NEG-OPEN or NEG-MSG that cannot be parsed. Caller holds relay.mu.
func (s *session) badNegentropy(h *handling, id, reason string) {
	if s.relay.cfg.noNegentropy {
		h.reply(wire.Notice{Message: negentropyDisabled})
		return
	}
	record := &Reconciliation{SubscriptionID: id}
	if open := s.reconciliations[id]; open != nil {
		record = open.record
	}
	s.negErr(h, record, wire.NegErr{Reason: reason})
}

// validNegentropyFrame returns what is wrong with the limit of WithNegentropyFrame.
func validNegentropyFrame(bytes int) error {
	if bytes != 0 && bytes < nip77.MinFrameSizeLimit {
		return fmt.Errorf("nostrtest: WithNegentropyFrame is %d, want 0 or at least %d", bytes, nip77.MinFrameSizeLimit)
	}
	return nil
}
