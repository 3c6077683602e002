package resume

import (
	"github.com/gennostr/gennostr/nostr"
)

// maxTries is how often an ask is repeated that brought nothing new because others
// filled its REQ. One that shares a relay's only REQ with others comes up when those are through.
const maxTries = 8

// cut tells whether a relay may have left out events that the filter wants (Complete).
func (p Page) cut(f nostr.Filter, caps Caps) bool {
	switch p.Hint {
	case Finish:
		return false
	case More:
		return true
	}
	return p.full(caps) || f.Limit > 0 && p.Events >= f.Limit
}

// full tells whether a page may be as large as the relay's pages become, be it the ask's or,
// where the relay has told nothing, the REQ's.
func (p Page) full(caps Caps) bool {
	return p.Events+p.Refused >= caps.enough() || !caps.Known && p.Total >= caps.enough()
}

// enough is how many events of an ask's own are a full page. Where the cap is not told, half of
// the largest page: live events slip in, and one page that was counted too large must
// not make the next ones look short.
func (c Caps) enough() int {
	n := max(1, c.Page)
	if !c.Known {
		n -= n / 2
	}
	return n
}

// dense tells whether the ask's own events, and not those of its neighbours, fill a page,
// as far as one can know; certain, whether one knows.
func (p Page) dense(caps Caps) (dense, certain bool) {
	if p.Shared > 0 {
		return false, false
	}
	own := p.Events + p.Refused
	full, told := own >= caps.enough(), p.Hint == More && own >= p.Total
	return full || told, full && caps.Known || told
}

// end is the date down to which nothing has been left out of a page: the date of the
// last stored event, which came first of all dates from the end, unless the order
// says that the relay does not send the newest first; then the oldest.
//
// Between the stored events a live one can slip in (Q02), dated long ago. The oldest date
// is then one of which nothing is known, and whoever pages from there misses all
// that lies between. So it is the later date of the last two that counts.
//
// What another ask of the REQ wants as well may have come with that one's page, from
// further back than this one's goes. If there is nothing else, or a single one that may
// have slipped in, the end is not known.
func (p Page) end(until nostr.Timestamp) (end nostr.Timestamp, known bool) {
	if p.Shared == 0 {
		p.End = p.Oldest
	}
	if p.End < p.Last && p.Last < min(p.Newest, until) {
		return p.Last, true
	}
	return p.End, p.Shared == 0 || p.Events > p.Shared+1
}

// further returns what is to be asked after a page that may have been cut. Each ask is
// for older events than the last one or for a smaller part of a second, or the page
// has brought something new: no relay can keep it asking for ever.
func (a *Ask) further(p Page, caps Caps) (asks []*Ask, gaps []Gap) {
	since, until := window(a.Filter)
	if a.Filter.Search != "" { // in the relay's order, not in that of dates (P58)
		return nil, a.gap(since, until, true)
	}
	if p.Events == 0 {
		return a.starved(p, since, until)
	}
	end, known := p.end(until)
	if a.rest > 0 {
		end, known = p.Oldest, true // what comes twice has to be counted; the newest so many are no more than a choice
	}
	if !known { // asked again, with a REQ of its own if there is room
		return a.mixed(p, since, until)
	}
	if end = min(max(since, end), until); end < until {
		return []*Ask{a.below(end, p)}, nil
	}
	// Nothing older: until is a second with a page and more, or has lent its place.
	dense, certain := p.dense(caps)
	if !dense && (p.Fresh > 0 || a.tries < maxTries) {
		return []*Ask{a.again(p)}, nil
	}
	asks, gaps = a.split(until, !certain)
	if since < until {
		asks = append(asks, a.below(until-1, Page{}))
	}
	return asks, gaps
}

// starved is an ask that got nothing of a page that may have been cut.
func (a *Ask) starved(p Page, since, until nostr.Timestamp) ([]*Ask, []Gap) {
	if a.tries < maxTries && p.Total > 0 {
		return []*Ask{a.again(p)}, nil
	}
	return nil, a.gap(since, until, true)
}

// mixed is an ask whose page nobody can tell from that of another.
func (a *Ask) mixed(p Page, since, until nostr.Timestamp) ([]*Ask, []Gap) {
	if p.Fresh > 0 || a.tries < maxTries {
		return []*Ask{a.again(p)}, nil
	}
	return nil, a.gap(since, until, true)
}

// again is the same page, asked once more, to have a REQ with more room.
func (a *Ask) again(p Page) *Ask {
	next := a.page(a.Filter)
	next.edge = max(a.edge, p.Events)
	if p.Fresh == 0 {
		next.tries = a.tries + 1
	}
	return next
}

// below is the next page, from until down. That second is asked for once more, since the page
// may have ended within it (P37).
func (a *Ask) below(until nostr.Timestamp, p Page) *Ask {
	f := a.Filter
	f.Until = &until
	next := a.page(f)
	if a.rest > 0 {
		next.edge = p.Edge
		next.Filter.Limit = 0
		if p.Edge > 0 || p.Events == 0 { // else who knows how many come twice
			next.Filter.Limit = a.rest + p.Edge
		}
	}
	return next
}

// page is an ask for stored events only that follows from a.
func (a *Ask) page(f nostr.Filter) *Ask {
	return &Ask{Track: a.Track, Filter: f, Once: true, Resumed: a.Resumed,
		kinds: a.kinds, first: a.first, whole: a.whole, rest: a.rest}
}

func (a *Ask) gap(since, until nostr.Timestamp, possible bool) []Gap {
	return []Gap{{Track: a.Track, Since: since, Until: until, Possible: possible}}
}

// split asks for one second that holds more than a page, in two halves of the filter's
// longest list. Where there is nothing to split, the second is a gap.
func (a *Ask) split(second nostr.Timestamp, possible bool) ([]*Ask, []Gap) {
	f := a.Filter
	f.Since, f.Until, f.Limit, f.LimitZero = &second, &second, 0, false
	var longest axis
	for _, x := range axes(f) {
		if longest == nil || x.size(f) > longest.size(f) {
			longest = x
		}
	}
	if longest == nil || longest.size(f) < 2 {
		return nil, a.gap(second, second, possible)
	}
	n := longest.size(f)
	halves := []*Ask{a.page(longest.slice(f, 0, n/2)), a.page(longest.slice(f, n/2, n))}
	for _, half := range halves {
		half.rest, half.whole = 0, true // a limit counts for pages
	}
	return halves, nil
}
