package socket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

func TestATransportThatDialsTLSItselfIsRefused(t *testing.T) {
	for name, transport := range map[string]*http.Transport{
		"DialTLSContext": {DialTLSContext: (&net.Dialer{}).DialContext},
		"DialTLS":        {DialTLS: net.Dial},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.HTTPClient = &http.Client{Transport: transport}
			_, err := socket.NewDialer(cfg)
			require.NoError(t, err, "alone it is fine")
			cfg.Policy = socket.DenyPrivate
			_, err = socket.NewDialer(cfg)
			assert.ErrorContains(t, err, "has a "+name)
		})
	}
}

// Tor is often reached so; a direct dial in its place would tell where we are.
func TestTheDeprecatedDialOfATransportStaysInUse(t *testing.T) {
	s := serve(t, nil, echo)
	var used atomic.Int32
	cfg := config()
	//lint:ignore SA1019 deprecated, and yet in use
	cfg.HTTPClient = &http.Client{Transport: &http.Transport{Dial: func(network, addr string) (net.Conn, error) {
		used.Add(1)
		return net.Dial(network, addr)
	}}}
	cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	connect(t, cfg, wsURL(s))
	assert.EqualValues(t, 1, used.Load())
	cfg.Policy = socket.DenyPrivate
	_, err := dialer(t, cfg).Dial(t.Context(), wsURL(s))
	assert.ErrorIs(t, err, socket.ErrDenied)
}

func TestADialWithoutAContextIsLeftBehind(t *testing.T) {
	entered, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ours, theirs := net.Pipe()
	cfg := config()
	//lint:ignore SA1019 deprecated, and yet in use
	cfg.HTTPClient = &http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) {
		close(entered)
		<-release
		return ours, nil
	}}}
	cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	_, err := dialer(t, cfg).Dial(ctx, "ws://relay.example")
	assert.ErrorIs(t, err, context.Canceled)
	go func() { _, _ = io.Copy(io.Discard, theirs); close(closed) }()
	close(release)
	<-closed // what came too late is closed
}

// The policy is asked before anything is sent, not about a peer that has the SYN already.
func TestAClientWithoutATransportIsJudgedBeforeItConnects(t *testing.T) {
	var arrived atomic.Int32
	first := make(chan struct{})
	addr := rawServer(t, func(c net.Conn) {
		if arrived.Add(1) == 1 {
			close(first)
		}
		c.Close()
	})
	name := strings.Replace(addr, "127.0.0.1", "localhost", 1)
	asked := 0
	cfg := config()
	cfg.HTTPClient = &http.Client{}
	cfg.Policy = func(_ string, at netip.AddrPort) error {
		if asked++; asked > 1 {
			return socket.DenyPrivate("", at) // the resolved address; the first time it was the name
		}
		return nil
	}
	_, err := dialer(t, cfg).Dial(t.Context(), "ws://"+name)
	assert.ErrorIs(t, err, socket.ErrDenied)
	last, err := net.Dial("tcp", addr) // the queue of the listener is in order
	require.NoError(t, err)
	defer last.Close()
	<-first
	assert.EqualValues(t, 1, arrived.Load())
}

func TestAPanicOfTheirsIsAnErrorOfTheDial(t *testing.T) {
	s := serve(t, nil, echo)
	cause := errors.New("boom")
	byDial, byPolicy, byName := config(), config(), config()
	byDial.DialContext = func(context.Context, string, string) (net.Conn, error) { panic(cause) }
	byPolicy.Policy = func(string, netip.AddrPort) error { panic(cause) }
	byName.Policy = byPolicy.Policy
	byName.DialContext = (&net.Dialer{}).DialContext
	for name, cfg := range map[string]socket.Config{"DialContext": byDial, "Policy": byPolicy, "Policy over DialContext": byName} {
		t.Run(name, func(t *testing.T) {
			d := dialer(t, cfg)
			_, err := d.Dial(t.Context(), wsURL(s))
			var handshake *socket.HandshakeError
			require.ErrorAs(t, err, &handshake)
			var panicked *socket.PanicError
			require.ErrorAs(t, err, &panicked)
			assert.Equal(t, cause, panicked.Value)
			assert.Contains(t, string(panicked.Stack), "TestAPanicOfTheirs")
			assert.ErrorContains(t, err, "boom")
			_, err = d.Get(t.Context(), s.URL, "x/y", 100)
			assert.ErrorAs(t, err, &panicked)
		})
	}
}

// The transport dials on a goroutine of its own, which may come late: here it
// comes after the end, with the request's context as net/http hands it on.
func TestNothingIsDialledAfterDialHasReturned(t *testing.T) {
	var request context.Context
	dials := 0
	enough := errors.New("enough")
	cfg := config()
	cfg.Proxy = func(r *http.Request) (*url.URL, error) { request = r.Context(); return nil, nil }
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { dials++; return nil, enough }
	d := dialer(t, cfg)
	_, err := d.Dial(t.Context(), "ws://relay.example")
	require.ErrorIs(t, err, enough)
	require.Equal(t, 1, dials)
	c, err := d.TransportDial(context.WithoutCancel(request), "tcp", "relay.example:80")
	assert.Nil(t, c)
	assert.ErrorIs(t, err, enough, "why the attempt ended")
	assert.Equal(t, 1, dials)
}

// Shows D21.
func TestHeadersAreNotForTheHostOfARedirect(t *testing.T) {
	got := make(chan http.Header, 1)
	show := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got <- r.Header.Clone(); w.WriteHeader(404) }))
	defer show.Close()
	redirect := func(to string) *httptest.Server {
		s := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		t.Cleanup(s.Close)
		return s
	}
	elsewhere := func(u string) string { return strings.Replace(u, "127.0.0.1", "localhost", 1) }
	cfg := config()
	cfg.Header = socket.SecretHeader(http.Header{"X-Api-Key": {"secret"}, "x-odd-case": {"secret"}})
	for name, c := range map[string]struct {
		url  string
		kept bool
	}{
		"same host":      {redirect(show.URL).URL, true},
		"another host":   {redirect(elsewhere(show.URL)).URL, false},
		"there and back": {redirect(elsewhere(redirect(show.URL).URL)).URL, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialer(t, cfg).Dial(t.Context(), "ws"+strings.TrimPrefix(c.url, "http")+"/?token=secret")
			require.Error(t, err)
			h := <-got
			assert.Equal(t, c.kept, h.Get("X-Api-Key") != "")
			assert.Equal(t, c.kept, h.Get("X-Odd-Case") != "")
			assert.Equal(t, c.kept, h.Get("Referer") != "")
			assert.Equal(t, "websocket", h.Get("Upgrade"))
		})
	}
}

// Shows D21.
func TestErrorsNameTheCauseAndNotTheURL(t *testing.T) {
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }))
	defer refuse.Close()
	dialled, err := net.Dial("tcp", refuse.Listener.Addr().String())
	require.NoError(t, err)
	defer dialled.Close()
	nobody := dialled.LocalAddr().String() // nobody listens there, nor can anybody while it is in use
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	denied, slow := config(), config()
	denied.Policy = socket.DenyPrivate
	slow.HandshakeTimeout = 20 * time.Millisecond
	silent := rawServer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	var op *net.OpError
	var unknown x509.UnknownAuthorityError
	for name, c := range map[string]struct {
		cfg  socket.Config
		url  string
		is   error
		as   any
		text string
	}{
		"nobody there":   {config(), "http://" + nobody, nil, &op, "socket: handshake: dial tcp"},
		"certificate":    {config(), secure.URL, nil, &unknown, "socket: handshake: tls: "},
		"policy":         {denied, refuse.URL, socket.ErrDenied, nil, "socket: handshake: "},
		"time":           {slow, "http://" + silent, socket.ErrHandshakeTimeout, nil, "socket: handshake: "},
		"no URL":         {config(), "http://relay.example:x", nil, nil, "socket: handshake: "},
		"refused by 403": {config(), refuse.URL, nil, nil, "socket: handshake: "},
	} {
		t.Run(name, func(t *testing.T) {
			d := dialer(t, c.cfg)
			_, dialErr := d.Dial(t.Context(), "ws"+strings.TrimPrefix(c.url, "http")+"/?token=secret")
			_, getErr := d.Get(t.Context(), c.url+"/?token=secret", "x/y", 100)
			for _, err := range []error{dialErr, getErr} {
				var handshake *socket.HandshakeError
				require.ErrorAs(t, err, &handshake)
				assert.Equal(t, name == "refused by 403", handshake.Status == 403)
				assert.True(t, strings.HasPrefix(err.Error(), c.text), err)
				for _, no := range []string{"secret", "failed to WebSocket", "failed to send", "failed to parse", "Get \""} {
					assert.NotContains(t, err.Error(), no)
				}
				if c.is != nil {
					assert.ErrorIs(t, err, c.is)
				}
				if c.as != nil {
					assert.ErrorAs(t, err, c.as)
				}
			}
		})
	}
}

// Shows D19.
func TestPolicyJudgesTheTargetBehindAProxy(t *testing.T) {
	var asked atomic.Int32
	proxy := rawServer(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		asked.Add(1)
		c.Close()
	})
	cfg := withProxy(config(), "http://"+proxy)
	cfg.Policy = func(network string, addr netip.AddrPort) error {
		if addr.String() == proxy { // stands for a public one
			return nil
		}
		return socket.DenyPrivate(network, addr)
	}
	d := dialer(t, cfg)
	for _, host := range []string{"127.0.0.1", "10.0.0.1:8080", "[::1]", "[::ffff:10.0.0.1]", "localhost", "LOCALHOST.", "a.localhost:1", "169.254.169.254."} {
		for _, scheme := range []string{"ws", "wss"} {
			_, err := d.Dial(t.Context(), scheme+"://"+host+"/")
			assert.ErrorIs(t, err, socket.ErrDenied, host)
		}
		_, err := d.Get(t.Context(), "http://"+host+"/", "x/y", 100)
		assert.ErrorIs(t, err, socket.ErrDenied, host)
	}
	for _, host := range []string{"2130706433", "127.1", "0x7f.0.0.0x1", "１２７.0.0.1"} {
		_, err := d.Dial(t.Context(), "wss://"+host+"/")
		assert.ErrorContains(t, err, "not an address to judge", host)
	}
	assert.Zero(t, asked.Load(), "the proxy was not asked for any of them")
	_, err := d.Dial(t.Context(), "wss://relay.example")
	assert.Error(t, err)
	assert.EqualValues(t, 1, asked.Load(), "but for a name")
}

// Shows D19.
func TestWithAPolicyTheEnvironmentsProxyIsNotUsed(t *testing.T) {
	plain, chosen, client := config(), withProxy(config(), "http://192.0.2.1:1"), config()
	client.HTTPClient = &http.Client{Transport: &http.Transport{Proxy: chosen.Proxy}}
	for _, cfg := range []socket.Config{plain, chosen, client} {
		cfg.TLSConfig = &tls.Config{}
		assert.True(t, dialer(t, cfg).HasProxy())
	}
	plain.Policy, chosen.Policy, client.Policy = socket.DenyPrivate, socket.DenyPrivate, socket.DenyPrivate
	assert.False(t, dialer(t, plain).HasProxy(), "the environment's")
	plain.HTTPClient = &http.Client{}
	assert.False(t, dialer(t, plain).HasProxy(), "a client without a transport chooses nothing")
	assert.True(t, dialer(t, chosen).HasProxy(), "by option")
	assert.True(t, dialer(t, client).HasProxy(), "by their transport")
}

// strange is a connection whose peer has no address of IP.
type strange struct {
	net.Conn
	addr net.Addr
}

func (s strange) RemoteAddr() net.Addr { return s.addr }

// Shows D19.
func TestAPeerThatCannotBeJudgedIsRefused(t *testing.T) {
	s := serve(t, nil, echo)
	for name, addr := range map[string]net.Addr{"a unix socket": &net.UnixAddr{Name: "/x", Net: "unix"}, "none": nil, "a nil pointer": (*net.TCPAddr)(nil)} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.DialContext = func(ctx context.Context, network, to string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, to)
				return strange{c, addr}, err
			}
			connect(t, cfg, wsURL(s)) // without a policy it is fine
			cfg.Policy = func(string, netip.AddrPort) error { return nil }
			_, err := dialer(t, cfg).Dial(t.Context(), wsURL(s))
			assert.ErrorContains(t, err, "not an address to judge")
		})
	}
}

// Shows D19.
func TestDenyPrivateRefusesIPv6OutsideOfGlobalUnicast(t *testing.T) {
	for _, ip := range []string{"::8.8.8.8", "::ffff:0:10.0.0.1", "::2:0:0:1", "100:0:0:1::1", "400::1", "0200::1", "4000::1", "5f00::1", "8000::1",
		"64:ff9b:1::1", "64:ff9c::1", "3fff::1", "fec0::1"} {
		assert.ErrorIs(t, socket.DenyPrivate("tcp", netip.AddrPortFrom(netip.MustParseAddr(ip), 443)), socket.ErrDenied, ip)
	}
	for _, ip := range []string{"2000::1", "2001:470::1", "3ffe::1", "64:ff9b::8.8.8.8"} {
		assert.NoError(t, socket.DenyPrivate("tcp", netip.AddrPortFrom(netip.MustParseAddr(ip), 443)), ip)
	}
}
