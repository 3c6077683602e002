package socket_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// countedWrites counts the writes of a connection.
type countedWrites struct {
	net.Conn
	writes atomic.Int32
}

func (c *countedWrites) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestShortMessagesGoOutInOnePiece(t *testing.T) {
	for name, c := range map[string]struct {
		lengths []int
		writes  int32
	}{
		"one": {[]int{10}, 1}, "short ones": {[]int{10, 300, 2000, 1}, 1}, "as much as fits": {[]int{8000, 8000, 8000, 8000}, 4},
		"a long one among them": {[]int{10, 20 << 10, 10, 10}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, len(c.lengths))
			var wire *countedWrites
			conn := pipedWith(t, config(), func(_ net.Conn, r *bufio.Reader) {
				for range c.lengths {
					_, payload, err := frame(r)
					if err != nil {
						return
					}
					got <- string(payload)
				}
			}, func(inner net.Conn) net.Conn { wire = &countedWrites{Conn: inner}; return wire })
			var messages [][]byte
			for i, n := range c.lengths {
				messages = append(messages, []byte(strings.Repeat(string(rune('a'+i)), n)))
			}
			before := wire.writes.Load()
			require.NoError(t, conn.WriteAll(messages))
			for _, want := range messages {
				assert.Equal(t, string(want), <-got)
			}
			assert.LessOrEqual(t, wire.writes.Load()-before, c.writes)
			assert.Greater(t, conn.BytesOut(), uint64(0))
		})
	}
}

// Pongs and pings of other goroutines come between, whole.
func TestPingsAmongMessagesThatGoOutTogether(t *testing.T) {
	const rounds = 200
	served := make(chan int, 1)
	server := serve(t, nil, func(ctx context.Context, ws *websocket.Conn, _ *http.Request) {
		n := 0
		for ; n < 3*rounds; n++ {
			if n%10 == 0 {
				go func() { _ = ws.Ping(ctx) }() // ends with the connection
			}
			if _, _, err := ws.Read(ctx); err != nil {
				break
			}
		}
		served <- n
		_, _, _ = ws.Read(ctx)
	})
	conn := connect(t, config(), wsURL(server))
	read := make(chan struct{})
	go func() { // ends with the connection, joined below
		defer close(read)
		_, _, _ = conn.Read(nil)
	}()
	pinged := make(chan struct{})
	go func() { // joined below
		defer close(pinged)
		for range rounds / 4 {
			assert.NoError(t, conn.Ping(10*time.Second))
		}
	}()
	for range rounds {
		require.NoError(t, conn.WriteAll([][]byte{[]byte("a"), []byte("bb"), []byte("ccc")}))
	}
	assert.Equal(t, 3*rounds, <-served)
	<-pinged
	conn.Cut(socket.ErrClosed)
	<-read
}

func TestTheDateOfTheHandshakeTellsThePeersClock(t *testing.T) {
	for _, want := range []time.Duration{time.Hour, -time.Hour} {
		server := serve(t, nil, func(context.Context, *websocket.Conn, *http.Request) {})
		inner := server.Config.Handler
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(want).UTC().Format(http.TimeFormat))
			inner.ServeHTTP(w, r)
		})
		ahead, known := connect(t, config(), wsURL(server)).Ahead()
		assert.True(t, known)
		assert.InDelta(t, want.Seconds(), ahead.Seconds(), 60)
	}
	conn := piped(t, func(net.Conn, *bufio.Reader) {}) // which says no date
	_, known := conn.Ahead()
	assert.False(t, known)
}
