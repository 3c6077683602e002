package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// attempt is one Dial. http.Transport detaches the dial of a connection from
// the context of the request that wants it, so the attempt travels in a context
// value, and ends everything that was dialled for it when it ends itself.
type attempt struct {
	ctx    context.Context // ends with the attempt, if it fails
	cancel context.CancelCauseFunc

	dials sync.WaitGroup // running dialContext calls
	mu    sync.Mutex
	over  bool       // guarded by mu: nothing may be dialled any more
	conns []net.Conn // guarded by mu: what was dialled, the last one carries the websocket
	body  *body      // guarded by mu: the upgraded connection, nil before the handshake's answer
}

type attemptKey struct{}

// begin makes an attempt whose context ends with ctx, with the dialer, and with the time.
func (d *Dialer) begin(ctx context.Context) (*attempt, func()) {
	a := &attempt{}
	timed, stop := context.WithTimeoutCause(ctx, d.cfg.HandshakeTimeout, ErrHandshakeTimeout)
	timed, a.cancel = context.WithCancelCause(timed)
	closed := context.AfterFunc(d.ctx, func() { a.cancel(net.ErrClosed) })
	a.ctx = context.WithValue(timed, attemptKey{}, a)
	// A raw connection in the middle of a TLS handshake knows of no context.
	cut := context.AfterFunc(a.ctx, func() { a.closeConns(0) })
	return a, func() { cut(); closed(); a.cancel(nil); stop() }
}

// fail ends an attempt and waits for its dials.
func (a *attempt) fail(cause error) {
	a.cancel(cause)
	a.closeConns(0)
	a.dials.Wait()
}

// closeConns closes what was dialled, but for the last keep of it, and refuses more.
func (a *attempt) closeConns(keep int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for len(a.conns) > keep {
		_ = a.conns[0].Close() // a raw connection: closing it does not block
		a.conns = a.conns[1:]
	}
}

// track takes note of a connection that was dialled for this attempt.
func (a *attempt) track(c net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.conns = append(a.conns, c)
	return true
}

var errNoConn = errors.New("socket: DialContext returned neither a connection nor an error")

// dialContext is the DialContext of a transport of ours: theirs, or the
// configured one, or net's, under the policy and the attempt's context.
func (d *Dialer) dialContext(theirs func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	dial := theirs
	if d.cfg.DialContext != nil {
		dial = d.cfg.DialContext
	}
	if dial == nil {
		dial = (&net.Dialer{ControlContext: d.control}).DialContext
	} else if d.cfg.Policy != nil {
		dial = d.judged(dial)
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		a, ok := ctx.Value(attemptKey{}).(*attempt)
		if !ok { // a request of Get
			return dial(ctx, network, addr)
		}
		a.dials.Add(1)
		defer a.dials.Done()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(a.ctx, func() { cancel(context.Cause(a.ctx)) })()
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if c == nil {
			return nil, errNoConn
		}
		if !a.track(c) {
			_ = c.Close()
			return nil, context.Cause(a.ctx)
		}
		return c, nil
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
	return d.cfg.Policy(network, addr)
}

// judged asks the policy what can be asked of somebody else's dialer: before
// the dial where the address is literal, and after it where the peer is known.
func (d *Dialer) judged(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if literal, err := netip.ParseAddrPort(addr); err == nil {
			if err := d.cfg.Policy(network, literal); err != nil {
				return nil, err
			}
		}
		c, err := dial(ctx, network, addr)
		if err != nil || c == nil {
			return c, err
		}
		if peer, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
			if err := d.cfg.Policy(network, peer); err != nil {
				_ = c.Close()
				return nil, err
			}
		}
		return c, nil
	}
}

// RoundTrip makes the attempt the transport of its own handshake: there the
// upgraded connection is caught.
type tripper struct {
	a    *attempt
	base http.RoundTripper
}

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return resp, nil // coder/websocket says what is wrong
	}
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	b := &body{ReadWriteCloser: rwc, began: time.Now()}
	if n := len(t.a.conns); n > 0 {
		b.raw = t.a.conns[n-1]
	}
	t.a.body = b
	resp.Body = b
	return resp, nil
}

// body is the connection underneath the websocket. It counts and dates what
// passes, and can be closed without waiting for anybody.
type body struct {
	io.ReadWriteCloser
	raw   net.Conn  // what our own dialer opened, nil with somebody else's transport
	began time.Time // dates are kept relative to it, on the monotonic clock

	last    atomic.Int64 // when the last byte arrived, nanoseconds after began
	in, out atomic.Uint64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadWriteCloser.Read(p)
	if n > 0 {
		b.in.Add(uint64(n))
		b.last.Store(int64(time.Since(b.began)))
	}
	return n, err
}

func (b *body) Write(p []byte) (int, error) {
	n, err := b.ReadWriteCloser.Write(p)
	b.out.Add(uint64(n))
	return n, err
}

// Close closes the raw connection first: TLS would wait up to five seconds to
// say goodbye to a peer that does not read.
func (b *body) Close() error {
	if b.raw != nil {
		_ = b.raw.Close()
	}
	return b.ReadWriteCloser.Close()
}
