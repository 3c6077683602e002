package nostrtest_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/gennostr/gennostr/nostrtest"
)

func TestPipeIsAGoodNetConn(t *testing.T) {
	for name, limit := range map[string]int{"64 KiB": nostrtest.DefaultBuffer, "1 KiB": 1 << 10} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				c1, c2 = nostrtest.Pipe(limit)
				return c1, c2, func() { _ = c1.Close(); _ = c2.Close() }, nil
			})
		})
	}
}

func TestPipeWriteWaitsWhenTheBufferIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := nostrtest.Pipe(8)
		defer a.Close()
		defer b.Close()
		written := 0
		go func() { written, _ = a.Write([]byte("0123456789")) }()
		synctest.Wait()
		assert.Zero(t, written, "the write is still under way")
		buf := make([]byte, 4)
		_, err := io.ReadFull(b, buf)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, 10, written)
		rest := make([]byte, 6)
		_, err = io.ReadFull(b, rest)
		require.NoError(t, err)
		assert.Equal(t, "0123456789", string(buf)+string(rest))
	})
}

func TestPipeCloseDeliversWhatWasWrittenAndThenTheEnd(t *testing.T) {
	a, b := nostrtest.Pipe(64)
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.ErrorIs(t, a.Close(), net.ErrClosed)

	all, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(all))
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = a.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = a.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, b.Close())
}

func TestPipeCloseWriteLeavesTheOtherDirectionOpen(t *testing.T) {
	a, b := nostrtest.Pipe(64)
	defer a.Close()
	defer b.Close()
	require.NoError(t, a.(interface{ CloseWrite() error }).CloseWrite())
	_, err := b.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = b.Write([]byte("answer"))
	require.NoError(t, err)
	buf := make([]byte, 6)
	_, err = io.ReadFull(a, buf)
	require.NoError(t, err)
	assert.Equal(t, "answer", string(buf))
}

func TestPipeDeadlinesRunOnVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := nostrtest.Pipe(1)
		defer a.Close()
		defer b.Close()
		start := time.Now()
		require.NoError(t, a.SetReadDeadline(start.Add(time.Hour)))
		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(start))

		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Minute)))
		n, err := a.Write([]byte("ab"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 1, n)
		assert.Equal(t, time.Hour+time.Minute, time.Since(start))

		// A deadline in the past wakes a read that waits; a later one mends it.
		failed := make(chan error)
		require.NoError(t, a.SetReadDeadline(time.Time{}))
		go func() {
			_, err := a.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, a.SetReadDeadline(time.Unix(1, 0)))
		require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
		require.NoError(t, a.SetReadDeadline(time.Time{}))
		_, err = b.Write([]byte("x"))
		require.NoError(t, err)
		_, err = a.Read(make([]byte, 1))
		require.NoError(t, err)
	})
}

func TestHeldPipeKeepsBytesAndTheEndUntilItIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := nostrtest.Pipe(8)
		defer b.Close()
		_, err := a.Write([]byte("in"))
		require.NoError(t, err)
		nostrtest.Hold(a, true)
		_, err = a.Write([]byte("late"))
		require.NoError(t, err, "the writer notices nothing")
		require.NoError(t, a.Close())

		var got bytes.Buffer
		ended := false
		go func() {
			_, err := io.Copy(&got, b)
			ended = err == nil
		}()
		synctest.Wait()
		assert.Equal(t, "in", got.String(), "what had arrived before can be read")
		assert.False(t, ended)
		nostrtest.Hold(a, false)
		synctest.Wait()
		assert.Equal(t, "inlate", got.String())
		assert.True(t, ended)
	})
}

// Whichever end hears of it first, and closes: the other one reads no orderly end.
func TestAResetIsNoOrderlyEndForWhoHearsOfItLast(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // so that goroutines are stopped anywhere
	for range 10_000 {
		a, b := nostrtest.Pipe(8)
		read := func(c net.Conn) <-chan error {
			failed := make(chan error, 1)
			go func() { // ends with the reset, awaited by what is read from failed
				_, err := c.Read(make([]byte, 1))
				_ = c.Close()
				failed <- err
			}()
			return failed
		}
		one, other := read(a), read(b)
		runtime.Gosched()
		nostrtest.ResetPipe(a)
		require.ErrorIs(t, <-one, syscall.ECONNRESET)
		require.ErrorIs(t, <-other, syscall.ECONNRESET)
	}
}

func TestResetPipeFailsBothEndsAtOnceEvenWhenHeld(t *testing.T) {
	a, b := nostrtest.Pipe(8)
	defer a.Close()
	defer b.Close()
	nostrtest.Hold(a, true)
	_, err := a.Write([]byte("lost"))
	require.NoError(t, err)
	nostrtest.ResetPipe(a)
	for _, end := range []net.Conn{a, b} {
		_, err = end.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = end.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}
