package kit

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// Bubble runs a test in virtual time, without a network.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// Virtual runs a test in virtual time with a network of in-memory pipes.
func Virtual(t *testing.T, f func(t *testing.T, network *nostrtest.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, nostrtest.NewNetwork(t)) })
}

// Closed tells whether a channel is closed, without waiting.
func Closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Within waits for a channel, in real time, as long as no machine is that slow.
func Within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		require.FailNow(t, "never came: "+what)
		panic("unreachable")
	}
}

// Heap is what is in use, in bytes, with the garbage collected.
func Heap() int64 {
	runtime.GC()
	runtime.GC() // what sync.Pools held goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Allocs is testing.AllocsPerRun for few runs, the least of three looks: what the runtime
// allocates meanwhile for itself is not f's.
func Allocs(runs int, f func()) float64 {
	look := func() float64 { return testing.AllocsPerRun(runs, f) }
	return min(look(), look(), look())
}

// WaitUntil looks every 5 ms, in virtual time or not, as long as no machine is that slow.
func WaitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 12_000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.FailNow(t, "never: "+what)
}

// Sized is a test's number, and another one under the race detector: a signature takes
// ten times as long there, and the large numbers are shown without it.
func Sized(n, race int) int {
	if UnderRace {
		return race
	}
	return n
}
