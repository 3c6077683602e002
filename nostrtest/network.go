package nostrtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"

	"github.com/gennostr/gennostr/nostr"
)

// Network is an internet in memory: relays under names of your choice, reached
// through an HTTP client of the network's own. No socket is opened, and all
// waiting is done on channels and timers, so a Network made inside a
// testing/synctest bubble lets virtual time run: a reconnect schedule of
// minutes passes in milliseconds.
//
// A Network and everything that belongs to it must be made and used inside the
// same bubble, or all outside of one. The names wss and https are reached
// without TLS: the pipe is private anyway.
//
// All methods may be called from any goroutine.
type Network struct {
	tb     TB // nil for StartNetwork
	buffer int

	client    *http.Client
	transport *http.Transport
	closed    chan struct{} // closed by Close
	closing   chan struct{} // one token, taken by the first Close
	done      chan struct{} // closed when Close has finished

	mu      sync.Mutex // guards all below; never held while waiting
	hosts   map[string]*host
	relays  []*Relay
	clients int // connections dialled so far; names the client's end
}

// host is one address of the network. Guarded by Network.mu.
type host struct {
	relay       *Relay          // the one that has the name; nil before the first
	listener    *memoryListener // nil: nobody listens
	held        bool            // HoldDials
	partitioned bool            // Partition
	changed     bell            // rung when held or partitioned may have changed
	links       map[*link]struct{}
}

// link is one connection of a host. Guarded by Network.mu.
type link struct {
	client, server *pipe
	open           int // ends not yet closed
}

// NetworkOption sets up a Network.
type NetworkOption func(*Network)

// DefaultBuffer is how many bytes of an in-memory connection wait in each
// direction before a write has to wait for the reader.
const DefaultBuffer = 64 << 10

// WithBuffer sets how many bytes of a connection wait in each direction before
// a write has to wait for the reader, as the buffers of a socket would. Default
// DefaultBuffer, at least 1.
func WithBuffer(bytes int) NetworkOption {
	return func(n *Network) { n.buffer = max(bytes, 1) }
}

// NewNetwork returns a network for a test. It is closed by tb.Cleanup, which
// inside a testing/synctest bubble runs in the bubble, before it ends.
func NewNetwork(tb TB, opts ...NetworkOption) *Network {
	tb.Helper()
	n := StartNetwork(opts...)
	n.tb = tb
	tb.Cleanup(func() {
		n.Close()
		for _, r := range n.relays {
			r.explain(tb)
		}
	})
	return n
}

// StartNetwork returns a network outside of a test, for examples and programs.
// Close it when done.
func StartNetwork(opts ...NetworkOption) *Network {
	n := &Network{
		buffer:  DefaultBuffer,
		closed:  make(chan struct{}),
		closing: make(chan struct{}, 1),
		done:    make(chan struct{}),
		hosts:   make(map[string]*host),
	}
	n.closing <- struct{}{}
	for _, opt := range opts {
		opt(n)
	}
	n.transport = &http.Transport{
		DialContext:       n.DialContext,
		DialTLSContext:    n.DialContext,
		DisableKeepAlives: true, // an idle connection would be a goroutine nobody sees
	}
	n.client = &http.Client{Transport: roundTripper{n.transport}}
	return n
}

// NewRelay starts a relay under a ws or wss URL of your choice, such as
// "wss://a.example". The host may have a port; a path is served like any other
// path of the host. It is closed with the network.
//
// A URL that is not one, an option out of range or a host whose relay has not
// been closed ends the test; on a network without a test it panics.
func (n *Network) NewRelay(relayURL string, opts ...Option) *Relay {
	if n.tb != nil {
		n.tb.Helper()
	}
	r, err := n.newRelay(relayURL, opts)
	if err != nil {
		if n.tb == nil {
			panic(err)
		}
		n.tb.Fatalf("%v", err)
	}
	return r
}

func (n *Network) newRelay(relayURL string, opts []Option) (*Relay, error) {
	address, err := addressOf(relayURL)
	if err != nil {
		return nil, err
	}
	r, err := newRelay(opts)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	h := n.host(address)
	taken := h.relay != nil && !h.relay.isClosed()
	if !taken {
		h.relay = r
	}
	n.mu.Unlock()
	if taken {
		return nil, fmt.Errorf("nostrtest: the network has a relay at %s already", address)
	}
	if n.tb != nil && r.cfg.logf == nil {
		r.cfg.logf = n.tb.Logf
	}
	r.listen = func() (net.Listener, string, error) {
		l, err := n.listen(address)
		return l, relayURL, err
	}
	n.mu.Lock()
	n.relays = append(n.relays, r)
	n.mu.Unlock()
	return r, r.Restart()
}

// HTTPClient returns the client that reaches the network's relays, for
// websockets and for NIP-11 requests alike. It follows no proxy and keeps no
// idle connections.
func (n *Network) HTTPClient() *http.Client { return n.client }

// HoldDials makes new connections to the relay's host hang until ReleaseDials,
// or until the dialler gives up, as behind a firewall that drops packets. Open
// connections are not touched. The URL need not have a relay yet.
func (n *Network) HoldDials(relayURL string) {
	n.changeHost(relayURL, func(h *host) { h.held = true })
}

// ReleaseDials ends HoldDials. Dials that still hang carry on.
func (n *Network) ReleaseDials(relayURL string) {
	n.changeHost(relayURL, func(h *host) { h.held = false })
}

// Partition cuts the wire to the relay's host without telling anybody: its
// connections stay open and nothing gets through in either direction, not even
// the end of a connection, and dials hang. What is written in the meantime
// stays in the connection's buffer, and a write waits once that is full.
func (n *Network) Partition(relayURL string) {
	n.changeHost(relayURL, func(h *host) { h.partition(true) })
}

// Heal ends Partition. What was written in the meantime arrives, as TCP would
// have sent it again; for connections that do not survive the partition, call
// the relay's DisconnectAll before Heal.
func (n *Network) Heal(relayURL string) {
	n.changeHost(relayURL, func(h *host) { h.partition(false) })
}

func (h *host) partition(on bool) {
	h.partitioned = on
	for l := range h.links {
		l.client.hold(on)
	}
}

func (n *Network) changeHost(relayURL string, change func(*host)) {
	address, err := addressOf(relayURL)
	if err != nil {
		panic(err) // a test's own mistake
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.host(address)
	change(h)
	h.changed.ring()
}

// host returns the record of an address, made on first sight. Caller holds mu.
func (n *Network) host(address string) *host {
	h := n.hosts[address]
	if h == nil {
		h = &host{links: make(map[*link]struct{})}
		n.hosts[address] = h
	}
	return h
}

// Close closes every relay and cuts every connection. When it returns nothing
// of the network runs any more. It may be called more than once.
func (n *Network) Close() {
	select {
	case <-n.closing:
	default:
		<-n.done
		return
	}
	close(n.closed)
	n.mu.Lock()
	relays := n.relays
	n.mu.Unlock()
	for _, r := range relays {
		r.Close()
	}
	n.mu.Lock()
	for _, h := range n.hosts {
		for l := range h.links {
			l.client.reset()
		}
	}
	n.mu.Unlock()
	n.transport.CloseIdleConnections()
	close(n.done)
}

// addressOf returns host:port of a relay URL, as the HTTP transport dials it.
func addressOf(relayURL string) (string, error) {
	normal, err := nostr.NormalizeURL(relayURL)
	if err != nil {
		return "", fmt.Errorf("nostrtest: relay URL %q: %w", relayURL, err)
	}
	u, err := url.Parse(normal)
	if err != nil {
		return "", fmt.Errorf("nostrtest: relay URL %q: %w", relayURL, err)
	}
	port := 80
	if u.Scheme == "wss" {
		port = 443
	}
	if p := u.Port(); p != "" {
		return net.JoinHostPort(u.Hostname(), p), nil
	}
	return net.JoinHostPort(u.Hostname(), strconv.Itoa(port)), nil
}

// refused is the error of a dial that finds nobody: errors.Is(err, syscall.ECONNREFUSED).
func refused(network, address string) error {
	return &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(address), Err: syscall.ECONNREFUSED}
}

// roundTripper makes a request's own end end its dial as well: the transport
// alone would carry on dialling for a later request's use.
type roundTripper struct{ *http.Transport }

type requestContextKey struct{}

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := context.WithValue(req.Context(), requestContextKey{}, req.Context())
	return t.Transport.RoundTrip(req.WithContext(ctx))
}
