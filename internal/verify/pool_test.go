package verify_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

func TestWorkersAreStartedAsEventsNeedThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		pool := verify.NewPool(config(3, g.check))
		lane := verify.NewLane(pool, func(int, error) {})
		assert.Zero(t, pool.Workers())
		lane.Submit(0, numbered(0))
		g.let(t)
		synctest.Wait()
		lane.Submit(1, numbered(1))
		synctest.Wait()
		assert.Equal(t, 1, pool.Workers(), "one event at a time needs one")
		for n := range 10 {
			lane.Submit(n, numbered(n))
		}
		synctest.Wait()
		assert.Equal(t, 3, pool.Workers())
		assert.Zero(t, pool.Idle())
		g.open()
		lane.Drain()
		synctest.Wait()
		assert.Equal(t, 3, pool.Idle())
		pool.Stop()
	})
}

// One worker, so that who is served when can be told exactly.
func TestL09ALaneWithThousandsOfEventsDoesNotStarveALoneOne(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	busy := verify.NewLane(pool, func(int, error) {})
	for n := range 3000 {
		busy.Submit(n, numbered(n))
	}
	require.Equal(t, 0, receive(t, g.entered))
	const lone = 1 << 20
	done := make(chan struct{})
	quiet := verify.NewLane(pool, func(int, error) { close(done) })
	quiet.Submit(lone, numbered(lone))

	served := 0
	for event := 0; event != lone; served++ {
		require.LessOrEqual(t, served, 2, "checks of the busy lane before the lone event's turn")
		g.let(t)
		event = receive(t, g.entered)
	}
	g.let(t)
	receive(t, done)
	g.open()
	busy.Drain()
}

func TestWaitingLanesAreServedInTurn(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	const lanes, each = 5, 20
	all := make([]*verify.Lane[int], lanes)
	for l := range all {
		all[l] = verify.NewLane(pool, func(int, error) {})
		for range each {
			all[l].Submit(l, numbered(l))
		}
	}
	// The first lane was alone when its worker began; from then on the lanes
	// alternate, and no two rounds differ.
	require.Equal(t, 0, receive(t, g.entered))
	var order []int
	for range lanes * (each - 1) {
		g.let(t)
		order = append(order, receive(t, g.entered))
	}
	g.open()
	for _, lane := range all {
		lane.Drain()
	}
	for i := 2 * lanes; i < len(order)-lanes; i++ {
		require.Equal(t, order[i-lanes], order[i], "%v", order)
	}
	counts := make([]int, lanes)
	for _, l := range order[lanes : 2*lanes] {
		counts[l]++
	}
	require.Equal(t, []int{1, 1, 1, 1, 1}, counts)
}

// What needs no check can come faster than it is delivered, for ever; the
// worker that delivers it must not belong to that lane for ever.
func TestL09ALaneWithEndlessDeliveriesDoesNotStarveALoneEvent(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	const flood = 10_000
	delivered := 0 // written on the only worker
	at := -1
	busy := verify.NewLane(pool, func(int, error) { delivered++ })
	quiet := verify.NewLane(pool, func(int, error) { at = delivered })
	busy.Submit(0, numbered(0))
	for n := range flood {
		busy.Submit(n, nil)
	}
	receive(t, g.entered)
	quiet.Submit(0, numbered(1))
	g.open()
	quiet.Drain()
	busy.Drain()
	assert.LessOrEqual(t, at, verify.DeliveriesFirst+verify.BatchSize, "deliveries before the lone event was served")
	assert.Equal(t, flood+1, delivered)
}

func TestL10StopJoinsTheWorkersAndMayBeCalledByMany(t *testing.T) {
	g := newGate()
	pool := verify.NewPool(config(3, g.check))
	var delivered atomic.Int32
	lane := verify.NewLane(pool, func(int, error) { delivered.Add(1) })
	for n := range 200 { // not drained, against the rules
		lane.Submit(n, numbered(n))
	}
	receive(t, g.entered)
	var stops sync.WaitGroup
	for range 4 {
		stops.Go(func() {
			pool.Stop()
			assert.Zero(t, g.inside.Load(), "a check is running after Stop")
			assert.EqualValues(t, 200, delivered.Load(), "what was submitted is delivered before Stop returns")
		})
	}
	g.open()
	stops.Wait()
	pool.Stop()
}

// Who gives up does not wait for what nobody wants any more.
func TestAbandonedEventsAreNotChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		pool := verify.NewPool(config(1, g.check))
		var got []error
		lane := verify.NewLane(pool, func(_ int, err error) { got = append(got, err) })
		for n := range 5_000 {
			lane.Submit(n, numbered(n))
		}
		synctest.Wait() // one is being checked
		pool.Abandon()
		lane.Submit(5_000, numbered(5_000))
		lane.Submit(5_001, nil)
		g.let(t)
		lane.Drain()
		require.Len(t, got, 5_002)
		assert.NoError(t, got[0], "its check had begun")
		for _, err := range got[1:5_001] {
			require.ErrorIs(t, err, verify.ErrStopped)
		}
		assert.NoError(t, got[5_001], "there was nothing to check")
		pool.Stop()
	})
}

func TestStopWithoutAnEvent(t *testing.T) {
	pool := verify.NewPool(config(0, nil))
	pool.Stop()
	pool.Stop()
	assert.Zero(t, pool.Workers())
}

func TestAnEventAfterStopIsNeverTakenForGenuine(t *testing.T) {
	pool := verify.NewPool(config(2, func(*nostr.Event) error { return nil }))
	var errs []error
	lane := verify.NewLane(pool, func(_ int, err error) { errs = append(errs, err) })
	lane.Submit(0, numbered(0))
	lane.Drain()
	pool.Stop()
	lane.Submit(1, numbered(1))
	lane.Submit(2, nil)
	lane.Drain()
	require.Len(t, errs, 3)
	assert.NoError(t, errs[0])
	assert.ErrorIs(t, errs[1], verify.ErrStopped)
	assert.NoError(t, errs[2])
	assert.Zero(t, lane.Slots()&^(verify.MaxIdle-1))
}

func TestAnEventDuringStopKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		pool := verify.NewPool(config(1, g.check))
		var got []int
		var errs []error
		lane := verify.NewLane(pool, func(n int, err error) { got, errs = append(got, n), append(errs, err) })
		lane.Submit(0, numbered(0))
		go pool.Stop()
		synctest.Wait()
		lane.Submit(1, numbered(1))
		lane.Submit(2, nil)
		assert.Empty(t, got)
		g.open()
		lane.Drain()
		assert.Equal(t, []int{0, 1, 2}, got)
		assert.NoError(t, errs[0])
		assert.ErrorIs(t, errs[1], verify.ErrStopped)
		assert.NoError(t, errs[2])
	})
}
