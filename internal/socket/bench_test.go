package socket_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gennostr/gennostr/internal/socket"
)

// endless is a connection that answers the handshake, and then gives out one
// piece of a stream with each Read, over and over: no network, no copies but the reader's.
type endless struct {
	net.Conn             // nil: of its methods only those below are called
	asked    chan string // by the handshake: the answer
	answered bool
	stream   []byte
	at       int
	piece    int
}

func (e *endless) Write(p []byte) (int, error) {
	if _, rest, ok := strings.Cut(string(p), "Sec-Websocket-Key: "); ok {
		key, _, _ := strings.Cut(rest, "\r\n")
		e.asked <- "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + accept(key) + "\r\n\r\n"
	}
	return len(p), nil
}

func (e *endless) Read(p []byte) (int, error) {
	if !e.answered {
		e.answered = true
		return copy(p, <-e.asked), nil
	}
	n := copy(p, e.stream[e.at:min(e.at+e.piece, len(e.stream))])
	e.at = (e.at + n) % len(e.stream)
	return n, nil
}

func (e *endless) Close() error { return nil }

// What a message costs: in a stream, where reads end anywhere within messages,
// alone, and in two pieces, the second of which had to be waited for.
func BenchmarkRead(b *testing.B) {
	wire, messages := frames(1000)
	lone, _ := frames(1)
	for name, c := range map[string]struct {
		stream []byte
		piece  int
	}{
		"stream": {wire, 1 << 20}, "lone": {lone, len(lone)}, "in two": {lone, len(lone)/2 + 1},
	} {
		b.Run(name, func(b *testing.B) {
			cfg := config()
			cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return &endless{asked: make(chan string, 1), stream: c.stream, piece: c.piece}, nil
			}
			d, err := socket.NewDialer(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			conn, err := d.Dial(b.Context(), "ws://relay.example")
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Wait()
			defer conn.Cut(io.EOF)
			buf := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := conn.Next(); err != nil {
					b.Fatal(err)
				}
				msg, err := conn.Message(buf)
				if err != nil || len(msg) < len(messages[0]) {
					b.Fatal(len(msg), err)
				}
			}
		})
	}
}
