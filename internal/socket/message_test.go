package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// sending serves one connection with these messages, reads on, and tells how the
// client has closed it.
func sending(t *testing.T, opts *websocket.AcceptOptions, messages ...[]byte) (url string, closed <-chan websocket.StatusCode) {
	codes := make(chan websocket.StatusCode, 1)
	s := serve(t, opts, func(ctx context.Context, ws *websocket.Conn, _ *http.Request) {
		for _, m := range messages {
			if ws.Write(ctx, websocket.MessageText, m) != nil {
				break
			}
		}
		_, _, err := ws.Read(ctx)
		codes <- websocket.CloseStatus(err)
	})
	return wsURL(s), codes
}

func TestReadUpToTheLimit(t *testing.T) {
	url, _ := sending(t, nil, bytes.Repeat([]byte("x"), 1000), bytes.Repeat([]byte("y"), 1000))
	cfg := config()
	cfg.ReadLimit = 1000
	c := connect(t, cfg, url)
	text, msg, err := c.Read(nil)
	require.NoError(t, err)
	assert.True(t, text)
	assert.Len(t, msg, 1000)
	_, again, err := c.Read(msg)
	require.NoError(t, err)
	assert.Same(t, &msg[0], &again[0], "the buffer is used again")
}

// A message over the limit is read past, up to eight times the limit, and costs
// neither the connection nor what comes behind it.
// Shows L38, B29.
func TestAnOverLongMessageIsReadPast(t *testing.T) {
	for name, compression := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			const limit = 200 << 10
			var messages [][]byte
			sizes := []int{5, limit, limit + 1, 3 * limit, 8 * limit, 6}
			for i, n := range sizes {
				messages = append(messages, bytes.Repeat([]byte{'a' + byte(i)}, n))
			}
			opts := &websocket.AcceptOptions{}
			if compression {
				opts.CompressionMode = websocket.CompressionNoContextTakeover
			}
			url, closed := sending(t, opts, append(messages, make([]byte, 8*limit+1))...)
			cfg := config()
			cfg.ReadLimit, cfg.Compression = limit, compression
			c := connect(t, cfg, url)
			buf := make([]byte, 0, 5000)
			for i, n := range sizes {
				_, err := c.Next()
				require.NoError(t, err)
				msg, err := c.Message(buf)
				if n <= limit {
					require.NoError(t, err)
					assert.True(t, bytes.Equal(messages[i], msg), "message %d", i)
					continue
				}
				var long *socket.TooLongError
				require.ErrorAs(t, err, &long)
				assert.ErrorIs(t, err, socket.ErrTooLarge)
				assert.Equal(t, &socket.TooLongError{Length: int64(n), Limit: limit, Head: messages[i][:1024]}, long)
				assert.Same(t, &buf[:1][0], &msg[:1][0], "the buffer can go on being used")
			}
			_, _, err := c.Read(nil)
			var long *socket.TooLongError
			assert.ErrorIs(t, err, socket.ErrTooLarge)
			assert.False(t, errors.As(err, &long), "beyond that it ends")
			_, err = c.Next()
			assert.Error(t, err)
			assert.Equal(t, websocket.StatusMessageTooBig, <-closed, "and the peer is told why")
		})
	}
}

func TestAnOverLongMessageThatIsCutOffIsNotReadPast(t *testing.T) {
	c := connect(t, config(), upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		head := []byte{0x01, 127, 0, 0, 0, 0, 0, 2, 0, 0}
		_, _ = c.Write(append(head, make([]byte, 2<<16)...))
		c.Close()
	}))
	_, _, err := c.Read(nil)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestAReadLimitMayBeAnything(t *testing.T) {
	for _, limit := range []int64{1, math.MaxInt64, math.MaxInt64 / 8, math.MaxInt32} {
		url, _ := sending(t, nil, []byte("x"), make([]byte, 100_000), []byte("y"))
		cfg := config()
		cfg.ReadLimit = limit
		c := connect(t, cfg, url)
		_, msg, err := c.Read(nil)
		require.NoError(t, err)
		assert.Equal(t, "x", string(msg))
		_, msg, err = c.Read(nil)
		if limit == 1 {
			assert.ErrorIs(t, err, socket.ErrTooLarge)
			continue
		}
		require.NoError(t, err)
		assert.Len(t, msg, 100_000)
	}
}

// Room is asked for before it is taken, for all that is held at once, and is given back.
// Shows L31.
func TestRoomIsAskedForBeforeItIsTaken(t *testing.T) {
	const limit = 1 << 20
	read := func(t *testing.T, size int, room func(int) error) (*socket.Conn, []byte, error) {
		url, _ := sending(t, nil, make([]byte, size), []byte("next"))
		cfg := config()
		cfg.ReadLimit = limit
		c := connect(t, cfg, url)
		c.OnRoom(room)
		_, msg, err := c.Read(nil)
		return c, msg, err
	}
	held := func(asked *[]int) func(int) error {
		return func(n int) error { *asked = append(*asked, n); return nil }
	}

	for _, size := range []int{1, 1000, socket.OwnRoom} {
		var asked []int
		_, msg, err := read(t, size, held(&asked))
		require.NoError(t, err)
		assert.Len(t, msg, size)
		if size < socket.OwnRoom {
			assert.Empty(t, asked, "the first bytes are everybody's own")
		}
	}

	for _, size := range []int{100_000, 300_000, limit} {
		var asked []int
		_, msg, err := read(t, size, held(&asked))
		require.NoError(t, err)
		assert.Len(t, msg, size)
		require.NotEmpty(t, asked)
		assert.Equal(t, cap(msg), asked[len(asked)-1], "what is held in the end")
		assert.LessOrEqual(t, cap(msg), min(size*3/2, limit+1))
		had := socket.OwnRoom
		for i := 0; i < len(asked); i += 2 {
			assert.Equal(t, had+asked[i+1], asked[i], "the old buffer and the new one, while it is copied")
			had = asked[i+1]
		}
	}

	var asked []int
	c, _, err := read(t, 2*limit, held(&asked))
	assert.ErrorIs(t, err, socket.ErrTooLarge)
	assert.Zero(t, asked[len(asked)-1], "what is read past takes no room")
	_, msg, err := c.Read(nil)
	require.NoError(t, err)
	assert.Equal(t, "next", string(msg))

	full := errors.New("full")
	_, _, err = read(t, 300_000, func(n int) error {
		if n > 200_000 {
			return full
		}
		return nil
	})
	assert.Equal(t, full, err)
}

// Whatever the limit is, a message of that length takes no more than five thirds of it, the
// copying included: a client whose budget is small can read what it says that it can.
// Shows B29.
func TestTheLongestMessageTakesFiveThirdsOfTheLimit(t *testing.T) {
	for _, limit := range []int{30_000, 99_999, 300_003, 314_571, 1 << 20} {
		url, _ := sending(t, nil, make([]byte, limit))
		cfg := config()
		cfg.ReadLimit = int64(limit)
		c := connect(t, cfg, url)
		most := 0
		c.OnRoom(func(n int) error { most = max(most, n); return nil })
		_, msg, err := c.Read(nil)
		require.NoError(t, err)
		assert.Len(t, msg, limit)
		assert.LessOrEqual(t, most, limit/3*5)
	}
}

// L29, with room: an announced length asks for nothing.
func TestRoomIsAskedForWhatArrives(t *testing.T) {
	most := 0
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		head := []byte{0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint64(head[2:], 1<<40)
		_, _ = c.Write(append(head, strings.Repeat("x", 100_000)...))
		c.Close()
	})
	cfg := config()
	cfg.ReadLimit = 1 << 30
	c := connect(t, cfg, url)
	c.OnRoom(func(n int) error { most = max(most, n); return nil })
	_, _, err := c.Read(nil)
	assert.Error(t, err)
	assert.LessOrEqual(t, most, 300_000)
	assert.NotZero(t, most)
}
