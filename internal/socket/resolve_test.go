package socket_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// loopbacks are ways to write the machine itself as an address of IPv6: the plain one, the
// one of IPv4 mapped, that of NAT64, of 6to4, and the deprecated one.
var loopbacks = []string{"::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"}

// Question types of the domain name system (RFC 1035, RFC 3596).
const (
	typeA    = 1
	typeAAAA = 28
)

// resolves has every name resolve to what addresses returns for the question's type, with
// the resolver of the process for as long as the test runs.
func resolves(t *testing.T, addresses func(kind uint16) []netip.Addr) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ends when conn is closed by the cleanup, which waits for it
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answerDNS(buf[:n], addresses), from)
		}
	}()
	was := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = was
		conn.Close()
		<-done
	})
}

// answerDNS answers a message of one question.
func answerDNS(query []byte, addresses func(kind uint16) []netip.Addr) []byte {
	const header = 12
	end := header
	for query[end] != 0 { // the labels of the name
		end += 1 + int(query[end])
	}
	end += 1 + 4 // the type and the class
	kind := binary.BigEndian.Uint16(query[end-4:])
	list := addresses(kind)
	answer := append([]byte(nil), query[:end]...)
	binary.BigEndian.PutUint16(answer[2:], 0x8180) // an answer, without an error
	binary.BigEndian.PutUint16(answer[6:], uint16(len(list)))
	clear(answer[8:header])
	for _, addr := range list {
		data := addr.AsSlice()
		answer = append(answer, 0xC0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data))) // the question's name; no time to live
		answer = append(answer, data...)
	}
	return answer
}

// A name that resolves to the machine itself, in whatever form, is not dialled; nor is one
// that does so the second time only: what is judged is the very address that is dialled.
// Shows D19.
func TestPolicyJudgesWhatANameResolvesTo(t *testing.T) {
	var came atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	var round atomic.Int32
	public := netip.MustParseAddr("192.0.2.1") // for documentation: nobody is there, but our policy lets it pass
	resolves(t, func(kind uint16) (list []netip.Addr) {
		switch {
		case kind == typeA && round.Load() == 0:
			return []netip.Addr{public}
		case kind == typeA:
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")}
		case kind == typeAAAA && round.Load() > 0:
			for _, ip := range loopbacks {
				list = append(list, netip.MustParseAddr(ip))
			}
		}
		return list
	})
	judged := make(chan netip.Addr, 100)
	refused := errors.New("let through, and not dialled")
	cfg := config()
	cfg.Policy = func(network string, addr netip.AddrPort) error {
		judged <- addr.Addr()
		if addr.Addr().Unmap() == public {
			return refused
		}
		return socket.DenyPrivate(network, addr)
	}
	d := dialer(t, cfg)
	url := "ws://rebound.example:" + port + "/"
	_, err := d.Dial(t.Context(), url)
	require.ErrorIs(t, err, refused, "the first answer is a public address")
	round.Store(1)
	_, err = d.Dial(t.Context(), url)
	require.ErrorIs(t, err, socket.ErrDenied)
	_, err = d.Get(t.Context(), "http://rebound.example:"+port+"/", "x/y", 100)
	require.ErrorIs(t, err, socket.ErrDenied)
	assert.Zero(t, came.Load())
	seen := map[string]bool{}
	for len(judged) > 0 {
		seen[(<-judged).Unmap().String()] = true
	}
	assert.True(t, seen["127.0.0.1"] && seen["10.0.0.1"], "each that is tried is judged: %v", seen)
}

// Redirects to the machine itself, in whatever spelling, are refused, and none of them goes on for ever.
// Shows D19.
func TestPolicyJudgesRedirectsInAnySpelling(t *testing.T) {
	var came, hops atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	var to atomic.Value
	hop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hops.Add(1)
		http.Redirect(w, req, to.Load().(string), http.StatusFound)
	}))
	defer hop.Close()
	first := netip.MustParseAddrPort(strings.TrimPrefix(hop.URL, "http://"))
	cfg := config()
	cfg.Policy = func(network string, addr netip.AddrPort) error {
		if addr == first { // stands for a public one
			return nil
		}
		return socket.DenyPrivate(network, addr)
	}
	d := dialer(t, cfg)
	hosts := []string{"127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"}
	for _, ip := range loopbacks {
		hosts = append(hosts, "["+ip+"]")
	}
	for _, host := range hosts {
		to.Store("http://" + host + ":" + port + "/")
		_, err := d.Dial(t.Context(), wsURL(hop))
		assert.ErrorIs(t, err, socket.ErrDenied, host)
		_, err = d.Get(t.Context(), hop.URL, "x/y", 100)
		assert.ErrorIs(t, err, socket.ErrDenied, host)
	}
	assert.Zero(t, came.Load())

	hops.Store(0)
	to.Store(hop.URL + "/again")
	_, err := d.Dial(t.Context(), wsURL(hop))
	assert.Error(t, err)
	assert.LessOrEqual(t, hops.Load(), int32(6))
}
