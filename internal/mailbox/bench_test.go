package mailbox_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gennostr/gennostr/internal/mailbox"
)

// One operation is one item put and taken.
func BenchmarkQueue(b *testing.B) {
	for _, producers := range []int{1, 8} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			b.ReportAllocs()
			q := mailbox.NewQueue[any]()
			msg := any("message")
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() {
					for n := p; n < b.N; n += producers {
						q.Put(msg)
					}
				})
			}
			for taken := 0; taken < b.N; {
				if _, ok := q.Next(); ok {
					taken++
				} else {
					<-q.Wake()
				}
			}
			wg.Wait()
		})
	}
}

// One goroutine, one item at a time: the cost without contention.
func BenchmarkQueuePutNext(b *testing.B) {
	b.ReportAllocs()
	q := mailbox.NewQueue[any]()
	msg := any("message")
	for b.Loop() {
		q.Put(msg)
		q.Next()
	}
}

func BenchmarkReserveRelease(b *testing.B) {
	b.ReportAllocs()
	w := mailbox.NewWindow(2048, 4<<20, mailbox.NewBudget(64<<20))
	for b.Loop() {
		w.Reserve(750)
		w.Release(750)
	}
}

// Every goroutine has a window of its own on one shared budget.
func BenchmarkReserveReleaseShared(b *testing.B) {
	b.ReportAllocs()
	budget := mailbox.NewBudget(64 << 20)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		w := mailbox.NewWindow(2048, 4<<20, budget)
		for pb.Next() {
			w.Reserve(750)
			w.Release(750)
		}
	})
}
