package resume_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"

	"github.com/gennostr/gennostr/test/seed"
)

const (
	overlap  = 5 * time.Minute
	overlapS = nostr.Timestamp(overlap / time.Second)
	minute   = nostr.Timestamp(60)
	day      = 24 * 60 * minute
	epoch    = nostr.Timestamp(1_750_000_000)
	bogus    = nostr.Timestamp(4_102_444_800) // the year 2100
)

// world is a history: a relay, a client, publishers with their clocks.
type world struct {
	t      *rapid.T
	relay  *relay
	client *client
	now    nostr.Timestamp
	ahead  nostr.Timestamp // the client's clock
	skew   nostr.Timestamp // of all publishers
	narrow bool            // publishers' clocks agree within half the overlap, and nobody lies
	shared bool            // REQs carry several asks

	all   []published
	loads []firstLoad
	ids   uint64
}

type published struct {
	*nostr.Event
	at nostr.Timestamp
}

// firstLoad is one that was sent: what it may leave out is of no more interest.
type firstLoad struct {
	*sub
	before int             // events that had been published
	newest nostr.Timestamp // of what was stored; the load's floor is not above that
	proven bool
}

// floor is a date that the load's floor is not above.
func (l firstLoad) floor() nostr.Timestamp {
	if l.page.Events > 0 && l.req != nil { // live ones that slipped in can be all there is
		return max(l.newest, min(l.page.Newest, l.req.sent))
	}
	return l.newest
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: epoch}
	w.relay = &relay{
		pageCap: rapid.IntRange(2, 12).Draw(t, "cap"),
		told:    rapid.Bool().Draw(t, "told"),
		hints:   rapid.IntRange(0, 3).Draw(t, "hints") == 0,
	}
	w.relay.maxLimit = w.relay.pageCap + rapid.IntRange(0, 20).Draw(t, "more with a limit")
	w.relay.perREQ = !w.relay.told && rapid.Bool().Draw(t, "cap of the REQ")
	w.shared = rapid.Bool().Draw(t, "shared REQs")
	w.narrow = rapid.Bool().Draw(t, "narrow")
	if w.narrow {
		w.skew = nostr.Timestamp(rapid.Int64Range(-600, 600).Draw(t, "skew"))
		w.ahead = nostr.Timestamp(rapid.Int64Range(-600, 600).Draw(t, "ahead"))
	} else {
		w.ahead = -nostr.Timestamp(rapid.Int64Range(0, 600).Draw(t, "behind"))
	}
	w.client = newClient(t, w.relay, w.drawFilters(), resume.Config{Overlap: overlap})
	w.client.log = t.Logf
	w.client.clock = func() nostr.Timestamp { return w.now + w.ahead }
	w.client.largest = rapid.IntRange(1, w.relay.pageCap).Draw(t, "seen")
	w.client.onFirst = func(s *sub) {
		load := firstLoad{sub: s, before: len(w.all), newest: math.MinInt64}
		for _, e := range w.relay.stored {
			if s.filter.Matches(e) {
				load.proven = !s.filter.LimitZero
				load.newest = max(load.newest, min(e.CreatedAt, w.client.clock()))
			}
		}
		w.loads = append(w.loads, load)
	}
	return w
}

var (
	authors = []nostr.PubKey{{1}, {2}, {3}, {4}}
	kinds   = []nostr.Kind{1, 7, 1059, 20001}
	topics  = []string{"a", "b", "c"}
)

func some[T any](t *rapid.T, list []T, what string) []T {
	n := rapid.IntRange(0, 1<<len(list)-1).Draw(t, what)
	if n == 0 {
		return nil
	}
	var got []T
	for i, v := range list {
		if n&(1<<i) != 0 {
			got = append(got, v)
		}
	}
	return got
}

func (w *world) drawFilters() []nostr.Filter {
	filters := make([]nostr.Filter, rapid.IntRange(1, 3).Draw(w.t, "filters"))
	for i := range filters {
		f := nostr.Filter{
			Authors: some(w.t, authors, "authors"),
			Kinds:   some(w.t, kinds, "kinds"),
		}
		if topics := some(w.t, topics, "topics"); topics != nil {
			f.Tags = nostr.TagMap{"t": topics}
		}
		switch rapid.IntRange(0, 6).Draw(w.t, "bounds") {
		case 0, 1, 2:
			f = f.WithSince(epoch - 10*day)
		case 3:
			f = f.WithSince(epoch - nostr.Timestamp(rapid.Int64Range(-600, 600).Draw(w.t, "since")))
		case 4:
			f = f.WithLimit(rapid.IntRange(0, 3*w.relay.pageCap).Draw(w.t, "limit"))
		case 5:
			f = f.WithSince(epoch - 10*day).WithUntil(epoch + nostr.Timestamp(rapid.Int64Range(0, 5000).Draw(w.t, "until")))
		}
		filters[i] = f
	}
	return filters
}

// change makes filters that have something in common with those that are set.
func (w *world) change() {
	filters := slices.Clone(w.client.filters)
	i := rapid.IntRange(0, len(filters)-1).Draw(w.t, "which")
	f := filters[i].Clone()
	switch rapid.IntRange(0, 5).Draw(w.t, "change") {
	case 0, 1:
		if f.Authors != nil {
			f.Authors = some(w.t, authors, "authors")
		}
	case 2, 3:
		if f.Kinds != nil {
			f.Kinds = some(w.t, kinds, "kinds")
		}
	case 4:
		slices.Reverse(filters)
	case 5:
		w.set(w.drawFilters())
		return
	}
	filters[slices.IndexFunc(filters, func(o nostr.Filter) bool { return o.String() == filters[i].String() })] = f
	w.set(filters)
}

func (w *world) set(filters []nostr.Filter) {
	w.client.log("filters: %s", filters)
	w.client.filters = filters
	w.client.do(w.client.leg.SetFilters(filters))
}

// publish is n events of one author and one second.
func (w *world) publish(n int) {
	author := authors[rapid.IntRange(0, len(authors)-1).Draw(w.t, "author")]
	kind := rapid.SampledFrom(kinds).Draw(w.t, "kind")
	at := w.now + w.skew
	if w.narrow && kind.IsEphemeral() { // whose date is the client's
		kind = 7
	}
	switch {
	case kind.IsEphemeral(): // a gap of them is told by when they were passed on
		at = w.client.clock()
	case w.narrow:
		at += nostr.Timestamp(rapid.Int64Range(-int64(overlapS)/2, int64(overlapS)/2).Draw(w.t, "jitter"))
	default:
		at += nostr.Timestamp(rapid.Int64Range(-int64(overlapS), 600).Draw(w.t, "jitter"))
		if rapid.IntRange(0, 30).Draw(w.t, "bogus") == 0 {
			at = bogus
		}
	}
	if kind == nostr.KindGiftWrap {
		at -= nostr.Timestamp(rapid.Int64Range(0, int64(2*day)).Draw(w.t, "back"))
	}
	for range n {
		w.ids++
		e := &nostr.Event{PubKey: author, Kind: kind, CreatedAt: at,
			Tags: nostr.Tags{{"t", topics[w.ids%uint64(len(topics))]}}}
		binary.BigEndian.PutUint64(e.ID[:], w.ids)
		w.client.log("published: %x kind %d dated %d at %d", e.ID[:8], e.Kind, e.CreatedAt, w.now)
		w.all = append(w.all, published{e, w.now})
		w.relay.publish(e)
	}
}

// step is one thing that happens.
func (w *world) step() {
	c, r := w.client, w.relay
	switch what := rapid.IntRange(0, 19).Draw(w.t, "step"); what {
	case 0, 1, 2, 3:
		w.publish(1)
	case 4:
		w.publish(rapid.IntRange(2, 2*r.pageCap).Draw(w.t, "burst"))
	case 5:
		w.now += nostr.Timestamp(rapid.Int64Range(0, 900).Draw(w.t, "seconds"))
	case 6, 7:
		if c.up {
			together := 1
			if w.shared {
				together = rapid.IntRange(1, 4).Draw(w.t, "together")
			}
			c.send(together, rapid.Bool().Draw(w.t, "pause"))
		}
	case 8, 9, 10:
		for range rapid.IntRange(1, 30).Draw(w.t, "messages") {
			c.read()
		}
	case 11:
		r.resume()
	case 12:
		if c.up {
			sent := c.clock()
			r.wire = append(r.wire, message{pong: &sent})
		}
	case 13:
		c.connect()
	case 14:
		if rapid.Bool().Draw(w.t, "cut") {
			c.cut()
		}
	case 15:
		if c.up && rapid.Bool().Draw(w.t, "crash") {
			c.crash()
		}
	case 16:
		if r.resume(); len(r.subs) > 0 {
			s := r.subs[rapid.IntRange(0, len(r.subs)-1).Draw(w.t, "closed")]
			r.shut(s)
			r.wire = append(r.wire, message{closed: s})
		}
	case 17:
		w.change()
	case 18, 19:
		if asks := c.answered(); len(asks) > 0 {
			i := rapid.IntRange(0, len(asks)-1).Draw(w.t, "one")
			if what == 18 {
				c.move(asks[i:min(len(asks), i+3)])
			} else {
				c.replace(asks[i])
			}
		}
	}
}

// wanted tells whether a filter's subscriber was promised an event.
func (w *world) wanted(f nostr.Filter, i int) bool {
	e := w.all[i]
	if !f.Matches(e.Event) || e.Kind.IsEphemeral() && f.Kinds == nil { // of those a gap tells that are named
		return false
	}
	whole := f.Since != nil && f.Limit == 0 && !f.LimitZero
	if whole && !e.Kind.IsEphemeral() {
		return true
	}
	// Else from the last first load on that asked for any of it.
	loaded := false
	for _, load := range w.loads {
		if overlaps(load.filter, f) {
			loaded = true
			if i < load.before || e.CreatedAt < load.floor() && !e.Kind.IsEphemeral() || w.narrow && !load.proven && !whole {
				return false
			}
		}
	}
	return loaded
}

// overlaps tells whether two filters can be parts of the same one.
func overlaps(a, b nostr.Filter) bool {
	return meet(a.Authors, b.Authors) && meet(a.Kinds, b.Kinds) && meet(a.Tags["t"], b.Tags["t"])
}

func meet[T comparable](a, b []T) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}

// excused tells whether a gap was reported.
func (w *world) excused(e *nostr.Event) bool {
	return slices.ContainsFunc(w.client.gaps, func(g gap) bool {
		return g.filter.Matches(e) && g.Since <= e.CreatedAt && e.CreatedAt <= g.Until
	})
}

// justified tells whether there was reason to report a gap.
func (w *world) justified(g gap) bool {
	if g.Possible {
		return slices.ContainsFunc(g.filter.Kinds, nostr.Kind.IsEphemeral) || !w.relay.told || w.shared
	}
	n := 0
	for _, e := range w.relay.stored {
		if g.filter.Matches(e) && e.CreatedAt == g.Since {
			n++
		}
	}
	return g.Since == g.Until && n >= w.relay.pageCap
}

// Whatever happens, and whatever clocks say within the overlap: what a filter's subscriber
// was promised has come in the end or is reported as a gap, gaps are not reported for
// nothing, and the asking ends.
func promise(t *rapid.T) {
	w := newWorld(t)
	for range rapid.IntRange(0, 10).Draw(t, "before") {
		w.publish(rapid.IntRange(1, 2*w.relay.pageCap).Draw(t, "burst"))
		w.now += nostr.Timestamp(rapid.Int64Range(0, 100).Draw(t, "seconds"))
	}
	for range rapid.IntRange(1, 150).Draw(t, "steps") {
		w.step()
	}
	c := w.client
	c.connect()
	together := 1
	if w.shared {
		together = 3
	}
	c.settle(together, c.asked+(len(w.all)+10)*200)
	require.True(t, c.leg.CaughtUp())
	require.Equal(t, 1, c.lives, "Live is said once")
	for i := range w.all {
		for _, f := range c.filters {
			e := w.all[i].Event
			if w.wanted(f, i) && !c.had[e.ID] && !w.excused(e) {
				t.Fatalf("lost: event %d of kind %d, dated %d, published at %d, now %d\nfilter %s", i, e.Kind, e.CreatedAt-epoch, w.all[i].at-epoch, w.now-epoch, f)
			}
		}
	}
	for _, g := range c.gaps {
		require.True(t, w.justified(g), fmt.Sprintf("%+v", g))
	}
}

// Shows L05, L15, D34.
func TestWhatWasPromisedComesOrIsReported(t *testing.T) {
	for range 10 { // a hundred histories each, and every accident needs several things at once
		rapid.Check(t, promise)
	}
}

func FuzzWhatWasPromisedComesOrIsReported(f *testing.F) { seed.Fuzz(f, promise) }
