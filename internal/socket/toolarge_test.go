package socket_test

import (
	"bufio"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/socket"
)

// Whoever is writing while a message goes too far learns why it ends: what it says may
// be the first that is heard of it.
func TestAWriterLearnsThatAMessageWentTooFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.ReadLimit = 1000
		c := pipedWith(t, cfg, func(server net.Conn, _ *bufio.Reader) {
			_, _ = server.Write(append([]byte{0x81, 126, 0x40, 0}, make([]byte, 1<<14)...))
		})
		written := make(chan error, 1)
		go func() { written <- c.Write([]byte("nobody takes this")) }() // joined below
		synctest.Wait()
		_, _, err := c.Read(nil)
		assert.ErrorIs(t, err, socket.ErrTooLarge)
		assert.ErrorIs(t, <-written, socket.ErrTooLarge)
	})
}
