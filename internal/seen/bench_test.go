package seen_test

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/nostr"
)

// hashed are ids as events have them.
var hashed = sync.OnceValue(func() []nostr.ID {
	ids := make([]nostr.ID, 1<<20)
	var n [8]byte
	for i := range ids {
		binary.BigEndian.PutUint64(n[:], uint64(i))
		ids[i] = sha256.Sum256(n[:])
	}
	return ids
})

const benchLimit = 1 << 18

// BenchmarkTake: five relays' worth of takes per event, on a table that is full.
func BenchmarkTake(b *testing.B) {
	ids := hashed()
	table := seen.New(benchLimit)
	for _, id := range ids[len(ids)/2:] {
		table.Take(id, 1)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Take(ids[i/5%len(ids)], 1)
	}
}

// BenchmarkTakeSyncMap is the same on a sync.Map, which forgets nothing.
func BenchmarkTakeSyncMap(b *testing.B) {
	ids := hashed()
	var m sync.Map
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.LoadOrStore(ids[i/5%len(ids)], struct{}{})
	}
}

func BenchmarkTakeParallel(b *testing.B) {
	ids := hashed()
	table := seen.New(benchLimit)
	var reader atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := int(reader.Add(1)) * 1000; pb.Next(); i++ {
			table.Take(ids[i%len(ids)], 1)
		}
	})
}

func BenchmarkTakeParallelSyncMap(b *testing.B) {
	ids := hashed()
	var m sync.Map
	var reader atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := int(reader.Add(1)) * 1000; pb.Next(); i++ {
			m.LoadOrStore(ids[i%len(ids)], struct{}{})
		}
	})
}

// BenchmarkTakeByHundredOwners: every event has a hundred subscriptions that want it.
func BenchmarkTakeByHundredOwners(b *testing.B) {
	ids := hashed()
	table := seen.New(benchLimit)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Take(ids[i/100%len(ids)], seen.Owner(i%100))
	}
}
