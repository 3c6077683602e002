package socket_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestEchoOverTCP(t *testing.T) {
	s := serve(t, nil, echo)
	c := connect(t, config(), wsURL(s))
	require.NoError(t, c.Write([]byte("hello")))
	text, msg, err := c.Read(nil)
	require.NoError(t, err)
	assert.True(t, text)
	assert.Equal(t, "hello", string(msg))
	assert.NotZero(t, c.BytesIn())
	assert.NotZero(t, c.BytesOut())
	assert.WithinDuration(t, time.Now(), c.LastInbound(), 10*time.Second)
}

// L16: header, TLS, proxy and dialer compose.
func TestL16TransportOptionsCompose(t *testing.T) {
	var agent, dialled atomic.Value
	s := httptest.NewTLSServer(acceptor(nil, func(ctx context.Context, ws *websocket.Conn, r *http.Request) {
		agent.Store(r.Header.Get("User-Agent"))
		echo(ctx, ws, r)
	}))
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	url := "wss" + strings.TrimPrefix(s.URL, "https")

	cfg := config()
	cfg.TLSConfig = &tls.Config{RootCAs: pool}
	cfg.Header = socket.SecretHeader(http.Header{"User-Agent": {"gennostr-test"}})
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Store(addr)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	for name, client := range map[string]*http.Client{
		"own transport": nil, "default transport": {}, "their transport": {Transport: &http.Transport{}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.HTTPClient = client
			c := connect(t, cfg, url)
			require.NoError(t, c.Write([]byte("x")))
			_, _, err := c.Read(nil)
			require.NoError(t, err)
			assert.Equal(t, "gennostr-test", agent.Load())
			assert.Equal(t, strings.TrimPrefix(s.URL, "https://"), dialled.Load())
		})
	}
}

type roundTripper struct{}

func (roundTripper) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no") }

func TestOptionsThatCannotBeCombinedAreRefusedByName(t *testing.T) {
	cfg := config()
	cfg.HTTPClient = &http.Client{Transport: roundTripper{}}
	_, err := socket.NewDialer(cfg)
	require.NoError(t, err, "alone it is fine")
	cfg.Policy = socket.DenyPrivate
	_, err = socket.NewDialer(cfg)
	assert.ErrorContains(t, err, "dial policy")
	assert.ErrorContains(t, err, "roundTripper")
}

// connectProxy is an HTTP proxy that knows CONNECT.
func connectProxy(t *testing.T, used *atomic.Int32) string {
	return "http://" + rawServer(t, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil || req.Method != http.MethodConnect {
			c.Close()
			return
		}
		used.Add(1)
		relay(c, req.Host, "HTTP/1.1 200 OK\r\n\r\n")
	})
}

// socksProxy is a SOCKS5 proxy without authentication (RFC 1928).
func socksProxy(t *testing.T, used *atomic.Int32) string {
	return "socks5://" + rawServer(t, func(c net.Conn) {
		head := make([]byte, 2)
		_, _ = io.ReadFull(c, head)
		_, _ = io.ReadFull(c, make([]byte, head[1]))
		_, _ = c.Write([]byte{5, 0})
		req := make([]byte, 10) // an IPv4 address
		if _, err := io.ReadFull(c, req); err != nil || req[3] != 1 {
			c.Close()
			return
		}
		used.Add(1)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte(req[4:8])), binary.BigEndian.Uint16(req[8:]))
		relay(c, addr.String(), string([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}))
	})
}

func relay(c net.Conn, to, greeting string) {
	up, err := net.Dial("tcp", to)
	if err != nil {
		c.Close()
		return
	}
	_, _ = io.WriteString(c, greeting)
	done := make(chan struct{})
	go func() { _, _ = io.Copy(up, c); up.Close(); close(done) }()
	_, _ = io.Copy(c, up)
	c.Close()
	up.Close()
	<-done
}

func TestProxies(t *testing.T) {
	for name, proxy := range map[string]func(*testing.T, *atomic.Int32) string{"CONNECT": connectProxy, "SOCKS5": socksProxy} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(acceptor(nil, echo))
			defer s.Close()
			var used atomic.Int32
			at, err := url.Parse(proxy(t, &used))
			require.NoError(t, err)
			cfg := config()
			cfg.Proxy = http.ProxyURL(at)
			cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true} // its certificate is not the subject
			c := connect(t, cfg, "wss"+strings.TrimPrefix(s.URL, "https"))
			require.NoError(t, c.Write([]byte("x")))
			_, _, err = c.Read(nil)
			require.NoError(t, err)
			assert.EqualValues(t, 1, used.Load())
			c.Close(1000, "", 5*time.Second)
		})
	}
}

func TestRefusedHandshakes(t *testing.T) {
	answer := func(status int, header, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return wsURL(s)
	}
	for name, c := range map[string]struct {
		url    string
		status int
		retry  time.Duration
		text   string
	}{
		"403":             {answer(403, "", "go away\x00\x1b[31m"), 403, 0, "go away"},
		"429":             {answer(429, "17", ""), 429, 17 * time.Second, "429"},
		"503 with a book": {answer(503, "99999999999", strings.Repeat("x", 1<<20)), 503, 0, "503"},
		"200":             {answer(200, "", "<html>"), 200, 0, "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialer(t, config()).Dial(t.Context(), c.url)
			var h *socket.HandshakeError
			require.ErrorAs(t, err, &h)
			assert.Equal(t, c.status, h.Status)
			assert.Equal(t, c.retry, h.RetryAfter)
			assert.Contains(t, err.Error(), c.text)
			assert.Less(t, len(err.Error()), 500)
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
	t.Run("wrong accept key", func(t *testing.T) {
		addr := rawServer(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n")
			c.Close()
		})
		_, err := dialer(t, config()).Dial(t.Context(), "ws://"+addr)
		assert.ErrorContains(t, err, "Sec-WebSocket-Accept")
	})
	t.Run("nobody there", func(t *testing.T) {
		dialled, err := net.Dial("tcp", rawServer(t, func(net.Conn) {}))
		require.NoError(t, err)
		defer dialled.Close()
		nobody := dialled.LocalAddr().String() // nobody listens there, nor can anybody while it is in use
		_, err = dialer(t, config()).Dial(t.Context(), "ws://"+nobody)
		var h *socket.HandshakeError
		require.ErrorAs(t, err, &h)
		assert.Zero(t, h.Status)
	})
}

// DESIGN 3.8: a dial ends with its context wherever it stands.
// Shows L10, D14.
func TestDialEndsWithItsContextWhereverItStands(t *testing.T) {
	silent := rawServer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	// They tell the test that the dial has come so far, which one that times out on a
	// busy machine may not have.
	hanging := func(entered chan<- struct{}) socket.Config {
		cfg := config()
		cfg.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			entered <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return cfg
	}
	arrived := func(entered chan<- struct{}) socket.Config {
		cfg := config()
		cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			entered <- struct{}{}
			return c, err
		}
		return cfg
	}
	proxied := func(entered chan<- struct{}) socket.Config {
		return withProxy(arrived(entered), "http://"+silent)
	}
	for name, c := range map[string]struct {
		cfg func(entered chan<- struct{}) socket.Config
		url string
	}{
		"in the dialer":            {hanging, "ws://" + silent},
		"in the TLS handshake":     {arrived, "wss://" + silent},
		"in the answer of HTTP":    {arrived, "ws://" + silent},
		"in the answer of a proxy": {proxied, "wss://relay.example"},
	} {
		t.Run(name, func(t *testing.T) {
			entered := make(chan struct{}, 1)
			d := dialer(t, c.cfg(entered))
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			go func() { <-entered; cancel(enough) }()
			_, err := d.Dial(ctx, c.url)
			assert.ErrorIs(t, err, enough)
		})
		t.Run(name+", by its timeout", func(t *testing.T) {
			cfg := c.cfg(make(chan struct{}, 1))
			cfg.HandshakeTimeout = 20 * time.Millisecond
			_, err := dialer(t, cfg).Dial(t.Context(), c.url)
			assert.ErrorIs(t, err, socket.ErrHandshakeTimeout)
		})
	}
}

func withProxy(cfg socket.Config, proxy string) socket.Config {
	u, _ := url.Parse(proxy)
	cfg.Proxy = http.ProxyURL(u)
	return cfg
}

// Shows D20.
func TestRedirects(t *testing.T) {
	target := serve(t, nil, echo)
	hop := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusFound))
	defer hop.Close()
	c := connect(t, config(), wsURL(hop))
	require.NoError(t, c.Write([]byte("x")))
	_, _, err := c.Read(nil)
	require.NoError(t, err, "a redirect is followed")

	down := httptest.NewTLSServer(http.RedirectHandler(target.URL, http.StatusFound))
	defer down.Close()
	cfg := config()
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true} // its certificate is not the subject
	_, err = dialer(t, cfg).Dial(t.Context(), "wss"+strings.TrimPrefix(down.URL, "https"))
	assert.ErrorContains(t, err, "plain text", "but never out of TLS")
}

// Shows D19.
func TestPolicyJudgesEveryAddress(t *testing.T) {
	s := serve(t, nil, echo)
	cfg := config()
	cfg.Policy = socket.DenyPrivate
	_, err := dialer(t, cfg).Dial(t.Context(), wsURL(s))
	assert.ErrorIs(t, err, socket.ErrDenied)
	_, err = dialer(t, cfg).Dial(t.Context(), strings.Replace(wsURL(s), "127.0.0.1", "localhost", 1))
	assert.ErrorIs(t, err, socket.ErrDenied, "after name resolution")
	_, err = dialer(t, cfg).Get(t.Context(), s.URL, "x/y", 100)
	assert.ErrorIs(t, err, socket.ErrDenied)

	// The redirect's address is judged, not only the first.
	hop := httptest.NewServer(http.RedirectHandler(s.URL, http.StatusFound))
	defer hop.Close()
	first := netip.MustParseAddrPort(strings.TrimPrefix(hop.URL, "http://"))
	refused := errors.New("not there")
	cfg.Policy = func(_ string, addr netip.AddrPort) error {
		if addr == first {
			return nil
		}
		return refused
	}
	_, err = dialer(t, cfg).Dial(t.Context(), wsURL(hop))
	assert.ErrorIs(t, err, refused)

	// With somebody else's dialer the peer is judged.
	cfg.DialContext = (&net.Dialer{}).DialContext
	_, err = dialer(t, cfg).Dial(t.Context(), wsURL(s))
	assert.ErrorIs(t, err, refused)
}

// Shows D19.
func TestDenyPrivate(t *testing.T) {
	for _, ip := range []string{
		"127.0.0.1", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"192.0.2.1", "198.19.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
		"ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "::7f00:1", "2001::1",
	} {
		assert.ErrorIs(t, socket.DenyPrivate("tcp", netip.AddrPortFrom(netip.MustParseAddr(ip), 443)), socket.ErrDenied, ip)
	}
	for _, ip := range []string{"1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "9.9.9.9", "2606:4700::1111", "2a00:1450::1", "64:ff9b::101:101", "2002:101:101::1", "::ffff:8.8.8.8"} {
		assert.NoError(t, socket.DenyPrivate("tcp", netip.AddrPortFrom(netip.MustParseAddr(ip), 443)), ip)
	}
	assert.ErrorIs(t, socket.DenyPrivate("tcp", netip.AddrPort{}), socket.ErrDenied)
}

// Shows P47, P53, B23.
func TestGetIsCappedAndCheckedForItsStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/nostr+json" || r.Header.Get("X-Mine") != "1" {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 100))
	}))
	defer s.Close()
	cfg := config()
	cfg.Header = socket.SecretHeader(http.Header{"X-Mine": {"1"}})
	d := dialer(t, cfg)
	body, err := d.Get(t.Context(), s.URL, "application/nostr+json", 100)
	require.NoError(t, err)
	assert.Len(t, body, 100)
	_, err = d.Get(t.Context(), s.URL, "application/nostr+json", 99)
	assert.ErrorIs(t, err, socket.ErrTooLarge)
	_, err = d.Get(t.Context(), s.URL, "text/html", 100)
	var h *socket.HandshakeError
	require.ErrorAs(t, err, &h)
	assert.Equal(t, 426, h.Status)
}
