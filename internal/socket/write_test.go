package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// piped connects to a server at the other end of a net.Pipe, which takes a byte
// only when it reads one; serve has it after the handshake.
func piped(t *testing.T, serve func(net.Conn, *bufio.Reader)) *socket.Conn {
	t.Helper()
	return pipedWith(t, config(), serve)
}

// pipedWith is piped with a configuration, and with what the client's end is wrapped in.
func pipedWith(t *testing.T, cfg socket.Config, serve func(net.Conn, *bufio.Reader), wrap ...func(net.Conn) net.Conn) *socket.Conn {
	t.Helper()
	client, server := net.Pipe()
	served := make(chan struct{})
	go func() { // ended by the client's end, joined by the cleanup
		defer close(served)
		defer server.Close()
		r := bufio.NewReaderSize(server, 16)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+
			accept(req.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		serve(server, r)
	}()
	t.Cleanup(func() { client.Close(); <-served })
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
		end := client
		for _, f := range wrap {
			end = f(end)
		}
		return end, nil
	}
	return connect(t, cfg, "ws://relay.example")
}

// frame reads one masked frame and returns its first byte and its payload.
func frame(r *bufio.Reader) (first byte, payload []byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	if extended := map[uint64]int{126: 2, 127: 8}[n]; extended > 0 {
		long := make([]byte, 8)
		if _, err := io.ReadFull(r, long[8-extended:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long)
	}
	payload = make([]byte, 4+n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	key := payload[:4]
	payload = payload[4:]
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return head[0], payload, nil
}

// While a long message is on its way to a slow peer, its ping is answered and
// ours gets through: either would end the connection if it had to wait.
func TestL11PingsPassALongMessage(t *testing.T) {
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	stalled, resume := make(chan struct{}), make(chan struct{})
	var order []byte // first bytes of frames
	var got []byte
	var ponged, pinged bool
	c := piped(t, func(server net.Conn, r *bufio.Reader) {
		var writes sync.WaitGroup // a pipe has no buffer: who does not read while it writes may block both ends
		defer writes.Wait()
		slow := time.NewTicker(80 * time.Millisecond)
		defer slow.Stop()
		for whole := false; !whole || !pinged; {
			first, payload, err := frame(r)
			if err != nil {
				return
			}
			order = append(order, first)
			if !ponged || !pinged { // there are five seconds of that in the message: time enough for both on any machine
				<-slow.C
			}
			switch first {
			case 0x8a: // their pong
				ponged = true
			case 0x89: // their ping
				pinged = true
				writes.Go(func() { _, _ = server.Write(append([]byte{0x8a, byte(len(payload))}, payload...)) })
			default:
				got = append(got, payload...)
				whole = first == 0x80
			}
			if len(order) == 1 {
				_, _ = server.Write([]byte{0x89, 2, 'h', 'i'})
				close(stalled)
				<-resume
			}
		}
	})
	reading := make(chan error, 1)
	go func() { _, _, err := c.Read(nil); reading <- err }()
	writing := make(chan error, 1)
	go func() { writing <- c.Write(message) }()
	<-stalled
	sent := c.BytesOut()
	assert.NotZero(t, sent, "what the peer has taken counts before the message is through")
	assert.Less(t, sent, uint64(len(message)))
	pinging := make(chan error, 1)
	go func() { pinging <- c.Ping(10 * time.Second) }() // ends by itself; joined below
	close(resume)
	require.NoError(t, <-writing)
	require.NoError(t, <-pinging)
	assert.Error(t, <-reading) // the server has left
	assert.Greater(t, c.BytesOut(), uint64(len(message)))

	assert.True(t, bytes.Equal(message, got))
	assert.True(t, pinged)
	assert.EqualValues(t, 0x01, order[0], "text, more follows")
	last := bytes.IndexByte(order, 0x80)
	assert.Contains(t, string(order[:last]), "\x8a", "the pong before the last fragment")
}

func TestMessagesUpTo64KiBAreOneFrame(t *testing.T) {
	frames := make(chan []byte, 1)
	c := piped(t, func(_ net.Conn, r *bufio.Reader) {
		for range 2 {
			first, payload, _ := frame(r)
			frames <- append([]byte{first}, payload...)
		}
	})
	for _, size := range []int{1, 64 << 10} {
		message := bytes.Repeat([]byte("x"), size)
		require.NoError(t, c.Write(message))
		assert.Equal(t, append([]byte{0x81}, message...), <-frames)
	}
}

func TestLongMessagesArriveWholeWithAndWithoutCompression(t *testing.T) {
	for name, compress := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			sizes := []int{64<<10 + 1, 80 << 10, 1 << 20, 5}
			s := serve(t, &websocket.AcceptOptions{CompressionMode: websocket.CompressionNoContextTakeover}, func(ctx context.Context, ws *websocket.Conn, r *http.Request) {
				ws.SetReadLimit(-1)
				echo(ctx, ws, r)
			})
			cfg := config()
			cfg.Compression, cfg.ReadLimit = compress, 4<<20
			c := connect(t, cfg, wsURL(s))
			for _, size := range sizes {
				message := make([]byte, size)
				for i := range message {
					message[i] = "abcdefg{}"[(i%97)*(i%97)%97%9]
				}
				require.NoError(t, c.Write(message))
				text, got, err := c.Read(nil)
				require.NoError(t, err)
				assert.True(t, text)
				assert.True(t, bytes.Equal(message, got))
			}
		})
	}
}

// A long message has one deadline, not one for each of its fragments.
func TestALongMessageHasOneDeadline(t *testing.T) {
	url := upgraded(t, func(_ net.Conn, r *bufio.Reader) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C { // 16 KiB each: a fragment never takes long, all of them do
			if _, err := io.CopyN(io.Discard, r, 16<<10); err != nil {
				return
			}
		}
	})
	cfg := config()
	cfg.WriteTimeout = 200 * time.Millisecond
	c := connect(t, cfg, url)
	assert.ErrorIs(t, c.Write(make([]byte, 64<<20)), socket.ErrWriteTimeout)
}

func TestAPingIsBoundedByItsOwnTime(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	cfg := config()
	cfg.WriteTimeout = time.Minute
	c := connect(t, cfg, upgraded(t, func(net.Conn, *bufio.Reader) { <-release }))
	began := time.Now()
	assert.ErrorIs(t, c.Ping(20*time.Millisecond), context.DeadlineExceeded)
	assert.Less(t, time.Since(began), cfg.WriteTimeout/2)
}

// stubborn is a connection whose Close waits, as that of TLS may.
type stubborn struct {
	net.Conn
	release chan struct{}
}

func (s stubborn) Close() error { <-s.release; return s.Conn.Close() }

func TestCutDoesNotWaitForTheCloseOfSomebodyElsesConnection(t *testing.T) {
	silent := make(chan struct{})
	url := upgraded(t, func(net.Conn, *bufio.Reader) { <-silent })
	defer close(silent)
	cfg := config()
	release := make(chan struct{})
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return stubborn{c, release}, err
	}
	c := connect(t, cfg, url)
	c.Cut(socket.ErrClosed) // hangs here if it waits
	c.Cut(socket.ErrClosed) // or here, for a lock
	joined := make(chan struct{})
	go func() { c.Wait(); close(joined) }()
	select {
	case <-joined:
		t.Error("Wait returned while the connection was being closed")
	default:
	}
	close(release)
	<-joined

	release = make(chan struct{})
	c = connect(t, cfg, url)
	c.Close(1000, "", 20*time.Millisecond) // and neither does Close, beyond its time
	close(release)
}
