package socket_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// counted is a connection that counts its Reads.
type counted struct {
	net.Conn
	reads *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(p)
}

// frames are n text messages as they stand on the wire, of growing lengths.
func frames(n int) (wire []byte, messages []string) {
	for i := range n {
		m := fmt.Sprintf("%d %s", i, strings.Repeat("x", 100+i%900))
		wire = append(wire, 0x81, 126, byte(len(m)>>8), byte(len(m)))
		wire = append(wire, m...)
		messages = append(messages, m)
	}
	return wire, messages
}

// A stream arrives whole and in order, for far fewer system calls than
// coder/websocket's 4 KB at a time would cost; the close frame at its end is seen.
func TestAStreamIsReadFarAhead(t *testing.T) {
	wire, messages := frames(2000)
	written := make(chan struct{})
	url := upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write(wire[:len(wire)/2]) // ends in the middle of a frame
		close(written)
		_, _ = c.Write(wire[len(wire)/2:])
		_, _ = c.Write([]byte{0x88, 2, 0x03, 0xe8})
	})
	var reads atomic.Int64
	cfg := config()
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return counted{c, &reads}, err
	}
	c := connect(t, cfg, url)
	<-written
	before := reads.Load()
	var buf []byte
	for i, want := range messages {
		text, msg, err := c.Read(buf)
		require.NoError(t, err, "message %d", i)
		require.True(t, text)
		require.Equal(t, want, string(msg))
		buf = msg
	}
	_, _, err := c.Read(nil)
	var closed *socket.CloseError
	require.ErrorAs(t, err, &closed)
	assert.Equal(t, 1000, closed.Code)
	assert.EqualValues(t, len(wire)+4, c.BytesIn())
	// How much is there at a time is the kernel's to say, so the bound is loose.
	assert.Less(t, reads.Load()-before, int64(len(wire)/4096)*3/4, "of %d bytes", len(wire))
}

// What was read ahead ends with a cut, as everything does.
func TestACutDropsWhatWasReadAhead(t *testing.T) {
	wire, messages := frames(2000)
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = c.Write(wire)
		_, _ = r.ReadByte() // until the client is gone
	})
	c := connect(t, config(), url)
	for _, want := range messages[:100] {
		_, msg, err := c.Read(nil)
		require.NoError(t, err)
		require.Equal(t, want, string(msg))
	}
	c.Cut(socket.ErrClosed)
	left := 0
	for {
		if _, _, err := c.Read(nil); err != nil {
			assert.ErrorIs(t, err, socket.ErrClosed)
			break
		}
		left++
	}
	assert.Less(t, left, 50, "no more than coder/websocket has in its own buffer")
}

// A message is alone if it had to be waited for and nothing came with it.
func TestALoneMessageIsToldFromAStream(t *testing.T) {
	wire, messages := frames(100)
	first, written := len(messages[0])+4, make(chan struct{})
	more := make(chan struct{})
	url := upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write(wire[:first])
		<-more
		_, _ = c.Write(wire[first:])
		close(written)
		_, _ = c.Read(make([]byte, 1)) // until the client is gone
	})
	c := connect(t, config(), url)
	_, _, err := c.Read(nil)
	require.NoError(t, err)
	assert.True(t, c.Lone())
	close(more)
	<-written
	lone := 0
	for i := range messages[1:] {
		_, _, err := c.Read(nil)
		require.NoError(t, err, "message %d", i+1)
		if c.Lone() {
			lone++
		}
	}
	// The network may cut the stream in pieces; this one, of some 17 blocks, it seldom does.
	assert.LessOrEqual(t, lone, 5, "of %d in a row", len(messages)-1)
}
