package nip77_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

func itemsOf(s *nip77.Set) (items []item) {
	for at, id := range s.All() {
		items = append(items, item{at, id})
	}
	return items
}

func inOrder(items []item) []item {
	items = slices.Clone(items)
	slices.SortFunc(items, func(x, y item) int {
		if x.at != y.at {
			return cmp.Compare(x.at, y.at)
		}
		return x.id.Compare(y.id)
	})
	return slices.Compact(items)
}

// "Each participant starts by sorting their items according to timestamp, ascending. If two
// timestamps are equal then items are sorted lexically by ID, ascending by first differing byte."
// Shows P70.
func TestItemsAreSortedByDateThenByID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		date := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(1_600_000_000, 1_800_000_000), rapid.Int64Range(0, math.MaxInt64))
		items := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) item {
			return item{nostr.Timestamp(date.Draw(rt, "date")), idOf(rapid.IntRange(0, 9).Draw(rt, "id"))}
		}), 0, 200).Draw(rt, "items")
		set := setOf(t, items...)
		require.True(rt, slices.Equal(inOrder(items), itemsOf(set)), "%v", itemsOf(set))
		require.Equal(rt, set.Len(), len(itemsOf(set)))
	})
}

// Stores and relays give events newest first, those of a second by id.
func TestTheOrderInWhichItemsAreAddedMakesNoDifference(t *testing.T) {
	var oldest []item
	for n := range 5000 {
		oldest = append(oldest, item{nostr.Timestamp(1_700_000_000 + n/3), idOf(n)})
	}
	oldest = inOrder(oldest)
	newest := slices.Clone(oldest)
	slices.SortStableFunc(newest, func(x, y item) int { return int(y.at - x.at) })
	shuffled := slices.Clone(oldest)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	withFuture := append(slices.Clone(shuffled), item{math.MaxInt64, idOf(-1)})

	assert.Equal(t, oldest, itemsOf(setOf(t, oldest...)))
	assert.Equal(t, oldest, itemsOf(setOf(t, newest...)))
	assert.Equal(t, oldest, itemsOf(setOf(t, shuffled...)))
	assert.Equal(t, append(oldest, item{math.MaxInt64, idOf(-1)}), itemsOf(setOf(t, withFuture...)), "one date far from all others")
}

func TestWhatIsAddedTwiceIsThereOnce(t *testing.T) {
	a, b := item{5, idOf(1)}, item{5, idOf(2)}
	set := setOf(t, a, b, a, a, b)
	assert.Equal(t, 2, set.Len())
	assert.ElementsMatch(t, []item{a, b}, itemsOf(set))
	assert.Equal(t, client(t, setOf(t, a, b), 0).Initiate(), client(t, set, 0).Initiate())

	assert.Equal(t, 2, setOf(t, item{5, idOf(1)}, item{6, idOf(1)}).Len(), "one id with two dates are two items")
}

func TestDatesBefore1970AreRefused(t *testing.T) {
	var b nip77.Builder
	for _, at := range []nostr.Timestamp{-1, math.MinInt64} {
		assert.ErrorIs(t, b.Add(at, idOf(1)), nip77.ErrCreatedAt)
	}
	require.NoError(t, b.Add(0, idOf(1)))
	require.NoError(t, b.Add(math.MaxInt64, idOf(2)))
	assert.Equal(t, 2, b.Build().Len())
}

func TestABuilderIsEmptyAfterBuild(t *testing.T) {
	var b nip77.Builder
	require.NoError(t, b.Add(1, idOf(1)))
	first := b.Build()
	require.NoError(t, b.Add(2, idOf(2)))
	assert.Equal(t, []item{{1, idOf(1)}}, itemsOf(first))
	assert.Equal(t, []item{{2, idOf(2)}}, itemsOf(b.Build()))
	assert.Equal(t, 0, b.Build().Len())
}

func TestTheZeroSetIsEmpty(t *testing.T) {
	var zero nip77.Set
	assert.Equal(t, 0, zero.Len())
	told, _ := talk(t, client(t, &zero, 0), server(t, numbered(t, 0, 3), 0))
	assert.Len(t, told.need, 3)
	told, _ = talk(t, client(t, numbered(t, 0, 300), 0), server(t, &zero, 0))
	assert.Len(t, told.have, 300)
}

func TestAllCanBeLeft(t *testing.T) {
	n := 0
	for range numbered(t, 0, 10).All() {
		if n++; n == 3 {
			break
		}
	}
	assert.Equal(t, 3, n)
}
