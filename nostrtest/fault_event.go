package nostrtest

import (
	"fmt"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The faults of this file are of the events that the relay sends, stored and
// live. Where they spoil an event, they do so in its place; see Fault.AsWell.
// Nth and its like count the EVENT messages that the relay sends.

// eventFault changes the events that the relay sends.
func eventFault(change func(wire.Event) []wire.Event, format string, args ...any) Fault {
	return sentFault("EVENT", func(m *outgoing) {
		event, ok := m.message.(wire.Event)
		if !ok {
			return
		}
		event.Event = event.Event.Clone()
		var out []answer
		for _, e := range change(event) {
			out = append(out, answer{message: e})
		}
		m.replace(out...)
	}, format, args...)
}

// ForgedEvents sends events with other words under the name of their author:
// the id fits, the signature does not.
func ForgedEvents() Fault {
	return eventFault(func(m wire.Event) []wire.Event {
		m.Event.Content += " (forged)"
		m.Event.ID = m.Event.GetID()
		return []wire.Event{m}
	}, "ForgedEvents()")
}

// AlteredEvents sends events with other words; id and signature are those of the
// genuine one, and fit each other.
func AlteredEvents() Fault {
	return eventFault(func(m wire.Event) []wire.Event {
		m.Event.Content += " (altered)"
		return []wire.Event{m}
	}, "AlteredEvents()")
}

// RelabelledEvents sends events under another id; all else is genuine.
func RelabelledEvents() Fault {
	return eventFault(func(m wire.Event) []wire.Event {
		m.Event.ID[0] ^= 0xFF
		return []wire.Event{m}
	}, "RelabelledEvents()")
}

// DuplicatedEvents sends every event n times.
func DuplicatedEvents(n int) Fault {
	return eventFault(func(m wire.Event) []wire.Event {
		var out []wire.Event
		for range n {
			out = append(out, m)
		}
		return out
	}, "DuplicatedEvents(%d)", n).atLeastOne(n)
}

// UnsolicitedEvents sends, behind every event, the same one for a subscription
// that the client has never opened.
func UnsolicitedEvents() Fault {
	return eventFault(func(m wire.Event) []wire.Event {
		stray := m
		stray.SubscriptionID = "never-opened"
		return []wire.Event{m, stray}
	}, "UnsolicitedEvents()")
}

// MismatchingEvents sends, before every EOSE, a genuine event that no filter of
// the subscription has asked for. A subscription that asks for everything gets none.
func MismatchingEvents() Fault {
	return answerFault([]string{"REQ"}, func(h *handling, m wire.ServerMessage) []answer {
		eose, is := m.(wire.EOSE)
		req, asked := h.message.(wire.Req)
		if !is || !asked {
			return []answer{{message: m}}
		}
		event := mismatching(req.Filters)
		if event == nil {
			return []answer{{message: m}}
		}
		return []answer{{message: wire.Event{SubscriptionID: eose.SubscriptionID, Event: event}}, {message: m}}
	}, "MismatchingEvents()")
}

// mismatching returns an event that matches none of the filters, nil if there
// is no such.
func mismatching(filters []nostr.Filter) *nostr.Event {
	const unusual = nostr.Kind(4321)
	author := stranger().PubKey()
	for kind := unusual; kind < unusual+100; kind++ {
		for _, at := range []nostr.Timestamp{nostr.Now(), 1} {
			content := fmt.Sprintf("kind %d, which nobody asked for", kind)
			draft := &nostr.Event{PubKey: author, CreatedAt: at, Kind: kind, Content: content}
			if !matchesAny(filters, draft) { // signed only then: there may be many tries
				return EventAt(at, stranger(), kind, content)
			}
		}
	}
	return nil
}
