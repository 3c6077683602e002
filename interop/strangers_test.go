//go:build !race

package interop_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	next "fiatjaf.com/nostr"
	nextstore "fiatjaf.com/nostr/eventstore"
	"fiatjaf.com/nostr/eventstore/boltdb"
	nextslices "fiatjaf.com/nostr/eventstore/slicestore"
	nextkhatru "fiatjaf.com/nostr/khatru"
	"github.com/fiatjaf/eventstore/slicestore"
	"github.com/fiatjaf/khatru"
	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

// The relays that share no line with ours, each with a store of its own. "next" is the line
// that follows khatru 0.19, a part of fiatjaf.com/nostr: the same author, written anew.

// software is such a relay before it has an address.
type software struct {
	http.Handler
	serviceURL *string
	demand     func(member string) // who it serves from then on: who has authenticated as member
}

// strangers make one of each, that gives so many events for a filter at most.
var strangers = map[string]func(t *testing.T, page int) software{
	"khatru": newKhatru,
	"next": func(t *testing.T, page int) software {
		return newNext(t, page, &guardedSlices{})
	},
	"next over bolt": func(t *testing.T, page int) software {
		return newNext(t, page, &quickBolt{boltdb.BoltBackend{Path: filepath.Join(t.TempDir(), "events")}})
	},
}

const who = "auth-required: who are you?"

func newKhatru(t *testing.T, page int) software {
	t.Helper()
	store, relay := &slicestore.SliceStore{MaxLimit: page}, khatru.NewRelay()
	require.NoError(t, store.Init())
	relay.Log = log.New(io.Discard, "", 0)
	relay.Negentropy = true
	relay.StoreEvent = append(relay.StoreEvent, store.SaveEvent)
	relay.QueryEvents = append(relay.QueryEvents, store.QueryEvents)
	relay.CountEvents = append(relay.CountEvents, store.CountEvents)
	relay.DeleteEvent = append(relay.DeleteEvent, store.DeleteEvent)
	relay.ReplaceEvent = append(relay.ReplaceEvent, store.ReplaceEvent)
	return software{relay, &relay.ServiceURL, func(member string) {
		relay.RejectFilter = append(relay.RejectFilter, func(ctx context.Context, _ gonostr.Filter) (bool, string) {
			return khatru.GetAuthed(ctx) != member, who
		})
		relay.RejectEvent = append(relay.RejectEvent, func(ctx context.Context, _ *gonostr.Event) (bool, string) {
			return khatru.GetAuthed(ctx) != member, who
		})
	}}
}

func newNext(t *testing.T, page int, store nextstore.Store) software {
	t.Helper()
	relay := nextkhatru.NewRelay()
	require.NoError(t, store.Init())
	t.Cleanup(store.Close)
	relay.Log = log.New(io.Discard, "", 0)
	relay.Negentropy = true
	relay.UseEventstore(store, page)
	t.Cleanup(relay.DisableExpirationManager) // whose goroutine would go on
	return software{relay, &relay.ServiceURL, func(member string) {
		refuses := func(ctx context.Context) (bool, string) {
			key, _ := nextkhatru.GetAuthed(ctx)
			return key.Hex() != member, who
		}
		relay.OnRequest = func(ctx context.Context, _ next.Filter) (bool, string) { return refuses(ctx) }
		relay.OnEvent = func(ctx context.Context, _ next.Event) (bool, string) { return refuses(ctx) }
	}}
}

// guardedSlices reads under the lock, too. By itself this store reads the events, which
// are values, while another request moves them: half of one and half of the next.
type guardedSlices struct{ nextslices.SliceStore }

func (s *guardedSlices) QueryEvents(filter next.Filter, most int) iter.Seq[next.Event] {
	s.Lock()
	defer s.Unlock()
	return slices.Values(slices.Collect(s.SliceStore.QueryEvents(filter, most)))
}

func (s *guardedSlices) CountEvents(filter next.Filter) (uint32, error) {
	s.Lock()
	defer s.Unlock()
	return s.SliceStore.CountEvents(filter)
}

// quickBolt does not wait for the disk: its relay restarts, and the machine does not.
type quickBolt struct{ boltdb.BoltBackend }

func (b *quickBolt) Init() error {
	if err := b.BoltBackend.Init(); err != nil {
		return err
	}
	b.DB.NoSync = true
	return nil
}

// stranger is such a relay at an address, where it can be stopped and started again with
// what it has stored.
type stranger struct {
	software
	t     *testing.T
	addr  string
	http  *http.Server
	done  sync.WaitGroup
	conns sync.Map // net.Conn → nothing: Close of the server does not know of hijacked ones
}

// atStrangers runs a test with each of them, all at the same time.
func atStrangers(t *testing.T, page int, test func(t *testing.T, relay *stranger)) {
	for name := range strangers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startStranger(t, name, page))
		})
	}
}

// startStranger runs one of them, that gives so many events for a filter at most.
func startStranger(t *testing.T, name string, page int) *stranger {
	t.Helper()
	s := &stranger{software: strangers[name](t, page), t: t, addr: unusedAddr(t)}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// unusedAddr is below the ports that systems take for outgoing connections, and for listeners
// that leave it to them: while the relay is stopped, nobody is given its port. Each process
// begins with ports of its own, as nostrtest does, for others run beside this one.
func unusedAddr(t *testing.T) string {
	t.Helper()
	const lowest, block, blocks = 20_000, 500, 24
	for i := range 10 * blocks {
		addr := fmt.Sprint("127.0.0.1:", lowest+(os.Getpid()+i/10)%blocks*block+rand.IntN(block))
		if listener, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, listener.Close())
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (s *stranger) url() string { return "ws://" + s.addr }

func (s *stranger) start() {
	listener, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	*s.serviceURL = s.url()
	s.http = &http.Server{Handler: s.software, ConnState: func(c net.Conn, _ http.ConnState) { s.conns.Store(c, nil) }}
	s.done.Go(func() { _ = s.http.Serve(listener) }) // joined by stop
}

func (s *stranger) stop() {
	_ = s.http.Close()
	s.conns.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); s.conns.Delete(c); return true })
	s.done.Wait()
}
