package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dialFunc is the DialContext of a transport.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

var (
	errNoConn    = errors.New("socket: DialContext returned neither a connection nor an error")
	errNoAddress = errors.New("socket: dial policy: not an address to judge")
)

// dialContext is the DialContext of a transport of ours: theirs, or the
// configured one, or net's, under the policy and the attempt's context.
func (d *Dialer) dialContext(theirs dialFunc) dialFunc {
	dial := theirs
	if d.cfg.DialContext != nil {
		dial = d.cfg.DialContext
	}
	if dial == nil {
		dial = (&net.Dialer{ControlContext: d.control}).DialContext
	} else {
		dial = guarded(dial)
		if d.cfg.Policy != nil {
			dial = d.judged(dial)
		}
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		a, ok := ctx.Value(attemptKey{}).(*attempt)
		if !ok { // a request of Get
			return dial(ctx, network, addr)
		}
		if !a.enter() {
			return nil, a.cause()
		}
		defer a.dials.Done()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer whenDone(a.ctx, func() { cancel(context.Cause(a.ctx)) })()
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if !a.track(c) {
			_ = c.Close()
			return nil, a.cause()
		}
		return c, nil
	}
}

// guarded makes errors of what somebody else's dialer must not do.
func guarded(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		defer recovered(&err)
		switch c, err = dial(ctx, network, addr); {
		case err != nil:
			return nil, err
		case c == nil:
			return nil, errNoConn
		}
		switch c.(type) {
		case *net.TCPConn, *net.UnixConn, *tls.Conn:
			return c, nil
		}
		return guardedConn{c}, nil
	}
}

// guardedConn is somebody else's connection, which is read, written and closed on
// goroutines of net/http and of ours on which a panic would end the program.
type guardedConn struct{ net.Conn }

func (c guardedConn) Read(p []byte) (n int, err error) {
	defer recovered(&err)
	return c.Conn.Read(p)
}

func (c guardedConn) Write(p []byte) (n int, err error) {
	defer recovered(&err)
	return c.Conn.Write(p)
}

func (c guardedConn) Close() (err error) {
	defer recovered(&err)
	return c.Conn.Close()
}

func (c guardedConn) SetDeadline(t time.Time) (err error) {
	defer recovered(&err)
	return c.Conn.SetDeadline(t)
}

func (c guardedConn) SetReadDeadline(t time.Time) (err error) {
	defer recovered(&err)
	return c.Conn.SetReadDeadline(t)
}

func (c guardedConn) SetWriteDeadline(t time.Time) (err error) {
	defer recovered(&err)
	return c.Conn.SetWriteDeadline(t)
}

// withContext gives a context to a dialer that knows of none.
func withContext(dial func(network, addr string) (net.Conn, error)) dialFunc {
	dialer := guarded(func(_ context.Context, network, addr string) (net.Conn, error) { return dial(network, addr) })
	type result struct {
		conn net.Conn
		err  error
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		done := make(chan result)
		go func() { // ends with their dial, which nobody can end sooner, or wait for
			c, err := dialer(ctx, network, addr)
			select {
			case done <- result{c, err}:
			case <-ctx.Done():
				if c != nil {
					_ = c.Close()
				}
			}
		}()
		select {
		case r := <-done:
			return r.conn, r.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// control asks the policy about an address that net.Dialer has resolved.
func (d *Dialer) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if d.cfg.Policy == nil {
		return nil
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("socket: dial policy: %w", err)
	}
	return d.judge(network, addr)
}

// judge asks the policy, on whatever goroutine.
func (d *Dialer) judge(network string, addr netip.AddrPort) (err error) {
	defer recovered(&err)
	return d.cfg.Policy(network, addr)
}

// judged asks the policy what can be asked of somebody else's dialer: before
// the dial where the address is literal, and after it about the peer. A peer
// whose address is none, of a unix socket say, cannot be judged and is refused.
func (d *Dialer) judged(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if literal, err := netip.ParseAddrPort(addr); err == nil {
			if err := d.judge(network, literal); err != nil {
				return nil, err
			}
		}
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if err := d.judgePeer(network, c); err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
}

func (d *Dialer) judgePeer(network string, c net.Conn) (err error) {
	defer recovered(&err)
	remote := c.RemoteAddr()
	if remote == nil {
		return fmt.Errorf("%w: the connection does not know its peer", errNoAddress)
	}
	peer, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return fmt.Errorf("%w: the connection's peer %q", errNoAddress, remote)
	}
	return d.judge(network, peer)
}

// judgeTarget asks the policy about the host of a URL as far as it can be
// judged without resolving it. A host that resolvers of some proxies take for an
// address, and others do not, is refused (2130706433, 0x7f.1, digits beyond ASCII).
func (d *Dialer) judgeTarget(u *url.URL) error {
	if d.cfg.Policy == nil {
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		labels := strings.Split(host, ".")
		switch last := labels[len(labels)-1]; {
		case last == "localhost":
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		case ambiguous(host, last):
			return fmt.Errorf("%w: host %q", errNoAddress, printable(host))
		default:
			return nil
		}
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		port = 80
		if u.Scheme == "https" {
			port = 443
		}
	}
	return d.judge("tcp", netip.AddrPortFrom(addr, uint16(port)))
}

// ambiguous tells whether a host that is no address may be read as one.
func ambiguous(host, last string) bool {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return true
		}
	}
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
