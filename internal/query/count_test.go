package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func onlyCount(t *testing.T, asks []*query.CountAsk) *query.CountAsk {
	t.Helper()
	require.Len(t, asks, 1)
	return asks[0]
}

// One filter in a COUNT, since some relays count the first only (Q02); each has its own number.
func TestEachFilterIsCountedByItself(t *testing.T) {
	t1 := query.NewTally([]nostr.Filter{notes(), notes().WithAuthors(), profile()})
	asks := t1.Up(bytes)
	require.Len(t, asks, 2)
	assert.Equal(t, notes(), asks[0].Filter)
	assert.Equal(t, profile(), asks[1].Filter)
	registers := make([]byte, 256)
	assert.Empty(t, t1.Counted(asks[1], 7, false, registers))
	assert.False(t, t1.Done())
	assert.Empty(t, t1.Counted(asks[0], 12, true, nil))
	assert.Empty(t, t1.Counted(asks[0], 99, true, nil), "said before")
	assert.True(t, t1.Done())
	assert.Equal(t, []query.Count{{Counted: true, N: 12, Approximate: true}, {Counted: true}, {Counted: true, N: 7, HLL: registers}}, t1.Counts())
}

func TestAFilterThatIsTooLongIsCountedInParts(t *testing.T) {
	for name, c := range map[string]struct {
		filter      nostr.Filter
		bytes       int
		approximate bool
	}{
		"authors":    {nostr.Filter{Authors: authors, Kinds: []nostr.Kind{1}}, 200, false},
		"tag values": {notes().WithTag("t", "aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb"), 60, true}, // an event may have both
		"in one":     {nostr.Filter{Authors: authors}, bytes, false},
		"limited":    {nostr.Filter{Authors: authors, Limit: 3}, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			tally := query.NewTally([]nostr.Filter{c.filter})
			asks := tally.Up(c.bytes)
			for _, a := range asks {
				assert.False(t, tally.Counts()[0].Counted)
				tally.Counted(a, 10, false, make([]byte, 256))
			}
			got := tally.Counts()[0]
			assert.True(t, got.Counted && tally.Done())
			assert.Equal(t, int64(10*len(asks)), got.N)
			assert.Equal(t, c.approximate, got.Approximate)
			assert.Equal(t, len(asks) == 1, got.HLL != nil)
		})
	}
}

// Shows P55.
func TestACountIsRefusedByCLOSED(t *testing.T) {
	for name, c := range map[string]struct {
		reason limits.Reason
		wait   bool
		parts  int
	}{
		"unsupported":  {limits.Unsupported, false, 0},
		"auth in vain": {limits.AuthRequired, false, 0},
		"rate-limited": {limits.RateLimited, true, 0},
		"trouble":      {limits.Error, true, 0},
		"too long":     {limits.TooLong, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tally := query.NewTally([]nostr.Filter{{Authors: authors}})
			a := onlyCount(t, tally.Up(bytes))
			asks, wait := tally.Refused(a, c.reason, "no: words")
			assert.Equal(t, c.wait, wait)
			assert.Len(t, asks, c.parts)
			switch {
			case wait:
				a = onlyCount(t, tally.Lost(a))
				tally.Counted(a, 3, false, nil)
				assert.Equal(t, []query.Count{{Counted: true, N: 3}}, tally.Counts())
			case c.parts > 0:
				tally.Counted(asks[0], 3, false, nil)
				assert.False(t, tally.Done())
				tally.Counted(asks[1], 4, false, nil)
				assert.Equal(t, []query.Count{{Counted: true, N: 7}}, tally.Counts())
			default:
				assert.True(t, tally.Done())
				got := tally.Counts()[0]
				assert.False(t, got.Counted)
				assert.Equal(t, query.Refused, got.Lack.Why)
				assert.Equal(t, "no: words", got.Lack.Words)
			}
		})
	}
}

// What is refused for ever, one way or another, ends.
func TestATallyEnds(t *testing.T) {
	tally := query.NewTally([]nostr.Filter{{Authors: authors}, {Kinds: []nostr.Kind{1}}})
	asks := tally.Up(bytes)
	for n := 0; !tally.Done(); n++ {
		require.Less(t, n, 40)
		a := asks[0]
		asks = asks[1:]
		next, wait := tally.Refused(a, []limits.Reason{limits.TooLong, limits.Unknown}[a.Index], "hm")
		if wait {
			next = append(next, tally.Lost(a)...)
		}
		asks = append(asks, next...)
	}
	for _, c := range tally.Counts() {
		assert.False(t, c.Counted)
		assert.Equal(t, query.Refused, c.Lack.Why)
	}
}

// Relays that do not know COUNT say so in a NOTICE, which says nothing by itself (P31).
func TestACountIsRefusedByNOTICE(t *testing.T) {
	for name, c := range map[string]struct {
		words    string
		answered bool
		over     bool
	}{
		"an unknown command":       {"ERROR: bad msg: unknown cmd", false, true},
		"of COUNT":                 {"could not handle COUNT", false, true},
		"of something else":        {"welcome to this relay", false, false},
		"and is answered yet":      {"invalid: something else it was", true, false},
		"of a text without an end": {string(make([]byte, 1<<20)) + "count", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			many := make([]nostr.Filter, 20)
			for i := range many {
				many[i] = notes().WithSince(nostr.Timestamp(i))
			}
			tally := query.NewTally(many)
			asks := tally.Up(bytes)
			require.Len(t, asks, 8, "not all at once")
			tally.Noticed(noon, c.words, func(*query.CountAsk) bool { return true })
			if c.answered {
				for _, a := range asks {
					tally.Counted(a, 1, false, nil)
				}
			}
			assert.Empty(t, tally.Do(noon))
			at, ok := tally.Next()
			assert.Equal(t, c.over || c.answered, ok)
			if ok {
				assert.Equal(t, noon.Add(time.Second), at)
			}
			gone := tally.Do(noon.Add(time.Second))
			assert.Equal(t, c.over, tally.Done())
			if c.over {
				assert.Len(t, gone, 8)
				got := tally.Counts()
				assert.Equal(t, query.Lack{Why: query.Refused, Words: c.words, Since: 19, Until: got[19].Lack.Until, Times: 1}, got[19].Lack, "also what had not been asked")
				assert.Empty(t, tally.Counted(asks[0], 1, false, nil))
				assert.False(t, tally.Counts()[0].Counted)
			}
		})
	}
}

// A NOTICE is no answer to what has not been sent, and neither to what the relay has
// refused for now, before or after it.
func TestANoticeIsNotAboutACountThatWaits(t *testing.T) {
	all := func(*query.CountAsk) bool { return true }
	for name, c := range map[string]struct {
		sent  func(*query.CountAsk) bool
		later func(tally *query.Tally, a *query.CountAsk)
	}{
		"it has not been sent": {func(*query.CountAsk) bool { return false }, func(*query.Tally, *query.CountAsk) {}},
		"not before AUTH":      {all, func(tally *query.Tally, a *query.CountAsk) { tally.HeldBack(a, "auth-required: who?") }},
		"refused for now": {all, func(tally *query.Tally, a *query.CountAsk) {
			_, wait := tally.Refused(a, limits.RateLimited, "rate-limited: slow down")
			assert.True(t, wait)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tally := query.NewTally([]nostr.Filter{notes()})
			a := onlyCount(t, tally.Up(bytes))
			tally.Noticed(noon, "invalid: something else", c.sent)
			c.later(tally, a)
			_, some := tally.Next()
			assert.False(t, some)
			assert.Empty(t, tally.Do(noon.Add(time.Minute)))
			assert.False(t, tally.Done())
		})
	}
}

func TestATallyGoesOnAfterAReconnectAndEndsWithTheTime(t *testing.T) {
	tally := query.NewTally([]nostr.Filter{notes(), profile()})
	asks := tally.Up(bytes)
	tally.Counted(asks[0], 5, false, nil)
	tally.Down()
	again := onlyCount(t, tally.Up(bytes))
	assert.Equal(t, profile(), again.Filter)
	assert.Empty(t, tally.Counted(asks[1], 5, false, nil), "of the connection that is gone")
	assert.False(t, tally.Done())
	assert.Equal(t, []*query.CountAsk{again}, tally.Expire("words"))
	got := tally.Counts()
	assert.True(t, got[0].Counted)
	assert.Equal(t, query.Silent, got[1].Lack.Why)

	tally = query.NewTally([]nostr.Filter{notes()})
	tally.Expire("dial failed")
	assert.Equal(t, query.Unreached, tally.Counts()[0].Lack.Why)
	tally = query.NewTally([]nostr.Filter{notes()})
	tally.Up(bytes)
	tally.Down()
	tally.Expire("")
	assert.Equal(t, query.Cut, tally.Counts()[0].Lack.Why)
	tally = query.NewTally([]nostr.Filter{notes()})
	tally.Refused(onlyCount(t, tally.Up(bytes)), limits.RateLimited, "rate-limited: x")
	tally.Expire("")
	assert.Equal(t, "rate-limited: x", tally.Counts()[0].Lack.Words)
	tally = query.NewTally([]nostr.Filter{notes()})
	tally.Up(bytes)
	tally.Stop()
	assert.Equal(t, query.Ended, tally.Counts()[0].Lack.Why)
}

func TestOnlyWhatIsDisjointMayBeSummed(t *testing.T) {
	of := func(k ...nostr.Kind) nostr.Filter { return nostr.Filter{Kinds: k} }
	for _, c := range []struct {
		filters  []nostr.Filter
		disjoint bool
	}{
		{nil, true},
		{[]nostr.Filter{{}}, true},
		{[]nostr.Filter{of(1), of(2), of(3, 4)}, true},
		{[]nostr.Filter{of(1), of(2), of(3, 1)}, false},
		{[]nostr.Filter{of(1), {}}, false},
		{[]nostr.Filter{{Authors: authors[:2]}, {Authors: authors[2:]}}, true},
		{[]nostr.Filter{{IDs: []nostr.ID{{1}}}, {IDs: []nostr.ID{{2}}}}, true},
		{[]nostr.Filter{of(1).WithUntil(9), of(1).WithSince(10)}, true},
		{[]nostr.Filter{of(1).WithUntil(10), of(1).WithSince(10)}, false},
		{[]nostr.Filter{of(1).WithTag("t", "a"), of(1).WithTag("t", "b")}, false},
		{[]nostr.Filter{of(1), notes().WithKinds()}, true},
	} {
		assert.Equal(t, c.disjoint, query.Disjoint(c.filters), "%s", c.filters)
	}
}

// Shows P56.
func TestRegistersAreMergedByTheGreater(t *testing.T) {
	assert.Equal(t, []byte{3, 2, 3}, query.MergeHLL([]byte{3, 1, 0}, []byte{1, 2, 3}))
	assert.Equal(t, []byte{1}, query.MergeHLL(nil, []byte{1}))
	assert.Equal(t, []byte{1}, query.MergeHLL([]byte{1}, nil))
	assert.Nil(t, query.MergeHLL(nil, nil))
}
