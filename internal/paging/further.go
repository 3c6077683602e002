package paging

import (
	"math"

	"github.com/gennostr/gennostr/nostr"
)

// MaxTries is how often an ask is repeated that brought nothing new because others
// filled its REQ. One that shares a relay's only REQ with others comes up when those are through.
const MaxTries = 8

// Further returns what is to be asked after a page that may have been cut. Each ask is
// for older events than the last one or for a smaller part of a second, or the page
// has brought something new: no relay can keep it asking for ever, unless it makes
// up new events for ever.
func (a Ask) Further(p Page, caps Caps) (asks []Ask, gaps []Gap) {
	since, until := Window(a.Filter)
	if a.Filter.Search != "" { // in the relay's order, not in that of dates (P58)
		return nil, gap(since, until)
	}
	if p.Events == 0 {
		if a.Exact && p.limited(a.Filter, caps) {
			return []Ask{a.wider(p)}, nil
		}
		return a.starved(p, since, until)
	}
	end, known := p.EndBefore(until)
	if a.Rest > 0 && !a.Exact {
		end, known = p.Oldest, true // what comes twice has to be counted; the newest so many are no more than a choice
	}
	if !known { // asked again, with a REQ of its own if there is room
		return a.mixed(p, since, until)
	}
	if end = min(max(since, end), until); end < until {
		return []Ask{a.below(end, p)}, nil
	}
	// Nothing older: until is a second with a page and more, or has lent its place.
	if a.Exact && p.limited(a.Filter, caps) {
		return []Ask{a.wider(p)}, nil
	}
	dense, certain := p.dense(caps)
	if !dense && (p.Fresh > 0 || a.tries < MaxTries) {
		return []Ask{a.Again(p)}, nil
	}
	asks, gaps = a.split(until, dense, !certain)
	if since < until {
		asks = append(asks, a.below(until-1, Page{}))
	}
	return asks, gaps
}

// wider is the same page with a larger limit: what had to be refused has taken the place of
// what is wanted.
func (a Ask) wider(p Page) Ask {
	a = a.Again(p)
	a.tries = 0
	a.Filter.Limit *= 2
	return a
}

// limited tells whether it is the filter's limit that has cut a page, which the relay would
// have made larger.
func (p Page) limited(f nostr.Filter, caps Caps) bool {
	own := p.Events + p.Refused
	return f.Limit > 0 && own >= f.Limit && own < caps.enough()
}

// Count takes off what a page has brought of what a limit has still to bring.
func (a *Ask) Count(p Page) {
	if !a.Exact {
		a.Rest = max(0, a.Rest-max(0, p.Events-a.edge))
		return
	}
	// The next page begins with the last second of this one, so what is dated later is what
	// has come for good. Nothing has slipped in where there is not one more than was asked for, unless
	// the relay gives less than that at once, which the order may tell.
	_, until := Window(a.Filter)
	end, known := p.EndBefore(until)
	switch {
	case p.Shared == 0 && !p.Turned && p.Events+p.Refused == a.Filter.Limit && p.Events >= a.Rest, known && p.count(end) >= a.Rest:
		a.Rest = 0
	case known && end < until:
		a.Rest -= p.count(end + 1)
	}
}

// starved is an ask that got nothing of a page that may have been cut.
func (a Ask) starved(p Page, since, until nostr.Timestamp) ([]Ask, []Gap) {
	if a.tries < MaxTries && p.Total > 0 {
		return []Ask{a.Again(p)}, nil
	}
	return nil, gap(since, until)
}

// mixed is an ask whose page nobody can tell from that of another.
func (a Ask) mixed(p Page, since, until nostr.Timestamp) ([]Ask, []Gap) {
	if p.Fresh > 0 || a.tries < MaxTries {
		return []Ask{a.Again(p)}, nil
	}
	return nil, gap(since, until)
}

func gap(since, until nostr.Timestamp) []Gap {
	return []Gap{{Since: since, Until: until, Possible: true}}
}

// Again is the same page, asked once more, to have a REQ with more room.
func (a Ask) Again(p Page) Ask {
	a.edge = max(a.edge, p.Events)
	if p.Fresh == 0 {
		a.tries++
	} else {
		a.tries = 0
	}
	return a
}

// below is the next page, from until down. That second is asked for once more, since the page
// may have ended within it (P37).
func (a Ask) below(until nostr.Timestamp, p Page) Ask {
	a.Filter.Until = &until
	a.edge, a.tries = 0, 0
	switch {
	case a.Rest == 0:
	case a.Exact:
		a.Filter.Limit = a.Rest
	default:
		a.edge = p.Edge
		a.Filter.Limit = 0
		if p.Edge > 0 || p.Events == 0 { // else who knows how many come twice
			a.Filter.Limit = a.Rest + p.Edge
		}
	}
	return a
}

// split asks for one second that holds more than a page, in two halves of the filter's
// longest list. Where there is nothing to split, the second is a gap.
func (a Ask) split(second nostr.Timestamp, dense, possible bool) ([]Ask, []Gap) {
	a = a.Within(second)
	halves, ok := Halve(a.Filter)
	if !ok {
		return nil, []Gap{{Since: second, Until: second, Dense: dense, Possible: possible}}
	}
	one, other := a, a
	one.Filter, other.Filter = halves[0], halves[1]
	return []Ask{one, other}, nil
}

// Within is what asks for one second of an ask, and all of that.
func (a Ask) Within(second nostr.Timestamp) Ask {
	f := a.Filter
	f.Since, f.Until, f.Limit, f.LimitZero = &second, &second, 0, false
	return Ask{Filter: f, Exact: a.Exact, Part: true} // a limit counts for pages
}

// Halve divides a filter along its longest list. It cannot where none has two entries.
func Halve(f nostr.Filter) (halves [2]nostr.Filter, ok bool) {
	return HalveAlong(f, func(Axis) bool { return true })
}

// HalveAlong divides a filter along the longest one of some of its lists.
func HalveAlong(f nostr.Filter, along func(Axis) bool) (halves [2]nostr.Filter, ok bool) {
	var longest Axis
	for _, x := range Axes(f) {
		if along(x) && (longest == nil || x.Size(f) > longest.Size(f)) {
			longest = x
		}
	}
	if longest == nil || longest.Size(f) < 2 {
		return halves, false
	}
	n := longest.Size(f)
	return [2]nostr.Filter{longest.Slice(f, 0, n/2), longest.Slice(f, n/2, n)}, true
}

// Own is a copy of a filter that shares nothing with it and whose lists have no duplicates.
func Own(f nostr.Filter) nostr.Filter {
	f = f.Clone()
	for _, x := range Axes(f) {
		f = x.Unique(f)
	}
	return f
}

// Window is the span of dates that a filter wants.
func Window(f nostr.Filter) (since, until nostr.Timestamp) {
	until = math.MaxInt64
	if f.Since != nil {
		since = *f.Since
	}
	if f.Until != nil {
		until = *f.Until
	}
	return since, until
}
