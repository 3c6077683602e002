package mailbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/mailbox"

	"github.com/gennostr/gennostr/test/seed"
)

// sender is a LongOwner whose progress the test says.
type sender struct {
	took    time.Duration
	bytes   int64
	givenUp bool
}

func (s *sender) Progress() (time.Duration, int64) { return s.took, s.bytes }
func (s *sender) GiveUp()                          { s.givenUp = true }

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func isFreed(m *mailbox.LongMessage) bool {
	select {
	case <-m.Freed():
		return true
	default:
		return false
	}
}

func TestLongMessagesHoldTogetherNoMoreThanTheLimit(t *testing.T) {
	all := mailbox.NewLongMessages(100, time.Second)
	a, b := all.New(&sender{}), all.New(&sender{})
	require.True(t, a.Hold(60))
	require.True(t, b.Hold(40))
	assert.False(t, b.Hold(41))
	assert.EqualValues(t, 100, all.Held())
	require.True(t, a.Hold(50), "less is given back")
	assert.True(t, isFreed(b))
	require.True(t, b.Hold(41))
	assert.False(t, a.Hold(101), "more than the limit is never had")
	b.Release()
	assert.False(t, isFreed(a))
	a.Release()
	assert.Zero(t, all.Held())
}

func TestTheOldestWishComesFirst(t *testing.T) {
	all := mailbox.NewLongMessages(100, time.Second)
	a, b, c := all.New(&sender{}), all.New(&sender{}), all.New(&sender{})
	require.True(t, a.Hold(90))
	assert.False(t, b.Hold(50))
	assert.False(t, c.Hold(10), "it would fit, but does not overtake")
	a.Release()
	assert.True(t, isFreed(b))
	assert.True(t, isFreed(c))
	b.Release()
	c.Release()

	require.True(t, a.Hold(90))
	assert.False(t, b.Hold(50))
	assert.False(t, c.Hold(10))
	b.Release() // it has ended
	assert.True(t, isFreed(c), "those behind it move up")
}

func TestTheSlowestIsGivenUpWhereOthersWait(t *testing.T) {
	all := mailbox.NewLongMessages(100, time.Second)
	fast, slow := &sender{took: time.Second, bytes: 50}, &sender{took: time.Minute, bytes: 50}
	a, b, c := all.New(fast), all.New(slow), all.New(&sender{took: time.Millisecond, bytes: 1})
	require.True(t, a.Hold(50))
	require.True(t, b.Hold(50))
	all.CutSlowest(noon)
	assert.False(t, slow.givenUp, "nobody waits")

	assert.False(t, c.Hold(10))
	all.CutSlowest(noon)
	assert.True(t, slow.givenUp)
	all.CutSlowest(noon.Add(999 * time.Millisecond))
	assert.False(t, fast.givenUp, "the room of the last one is on its way")
	all.CutSlowest(noon.Add(time.Second))
	assert.True(t, fast.givenUp, "nobody is given up twice")
	b.Release()
	assert.True(t, isFreed(c))
}

// Two that wait for each other, and nobody else: the one that waits is asked too.
func TestOneOfTwoThatWaitForEachOtherIsGivenUp(t *testing.T) {
	all := mailbox.NewLongMessages(100, time.Second)
	first, second := &sender{took: time.Second, bytes: 50}, &sender{took: 2 * time.Second, bytes: 50}
	a, b := all.New(first), all.New(second)
	require.True(t, a.Hold(50))
	require.True(t, b.Hold(50))
	assert.False(t, a.Hold(60))
	assert.False(t, b.Hold(60))
	all.CutSlowest(noon)
	assert.False(t, first.givenUp)
	assert.True(t, second.givenUp)
	b.Release()
	assert.True(t, isFreed(a))
}

// Whatever happens, the books are right, and whoever waits has a reason to.
func booksAreRight(t *rapid.T) {
	all := mailbox.NewLongMessages(100, time.Second)
	members := make([]*mailbox.LongMessage, 5)
	held, wish := make([]int64, 5), make([]int64, 5)
	for i := range members {
		members[i] = all.New(&sender{})
	}
	for range 60 {
		i := rapid.IntRange(0, 4).Draw(t, "who")
		if rapid.Bool().Draw(t, "release") {
			members[i].Release()
			held[i], wish[i] = 0, 0
		} else if n := rapid.Int64Range(0, 120).Draw(t, "n"); members[i].Hold(n) {
			held[i], wish[i] = n, 0
		} else {
			wish[i] = n
		}
		for j, m := range members {
			if wish[j] > 0 && isFreed(m) {
				require.True(t, m.Hold(wish[j]), "what is freed is kept")
				held[j], wish[j] = wish[j], 0
			}
		}
		var sum int64
		for _, h := range held {
			sum += h
		}
		require.Equal(t, sum, all.Held())
		require.LessOrEqual(t, sum, int64(100))
		require.NoError(t, all.CheckInvariants())
	}
	for _, m := range members {
		m.Release()
	}
	require.Zero(t, all.Held())
}

func TestTheBooksOfLongMessagesAreRight(t *testing.T) { rapid.Check(t, booksAreRight) }

func FuzzTheBooksOfLongMessagesAreRight(f *testing.F) { seed.Fuzz(f, booksAreRight) }

// A message that has never been waited for, or has come in whole and waits for us,
// is not the slowest one, however long that takes.
func TestWhoeverWaitsForUsIsGivenUpLast(t *testing.T) {
	for range 20 { // holders are a map
		all := mailbox.NewLongMessages(100, time.Second)
		whole, still, drip := &sender{}, &sender{}, &sender{took: time.Minute, bytes: 50}
		a, b, c, d := all.New(whole), all.New(still), all.New(drip), all.New(&sender{})
		require.True(t, a.Hold(40))
		require.True(t, b.Hold(30))
		require.True(t, c.Hold(30))
		require.False(t, b.Hold(50))
		require.False(t, d.Hold(10))
		all.CutSlowest(noon)
		require.True(t, drip.givenUp)
		require.False(t, whole.givenUp || still.givenUp)
		all.CutSlowest(noon.Add(time.Second))
		require.True(t, still.givenUp, "what waits for more stands in the way of others that do")
		require.False(t, whole.givenUp)
		all.CutSlowest(noon.Add(2 * time.Second))
		require.True(t, whole.givenUp, "nothing else is left")
	}
}
