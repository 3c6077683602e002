package nip77_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

const million = 1_000_000

// events are made-up dates and ids over five years, in the order in which an index by id
// would give them.
func events(n int) []item {
	random := rand.New(rand.NewPCG(1, 2))
	items := make([]item, n)
	for i := range items {
		items[i] = item{nostr.Timestamp(1_600_000_000 + random.IntN(150_000_000)), idOf(i)}
	}
	return items
}

func build(b *testing.B, items []item) *nip77.Set {
	var builder nip77.Builder
	builder.Grow(len(items))
	for _, it := range items {
		if err := builder.Add(it.at, it.id); err != nil {
			b.Fatal(err)
		}
	}
	return builder.Build()
}

// A million items in the orders in which stores give them. "B/item" is what the set keeps.
func BenchmarkBuild(b *testing.B) {
	shuffled := events(million)
	oldest := inOrder(shuffled)
	newest := make([]item, len(oldest))
	for i, it := range oldest {
		newest[len(newest)-1-i] = it
	}
	for _, order := range []struct {
		name  string
		items []item
	}{{"by id", shuffled}, {"newest first", newest}, {"oldest first", oldest}} {
		b.Run(order.name, func(b *testing.B) {
			b.ReportAllocs()
			before := heap()
			var set *nip77.Set
			for b.Loop() {
				set = build(b, order.items)
			}
			b.ReportMetric(float64(heap()-before)/million, "B/item")
			runtime.KeepAlive(set)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A million items, of which each side lacks some: a whole dialogue of both sides.
func BenchmarkReconcile(b *testing.B) {
	all := events(million)
	for _, differences := range []struct {
		name string
		n    int
	}{{"none", 0}, {"ten", 10}, {"ten thousand", 10_000}} {
		mine, theirs := build(b, all[differences.n/2:]), build(b, all[:million-differences.n/2])
		for name, limit := range map[string]int{"": 0, ", frames of 60,000 bytes": 60_000} {
			b.Run(differences.name+name, func(b *testing.B) {
				b.ReportAllocs()
				var messages, bytes int
				for b.Loop() {
					messages, bytes = 0, 0
					c, s := client(b, mine, limit), server(b, theirs, limit)
					told := 0
					count := func(nostr.ID) { told++ }
					for next := c.Initiate(); next != nil; {
						answer, err := s.Reconcile(next)
						if err != nil {
							b.Fatal(err)
						}
						messages, bytes = messages+2, bytes+len(next)+len(answer)
						if next, err = c.Reconcile(answer, count, count); err != nil {
							b.Fatal(err)
						}
					}
					if told != differences.n {
						b.Fatal("told", told)
					}
				}
				b.ReportMetric(float64(messages), "messages")
				b.ReportMetric(float64(bytes), "bytes")
			})
		}
	}
}

// A client without anything and a server with a million items.
func BenchmarkReconcileFromNothing(b *testing.B) {
	s := server(b, build(b, events(million)), 60_000)
	b.ReportAllocs()
	for b.Loop() {
		needed := 0
		c := client(b, &nip77.Set{}, 60_000)
		for next := c.Initiate(); next != nil; {
			answer, err := s.Reconcile(next)
			if err != nil {
				b.Fatal(err)
			}
			if next, err = c.Reconcile(answer, nil, func(nostr.ID) { needed++ }); err != nil {
				b.Fatal(err)
			}
		}
		if needed != million {
			b.Fatal("needed", needed)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	set := build(b, events(million))
	for name, size := range map[string]int{"8 items": 8, "a million": million - 8} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				set.Fingerprint(7, 7+size)
			}
		})
	}
}
