package verify_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// Events of these numbers are of a relay that forges, and of one that does not.
const (
	forged = -1
	honest = 1
)

var errForged = errors.New("forged")

// tedious is a Check that takes so long for each event, and notes for whom.
type tedious struct {
	each map[int]time.Duration // immutable

	mu    sync.Mutex
	spent map[int]time.Duration // guarded by mu
	sizes map[int][]int         // guarded by mu: of the batches with such an event
}

func (c *tedious) config(workers, maxBatch int) verify.Config {
	return verify.Config{Workers: workers, MaxBatch: maxBatch, NewCheck: func() verify.Check { return c.check }}
}

func (c *tedious) check(events []*nostr.Event, errs []error) {
	n := number(events[0])
	took := time.Duration(0)
	for i, ev := range events {
		took += c.each[number(ev)]
		if number(ev) == forged {
			errs[i] = errForged
		}
	}
	time.Sleep(took)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent == nil {
		c.spent, c.sizes = map[int]time.Duration{}, map[int][]int{}
	}
	c.spent[n] += took
	c.sizes[n] = append(c.sizes[n], len(events))
}

// However much a forger sends, and however much it takes to find that out, those
// who are honest have nine tenths of the workers while they need them.
// Shows D27.
func TestSuspectsHaveATenthOfTheTimeWhileOthersWait(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			c := &tedious{each: map[int]time.Duration{forged: 100 * time.Microsecond, honest: 10 * time.Microsecond}}
			pool := verify.NewPool(c.config(workers, 64))
			forger := verify.NewLane(pool, func(int, error) {})
			good := verify.NewLane(pool, func(int, error) {})
			forger.Submit(0, numbered(forged))
			synctest.Wait()
			time.Sleep(time.Second)
			for range 20_000 {
				forger.Submit(0, numbered(forged))
			}
			for range 100_000 {
				good.Submit(0, numbered(honest))
			}
			good.Drain()
			c.mu.Lock()
			share := float64(c.spent[forged]) / float64(c.spent[forged]+c.spent[honest])
			c.mu.Unlock()
			assert.InDelta(t, 0.1, share, 0.02, "%d workers", workers)
			forger.Drain()
			assert.Zero(t, pool.Suspects())
			pool.Stop()
		})
	}
}

// When nobody else is there they have what they need, but for what a lone event needs.
func TestSuspectsThatAreAloneAreServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &tedious{each: map[int]time.Duration{forged: time.Millisecond, honest: time.Microsecond}}
		pool := verify.NewPool(c.config(4, 64))
		forger := verify.NewLane(pool, func(int, error) {})
		forge := func(events int) time.Duration {
			began := time.Now()
			for range events {
				forger.Submit(0, numbered(forged))
			}
			forger.Drain()
			return time.Since(began)
		}
		// Workers take events while they are submitted, so their batches may not come
		// out even, by one batch at most.
		uneven := float64(verify.SuspectBatch * time.Millisecond)
		forge(64)
		assert.InDelta(t, 160*time.Millisecond, forge(640), uneven, "on all workers")
		verify.NewLane(pool, func(int, error) {}).Submit(0, numbered(honest))
		time.Sleep(time.Hour)
		assert.InDelta(t, 320*time.Millisecond, forge(640), uneven, "on two of four")
		pool.Stop()
	})
}

// A lone event of a good relay never waits for more than what is being checked and
// what the suspects may have claim to, and where there are several workers not even for that.
// Shows D27.
func TestAGoodEventDoesNotWaitForSuspects(t *testing.T) {
	for _, test := range []struct {
		workers int
		most    time.Duration
	}{{1, 2 * verify.SuspectBatch * time.Millisecond}, {2, 0}, {3, 0}} {
		synctest.Test(t, func(t *testing.T) {
			c := &tedious{each: map[int]time.Duration{forged: time.Millisecond}}
			pool := verify.NewPool(c.config(test.workers, 1024))
			forger := verify.NewLane(pool, func(int, error) {})
			var came time.Time
			good := verify.NewLane(pool, func(int, error) { came = time.Now() })
			good.Submit(0, numbered(honest))
			forger.Submit(0, numbered(forged))
			synctest.Wait()
			time.Sleep(time.Second)
			for range 3000 {
				forger.Submit(0, numbered(forged))
			}
			for n := range 100 {
				time.Sleep(7 * time.Millisecond)
				began := time.Now()
				if n%2 == 0 {
					good.SubmitLone(0, numbered(honest))
				} else {
					good.Submit(0, numbered(honest))
				}
				good.Drain()
				require.LessOrEqual(t, came.Sub(began), test.most, "%d workers, event %d", test.workers, n)
			}
			forger.Drain()
			for _, size := range c.sizes[forged][1:] {
				require.LessOrEqual(t, size, verify.SuspectBatch)
			}
			pool.Stop()
		})
	}
}

// Nobody knows yet what a lane is worth that has just been opened, as a forger's is after
// every reconnect, or that has just reformed. So it puts few of its events into a
// batch that it shares, and more as they are accepted.
func TestANewLaneDoesNotSpoilAWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{}), refuse: func(ev *nostr.Event) error {
			if number(ev) == forged {
				return errForged
			}
			return nil
		}}
		const most = 1024
		pool := verify.NewPool(b.config(1, most))
		good := verify.NewLane(pool, func(int, error) {})
		newcomer := verify.NewLane(pool, func(int, error) {})
		submit := func(lane *verify.Lane[int], number, events int) {
			for range events {
				lane.Submit(0, numbered(number))
			}
		}
		submit(good, honest, 1)
		synctest.Wait()
		submit(newcomer, forged, 3000)
		submit(good, honest, 1)
		b.let <- struct{}{}
		synctest.Wait()
		second := b.all()[1]
		assert.LessOrEqual(t, len(second), verify.SuspectBatch+1)
		assert.True(t, slices.Contains(second, honest), "the good one does not wait")
		close(b.let)
		newcomer.Drain()

		submit(newcomer, honest, verify.SuspectFor) // it reforms
		newcomer.Drain()
		b.let = make(chan struct{})
		submit(good, honest, 1)
		synctest.Wait()
		submit(newcomer, forged, 3000)
		submit(good, honest, 1)
		before := len(b.all())
		close(b.let)
		newcomer.Drain()
		second = b.all()[before]
		assert.LessOrEqual(t, len(second), verify.SuspectBatch+1, "and now it is new again")
		assert.True(t, slices.Contains(second, honest), "the good one does not wait")
		good.Drain()
		pool.Stop()
	})
}

// Whoever is honest has whole batches soon, and at once if it is alone.
func TestAnHonestLaneSoonFillsItsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, company := range []bool{false, true} {
			b := &batches{let: make(chan struct{})}
			pool := verify.NewPool(b.config(1, 1024))
			lane, other := verify.NewLane(pool, func(int, error) {}), verify.NewLane(pool, func(int, error) {})
			if company { // and it keeps the worker until all is there
				other.Submit(0, numbered(0))
				synctest.Wait()
			}
			before := len(b.all())
			for n := range 5000 {
				lane.Submit(0, numbered(n+1))
			}
			close(b.let)
			lane.Drain()
			other.Drain()
			sizes := b.sizes()[before:]
			if company {
				assert.Equal(t, []int{16, 16, 32, 64, 128, 256, 512, 1024, 1024}, sizes[:9])
			} else {
				assert.LessOrEqual(t, len(sizes), 10)
			}
			pool.Stop()
		}
	})
}

// A suspect that has more at hand is not waited for.
func TestNobodyWaitsForASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{refuse: func(ev *nostr.Event) error {
			if number(ev) == forged {
				return errForged
			}
			return nil
		}}
		pool := verify.NewPool(b.config(1, 2000))
		forger, good := verify.NewLane(pool, func(int, error) {}), verify.NewLane(pool, func(int, error) {})
		forger.Submit(0, numbered(forged))
		forger.Drain()
		forger.Expect()
		good.Submit(0, numbered(honest))
		synctest.Wait()
		require.Equal(t, []int{1, 1}, b.sizes())
		for range verify.SuspectFor { // it reforms
			forger.Submit(0, numbered(honest))
		}
		synctest.Wait()
		require.Equal(t, 1, pool.Awaited())
		before := len(b.all())
		good.Submit(0, numbered(honest))
		synctest.Wait()
		require.Len(t, b.all(), before)
		forger.Drain()
		good.Drain()
		pool.Stop()
	})
}

// What waits of a lane that turns out to forge, and of one that has reformed, is
// checked all the same, whoever waits beside it.
func TestL12LanesThatForgeNowAndThenKeepTheirOrdersAndVerdicts(t *testing.T) {
	const lanes, each = 8, 4000
	for _, workers := range []int{1, 2, 4} {
		pool := verify.NewPool(verify.Config{Workers: workers, MaxBatch: 64, NewCheck: func() verify.Check {
			return func(events []*nostr.Event, errs []error) {
				for i, ev := range events {
					if number(ev) == forged {
						errs[i] = errForged
					}
				}
			}
		}})
		var submitters sync.WaitGroup
		for l := range lanes {
			submitters.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(l), 7))
				next, bad := 0, make([]bool, each)
				lane := verify.NewLane(pool, func(n int, err error) {
					if n != next || (err != nil) != bad[n] {
						t.Errorf("lane %d: item %d, %v, after %d", l, n, err, next-1)
					}
					next++
				})
				for n := range each {
					number := honest
					if l%2 == 0 && (n < 100 || n > 3000) && rng.IntN(20) == 0 {
						number, bad[n] = forged, true
					}
					switch rng.IntN(30) {
					case 0:
						lane.Pause()
						lane.SubmitLone(n, numbered(number))
					case 1:
						lane.SubmitRepeat(n, numbered(number))
					default:
						lane.Submit(n, numbered(number))
					}
					lane.Expect()
					if n%64 == 0 {
						lane.Round()
					}
				}
				lane.Drain()
				if next != each {
					t.Errorf("lane %d: %d delivered", l, next)
				}
			})
		}
		submitters.Wait()
		assert.Zero(t, pool.Awaited())
		assert.Zero(t, pool.Waiting())
		pool.Stop()
	}
}

// Stop empties the suspects' queue too, and on as many workers as there are.
func TestL10StopChecksWhatSuspectsHaveSubmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &tedious{each: map[int]time.Duration{forged: time.Millisecond, honest: time.Millisecond}}
		pool := verify.NewPool(c.config(2, 64))
		refused := 0
		forger := verify.NewLane(pool, func(_ int, err error) { refused++ })
		good := verify.NewLane(pool, func(int, error) {})
		forger.Submit(0, numbered(forged))
		good.Submit(0, numbered(honest))
		time.Sleep(time.Second)
		for range 200 {
			forger.Submit(0, numbered(forged))
			good.Submit(0, numbered(honest))
		}
		pool.Stop()
		assert.Equal(t, 201, refused)
		assert.Zero(t, pool.Waiting())
	})
}
