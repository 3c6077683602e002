package mailbox_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/mailbox"
)

// drain takes everything that is there.
func drain[T any](q *mailbox.Queue[T]) []T {
	var all []T
	for {
		v, ok := q.Next()
		if !ok {
			return all
		}
		all = append(all, v)
	}
}

// Also the proof by experiment that no wake-up is lost: the consumer waits on
// Wake whenever it finds nothing, and with few items per producer at a time it
// finds nothing very often.
func TestR29OrderPerProducerIsKeptAndNoWakeUpIsLost(t *testing.T) {
	type item struct{ producer, n int }
	for _, producers := range []int{1, 2, 8} {
		const each = 20_000
		q := mailbox.NewQueue[item]()
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				for n := range each {
					q.Put(item{p, n})
					if n%7 == p%7 {
						runtime.Gosched() // let the consumer run dry
					}
				}
			})
		}
		expected := make([]int, producers)
		deadline := time.After(patience)
		for taken := 0; taken < producers*each; {
			v, ok := q.Next()
			if !ok {
				select {
				case <-q.Wake():
				case <-deadline:
					require.FailNow(t, "a wake-up was lost", "%d of %d taken, %d waiting", taken, producers*each, q.Len())
				}
				continue
			}
			if v.n != expected[v.producer] {
				require.Equal(t, expected[v.producer], v.n, "producer %d", v.producer)
			}
			expected[v.producer]++
			taken++
		}
		wg.Wait()
		assert.Zero(t, q.Len())
	}
}

// Each Put finds the consumer between "found nothing" and "waits": the narrow
// place of every wake-up protocol.
func TestNoWakeUpIsLostWhenProducerAndConsumerTakeTurns(t *testing.T) {
	const rounds = 100_000
	there, back := mailbox.NewQueue[int](), mailbox.NewQueue[int]()
	take := func(q *mailbox.Queue[int], deadline <-chan time.Time) (int, bool) {
		for {
			if v, ok := q.Next(); ok {
				return v, true
			}
			select {
			case <-q.Wake():
			case <-deadline:
				return 0, false
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		deadline := time.After(patience)
		for range rounds {
			v, ok := take(there, deadline)
			if !ok {
				return
			}
			back.Put(v)
		}
	})
	deadline := time.After(patience)
	for n := range rounds {
		there.Put(n)
		v, ok := take(back, deadline)
		if !ok {
			assert.Fail(t, "a wake-up was lost", "in round %d", n)
			break
		}
		if v != n {
			assert.Equal(t, n, v)
			break
		}
	}
	wg.Wait()
}

func TestWakeServesAConsumerThatHasNotAskedYet(t *testing.T) {
	q := mailbox.NewQueue[string]()
	select {
	case <-q.Wake():
		assert.Fail(t, "an empty queue woke its consumer")
	default:
	}
	q.Put("a")
	<-q.Wake()
	assert.Equal(t, []string{"a"}, drain(q))
}

func TestABusyConsumerIsNotPokedForEveryItem(t *testing.T) {
	q := mailbox.NewQueue[int]()
	q.Put(1)
	<-q.Wake()
	q.Put(2)
	select {
	case <-q.Wake():
		assert.Fail(t, "the consumer had not been found waiting")
	default:
	}
	assert.Equal(t, []int{1, 2}, drain(q))
	q.Put(3)
	<-q.Wake()
}

func TestQueueInABubbleIdleConsumerIsDurablyBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mailbox.NewQueue[int]()
		var got []int
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				got = append(got, drain(q)...)
				select {
				case <-q.Wake():
				case <-stop:
					return
				}
			}
		}()
		for n := range 3 {
			synctest.Wait() // returns only because the consumer is blocked
			q.Put(n)
		}
		synctest.Wait()
		close(stop)
		<-done
		assert.Equal(t, []int{0, 1, 2}, got)
	})
}

func TestLenCountsWhatIsWaitingAndWhatIsUnlinked(t *testing.T) {
	q := mailbox.NewQueue[int]()
	for n := range 1000 {
		q.Put(n)
		require.Equal(t, n+1, q.Len())
	}
	for n := range 1000 {
		_, ok := q.Next()
		require.True(t, ok)
		require.Equal(t, 999-n, q.Len())
	}
}

func TestL10CloseReturnsTheRestInOrderOnceAndRefusesLaterPuts(t *testing.T) {
	q := mailbox.NewQueue[int]()
	for n := range 1000 {
		q.Put(n)
	}
	for range 13 { // in the middle of a chunk
		q.Next()
	}
	left := q.Close()
	require.Len(t, left, 987)
	for i, v := range left {
		require.Equal(t, i+13, v)
	}
	assert.False(t, q.Put(1))
	_, ok := q.Next()
	assert.False(t, ok)
	assert.Zero(t, q.Len())
	assert.Zero(t, q.Slots())
	assert.Nil(t, q.Close())
	q.Trim()

	assert.Nil(t, mailbox.NewQueue[int]().Close(), "nothing was left")
}

func TestL10CloseAgainstPutsAndTakesGivesEveryItemToExactlyOne(t *testing.T) {
	for round := range 300 {
		q := mailbox.NewQueue[int]()
		var producers, closer sync.WaitGroup
		var left []int
		var accepted [4]int
		begun := make(chan struct{}, len(accepted))
		for p := range accepted {
			producers.Go(func() {
				for n := 0; n < 2000 && q.Put(n*len(accepted)+p); n++ {
					accepted[p]++
					if n == round {
						begun <- struct{}{}
					}
				}
			})
		}
		stop := make(chan struct{})
		closer.Go(func() { <-begun; left = q.Close(); close(stop) })
		var mine []int
		for closed := false; !closed; {
			mine = append(mine, drain(q)...)
			select {
			case <-q.Wake():
			case <-stop:
				closed = true
			}
		}
		producers.Wait()
		closer.Wait()
		require.Empty(t, drain(q))

		all := append(mine, left...) // in this order: what is left is younger
		var seen [4]int
		for _, v := range all {
			p := v % len(seen)
			if v/len(seen) != seen[p] {
				require.Equal(t, seen[p], v/len(seen), "producer %d", p)
			}
			seen[p]++
		}
		require.Equal(t, accepted, seen)
	}
}

func TestTakenItemsAreNotPinned(t *testing.T) {
	type payload struct{ _ [64]byte }
	q := mailbox.NewQueue[*payload]()
	var taken []weak.Pointer[payload]
	for range 100 {
		p := new(payload)
		taken = append(taken, weak.Make(p))
		q.Put(p)
	}
	for range 95 { // leaves the last chunk in use
		q.Next()
	}
	runtime.GC()
	alive := 0
	for _, p := range taken {
		if p.Value() != nil {
			alive++
		}
	}
	assert.Equal(t, 5, alive, "what is still queued, and nothing else")
	assert.Len(t, q.Close(), 5)
	runtime.GC()
	for _, p := range taken {
		assert.Nil(t, p.Value(), "a closed queue pins nothing")
	}
	runtime.KeepAlive(q)
}

func TestR28TrimGivesBackWhatABurstLeft(t *testing.T) {
	q := mailbox.NewQueue[[2]int64]()
	for n := range int64(200_000) {
		q.Put([2]int64{n})
	}
	require.GreaterOrEqual(t, q.Slots(), 200_000)
	drain(q)
	assert.LessOrEqual(t, q.Slots(), q.MaxChunk(), "a burst leaves one chunk")
	q.Trim()
	assert.Zero(t, q.Slots())
	q.Put([2]int64{1})
	assert.LessOrEqual(t, q.Slots(), 8, "starts small again")
	assert.Len(t, drain(q), 1)
}

func TestR28TrimInTheMiddleLosesNothing(t *testing.T) {
	q := mailbox.NewQueue[int]()
	for n := range 100 {
		q.Put(n)
	}
	for n := range 100 {
		q.Trim()
		v, ok := q.Next()
		require.True(t, ok)
		require.Equal(t, n, v)
	}
	q.Trim()
	assert.Zero(t, q.Slots())
}

func TestAQueueThatHasBeenFarTooLargeShrinksOnItsOwn(t *testing.T) {
	q := mailbox.NewQueue[int]()
	for n := range 10_000 {
		q.Put(n)
	}
	drain(q)
	require.Equal(t, q.MaxChunk(), q.Slots())
	for n := range 200 {
		q.Put(n)
		drain(q)
	}
	assert.LessOrEqual(t, q.Slots(), 16)
}

func TestAChunkOfLargeItemsHasFewOfThem(t *testing.T) {
	assert.Equal(t, 16, mailbox.NewQueue[[4096]byte]().MaxChunk())
	assert.Equal(t, 512, mailbox.NewQueue[struct{}]().MaxChunk())
	q := mailbox.NewQueue[struct{}]()
	for range 2000 {
		q.Put(struct{}{})
	}
	assert.Len(t, drain(q), 2000)
}

func TestPutAndNextDoNotAllocateInTheSteadyState(t *testing.T) {
	q := mailbox.NewQueue[any]()
	msg := any("message")
	round := func() {
		for range 20 {
			q.Put(msg)
		}
		for range 20 {
			q.Next()
		}
	}
	for range 10 {
		round()
	}
	assert.Zero(t, testing.AllocsPerRun(100, round))
}
