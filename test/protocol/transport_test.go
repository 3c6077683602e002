package protocol_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What a relay can do below the protocol: bytes that no websocket library
// would send (P35, L29), and transports that are put together (L16, L20).

func TestP35BinaryMessagesAreCountedAndReported(t *testing.T) {
	r := &kit.Recorder{}
	client := kit.Start(t, r, gennostr.WithRelays(kit.RawRelay(t, kit.Says(
		kit.Frame(kit.OpBinary, `["NOTICE","binary"]`)+kit.Frame(kit.OpBinary, "\x00\xff")+kit.Frame(kit.OpText, `["NOTICE","text"]`)))))
	n := r.WaitCount(t, "OnNotice", 1)
	assert.Equal(t, gennostr.NoticeMessage{Message: "text"}, n.Msg)
	r.WaitCount(t, "OnError", 1)
	var reject *gennostr.RejectError
	require.ErrorAs(t, kit.ReasonOf(t, r.Named("OnError")[0]), &reject)
	assert.ErrorIs(t, reject, gennostr.ErrMalformed)
	assert.EqualValues(t, 2, client.Relays()[0].Traffic.Malformed)
	assert.Empty(t, r.Named("OnDisconnect"), "it does not cost the connection")
}

func TestFragmentsAndControlFramesAreOneMessage(t *testing.T) {
	r := &kit.Recorder{}
	kit.Start(t, r, gennostr.WithRelays(kit.RawRelay(t, kit.Says(
		kit.Frame(0x01, `["NOTICE",`)+kit.Frame(kit.OpPing, "are you there")+kit.Frame(0x00, `"in three`)+kit.Frame(0x80, ` parts"]`)))))
	assert.Equal(t, gennostr.NoticeMessage{Message: "in three parts"}, r.WaitCount(t, "OnNotice", 1).Msg)
	assert.Empty(t, r.Named("OnError"))
}

// A relay that breaks RFC 6455 costs its connection, and nothing else: no
// panic, and the schedule goes on.
func TestP35BrokenFramesEndTheConnectionAndTheScheduleGoesOn(t *testing.T) {
	for name, bytes := range map[string]string{
		"a reserved opcode":                kit.Frame(0x83, "x"),
		"a reserved bit":                   kit.Frame(0xC1, "x"),
		"a continuation of nothing":        kit.Frame(0x80, "x"),
		"text inside of text":              kit.Frame(0x01, "x") + kit.Frame(kit.OpText, "x"),
		"a ping in two parts":              kit.Frame(0x09, "x"),
		"a ping of 126 bytes":              kit.Frame(kit.OpPing, strings.Repeat("x", 126)),
		"a negative length":                "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"a close frame of one byte":        kit.Frame(0x88, "x"),
		"a close code that is not allowed": kit.Frame(0x88, "\x03\xed"),
	} {
		t.Run(name, func(t *testing.T) {
			r := &kit.Recorder{}
			kit.Start(t, r, gennostr.WithReconnectSchedule(time.Millisecond), gennostr.WithRelays(kit.RawRelay(t, kit.Says(bytes))))
			r.WaitCount(t, "OnConnect", 2)
			notes := r.All()[:4]
			require.Equal(t, []string{"OnConnect", "OnError", "OnDisconnect", "OnConnect"}, kit.NamesOf(notes))
			var dial *gennostr.DialError
			assert.NotErrorAs(t, kit.SameEnd(t, notes[:3]), &dial)
		})
	}
}

func TestL29AFrameThatAnnouncesATerabyteCostsOnePingTimeout(t *testing.T) {
	terabyte := "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00" + `["NOTICE","` // and then silence
	r := &kit.Recorder{}
	kit.Start(t, r, gennostr.WithManualReconnect(), gennostr.WithPing(50*time.Millisecond, 50*time.Millisecond), gennostr.WithRelays(kit.RawRelay(t, kit.Says(terabyte))))
	r.WaitCount(t, "OnDisconnect", 1)
	assert.ErrorIs(t, kit.SameEnd(t, r.All()), gennostr.ErrPingTimeout)
	assert.Empty(t, r.Named("OnNotice"))
}

func TestL29AFrameThatAnnouncesATerabyteCostsTheReadLimit(t *testing.T) {
	var sent atomic.Int64
	r := &kit.Recorder{}
	kit.Start(t, r, gennostr.WithManualReconnect(), gennostr.WithReadLimit(1<<20), gennostr.WithRelays(kit.RawRelay(t, func(conn net.Conn, request *http.Request) {
		kit.Upgrade(conn, request)
		go func() { kit.UntilClose(conn); _ = conn.Close() }() // ends with the connection
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		_, err := io.WriteString(conn, "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00")
		for err == nil { // as much as it takes
			var n int
			n, err = conn.Write(chunk)
			sent.Add(int64(n))
		}
	})))
	r.WaitCount(t, "OnDisconnect", 1)
	assert.ErrorIs(t, kit.SameEnd(t, r.All()), gennostr.ErrFrameTooLarge)
	assert.Less(t, sent.Load(), int64(64<<20), "it was not read to its end")
}

func TestReadLimitIsOfTheDecompressedMessage(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithCompression())
	r := &kit.Recorder{}
	client := kit.Start(t, r, gennostr.WithManualReconnect(), gennostr.WithCompression(true), gennostr.WithReadLimit(1<<20), gennostr.WithRelays(relay.URL()))
	require.NoError(t, client.Ready(t.Context(), 1))
	relay.Notice(strings.Repeat("x", 1<<19))
	r.WaitCount(t, "OnNotice", 1)
	assert.Less(t, client.Relays()[0].Traffic.BytesIn, uint64(1<<14), "it was compressed")
	relay.Notice(strings.Repeat("x", 1<<20))
	r.WaitCount(t, "OnError", 1)
	assert.ErrorIs(t, kit.ReasonOf(t, r.Named("OnError")[0]), gennostr.ErrFrameTooLarge)
	relay.Notice(strings.Repeat("x", 8<<20))
	r.WaitCount(t, "OnDisconnect", 1)
	assert.ErrorIs(t, kit.SameEnd(t, r.All()), gennostr.ErrFrameTooLarge)
}

// A message that a relay refuses by its close frame, and then by resetting the
// connection that the rest of it is on, is told from a lost connection: whoever
// sends again what was not sent would lose the next one the same way.
func TestAMessageThatIsTooBigForARelayIsToldFromALostConnection(t *testing.T) {
	url := kit.RawRelay(t, func(conn net.Conn, request *http.Request) {
		kit.Upgrade(conn, request)
		_, _ = io.ReadFull(conn, make([]byte, 10_000))
		_, _ = io.WriteString(conn, "\x88\x09\x03\xf1too big")
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	for range kit.Sized(20, 5) {
		r := &kit.Recorder{}
		client := kit.Start(t, r, gennostr.WithManualReconnect(), gennostr.WithRelays(url))
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Send(url, gennostr.Raw(`["EVENT",`+strings.Repeat(" ", 8<<20)+`{}]`)))
		n := r.WaitCount(t, "OnDisconnect", 1)
		var closed *gennostr.CloseError
		require.ErrorAs(t, kit.ReasonOf(t, n), &closed)
		assert.Equal(t, &gennostr.CloseError{Code: 1009, Reason: "too big"}, closed)
		for _, n := range r.Named("OnError") {
			var unsent *gennostr.SendError
			if errors.As(kit.ReasonOf(t, n), &unsent) {
				assert.ErrorAs(t, unsent, &closed, "what was not sent says why")
			}
		}
		require.NoError(t, client.Stop(t.Context()))
	}
}

// What answers a handshake need not be a relay.
func TestHandshakesThatFailAreDialErrorsAndTheScheduleGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status int
	}{
		"a web page":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200},
		"a refusal":            {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403},
		"the wrong key":        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", 101},
		"another protocol":     {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 101},
		"noise":                {"\x00\x01\x02\xff\xfe\r\n\r\n", 0},
		"half a header":        {"HTTP/1.1 101 Switching", 0},
		"nothing":              {"", 0},
		"a header of 100 KB":   {"HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", 0},
		"a redirect to itself": {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := &kit.Recorder{}
			kit.Start(t, r, gennostr.WithReconnectSchedule(time.Millisecond), gennostr.WithRelays(kit.RawRelay(t, func(conn net.Conn, _ *http.Request) {
				_, _ = io.WriteString(conn, c.answer)
			})))
			r.WaitCount(t, "OnDisconnect", 2)
			notes := r.All()[:4]
			require.Equal(t, []string{"OnError", "OnDisconnect", "OnError", "OnDisconnect"}, kit.NamesOf(notes))
			var dial *gennostr.DialError
			require.ErrorAs(t, kit.SameEnd(t, notes), &dial)
			assert.Equal(t, c.status, dial.Status)
			assert.Less(t, len(dial.Error()), 600)
		})
	}
}

// tlsRelay takes websockets over TLS and remembers their handshakes.
func tlsRelay(t *testing.T) (server *httptest.Server, relayURL string, handshakes <-chan *http.Request) {
	seen := make(chan *http.Request, 16)
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(context.WithoutCancel(r.Context()))
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		_, _, _ = ws.Read(r.Context()) // until the client leaves
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of certificates that are refused
	t.Cleanup(server.Close)
	return server, "wss" + strings.TrimPrefix(server.URL, "https"), seen
}

// connectProxy is an HTTP proxy with CONNECT.
func connectProxy(t *testing.T) (proxy *url.URL, targets <-chan string) {
	seen := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Host
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		var back sync.WaitGroup
		back.Go(func() { _, _ = io.Copy(here, there); _ = here.Close() })
		_, _ = io.Copy(there, here)
		_ = there.Close()
		back.Wait()
	}))
	t.Cleanup(server.Close)
	proxy, err := url.Parse(server.URL)
	require.NoError(t, err)
	return proxy, seen
}

func TestL16TransportOptionsCompose(t *testing.T) {
	server, relayURL, handshakes := tlsRelay(t)
	proxy, targets := connectProxy(t)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	origin, err := url.Parse(server.URL)
	require.NoError(t, err)
	jar.SetCookies(origin, []*http.Cookie{{Name: "session", Value: "from the jar"}})
	var dialled, judged sync.Map
	r := &kit.Recorder{}
	client := kit.Start(t, r, gennostr.WithRelays(relayURL),
		gennostr.WithHTTPClient(&http.Client{Jar: jar, Transport: &http.Transport{}}),
		gennostr.WithTLSConfig(&tls.Config{RootCAs: roots}),
		gennostr.WithHeader(http.Header{"Authorization": {"Bearer token"}, "X-Two": {"a", "b"}}),
		gennostr.WithProxy(http.ProxyURL(proxy)),
		gennostr.WithDialContext(func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled.Store(addr, true)
			return new(net.Dialer).DialContext(ctx, network, addr)
		}),
		gennostr.WithDialPolicy(func(_ string, addr netip.AddrPort) error {
			judged.Store(addr.String(), true)
			return nil
		}),
		gennostr.WithCompression(true))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, client.Ready(ctx, 1))

	handshake := <-handshakes
	assert.Equal(t, "Bearer token", handshake.Header.Get("Authorization"))
	assert.Equal(t, []string{"a", "b"}, handshake.Header["X-Two"])
	assert.Equal(t, "session=from the jar", strings.ReplaceAll(handshake.Header.Get("Cookie"), `"`, ""))
	assert.Contains(t, handshake.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate")
	assert.NotNil(t, handshake.TLS)
	assert.Equal(t, origin.Host, <-targets, "through the proxy")
	has := func(m *sync.Map, addr string) bool { _, ok := m.Load(addr); return ok }
	assert.True(t, has(&dialled, proxy.Host))
	assert.False(t, has(&dialled, origin.Host), "through the proxy only")
	assert.True(t, has(&judged, proxy.Host), "the proxy's own address")
	assert.True(t, has(&judged, origin.Host), "and the one behind it, as it is literal")
	assert.Empty(t, r.Named("OnError"))
}

func TestL16EachTransportOptionIsHeededAlone(t *testing.T) {
	server, relayURL, handshakes := tlsRelay(t)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	refusal := errors.New("refused by the policy")
	trust := gennostr.WithTLSConfig(&tls.Config{RootCAs: roots})
	for name, c := range map[string]struct {
		opts []gennostr.RelayOption
		want error // of the dial, nil if it succeeds
	}{
		"an unknown authority":       {nil, x509.UnknownAuthorityError{}},
		"TLS":                        {[]gennostr.RelayOption{trust}, nil},
		"TLS of the client":          {[]gennostr.RelayOption{gennostr.WithHTTPClient(server.Client())}, nil},
		"a header keeps TLS":         {[]gennostr.RelayOption{trust, gennostr.WithHeader(http.Header{"X": {"y"}})}, nil},
		"a header keeps the client":  {[]gennostr.RelayOption{gennostr.WithHTTPClient(server.Client()), gennostr.WithHeader(http.Header{"X": {"y"}})}, nil},
		"a policy keeps the client":  {[]gennostr.RelayOption{gennostr.WithHTTPClient(server.Client()), gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return refusal })}, refusal},
		"DenyPrivateNetworks":        {[]gennostr.RelayOption{trust, gennostr.WithDialPolicy(gennostr.DenyPrivateNetworks)}, gennostr.ErrAddressDenied},
		"a policy over one's dialer": {[]gennostr.RelayOption{trust, gennostr.WithDialContext(new(net.Dialer).DialContext), gennostr.WithDialPolicy(gennostr.DenyPrivateNetworks)}, gennostr.ErrAddressDenied},
	} {
		t.Run(name, func(t *testing.T) {
			r := &kit.Recorder{}
			client := kit.Start(t, r, gennostr.WithManualReconnect())
			require.NoError(t, client.AddRelay(relayURL, c.opts...)) // options of the relay, not of the client
			if c.want == nil {
				r.WaitCount(t, "OnConnect", 1)
				<-handshakes
				return
			}
			n := r.WaitCount(t, "OnDisconnect", 1)
			var dial *gennostr.DialError
			require.ErrorAs(t, kit.ReasonOf(t, n), &dial)
			if unknown, ok := c.want.(x509.UnknownAuthorityError); ok {
				assert.ErrorAs(t, dial, &unknown)
			} else {
				assert.ErrorIs(t, dial, c.want)
			}
		})
	}
}

func TestTransportOptionsThatCannotBeCombinedAreRefusedAtOnce(t *testing.T) {
	theirs := gennostr.WithHTTPClient(&http.Client{Transport: kit.RoundTrip(nil)})
	for name, opt := range map[string]gennostr.RelayOption{
		"TLS": gennostr.WithTLSConfig(&tls.Config{}), "a proxy": gennostr.WithProxy(nil),
		"a dialer": gennostr.WithDialContext(new(net.Dialer).DialContext), "a policy": gennostr.WithDialPolicy(gennostr.DenyPrivateNetworks),
	} {
		if name == "a proxy" {
			opt = gennostr.WithProxy(http.ProxyFromEnvironment)
		}
		_, err := gennostr.Start(t.Context(), nil, theirs, opt)
		assert.Error(t, err, name)
		client := kit.Start(t, nil)
		assert.Error(t, client.AddRelay("wss://a.example", theirs, opt), name)
		assert.Error(t, client.SetRelays([]string{"wss://a.example"}, theirs, opt), name)
		assert.Empty(t, client.Relays())
	}
}

// Shows D21.
func TestL20NothingSecretReachesTheLog(t *testing.T) {
	const password, token, proxyPassword = "p4ssw0rd", "t0k3n-of-the-header", "pr0xy-p4ssw0rd"
	key := nostr.GenerateSecretKey()
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(kit.WriterFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	write := func(err error) {
		if err != nil {
			logger.Error("said", "error", err, "detailed", fmt.Sprintf("%+v %#v", err, err))
		}
	}

	relay := nostrtest.NewRelay(t, nostrtest.WithAuth())
	ready := make(chan struct{})
	bot := &keeper{key: key, done: ready}
	client, err := gennostr.Start(t.Context(), bot, gennostr.WithLogger(logger), gennostr.WithReconnectSchedule(time.Millisecond),
		gennostr.WithHeader(http.Header{"Authorization": {"Bearer " + token}}), gennostr.WithRelays(relay.URL()))
	require.NoError(t, err)
	<-ready
	for _, url := range []string{"wss://user:" + password + "@a.example", "wss://a.example:" + password, "wss://" + password + "@", "x://:" + password + "@a"} {
		write(client.AddRelay(url))
		write(client.SetRelays([]string{url}))
		write(client.RemoveRelay(url))
		write(client.Send(url, kit.Everything("s")))
		_, err := gennostr.RelayInformation(t.Context(), url)
		write(err)
		_, err = gennostr.Start(t.Context(), nil, gennostr.WithRelays(url))
		write(err)
	}
	dialled, err := net.Dial("tcp", strings.TrimPrefix(relay.URL(), "ws://"))
	require.NoError(t, err)
	defer dialled.Close()
	nobody := dialled.LocalAddr().String() // nobody listens there, nor can anybody while it is in use
	for _, scheme := range []string{"http", "socks5"} {
		proxy := &url.URL{Scheme: scheme, User: url.UserPassword("me", proxyPassword), Host: nobody}
		r := &kit.Recorder{}
		other := kit.Start(t, r, gennostr.WithLogger(logger), gennostr.WithProxy(http.ProxyURL(proxy)), gennostr.WithRelays("wss://a.example"), gennostr.WithManualReconnect(),
			gennostr.WithHeader(http.Header{"Authorization": {"Bearer " + token}}))
		write(kit.ReasonOf(t, r.WaitCount(t, "OnDisconnect", 1)))
		write(other.Relays()[0].LastError)
	}
	_, err = client.Call(t.Context(), key) // an unknown request: its panic tells the message
	write(err)
	write(client.Wait())

	mu.Lock()
	defer mu.Unlock()
	require.Greater(t, log.Len(), 1000, "something was logged")
	for what, secret := range map[string]string{"password": password, "token": token, "proxy's password": proxyPassword, "key": key.Hex()} {
		assert.NotContains(t, log.String(), secret, what)
	}
}

// keeper is a bot with a secret key, that authenticates, publishes and panics.
type keeper struct {
	gennostr.BaseHandler
	key  nostr.SecretKey
	done chan struct{}
}

func (k *keeper) OnAuth(self *gennostr.Self, relay gennostr.Relay, m gennostr.AuthMessage) error {
	e := &nostr.Event{Kind: nostr.KindClientAuthentication, Tags: nostr.Tags{{"relay", relay.Address}, {"challenge", m.Challenge}}}
	if err := e.Sign(k.key); err != nil {
		return err
	}
	self.Logger().Info("authenticating", "as", k.key, "bot", k)
	self.Send(relay.URL, gennostr.AuthResponse{Event: e})
	self.Send("wss://nowhere.example", gennostr.AuthResponse{Event: e}) // a SendError that carries the message
	return nil
}

func (k *keeper) OnOK(self *gennostr.Self, _ gennostr.Relay, ok gennostr.OKMessage) error {
	close(k.done)
	return fmt.Errorf("a report of %v", k.key)
}

func (k *keeper) HandleCall(_ *gennostr.Self, _ gennostr.From, request any) error {
	panic(fmt.Sprintf("no such request: %+v", request))
}
