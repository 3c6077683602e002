package socket_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

const tooBig = "\x88\x02\x03\xf1" // close, 1009

// afterWrite is a connection that, once it is told to, reads nothing before a write has failed:
// whoever writes is then the first to learn that the connection has been reset.
type afterWrite struct {
	net.Conn
	armed  atomic.Bool
	failed chan struct{}
	once   sync.Once
}

func (c *afterWrite) Read(p []byte) (int, error) {
	if c.armed.Load() {
		<-c.failed
	}
	return c.Conn.Read(p)
}

func (c *afterWrite) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.once.Do(func() { close(c.failed) })
	}
	return n, err
}

// A peer that refuses a message closes with 1009 and resets the connection, in
// which the rest of the message is under way: what it said counts, not that
// writing has failed.
func TestARefusedMessageIsNotALostConnection(t *testing.T) {
	for range 20 {
		url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = c.Write([]byte{0x81, 2, 'h', 'i'})
			_, _ = io.ReadFull(r, make([]byte, 10000))
			_, _ = io.WriteString(c, tooBig)
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		})
		conn := &afterWrite{failed: make(chan struct{})}
		cfg := config()
		cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			conn.Conn = c
			return conn, err
		}
		d := dialer(t, cfg)
		d.HearFor(30 * time.Second) // what it says is there: a second may be too short to read it
		c := connectBy(t, d, url)
		_, _, err := c.Read(nil)
		require.NoError(t, err)
		conn.armed.Store(true)
		read := make(chan error, 1)
		go func() { _, _, err := c.Read(nil); read <- err }()
		err = c.Write(make([]byte, 16<<20))
		want := &socket.CloseError{Code: 1009}
		assert.Equal(t, want, err)
		assert.Equal(t, want, <-read)
	}
}

// mute is a connection of which, once it is so, every write fails.
type mute struct {
	net.Conn
	now atomic.Bool
}

func (c *mute) Write(p []byte) (int, error) {
	if c.now.Load() {
		return 0, syscall.ECONNRESET
	}
	return c.Conn.Write(p)
}

// muted connects to a peer to which nothing can be written.
func muted(t *testing.T, peer func(net.Conn)) *socket.Conn {
	m := new(mute)
	c := pipedWith(t, config(), func(server net.Conn, _ *bufio.Reader) { peer(server) }, func(c net.Conn) net.Conn { m.Conn = c; return m })
	m.now.Store(true)
	return c
}

// sameReason checks an error against a *CloseError or what it wraps.
func sameReason(t *testing.T, want, err error) {
	t.Helper()
	if closed, ok := want.(*socket.CloseError); ok {
		assert.Equal(t, closed, err)
	} else {
		assert.ErrorIs(t, err, want)
	}
}

func TestAfterAWriteHasFailedThePeerIsHeardForASecond(t *testing.T) {
	says := func(after time.Duration, what string) func(net.Conn) {
		return func(c net.Conn) {
			time.Sleep(after) // virtual
			_, _ = io.WriteString(c, what)
			_, _ = c.Read(make([]byte, 1)) // until the client is gone
		}
	}
	reading := func(c *socket.Conn) <-chan error {
		read := make(chan error, 1)
		go func() {
			for {
				if _, _, err := c.Read(nil); err != nil {
					read <- err
					return
				}
			}
		}()
		return read
	}
	refused := &socket.CloseError{Code: 1009}
	for name, c := range map[string]struct {
		peer func(net.Conn)
		want error
		took time.Duration
	}{
		"its last word comes": {says(900*time.Millisecond, "\x81\x02hi"+tooBig), refused, 900 * time.Millisecond},
		"it comes too late":   {says(1100*time.Millisecond, tooBig), syscall.ECONNRESET, time.Second},
		"it says nothing":     {says(0, ""), syscall.ECONNRESET, time.Second},
		"it pings first":      {says(100*time.Millisecond, "\x89\x00\x89\x00"+tooBig), refused, 100 * time.Millisecond},
		"it ends without one": {func(c net.Conn) { c.Close() }, syscall.ECONNRESET, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := muted(t, c.peer)
				read := reading(conn)
				began := time.Now()
				err := conn.Write([]byte("x"))
				sameReason(t, c.want, err)
				assert.Equal(t, c.took, time.Since(began))
				conn.Cut(err)
				conn.Wait()
				<-read
			})
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := muted(t, says(0, ""))
			assert.ErrorIs(t, conn.Write([]byte("x")), syscall.ECONNRESET)
		})
	})
	t.Run("the end comes from us", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := muted(t, says(0, ""))
			enough := errors.New("enough")
			time.AfterFunc(time.Millisecond, func() { conn.Cut(enough) })
			began := time.Now()
			assert.Equal(t, enough, conn.Write([]byte("x")))
			assert.Equal(t, enough, conn.Write([]byte("x")))
			assert.Equal(t, time.Millisecond, time.Since(began))
		})
	})
}

// The write that fails may be the reader's own: a pong.
func TestAPongThatCannotBeWrittenDoesNotHideTheReason(t *testing.T) {
	refused := &socket.CloseError{Code: 1009}
	for name, c := range map[string]struct {
		says string // in pieces a tenth of a second apart
		then string
		want error
		took time.Duration
	}{
		"between messages": {"\x89\x01p", "\x81\x02hi" + "\x89\x01p" + tooBig, refused, 100 * time.Millisecond},
		"within a message": {"\x01\x01h\x89\x01p", "\x80\x01i" + tooBig, refused, 100 * time.Millisecond},
		"no last word":     {"\x89\x01p", "\x81\x02hi", syscall.ECONNRESET, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := muted(t, func(server net.Conn) {
					_, _ = io.WriteString(server, c.says)
					time.Sleep(100 * time.Millisecond) // virtual
					_, _ = io.WriteString(server, c.then)
					_, _ = server.Read(make([]byte, 1)) // until the client is gone
				})
				began := time.Now()
				_, msg, err := conn.Read(nil)
				require.NoError(t, err)
				assert.Equal(t, "hi", string(msg), "what comes before it is read")
				_, err = conn.Next()
				sameReason(t, c.want, err)
				assert.Equal(t, c.took, time.Since(began))
				conn.Cut(err)
				conn.Wait()
			})
		})
	}
}
