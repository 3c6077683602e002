package paging

import "github.com/gennostr/gennostr/nostr"

// A Counter counts the events that come for an ask into its Page. Ask.Counter makes it. Of an
// Exact ask with a limit it keeps the events' dates: without them nobody knows how many of a page
// have come for good. Of any other it keeps nothing, however large the page.
type Counter struct {
	page         Page
	dated        bool    // it keeps dates
	last, before arrival // of the events that no other ask of the REQ wants, the last two to come
}

// Counter is that of an ask; it has counted nothing.
func (a Ask) Counter() Counter { return Counter{dated: a.Exact && a.Rest > 0} }

// arrival is when an event came, and its date.
type arrival struct {
	number uint64
	at     nostr.Timestamp
}

// Event counts one: number grows with what comes on the connection and is above 0; they are
// counted as they are proven, which is not always as they have come. Fresh: whoever asks had
// not had it; shared: another ask of the REQ wants it as well.
func (c *Counter) Event(number uint64, at, now nostr.Timestamp, fresh, shared bool) {
	p := &c.page
	switch {
	case p.Events == 0 || at < p.Oldest:
		p.Oldest, p.Edge = at, 1
	case at == p.Oldest:
		p.Edge++
	}
	if (p.Newest == 0 || at > p.Newest) && !at.IsAhead(now) { // one from the future says nothing of what the relay has brought
		p.Newest = at
	}
	if fresh {
		p.Fresh++
	}
	if p.Events++; shared {
		p.Shared++
		return
	}
	if p.Events-p.Shared == 1 {
		p.End = at
		c.last, c.before = arrival{number, at}, arrival{0, at}
	}
	p.End = min(p.End, at)
	if c.dated {
		p.dates = append(p.dates, at)
	}
	switch {
	case number > c.last.number:
		c.before, c.last = c.last, arrival{number, at}
	case number > c.before.number && number != c.last.number:
		c.before = arrival{number, at}
	}
	p.Last = max(c.before.at, c.last.at)
}

// Events is how many it has counted.
func (c *Counter) Events() int { return c.page.Events }

// Page is what has been counted, in a REQ that had total events of which refused count for no
// ask, and whose EOSE had that hint.
func (c *Counter) Page(total, refused int, hint Hint) Page {
	p := c.page
	p.Total, p.Refused, p.Hint = total, refused, hint
	p.Turned = c.before.at < c.last.at && c.last.at < p.Newest
	return p
}
