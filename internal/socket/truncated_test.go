package socket_test

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A message whose last fragment never came is not a shorter message.
func TestTruncatedMessageIsNotDelivered(t *testing.T) {
	c := connect(t, config(), upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write([]byte{0x81, 5, 'w', 'h', 'o', 'l', 'e', 0x01, 4, 'h', 'a', 'l', 'f'})
		c.Close()
	}))
	_, msg, err := c.Read(nil)
	require.NoError(t, err)
	assert.Equal(t, "whole", string(msg), "what came before is")
	_, _, err = c.Read(nil)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
