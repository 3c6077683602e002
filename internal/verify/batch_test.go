package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// batches is a Check that notes its batches, each held up until let is sent to or closed.
type batches struct {
	let    chan struct{}
	refuse func(*nostr.Event) error

	mu   sync.Mutex
	seen [][]int // guarded by mu: the numbers of each batch
}

func (b *batches) config(workers, maxBatch int) verify.Config {
	return verify.Config{Workers: workers, MaxBatch: maxBatch, NewCheck: func() verify.Check { return b.check }}
}

func (b *batches) check(events []*nostr.Event, errs []error) {
	var numbers []int
	for i, ev := range events {
		numbers = append(numbers, number(ev))
		if b.refuse != nil {
			errs[i] = b.refuse(ev)
		}
	}
	b.mu.Lock()
	b.seen = append(b.seen, numbers)
	b.mu.Unlock()
	if b.let != nil {
		<-b.let
	}
}

func (b *batches) all() [][]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

// sizes of the batches so far.
func (b *batches) sizes() (list []int) {
	for _, batch := range b.all() {
		list = append(list, len(batch))
	}
	return list
}

// Shows D25.
func TestWhatWaitsBecomesABatchAndALoneEventDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{})}
		pool := verify.NewPool(b.config(1, 100))
		var got []int
		lane := verify.NewLane(pool, func(n int, err error) { got = append(got, n) })
		lane.Submit(0, numbered(0))
		synctest.Wait()
		assert.Equal(t, [][]int{{0}}, b.all(), "nobody waits for company")
		for n := range 250 {
			lane.Submit(n+1, numbered(n+1))
		}
		lane.Submit(251, nil)
		close(b.let)
		lane.Drain()
		pool.Stop()
		assert.Equal(t, []int{1, 100, 100, 50}, b.sizes())
		assert.Equal(t, 252, len(got))
		assert.True(t, slices.IsSorted(got))
	})
}

func TestABatchTakesWhatWaitsInAllLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{})}
		pool := verify.NewPool(b.config(1, 64))
		var lanes []*verify.Lane[int]
		delivered := make([][]int, 10)
		for l := range delivered {
			lanes = append(lanes, verify.NewLane(pool, func(n int, _ error) { delivered[l] = append(delivered[l], n) }))
		}
		lanes[0].Submit(-1, numbered(-1)) // keeps the worker busy
		synctest.Wait()
		for l, lane := range lanes {
			for n := range 5 {
				lane.Submit(n, numbered(l))
			}
		}
		close(b.let)
		for _, lane := range lanes {
			lane.Drain()
		}
		pool.Stop()
		assert.Equal(t, []int{1, 50}, b.sizes())
		for l, got := range delivered {
			if l == 0 {
				got = got[1:]
			}
			assert.Equal(t, []int{0, 1, 2, 3, 4}, got)
		}
	})
}

// Shows D25.
func TestWorkersShareWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{})}
		pool := verify.NewPool(b.config(2, 512))
		lane := verify.NewLane(pool, func(int, error) {})
		lane.Submit(0, numbered(0))
		synctest.Wait()
		lane.Submit(1, numbered(1))
		synctest.Wait()
		require.Equal(t, []int{1, 1}, b.sizes(), "both are busy")
		for n := range 1000 {
			lane.Submit(n, numbered(n))
		}
		b.let <- struct{}{}
		synctest.Wait()
		b.let <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 1, 512, 488}, b.sizes(), "a whole batch of a stream, then what is left, for nobody else is free")
		close(b.let)
		lane.Drain()
		pool.Stop()
		assert.Equal(t, []int{1, 1, 512, 488}, b.sizes())
	})
}

// A worker that has checked events of several lanes leaves it to others to deliver
// some of them: one lane's delivery does not wait for another's.
func TestTheLanesOfABatchAreDeliveredByAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{})}
		pool := verify.NewPool(b.config(2, 64))
		delivered, goOn := 0, make(chan struct{})
		var mu sync.Mutex
		deliver := func(int, error) { // a test may do what the rules forbid
			mu.Lock()
			delivered++
			mu.Unlock()
			<-goOn
		}
		first := verify.NewLane(pool, func(int, error) {})
		first.Submit(0, numbered(0))
		synctest.Wait()
		first.Submit(1, numbered(1))
		synctest.Wait()
		require.Equal(t, []int{1, 1}, b.sizes(), "both are busy")
		one, other := verify.NewLane(pool, deliver), verify.NewLane(pool, deliver)
		one.Submit(0, numbered(2))
		other.Submit(0, numbered(3))
		b.let <- struct{}{} // one takes both
		synctest.Wait()
		require.Equal(t, []int{1, 1, 2}, b.sizes())
		b.let <- struct{}{} // to whom has waited longer
		synctest.Wait()
		require.Equal(t, 1, pool.Idle())
		b.let <- struct{}{}
		synctest.Wait()
		mu.Lock()
		assert.Equal(t, 2, delivered)
		mu.Unlock()
		close(goOn)
		pool.Stop()
	})
}

// Five relays send the same event at once: it is checked once, and all get the verdict.
func TestAnEventThatIsBeingCheckedIsNotCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forged := errors.New("forged")
		b := &batches{let: make(chan struct{}), refuse: func(ev *nostr.Event) error {
			if number(ev) == 7 {
				return forged
			}
			return nil
		}}
		pool := verify.NewPool(b.config(2, 64))
		genuine, bad := numbered(1), numbered(7)
		other := *genuine
		other.Sig[0]++ // another signature is another question
		var lanes []*verify.Lane[int]
		verdicts := make([][]error, 5)
		for l := range verdicts {
			lanes = append(lanes, verify.NewLane(pool, func(_ int, err error) { verdicts[l] = append(verdicts[l], err) }))
			lanes[l].Expect() // one worker takes both, and the other one is free for those who come later
			lanes[l].Submit(0, genuine)
			lanes[l].Submit(1, bad)
			lanes[l].Pause()
			synctest.Wait()
		}
		lanes[0].Submit(2, &other)
		lanes[0].Submit(3, genuine)
		synctest.Wait()
		close(b.let)
		for _, lane := range lanes {
			lane.Drain()
		}
		pool.Stop()
		counts := map[int]int{}
		for _, batch := range b.all() {
			for _, n := range batch {
				counts[n]++
			}
		}
		assert.Equal(t, 1, counts[7])
		assert.GreaterOrEqual(t, counts[1], 2, "and the other signature")
		for l, got := range verdicts {
			require.GreaterOrEqual(t, len(got), 2)
			assert.NoError(t, got[0])
			assert.Equal(t, forged, got[1], l)
		}
		assert.Len(t, verdicts[0], 4)
	})
}

// A relay that has sent a bad signature is checked apart until it has been
// honest for long: what finding the bad ones costs, it pays alone.
func TestALaneWithABadSignatureIsKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("bad")
		b := &batches{let: make(chan struct{}), refuse: func(ev *nostr.Event) error {
			if number(ev) == -1 {
				return bad
			}
			return nil
		}}
		pool := verify.NewPool(b.config(1, 2048))
		liar := verify.NewLane(pool, func(int, error) {})
		honest := verify.NewLane(pool, func(int, error) {})
		other := verify.NewLane(pool, func(int, error) {})
		honestFirst := false // whose batch might take the other's events along
		mixed := func(n int) (together bool) {
			before := len(b.all())
			other.Submit(0, numbered(3)) // keeps the worker busy
			synctest.Wait()
			for range n {
				if honestFirst {
					honest.Submit(0, numbered(1))
				}
				liar.Submit(0, numbered(2))
				if !honestFirst {
					honest.Submit(0, numbered(1))
				}
			}
			for waiting := true; waiting; synctest.Wait() {
				select {
				case b.let <- struct{}{}:
				default:
					waiting = false
				}
			}
			for _, batch := range b.all()[before:] {
				together = together || slices.Contains(batch, 1) && slices.Contains(batch, 2)
			}
			return together
		}
		require.True(t, mixed(10), "as long as both are honest")
		liar.Submit(0, numbered(-1))
		synctest.Wait()
		b.let <- struct{}{}
		synctest.Wait()
		assert.False(t, mixed(10))
		honestFirst = true
		assert.False(t, mixed(10))
		honestFirst = false
		assert.False(t, mixed(1004))
		assert.True(t, mixed(10), "1,024 genuine events later")
		close(b.let)
		pool.Stop()
	})
}

func TestAPanicInABatchLetsNoneOfItPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		pool := verify.NewPool(verify.Config{Workers: 1, MaxBatch: 10, NewCheck: func() verify.Check {
			return func(events []*nostr.Event, errs []error) {
				if calls++; calls == 2 {
					panic(errors.ErrUnsupported)
				}
			}
		}})
		var errs []error
		lane := verify.NewLane(pool, func(_ int, err error) { errs = append(errs, err) })
		lane.Submit(0, numbered(0))
		for n := range 10 {
			lane.Submit(n, numbered(n))
		}
		lane.Drain()
		lane.Submit(11, numbered(11))
		lane.Drain()
		pool.Stop()
		refused := 0
		for _, err := range errs {
			var panicked *verify.PanicError
			if errors.As(err, &panicked) {
				assert.ErrorIs(t, err, errors.ErrUnsupported)
				refused++
			}
		}
		assert.Positive(t, refused)
		assert.NoError(t, errs[len(errs)-1], "the worker lives on")
		assert.Len(t, errs, 12)
	})
}

// t.FailNow in a user's verifier ends the worker's goroutine. That costs the events
// of that batch, and neither a lane nor Stop waits for ever.
func TestACheckThatEndsItsGoroutineCostsItsBatchOnly(t *testing.T) {
	for _, confined := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			one := func(ev *nostr.Event) error {
				if number(ev)%3 == 1 {
					runtime.Goexit()
				}
				return nil
			}
			pool := verify.NewPool(verify.Config{Workers: 2, MaxBatch: 1, NewCheck: func() verify.Check {
				if confined {
					return verify.Each(one)
				}
				return func(events []*nostr.Event, errs []error) { errs[0] = one(events[0]) }
			}})
			var got []error
			lane := verify.NewLane(pool, func(_ int, err error) { got = append(got, err) })
			for n := range 30 {
				lane.Submit(n, numbered(n))
			}
			lane.Drain()
			require.Len(t, got, 30)
			for n, err := range got {
				var panicked *verify.PanicError
				assert.Equal(t, n%3 == 1, errors.As(err, &panicked), "%d: %v", n, err)
				assert.Equal(t, n%3 != 1, err == nil, "%d: %v", n, err)
			}
			assert.ErrorContains(t, got[1], "Goexit")
			assert.Equal(t, 2, pool.Workers())

			lane.Submit(30, numbered(1))
			lane.Submit(31, numbered(1))
			pool.Stop() // joins those who take their places, too
			assert.Len(t, got, 32)
		})
	}
}

// Many lanes with the same events, in different orders, some refused: every
// lane gets every verdict in its own order, and the right one.
func TestL12LanesThatShareEventsKeepTheirOrdersAndVerdicts(t *testing.T) {
	const lanes, each = 8, 2000
	var checks atomic.Int64
	pool := verify.NewPool(verify.Config{Workers: 4, MaxBatch: 64, NewCheck: func() verify.Check {
		return func(events []*nostr.Event, errs []error) {
			checks.Add(int64(len(events)))
			for i, ev := range events {
				if number(ev)%7 == 0 {
					errs[i] = fmt.Errorf("refused %d", number(ev))
				}
			}
		}
	}})
	events := make([]*nostr.Event, each)
	for n := range events {
		events[n] = numbered(n)
	}
	var readers sync.WaitGroup
	for l := range lanes {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(l), 2))
			order := rng.Perm(each)
			if l%2 == 0 {
				slices.Sort(order) // in step with each other
			}
			var got []int
			lane := verify.NewLane(pool, func(n int, err error) {
				if want := n%7 == 0; (err != nil) != want {
					t.Errorf("lane %d, event %d: %v", l, n, err)
				} else if err != nil && err.Error() != fmt.Sprintf("refused %d", n) {
					t.Errorf("lane %d, event %d: %v", l, n, err)
				}
				got = append(got, n)
			})
			for _, n := range order {
				lane.Submit(n, events[n])
			}
			lane.Drain()
			if !slices.Equal(order, got) {
				t.Errorf("lane %d: not the order of submission", l)
			}
		})
	}
	readers.Wait()
	pool.Stop()
	assert.LessOrEqual(t, checks.Load(), int64(lanes*each))
}
