package mailbox_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/mailbox"
)

// poked reads the token of a window, if there is one.
func poked(w *mailbox.Window) bool {
	select {
	case <-w.Freed():
		return true
	default:
		return false
	}
}

func TestR30WindowCapsMessagesAndBytes(t *testing.T) {
	w := mailbox.NewWindow(3, 100, nil)
	assert.True(t, w.Reserve(10))
	assert.True(t, w.Reserve(10))
	assert.False(t, w.Reserve(81), "bytes")
	assert.True(t, w.Reserve(80), "exactly full")
	assert.False(t, w.Reserve(0), "messages")
	messages, bytes := w.Used()
	assert.Equal(t, 3, messages)
	assert.EqualValues(t, 100, bytes)
}

func TestR30AnEmptyWindowAdmitsOneMessageHoweverLarge(t *testing.T) {
	w := mailbox.NewWindow(0, 0, mailbox.NewBudget(0))
	assert.True(t, w.Reserve(1<<30))
	assert.False(t, w.Reserve(0))
	w.Release(1 << 30)
	assert.True(t, poked(w))
	assert.True(t, w.Reserve(0))
}

func TestRouseWakesWhoeverWaitsAndPromisesNothing(t *testing.T) {
	w := mailbox.NewWindow(1, 100, nil)
	w.Rouse()
	require.True(t, w.Reserve(1), "nobody has waited yet")
	require.False(t, w.Reserve(1))
	assert.False(t, poked(w), "what was before the wait is over")
	w.Rouse()
	assert.True(t, poked(w))
	assert.False(t, w.Reserve(1), "there is as much room as before")
	w.Release(1)
	assert.True(t, poked(w), "and still a wish")
}

func TestR30BudgetCapsAllWindowsTogether(t *testing.T) {
	b := mailbox.NewBudget(100)
	x, y := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b)
	assert.True(t, x.Reserve(60))
	assert.False(t, y.Reserve(50), "an empty window is no exception to a budget in use")
	assert.EqualValues(t, 60, b.Used())
	x.Release(60)
	assert.True(t, poked(y), "another window's release")
	assert.True(t, y.Reserve(50))
	assert.EqualValues(t, 50, b.Used())
}

func TestR30AnEmptyBudgetAdmitsOneMessageHoweverLarge(t *testing.T) {
	b := mailbox.NewBudget(100)
	x, y := mailbox.NewWindow(10, 1000, b), mailbox.NewWindow(10, 1000, b)
	require.True(t, y.Reserve(1))
	assert.False(t, x.Reserve(500))
	y.Release(1)
	assert.True(t, poked(x))
	assert.True(t, x.Reserve(500))
	assert.False(t, y.Reserve(1))
	x.Release(500)
	assert.True(t, poked(y))
}

func TestAWindowIsPokedWhenItsWishFitsAndNotBefore(t *testing.T) {
	w := mailbox.NewWindow(10, 100, nil)
	for range 10 {
		require.True(t, w.Reserve(10))
	}
	require.False(t, w.Reserve(30))
	w.Release(10)
	w.Release(10)
	assert.False(t, poked(w))
	w.Release(10)
	assert.True(t, poked(w))
	assert.True(t, w.Reserve(30))
	w.Release(10)
	assert.False(t, poked(w), "there is no wish any more")
}

func TestWaitingWindowsAreWokenInTheOrderInWhichTheyCame(t *testing.T) {
	b := mailbox.NewBudget(10)
	holder := mailbox.NewWindow(100, 100, b)
	for range 10 {
		require.True(t, holder.Reserve(1))
	}
	windows := make([]*mailbox.Window, 5)
	for i := range windows {
		windows[i] = mailbox.NewWindow(10, 100, b)
		require.False(t, windows[i].Reserve(2))
	}
	for i, w := range windows {
		holder.Release(1)
		assert.False(t, poked(w))
		holder.Release(1)
		for j, other := range windows {
			assert.Equal(t, j == i, poked(other), "window %d after %d releases", j, 2*i+2)
		}
	}
	for i := len(windows) - 1; i >= 0; i-- {
		assert.True(t, windows[i].Reserve(2), "promised room waits, whoever comes first")
	}
}

func TestNobodyTakesPromisedRoomOrOvertakesTheQueue(t *testing.T) {
	b := mailbox.NewBudget(100)
	holder, large, small := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b)
	require.True(t, holder.Reserve(50))
	require.True(t, holder.Reserve(40))
	require.False(t, large.Reserve(60))
	assert.False(t, small.Reserve(5), "10 bytes are free, but somebody is waiting")
	assert.False(t, small.Reserve(5), "asking again does not help")
	holder.Release(50)
	require.True(t, poked(large))
	assert.False(t, poked(small))
	assert.False(t, small.Reserve(5))
	assert.False(t, holder.Reserve(1), "60 bytes are free, all promised")
	require.True(t, large.Reserve(60))
	assert.EqualValues(t, 100, b.Used())
	holder.Release(40)
	assert.True(t, poked(small))
}

func TestALargeWishIsNotStarvedBySmallOnes(t *testing.T) {
	b := mailbox.NewBudget(100)
	large := mailbox.NewWindow(10, 100, b)
	small := make([]*mailbox.Window, 10)
	for i := range small {
		small[i] = mailbox.NewWindow(10, 100, b)
		require.True(t, small[i].Reserve(10))
	}
	require.False(t, large.Reserve(95))
	for _, w := range small { // each wants the room again as soon as it has given it back
		w.Release(10)
		w.Reserve(10)
	}
	require.True(t, poked(large))
	require.True(t, large.Reserve(95))
}

func TestRoomBeyondThePromisesIsForEverybody(t *testing.T) {
	b := mailbox.NewBudget(100)
	holder, waiter, newcomer := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b)
	require.True(t, holder.Reserve(90))
	require.False(t, waiter.Reserve(20))
	holder.Release(90)
	assert.True(t, newcomer.Reserve(80))
	assert.False(t, newcomer.Reserve(1))
	assert.True(t, waiter.Reserve(20))
}

func TestL10AbandonPassesThePromiseOn(t *testing.T) {
	b := mailbox.NewBudget(10)
	holder, first, second := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b)
	require.True(t, holder.Reserve(5))
	require.True(t, holder.Reserve(5))
	require.False(t, first.Reserve(8))
	require.False(t, second.Reserve(5))
	holder.Release(5)
	require.False(t, poked(second), "it is behind the first")
	first.Abandon()
	assert.True(t, poked(second), "a queued wish is withdrawn")
	second.Abandon()
	second.Abandon()
	assert.True(t, holder.Reserve(5), "a promise is withdrawn")
	holder.Abandon()
	assert.EqualValues(t, 10, b.Used(), "reservations are not withdrawn")
}

func TestAbandonWithdrawsAWishForTheWindowItself(t *testing.T) {
	w := mailbox.NewWindow(1, 100, nil)
	require.True(t, w.Reserve(1))
	require.False(t, w.Reserve(1))
	w.Abandon()
	w.Release(1)
	assert.False(t, poked(w))
}

func TestAWishOfAnotherSizeReplacesTheFormer(t *testing.T) {
	b := mailbox.NewBudget(100)
	holder, w, other := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b), mailbox.NewWindow(10, 100, b)
	require.True(t, holder.Reserve(50))
	require.True(t, holder.Reserve(45))
	require.False(t, w.Reserve(60))
	require.False(t, other.Reserve(50))
	assert.False(t, w.Reserve(5), "it fits, but its place in the queue went with the former wish")
	assert.False(t, poked(other), "first now, but too large")
	other.Abandon()
	assert.True(t, poked(w))
	assert.True(t, w.Reserve(5))
	assert.EqualValues(t, 100, b.Used())
}

func TestLiftSuspendsTheLimitsUpToItsOwn(t *testing.T) {
	b := mailbox.NewBudget(100)
	holder, w := mailbox.NewWindow(10, 100, b), mailbox.NewWindow(1, 10, b)
	require.True(t, w.Reserve(10))
	require.True(t, holder.Reserve(90))
	require.False(t, w.Reserve(20))
	w.Lift(25)
	assert.False(t, poked(w))
	w.Lift(50)
	assert.True(t, poked(w), "a wish that waited for the window")
	require.True(t, w.Reserve(20))
	require.True(t, w.Reserve(20))
	assert.False(t, w.Reserve(20), "beyond the hard cap")
	w.Release(20)
	assert.True(t, poked(w), "a release makes room under the cap")
	w.Lift(0)
	assert.False(t, w.Reserve(20))
	assert.EqualValues(t, 120, b.Used(), "what was reserved counts")
	w.Release(10)
	w.Release(20)
	assert.True(t, poked(w), "the window is empty")
	assert.False(t, w.Reserve(20), "but the budget is not")
	w.Lift(50)
	assert.True(t, poked(w), "a wish that waited for the budget")
	w.Lift(0)
	assert.False(t, w.Reserve(20), "the poke came too late")
	holder.Release(90)
	assert.True(t, poked(w))
	assert.True(t, w.Reserve(20))
}

func TestLiftDoesNotAdmitEmptyMessagesWhenItIsOff(t *testing.T) {
	w := mailbox.NewWindow(1, 10, nil)
	require.True(t, w.Reserve(0))
	assert.False(t, w.Reserve(0))
}

func TestReleasingWhatWasNotReservedPanics(t *testing.T) {
	w := mailbox.NewWindow(10, 100, nil)
	assert.Panics(t, func() { w.Release(0) })
	assert.Panics(t, func() { w.Reserve(-1) })
	require.True(t, w.Reserve(5))
	assert.Panics(t, func() { w.Release(6) })
	assert.Panics(t, func() { w.Release(-1) })
	w.Release(5)
}

// Many readers share a tight budget; their messages are released elsewhere. If
// a wake-up were lost, a reader would never finish.
func TestR30ReadersOnATightBudgetAllFinishAndNeverExceedIt(t *testing.T) {
	const readers, each, limit = 12, 3000, 500
	type message struct {
		w     *mailbox.Window
		bytes int
	}
	b := mailbox.NewBudget(limit)
	q := mailbox.NewQueue[message]()
	var wg sync.WaitGroup
	for r := range readers {
		w := mailbox.NewWindow(1+r, 120, b)
		wg.Go(func() {
			defer w.Abandon()
			rng := rand.New(rand.NewPCG(uint64(r), 3))
			deadline := time.After(patience)
			for n := range each {
				bytes := rng.IntN(150) // sometimes more than the window's limit
				for !w.Reserve(bytes) {
					select {
					case <-w.Freed():
					case <-deadline:
						assert.Fail(t, "a wake-up was lost", "reader %d at message %d", r, n)
						return
					}
				}
				q.Put(message{w, bytes})
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var peak int64
	for handled, finished := 0, false; !finished; {
		m, ok := q.Next()
		if ok {
			peak = max(peak, b.Used())
			m.w.Release(m.bytes)
			handled++
			continue
		}
		select {
		case <-q.Wake():
		case <-done:
			finished = q.Len() == 0
		}
	}
	assert.LessOrEqual(t, peak, int64(limit))
	assert.Zero(t, b.Used())
}

func TestWindowInABubbleWaitingReaderIsDurablyBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := mailbox.NewWindow(1, 10, mailbox.NewBudget(10))
		require.True(t, w.Reserve(1))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for !w.Reserve(2) {
				<-w.Freed()
			}
		}()
		synctest.Wait()
		w.Release(1)
		<-done
		_, bytes := w.Used()
		assert.EqualValues(t, 2, bytes)
	})
}

// DESIGN 3.13: what lifted windows take beyond their limits is bounded together.
// Shows D09.
func TestLiftedWindowsShareOneExtraBudget(t *testing.T) {
	b := mailbox.NewBudget(100)
	var windows [4]*mailbox.Window
	for i := range windows {
		windows[i] = mailbox.NewWindow(10, 40, b)
	}
	require.True(t, windows[0].Reserve(40))
	require.False(t, windows[0].Reserve(20), "its window is full")
	windows[0].Lift(1000)
	require.True(t, windows[0].Reserve(60))
	windows[1].Lift(1000)
	require.True(t, windows[1].Reserve(40), "its own window has room, and the budget")
	require.True(t, windows[1].Reserve(40), "the rest of the extra budget")
	assert.EqualValues(t, 180, b.Used())
	require.False(t, windows[1].Reserve(10), "the extra budget has none")
	require.True(t, windows[2].Reserve(20), "what the lifted ones take is not taken from the others")
	windows[0].Release(60)
	<-windows[1].Freed()
	require.True(t, windows[1].Reserve(10))
	for range 3 {
		windows[1].Lift(0)
	}
	require.NoError(t, b.CheckInvariants(windows[:]))
	windows[1].Release(40)
	windows[1].Release(40)
	windows[1].Release(10)
	windows[0].Release(40)
	windows[2].Release(20)
	assert.Zero(t, b.Used())
}

func TestTheLimitsOfAWindowCanBeChanged(t *testing.T) {
	w := mailbox.NewWindow(1, 100, nil)
	require.True(t, w.Reserve(10))
	require.False(t, w.Reserve(10))
	w.Limit(2, 100)
	assert.True(t, poked(w))
	require.True(t, w.Reserve(10))
	w.Limit(1, 100)
	w.Release(10)
	assert.False(t, w.Reserve(10), "what is reserved counts")
	w.Release(10)
	assert.True(t, w.Reserve(10))
}
