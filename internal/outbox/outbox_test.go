package outbox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outbox"
)

func TestAWriterIsStartedOnceAndEndsWhenNothingIsLeft(t *testing.T) {
	q := outbox.New[string](3)
	start, ok := q.Put([]byte("a"), "A")
	assert.True(t, start && ok)
	start, ok = q.Put([]byte("b"), "B")
	assert.True(t, !start && ok)
	for _, want := range []string{"a", "b"} {
		frame, ok := q.Next()
		require.True(t, ok)
		assert.Equal(t, want, string(frame))
		q.Written()
	}
	assert.True(t, q.Writing())
	_, ok = q.Next()
	assert.False(t, ok)
	assert.False(t, q.Writing())
	start, _ = q.Put([]byte("c"), "C")
	assert.True(t, start)
}

func TestTheOneThatIsBeingWrittenCountsAndIsUnsent(t *testing.T) {
	q := outbox.New[string](2)
	q.Put([]byte("a"), "A")
	q.Put([]byte("b"), "B")
	q.Next()
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
	q.Next() // it is being written
	_, ok := q.Put([]byte("a"), "A")
	assert.False(t, ok)
	assert.False(t, q.Own([]byte("b"), "B"))
	assert.False(t, q.First([]byte("c"), "C"))
	for _, want := range []string{"0", "c", "b"} {
		frame, ok := q.Next()
		require.True(t, ok)
		assert.Equal(t, want, string(frame))
		q.Written()
	}
	_, ok = q.Next()
	assert.False(t, ok)
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
	q.Next()
	q.Written()
	select {
	case <-drained:
		assert.Fail(t, "the writer has not looked yet")
	default:
	}
	q.Next()
	<-drained
}

// Whatever the writer's pace: what was accepted is written in order, or unsent, once.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
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
				frame, ok := q.Next()
				if writer = ok; ok {
					seen = append(seen, int(frame[0]))
					q.Written()
				}
			}
			require.Equal(t, writer, q.Writing())
		}
		for _, item := range q.Unsent() {
			seen = append(seen, item.Message)
		}
		require.Equal(t, accepted, seen)
	})
}
