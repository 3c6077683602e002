package nostrtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// run is a relay between Restart and Stop: a listener, its HTTP server, and
// the connections accepted by it. It counts every goroutine, so that Stop can
// wait for the last one.
type run struct {
	relay    *Relay
	listener net.Listener
	server   *http.Server
	working  sync.WaitGroup // the accept loop, and one for each connection

	mu    sync.Mutex // guards the two below; taken after Relay.mu
	over  bool
	peers map[*peer]struct{}
}

// peer is the server's end of a connection. It keeps itself in its run's list
// while it is open, so that Stop finds it in whatever state the HTTP server or
// the websocket library has it.
type peer struct {
	net.Conn
	run      *run
	hijacked atomic.Bool // a session has it: the HTTP server will not report its end
	tap      *tap        // sees every byte; immutable

	once sync.Once
	gone chan struct{} // closed by Close
}

func newRun(r *Relay, listener net.Listener) *run {
	run := &run{relay: r, listener: listener, peers: make(map[*peer]struct{})}
	run.server = &http.Server{
		Handler:   http.HandlerFunc(run.serveHTTP),
		ConnState: run.connState,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, conn)
		},
		ErrorLog: log.New(io.Discard, "", 0), // broken handshakes are a test's daily bread
	}
	return run
}

type peerKey struct{}

// start accepts connections on a goroutine that refuse ends.
func (run *run) start() {
	run.working.Go(func() { _ = run.server.Serve(peerListener{run.listener, run}) })
}

// refuse ends the accept loop; dials fail from now on.
func (run *run) refuse() { _ = run.listener.Close() }

// cut ends every connection and waits until nothing of the run is left.
func (run *run) cut() {
	run.mu.Lock()
	run.over = true
	open := make([]*peer, 0, len(run.peers))
	for p := range run.peers {
		open = append(open, p)
	}
	run.mu.Unlock()
	for _, p := range open {
		_ = p.Close()
	}
	_ = run.server.Close()
	run.working.Wait()
}

// connState counts connections in and out. A connection that became a
// websocket is counted out by serveHTTP instead. StateNew comes on the accept
// loop, which is itself counted, so Add never meets a Wait that could be over.
func (run *run) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		run.working.Add(1)
	case http.StateHijacked:
		conn.(*peer).hijacked.Store(true)
	case http.StateClosed:
		run.working.Done()
	}
}

func (run *run) serveHTTP(w http.ResponseWriter, req *http.Request) {
	p := req.Context().Value(peerKey{}).(*peer)
	defer func() {
		if panicked := recover(); panicked != nil { // the HTTP server would say so to nobody
			run.relay.logf("panic in a handshake: %v\n%s", panicked, debug.Stack())
			panic(http.ErrAbortHandler)
		}
	}()
	defer func() {
		if p.hijacked.Load() {
			_ = p.Close()
			run.working.Done()
		}
	}()
	run.relay.serveHTTP(p, w, req)
}

// peerListener hands the HTTP server peers in place of bare connections.
type peerListener struct {
	net.Listener
	run *run
}

func (l peerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &peer{Conn: conn, run: l.run, gone: make(chan struct{})}
	p.tap = newTap(p)
	l.run.mu.Lock()
	over := l.run.over
	if !over {
		l.run.peers[p] = struct{}{}
	}
	l.run.mu.Unlock()
	if over { // accepted while cut was closing the others
		_ = p.Close()
	}
	return p, nil
}

func (p *peer) Read(b []byte) (int, error)  { return p.tap.read(b) }
func (p *peer) Write(b []byte) (int, error) { return p.tap.write(b) }

func (p *peer) Close() error {
	p.once.Do(func() { close(p.gone) })
	p.run.mu.Lock()
	delete(p.run.peers, p)
	p.run.mu.Unlock()
	return p.Conn.Close()
}

// CloseWrite ends the outward direction, so that the client still reads what
// was sent before, and then the end.
func (p *peer) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// reset ends the connection for both ends with "connection reset by peer".
func (p *peer) reset() {
	switch conn := p.Conn.(type) {
	case interface{ reset() }:
		conn.reset()
	case interface{ SetLinger(int) error }:
		_ = conn.SetLinger(0) // close sends RST
	}
	_ = p.Close()
}
