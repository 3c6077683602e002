package nip18

import (
	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

// A Quote is what a "q" tag names: an event by its ID, or an address.
type Quote struct {
	Event   nostr.EventRef // zero if it is an address
	Address string         // "kind:pubkey:d" (see [nostr.ParseAddress]), "" if it is an ID
	Relay   string         // where it may be found, "" if there is no hint; of an ID the same as Event.Relay
}

// Quotes returns what the event's "q" tags name, in their order, each once. Tags that hold
// neither an event ID nor an address are left out.
func Quotes(e *nostr.Event) []Quote {
	var quotes []Quote
	seen := make(map[string]bool)
	for t := range e.Tags.FindAll("q") {
		value := t.Value()
		if seen[value] {
			continue
		}
		var q Quote
		if ref, ok := nostr.EventRefOf(t); ok {
			q = Quote{Event: ref, Relay: ref.Relay}
		} else if _, _, ok := refs.Address(value); ok {
			q = Quote{Address: value, Relay: nostr.RelayHint(refs.Third(t))}
		} else {
			continue
		}
		seen[value] = true
		quotes = append(quotes, q)
	}
	return quotes
}

// Tag returns the quote as a "q" tag: the ID or address, then what is known of the relay and, for
// an ID, of the author.
func (q Quote) Tag() nostr.Tag {
	if q.Address == "" {
		ref := q.Event
		if ref.Relay == "" {
			ref.Relay = q.Relay
		}
		return ref.Tag("q")
	}
	return refs.Hinted(nostr.RelayHint(q.Relay), "q", q.Address)
}
