package resume_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// history is a filter that is paged until complete.
func history() nostr.Filter { return notes().WithSince(epoch - 10*day) }

// Shows P25, P36, P37, P51.
func TestAPageThatMayHaveBeenCutIsFollowedByAnother(t *testing.T) {
	short := page(3, -30, -1)
	with := func(change func(*resume.Page)) resume.Page {
		p := short
		change(&p)
		return p
	}
	untold := resume.Caps{Page: 10}
	for name, c := range map[string]struct {
		page resume.Page
		caps resume.Caps
		more bool
	}{
		"short":                          {short, told, false},
		"full":                           {page(10, -30, -1), told, true},
		"over-full":                      {page(12, -30, -1), told, true},
		"full with what was refused":     {with(func(p *resume.Page) { p.Refused, p.Total = 7, 10 }), told, true},
		"short in a full REQ, told":      {with(func(p *resume.Page) { p.Total = 10 }), told, false},
		"short in a full REQ, untold":    {with(func(p *resume.Page) { p.Total = 10 }), untold, true},
		"short, untold":                  {short, untold, false},
		"half a page, untold":            {page(5, -30, -1), untold, true},
		"full, and the relay says all":   {with(func(p *resume.Page) { p.Events, p.Total, p.Hint = 10, 10, resume.Finish }), told, false},
		"short, and the relay says more": {with(func(p *resume.Page) { p.Hint = resume.More }), told, true},
		"nothing":                        {resume.Page{}, told, false},
		"a cap of nothing":               {short, resume.Caps{Known: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(history())
			s := l.Answered(only(t, l.Up(at(0))), c.page, c.caps, at(0))
			assert.Equal(t, !c.more, s.Live)
			if !c.more {
				assert.Empty(t, s.Asks)
				return
			}
			next := only(t, s)
			assert.Equal(t, history().WithUntil(epoch-30), next.Filter)
			assert.True(t, next.Once)
			assert.False(t, next.Resumed)
		})
	}
}

// Shows P37.
func TestPagesGoOnUntilOneIsShortAndOnlyThenTheMarkMoves(t *testing.T) {
	l := legOf(history())
	loaded(t, l, 0, page(1, -1, -1))
	before := l.Marks()
	l.Down()
	a := only(t, l.Up(at(1000)))
	s := l.Answered(a, page(10, 900, 990), told, at(1001))
	for _, oldest := range []int64{800, 700, 0} {
		next := only(t, s)
		assert.True(t, next.Once && next.Resumed)
		assert.Equal(t, since(t, a.Filter), since(t, next.Filter))
		assert.Equal(t, before, l.Marks())
		assert.False(t, l.CaughtUp())
		s = l.Answered(next, page(10, oldest, until(t, next.Filter)), told, at(1002))
	}
	last := only(t, s)
	p := page(2, -100, 0)
	p.Fresh = 0
	s = l.Answered(last, p, told, at(1003))
	assert.Equal(t, resume.Step{Live: true}, s)
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 990}}, l.Marks())
}

func TestAFirstLoadWithALimitIsPagedUntilSoManyHaveCome(t *testing.T) {
	l := legOf(notes().WithLimit(25))
	s := l.Answered(only(t, l.Up(at(0))), page(10, -30, -1), told, at(0))
	next := only(t, s)
	assert.Equal(t, notes().WithUntil(epoch-30).WithLimit(16), next.Filter, "fifteen, and the one that comes twice")
	p := page(10, -60, -30) // nine new ones
	p.Edge = 2
	next = only(t, l.Answered(next, p, told, at(1)))
	assert.Equal(t, notes().WithUntil(epoch-60).WithLimit(8), next.Filter)
	s = l.Answered(next, page(8, -90, -60), told, at(2))
	assert.Equal(t, resume.Step{Live: true}, s)
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch - 1, Floor: epoch - 90}}, l.Marks())
}

func TestAFirstLoadWithALimitEndsWhereTheRelayHasNoMore(t *testing.T) {
	l := legOf(notes().WithLimit(25))
	next := only(t, l.Answered(only(t, l.Up(at(0))), page(10, -30, -1), told, at(0)))
	s := l.Answered(next, page(4, -90, -30), told, at(2))
	assert.Equal(t, resume.Step{Live: true}, s)
	assert.Zero(t, l.Marks()[0].Floor)
}

func TestAFirstLoadWithoutBoundsIsOnePage(t *testing.T) {
	for _, p := range []resume.Page{page(3, -9, -1), page(10, -9, -1), {Events: 10, Total: 10, Hint: resume.More}} {
		loaded(t, legOf(notes()), 0, p)
	}
}

func TestAnUnboundedFirstLoadThatOthersLeftNoRoomIsRepeated(t *testing.T) {
	l := legOf(notes())
	next := only(t, l.Answered(only(t, l.Up(at(0))), resume.Page{Total: 10}, resume.Caps{Page: 10}, at(0)))
	assert.Equal(t, notes(), next.Filter)
	assert.True(t, next.Once)
	assert.True(t, l.Answered(next, page(10, -9, -1), resume.Caps{Page: 10}, at(1)).Live)
}

// While a page comes, what is live can slip in between, dated before all of it.
func TestADateThatDoesNotFitTheOrderIsNotTheEndOfThePage(t *testing.T) {
	for name, c := range map[string]struct {
		dates []int64
		want  int64
	}{
		"newest first":                       {[]int64{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10}, -9},
		"an old one slipped in":              {[]int64{-1, -2, -3, -4, -5000, -6, -7, -8, -9, -10}, -9},
		"as the last":                        {[]int64{-1, -2, -3, -4, -5, -6, -7, -8, -9, -5000}, -9},
		"as the last but one":                {[]int64{-1, -2, -3, -4, -5, -6, -7, -8, -5000, -10}, -10},
		"a new one slipped in":               {[]int64{-1, -2, -3, 5, -5, -6, -7, -8, -9, -10}, -9},
		"a new one came last":                {[]int64{-1, -2, -3, -4, -5, -6, -7, -8, -9, 5}, -9},
		"oldest first":                       {[]int64{-10, -9, -8, -7, -6, -5, -4, -3, -2, -1}, -10},
		"no order":                           {[]int64{-4, -9, -1, -10, -3, -2, -8, -7, -6, -5}, -5},
		"oldest first, with an old one last": {[]int64{-10, -9, -8, -7, -6, -5, -4, -3, -1, -2}, -10},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sub{}
			for _, date := range c.dates {
				s.count(&nostr.Event{CreatedAt: epoch + nostr.Timestamp(date)}, true, false)
			}
			s.page.Total = s.page.Events
			l := legOf(history())
			next := only(t, l.Answered(only(t, l.Up(at(0))), s.page, told, at(0)))
			assert.Equal(t, c.want, until(t, next.Filter))
		})
	}
}

// What other asks of the REQ want as well may have come with their pages, which go
// further back: A's ten newest notes, and among B's and A's ten newest of all kinds an old one of A's.
func TestWhatOtherAsksWantIsNotTheEndOfAPage(t *testing.T) {
	count := func(s *sub, dates []int64, shared bool) {
		for _, date := range dates {
			s.count(&nostr.Event{CreatedAt: epoch + nostr.Timestamp(date)}, true, shared)
		}
		s.page.Total = s.page.Events
	}
	for name, c := range map[string]struct {
		own, shared []int64
		want        int64 // 0: asked again, as it was
	}{
		"the oldest is another's":        {[]int64{-1, -2, -3, -4, -5, -6, -7, -8}, []int64{-2, -500}, -7},
		"the oldest is its own":          {[]int64{-1, -2, -3, -4, -5, -6, -7, -800}, []int64{-2, -500}, -7},
		"all are another's too":          {nil, []int64{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10}, 0},
		"a single one, may have slipped": {[]int64{-400}, []int64{-1, -2, -3, -4, -5, -6, -7, -8, -9}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sub{}
			count(s, c.own, false)
			count(s, c.shared, true)
			l := legOf(history())
			next := only(t, l.Answered(only(t, l.Up(at(0))), s.page, told, at(0)))
			assert.True(t, next.Once)
			if c.want == 0 {
				assert.Equal(t, history(), next.Filter)
				return
			}
			assert.Equal(t, c.want, until(t, next.Filter))
		})
	}
}

func TestAPageThatIsAlwaysSharedIsAskedForNoEnd(t *testing.T) {
	l := legOf(history())
	s := l.Answered(only(t, l.Up(at(0))), resume.Page{Events: 10, Fresh: 10, Shared: 10, Total: 10, Oldest: epoch - 9, Newest: epoch}, told, at(0))
	n := 0
	for ; len(s.Asks) > 0; n++ {
		require.Less(t, n, 20)
		s = l.Answered(only(t, s), resume.Page{Events: 10, Shared: 10, Total: 10, Oldest: epoch - 9, Newest: epoch}, told, at(1))
	}
	require.Len(t, s.Gaps, 1)
	assert.True(t, s.Gaps[0].Possible)
	assert.True(t, s.Live)
}

// Shows P37, L15.
func TestASecondWithMoreThanAPageIsSplit(t *testing.T) {
	f := history().WithAuthors(authors[:3]...)
	l := legOf(f)
	s := l.Answered(only(t, l.Up(at(0))), page(10, -30, -1), told, at(0))
	s = l.Answered(only(t, s), page(10, -30, -30), told, at(1))
	require.Len(t, s.Asks, 3)
	second := f.WithSince(epoch - 30).WithUntil(epoch - 30)
	assert.Equal(t, second.WithAuthors(authors[0]), s.Asks[0].Filter)
	assert.Equal(t, second.WithAuthors(authors[1:3]...), s.Asks[1].Filter)
	assert.Equal(t, f.WithUntil(epoch-31), s.Asks[2].Filter, "and it goes on below")
	for _, a := range s.Asks {
		assert.True(t, a.Once)
	}
	halves := l.Answered(s.Asks[1], page(10, -30, -30), told, at(2))
	require.Len(t, halves.Asks, 2, "the second is over: nothing is below")
	assert.Equal(t, second.WithAuthors(authors[1]), halves.Asks[0].Filter)
	assert.Equal(t, second.WithAuthors(authors[2]), halves.Asks[1].Filter)
	assert.Equal(t, []resume.Gap{{Since: epoch - 30, Until: epoch - 30}}, l.Answered(s.Asks[0], page(10, -30, -30), told, at(3)).Gaps)
	for _, a := range append(halves.Asks, s.Asks[2]) {
		assert.False(t, l.CaughtUp())
		s = l.Answered(a, page(2, -30, -30), told, at(3))
		assert.Empty(t, s.Asks)
	}
	assert.True(t, s.Live)
}

func TestASecondIsSplitByTheLongestList(t *testing.T) {
	ids := []nostr.ID{{1}, {2}, {3}, {4}}
	for _, f := range []nostr.Filter{
		notes().WithIDs(ids...),
		notes().WithAuthors(authors[:2]...).WithTag("t", "a", "b", "c", "d"),
		{Kinds: []nostr.Kind{1, 2, 3, 4}, Tags: nostr.TagMap{"t": {"a"}}},
		{Authors: authors[:4], Kinds: []nostr.Kind{1, 2, 3}},
	} {
		f = f.WithSince(epoch).WithUntil(epoch)
		l := legOf(f)
		s := l.Answered(only(t, l.Up(at(0))), page(10, 0, 0), told, at(0))
		require.Len(t, s.Asks, 2, "%s", f)
		for _, half := range s.Asks {
			g := half.Filter
			assert.Equal(t, 2, max(len(g.IDs), len(g.Tags["t"]), len(g.Authors)%4, len(g.Kinds)%3), "%s", g)
		}
		assert.Equal(t, f, legOf(f).Up(at(0)).Asks[0].Filter, "the filter itself is as it was")
	}
}

// Where the cap is not told, perhaps that was all: a gap is one that may be.
func TestASecondThatCannotBeSplitIsAGap(t *testing.T) {
	for name, c := range map[string]struct {
		caps     resume.Caps
		hint     resume.Hint
		possible bool
	}{
		"told":           {caps: told},
		"the relay says": {caps: resume.Caps{Page: 50}, hint: resume.More},
		"untold":         {caps: resume.Caps{Page: 10}, possible: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(history())
			s := l.Answered(only(t, l.Up(at(0))), page(10, -30, -1), told, at(0))
			p := page(10, -30, -30)
			p.Hint = c.hint
			s = l.Answered(only(t, s), p, c.caps, at(1))
			assert.Equal(t, []resume.Gap{{Since: epoch - 30, Until: epoch - 30, Possible: c.possible}}, s.Gaps)
			require.Len(t, s.Asks, 1)
			assert.Equal(t, int64(-31), until(t, s.Asks[0].Filter))
			assert.True(t, l.Answered(s.Asks[0], resume.Page{}, c.caps, at(2)).Live)
		})
	}
}

func TestAnAskThatOthersLeaveNoRoomIsRepeatedAndNotForEver(t *testing.T) {
	untold := resume.Caps{Page: 10}
	for name, p := range map[string]resume.Page{
		"nothing":            {Total: 10},
		"what it had before": {Events: 1, Total: 10, Oldest: epoch - 30, Newest: epoch - 30, Last: epoch - 30},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(history())
			s := l.Answered(only(t, l.Up(at(0))), page(10, -30, -1), untold, at(0))
			for range resume.MaxTries {
				next := only(t, s)
				assert.Equal(t, int64(-30), until(t, next.Filter))
				s = l.Answered(next, p, untold, at(1))
			}
			s = l.Answered(only(t, s), p, untold, at(1))
			require.Len(t, s.Gaps, 1)
			assert.True(t, s.Gaps[0].Possible)
			for _, a := range s.Asks {
				s = l.Answered(a, resume.Page{}, untold, at(2))
			}
			assert.True(t, s.Live)
		})
	}
}

// Whatever a relay sends, it cannot keep a leg asking: it has to go back in time, and
// that ends.
func TestAHostileRelayCannotKeepItAsking(t *testing.T) {
	for name, lie := range map[string]func(since, until int64) resume.Page{
		"nothing, and more":        func(_, _ int64) resume.Page { return resume.Page{Hint: resume.More} },
		"only rubbish":             func(_, _ int64) resume.Page { return resume.Page{Refused: 500, Total: 500} },
		"the same again, and more": func(_, u int64) resume.Page { return with(page(1, u, u), resume.More, 0) },
		"one a second, and more":   func(_, u int64) resume.Page { return with(page(1, u-1, u), resume.More, 1) },
		"pages of the same second": func(_, u int64) resume.Page { return with(page(10, u, u), resume.None, 10) },
		"what is below the window": func(s, u int64) resume.Page { return with(page(10, s-1000, u), resume.None, 10) },
		"what is above the window": func(_, u int64) resume.Page { return with(page(10, u+1, u+1000), resume.None, 10) },
		"an end that is no end":    func(_, u int64) resume.Page { p := page(10, u-5, u); p.Last = epoch + nostr.Timestamp(u+9); return p },
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(notes().WithAuthors(authors...).WithSince(epoch - 100))
			asks := []*resume.Ask{only(t, l.Up(at(0)))}
			n := 0
			for ; len(asks) > 0; n++ {
				require.Less(t, n, 2000)
				a := asks[0]
				last := int64(0)
				if a.Filter.Until != nil {
					last = until(t, a.Filter)
				}
				asks = append(asks[1:], l.Answered(a, lie(since(t, a.Filter), last), told, at(0)).Asks...)
			}
			assert.True(t, l.CaughtUp())
		})
	}
}

func with(p resume.Page, hint resume.Hint, fresh int) resume.Page {
	p.Hint, p.Fresh = hint, fresh
	return p
}

// Shows P58.
func TestASearchIsOnePage(t *testing.T) {
	f := notes().WithSearch("gophers").WithSince(epoch - 10*day)
	l := legOf(f)
	loaded(t, l, 0, page(10, -900, -10))
	assert.Equal(t, epoch-900, l.Marks()[0].Floor)
	l.Down()
	a := only(t, l.Up(at(1000)))
	assert.Equal(t, f.WithSince(epoch-310), a.Filter)
	s := l.Answered(a, page(10, -100, 900), told, at(1000))
	assert.Empty(t, s.Asks)
	assert.True(t, s.Live)
	assert.Equal(t, []resume.Gap{{Since: epoch - 310, Until: math.MaxInt64, Possible: true}}, s.Gaps)
}

// A relay that has a default below its maximum: what is judged by is what it gives without
// a limit, and a limit is no reason to believe it had no more.
func TestAThousandEventsComeThroughPagesOfAnySize(t *testing.T) {
	for _, pageCap := range []int{2, 7, 50, 500, 999, 1000, 1001} {
		for _, limit := range []int{0, 600, 5000} {
			r := &relay{pageCap: pageCap, maxLimit: 2 * pageCap, told: true}
			for i := range 1000 {
				e := &nostr.Event{Kind: 1, CreatedAt: epoch - nostr.Timestamp(i)}
				copy(e.ID[:], fmt.Sprint(i))
				r.stored = append(r.stored, e)
			}
			f := history()
			f.Limit = limit
			c := newClient(t, r, []nostr.Filter{f}, resume.Config{Overlap: overlap})
			c.clock = func() nostr.Timestamp { return epoch }
			c.connect()
			c.settle(1, 3000)
			want := 1000
			if limit == 600 {
				want = 600
			}
			assert.Len(t, c.had, want, "cap %d, limit %d", pageCap, limit)
			assert.LessOrEqual(t, c.asked, want/max(1, pageCap-2)+2)
			assert.Equal(t, 1, c.lives)
			assert.Empty(t, c.gaps)
			c.cut()
			if limit != 5000 && pageCap > 2 { // what is stored is fetched from the bound on, once more
				asked := c.asked
				c.connect()
				c.settle(1, 3000)
				assert.Len(t, c.had, want)
				assert.LessOrEqual(t, c.asked-asked, 301/(pageCap-2)+2)
			}
		}
	}
}

func TestTheOrderOfAPageIsNotTrusted(t *testing.T) {
	r := &relay{pageCap: 20, maxLimit: 20, told: true, order: func(events []*nostr.Event) { slices.Reverse(events) }}
	for i := range 300 {
		e := &nostr.Event{Kind: 1, CreatedAt: epoch - nostr.Timestamp(i/3)}
		copy(e.ID[:], fmt.Sprint(i))
		r.stored = append(r.stored, e)
	}
	c := newClient(t, r, []nostr.Filter{history()}, resume.Config{Overlap: overlap})
	c.clock = func() nostr.Timestamp { return epoch }
	c.connect()
	c.settle(1, 60)
	assert.Len(t, c.had, 300)
	assert.Empty(t, c.gaps)
}
