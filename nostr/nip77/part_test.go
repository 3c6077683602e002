package nip77_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// A part is the set that would have been built of its items alone: it is reconciled alike.
func TestAPartIsWhatAFilterAsksFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		date := rapid.OneOf(rapid.Int64Range(0, 30), rapid.Just[int64](math.MaxInt64))
		bound := rapid.OneOf(rapid.Int64Range(-2, 32), rapid.Just[int64](math.MaxInt64), rapid.Just[int64](math.MinInt64))
		items := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) item {
			return item{nostr.Timestamp(date.Draw(rt, "date")), idOf(rapid.IntRange(0, 99).Draw(rt, "id"))}
		}), 0, 200).Draw(rt, "items")
		since, until := nostr.Timestamp(bound.Draw(rt, "since")), nostr.Timestamp(bound.Draw(rt, "until"))
		var want []item
		for _, i := range items {
			if i.at >= since && i.at <= until {
				want = append(want, i)
			}
		}
		whole, alone := setOf(t, items...), setOf(t, want...)
		part := whole.Between(since, until)
		require.Equal(rt, itemsOf(alone), itemsOf(part))
		require.Equal(rt, client(t, alone, 0).Initiate(), client(t, part, 0).Initiate())
		for i := range part.Len() {
			at, id := part.At(i)
			found, ok := part.Index(at, id)
			require.True(rt, ok)
			require.Equal(rt, i, found)
		}
	})
}

func TestWhatIsNotInASetIsNotFound(t *testing.T) {
	set := setOf(t, item{5, idOf(1)}, item{7, idOf(2)})
	for _, i := range []item{{4, idOf(1)}, {6, idOf(1)}, {7, idOf(1)}, {8, idOf(2)}, {-1, idOf(1)}, {5, idOf(2)}} {
		_, found := set.Index(i.at, i.id)
		assert.False(t, found, i)
	}
	_, found := (&nip77.Set{}).Index(5, idOf(1))
	assert.False(t, found)
}
