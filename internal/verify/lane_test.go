package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// Every check waits for a gate of its own, and the gates open in random order:
// the worst mixture of latencies there can be.
// Shows L09, D25.
func TestR29ResultsLeaveInOrderWhateverTheChecksTake(t *testing.T) {
	const events, workers = 300, 8
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		gates := make([]chan struct{}, events)
		for i := range gates {
			gates[i] = make(chan struct{})
		}
		entered := make(chan int, events)
		pool := newPool(t, workers, func(ev *nostr.Event) error {
			entered <- number(ev)
			<-gates[number(ev)]
			if number(ev)%3 == 0 {
				return fmt.Errorf("refused %d", number(ev))
			}
			return nil
		})
		type outcome struct {
			n   int
			err error
		}
		var got []outcome
		lane := verify.NewLane(pool, func(n int, err error) { got = append(got, outcome{n, err}) })
		checked := 0
		for n := range events {
			if n%5 == 4 {
				lane.Submit(n, nil)
				continue
			}
			lane.Submit(n, numbered(n))
			checked++
		}
		var waiting []int
		for range checked {
			for len(waiting) < min(workers, checked) {
				waiting = append(waiting, receive(t, entered))
			}
			k := rng.IntN(len(waiting))
			close(gates[waiting[k]])
			waiting = append(waiting[:k], waiting[k+1:]...)
			checked--
		}
		lane.Drain()
		require.Len(t, got, events)
		for i, o := range got {
			require.Equal(t, i, o.n)
			if i%5 != 4 && i%3 == 0 {
				require.EqualError(t, o.err, fmt.Sprintf("refused %d", i))
			} else {
				require.NoError(t, o.err)
			}
		}
	}
}

func TestEventsOfOneLaneAreCheckedOnAllWorkersAndNoMore(t *testing.T) {
	g, pool := newGatedPool(t, 4)
	lane := verify.NewLane(pool, func(int, error) {})
	for n := range 100 {
		lane.Submit(n, numbered(n))
	}
	for range 4 {
		receive(t, g.entered) // four are inside at once, or this would not return
	}
	g.open()
	lane.Drain()
	assert.EqualValues(t, 4, g.peak.Load())
	assert.Equal(t, 4, pool.Workers())
}

func TestWithoutAnEventAnEmptyLaneDeliversAtOnceOnTheSubmittersGoroutine(t *testing.T) {
	pool := newPool(t, 2, func(*nostr.Event) error { panic("nothing to check") })
	var got []int
	lane := verify.NewLane(pool, func(n int, err error) {
		assert.NoError(t, err)
		got = append(got, n)
	})
	for n := range 3 {
		lane.Submit(n, nil)
		require.Len(t, got, n+1)
	}
	assert.Equal(t, []int{0, 1, 2}, got)
	assert.Zero(t, pool.Workers(), "no goroutine without an event")
	assert.Zero(t, lane.Slots())
}

func TestWithoutAnEventAnItemKeepsItsPlace(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	var got []string
	lane := verify.NewLane(pool, func(s string, _ error) { got = append(got, s) })
	lane.Submit("event", numbered(0))
	lane.Submit("EOSE", nil)
	receive(t, g.entered)
	g.open()
	lane.Drain()
	assert.Equal(t, []string{"event", "EOSE"}, got)
}

// The check cannot return before Submit has: so they are on two goroutines,
// and Submit waits for nobody.
func TestSubmitNeverChecksAndNeverWaits(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	delivered := 0
	lane := verify.NewLane(pool, func(int, error) { delivered++ })
	for n := range 5000 {
		lane.Submit(n, numbered(n))
	}
	g.open()
	lane.Drain()
	assert.Equal(t, 5000, delivered)
}

func TestALoneEventIsHandedToAWorkerAtOnce(t *testing.T) {
	g, pool := newGatedPool(t, 2)
	done := make(chan int, 1)
	lane := verify.NewLane(pool, func(n int, _ error) { done <- n })
	for n := range 50 {
		lane.Submit(n, numbered(n))
		require.Equal(t, n, receive(t, g.entered))
		g.let(t)
		require.Equal(t, n, receive(t, done))
	}
	g.open()
}

func TestDeliverRunsWithoutALockThatSubmitNeeds(t *testing.T) {
	pool := newPool(t, 1, func(*nostr.Event) error { return nil })
	began, goOn := make(chan struct{}, 3), make(chan struct{})
	var got []int
	lane := verify.NewLane(pool, func(n int, _ error) {
		began <- struct{}{}
		<-goOn // a test may do what the rules forbid
		got = append(got, n)
	})
	other := verify.NewLane(pool, func(int, error) {})
	lane.Submit(0, numbered(0))
	receive(t, began)
	lane.Submit(1, numbered(1))
	lane.Submit(2, nil)
	other.Submit(0, numbered(3))
	other.Submit(1, nil)
	close(goOn)
	lane.Drain()
	other.Drain()
	assert.Equal(t, []int{0, 1, 2}, got)
}

func TestAPanickingCheckIsThatItemsErrorAndTheWorkerLivesOn(t *testing.T) {
	cause := errors.New("cause")
	pool := newPool(t, 1, func(ev *nostr.Event) error {
		switch number(ev) {
		case 1:
			panic(cause)
		case 2:
			_ = ev.Tags[number(ev)] // a run-time error: there are none
		case 3:
			panic("text")
		}
		return nil
	})
	var errs []error
	lane := verify.NewLane(pool, func(_ int, err error) { errs = append(errs, err) })
	for n := range 5 {
		lane.Submit(n, numbered(n))
	}
	lane.Drain()
	require.Len(t, errs, 5)
	assert.NoError(t, errs[0])
	assert.NoError(t, errs[4])
	for n := 1; n <= 3; n++ {
		var p *verify.PanicError
		require.ErrorAs(t, errs[n], &p)
		assert.Contains(t, string(p.Stack), "TestAPanickingCheck")
	}
	assert.ErrorIs(t, errs[1], cause)
	assert.EqualError(t, errs[3], "verify: check panicked: text")
	assert.NoError(t, errors.Unwrap(errs[3]))
	assert.Equal(t, 1, pool.Workers())
}

func TestDrainReturnsWhenAllIsDelivered(t *testing.T) {
	g, pool := newGatedPool(t, 2)
	var delivered atomic.Int32
	lane := verify.NewLane(pool, func(int, error) { delivered.Add(1) })
	lane.Drain() // nothing was submitted
	for n := range 40 {
		lane.Submit(n, numbered(n))
	}
	var drains sync.WaitGroup
	for range 3 {
		drains.Go(func() {
			lane.Drain()
			assert.EqualValues(t, 40, delivered.Load())
		})
	}
	receive(t, g.entered)
	assert.Less(t, delivered.Load(), int32(40))
	g.open()
	drains.Wait()
	lane.Drain()

	lane.Submit(40, numbered(40)) // a drained lane goes on
	lane.Drain()
	assert.EqualValues(t, 41, delivered.Load())
}

func TestDrainWaitsForADeliveryThatIsGoingOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := verify.NewPool(config(1, func(*nostr.Event) error { return nil }))
		goOn := make(chan struct{})
		lane := verify.NewLane(pool, func(int, error) { <-goOn })
		lane.Submit(0, numbered(0))
		drained := false
		go func() { lane.Drain(); drained = true }()
		synctest.Wait()
		assert.False(t, drained)
		close(goOn)
		synctest.Wait()
		assert.True(t, drained)
		pool.Stop()
	})
}

func TestABurstLeavesNoMemoryInTheLane(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	lane := verify.NewLane(pool, func(int, error) {})
	for n := range 2048 {
		lane.Submit(n, numbered(n))
	}
	assert.Equal(t, 2048, lane.Slots())
	g.open()
	lane.Drain()
	assert.LessOrEqual(t, lane.Slots(), verify.MaxIdle)
}

// Many lanes with a submitter each, random check times and kinds of items;
// order, exactly once and one at a time (the race detector watches seen).
func TestL12ManyLanesUnderStressKeepTheirOrders(t *testing.T) {
	const lanes, items = 40, 1500
	refused := errors.New("refused")
	pool := newPool(t, 4, func(ev *nostr.Event) error {
		n := number(ev)
		for range n * 7919 % 13 {
			runtime.Gosched()
		}
		switch {
		case n%11 == 0:
			return refused
		case n%97 == 1:
			panic(n)
		}
		return nil
	})
	var submitters sync.WaitGroup
	for l := range lanes {
		submitters.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(l), 4))
			seen := 0
			type item struct{ n, ev int }
			lane := verify.NewLane(pool, func(it item, err error) {
				if it.n != seen {
					assert.Equal(t, seen, it.n, "lane %d", l)
				}
				seen++
				var p *verify.PanicError
				var ok bool
				switch {
				case it.ev < 0:
					ok = err == nil
				case it.ev%11 == 0:
					ok = err == refused
				case it.ev%97 == 1:
					ok = errors.As(err, &p) && p.Value == it.ev
				default:
					ok = err == nil
				}
				assert.True(t, ok, "lane %d item %v: %v", l, it, err)
			})
			for n := range items {
				switch rng.IntN(40) {
				case 0:
					lane.Drain()
				case 1:
					runtime.Gosched()
				}
				if rng.IntN(4) == 0 {
					lane.Submit(item{n, -1}, nil)
				} else {
					ev := rng.IntN(1000)
					lane.Submit(item{n, ev}, numbered(ev))
				}
			}
			lane.Drain()
			assert.Equal(t, items, seen)
		})
	}
	submitters.Wait()
}

// Delivering comes before checking: what is ready must not wait for a check
// that takes long, though it is delivered a batch at a time.
func TestWhatIsReadyIsDeliveredBeforeTheNextCheck(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	const ready = 3 * verify.BatchSize
	last := make(chan struct{})
	lane := verify.NewLane(pool, func(n int, _ error) {
		if n == ready {
			close(last)
		}
	})
	lane.Submit(0, numbered(0))
	for n := range ready {
		lane.Submit(n+1, nil)
	}
	lane.Submit(ready+1, numbered(ready+1))
	receive(t, g.entered)
	g.let(t)
	receive(t, last)
	require.Equal(t, ready+1, receive(t, g.entered))
	g.open()
	lane.Drain()
}

// While one worker delivers the second batch of a lane, another finds the
// lane's next event.
func TestALaneIsCheckedWhileItIsDelivered(t *testing.T) {
	g, pool := newGatedPool(t, 2)
	const ready = 2 * verify.BatchSize
	began, goOn := make(chan struct{}), make(chan struct{})
	goes := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(goes) // or a failure would wait for itself
	lane := verify.NewLane(pool, func(n int, _ error) {
		if n == ready {
			close(began)
			<-goOn
		}
	})
	other := verify.NewLane(pool, func(int, error) {})
	other.Submit(0, numbered(-1))
	require.Equal(t, -1, receive(t, g.entered)) // keeps one worker
	lane.Submit(0, numbered(0))
	for n := range ready {
		lane.Submit(n+1, nil)
	}
	lane.Submit(ready+1, numbered(ready+1))
	require.Equal(t, 0, receive(t, g.entered))
	// Both checks may go; whichever worker delivers, the other one is free.
	g.let(t)
	g.let(t)
	receive(t, began)
	require.Equal(t, ready+1, receive(t, g.entered))
	goes()
	g.open()
	lane.Drain()
	other.Drain()
}

// Items without an event are delivered without being claimed. The search for
// the next event must not start behind them, where the ring has been reused:
// the verdict would go astray when the ring grows during the check.
func TestAVerdictFindsItsItemInARingThatHasGrown(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	var got []int
	lane := verify.NewLane(pool, func(n int, _ error) { got = append(got, n) })
	n := 0
	submit := func(ev *nostr.Event) { lane.Submit(n, ev); n++ }
	for round := range 60 {
		submit(numbered(n))
		receive(t, g.entered)
		for range round {
			submit(nil)
		}
		g.let(t)
		lane.Drain()
		submit(numbered(n))
		receive(t, g.entered)
		for range 8 * round {
			submit(nil)
		}
		g.let(t)
		lane.Drain()
		require.Len(t, got, n)
	}
	for i, v := range got {
		require.Equal(t, i, v)
	}
}
