package verify_test

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// receive takes from c, and fails the test if nothing comes.
func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// ids makes every event of a test a different one.
var ids atomic.Uint64

// numbered returns an event that carries n.
func numbered(n int) *nostr.Event {
	ev := &nostr.Event{CreatedAt: nostr.Timestamp(n)}
	binary.BigEndian.PutUint64(ev.ID[:], ids.Add(1))
	return ev
}

func number(ev *nostr.Event) int { return int(ev.CreatedAt) }

// config is a pool that checks events one by one.
func config(workers int, check func(*nostr.Event) error) verify.Config {
	if check == nil {
		check = (*nostr.Event).Verify
	}
	return verify.Config{Workers: workers, MaxBatch: 1, NewCheck: func() verify.Check { return verify.Each(check) }}
}

// newPool returns a pool that the test stops at its end.
func newPool(t testing.TB, workers int, check func(*nostr.Event) error) *verify.Pool {
	t.Helper()
	p := verify.NewPool(config(workers, check))
	t.Cleanup(p.Stop)
	return p
}

// gate is a check whose every call announces itself and then waits to be let
// through: they are in the order in which they came.
type gate struct {
	entered chan int           // the number of an event whose check has begun
	waiting chan chan struct{} // those, each to be closed to let it through
	opened  chan struct{}
	open    func() // lets everything through from now on; may be repeated
	inside  atomic.Int32
	peak    atomic.Int32
	mu      sync.Mutex // held by one that comes
}

func newGate() *gate {
	opened := make(chan struct{})
	return &gate{
		entered: make(chan int, 1<<14), waiting: make(chan chan struct{}, 1<<14),
		opened: opened, open: sync.OnceFunc(func() { close(opened) }),
	}
}

// let lets through whoever has waited for the longest, or comes next.
func (g *gate) let(t testing.TB) {
	t.Helper()
	close(receive(t, g.waiting))
}

// newGatedPool returns a pool with a gate for its check; at the end of the
// test, also one that failed, the gate is opened and the pool is stopped.
func newGatedPool(t testing.TB, workers int) (*gate, *verify.Pool) {
	g := newGate()
	p := newPool(t, workers, g.check)
	t.Cleanup(g.open)
	return g, p
}

func (g *gate) check(ev *nostr.Event) error {
	inside := g.inside.Add(1)
	defer g.inside.Add(-1)
	for peak := g.peak.Load(); inside > peak && !g.peak.CompareAndSwap(peak, inside); peak = g.peak.Load() {
	}
	through := make(chan struct{})
	g.mu.Lock()
	g.waiting <- through
	g.entered <- number(ev)
	g.mu.Unlock()
	select {
	case <-through:
	case <-g.opened:
	}
	return nil
}
