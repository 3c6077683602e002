package query

import (
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// largest is as large as a page is believed to become of a relay that does not tell: what is
// shorter than half of it is complete, and that are 500 events at most.
const largest = 1000

// Answered says that the REQ that carried an ask has got its EOSE, what came for the ask
// before it, and what is known of the relay's pages. Each event of a page counts once; one
// that the relay repeats in it counts as Refused. Returned is what to ask next. An ask that
// is over is ignored.
func (l *Leg) Answered(a *Ask, p paging.Page, caps paging.Caps) []*Ask {
	if !l.forget(a) {
		return nil
	}
	if !caps.Known {
		caps.Page = min(caps.Page, largest)
	}
	cut := p.Cut(a.Filter, caps) || p.Hint != paging.Finish && a.Filter.Limit > 0 && p.Events+p.Refused >= a.Filter.Limit
	next := l.ties(a, p, cut)
	l.answeredPart(a, cut || p.Events > 0)
	if a.limited {
		a.page.Count(p)
	}
	limit := a.page.Filter.Limit
	switch {
	case a.Silent && p.Events > 0:
		l.lack(More, "", a, false)
	case !cut, a.limited && a.page.Rest == 0:
	case p.Events == 0: // others have filled the REQ, or it is lying
		next = append(next, l.further(a, p, caps)...)
	case a.page.Filter.Search != "", l.cfg.Mode == OnePage && !a.whole:
		if a.limited || limit == 0 || p.Events-p.Shared < limit {
			certain := p.Hint == paging.More && p.Shared == 0 && p.Events+p.Refused == p.Total
			l.lack(More, "", a, !certain)
		}
	case a.whole || a.limited:
		next = append(next, l.further(a, p, caps)...)
	default:
		next = append(next, l.rest(a, p)...)
	}
	return l.hand(next, 0)
}

// further pages on, or asks once more for what others left no room.
func (l *Leg) further(a *Ask, p paging.Page, caps paging.Caps) (asks []*Ask) {
	_, until := paging.Window(a.page.Filter)
	end, _ := p.EndBefore(until)
	if a.Filter.Limit != a.page.Filter.Limit {
		caps = caps.Sent(a.Filter.Limit)
	}
	following, gaps := a.page.Further(p, caps)
	for _, g := range gaps {
		why := Withheld
		switch {
		case g.Dense:
			why = Dense
		case a.Silent:
			why = More
		}
		l.lacks.add(why, "", g.Since, g.Until, g.Possible)
	}
	var divided *second
	if len(following) > 1 { // two parts of a second, the rest of the dates below it
		divided = &second{at: until, left: 2}
	}
	for _, f := range following {
		n := &Ask{Index: a.Index, Silent: a.Silent, page: f, whole: a.whole || f.Part, limited: a.limited && !f.Part}
		switch _, to := paging.Window(f.Filter); {
		case f.Part && divided != nil:
			n.of = divided
		case len(following) == 1 && to == until: // the same page again
			n.expects, n.tie, n.edge, n.under, n.of = a.expects, a.tie, a.edge, a.under, a.of
			n.of.add(1)
		default:
			n.expects = p.Events > 0 && to == end
		}
		asks = append(asks, n)
	}
	return asks
}

// rest is what makes a single page whole: what is left of its last second, and whether there
// is anything below that. The last event may be one that has slipped in, dated long ago.
// Then there is more between it and the last but one than a page, perhaps.
func (l *Leg) rest(a *Ask, p paging.Page) (asks []*Ask) {
	since, until := paging.Window(a.page.Filter)
	end, known := p.EndBefore(until)
	if !known {
		l.lacks.add(More, "", since, until, true)
		return nil
	}
	end = min(max(since, end), until)
	last := min(max(since, p.Oldest), end)
	if a.edge { // it has slipped in, or there is a second with a page and more
		l.lacks.add(More, "", since, end, true)
		asks = append(asks, a.second(until))
		if since < until {
			asks = append(asks, a.second(since))
		}
		return asks
	}
	edge := a.second(end)
	if last < end {
		edge.page.Filter.Since, edge.page.Part, edge.whole, edge.edge = &last, false, false, true
	}
	edge.expects = true
	asks = append(asks, edge)
	if last == since {
		return asks
	}
	below := last - 1
	edge.under = &below
	return append(asks, a.probe(a.page.Filter.Since, below))
}

// probe asks whether there is anything at all.
func (a *Ask) probe(since *nostr.Timestamp, until nostr.Timestamp) *Ask {
	f := a.page.Filter
	f.Since, f.Until, f.Limit = since, &until, 1
	return &Ask{Index: a.Index, Silent: true, page: paging.Ask{Filter: f, Exact: true}}
}

// second asks for one second, all of it.
func (a *Ask) second(at nostr.Timestamp) *Ask {
	return &Ask{Index: a.Index, page: a.page.Within(at), whole: true}
}

// ties asks once more, for a second longer, for the last second that an ask was for, where the
// relay gave an event of it a moment ago and gives none now: some take until for the
// first second that is not wanted (Q07), and the rest of that second would be lost.
func (l *Leg) ties(a *Ask, p paging.Page, cut bool) []*Ask {
	since, until := paging.Window(a.page.Filter)
	if a.edge && !cut && (p.Events == 0 || p.Oldest > since) { // the same with since (Q03)
		l.lacks.add(Withheld, "", since, since, true)
	}
	none := p.Events == 0 && !cut || p.Events > 0 && p.Newest > 0 && p.Newest < until
	switch {
	case a.tie && p.Events > 0 && p.Oldest <= until:
		l.short = true
		if a.under != nil { // for which it was the last second, too
			return []*Ask{a.probe(a.under, *a.under)}
		}
	case a.tie && (p.Events > 0 || !cut):
		l.lacks.add(Withheld, "", until, until, true)
	case a.expects && none && *a.Filter.Until == until:
		again := a.second(until)
		again.tie, again.under = true, a.under
		return []*Ask{again}
	}
	return nil
}

// answeredPart takes note of a part of a second. If none of them brings anything, the
// relay does not answer for a single second (Q03).
func (l *Leg) answeredPart(a *Ask, something bool) {
	if a.of == nil {
		return
	}
	a.of.left--
	a.of.came = a.of.came || something
	if a.of.left == 0 && !a.of.came {
		l.lacks.add(Withheld, "", a.of.at, a.of.at, false)
	}
}
