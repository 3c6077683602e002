package resume

import (
	"slices"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// A part is what is loaded and resumed as one: a track, unless its filter has grown, then
// also what has come in addition; or ids that were fetched.
type part struct {
	track  int             // index of the filter, -1 for ids that are fetched
	filter nostr.Filter    // as the subscription has it; lists without duplicates
	mark   Mark            // of the last time when nothing was missing
	sure   nostr.Timestamp // when that was; before it nothing is missing, whatever dates say
	behind bool            // and something may have been missed since, and is asked for

	// All below is of one connection.

	asks   []*Ask // that are not over: live ones, and all that have not been answered
	waits  int    // how many of asks have not been answered
	alive  nostr.Timestamp
	newest nostr.Timestamp // proven, with any
	any    bool
	load   load
}

// load is a first load that goes on.
type load struct {
	sent   nostr.Timestamp // when its REQ was
	oldest nostr.Timestamp // of what came, with some
	some   bool
	cut    bool // older ones were left out, as was asked for
}

// complete tells whether nothing is missing that was asked for.
func (p *part) complete() bool { return p.waits == 0 }

// blind tells whether a part has missed something, and nothing was ever proven of it that
// could tell what its publishers' clocks show: only its own since is a bound for that.
func (p *part) blind() bool { return p.mark.Loaded && !p.mark.Any && p.behind }

// whole tells whether the part is live with all its kinds, so that a sign of life of the
// connection is one of the part.
func (p *part) whole() bool {
	live := false
	for _, a := range p.asks {
		if !a.Once && !a.answered {
			return false
		}
		live = live || !a.Once
	}
	return live
}

// start says what to ask on a new connection.
func (p *part) start(cfg Config, now nostr.Timestamp) []*Ask {
	p.waits, p.alive, p.load, p.behind = 0, 0, load{}, true
	p.mark.At = min(p.mark.At, now) // a clock may have been set back since
	p.newest, p.any = p.mark.At, p.mark.Any
	switch {
	case p.filter.MatchesNothing(): // is never sent (P18)
	case p.track < 0:
		p.add(&Ask{Ask: paging.Ask{Filter: p.filter}, Once: true, Resumed: true, whole: true})
	case cfg.LiveOnly:
		p.add(p.liveOnly())
	case !p.mark.Loaded:
		a := &Ask{Ask: paging.Ask{Filter: p.filter}, Moved: least(p.filter), first: true, whole: wholly(p.filter)}
		if p.filter.Search == "" {
			a.Rest = p.filter.Limit
		}
		p.add(a)
	default:
		p.resume(p.mark, allKinds, cfg)
	}
	return slices.Clone(p.asks)
}

// resume opens the live asks that take these kinds up again from a mark on.
func (p *part) resume(m Mark, kinds kindsPart, cfg Config) (asks []*Ask) {
	overlap, apart := seconds(cfg.Overlap), []kindsPart{kinds}
	if kinds == allKinds {
		apart = m.kindsApart(p.filter, overlap)
	}
	for _, kinds := range apart {
		a := &Ask{Ask: paging.Ask{Filter: m.resumed(p.filter, kinds, overlap)}, Moved: least(kinds.of(p.filter)), Resumed: true, kinds: kinds, whole: true}
		if !a.Filter.MatchesNothing() {
			asks = append(asks, p.add(a))
		}
	}
	return asks
}

func (p *part) liveOnly() *Ask {
	return &Ask{Ask: paging.Ask{Filter: least(p.filter)}, Moved: least(p.filter)}
}

// takeUp opens anew what a live ask was for, which was answered and is lost.
func (p *part) takeUp(kinds kindsPart, cfg Config) []*Ask {
	p.behind = true
	if cfg.LiveOnly {
		return []*Ask{p.add(p.liveOnly())}
	}
	return p.resume(p.head(), kinds, cfg)
}

// add opens an ask.
func (p *part) add(a *Ask) *Ask {
	a.part, a.Track = p, p.track
	p.asks = append(p.asks, a)
	p.waits++
	return a
}

// drop forgets an ask.
func (p *part) drop(a *Ask) {
	a.over = true
	if !a.answered {
		p.waits--
	}
	if i := slices.Index(p.asks, a); i >= 0 {
		p.asks = slices.Delete(p.asks, i, i+1)
	}
}

// clear forgets all asks and returns them.
func (p *part) clear() []*Ask {
	asks := p.asks
	for _, a := range asks {
		a.over = true
	}
	p.asks, p.waits = nil, 0
	return asks
}

// head is where a live ask has to be taken up that was answered and is lost: the pages
// below may still be missing, what came since is not.
func (p *part) head() Mark {
	if p.alive == 0 { // other kinds have not been answered, the gap before them is open
		return p.mark
	}
	m := Mark{Loaded: true, Any: p.any, At: p.mark.At, Floor: p.mark.Floor}
	switch {
	case p.any:
		m.At = min(p.alive, p.newest)
	case !p.mark.Loaded:
		m.At = p.first()
	}
	if p.load.some && p.filter.Limit > 0 {
		m.Floor = max(m.Floor, min(p.load.oldest, p.load.sent))
	}
	return m
}

// first is the time of the first load's REQ, as a bound: what had been stored then has come.
func (p *part) first() nostr.Timestamp {
	_, until := paging.Window(p.filter)
	return min(p.load.sent, until)
}

// see takes note of what came.
func (p *part) see(page Page) {
	if page.Events > 0 {
		p.proven(page.Newest)
	}
}

func (p *part) proven(newest nostr.Timestamp) {
	newest = max(0, newest)
	if !p.any || newest > p.newest {
		p.any, p.newest = true, newest
	}
}

// lives takes note of a sign of life of the connection.
func (p *part) lives(at nostr.Timestamp) {
	if p.whole() {
		p.alive = max(p.alive, at)
	}
}

// settle moves the mark up to the present, if nothing is missing.
func (p *part) settle(cfg Config) {
	if !p.complete() || !p.whole() || cfg.LiveOnly {
		return
	}
	p.sure, p.behind = p.alive, false
	switch {
	case p.any:
		p.mark.Any, p.mark.At = true, min(p.alive, p.newest)
	case !p.mark.Loaded:
		p.mark.At = p.first()
	}
	if !p.mark.Loaded {
		p.mark.Loaded, p.mark.Floor = true, p.floor(cfg)
		p.load = load{}
	}
}

// floor is the oldest date of a first load that has left older events out. A date in the
// future would mute what is published until then (L05).
func (p *part) floor(cfg Config) nostr.Timestamp {
	switch {
	case p.filter.LimitZero:
		// Nothing is known of the publishers' clocks: as much of the past as they may be
		// wrong, should one of them prove to be.
		return before(p.first(), seconds(cfg.Overlap)+nostr.MaxAhead)
	case p.load.cut && p.load.some:
		return max(0, min(p.load.oldest, p.load.sent))
	}
	return 0
}

// answer takes the page of an ask and says what to ask further.
func (p *part) answer(a *Ask, page Page, caps Caps, sent nostr.Timestamp) (asks []*Ask, gaps []Gap) {
	p.see(page)
	if a.first {
		p.loaded(a, page, caps, sent)
	}
	if page.Cut(a.Filter, caps) && (a.whole || a.Rest > 0 || a.robbed(page)) {
		asks, gaps = a.further(page, caps)
	}
	if a.Once {
		p.drop(a)
	} else {
		p.waits--
		a.answered = true
		p.lives(sent)
		gaps = append(gaps, a.passed(sent)...)
	}
	for _, next := range asks {
		p.add(next)
	}
	return asks, gaps
}

// further says what is to be asked after a page that may have been cut, and what never will be.
func (a *Ask) further(page Page, caps Caps) (asks []*Ask, gaps []Gap) {
	following, lost := a.Ask.Further(page, caps)
	for _, f := range following {
		asks = append(asks, &Ask{Track: a.Track, Ask: f, Once: true, Resumed: a.Resumed,
			kinds: a.kinds, first: a.first, whole: a.whole || f.Part})
	}
	for _, g := range lost {
		gaps = append(gaps, a.gap(g.Since, g.Until, g.Possible)...)
	}
	return asks, gaps
}

func (a *Ask) gap(since, until nostr.Timestamp, possible bool) []Gap {
	return []Gap{{Track: a.Track, Since: since, Until: until, Possible: possible}}
}

// robbed tells whether others took all the room of an ask that is content with what one
// page brings.
func (a *Ask) robbed(page Page) bool {
	return a.first && page.Events == 0 && a.Filter.Search == "" && !a.Filter.LimitZero
}

// loaded takes note of what a page means for a first load: whether it has brought what
// its limit asks for, and what it has left out.
func (p *part) loaded(a *Ask, page Page, caps Caps, sent nostr.Timestamp) {
	if !a.Once {
		p.load.sent = sent
	}
	if page.Events > 0 && (!p.load.some || page.Oldest < p.load.oldest) {
		p.load.some, p.load.oldest = true, page.Oldest
	}
	switch {
	case a.Rest > 0:
		a.Count(page)
		p.load.cut = p.load.cut || a.Rest == 0
	case !a.whole:
		p.load.cut = page.Cut(a.Filter, caps)
	}
}

// wholly tells whether a first load of the filter is all there is. A search is a choice
// of the relay's, without a second page (P58).
func wholly(f nostr.Filter) bool {
	return f.Search == "" && f.Limit == 0 && !f.LimitZero && (f.Since != nil || f.IDs != nil)
}

// passed is what an outage took for good: relays pass ephemeral events on and need not
// keep them, though some do (Q08).
func (a *Ask) passed(sent nostr.Timestamp) []Gap {
	if !a.Resumed || !slices.ContainsFunc(a.Filter.Kinds, nostr.Kind.IsEphemeral) {
		return nil
	}
	since, until := paging.Window(a.Filter)
	return a.gap(since, max(since, min(sent, until)), true)
}
