package seen_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/nostr"

	"github.com/gennostr/gennostr/test/kit"
	"github.com/gennostr/gennostr/test/seed"
)

// id is what an adversary would choose: ids that differ in their last bytes only.
func id(n int) (id nostr.ID) {
	binary.BigEndian.PutUint64(id[24:], uint64(n))
	return id
}

func TestEachOwnerHasAnEventOnce(t *testing.T) {
	table := seen.New(1 << 18)
	for _, owner := range []seen.Owner{0, 1, 31, 32, 63, 64, 1000, math.MaxUint32} {
		assert.False(t, table.Had(id(1), owner), owner)
		assert.True(t, table.Take(id(1), owner), owner)
		assert.True(t, table.Had(id(1), owner), owner)
		assert.False(t, table.Take(id(1), owner), owner)
		assert.False(t, table.Had(id(2), owner), owner)
	}
	for owner := range seen.Owner(2000) {
		had := owner <= 1 || owner == 31 || owner == 32 || owner == 63 || owner == 64 || owner == 1000
		require.Equal(t, had, table.Had(id(1), owner), owner)
	}
}

func TestTheOldestIsForgottenFirst(t *testing.T) {
	const limit = 100 // one shard: the order is exact
	table := seen.New(limit)
	require.Equal(t, 1, table.Shards())
	for n := range limit {
		require.True(t, table.Take(id(n), 1))
	}
	require.False(t, table.Take(id(0), 1))
	require.True(t, table.Take(id(0), 2), "a further owner")
	for n := range limit {
		require.True(t, table.Had(id(n), 1), n)
	}
	for n := range 1000 {
		require.True(t, table.Take(id(limit+n), 1))
		require.False(t, table.Had(id(n), 1), "%d was the oldest, whoever had it since", n)
		require.True(t, table.Had(id(n+1), 1), n)
	}
	assert.True(t, table.Take(id(0), 2), "what has been forgotten is new again")
}

func TestLimitsBelowOneAreOne(t *testing.T) {
	for _, limit := range []int{0, -5, math.MinInt} {
		table := seen.New(limit)
		assert.True(t, table.Take(id(1), 1))
		assert.False(t, table.Take(id(1), 1))
		assert.True(t, table.Take(id(2), 1))
		assert.True(t, table.Take(id(1), 1))
	}
	assert.True(t, seen.New(math.MaxInt).Take(id(1), 1), "and there is a highest")
}

// Shows D29.
func TestAtLeastTheLastSoManyAreRemembered(t *testing.T) {
	for _, limit := range []int{255, 256, 511, 512, 1000, 5000, 1 << 16} {
		table := seen.New(limit)
		total := 3*limit + 17
		for n := range total {
			table.Take(id(n), 7)
		}
		forgotten := 0
		for n := total - limit; n < total; n++ {
			if !table.Had(id(n), 7) {
				forgotten++
			}
		}
		require.Zero(t, forgotten, "limit %d", limit)
		_, events := table.Taken()
		require.LessOrEqual(t, events, limit+6*64*table.Shards(), "limit %d", limit)
	}
}

// Shows D29.
func TestMemoryGrowsWithUse(t *testing.T) {
	table := seen.New(1 << 18)
	bytes, _ := table.Taken()
	assert.Zero(t, bytes, "an idle client pays nothing")
	for n := range 1000 {
		table.Take(id(n), 1)
	}
	bytes, events := table.Taken()
	assert.Equal(t, 1000, events)
	assert.Less(t, bytes, 200_000)
	assert.Less(t, table.Bytes(), 32<<20)
}

// A client's table, full three times over with events of two owners, takes no more than it
// says, and that is what is live.
// Shows B06.
func TestAFullTableTakesWhatItSays(t *testing.T) {
	const limit = 1 << 18
	before := kit.Heap()
	table := seen.New(limit)
	for n := range 3 * limit {
		table.Take(id(n), 1)
		table.Take(id(n), 1_000)
	}
	took := int(kit.Heap() - before)
	bytes, _ := table.Taken()
	t.Logf("%d events: %d bytes, %d live", limit, bytes, took)
	assert.LessOrEqual(t, bytes, table.Bytes())
	assert.Less(t, table.Bytes(), 32<<20)
	assert.Less(t, took, table.Bytes()+64<<10)
	runtime.KeepAlive(table)
}

// Owners that are numbered one after the other share words: five times 32 of them
// cost no event its place.
func TestManyOwnersOfEveryEvent(t *testing.T) {
	const limit, owners = 2000, 160
	table := seen.New(limit)
	first := 0
	for n := range limit {
		for owner := range seen.Owner(owners) {
			if table.Take(id(n), owner) {
				first++
			}
		}
	}
	require.Equal(t, limit*owners, first)
	for n := range limit {
		require.True(t, table.Had(id(n), 0), n)
		require.True(t, table.Had(id(n), 159), n)
	}
}

func TestMemoryIsBoundedWhateverOwnersTake(t *testing.T) {
	table := seen.New(64)
	check := func() {
		bytes, _ := table.Taken()
		require.LessOrEqual(t, bytes, table.Bytes())
	}
	for n := range 500 { // owners scattered as far as can be: a word each
		for k := range seen.Owner(50) {
			require.True(t, table.Take(id(n), k*100))
			require.True(t, table.Had(id(n), k*100))
		}
		require.True(t, table.Had(id(n), 0), "the latest is whole")
		check()
	}
	for k := range seen.Owner(5000) { // one event, more owners than there are words
		require.True(t, table.Take(id(0), 1_000_000+k*100))
		require.True(t, table.Had(id(0), 1_000_000+k*100), "the newcomer is remembered at least")
		check()
	}
}

// isAModelOfSets holds the table against sets, with few events and many
// owners in any order, forgetting included.
func isAModelOfSets(t *rapid.T) {
	limit := rapid.IntRange(1, 40).Draw(t, "limit")
	table := seen.New(limit)
	var order []int // events, the oldest first
	had := map[int]map[seen.Owner]bool{}
	ids, owners := rapid.IntRange(0, 60), rapid.SampledFrom([]seen.Owner{0, 1, 2, 31, 32, 33, 100, 128})
	for range rapid.IntRange(1, 400).Draw(t, "steps") {
		n, owner := ids.Draw(t, "event"), owners.Draw(t, "owner")
		if rapid.Bool().Draw(t, "look") {
			require.Equal(t, had[n][owner], table.Had(id(n), owner))
			continue
		}
		if rapid.IntRange(0, 7).Draw(t, "forget") == 0 {
			table.Forget(id(n), owner)
			delete(had[n], owner)
			continue
		}
		require.Equal(t, !had[n][owner], table.Take(id(n), owner))
		if had[n] == nil {
			if len(order) == limit {
				delete(had, order[0])
				order = order[1:]
			}
			order, had[n] = append(order, n), map[seen.Owner]bool{}
		}
		had[n][owner] = true
	}
}

func TestTheTableIsAModelOfSets(t *testing.T) { rapid.Check(t, isAModelOfSets) }

func FuzzTheTableIsAModelOfSets(f *testing.F) { seed.Fuzz(f, isAModelOfSets) }

func TestNoShardIsCrowdedAndNoChainIsLong(t *testing.T) {
	table := seen.New(1 << 18)
	require.Equal(t, 64, table.Shards())
	perShard := make([]int, table.Shards())
	for n := range 64 * 1000 {
		perShard[table.ShardOf(id(n))]++
		table.Take(id(n), 1)
	}
	for _, n := range perShard {
		assert.InDelta(t, 1000, n, 250, "eight standard deviations")
	}
	assert.Less(t, table.LongestChain(), 16, "and no chain")
	other, same := seen.New(1<<18), 0
	for n := range 6400 {
		if table.ShardOf(id(n)) == other.ShardOf(id(n)) {
			same++
		}
	}
	assert.Less(t, same, 300, "each table has a seed of its own")
}

// Five relays send the same events to three subscriptions, each in its own order.
func TestOfManyReadersOneIsTheFirst(t *testing.T) {
	const events, relays, owners = 5000, 5, 3
	table := seen.New(events)
	var first [owners][events]atomic.Int32
	var readers sync.WaitGroup
	for relay := range relays {
		readers.Go(func() {
			for i := range events {
				n := (i*7919 + relay*1000) % events
				for owner := range owners {
					if table.Take(id(n), seen.Owner(owner*20)) {
						first[owner][n].Add(1)
					}
					if !table.Had(id(n), seen.Owner(owner*20)) {
						first[owner][n].Add(100)
					}
				}
			}
		})
	}
	readers.Wait()
	for owner := range owners {
		for n := range events {
			require.EqualValues(t, 1, first[owner][n].Load(), fmt.Sprint(owner, n))
		}
	}
}

func TestWhatIsForgottenIsNewAgainForThatOwnerAlone(t *testing.T) {
	table := seen.New(1 << 10)
	owners := []seen.Owner{1, 2, 33, 70, 1000}
	for _, owner := range owners {
		table.Take(id(1), owner)
	}
	for _, owner := range owners {
		table.Forget(id(1), owner)
		assert.False(t, table.Had(id(1), owner), owner)
		assert.True(t, table.Take(id(1), owner), owner)
		for _, other := range owners {
			assert.True(t, table.Had(id(1), other), other)
		}
	}
	table.Forget(id(2), 1)
	assert.False(t, table.Had(id(2), 1))
}
