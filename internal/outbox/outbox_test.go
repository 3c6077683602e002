package outbox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outbox"

	"github.com/gennostr/gennostr/test/seed"
)

func TestAWriterIsStartedOnceAndEndsWhenNothingIsLeft(t *testing.T) {
	q := outbox.New[string](3)
	start, ok := q.Put([]byte("a"), "A")
	assert.True(t, start && ok)
	start, ok = q.Put([]byte("b"), "B")
	assert.True(t, !start && ok)
	for _, want := range []string{"a", "b"} {
		frames := q.Next(nil, 1)
		require.Len(t, frames, 1)
		assert.Equal(t, want, string(frames[0]))
		q.Written(1)
	}
	assert.True(t, q.Writing())
	assert.Empty(t, q.Next(nil, 1))
	assert.False(t, q.Writing())
	start, _ = q.Put([]byte("c"), "C")
	assert.True(t, start)
}

func TestTheWriterTakesAsManyAsFit(t *testing.T) {
	q := outbox.New[string](5)
	for _, frame := range []string{"aaaa", "bb", "c", "dddd", "e"} {
		q.Put([]byte(frame), frame)
	}
	taken := func(bytes int) (list []string) {
		for _, frame := range q.Next(nil, bytes) {
			list = append(list, string(frame))
		}
		return list
	}
	assert.Equal(t, []string{"aaaa"}, taken(3), "one at least")
	assert.Equal(t, []string{"aaaa", "bb", "c"}, taken(7))
	assert.Equal(t, []string{"aaaa", "bb", "c"}, taken(10), "none is left out for a shorter one")
	q.Written(2)
	assert.Equal(t, []string{"c", "dddd", "e"}, taken(100))
	q.Written(2)
	assert.Len(t, q.Unsent(), 1)
}

func TestTheOneThatIsBeingWrittenCountsAndIsUnsent(t *testing.T) {
	q := outbox.New[string](2)
	q.Put([]byte("a"), "A")
	q.Put([]byte("b"), "B")
	q.Next(nil, 1)
	_, ok := q.Put([]byte("c"), "C")
	assert.False(t, ok)
	assert.True(t, q.Full())
	var unsent []string
	for _, item := range q.Unsent() {
		unsent = append(unsent, item.Message)
	}
	assert.Equal(t, []string{"A", "B"}, unsent)
	assert.Empty(t, q.Unsent())
}

// What the library has to say is not refused, and an AUTH does not wait for what waits.
func TestOwnMessagesInAFullQueue(t *testing.T) {
	q := outbox.New[string](1)
	assert.True(t, q.First([]byte("0"), "0"))
	q.Next(nil, 1) // it is being written
	_, ok := q.Put([]byte("a"), "A")
	assert.False(t, ok)
	assert.False(t, q.Own([]byte("b"), "B"))
	assert.False(t, q.First([]byte("c"), "C"))
	for _, want := range []string{"0", "c", "b"} {
		frames := q.Next(nil, 1)
		require.Len(t, frames, 1)
		assert.Equal(t, want, string(frames[0]))
		q.Written(1)
	}
	assert.Empty(t, q.Next(nil, 1))
}

func TestTheFirstGoesBehindWhatIsBeingWritten(t *testing.T) {
	q := outbox.New[string](5)
	for _, frame := range []string{"a", "b", "c"} {
		q.Put([]byte(frame), frame)
	}
	require.Len(t, q.Next(nil, 2), 2)
	q.First([]byte("1"), "1")
	q.Written(2)
	assert.Equal(t, [][]byte{[]byte("1"), []byte("c")}, q.Next(nil, 100))
	q.Written(1)
	q.First([]byte("2"), "2")
	assert.Equal(t, [][]byte{[]byte("2"), []byte("c")}, q.Next(nil, 100))
}

func TestDrain(t *testing.T) {
	q := outbox.New[string](2)
	select {
	case <-q.Drain():
	default:
		assert.Fail(t, "there is nothing to write")
	}
	q.Put([]byte("a"), "A")
	drained := q.Drain()
	q.Next(nil, 1)
	q.Written(1)
	select {
	case <-drained:
		assert.Fail(t, "the writer has not looked yet")
	default:
	}
	q.Next(nil, 1)
	<-drained
}

// Whatever the writer's pace: what was accepted is written in order, or unsent, once.
func nothingIsLost(t *rapid.T) {
	q := outbox.New[int](4)
	var accepted, seen []int
	writer := false
	for n := range 100 {
		if rapid.Bool().Draw(t, "put") {
			start, ok := q.Put([]byte{byte(n)}, n)
			require.Equal(t, ok, q.Len() > 0 && q.Len() <= 4 && len(accepted)-len(seen) < 4)
			if ok {
				accepted = append(accepted, n)
				require.Equal(t, !writer, start)
				writer = true
			}
		} else if writer {
			frames := q.Next(nil, rapid.IntRange(0, 5).Draw(t, "bytes"))
			writer = len(frames) > 0
			written := rapid.IntRange(0, len(frames)).Draw(t, "written")
			for _, frame := range frames[:written] {
				seen = append(seen, int(frame[0]))
			}
			q.Written(written)
		}
		require.Equal(t, writer, q.Writing())
	}
	for _, item := range q.Unsent() {
		seen = append(seen, item.Message)
	}
	require.Equal(t, accepted, seen)
}

func TestNothingIsLost(t *testing.T) { rapid.Check(t, nothingIsLost) }

func FuzzNothingIsLost(f *testing.F) { seed.Fuzz(f, nothingIsLost) }
