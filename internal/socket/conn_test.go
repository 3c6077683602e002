package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/test/kit"
)

// L29: a header that announces a terabyte costs what arrives, not what it says.
func TestL29LyingLengthCostsNoMemory(t *testing.T) {
	sent := make(chan struct{})
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		head := []byte{0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint64(head[2:], 1<<40)
		_, _ = c.Write(append(head, "x"...))
		close(sent)
		_, _ = io.Copy(io.Discard, r)
	})
	cfg := config()
	cfg.ReadLimit = 1 << 30
	c := connect(t, cfg, url)
	<-sent
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan error)
	go func() { _, _, err := c.Read(nil); done <- err }()
	gone := errors.New("gone")
	c.Cut(gone)
	assert.ErrorIs(t, <-done, gone)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestDeflateBombStopsAtTheLimit(t *testing.T) {
	s := serve(t, &websocket.AcceptOptions{CompressionMode: websocket.CompressionNoContextTakeover}, func(ctx context.Context, ws *websocket.Conn, _ *http.Request) {
		_ = ws.Write(ctx, websocket.MessageText, make([]byte, 64<<20))
	})
	cfg := config()
	cfg.Compression = true
	c := connect(t, cfg, wsURL(s))
	_, _, err := c.Read(nil)
	assert.ErrorIs(t, err, socket.ErrTooLarge)
	assert.Less(t, c.BytesIn(), uint64(1<<20))
}

func TestHowConnectionsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		peer func(net.Conn, *bufio.Reader)
		is   error
		as   *socket.CloseError
	}{
		"EOF without a close frame": {peer: func(c net.Conn, _ *bufio.Reader) { c.Close() }, is: io.ErrUnexpectedEOF},
		"EOF in a frame":            {peer: func(c net.Conn, _ *bufio.Reader) { _, _ = c.Write([]byte{0x81, 10, 'x'}); c.Close() }, is: io.ErrUnexpectedEOF},
		"RST": {peer: func(c net.Conn, _ *bufio.Reader) {
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}},
		"close 1001":             {peer: closeFrame(1001, "bye"), as: &socket.CloseError{Code: 1001, Reason: "bye"}},
		"close with broken text": {peer: closeFrame(4000, "a\xffb"), as: &socket.CloseError{Code: 4000, Reason: "a\uFFFDb"}},
		"rubbish":                {peer: func(c net.Conn, r *bufio.Reader) { _, _ = c.Write([]byte{0xff, 0x00}); _, _ = io.Copy(io.Discard, r) }},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, config(), upgraded(t, c.peer))
			_, _, err := conn.Read(nil)
			require.Error(t, err)
			if c.is != nil {
				assert.ErrorIs(t, err, c.is)
			}
			if c.as != nil {
				var closed *socket.CloseError
				require.ErrorAs(t, err, &closed)
				assert.Equal(t, c.as, closed)
			}
		})
	}
}

func closeFrame(code uint16, reason string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		frame := []byte{0x88, byte(2 + len(reason)), byte(code >> 8), byte(code)}
		_, _ = c.Write(append(frame, reason...))
		_, _ = io.Copy(io.Discard, r)
	}
}

// L11: a peer that does not read cannot hold a writer for ever.
func TestL11StalledPeerEndsTheWrite(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := upgraded(t, func(net.Conn, *bufio.Reader) { <-release })
	cfg := config()
	cfg.WriteTimeout = 50 * time.Millisecond
	c := connect(t, cfg, url)
	var err error
	for err == nil { // until the kernel's buffers are full
		err = c.Write(make([]byte, 1<<20))
	}
	assert.ErrorIs(t, err, socket.ErrWriteTimeout)
}

// The cut is immediate and its cause is what everybody gets, TLS included.
func TestCutWakesReaderAndWriterOfAFullTLSPeer(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewTLSServer(acceptor(nil, func(context.Context, *websocket.Conn, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	cfg := config()
	cfg.WriteTimeout = time.Hour
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true} // its certificate is not the subject
	c := connect(t, cfg, "wss"+strings.TrimPrefix(s.URL, "https"))
	errs := make(chan error, 2)
	go func() { _, _, err := c.Read(nil); errs <- err }()
	go func() {
		var err error
		for err == nil {
			err = c.Write(make([]byte, 1<<20))
		}
		errs <- err
	}()
	stuck := c.BytesOut()
	for { // until the writer no longer gets on
		time.Sleep(20 * time.Millisecond) // an interval to measure over, not a synchroniser
		if now := c.BytesOut(); now == stuck && now > 0 {
			break
		} else {
			stuck = now
		}
	}
	enough := errors.New("enough")
	c.Cut(enough)
	c.Cut(errors.New("too late: the first cause counts"))
	assert.ErrorIs(t, kit.Within(t, "the reader's end, or the writer's", errs), enough)
	assert.ErrorIs(t, kit.Within(t, "the other's", errs), enough)
	c.Wait()
}

func TestCloseHandshake(t *testing.T) {
	t.Run("with a reader", func(t *testing.T) {
		s := serve(t, nil, echo)
		c := connect(t, config(), wsURL(s))
		done := make(chan error)
		go func() { _, _, err := c.Read(nil); done <- err }()
		c.Close(1000, "", 5*time.Second)
		assert.Error(t, <-done)
		c.Wait()
	})
	t.Run("without a reader", func(t *testing.T) {
		s := serve(t, nil, echo)
		c := connect(t, config(), wsURL(s))
		c.Close(1000, "", 5*time.Second)
		c.Wait()
	})
	t.Run("with a peer that says nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := piped(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
			began := time.Now()
			c.Close(1000, "", 50*time.Millisecond)
			assert.Equal(t, 50*time.Millisecond, time.Since(began), "coder/websocket would wait for five seconds")
			_, _, err := c.Read(nil)
			assert.ErrorIs(t, err, socket.ErrClosed)
		})
	})
}

func TestPing(t *testing.T) {
	s := serve(t, nil, echo)
	c := connect(t, config(), wsURL(s))
	done := make(chan struct{})
	go func() { defer close(done); _, _, _ = c.Read(nil) }()
	before := c.LastInbound()
	require.NoError(t, c.Ping(10*time.Second))
	assert.True(t, c.LastInbound().After(before), "the pong is dated")
	c.Cut(socket.ErrClosed)
	<-done
	assert.Error(t, c.Ping(10*time.Second))
}

// A peer that floods with pings and reads no pongs ends its own connection.
func TestPingFloodOfAPeerThatDoesNotReadEnds(t *testing.T) {
	ended := make(chan struct{})
	url := upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		defer close(ended)
		ping := bytes.Repeat(append([]byte{0x89, 125}, make([]byte, 125)...), 100)
		for {
			if _, err := c.Write(ping); err != nil {
				return
			}
		}
	})
	cfg := config()
	c := connect(t, cfg, url)
	_, _, err := c.Read(nil)
	require.Error(t, err)
	c.Cut(err)
	c.Wait()
	<-ended
}

// One goroutine, the reader's, per idle connection; nothing of the dial stays.
// Shows D13.
func TestIdleConnectionHasNoGoroutineOfItsOwn(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := upgraded(t, func(net.Conn, *bufio.Reader) { <-release })
	d := dialer(t, config())
	const n = 20
	warm, err := d.Dial(t.Context(), url)
	require.NoError(t, err)
	defer warm.Wait()
	defer warm.Cut(socket.ErrClosed)
	before := runtime.NumGoroutine()
	for range n {
		c, err := d.Dial(t.Context(), url)
		require.NoError(t, err)
		defer c.Wait()
		defer c.Cut(socket.ErrClosed)
	}
	// The server's side has one each; the transport's own end by themselves.
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before+n && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+n)
}
