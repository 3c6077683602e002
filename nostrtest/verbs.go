package nostrtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip13"
)

// handle answers one message of the client. It runs on the session's reader.
// Where a fault asks for it, it runs on a timer's goroutine instead.
func (s *session) handle(h *handling) {
	switch {
	case h.notice != "":
		h.reply(wire.Notice{Message: h.notice})
		return
	case h.bad != nil:
		s.handleBad(h)
		return
	}
	switch m := h.message.(type) {
	case wire.Publish:
		s.handleEvent(h, m.Event)
	case wire.Req:
		s.handleReq(h, m)
	case wire.Close:
		s.handleClose(h, m.SubscriptionID)
	case wire.CountReq:
		s.handleCount(h, m)
	case wire.Auth:
		s.handleAuth(h, m.Event)
	case wire.NegOpen, wire.NegMsg, wire.NegClose:
		s.handleNegentropy(h)
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
	verdict := r.store.add(event, r.admits(h.admission))
	out := h.outcome(verdict)
	live := func() (listeners int) {
		if verdict.isNew() && out.accepted || h.liveOld && verdict == outdated {
			listeners = r.push(event)
		}
		return listeners
	}
	muted := h.mute && event.Kind.IsEphemeral()
	if muted {
		out = heard(live())
	} else if h.liveFirst {
		live()
	}
	h.reply(wire.OK{EventID: event.ID, Accepted: out.accepted, Message: out.text})
	if !muted && !h.liveFirst {
		live()
	}
	if out.accepted {
		r.accepted.add(event)
		r.changed.ring()
	}
}

// outcome is what OK says of an event.
type outcome struct {
	accepted bool
	text     string
}

func (h *handling) outcome(v verdict) outcome {
	if out, ok := h.outcomes[v]; ok {
		return out
	}
	return outcome{accepted: v != gone, text: v.message()}
}

// heard is what khatru says of an ephemeral event (P33, Q02).
func heard(listeners int) outcome {
	if listeners == 0 {
		return outcome{text: "mute: no one was listening for this"}
	}
	return outcome{accepted: true, text: fmt.Sprintf("broadcasted to %d listeners", listeners)}
}

// admits completes how an event is taken in. Caller holds mu.
func (r *Relay) admits(how admission) admission {
	how.now = nostr.TimestampOf(r.now())
	how.keep = nostr.Timestamp(r.faults.keeps() / time.Second)
	return how
}

// handleBad answers what cannot be parsed. NIP-01 demands an answer to whom the
// message names, if that can be read; else it is a NOTICE.
func (s *session) handleBad(h *handling) {
	reason := "invalid: " + h.bad.Error()
	verb, id, named := wire.Salvage(h.frame)
	if h.badNotice || errors.Is(h.bad, errBinary) {
		named = false
	}
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case named && verb == "REQ":
		if s.dropSubscription(id) { // as with any REQ that is refused
			r.changed.ring()
		}
		h.reply(wire.Closed{SubscriptionID: id, Message: reason})
	case named && verb == "COUNT":
		h.reply(wire.Closed{SubscriptionID: id, Message: reason})
	case named && (verb == "NEG-OPEN" || verb == "NEG-MSG"):
		s.badNegentropy(h, id, reason)
	case named && (verb == "EVENT" || verb == "AUTH"):
		eventID, err := nostr.IDFromHex(id)
		if err != nil {
			h.reply(wire.Notice{Message: reason})
			return
		}
		h.reply(wire.OK{EventID: eventID, Message: reason})
	default:
		h.reply(wire.Notice{Message: reason})
	}
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
	if !h.keepExpired && event.Expired(nostr.TimestampOf(now)) { // P62
		return "invalid: the event has expired"
	}
	if event.IsProtected() && !s.isAuthenticated(event.PubKey) { // P61
		if !s.hasAuthenticated() {
			return "auth-required: this event may only be published by its author"
		}
		return "restricted: this event may only be published by its author"
	}
	if embedsProtected(event) {
		return "blocked: a repost may not embed a protected event"
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
	case l.Difficulty > 0 && nip13.Difficulty(event.ID) < l.Difficulty:
		return fmt.Sprintf("pow: difficulty %d, need %d", nip13.Difficulty(event.ID), l.Difficulty)
	case l.Past > 0 && event.CreatedAt < nostr.TimestampOf(now.Add(-l.Past)):
		return fmt.Sprintf("invalid: created_at is more than %v ago", l.Past)
	case l.Future > 0 && event.CreatedAt > nostr.TimestampOf(now.Add(l.Future)):
		return fmt.Sprintf("invalid: created_at is more than %v ahead", l.Future)
	}
	return ""
}

// embedsProtected reports whether a repost (NIP-18, kinds 6 and 16) carries a
// protected event in its content, which NIP-70 forbids, sound or not: whoever
// reads it there reads what was not to be passed on.
func embedsProtected(event *nostr.Event) bool {
	if event.Kind != nostr.KindRepost && event.Kind != nostr.KindGenericRepost {
		return false
	}
	var embedded struct {
		Tags []json.RawMessage `json:"tags"`
	}
	if json.Unmarshal([]byte(event.Content), &embedded) != nil {
		return false
	}
	return slices.ContainsFunc(embedded.Tags, func(raw json.RawMessage) bool {
		var tag []any
		return json.Unmarshal(raw, &tag) == nil && len(tag) > 0 && tag[0] == "-"
	})
}
