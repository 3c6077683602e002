package socket

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
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
	conn  *Conn      // its body is filled in with the handshake's answer, the rest when that is accepted
}

type attemptKey struct{}

// begin makes an attempt whose context ends with ctx, with the dialer, and with
// the time. When release returns, nothing of that runs any more.
func (d *Dialer) begin(ctx context.Context) (a *attempt, release func()) {
	a = &attempt{conn: &Conn{dialer: d}}
	timed, stop := context.WithTimeoutCause(ctx, d.cfg.HandshakeTimeout, ErrHandshakeTimeout)
	timed, a.cancel = context.WithCancelCause(timed)
	closed := whenDone(d.ctx, func() { a.cancel(net.ErrClosed) })
	a.ctx = context.WithValue(timed, attemptKey{}, a)
	// A raw connection in the middle of a TLS handshake knows of no context.
	cut := whenDone(a.ctx, func() { a.closeConns(0) })
	return a, func() { closed(); cut(); a.cancel(nil); stop() }
}

// whenDone is context.AfterFunc whose stop waits for f, if that has begun: no
// goroutine of it is left behind.
func whenDone(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() { // ends with f, joined by stop
		defer close(done)
		f()
	})
	return func() {
		if !stopped() {
			<-done
		}
	}
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
	a.over = true
	n := max(0, len(a.conns)-keep)
	closing := a.conns[:n:n]
	a.conns = a.conns[n:]
	a.mu.Unlock()
	for _, c := range closing {
		if closesAtOnce(c) {
			_ = c.Close()
		} else {
			go func() { _ = c.Close() }() // ends with their Close; the attempt does not wait for it
		}
	}
}

// closesAtOnce tells a socket of the kernel from what a DialContext may have
// made of one: TLS takes up to five seconds to say goodbye.
func closesAtOnce(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// enter says that a dial begins; false when it may not. Together with over,
// so that none begins behind the back of fail, which waits for them.
func (a *attempt) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.dials.Add(1)
	return true
}

// cause is why nothing may be dialled any more, never nil.
func (a *attempt) cause() error {
	if cause := context.Cause(a.ctx); cause != nil {
		return cause
	}
	return net.ErrClosed // the handshake has succeeded without this dial
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

// tripper stands around the transport of a handshake: there the upgraded
// connection is caught. The policy judges the target of each request first: behind a proxy there is
// nothing else to be seen of it.
type tripper struct {
	d    *Dialer
	a    *attempt // nil for Get
	base http.RoundTripper
}

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.d.judgeTarget(req.URL); err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil || t.a == nil {
		return resp, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = explained(resp.Body)
		return resp, nil
	}
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return resp, nil // coder/websocket says what is wrong
	}
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	t.a.conn.clock = clockOf(resp.Header)
	b := &t.a.conn.body
	b.ReadWriteCloser = rwc
	b.last.Store(int64(time.Since(t.d.born)))
	if n := len(t.a.conns); n > 0 {
		b.raw = t.a.conns[n-1]
	}
	resp.Body = b
	return resp, nil
}

// explanation is the body of an answer that is no upgrade. What it says is worth
// a moment, and no more: it need not have an end.
type explanation struct {
	io.ReadCloser
	close func() // before the close by whoever reads
}

const explanationTimeout = 500 * time.Millisecond

func explained(body io.ReadCloser) *explanation {
	cut := make(chan struct{})
	timer := time.AfterFunc(explanationTimeout, func() { // joined by Close, which always comes
		defer close(cut)
		_ = body.Close()
	})
	return &explanation{body, sync.OnceFunc(func() {
		if !timer.Stop() {
			<-cut
		}
	})}
}

func (e *explanation) Close() error {
	e.close()
	return e.ReadCloser.Close()
}
