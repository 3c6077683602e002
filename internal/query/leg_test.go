package query_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// told is a relay that gives ten events at once, and has said so.
var told = paging.Caps{Page: 10, Known: true}

const bytes = 1 << 16

// page is n events between two dates, seconds after epoch, all of them new.
func page(n int, oldest, newest nostr.Timestamp) paging.Page {
	return paging.Page{Events: n, Fresh: n, Total: n, Oldest: epoch + oldest, Newest: epoch + newest, End: epoch + oldest, Last: epoch + oldest, Edge: 1}
}

func legOf(filters ...nostr.Filter) *query.Leg { return query.NewLeg(filters, query.Config{}) }

func only(t *testing.T, asks []*query.Ask) *query.Ask {
	t.Helper()
	require.Len(t, asks, 1)
	return asks[0]
}

// whys are the reasons of an answer.
func whys(a query.Answer) (list []query.Why) {
	for _, l := range a.Lacks {
		list = append(list, l.Why)
	}
	return list
}

func notes() nostr.Filter { return nostr.Filter{Kinds: []nostr.Kind{1}} }

func profile() nostr.Filter {
	return nostr.Filter{Kinds: []nostr.Kind{0}, Authors: authors[:1]}
}

// history is of relays that have n notes, one a second.
func history(n int) *relay {
	r := &relay{pageCap: 10, maxLimit: 10, told: true}
	for i := range n {
		e := &nostr.Event{Kind: 1, CreatedAt: epoch - nostr.Timestamp(i)}
		binary.BigEndian.PutUint64(e.ID[:], uint64(i+1))
		r.stored = append(r.stored, e)
	}
	return r
}

func TestWhatCanMatchNothingIsAskedOfNobody(t *testing.T) {
	l := legOf(notes().WithAuthors(), notes().WithLimit(0), notes().WithSince(2).WithUntil(1))
	assert.True(t, l.Done(), "before any connection")
	assert.Empty(t, l.Up(bytes))
	assert.Equal(t, query.Answer{Complete: true}, l.Answer())
	assert.True(t, legOf().Done())
}

func TestAShortPageIsTheEnd(t *testing.T) {
	for name, f := range map[string]nostr.Filter{"bounded": profile(), "limited": notes().WithLimit(30), "unbounded": notes()} {
		t.Run(name, func(t *testing.T) {
			l := legOf(f)
			a := only(t, l.Up(bytes))
			assert.Equal(t, f, a.Filter)
			assert.False(t, l.Answer().Complete, "not answered yet")
			assert.Empty(t, l.Answered(a, page(3, -9, -1), told))
			assert.True(t, l.Done())
			assert.Equal(t, query.Answer{Complete: true}, l.Answer())
		})
	}
}

// Which filters are paged to the end without being told to.
// Shows D40.
func TestBoundedFilters(t *testing.T) {
	d := nostr.TagMap{"d": {"x"}}
	for _, c := range []struct {
		filter nostr.Filter
		paged  bool
	}{
		{nostr.Filter{IDs: []nostr.ID{{1}}}, true},
		{nostr.Filter{IDs: []nostr.ID{{1}}, Kinds: []nostr.Kind{1}}, true},
		{nostr.Filter{Authors: authors, Kinds: []nostr.Kind{0, 3, 10000, 19999}}, true},
		{nostr.Filter{Authors: authors, Kinds: []nostr.Kind{0, 30023}, Tags: d}, true},
		{nostr.Filter{Authors: authors, Kinds: []nostr.Kind{30023}}, false},
		{nostr.Filter{Kinds: []nostr.Kind{30023}, Tags: d}, false},
		{nostr.Filter{Kinds: []nostr.Kind{0}}, false},
		{nostr.Filter{Authors: authors}, false},
		{nostr.Filter{Authors: authors, Kinds: []nostr.Kind{0, 1}}, false},
		{nostr.Filter{Authors: authors, Kinds: []nostr.Kind{20000}}, false},
		{notes().WithSince(epoch - 100).WithUntil(epoch), false},
		{notes().WithLimit(30), true},
		{nostr.Filter{}, false},
	} {
		l := legOf(c.filter)
		next := l.Answered(only(t, l.Up(bytes)), page(10, -30, -1), told)
		below := 0
		for _, a := range next {
			if !a.Silent && *a.Filter.Until == epoch-30 && (a.Filter.Since == nil || *a.Filter.Since < epoch-30) {
				below++
			}
		}
		assert.Equal(t, c.paged, below == 1, "%s", c.filter)
	}
}

// Shows D40.
func TestAnUnboundedFilterIsOneWholePageAndWhetherThereIsMore(t *testing.T) {
	for name, c := range map[string]struct {
		below int
		lacks []query.Why
	}{"nothing below": {0, nil}, "more": {1, []query.Why{query.More}}} {
		t.Run(name, func(t *testing.T) {
			l := legOf(notes())
			next := l.Answered(only(t, l.Up(bytes)), page(10, -30, -1), told)
			require.Len(t, next, 2)
			rest, probe := next[0], next[1]
			assert.Equal(t, notes().WithSince(epoch-30).WithUntil(epoch-30), rest.Filter)
			assert.Equal(t, notes().WithUntil(epoch-31).WithLimit(1), probe.Filter)
			assert.True(t, probe.Silent && !rest.Silent)
			assert.Empty(t, l.Answered(rest, page(2, -30, -30), told))
			assert.Empty(t, l.Answered(probe, page(c.below, -40, -40), told))
			assert.Equal(t, c.lacks, whys(l.Answer()))
			assert.False(t, l.Answer().Failed(), "what was asked for has come")
		})
	}
}

func TestOnePageIsOneAsk(t *testing.T) {
	for _, f := range []nostr.Filter{notes(), profile(), notes().WithLimit(30), notes().WithSearch("x")} {
		l := query.NewLeg([]nostr.Filter{f}, query.Config{Mode: query.OnePage})
		assert.Empty(t, l.Answered(only(t, l.Up(bytes)), page(10, -30, -1), told))
		assert.Equal(t, []query.Why{query.More}, whys(l.Answer()))
	}
	l := query.NewLeg([]nostr.Filter{notes().WithLimit(10)}, query.Config{Mode: query.OnePage})
	l.Answered(only(t, l.Up(bytes)), page(10, -30, -1), told)
	assert.True(t, l.Answer().Complete, "as many as were wanted")

	slipped := page(10, -30, -1)
	slipped.Last, slipped.Turned = epoch-20, true
	l = query.NewLeg([]nostr.Filter{notes().WithLimit(10)}, query.Config{Mode: query.OnePage})
	l.Answered(only(t, l.Up(bytes)), slipped, told)
	assert.Equal(t, []query.Why{query.More}, whys(l.Answer()), "one of them has slipped in: the relay gives fewer at once")
}

// Shows P36.
func TestHintsDecide(t *testing.T) {
	l := legOf(profile())
	p := page(10, -30, -1)
	p.Hint = paging.Finish
	assert.Empty(t, l.Answered(only(t, l.Up(bytes)), p, told))
	assert.True(t, l.Answer().Complete)

	l = legOf(profile())
	p = page(2, -30, -1)
	p.Hint = paging.More
	assert.Equal(t, profile().WithUntil(epoch-30), only(t, l.Answered(only(t, l.Up(bytes)), p, told)).Filter)
}

// 500 is what a page is believed to hold at most of a relay that does not tell (Complete).
// Shows P25, P51.
func TestPagesOfARelayThatDoesNotTell(t *testing.T) {
	for _, c := range []struct {
		seen, came int
		more       bool
	}{{50, 24, false}, {50, 25, true}, {500, 249, false}, {500, 250, true}, {5000, 499, false}, {5000, 500, true}} {
		l := legOf(profile())
		next := l.Answered(only(t, l.Up(bytes)), page(c.came, -30, -1), paging.Caps{Page: c.seen})
		assert.Equal(t, c.more, len(next) > 0, "%+v", c)
	}
}

// Shows P58.
func TestASearchIsOnePageInTheRelaysOrder(t *testing.T) {
	f := notes().WithSearch("gophers")
	for name, c := range map[string]struct {
		filter   nostr.Filter
		page     paging.Page
		complete bool
	}{
		"short":         {f, page(3, -9, -1), true},
		"full":          {f, page(10, -9, -1), false},
		"limit reached": {f.WithLimit(10), page(10, -9, -1), true},
		"limit above":   {f.WithLimit(30), page(10, -9, -1), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := query.NewLeg([]nostr.Filter{c.filter}, query.Config{Mode: query.AllPages})
			assert.Empty(t, l.Answered(only(t, l.Up(bytes)), c.page, told))
			assert.Equal(t, c.complete, l.Answer().Complete)
			if !c.complete {
				assert.Equal(t, []query.Lack{{Why: query.More, Until: math.MaxInt64, Times: 1, Possible: true}}, l.Answer().Lacks)
			}
		})
	}
}

// Shows P25, P37.
func TestALimitAboveThePageIsPagedUntilSoManyHaveCome(t *testing.T) {
	for _, limit := range []int{1, 9, 10, 11, 25, 100, 200} {
		r := history(100)
		c := newClient(t, r, []nostr.Filter{notes().WithLimit(limit)}, query.Config{})
		c.settle(1, 100)
		assert.Len(t, c.got[0], min(limit, 100))
		assert.True(t, c.leg.Answer().Complete)
		assert.LessOrEqual(t, c.asked, min(limit, 100)/8+1)
	}
}

func TestLongListsAreAskedInParts(t *testing.T) {
	var many []nostr.PubKey
	for i := range 100 {
		many = append(many, nostr.PubKey{byte(i), 1})
	}
	f := nostr.Filter{Authors: append(many, many...), Kinds: []nostr.Kind{0}}
	l := legOf(f)
	asked := map[nostr.PubKey]int{}
	asks := l.Up(1000)
	for _, a := range asks {
		assert.LessOrEqual(t, len(a.Filter.AppendJSON(nil)), 1000)
		for _, author := range a.Filter.Authors {
			asked[author]++
		}
	}
	assert.Len(t, asked, 100)
	assert.Len(t, asks, 8, "each author once")
	for _, a := range asks[1:] {
		l.Answered(a, page(1, -1, -1), told)
	}
	assert.False(t, l.Done())
	l.Answered(asks[0], page(1, -1, -1), told)
	assert.True(t, l.Answer().Complete, "the answer is one")
}

func TestAReconnectGoesOnWhereItStands(t *testing.T) {
	l := legOf(profile(), notes().WithLimit(20))
	asks := l.Up(bytes)
	next := only(t, l.Answered(asks[1], page(10, -30, -1), told))
	l.Down()
	assert.Nil(t, l.Answered(asks[0], page(1, -1, -1), told), "of the connection that is gone")
	again := l.Up(bytes)
	require.Len(t, again, 2)
	assert.Equal(t, asks[0].Filter, again[0].Filter)
	assert.Equal(t, next.Filter, again[1].Filter, "the page that is to come, and not the first one")
	assert.NotSame(t, next, again[1])
	assert.Nil(t, l.Answered(next, page(1, -1, -1), told), "of the connection that is gone")
	l.Answered(again[0], page(1, -1, -1), told)
	l.Answered(again[1], page(2, -40, -30), told)
	assert.True(t, l.Answer().Complete)
}

func TestWhatTheTimeWasNotEnoughFor(t *testing.T) {
	for name, c := range map[string]struct {
		before func(l *query.Leg)
		why    query.Why
		words  string
		gone   int
	}{
		"no connection":    {func(*query.Leg) {}, query.Unreached, "dial failed", 0},
		"connection lost":  {func(l *query.Leg) { l.Up(bytes); l.Down() }, query.Cut, "dial failed", 0},
		"no answer":        {func(l *query.Leg) { l.Up(bytes) }, query.Silent, "dial failed", 1},
		"refused, for now": {func(l *query.Leg) { l.Refused(l.Up(bytes)[0], limits.RateLimited, "rate-limited: slow") }, query.Refused, "rate-limited: slow", 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(profile().WithSince(3))
			c.before(l)
			assert.Len(t, l.Expire("dial failed"), c.gone)
			assert.True(t, l.Done())
			assert.Equal(t, query.Answer{Lacks: []query.Lack{{Why: c.why, Words: c.words, Since: 3, Until: math.MaxInt64, Times: 1}}, Missing: []query.Span{{Since: 3, Until: math.MaxInt64}}}, l.Answer())
			assert.True(t, l.Answer().Failed())
			l.Expire("again")
			assert.Equal(t, 1, l.Answer().Lacks[0].Times)
		})
	}
}

func TestWhoWantsNoMoreHasNotFailed(t *testing.T) {
	l := legOf(profile())
	a := only(t, l.Up(bytes))
	l.Refused(a, limits.RateLimited, "rate-limited: slow")
	assert.Equal(t, []*query.Ask{a}, l.Stop())
	assert.Equal(t, []query.Why{query.Ended}, whys(l.Answer()))
	assert.False(t, l.Answer().Complete || l.Answer().Failed())
	assert.Nil(t, l.Answered(a, page(1, -1, -1), told), "too late")
}

func TestRefusals(t *testing.T) {
	many := nostr.Filter{Authors: authors, Kinds: []nostr.Kind{0, 3}}
	for name, c := range map[string]struct {
		filter nostr.Filter
		reason limits.Reason
		words  string
		asks   []nostr.Filter
		wait   bool
	}{
		"restricted":             {many, limits.Restricted, "restricted: no", nil, false},
		"blocked":                {many, limits.Blocked, "blocked: no", nil, false},
		"auth in vain":           {many, limits.AuthRequired, "auth-required: no", nil, false},
		"rate-limited":           {many, limits.RateLimited, "rate-limited: slow", nil, true},
		"trouble":                {many, limits.Error, "error: oops", nil, true},
		"no words":               {many, limits.Unknown, "", nil, true},
		"too long":               {many, limits.TooLong, "message too large", []nostr.Filter{many.WithAuthors(authors[:2]...), many.WithAuthors(authors[2:]...)}, false},
		"too many kinds":         {many, limits.TooLong, "too many kinds", []nostr.Filter{many.WithKinds(0), many.WithKinds(3)}, false},
		"nothing left to divide": {profile(), limits.TooLong, "too long", nil, false},
		"limit too high":         {notes().WithLimit(900), limits.LimitTooHigh, "limit too high", []nostr.Filter{notes().WithLimit(450)}, false},
		"limit wanted":           {notes(), limits.LimitTooHigh, "limit must be at most 500", []nostr.Filter{notes().WithLimit(500)}, false},
		"no limit is low enough": {notes().WithLimit(1), limits.LimitTooHigh, "limit too high", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(c.filter)
			a := only(t, l.Up(bytes))
			asks, wait := l.Refused(a, c.reason, c.words)
			assert.Equal(t, c.wait, wait)
			assert.Equal(t, !wait && len(c.asks) == 0, l.Done())
			var filters []nostr.Filter
			for _, a := range asks {
				filters = append(filters, a.Filter)
			}
			assert.Equal(t, c.asks, filters)
			if l.Done() {
				assert.Equal(t, []query.Lack{{Why: query.Refused, Words: c.words, Until: math.MaxInt64, Times: 1}}, l.Answer().Lacks)
			}
		})
	}
}

// A waiting query ends with what the relay says (P30), after a second chance.
func TestARefusalWithoutAReasonIsAnAnswerInTheEnd(t *testing.T) {
	for _, reason := range []limits.Reason{limits.Unknown, limits.Error} {
		l := legOf(profile())
		a := only(t, l.Up(bytes))
		n := 1
		for ; ; n++ {
			if _, wait := l.Refused(a, reason, "hm"); !wait {
				break
			}
			assert.False(t, l.Done())
			a = only(t, l.Lost(a))
		}
		assert.Equal(t, 3, n)
		assert.Equal(t, []query.Why{query.Refused}, whys(l.Answer()))
	}
}

func TestALimitThatWasRefusedIsNotAskedForAgain(t *testing.T) {
	r := history(100)
	r.highLimit, r.maxLimit = 7, 50 // after 40, 20 and 10 it is 5
	c := newClient(t, r, []nostr.Filter{notes().WithLimit(40)}, query.Config{})
	c.settle(1, 40)
	assert.Len(t, c.got[0], 40)
	assert.True(t, c.leg.Answer().Complete)
	assert.LessOrEqual(t, c.asked, 20)
}

func TestAnEventTooLongToBeReadIsMissing(t *testing.T) {
	l := legOf(profile())
	a := only(t, l.Up(bytes))
	l.Skipped(a)
	l.Answered(a, paging.Page{Refused: 1, Total: 1}, told)
	assert.True(t, l.Done())
	assert.Equal(t, []query.Why{query.Unread}, whys(l.Answer()))
	assert.False(t, query.NotFound(0, []query.Answer{l.Answer()}))
}

// What cannot be read takes the place of what was wanted, not for good.
func TestALimitIsFilledBesideWhatCannotBeRead(t *testing.T) {
	r := history(20)
	r.long = map[nostr.ID]bool{}
	for _, e := range r.stored[:3] {
		r.long[e.ID] = true
	}
	c := newClient(t, r, []nostr.Filter{notes().WithLimit(2)}, query.Config{})
	c.settle(1, 4)
	assert.Len(t, c.got[0], 2)
	assert.Equal(t, []query.Why{query.Unread}, whys(c.leg.Answer()))
}

func TestALegAsksABoundedNumberOfTimes(t *testing.T) {
	r := history(5000)
	c := newClient(t, r, []nostr.Filter{notes()}, query.Config{Mode: query.AllPages, Asks: 20})
	c.settle(1, 20)
	answer := c.leg.Answer()
	assert.Equal(t, 20, c.asked)
	assert.Len(t, c.got[0], 20*8+2, "two of each page come again")
	assert.Equal(t, []query.Lack{{Why: query.TooMany, Until: epoch - 160, Times: 1}}, answer.Lacks)

	// What is asked again counts as well: neither a relay that refuses for ever nor a
	// connection that does not last keeps it going.
	l := query.NewLeg([]nostr.Filter{notes()}, query.Config{Asks: 20})
	a := only(t, l.Up(bytes))
	for n := 1; !l.Done(); n++ {
		require.LessOrEqual(t, n, 20)
		if n%2 == 0 {
			l.Refused(a, limits.RateLimited, "rate-limited: slow")
			if again := l.Lost(a); len(again) > 0 {
				a = again[0]
			}
		} else {
			l.Down()
			if again := l.Up(bytes); len(again) > 0 {
				a = again[0]
			}
		}
	}
	assert.Equal(t, []query.Why{query.TooMany}, whys(l.Answer()))
}

// A relay that sends without end is closed, and asked for the rest from there.
func TestAPageThatIsTooLargeIsCutByUs(t *testing.T) {
	r := history(1000)
	r.pageCap = 1000
	c := newClient(t, r, []nostr.Filter{notes()}, query.Config{Mode: query.AllPages, Events: 60})
	c.settle(1, 30)
	assert.Len(t, c.got[0], 1000)
	assert.True(t, c.leg.Answer().Complete)
	assert.LessOrEqual(t, c.events, 1000+2*c.asked)
	assert.LessOrEqual(t, c.most, 60)

	r = history(1000)
	r.pageCap, r.ignoresLimit = 1000, true
	c = newClient(t, r, []nostr.Filter{notes().WithLimit(30)}, query.Config{Events: 60})
	c.settle(1, 1)
	assert.Len(t, c.got[0], 60)
	assert.True(t, c.leg.Answer().Complete)
}

func TestWhoAskedEverybodyMaySayThatThereIsNothing(t *testing.T) {
	complete, not := query.Answer{Complete: true}, query.Answer{Lacks: []query.Lack{{Why: query.Silent}}}
	assert.True(t, query.NotFound(0, []query.Answer{complete, complete}))
	assert.False(t, query.NotFound(0, []query.Answer{complete, not}))
	assert.False(t, query.NotFound(0, nil), "nobody was asked")
	assert.False(t, query.NotFound(1, []query.Answer{complete}))
}

// Dates of which something is missing are told one from another, as long as they are few.
func TestWhatIsMissingIsToldByItsDates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := query.NewLeg([]nostr.Filter{notes()}, query.Config{Mode: query.AllPages, Asks: 1000})
		missing := make(map[nostr.Timestamp]bool)
		for range rapid.IntRange(0, 200).Draw(t, "spans") {
			since := nostr.Timestamp(rapid.IntRange(0, 800).Draw(t, "since"))
			until := since + nostr.Timestamp(rapid.IntRange(0, 3).Draw(t, "more"))
			other := query.NewLeg([]nostr.Filter{notes().WithSince(since).WithUntil(until)}, query.Config{Mode: query.AllPages})
			l.Skipped(other.Up(bytes)[0])
			for at := since; at <= until; at++ {
				missing[at] = true
			}
		}
		told := l.Answer().Missing
		require.LessOrEqual(t, len(told), 100)
		n := 0
		for i, s := range told {
			require.LessOrEqual(t, s.Since, s.Until)
			require.True(t, i == 0 || s.Until < told[i-1].Since-1, "the newest first, and apart")
			for at := s.Since; at <= s.Until; at++ {
				require.True(t, missing[at] || i == 99)
				if missing[at] {
					n++
				}
			}
		}
		require.Len(t, missing, n)
	})
}

func TestLacksAreFewAndTheGravestIsFirst(t *testing.T) {
	l := query.NewLeg([]nostr.Filter{notes().WithSince(5), profile(), notes().WithUntil(9)}, query.Config{Mode: query.OnePage})
	asks := l.Up(bytes)
	l.Answered(asks[0], page(10, -30, -1), told)
	l.Refused(asks[1], limits.Blocked, "blocked: one")
	l.Refused(asks[2], limits.Blocked, "blocked: two")
	assert.Equal(t, []query.Lack{
		{Why: query.Refused, Words: "blocked: two", Until: math.MaxInt64, Times: 2},
		{Why: query.More, Since: 5, Until: math.MaxInt64, Times: 1, Possible: true},
	}, l.Answer().Lacks)
	assert.Equal(t, "[refused: blocked: two more than a page, perhaps]", fmt.Sprint(l.Answer().Lacks))
}

// Relays that take until for the first second that is not wanted (Q07) lose nothing but on the
// first page.
// Shows Q07.
func TestAnUntilThatIsOffByOneIsNoticedOnce(t *testing.T) {
	r := history(0)
	for i := range 200 { // three a second
		e := &nostr.Event{Kind: 1, CreatedAt: epoch - nostr.Timestamp(i/3)}
		binary.BigEndian.PutUint64(e.ID[:], uint64(i+1))
		r.stored = append(r.stored, e)
	}
	r.untilExcluded = true
	c := newClient(t, r, []nostr.Filter{notes()}, query.Config{Mode: query.AllPages})
	c.settle(1, 40)
	assert.Len(t, c.got[0], 200)
	assert.True(t, c.leg.Answer().Complete)
}

// A relay that answers nothing for a single second (Q03) does not make a dense one complete.
// Shows Q03.
func TestASecondThatTheRelayDoesNotAnswerForIsMissing(t *testing.T) {
	r := &relay{pageCap: 10, maxLimit: 10, told: true}
	r.sinceExcluded = true
	for i := range 15 {
		r.stored = append(r.stored, &nostr.Event{ID: nostr.ID{byte(i + 1)}, Kind: 1, PubKey: authors[i%2], CreatedAt: epoch})
	}
	c := newClient(t, r, []nostr.Filter{notes().WithAuthors(authors...)}, query.Config{Mode: query.AllPages})
	c.settle(1, 10)
	assert.Len(t, c.got[0], 10)
	assert.Equal(t, []query.Lack{{Why: query.Withheld, Since: epoch, Until: epoch, Times: 1}}, c.leg.Answer().Lacks)
}

func TestPartsOfASecondThatAreRefusedAndDividedAreAllAwaited(t *testing.T) {
	l := query.NewLeg([]nostr.Filter{notes().WithAuthors(authors...)}, query.Config{Mode: query.AllPages})
	below := only(t, l.Answered(only(t, l.Up(bytes)), page(10, 0, 0), told))
	asks := l.Answered(below, page(10, 0, 0), told)
	require.Len(t, asks, 3)
	parts, wait := l.Refused(asks[0], limits.TooLong, "too long")
	require.False(t, wait)
	require.Len(t, parts, 2)
	for _, a := range append(parts, asks[2], asks[1]) {
		assert.Empty(t, l.Answer().Lacks)
		l.Answered(a, paging.Page{}, told)
	}
	assert.Equal(t, []query.Why{query.Withheld}, whys(l.Answer()), "the relay had ten of that second, and has none now")
}

func TestRoomForAnAsk(t *testing.T) {
	for limit, room := range map[int]int{0: 5000, 1: 1002, 100: 1200, 4000: 5000, 9000: 5000} {
		f := notes()
		f.Limit = limit
		l := query.NewLeg([]nostr.Filter{f}, query.Config{Events: 5000})
		assert.Equal(t, room, l.Room(only(t, l.Up(bytes))), limit)
	}
	l := legOf(notes())
	assert.Equal(t, query.DefaultEvents, l.Room(only(t, l.Up(bytes))))
}

// A single page of a relay whose bounds are off by one: what it leaves out is told.
func TestASinglePageIsNotCompleteWhereBoundsAreOffByOne(t *testing.T) {
	for name, c := range map[string]struct {
		quirks quirks
		dates  []nostr.Timestamp // the relay gives four at once
		lacks  []query.Why
	}{
		"until, and there is nothing below":           {quirks{untilExcluded: true}, []nostr.Timestamp{0, 0, 0, -28}, nil},
		"until, and all below is in the second below": {quirks{untilExcluded: true}, []nostr.Timestamp{0, 0, 0, -28, -29}, []query.Why{query.More}},
		"since, and the last second holds more":       {quirks{sinceExcluded: true}, []nostr.Timestamp{0, 0, -1, -14, -14}, []query.Why{query.Withheld}},
		"both, and the last second holds more":        {quirks{sinceExcluded: true, untilExcluded: true}, []nostr.Timestamp{0, 0, 0, -14, -14}, []query.Why{query.Withheld}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &relay{pageCap: 4, maxLimit: 4, told: true, quirks: c.quirks}
			for i, date := range c.dates {
				r.stored = append(r.stored, &nostr.Event{ID: nostr.ID{byte(i + 1)}, Kind: 1, CreatedAt: epoch + date})
			}
			cl := newClient(t, r, []nostr.Filter{notes()}, query.Config{})
			cl.settle(1, 10)
			assert.Len(t, cl.got[0], 4)
			assert.Equal(t, c.lacks, whys(cl.leg.Answer()))
		})
	}
}
