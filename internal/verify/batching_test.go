package verify_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
)

// onOneWorker is a pool of one worker whose batches hold ten events, and lanes through it.
func onOneWorker(t *testing.T, f func(b *batches, pool *verify.Pool, lane func() *verify.Lane[int])) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{}
		pool := verify.NewPool(b.config(1, 10))
		var lanes []*verify.Lane[int]
		f(b, pool, func() *verify.Lane[int] {
			lanes = append(lanes, verify.NewLane(pool, func(int, error) {}))
			return lanes[len(lanes)-1]
		})
		for _, lane := range lanes {
			lane.Drain()
		}
		pool.Stop()
	})
}

func TestABatchWaitsForWhatIsAtHandAndForNothingElse(t *testing.T) {
	onOneWorker(t, func(b *batches, _ *verify.Pool, lane func() *verify.Lane[int]) {
		stream, other := lane(), lane()
		stream.Expect()
		for n := range 9 {
			stream.Submit(n, numbered(n))
			synctest.Wait()
		}
		other.Submit(9, nil) // needs no check, and waits for none
		assert.Empty(t, b.all(), "more is at hand")
		stream.Submit(10, numbered(10))
		synctest.Wait()
		assert.Equal(t, []int{10}, b.sizes(), "whole")
		stream.Submit(11, numbered(11))
		other.Submit(12, numbered(12))
		synctest.Wait()
		assert.Equal(t, []int{10}, b.sizes())
		stream.Pause()
		synctest.Wait()
		assert.Equal(t, []int{10, 2}, b.sizes(), "nobody has more")
		stream.Submit(13, numbered(13))
		synctest.Wait()
		assert.Equal(t, []int{10, 2, 1}, b.sizes(), "still nobody")
	})
}

func TestABatchWaitsUntilTheLastSubmitterPauses(t *testing.T) {
	onOneWorker(t, func(b *batches, _ *verify.Pool, lane func() *verify.Lane[int]) {
		one, two := lane(), lane()
		for range 3 { // it is not counted twice
			one.Expect()
			two.Expect()
		}
		one.Submit(1, numbered(1))
		one.Pause()
		one.Pause()
		synctest.Wait()
		assert.Empty(t, b.all())
		two.Pause()
		synctest.Wait()
		assert.Equal(t, []int{1}, b.sizes())
	})
}

// A relay that brings something now and then among what is of no use holds others up
// for a moment only. Time is looked at when a round ends, or when somebody pauses.
func TestABatchWaitsForAShortTimeOnly(t *testing.T) {
	onOneWorker(t, func(b *batches, _ *verify.Pool, lane func() *verify.Lane[int]) {
		busy, other := lane(), lane()
		busy.Expect()
		for n := range 3 {
			busy.Submit(n, numbered(n))
			time.Sleep(verify.Patience - 1)
			busy.Round()
			synctest.Wait()
			require.Len(t, b.all(), n, "not yet")
			busy.Submit(10+n, numbered(10+n))
			time.Sleep(time.Nanosecond)
			if n < 2 {
				busy.Round()
			} else {
				other.Expect()
				other.Pause()
			}
			synctest.Wait()
			require.Len(t, b.all(), n+1)
		}
		assert.Equal(t, []int{2, 2, 2}, b.sizes())
	})
}

// A relay that brings nothing that has to be checked is not waited for at all.
func TestABatchDoesNotWaitForALaneThatBringsNothing(t *testing.T) {
	onOneWorker(t, func(b *batches, pool *verify.Pool, lane func() *verify.Lane[int]) {
		useless, other := lane(), lane()
		useless.Expect()
		other.Submit(0, numbered(0))
		synctest.Wait()
		require.Empty(t, b.all(), "nobody knows yet")
		useless.Round()
		synctest.Wait()
		require.Equal(t, []int{1}, b.sizes())
		for n := range 2 {
			useless.Submit(9, nil)
			useless.SubmitRepeat(9, numbered(9))
			useless.Pause()
			useless.Expect()
			other.Submit(n, numbered(n))
			synctest.Wait()
		}
		require.Zero(t, pool.Awaited())
		before := len(b.all())
		useless.Submit(8, numbered(8))
		other.Submit(1, numbered(1))
		synctest.Wait()
		assert.Len(t, b.all(), before, "it has brought something")
		for range 2 { // the first ends the round in which it has
			useless.Round()
		}
		synctest.Wait()
		assert.Len(t, b.all(), before+1)
	})
}

func TestRepeatsDoNotMakeABatchWhole(t *testing.T) {
	onOneWorker(t, func(b *batches, _ *verify.Pool, lane func() *verify.Lane[int]) {
		first, second := lane(), lane()
		first.Expect()
		for n := range 9 {
			ev := numbered(n)
			first.Submit(n, ev)
			second.SubmitRepeat(n, ev)
		}
		synctest.Wait()
		assert.Empty(t, b.all())
		first.Submit(9, numbered(9))
		synctest.Wait()
		assert.Equal(t, []int{10}, b.sizes())
		// What has been claimed no longer counts either.
		second.SubmitRepeat(10, numbered(10))
		first.Submit(11, numbered(11))
		synctest.Wait()
		assert.Equal(t, []int{10}, b.sizes())
		for n := range 9 {
			first.Submit(n, numbered(n))
		}
		synctest.Wait()
		assert.Equal(t, []int{10, 10}, b.sizes())
		first.Pause()
		synctest.Wait()
		assert.Equal(t, []int{10, 10, 1}, b.sizes())
		first.Expect()
		for n := range 10 {
			first.Submit(n, numbered(n))
		}
		synctest.Wait()
		assert.Equal(t, []int{10, 10, 1, 10}, b.sizes())
	})
}

func TestDrainWaitsForNobody(t *testing.T) {
	onOneWorker(t, func(b *batches, _ *verify.Pool, lane func() *verify.Lane[int]) {
		l := lane()
		l.Expect()
		l.Submit(1, numbered(1))
		l.Drain()
		assert.Equal(t, []int{1}, b.sizes())
	})
}

func TestL10StopWaitsForNobodyWhoHasMore(t *testing.T) {
	onOneWorker(t, func(b *batches, pool *verify.Pool, lane func() *verify.Lane[int]) {
		l := lane()
		l.Expect()
		l.Submit(1, numbered(1))
		pool.Stop()
		assert.Equal(t, []int{1}, b.sizes())
	})
}

// The workers that are needed for what is left when all have paused are called.
func TestWhatIsLeftOfAStreamIsShared(t *testing.T) {
	for _, c := range []struct {
		left  int
		sizes []int
	}{
		{200, []int{200}},
		{600, []int{256, 256, 88}}, // smaller ones would save too little
		{900, []int{300, 300, 300}},
		{1000, []int{334, 333, 333}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &batches{let: make(chan struct{})}
			pool := verify.NewPool(b.config(3, 1024))
			lane := verify.NewLane(pool, func(int, error) {})
			lane.Expect()
			for n := range c.left {
				lane.Submit(n, numbered(n))
			}
			synctest.Wait()
			require.Empty(t, b.all())
			lane.Pause()
			synctest.Wait()
			assert.ElementsMatch(t, c.sizes, b.sizes(), "%d events", c.left)
			close(b.let)
			lane.Drain()
			pool.Stop()
		})
	}
}

// Events of which many lanes have brought the same are as many as there are different ones.
func TestRepeatsMakeNoLargerPartOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{}
		pool := verify.NewPool(b.config(2, 1024))
		first, again := verify.NewLane(pool, func(int, error) {}), verify.NewLane(pool, func(int, error) {})
		for n := range 1024 { // neither is a newcomer any more
			first.Submit(n, numbered(10_000+n))
			again.Submit(n, numbered(20_000+n))
		}
		first.Drain()
		again.Drain()
		before := len(b.sizes())
		b.let = make(chan struct{})
		first.Expect()
		for n := range 600 {
			first.Submit(n, numbered(n))
			again.SubmitRepeat(n, numbered(n))
		}
		first.Pause()
		synctest.Wait()
		assert.Equal(t, []int{300, 300}, b.sizes()[before:])
		close(b.let)
		first.Drain()
		again.Drain()
		pool.Stop()
	})
}

// In the middle of a stream a part of what has waited for too long would leave the rest
// to wait once more, and the more are checked together, the less each of them takes.
func TestWhatHasWaitedForTooLongIsOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{}
		pool := verify.NewPool(b.config(2, 1024))
		lane := verify.NewLane(pool, func(int, error) {})
		lane.Expect()
		for n := range 900 {
			lane.Submit(n, numbered(n))
		}
		lane.Round()
		synctest.Wait()
		require.Empty(t, b.all())
		time.Sleep(verify.Patience)
		lane.Submit(900, numbered(900))
		lane.Round()
		synctest.Wait()
		assert.Equal(t, []int{901}, b.sizes())
		lane.Drain()
		pool.Stop()
	})
}

// What turns out to be proven when a batch is put together is delivered meanwhile.
func TestWhatIsProvenDoesNotWaitForTheRestOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{})}
		pool := verify.NewPool(b.config(2, 10))
		var got []int
		first := verify.NewLane(pool, func(int, error) {})
		second := verify.NewLane(pool, func(n int, _ error) { got = append(got, n) })
		ev := numbered(0)
		first.Submit(0, ev)
		synctest.Wait() // it is being checked
		second.Expect()
		second.Submit(1, ev)
		b.let <- struct{}{}
		second.Submit(2, numbered(2))
		synctest.Wait()
		require.Empty(t, got)
		second.Pause()
		synctest.Wait()
		assert.Equal(t, [][]int{{0}, {2}}, b.all())
		assert.Equal(t, []int{1}, got)
		close(b.let)
		second.Drain()
		pool.Stop()
		assert.Equal(t, []int{1, 2}, got)
	})
}

// While a worker is busy more than a whole batch may come. What it leaves waits anew.
func TestWhatAWholeBatchHasLeftWaitsForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{}, 1)}
		pool := verify.NewPool(b.config(1, 10))
		lane := verify.NewLane(pool, func(int, error) {})
		lane.Submit(0, numbered(0))
		synctest.Wait() // busy
		lane.Expect()
		for n := range 12 {
			lane.Submit(n, numbered(n))
			time.Sleep(verify.Patience)
			lane.Round()
		}
		b.let <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 10}, b.sizes())
		b.let <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 10}, b.sizes(), "all that time was that of the others")
		close(b.let)
		lane.Drain()
		pool.Stop()
		assert.Equal(t, []int{1, 10, 2}, b.sizes())
	})
}

// What a check has settled does not wait for the next one, however much was
// delivered before.
func TestDeliveriesComeFirstAgainAfterEachCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{}, 1)}
		pool := verify.NewPool(b.config(1, 10))
		flood := verify.NewLane(pool, func(int, error) {})
		var got []int
		lane := verify.NewLane(pool, func(n int, _ error) { got = append(got, n) })
		flood.Submit(0, numbered(0))
		synctest.Wait()
		for range 2 * verify.DeliveriesFirst {
			flood.Submit(0, nil)
		}
		lane.Submit(1, numbered(1))
		synctest.Wait()
		b.let <- struct{}{} // then the flood, as far as it may, and the second check
		synctest.Wait()
		require.Equal(t, [][]int{{0}, {1}}, b.all())
		lane.Submit(2, numbered(2))
		b.let <- struct{}{}
		synctest.Wait()
		assert.Equal(t, [][]int{{0}, {1}, {2}}, b.all())
		assert.Equal(t, []int{1}, got, "before the third check")
		close(b.let)
		lane.Drain()
		flood.Drain()
		pool.Stop()
	})
}

// Pause is for any goroutine, while the submitter goes on.
func TestPauseComesFromAnybody(t *testing.T) {
	b := &batches{}
	pool := verify.NewPool(b.config(2, 64))
	var writers sync.WaitGroup
	for range 4 {
		lane := verify.NewLane(pool, func(int, error) {})
		stop := make(chan struct{})
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					lane.Pause()
				}
			}
		})
		writers.Go(func() {
			for n := range 2000 {
				lane.Submit(n, numbered(n))
				lane.Expect()
			}
			close(stop)
			lane.Drain()
		})
	}
	writers.Wait()
	assert.Zero(t, pool.Awaited())
	pool.Stop()
	total := 0
	for _, n := range b.sizes() {
		total += n
	}
	assert.Equal(t, 4*2000, total)
}
