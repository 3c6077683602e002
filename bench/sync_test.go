package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	gonostr "github.com/nbd-wtf/go-nostr"
	theirsync "github.com/nbd-wtf/go-nostr/nip77"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	syncStored  = 100_000
	syncMissing = 100 // of these the program lacks so many
)

// A meter is a relay's address that counts what goes through it, both ways.
type meter struct {
	url   string
	bytes atomic.Int64
}

func metered(tb testing.TB, address string) *meter {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	m := &meter{url: "ws://" + listener.Addr().String()}
	var pipes sync.WaitGroup
	var conns []net.Conn // of the goroutine that accepts, until that has ended
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(io.MultiWriter(to, m), from) // it ends with the connection
		to.Close()
		from.Close()
	}
	accepting := make(chan struct{})
	go func() { // ends with the listener, joined below
		defer close(accepting)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			relay, err := net.Dial("tcp", address)
			if err != nil {
				client.Close()
				return
			}
			conns = append(conns, client, relay)
			pipes.Go(func() { pipe(relay, client) })
			pipes.Go(func() { pipe(client, relay) })
		}
	}()
	tb.Cleanup(func() {
		listener.Close()
		<-accepting
		for _, c := range conns { // whoever has not closed theirs
			c.Close()
		}
		pipes.Wait()
	})
	return m
}

func (m *meter) Write(b []byte) (int, error) {
	m.bytes.Add(int64(len(b)))
	return len(b), nil
}

// syncCorpus is a relay that has all events, and the ones that the program has.
func syncCorpus(tb testing.TB) (relay *nostrtest.Relay, have []*nostr.Event) {
	relay = nostrtest.NewRelay(tb)
	events := make([]*nostr.Event, syncStored)
	for i := range events {
		events[i] = nostrtest.EventAt(nostr.Timestamp(1_600_000_000+i), nostrtest.Key(i%200), nostr.KindTextNote, fmt.Sprintf("event %d: %0100d", i, i))
		if i%(syncStored/syncMissing) != 17 {
			have = append(have, events[i])
		}
	}
	relay.Publish(events...)
	return relay, have
}

// BenchmarkSync finds and fetches the hundred of 100,000 events that a program lacks:
// wire-bytes is what went over the connection, both ways, handshake included.
//
//	cd bench && go test -run - -bench Sync -benchtime 1x
func BenchmarkSync(b *testing.B) {
	relay, have := syncCorpus(b)
	address := relay.URL()[len("ws://"):]
	var set nip77.Builder
	memory := &memoryStore{}
	for _, e := range have {
		if err := set.Add(e.CreatedAt, e.ID); err != nil {
			b.Fatal(err)
		}
		memory.events = append(memory.events, theirEvent(e))
	}
	ours := set.Build()
	filter := nostr.Filter{}.WithKinds(nostr.KindTextNote)
	sync := func(options ...gennostr.SyncOption) func(context.Context, string) (int, error) {
		return func(ctx context.Context, url string) (came int, err error) {
			client, err := gennostr.Start(ctx, nil, gennostr.WithRelays(url))
			if err != nil {
				return 0, err
			}
			fetch := gennostr.Fetching(func(*nostr.Event) error { came++; return nil })
			if _, err := client.Sync(ctx, url, filter, ours, append(options, fetch)...); err != nil {
				return came, err
			}
			return came, client.Stop(ctx)
		}
	}
	for _, way := range []struct {
		name string
		run  func(context.Context, string) (int, error)
	}{
		{"Client.Sync", sync()},
		{"Client.Sync, all events sent", sync(gennostr.WithoutNegentropy())},
		{"go-nostr NegentropySync", func(ctx context.Context, url string) (int, error) {
			memory.came.Store(0)
			err := theirsync.NegentropySync(ctx, memory, url, gonostr.Filter{Kinds: []int{1}}, theirsync.Down)
			return int(memory.came.Load()), err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			m := metered(b, address)
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				came, err := way.run(ctx, m.url)
				cancel()
				if err != nil || came != syncMissing {
					b.Fatalf("%d events came, %v", came, err)
				}
			}
			b.ReportMetric(float64(m.bytes.Load())/float64(b.N), "wire-bytes/op")
		})
	}
}

// memoryStore is a store of go-nostr's that counts what it is given.
type memoryStore struct {
	events []*gonostr.Event
	came   atomic.Int64
}

func (s *memoryStore) Publish(context.Context, gonostr.Event) error { s.came.Add(1); return nil }

func (s *memoryStore) QuerySync(context.Context, gonostr.Filter) ([]*gonostr.Event, error) {
	return s.events, nil
}

func (s *memoryStore) QueryEvents(context.Context, gonostr.Filter) (chan *gonostr.Event, error) {
	events := make(chan *gonostr.Event)
	close(events)
	return events, nil
}

func theirEvent(e *nostr.Event) *gonostr.Event {
	return &gonostr.Event{ID: e.ID.String(), PubKey: e.PubKey.String(), CreatedAt: gonostr.Timestamp(e.CreatedAt), Kind: int(e.Kind), Content: e.Content, Sig: e.Sig.String()}
}
