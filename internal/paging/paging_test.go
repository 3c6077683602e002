package paging_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"

	"github.com/gennostr/gennostr/test/seed"
)

const now = nostr.Timestamp(1_750_000_000)

// came is an event as a counter learns of it.
type came struct {
	number uint64
	date   nostr.Timestamp
	shared bool
}

func count(list []came) paging.Page { return countBy(paging.Ask{Rest: 5, Exact: true}.Counter(), list) }

func countBy(c paging.Counter, list []came) paging.Page {
	for _, e := range list {
		c.Event(e.number, e.date, now, true, e.shared)
	}
	return c.Page(len(list)+2, 1, paging.More)
}

// Events are proven in another order than that in which they have come.
func pageIsTheSame(t *rapid.T) {
	list := make([]came, rapid.IntRange(1, 12).Draw(t, "events"))
	for i := range list {
		n := rapid.IntRange(0, 99).Draw(t, "event")
		list[i] = came{uint64(i + 1), now - nostr.Timestamp(n%20), n/20 == 0}
	}
	want, got := count(list), count(rapid.Permutation(list).Draw(t, "order"))
	for _, until := range []nostr.Timestamp{now, now - 10} {
		wantEnd, wantKnown := want.EndBefore(until)
		gotEnd, gotKnown := got.EndBefore(until)
		require.Equal(t, []any{wantEnd, wantKnown}, []any{gotEnd, gotKnown})
	}
	require.Equal(t, []any{want.Events, want.Oldest, want.Newest, want.Edge, want.Shared, want.End, want.Last},
		[]any{got.Events, got.Oldest, got.Newest, got.Edge, got.Shared, got.End, got.Last})

	var dates, own []nostr.Timestamp
	for _, e := range list {
		if dates = append(dates, e.date); !e.shared {
			own = append(own, e.date)
		}
	}
	require.Equal(t, []any{len(list), slices.Min(dates), slices.Max(dates), len(list) - len(own)}, []any{got.Events, got.Oldest, got.Newest, got.Shared})
	if len(own) > 0 {
		require.Equal(t, slices.Min(own), got.End)
		require.Equal(t, slices.Max(own[max(0, len(own)-2):]), got.Last)
	}
	require.Equal(t, []any{len(list) + 2, 1, paging.More}, []any{got.Total, got.Refused, got.Hint})
}

func TestAPageIsTheSameInWhateverOrderItIsCounted(t *testing.T) { rapid.Check(t, pageIsTheSame) }

func FuzzAPageIsTheSameInWhateverOrderItIsCounted(f *testing.F) { seed.Fuzz(f, pageIsTheSame) }

// A page is as long as a relay makes it.
func TestOnlyALimitThatIsExactTakesMemoryForItsPage(t *testing.T) {
	for name, c := range map[string]struct {
		ask  paging.Ask
		flat bool
	}{
		"a subscription's":                  {paging.Ask{}, true},
		"a subscription's, with a limit":    {paging.Ask{Rest: 5}, true},
		"a query's":                         {paging.Ask{Exact: true}, true},
		"a query's, with a limit":           {paging.Ask{Rest: 5, Exact: true}, false},
		"a query's, for a part of a second": {paging.Ask{Rest: 5, Exact: true}.Within(now), true},
	} {
		t.Run(name, func(t *testing.T) {
			look := func() float64 {
				counter := c.ask.Counter()
				defer func() { assert.Equal(t, 200_000, counter.Events()) }()
				return testing.AllocsPerRun(1, func() {
					for n := range uint64(100_000) {
						counter.Event(n+1, now-nostr.Timestamp(n), now, true, false)
					}
				})
			}
			allocs := min(look(), look(), look()) // the runtime may allocate meanwhile, too
			assert.Equal(t, c.flat, allocs == 0, "%v allocations", allocs)
		})
	}
}

func TestADateFromTheFutureIsNotTheNewest(t *testing.T) {
	p := count([]came{{1, now + 1e9, false}, {2, now - 3, false}})
	assert.Equal(t, now-3, p.Newest)
	assert.Equal(t, 2, p.Events)
}

// The newest so many: of a page that is cut by a limit all count; of one that is cut by the relay
// those that are dated after the second with which the next page begins.
func TestALimitCountsWhatHasComeForGood(t *testing.T) {
	dated := func(ago ...nostr.Timestamp) (list []came) {
		for i, d := range ago {
			list = append(list, came{uint64(i + 1), now - d, false})
		}
		return list
	}
	// Beside what had to be refused as many as the limit are one too many.
	a, p := paging.Ask{Filter: nostr.Filter{Limit: 5}, Rest: 5, Exact: true}, count(dated(1, 2, 3, 4, 900))
	p.Refused = 1
	a.Count(p)
	assert.Equal(t, 2, a.Rest, "the last may have slipped in")
	for name, c := range map[string]struct {
		list []came
		rest int
	}{
		"as many as the limit":         {dated(1, 2, 3, 4, 5), 0},
		"cut by the relay":             {dated(1, 2, 3), 4},
		"cut within a second":          {dated(1, 2, 2), 4},
		"all of one second":            {dated(1, 1, 1), 5},
		"one more, slipped in":         {dated(1, 2, 3, 4, 5, 900), 0},
		"slipped in before the last":   {dated(1, 2, 900, 3), 3},
		"that makes as many as wanted": {dated(1, 2, 3, 900, 4), 2},
		"two of them another's":        {append(dated(1, 2, 3), came{4, now - 50, true}, came{5, now - 60, true}), 4},
		"all of them may be of others": {[]came{{1, now - 1, true}, {2, now - 2, true}, {3, now - 3, true}, {4, now - 4, true}, {5, now - 5, true}}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			a := paging.Ask{Filter: nostr.Filter{Limit: 5}, Rest: 5, Exact: true}
			p := count(c.list)
			p.Refused = 0
			a.Count(p)
			assert.Equal(t, c.rest, a.Rest)
		})
	}
}

func TestAFilterIsHalvedAlongItsLongestList(t *testing.T) {
	ids := []nostr.ID{{1}, {2}, {3}}
	f := nostr.Filter{IDs: ids, Kinds: []nostr.Kind{1, 2}, Tags: nostr.TagMap{"t": {"a", "b"}}}
	halves, ok := paging.Halve(f)
	require.True(t, ok)
	assert.Equal(t, []nostr.Filter{f.WithIDs(ids[0]), f.WithIDs(ids[1:]...)}, halves[:])
	halves, ok = paging.HalveAlong(f, func(x paging.Axis) bool { return x.Name() == "#t" })
	require.True(t, ok)
	assert.Equal(t, []nostr.Filter{f.WithTag("t", "a"), f.WithTag("t", "b")}, halves[:])
	_, ok = paging.HalveAlong(f, func(x paging.Axis) bool { return x.Name() == "authors" })
	assert.False(t, ok)
	_, ok = paging.Halve(nostr.Filter{Kinds: []nostr.Kind{1}})
	assert.False(t, ok)
}

func TestAnOwnFilterSharesNothingAndNamesNothingTwice(t *testing.T) {
	f := nostr.Filter{Kinds: []nostr.Kind{1, 2, 1}, Authors: []nostr.PubKey{}, Tags: nostr.TagMap{"t": {"a", "a"}}}
	own := paging.Own(f)
	assert.Equal(t, nostr.Filter{Kinds: []nostr.Kind{1, 2}, Authors: []nostr.PubKey{}, Tags: nostr.TagMap{"t": {"a"}}}, own)
	f.Kinds[0], f.Tags["t"][0] = 9, "z"
	assert.Equal(t, nostr.Kind(1), own.Kinds[0])
	assert.Equal(t, "a", own.Tags["t"][0])
}
