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

// newer tells which of two versions of one thing a reader believes at the second now.
func newer(e, old *Event, now Timestamp) bool {
	if ahead := e.CreatedAt.IsAhead(now); ahead != old.CreatedAt.IsAhead(now) {
		return !ahead
	}
	return NewestFirst(e, old) < 0
}
