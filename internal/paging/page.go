package paging

import "github.com/gennostr/gennostr/nostr"

// Cut tells whether a relay may have left out events that the filter wants, which is the
// one that was sent (Complete).
func (p Page) Cut(f nostr.Filter, caps Caps) bool {
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

// Sent is what is known of pages that have been cut, of a filter that was sent with a limit of
// the relay's choosing: they do not become larger.
func (c Caps) Sent(limit int) Caps {
	if limit <= c.enough() {
		return Caps{Page: limit, Known: true}
	}
	return c
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

// EndBefore is the date down to which nothing has been left out of a page that was to go up
// to until: the date of the last stored event, which came first of all dates from the
// end, unless the order says that the relay does not send the newest first; then the oldest.
//
// Between the stored events a live one can slip in (Q02), dated long ago. The oldest date
// is then one of which nothing is known, and whoever pages from there misses all
// that lies between. So it is the later date of the last two that counts.
//
// What another ask of the REQ wants as well may have come with that one's page, from
// further back than this one's goes. If there is nothing else, or a single one that may
// have slipped in, the end is not known.
func (p Page) EndBefore(until nostr.Timestamp) (end nostr.Timestamp, known bool) {
	if p.Shared == 0 {
		p.End = p.Oldest
	}
	if p.End < p.Last && p.Last < min(p.Newest, until) {
		return p.Last, true
	}
	return p.End, p.Shared == 0 || p.Events > p.Shared+1
}

// count is how many of a page's own events are of that date or later.
func (p Page) count(from nostr.Timestamp) (n int) {
	if p.dates == nil && from <= p.Oldest {
		return p.Events - p.Shared
	}
	if p.dates == nil {
		return max(0, p.Events-p.Shared-max(1, p.Edge)) // all of them but the last second's, if that is where it ends
	}
	for _, date := range p.dates {
		if date >= from {
			n++
		}
	}
	return n
}
