package agenda_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/agenda"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// at returns a time that many seconds after start.
func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// drain pops what is due, with the one now a loop would take.
func drain[K comparable](a *agenda.Agenda[K], now time.Time) (keys []K) {
	for {
		key, ok := a.PopDue(now)
		if !ok {
			return keys
		}
		keys = append(keys, key)
	}
}

func TestZeroValueIsEmptyAndReady(t *testing.T) {
	var a agenda.Agenda[string]
	assert.Zero(t, a.Len())
	assert.False(t, a.Cancel("x"))
	_, ok := a.At("x")
	assert.False(t, ok)
	_, ok = a.Next()
	assert.False(t, ok)
	_, ok = a.PopDue(at(1e6))
	assert.False(t, ok)
	a.Clear()

	a.Set("x", at(1))
	assert.Equal(t, 1, a.Len())
}

func TestEntriesLeaveInTheOrderOfTheirTimes(t *testing.T) {
	var a agenda.Agenda[string]
	a.Set("c", at(3))
	a.Set("a", at(1))
	a.Set("d", at(4))
	a.Set("b", at(2))

	next, ok := a.Next()
	require.True(t, ok)
	assert.Equal(t, at(1), next)
	assert.Equal(t, []string{"a", "b", "c"}, drain(&a, at(3)))
	assert.Equal(t, 1, a.Len())
	assert.Equal(t, []string{"d"}, drain(&a, at(4)))
	assert.Zero(t, a.Len())
}

func TestAnEntryIsDueAtItsTimeAndNotBefore(t *testing.T) {
	var a agenda.Agenda[string]
	a.Set("a", at(1))
	assert.Empty(t, drain(&a, at(1).Add(-1)))
	assert.Equal(t, []string{"a"}, drain(&a, at(1)))
}

func TestTiesLeaveInTheOrderTheyWereSet(t *testing.T) {
	var a agenda.Agenda[int]
	for i := range 100 {
		a.Set(i, at(1))
	}
	a.Set(7, at(1)) // setting again counts as new, also with the same time
	a.Cancel(50)

	want := []int{}
	for i := range 100 {
		if i != 7 && i != 50 {
			want = append(want, i)
		}
	}
	assert.Equal(t, append(want, 7), drain(&a, at(1)))
}

func TestSetReplacesTheEntryOfTheSameKey(t *testing.T) {
	for name, c := range map[string]struct {
		to   int
		want []string
	}{
		"earlier":  {0, []string{"x", "a", "b"}},
		"between":  {2, []string{"a", "x", "b"}},
		"later":    {9, []string{"a", "b", "x"}},
		"the same": {5, []string{"a", "b", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			var a agenda.Agenda[string]
			a.Set("a", at(1))
			a.Set("x", at(5))
			a.Set("b", at(3))
			a.Set("x", at(c.to))

			assert.Equal(t, 3, a.Len())
			when, ok := a.At("x")
			require.True(t, ok)
			assert.Equal(t, at(c.to), when)
			assert.Equal(t, c.want, drain(&a, at(10)))
		})
	}
}

func TestACancelledEntryNeverLeaves(t *testing.T) {
	var a agenda.Agenda[string]
	a.Set("a", at(1))
	a.Set("b", at(2))
	assert.True(t, a.Cancel("a"))
	assert.False(t, a.Cancel("a"))
	_, ok := a.At("a")
	assert.False(t, ok)
	next, _ := a.Next()
	assert.Equal(t, at(2), next)
	assert.Equal(t, []string{"b"}, drain(&a, at(9)))
	assert.False(t, a.Cancel("b"), "it has left already")
}

func TestClearForgetsAll(t *testing.T) {
	var a agenda.Agenda[int]
	for i := range 10 {
		a.Set(i, at(i))
	}
	a.Clear()
	assert.Zero(t, a.Len())
	assert.Empty(t, drain(&a, at(100)))
	a.Set(3, at(3))
	assert.Equal(t, []int{3}, drain(&a, at(3)))
}

// With one now for the whole round, an entry that sets itself again at a later
// time leaves once.
func TestARecurringEntryLeavesOncePerRound(t *testing.T) {
	var a agenda.Agenda[string]
	a.Set("tick", at(1))
	a.Set("other", at(2))
	now, left := at(2), []string{}
	for {
		key, ok := a.PopDue(now)
		if !ok {
			break
		}
		left = append(left, key)
		if key == "tick" {
			a.Set(key, now.Add(time.Second))
		}
	}
	assert.Equal(t, []string{"tick", "other"}, left)
}

// naive is an agenda that anybody can see is right: a slice, sorted by time,
// into which a new entry goes behind all that are not later.
type naive []struct {
	key int
	at  time.Time
}

func (n *naive) find(key int) int {
	for i, e := range *n {
		if e.key == key {
			return i
		}
	}
	return -1
}

func (n *naive) cancel(key int) bool {
	i := n.find(key)
	if i >= 0 {
		*n = slices.Delete(*n, i, i+1)
	}
	return i >= 0
}

func (n *naive) set(key int, when time.Time) {
	n.cancel(key)
	i := 0
	for i < len(*n) && !(*n)[i].at.After(when) {
		i++
	}
	*n = slices.Insert(*n, i, struct {
		key int
		at  time.Time
	}{key, when})
}

// compare runs both through the same operations, three bytes each.
func compare(t *testing.T, ops []byte) {
	var a agenda.Agenda[int]
	var n naive
	for ; len(ops) >= 3; ops = ops[3:] {
		key, when := int(ops[1]), at(int(ops[2])%32)
		switch ops[0] % 8 {
		default:
			a.Set(key, when)
			n.set(key, when)
		case 4:
			require.Equal(t, n.cancel(key), a.Cancel(key))
		case 5, 6:
			got, ok := a.PopDue(when)
			due := len(n) > 0 && !n[0].at.After(when)
			require.Equal(t, due, ok)
			if due {
				require.Equal(t, n[0].key, got)
				n = n[1:]
			}
		case 7:
			if ops[1] == 0 {
				a.Clear()
				n = nil
			}
		}
		require.Equal(t, len(n), a.Len())
		next, ok := a.Next()
		require.Equal(t, len(n) > 0, ok)
		if ok {
			require.Equal(t, n[0].at, next)
		}
		got, ok := a.At(key)
		i := n.find(key)
		require.Equal(t, i >= 0, ok)
		if ok {
			require.Equal(t, n[i].at, got)
		}
	}
	for _, e := range n {
		key, ok := a.PopDue(at(32))
		require.True(t, ok)
		require.Equal(t, e.key, key)
	}
	require.Zero(t, a.Len())
}

func TestAgreesWithASortedSlice(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 3*500)
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		compare(t, ops)
	}
}

func FuzzAgreesWithASortedSlice(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 2, 5, 0, 1, 5, 5, 0, 9, 4, 2, 0})
	f.Fuzz(compare)
}

func TestABurstLeavesNoMemoryBehind(t *testing.T) {
	const burst = 200_000
	var a agenda.Agenda[int]
	before := heapInUse()
	for i := range burst {
		a.Set(i, at(i))
	}
	peak := heapInUse() - before
	assert.Len(t, drain(&a, at(burst-6)), burst-5)
	assert.Less(t, heapInUse()-before, peak/100)
	assert.Equal(t, []int{burst - 5, burst - 4, burst - 3, burst - 2, burst - 1}, drain(&a, at(burst)))
	runtime.KeepAlive(&a)
}

func TestAKeyThatHasLeftMayBeCollected(t *testing.T) {
	var a agenda.Agenda[*[1024]byte]
	key := new([1024]byte)
	left := weak.Make(key)
	a.Set(new([1024]byte), at(2))
	a.Set(key, at(1))
	key = nil
	a.PopDue(at(1))
	runtime.GC()
	assert.Nil(t, left.Value())
	assert.Equal(t, 1, a.Len())
}

// An owner that resets the same few keys for ever, as keepalive does with each
// byte, uses the memory of these few keys.
func TestResettingAFewKeysForEverAllocatesNothing(t *testing.T) {
	var a agenda.Agenda[int]
	for i := range 16 {
		a.Set(i, at(i))
	}
	n := 0
	allocs := testing.AllocsPerRun(10_000, func() {
		n++
		a.Set(n%16, at(n))
		a.Cancel((n + 3) % 16)
		a.Set((n+3)%16, at(n+8))
	})
	assert.Zero(t, allocs)
	assert.Equal(t, 16, a.Len())
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkSetAndPop(b *testing.B) {
	for _, size := range []int{10, 1_000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			var a agenda.Agenda[int]
			random := rand.New(rand.NewPCG(1, 2))
			for i := range size {
				a.Set(i, at(random.IntN(size)))
			}
			b.ReportAllocs()
			for b.Loop() {
				next, _ := a.Next()
				key, _ := a.PopDue(next)
				a.Set(key, next.Add(time.Duration(random.IntN(size))*time.Second))
			}
		})
	}
}

func BenchmarkReset(b *testing.B) {
	const size = 1_000
	var a agenda.Agenda[int]
	for i := range size {
		a.Set(i, at(i))
	}
	b.ReportAllocs()
	for n := size; b.Loop(); n++ {
		a.Set(n%size, at(n))
	}
}
