package socket_test

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// gated is a connection that counts its calls, and whose Write waits for the gate once that is there.
type gated struct {
	net.Conn
	calls   *atomic.Int64
	gate    atomic.Pointer[chan struct{}]
	entered chan struct{}
}

func (c *gated) Read(p []byte) (int, error) {
	c.calls.Add(1)
	return c.Conn.Read(p)
}

func (c *gated) Write(p []byte) (int, error) {
	c.calls.Add(1)
	if gate := c.gate.Load(); gate != nil {
		c.entered <- struct{}{}
		<-*gate
	}
	return c.Conn.Write(p)
}

// connectGated is connect over a gated connection.
func connectGated(t *testing.T, url string) (*socket.Conn, *gated) {
	g := &gated{calls: new(atomic.Int64), entered: make(chan struct{}, 100)}
	cfg := config()
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		g.Conn = c
		return g, err
	}
	return connect(t, cfg, url), g
}

// Whoever relies on Ready is told before the network is waited for.
func TestAReaderThatIsReadySaysWhenItMayWait(t *testing.T) {
	wire, messages := frames(2000)
	written := make(chan struct{})
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = c.Write(wire[:len(wire)-50]) // ends in the middle of a frame
		close(written)
		_, _ = r.ReadByte()
		_, _ = c.Write(wire[len(wire)-50:])
		_, _ = r.ReadByte() // until the client is gone
	})
	c, g := connectGated(t, url)
	var waits atomic.Int64
	before := g.calls.Load()
	c.OnWait(func() { waits.Add(1) })
	ready := 0
	for i := range messages[1:] {
		_, _, err := c.Read(nil)
		require.NoError(t, err, "message %d", i)
		// What came with the handshake is in net/http's hands, and is read without a call.
		require.InDelta(t, g.calls.Load()-before, waits.Load(), 1, "each time, and no other")
		require.LessOrEqual(t, g.calls.Load()-before, waits.Load())
		if c.Ready() {
			ready++
		}
	}
	<-written
	// The network may cut the stream in pieces, which it seldom does.
	assert.Greater(t, ready, len(messages)/2)
	require.NoError(t, c.Write([]byte("the rest")))
	_, _, err := c.Read(nil)
	require.NoError(t, err)
	assert.False(t, c.Ready(), "nothing is left")
	assert.InDelta(t, g.calls.Load()-before, waits.Load(), 1)
	assert.LessOrEqual(t, g.calls.Load()-before, waits.Load())
}

// A reader may have to write a pong, and who writes already may take long.
func TestAReaderIsNotReadyWhileSomebodyWrites(t *testing.T) {
	wire, _ := frames(200)
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = c.Write(wire)
		_, _ = c.Read(make([]byte, 1<<16)) // until the client is gone
		_, _ = c.Read(make([]byte, 1<<16))
	})
	c, g := connectGated(t, url)
	for !c.Ready() {
		_, _, err := c.Read(nil)
		require.NoError(t, err)
	}
	var waits atomic.Int64
	c.OnWait(func() {
		assert.False(t, c.Ready(), "those who are told find it so")
		waits.Add(1)
	})
	gate := make(chan struct{})
	g.gate.Store(&gate)
	var writer sync.WaitGroup
	writer.Go(func() { assert.NoError(t, c.Write([]byte("slow"))) })
	<-g.entered
	assert.EqualValues(t, 1, waits.Load())
	assert.False(t, c.Ready())
	close(gate)
	writer.Wait()
	assert.True(t, c.Ready())
}
