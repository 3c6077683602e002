package socket_test

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// taking is connected to a peer that takes so many messages of one byte, one each so often,
// and then no more.
func taking(t *testing.T, n int, every time.Duration) *socket.Conn {
	return piped(t, func(_ net.Conn, r *bufio.Reader) {
		for range n {
			time.Sleep(every)
			if _, err := io.ReadFull(r, make([]byte, 2+4+1)); err != nil { // header, mask, payload
				return
			}
		}
		<-t.Context().Done()
	})
}

// One timer serves many writes, and is exact all the same.
func TestAWriteThatIsNotTakenEndsWithItsTimeHoweverManyWereBefore(t *testing.T) {
	for _, gap := range []time.Duration{0, time.Millisecond, 700 * time.Millisecond, 9999 * time.Millisecond, 10 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := taking(t, 50, 0)
			for range 50 {
				require.NoError(t, c.Write([]byte("x")))
				time.Sleep(gap)
			}
			began := time.Now()
			assert.ErrorIs(t, c.Write([]byte("x")), socket.ErrWriteTimeout)
			assert.Equal(t, config().WriteTimeout, time.Since(began), "gap %v", gap)
			c.Wait()
		})
	}
}

func TestASlowWriteIsNoStalledOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := taking(t, 30, config().WriteTimeout-1)
		for range 10 {
			require.NoError(t, c.Write([]byte("x")))
		}
		var writers sync.WaitGroup
		for range 20 { // side by side: the time is that of each one's turn
			writers.Go(func() { assert.NoError(t, c.Write([]byte("x"))) })
		}
		writers.Wait()
		began := time.Now()
		assert.ErrorIs(t, c.Write([]byte("x")), socket.ErrWriteTimeout)
		assert.Equal(t, config().WriteTimeout, time.Since(began))
		c.Wait()
	})
}

// A connection on which nothing is written has no timer, and is not cut.
func TestTheTimerOfWritesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := taking(t, 2, 0)
		for range 2 {
			require.NoError(t, c.Write([]byte("x")))
			assert.True(t, c.WriteTimer())
			time.Sleep(time.Hour)
			assert.False(t, c.WriteTimer())
		}
		began := time.Now()
		c.Cut(socket.ErrClosed)
		c.Wait()
		assert.ErrorIs(t, c.Write([]byte("x")), socket.ErrClosed)
		assert.Zero(t, time.Since(began))
		assert.False(t, c.WriteTimer(), "none is started any more")
	})
	synctest.Test(t, func(t *testing.T) {
		c := taking(t, 1, 0)
		require.NoError(t, c.Write([]byte("x")))
		began := time.Now()
		c.Cut(socket.ErrClosed) // while it runs
		c.Wait()
		assert.Zero(t, time.Since(began))
		assert.False(t, c.WriteTimer())
	})
}

// A program that has slept wakes behind its deadlines, and the peer may have made room meanwhile.
func TestATimerOfWritesThatIsLateJudgesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := taking(t, 1, 5*time.Second)
		done := make(chan error, 1)
		go func() { done <- c.Write([]byte("x")) }() // joined below
		synctest.Wait()
		c.WriteLate(time.Hour)
		require.NoError(t, <-done)
		began := time.Now()
		go func() { done <- c.Write([]byte("x")) }() // joined below
		synctest.Wait()
		c.WriteLate(time.Hour)
		assert.ErrorIs(t, <-done, socket.ErrWriteTimeout)
		assert.Equal(t, config().WriteTimeout, time.Since(began), "it starts again")
		c.Wait()
	})
}
