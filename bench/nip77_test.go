package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy/storage/vector"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// A stored event, as each of the two libraries has its id.
type stored struct {
	at  nostr.Timestamp
	id  nostr.ID
	hex string
}

// storedEvents are made-up events of five years, in no order.
func storedEvents(n int, seed uint64) []stored {
	random := rand.New(rand.NewPCG(seed, 0))
	events := make([]stored, n)
	for i := range events {
		id := nostr.ID(sha256.Sum256(binary.BigEndian.AppendUint64(nil, random.Uint64())))
		events[i] = stored{nostr.Timestamp(1_600_000_000 + random.IntN(150_000_000)), id, id.String()}
	}
	return events
}

func ourSet(tb testing.TB, events []stored) *nip77.Set {
	var b nip77.Builder
	b.Grow(len(events))
	for _, ev := range events {
		if err := b.Add(ev.at, ev.id); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Build()
}

func theirSet(events []stored) *vector.Vector {
	v := vector.New()
	for _, ev := range events {
		v.Insert(gonostr.Timestamp(ev.at), ev.hex)
	}
	v.Seal()
	return v
}

// talk lets a client and a server of either library talk until the end.
func talk(tb testing.TB, first []byte, client, server func([]byte) ([]byte, error)) (messages int) {
	for next := first; next != nil; messages += 2 {
		answer, err := server(next)
		if err != nil {
			tb.Fatal(err)
		}
		if next, err = client(answer); err != nil {
			tb.Fatal(err)
		}
	}
	return messages
}

// ourClient counts what it is told; theirClient has goroutines for that.
func ourClient(tb testing.TB, set *nip77.Set, limit int, told *int) (first []byte, reconcile func([]byte) ([]byte, error)) {
	c, err := nip77.NewClient(set, limit)
	if err != nil {
		tb.Fatal(err)
	}
	count := func(nostr.ID) { *told++ }
	return c.Initiate(), func(m []byte) ([]byte, error) { return c.Reconcile(m, count, count) }
}

func ourServer(tb testing.TB, set *nip77.Set, limit int) func([]byte) ([]byte, error) {
	s, err := nip77.NewServer(set, limit)
	if err != nil {
		tb.Fatal(err)
	}
	return s.Reconcile
}

// theirClient's wait returns when all that it was told has been counted, each id once.
func theirClient(tb testing.TB, set *vector.Vector, limit int, told *int) (first []byte, reconcile func([]byte) ([]byte, error), wait func()) {
	n := negentropy.New(set, limit)
	var counting sync.WaitGroup
	var mu sync.Mutex
	for _, ids := range []chan string{n.Haves, n.HaveNots} {
		counting.Go(func() {
			once := make(map[string]bool)
			for id := range ids {
				once[id] = true
			}
			mu.Lock()
			*told += len(once)
			mu.Unlock()
		})
	}
	return unhex(tb, n.Start()), theirReconcile(n), counting.Wait
}

func theirServer(set *vector.Vector, limit int) func([]byte) ([]byte, error) {
	return theirReconcile(negentropy.New(set, limit))
}

func theirReconcile(n *negentropy.Negentropy) func([]byte) ([]byte, error) {
	return func(m []byte) ([]byte, error) {
		answer, err := n.Reconcile(hex.EncodeToString(m))
		if err != nil || answer == "" {
			return nil, err
		}
		return hex.DecodeString(answer)
	}
}

func unhex(tb testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

const nip77Events = 1_000_000

func BenchmarkNIP77Build(b *testing.B) {
	events := storedEvents(nip77Events, 1)
	newest := slices.SortedFunc(slices.Values(events), func(x, y stored) int { return int(y.at - x.at) })
	for name, events := range map[string][]stored{"no order": events, "newest first": newest} {
		b.Run(name+"/gennostr", func(b *testing.B) {
			perItem(b, func() any { return ourSet(b, events) })
		})
		b.Run(name+"/go-nostr", func(b *testing.B) {
			perItem(b, func() any { return theirSet(events) })
		})
	}
}

// perItem measures what is kept, too. go-nostr's set refers to the hexadecimal ids of the
// events, 64 bytes each, which are not in the figure.
func perItem(b *testing.B, build func() any) {
	b.ReportAllocs()
	before := heapInUse()
	var set any
	for b.Loop() {
		set = build()
	}
	b.ReportMetric(float64(heapInUse()-before)/nip77Events, "B/item")
	runtime.KeepAlive(set)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A whole dialogue of two sides with a million events, each of which lacks half of the
// differences.
func BenchmarkNIP77Reconcile(b *testing.B) {
	events := storedEvents(nip77Events, 1)
	for _, differences := range []int{10, 1000} {
		mine, theirs := events[differences/2:], events[:len(events)-differences/2]
		ourMine, ourTheirs := ourSet(b, mine), ourSet(b, theirs)
		theirMine, theirTheirs := theirSet(mine), theirSet(theirs)
		for _, limit := range []int{0, 60_000} {
			name := fmt.Sprintf("%d differences, limit %d", differences, limit)
			b.Run(name+"/gennostr", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					told := 0
					first, client := ourClient(b, ourMine, limit, &told)
					talk(b, first, client, ourServer(b, ourTheirs, limit))
					if told != differences {
						b.Fatal("told", told)
					}
				}
			})
			b.Run(name+"/go-nostr", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					told := 0
					first, client, wait := theirClient(b, theirMine, limit, &told)
					talk(b, first, client, theirServer(theirTheirs, limit))
					if wait(); told != differences {
						b.Fatal("told", told)
					}
				}
			})
		}
	}
}

// A client of either library learns from a server of the other exactly what differs, in small
// frames too.
func TestBothNIP77Agree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for seed := range uint64(100) {
		events := storedEvents(100+random.IntN(6000), seed)
		limits := []int{0, 4096, 5000, 60_000}
		limit, other := limits[random.IntN(4)], limits[random.IntN(4)]
		slices.SortFunc(events, func(x, y stored) int { return int(x.at - y.at) })
		// Those that one side lacks lie together, at either end or within, or are strewn.
		mine, theirs := lacking(random, events), lacking(random, events)
		want := differ(mine, theirs)

		told := 0
		first, client := ourClient(t, ourSet(t, mine), limit, &told)
		talk(t, first, client, theirServer(theirSet(theirs), other))
		if told != want {
			t.Errorf("our client was told %d differences of %d (%d)", told, want, seed)
		}
		told = 0
		first, client, wait := theirClient(t, theirSet(mine), limit, &told)
		talk(t, first, client, ourServer(t, ourSet(t, theirs), other))
		if wait(); told != want {
			t.Errorf("their client was told %d differences of %d (%d)", told, want, seed)
		}
	}
}

func lacking(random *rand.Rand, events []stored) []stored {
	from := random.IntN(len(events))
	to := from + random.IntN(len(events)-from+1)
	rare := random.IntN(50)
	var left []stored
	for i, ev := range events {
		if (i < from || i >= to) && (rare > 30 || random.IntN(rare+1) > 0 || rare == 0) {
			left = append(left, ev)
		}
	}
	return left
}

func differ(x, y []stored) (n int) {
	there := make(map[nostr.ID]int)
	for _, ev := range x {
		there[ev.id]++
	}
	for _, ev := range y {
		there[ev.id]--
	}
	for _, count := range there {
		if count != 0 {
			n++
		}
	}
	return n
}
