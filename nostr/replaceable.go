package nostr

import "iter"

// Latest returns the events that are not superseded by another of them (NIP-01): of each
// author's replaceable events one per kind, of addressable ones one per kind and "d"
// tag, namely the newest, of one second that with the lowest ID. Relays may send
// older versions at any time, and different relays different ones.
//
// Dates are the authors' word. One that [Timestamp.IsAhead] of now, mostly [Now], loses
// against any that is not: a list that was once dated in milliseconds would hide all its
// successors for ever. Where there are only such, the newest of them stands.
//
// The result is in the order in which each such slot appeared first; events of all other kinds
// stay, also when they come twice. Only genuine events may be given (see
// [Event.Verify]): a forged one with a later date would hide the real one. For a list,
// say Latest(slices.Values(list), Now()).
func Latest(events iter.Seq[*Event], now Timestamp) []*Event {
	type slot struct {
		kind       Kind
		author     PubKey
		identifier string
	}
	var out []*Event
	index := make(map[slot]int)
	for e := range events {
		s := slot{kind: e.Kind, author: e.PubKey}
		switch {
		case e.Kind.IsAddressable():
			s.identifier = e.Tags.GetD()
		case !e.Kind.IsReplaceable():
			out = append(out, e)
			continue
		}
		i, taken := index[s]
		switch {
		case !taken:
			index[s] = len(out)
			out = append(out, e)
		case newer(e, out[i], now):
			out[i] = e
		}
	}
	return out
}

// Supersedes reports whether e replaces b (NIP-01): both have the same address, and e
// is newer, or of the same second with the lower ID. Relays may still return the one
// that was replaced. Dates are taken as they stand, as relays take them: one far in the future
// supersedes all that come later. [Event.SupersedesAt] is for readers.
func (e *Event) Supersedes(b *Event) bool { return sameSlot(e, b) && NewestFirst(e, b) < 0 }

// SupersedesAt is [Event.Supersedes] for a reader at the second now, mostly [Now], who believes no
// date that [Timestamp.IsAhead]: such an event is superseded by any that is not.
func (e *Event) SupersedesAt(b *Event, now Timestamp) bool { return sameSlot(e, b) && newer(e, b, now) }

// sameSlot reports whether relays keep only one of the two.
func sameSlot(a, b *Event) bool {
	switch {
	case a.Kind != b.Kind || a.PubKey != b.PubKey:
		return false
	case a.Kind.IsAddressable():
		return a.Tags.GetD() == b.Tags.GetD()
	}
	return a.Kind.IsReplaceable()
}

// newer tells which of two versions of one thing a reader believes at the second now.
func newer(e, old *Event, now Timestamp) bool {
	if ahead := e.CreatedAt.IsAhead(now); ahead != old.CreatedAt.IsAhead(now) {
		return !ahead
	}
	return NewestFirst(e, old) < 0
}
