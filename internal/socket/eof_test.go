package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endsWith is a connection that says together with the last bytes that they are
// the last, as crypto/tls does when a close_notify of TLS 1.2 comes right behind them.
type endsWith struct {
	net.Conn
	last  []byte
	ended bool
}

func (c *endsWith) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	if err == nil && bytes.HasSuffix(p[:n], c.last) {
		c.ended, err = true, io.EOF
	}
	return n, err
}

// A message that was cut off is not taken for a shorter one either when its last
// bytes and the end of the stream come from one Read; what is whole is delivered.
func TestTruncatedMessageIsNotDeliveredWhenTheEndComesWithItsLastBytes(t *testing.T) {
	cfg := config()
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &endsWith{Conn: c, last: []byte("half")}, err
	}
	c := connect(t, cfg, upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadByte() // nothing comes along with the handshake
		_, _ = c.Write([]byte{0x81, 5, 'w', 'h', 'o', 'l', 'e', 0x01, 4, 'h', 'a', 'l', 'f'})
		_, _ = r.ReadByte() // until the client is gone
	}))
	require.NoError(t, c.Write([]byte("now")))
	_, msg, err := c.Read(nil)
	require.NoError(t, err)
	assert.Equal(t, "whole", string(msg))
	_, msg, err = c.Read(nil)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", msg)

	c = connect(t, cfg, upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadByte()
		_, _ = c.Write([]byte{0x81, 4, 'h', 'a', 'l', 'f'})
		_, _ = r.ReadByte()
	}))
	require.NoError(t, c.Write([]byte("now")))
	_, msg, err = c.Read(nil)
	require.NoError(t, err, "the end of the stream behind a whole message does not spoil it")
	assert.Equal(t, "half", string(msg))
	_, _, err = c.Read(nil)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
