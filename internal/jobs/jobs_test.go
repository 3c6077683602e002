package jobs_test

import (
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/jobs"

	"github.com/gennostr/gennostr/test/seed"
)

// next takes all that may begin now.
func next(q *jobs.Queue[string]) (list []*jobs.Job[string]) {
	for j, ok := q.Next(); ok; j, ok = q.Next() {
		list = append(list, j)
	}
	return list
}

func items(list []*jobs.Job[string]) (names []string) {
	for _, j := range list {
		names = append(names, j.Item)
	}
	return names
}

func TestItemsBeginInOrderAsFarAsThereAreWorkers(t *testing.T) {
	q := jobs.New[string](2)
	for _, name := range []string{"a", "b", "c"} {
		assert.True(t, q.Add(name, "", false))
	}
	begun := next(q)
	assert.Equal(t, []string{"a", "b"}, items(begun))
	assert.Equal(t, 1, q.Waiting())
	assert.Equal(t, 2, q.Running())
	q.Done(begun[1])
	assert.Equal(t, []string{"c"}, items(next(q)))
}

func TestItemsOfOneKeyAreWorkedOnOneAfterAnother(t *testing.T) {
	q := jobs.New[string](3)
	for _, name := range []string{"a1", "a2", "b1", "a3", "b2"} {
		q.Add(name, name[:1], true)
	}
	begun := next(q)
	assert.Equal(t, []string{"a1", "b1"}, items(begun))
	q.Done(begun[0])
	again := next(q)
	assert.Equal(t, []string{"a2"}, items(again))
	assert.Equal(t, []string{"a3", "b2"}, q.Close(), "what has not begun, in the order in which it came")
	assert.False(t, q.Add("a4", "a", true))
	q.Done(again[0])
	q.Done(begun[1])
	assert.Empty(t, next(q))
	assert.Zero(t, q.Running())
}

// Whatever the order: no more workers than there are, one of a key at a time and
// in order, nothing lost, nothing twice, and nobody idle while something could begin.
func keysKeepTheirOrder(t *rapid.T) {
	workers := rapid.IntRange(1, 4).Draw(t, "workers")
	q := jobs.New[string](workers)
	var added, seen, running []string
	byKey := map[string][]string{}
	var begun []*jobs.Job[string]
	key := func(item string) string { return item[:1] }
	for n := range 80 {
		switch rapid.IntRange(0, 2).Draw(t, "op") {
		case 0:
			k := rapid.SampledFrom([]string{"a", "b", "c", "-"}).Draw(t, "key")
			item := k + strconv.Itoa(n)
			require.True(t, q.Add(item, k, k != "-"))
			added = append(added, item)
			byKey[k] = append(byKey[k], item)
		case 1:
			if j, ok := q.Next(); ok {
				if key(j.Item) != "-" {
					for _, other := range running {
						require.NotEqual(t, key(other), key(j.Item), "two of a key at once")
					}
				}
				require.Equal(t, byKey[key(j.Item)][0], j.Item, "the oldest of its key")
				byKey[key(j.Item)] = byKey[key(j.Item)][1:]
				begun, running, seen = append(begun, j), append(running, j.Item), append(seen, j.Item)
				require.LessOrEqual(t, len(running), workers)
			} else if len(running) < workers { // then nothing could begin
				for k, waiting := range byKey {
					busy := slices.ContainsFunc(running, func(item string) bool { return key(item) == k })
					require.True(t, len(waiting) == 0 || k != "-" && busy, "%s waits for nothing", waiting)
				}
			}
		case 2:
			if len(begun) > 0 {
				i := rapid.IntRange(0, len(begun)-1).Draw(t, "done")
				q.Done(begun[i])
				begun, running = slices.Delete(begun, i, i+1), slices.Delete(running, i, i+1)
			}
		}
		require.Equal(t, len(running), q.Running())
		require.Equal(t, len(added)-len(seen), q.Waiting())
	}
	left := q.Close()
	require.ElementsMatch(t, added, append(seen, left...))
	var inOrder []string
	for _, item := range added {
		if slices.Contains(left, item) {
			inOrder = append(inOrder, item)
		}
	}
	require.Equal(t, inOrder, left)
}

// Shows D04.
func TestNothingIsLostAndKeysKeepTheirOrder(t *testing.T) { rapid.Check(t, keysKeepTheirOrder) }

func FuzzNothingIsLostAndKeysKeepTheirOrder(f *testing.F) { seed.Fuzz(f, keysKeepTheirOrder) }

// A queue that never runs dry gives back what it has worked on.
func TestAQueueThatNeverRunsDryDoesNotGrow(t *testing.T) {
	q := jobs.New[[]byte](1)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	turn := func(n int) {
		for range n {
			q.Add(make([]byte, 1024), "k", true)
			j, _ := q.Next()
			q.Done(j)
		}
	}
	q.Add(nil, "k", true)
	turn(100)
	before := heap()
	turn(20_000)
	assert.Less(t, heap()-before, int64(1<<20))
	runtime.KeepAlive(q)
}
