package query_test

import (
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// drawn are events of few authors, kinds, "d" tags and dates, one of which is far ahead.
func drawn(t *rapid.T) (events []*nostr.Event) {
	for i := range rapid.IntRange(0, 30).Draw(t, "events") {
		n := rapid.IntRange(0, 255).Draw(t, "event")
		e := &nostr.Event{ID: nostr.ID{byte(n * 37), byte(i)}, PubKey: authors[n&1], Kind: kinds[n>>1&3], Tags: nostr.Tags{{"d", topics[n>>3&1]}},
			CreatedAt: epoch - nostr.Timestamp(n>>4&7)}
		if n>>4&15 == 15 {
			e.CreatedAt = epoch + 1e6
		}
		events = append(events, e)
	}
	return events
}

// coming are the events as they come: from some of three relays, in any order, some several times.
type coming struct {
	*nostr.Event
	relay int
}

func arrivals(t *rapid.T, events []*nostr.Event) (list []coming) {
	for _, e := range events {
		list = append(list, coming{e, rapid.IntRange(0, 2).Draw(t, "relay")})
		for range rapid.IntRange(0, 2).Draw(t, "again") {
			list = append(list, coming{e, rapid.IntRange(0, 2).Draw(t, "relay")})
		}
	}
	return rapid.Permutation(list).Draw(t, "order")
}

func take(t require.TestingT, m *query.Merge, list []coming) (yielded []*nostr.Event) {
	for i, c := range list {
		fresh, yield, err := m.Take(c.relay, i, c.Event)
		require.NoError(t, err)
		first := !slices.Contains(list[:i], c)
		require.Equal(t, first, fresh)
		if yield {
			yielded = append(yielded, c.Event)
		}
	}
	return yielded
}

// Who compares what relays have wants all of it: older versions too, in whatever order.
func TestAllVersionsComeOutWhereTheyCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawn(t)
		m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Stream: true, Versions: true, Now: epoch})
		require.ElementsMatch(t, events, take(t, m, arrivals(t, events)))
	})
}

// Whatever the order in which they come: of each thing the newest version (P08), newest first, of
// equal dates the lowest id first.
// Shows D41.
func TestWhatWasFetchedIsResolvedAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawn(t)
		list := arrivals(t, events)
		m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Now: epoch})
		require.Empty(t, take(t, m, list))
		want := nostr.Latest(slices.Values(events), epoch)
		slices.SortFunc(want, nostr.NewestFirst)
		got := m.Result()
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Same(t, want[i], got[i])
		}
		require.Equal(t, len(events), m.Len())
		for relay := range 3 {
			n := map[nostr.ID]bool{}
			for _, c := range list {
				if c.relay == relay {
					n[c.ID] = true
				}
			}
			require.Equal(t, len(n), m.Events(relay))
		}
	})
}

// A stream yields each event once, and none that is older than one it has yielded of the
// same thing; what it yields last of each is what a fetch brings.
// Shows D41.
func TestAStreamLeavesOutWhatIsOlderThanWhatItHasYielded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawn(t)
		m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Stream: true, Now: epoch})
		got := take(t, m, arrivals(t, events))
		for i, e := range got {
			for _, before := range got[:i] {
				require.NotSame(t, e, before)
				require.False(t, before.SupersedesAt(e, epoch))
			}
		}
		for _, e := range nostr.Latest(slices.Values(events), epoch) {
			require.Contains(t, got, e)
		}
		for _, e := range events {
			if !e.Kind.IsReplaceable() && !e.Kind.IsAddressable() {
				require.Contains(t, got, e)
			}
		}
		require.Empty(t, m.Result())
	})
}

// An event stays if some filter has it among its first so many.
// Shows D41.
func TestAMergedAnswerIsCutToItsLimits(t *testing.T) {
	at := func(id byte, kind nostr.Kind, ago nostr.Timestamp) *nostr.Event {
		return &nostr.Event{ID: nostr.ID{id}, Kind: kind, CreatedAt: epoch - ago}
	}
	events := []*nostr.Event{at(9, 1, 0), at(1, 1, 1), at(2, 1, 1), at(3, 1, 2), at(4, 7, 3), at(5, 7, 4), at(6, 1, 5)}
	for name, c := range map[string]struct {
		filters []nostr.Filter
		ids     []byte
	}{
		"one":                     {[]nostr.Filter{notes().WithLimit(2)}, []byte{9, 1}},
		"no limit":                {[]nostr.Filter{{}}, []byte{9, 1, 2, 3, 4, 5, 6}},
		"two that share none":     {[]nostr.Filter{notes().WithLimit(1), {Kinds: []nostr.Kind{7}, Limit: 1}}, []byte{9, 4}},
		"two that share some":     {[]nostr.Filter{notes().WithLimit(2), {Limit: 4}}, []byte{9, 1, 2, 3}},
		"with and without":        {[]nostr.Filter{notes().WithLimit(1), {Kinds: []nostr.Kind{7}}}, []byte{9, 4, 5}},
		"limit 0 wants none":      {[]nostr.Filter{{LimitZero: true}, notes().WithLimit(1)}, []byte{9}},
		"more than there is":      {[]nostr.Filter{notes().WithLimit(50)}, []byte{9, 1, 2, 3, 6}},
		"until is a condition":    {[]nostr.Filter{notes().WithUntil(epoch - 2).WithLimit(2)}, []byte{3, 6}},
		"a search among the rest": {[]nostr.Filter{notes().WithSearch("x").WithLimit(1), {Kinds: []nostr.Kind{7}, Limit: 1}}, []byte{9, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			m := query.NewMerge(c.filters, query.MergeConfig{Now: epoch})
			for i, e := range events {
				if (nostr.Filters)(c.filters).Matches(e) {
					_, _, err := m.Take(0, len(events)-i, e)
					require.NoError(t, err)
				}
			}
			var ids []byte
			for _, e := range m.Result() {
				ids = append(ids, e.ID[0])
			}
			assert.Equal(t, c.ids, ids)
		})
	}
}

func TestASearchKeepsTheOrderOfTheRelays(t *testing.T) {
	m := query.NewMerge([]nostr.Filter{notes().WithSearch("x").WithLimit(4)}, query.MergeConfig{Now: epoch})
	relays := [][]byte{{1, 2, 3}, {4, 3, 5}}
	for relay, ids := range relays {
		for rank, id := range ids {
			_, _, err := m.Take(relay, rank, &nostr.Event{ID: nostr.ID{id}, Kind: 1, CreatedAt: epoch + nostr.Timestamp(id)})
			require.NoError(t, err)
		}
	}
	var ids []byte
	for _, e := range m.Result() {
		ids = append(ids, e.ID[0])
	}
	assert.Equal(t, []byte{4, 1, 3, 2}, ids, "first the first ones, the newest first; the third relevant one is second somewhere; cut to the limit")
}

func TestAMergeHoldsNoMoreThanItMay(t *testing.T) {
	event := func(i int, size int) *nostr.Event {
		return &nostr.Event{ID: nostr.ID{byte(i), byte(i >> 8), 1}, Kind: 1, Content: string(make([]byte, size))}
	}
	m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Events: 3})
	for i := range 3 {
		_, _, err := m.Take(0, i, event(i, 0))
		require.NoError(t, err)
	}
	_, _, err := m.Take(1, 0, event(1, 0))
	require.NoError(t, err, "it is there")
	_, _, err = m.Take(0, 3, event(3, 0))
	require.ErrorIs(t, err, query.ErrTooMuch)
	_, _, err = m.Take(0, 4, event(1, 0))
	require.ErrorIs(t, err, query.ErrTooMuch, "from then on")
	assert.Len(t, m.Result(), 3)
	assert.Equal(t, 1, m.Events(1))

	m = query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Bytes: 100_000})
	n := 0
	for ; ; n++ {
		if _, _, err = m.Take(0, n, event(n, 10_000)); err != nil {
			break
		}
	}
	assert.Equal(t, 9, n)

	m = query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Stream: true, Bytes: 100_000})
	for n = 0; ; n++ {
		if _, _, err = m.Take(0, n, event(n, 10_000)); err != nil {
			break
		}
	}
	assert.Greater(t, n, 500, "of what a stream has yielded it keeps the id")
}

func TestAStreamKeepsNoEvent(t *testing.T) {
	m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Stream: true})
	yielded := func(k nostr.Kind) weak.Pointer[nostr.Event] {
		e := &nostr.Event{ID: nostr.ID{byte(k), 1}, Kind: k, Content: "x"}
		_, yield, err := m.Take(0, 0, e)
		require.NoError(t, err)
		require.True(t, yield)
		return weak.Make(e)
	}
	note, profile := yielded(1), yielded(0)
	runtime.GC()
	assert.Nil(t, note.Value())
	assert.Nil(t, profile.Value())
	assert.Equal(t, 2, m.Len())
}

// An author who replaces the same thing again and again costs one version of it, and ids.
func TestVersionsThatAreReplacedAreNotHeld(t *testing.T) {
	m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{Now: epoch, Bytes: 400_000})
	for i := range 1000 {
		e := &nostr.Event{ID: nostr.ID{byte(i), byte(i >> 8), 1}, Kind: 30023, CreatedAt: epoch - 1000 + nostr.Timestamp(i), Content: string(make([]byte, 10_000)), Tags: nostr.Tags{{"d", "x"}}}
		_, _, err := m.Take(0, i, e)
		require.NoError(t, err)
	}
	assert.Len(t, m.Result(), 1)
}

func TestAQueryForIDsIsOverWhenAllAreThere(t *testing.T) {
	one, two := nostr.ID{1}, nostr.ID{2}
	m := query.NewMerge([]nostr.Filter{{IDs: []nostr.ID{one, two}}, {IDs: []nostr.ID{two}}, notes().WithAuthors()}, query.MergeConfig{})
	for _, id := range []nostr.ID{one, one, two} {
		assert.False(t, m.Satisfied())
		_, _, err := m.Take(0, 0, &nostr.Event{ID: id})
		require.NoError(t, err)
	}
	assert.True(t, m.Satisfied())
	for _, filters := range [][]nostr.Filter{{{}}, {{IDs: []nostr.ID{one}}, {}}, {{}, {IDs: []nostr.ID{one}}}} {
		m = query.NewMerge(filters, query.MergeConfig{})
		_, _, err := m.Take(0, 0, &nostr.Event{ID: one})
		require.NoError(t, err)
		assert.False(t, m.Satisfied())
	}
}

func TestAnyNumberOfRelays(t *testing.T) {
	m := query.NewMerge([]nostr.Filter{{}}, query.MergeConfig{})
	e := &nostr.Event{ID: nostr.ID{1}}
	for range 2 {
		for relay := range 300 {
			_, _, err := m.Take(relay, 0, e)
			require.NoError(t, err)
			assert.Equal(t, 1, m.Events(relay))
		}
	}
	assert.Equal(t, 0, m.Events(300))
}
