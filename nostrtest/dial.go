package nostrtest

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// DialContext opens a connection to a host of the network, given as host:port;
// it fits http.Transport. A host without a running relay refuses at once with
// an error that is syscall.ECONNREFUSED; under HoldDials and Partition the dial
// hangs until ctx ends.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(address), Err: err}
	}
	// A request's context reaches here as a value only, see roundTripper.
	request, ok := ctx.Value(requestContextKey{}).(context.Context)
	if !ok {
		request = ctx
	}
	for {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		listener, client, server, hang := n.tryDial(address)
		switch {
		case hang != nil:
			select {
			case <-hang:
			case <-ctx.Done():
			case <-request.Done():
				return fail(request.Err())
			case <-n.closed:
				return fail(net.ErrClosed)
			}
		case listener == nil:
			return nil, refused(network, address)
		default:
			select {
			case listener.accepting <- server:
				return client, nil
			case <-listener.closed:
			case <-ctx.Done():
			case <-request.Done():
			case <-n.closed:
			}
			_ = client.Close()
			_ = server.Close()
			if err := request.Err(); err != nil {
				return fail(err)
			}
		}
	}
}

// tryDial looks at the host once: it returns a channel to wait on while dials
// hang, no listener where nobody listens, or the ends of a new connection.
func (n *Network) tryDial(address string) (l *memoryListener, client, server *pipe, hang <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.host(address)
	if h.held || h.partitioned {
		return nil, nil, nil, h.changed.wait()
	}
	if h.listener == nil {
		return nil, nil, nil, nil
	}
	n.clients++
	client, server = newPipe(n.buffer, memoryAddr(fmt.Sprintf("client:%d", n.clients)), memoryAddr(address))
	conn := &link{client: client, server: server, open: 2}
	h.links[conn] = struct{}{}
	ended := func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if conn.open--; conn.open == 0 {
			delete(h.links, conn)
		}
	}
	client.onClose, server.onClose = ended, ended
	return h.listener, client, server, nil
}

// listen opens the address for dials.
func (n *Network) listen(address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.closed:
		return nil, fmt.Errorf("nostrtest: listen %s: %w", address, net.ErrClosed)
	default:
	}
	l := &memoryListener{
		network:   n,
		address:   memoryAddr(address),
		accepting: make(chan net.Conn),
		closed:    make(chan struct{}),
	}
	n.host(address).listener = l
	return l, nil
}

// memoryListener is the net.Listener of one host.
type memoryListener struct {
	network   *Network
	address   memoryAddr
	accepting chan net.Conn // unbuffered: a connection is either accepted or never was
	once      sync.Once
	closed    chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepting:
		return conn, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.address.Network(), Addr: l.address, Err: net.ErrClosed}
	}
}

// Close makes further dials fail with connection refused.
func (l *memoryListener) Close() error {
	l.once.Do(func() {
		n := l.network
		n.mu.Lock()
		if h := n.host(string(l.address)); h.listener == l {
			h.listener = nil
		}
		n.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return l.address }
