package kit

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// RoundTrip is an http.RoundTripper of one function.
type RoundTrip func(*http.Request) (*http.Response, error)

func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// RawRelay is a server on a socket, of which a test writes every byte. It ends with the test.
func RawRelay(t testing.TB, serve func(conn net.Conn, request *http.Request)) (relayURL string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	over := false
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if over {
				_ = conn.Close()
			}
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					serve(conn, request)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		over = true
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return "ws://" + listener.Addr().String()
}

// Upgrade does the server's half of the handshake.
func Upgrade(conn net.Conn, request *http.Request) {
	_, _ = io.WriteString(conn, Switching(request))
}

// Switching is the server's half of the handshake (RFC 6455, 4.2.2).
func Switching(request *http.Request) string {
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
}

// Opcodes of RFC 6455, 5.2; the final bit is set.
const (
	OpText   = 0x81
	OpBinary = 0x82
	OpPing   = 0x89
)

// Frame is one unmasked frame.
func Frame(op byte, payload string) string {
	head := []byte{op, byte(len(payload))}
	if len(payload) > 125 {
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(len(payload)))
	}
	return string(head) + payload
}

// Says is a server that writes these bytes, reads until the client says goodbye, and hangs up.
func Says(bytes string) func(net.Conn, *http.Request) {
	return func(conn net.Conn, request *http.Request) {
		Upgrade(conn, request)
		_, _ = io.WriteString(conn, bytes)
		UntilClose(conn)
	}
}

// UntilClose reads until the client's close frame, or the end. The client has
// nothing to say but control frames, which are masked and short.
func UntilClose(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(r, head); err != nil || head[0] == 0x88 {
			return
		}
		_, _ = r.Discard(int(head[1] & 0x7F))
	}
}
