package nostrtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// TB is what the package needs of a test; *testing.T, *testing.B and
// *testing.F have it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Relay is a Nostr relay inside this process. All methods may be called from
// any goroutine.
//
// Goroutines: one per listener, owned by its run, and two per connection,
// owned by its session, besides what its timers start for a fault; Stop, Restart
// and Close wait for them. A Crash has one too, for which Close waits. Events and
// subscriptions are guarded by one mutex, which nobody holds while waiting.
type Relay struct {
	cfg    config
	listen func() (l net.Listener, relayURL string, err error) // called with turn; the same address each time

	turn    chan struct{} // one token: Stop, Restart and Close take turns
	closed  chan struct{} // closed by Close
	closing chan struct{} // one token, taken by the first Close
	done    chan struct{} // closed when Close has finished

	faults     faults
	wire       wireLog
	background sync.WaitGroup // crashes that come back by themselves; Close waits for them

	mu           sync.Mutex // guards all below; never held while waiting
	changed      bell
	url          string
	run          *run // nil while stopped
	store        *store
	sessions     []*session // open connections, by number
	lastNumber   int        // connections made so far
	connections  history[*Connection]
	received     history[Message]
	handled      history[Message]      // the same, a moment later
	accepted     history[*nostr.Event] // events of clients that got OK true
	reconciled   history[*Reconciliation]
	infoRequests int
}

// NewRelay starts a relay for a test, on a socket of the loopback interface.
// It is closed by tb.Cleanup. If it cannot start, the test ends.
func NewRelay(tb TB, opts ...Option) *Relay {
	tb.Helper()
	r, err := StartRelay(append([]Option{WithLog(tb.Logf)}, opts...)...)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		r.Close()
		r.explain(tb)
	})
	return r
}

// explain prints what helps to understand a test that has failed: the seeds of
// chaos and the wire log. The relay has to be closed.
func (r *Relay) explain(tb TB) {
	if test, ok := tb.(interface{ Failed() bool }); !ok || !test.Failed() {
		return
	}
	tb.Helper()
	for _, f := range r.faults.allChaos() {
		tb.Logf("nostrtest: %s had chaos with seed %d: %v in memory repeats it", r.URL(), f.effect.chaos.seed, f)
	}
	r.wire.show(tb.Logf, r.URL())
}

// StartRelay starts a relay outside of a test, for examples and programs.
// Close it when done. The error is that of an option out of range or of the
// socket.
func StartRelay(opts ...Option) (*Relay, error) {
	r, err := newRelay(opts)
	if err != nil {
		return nil, err
	}
	address := r.cfg.address
	listen := listenLoopback
	r.listen = func() (net.Listener, string, error) {
		l, err := listen(address)
		if err != nil {
			return nil, "", err
		}
		listen, address = r.listenAgain, l.Addr().String()
		return l, "ws://" + address, nil
	}
	if err := r.Restart(); err != nil {
		return nil, err
	}
	return r, nil
}

// newRelay returns a relay that is stopped and does not know where to listen.
func newRelay(opts []Option) (*Relay, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		cfg:         cfg,
		turn:        make(chan struct{}, 1),
		closed:      make(chan struct{}),
		closing:     make(chan struct{}, 1),
		done:        make(chan struct{}),
		store:       newStore(),
		connections: history[*Connection]{keep: cfg.history},
		received:    history[Message]{keep: cfg.history},
		handled:     history[Message]{keep: cfg.history},
		accepted:    history[*nostr.Event]{keep: cfg.history},
		reconciled:  history[*Reconciliation]{keep: cfg.history},
	}
	r.closing <- struct{}{}
	r.faults.relay = r
	r.faults.arm(cfg.faults)
	r.wire.keep = cfg.wireLog
	return r, nil
}

// Ports are chosen below the ranges that systems take for outgoing connections: while a
// relay is stopped, no dial of the test can be given its port, so Restart finds it free.
// Each process begins with a block of its own, for tests run beside those of other
// packages, whose relays would take it.
const (
	lowestPort = 20000
	portBlock  = 500
	portBlocks = 24
)

// listenLoopback listens on address, or on a free port when it is empty.
func listenLoopback(address string) (net.Listener, error) {
	if address != "" {
		return net.Listen("tcp", address)
	}
	for i := range portBlocks {
		block, first := (os.Getpid()+i)%portBlocks, rand.IntN(portBlock)
		for n := range portBlock {
			port := lowestPort + block*portBlock + (first+n)%portBlock
			if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
				return l, nil
			}
		}
	}
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "[::1]:0")
}

// listenAgain listens where the relay was before. Who has that address meanwhile is the
// relay of another process as a rule, and goes: it is waited for some seconds.
func (r *Relay) listenAgain(address string) (net.Listener, error) {
	const tries, pause = 100, 50 * time.Millisecond
	for n := 1; ; n++ {
		l, err := net.Listen("tcp", address)
		if n == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		select {
		case <-time.After(pause):
		case <-r.closed:
			return nil, err
		}
	}
}

// URL returns where clients find the relay: "ws://127.0.0.1:24042" on a
// socket, in a Network the URL it was made with. Any path below it is served.
// It stays the same over Stop and Restart.
func (r *Relay) URL() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.url
}

// Stop cuts all connections and closes the listener, as a crash would: no
// close frame is sent and dials are refused. When it returns nothing of the
// relay runs. Events and views stay. Stopping a stopped relay does nothing.
// It must not be called from a policy, which it would wait for.
func (r *Relay) Stop() { r.inTurn(func() { r.stop(nil) }) }

// StopGracefully is Stop after a close frame with a code of RFC 6455, such as
// 1001 or 1012, and a reason of at most 123 bytes to every connection. Messages
// queued before it are still sent; clients have a second to answer.
func (r *Relay) StopGracefully(code int, reason string) {
	r.inTurn(func() { r.stop(&closeFrame{code, reason}) })
}

// Restart listens again on the same address, and stops the relay first if it
// runs. If somebody else has the address it tries for five seconds, but on Windows.
// Stored events and views are kept; see Clear. The error is ErrClosed or that of the
// socket.
func (r *Relay) Restart() error {
	err := ErrClosed
	r.inTurn(func() {
		r.stop(nil)
		if !r.isClosed() {
			err = r.start()
		}
	})
	return err
}

// Close stops the relay for good and ends all Wait methods. It may be called
// more than once.
func (r *Relay) Close() {
	select {
	case <-r.closing:
	default:
		<-r.done
		return
	}
	close(r.closed)
	r.Stop()
	r.background.Wait()
	close(r.done)
}

func (r *Relay) isClosed() bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

// inTurn runs one change of the relay's life at a time. A channel and not a
// mutex keeps the others, so that they wait durably inside a synctest bubble.
func (r *Relay) inTurn(f func()) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	f()
}

func (r *Relay) start() error {
	listener, relayURL, err := r.listen()
	if err != nil {
		return fmt.Errorf("nostrtest: %w", err)
	}
	run := newRun(r, listener)
	r.mu.Lock()
	r.url = relayURL
	r.run = run
	r.changed.ring()
	r.mu.Unlock()
	run.start()
	return nil
}

// stopGrace is how long clients have to answer the close frame of StopGracefully.
const stopGrace = time.Second

func (r *Relay) stop(frame *closeFrame) {
	r.mu.Lock()
	run := r.run
	r.run = nil
	sessions := slices.Clone(r.sessions)
	r.changed.ring()
	r.mu.Unlock()
	if run == nil {
		return
	}
	run.refuse()
	if frame != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		for _, s := range sessions {
			s.sendClose(*frame)
		}
		for _, s := range sessions {
			select {
			case <-s.ended:
			case <-ctx.Done():
			}
		}
	}
	run.cut()
}

// logf reports what the author of a test should know of.
func (r *Relay) logf(format string, args ...any) {
	if r.cfg.logf != nil {
		r.cfg.logf("nostrtest: "+format, args...)
	}
}
