package socket_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// config has short times, so that what hangs ends a test soon.
func config() socket.Config {
	return socket.Config{ReadLimit: 1 << 16, MessageTimeout: time.Minute, HandshakeTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
}

func dialer(t *testing.T, cfg socket.Config) *socket.Dialer {
	t.Helper()
	d, err := socket.NewDialer(cfg)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// serve is a websocket server on loopback; f has the accepted connection.
func serve(t *testing.T, opts *websocket.AcceptOptions, f func(ctx context.Context, ws *websocket.Conn, r *http.Request)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(acceptor(opts, f))
	t.Cleanup(s.Close)
	return s
}

func acceptor(opts *websocket.AcceptOptions, f func(ctx context.Context, ws *websocket.Conn, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, opts)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		f(r.Context(), ws, r)
	})
}

// echo sends back what it gets until the client is gone.
func echo(ctx context.Context, ws *websocket.Conn, _ *http.Request) {
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil || ws.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func wsURL(s *httptest.Server) string { return "ws" + strings.TrimPrefix(s.URL, "http") }

// connect dials and cleans up.
func connect(t *testing.T, cfg socket.Config, url string) *socket.Conn {
	t.Helper()
	return connectBy(t, dialer(t, cfg), url)
}

func connectBy(t *testing.T, d *socket.Dialer, url string) *socket.Conn {
	t.Helper()
	c, err := d.Dial(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { c.Cut(socket.ErrClosed); c.Wait() })
	return c
}

// rawServer accepts TCP connections and hands each to f on a goroutine of its
// own; when the test ends all are closed and joined.
func rawServer(t *testing.T, f func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ended by the listener's close, joined by the cleanup
		defer close(done)
		running := make(chan struct{}, 1000)
		n := 0
		var conns []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
			n++
			go func() { f(c); running <- struct{}{} }()
		}
		for _, c := range conns {
			c.Close()
		}
		for range n {
			<-running
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// upgraded is a raw server that does the handshake by hand and then sends bytes
// as they are; f has the connection after that.
func upgraded(t *testing.T, f func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	return "ws://" + rawServer(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+
			accept(req.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		f(c, r)
	})
}
