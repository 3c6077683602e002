package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// subscriber wants each event once.
type subscriber struct {
	*bench
	seen *seen.Table
}

func (s subscriber) Had(l *intake.Letter) bool { return s.seen.Had(l.Event.ID, 1) }
func (s subscriber) Deliver(l *intake.Letter) {
	s.seen.Take(l.Event.ID, 1)
	s.window.Release(l.Size)
}

// What the intakes of five relays take for an event that all of them send, signatures
// aside: the last of them so many events behind the first. To be run with -benchtime of
// 30,000 events at most.
func BenchmarkFiveRelays(b *testing.B) {
	const relays, turn = 5, 64
	frames := make([][]byte, 30_000)
	for i := range frames {
		e := event(1, true, nostr.Tag{"e", strings.Repeat(fmt.Sprintf("%08x", i), 8)}, nostr.Tag{"p", strings.Repeat("b", 64)})
		e.Content = strings.Repeat("n", 290)
		e.ID = e.GetID()
		frames[i] = []byte(frameOf("a", e))
	}
	for _, lag := range []int{0, 1000, 4000, 10_000} {
		b.Run(fmt.Sprint(lag, "behind"), func(b *testing.B) {
			pool := verify.NewPool(verify.Config{Workers: 1, MaxBatch: 512, NewCheck: func() verify.Check {
				return func([]*nostr.Event, []error) {}
			}})
			defer pool.Stop()
			shared := intake.NewShared(pool, true)
			owner := subscriber{newBench(b, ample), seen.New(1 << 20)}
			var ins [relays]*intake.Intake
			for i := range ins {
				window := mailbox.NewWindow(1<<20, 1<<30, mailbox.NewBudget(1<<30))
				owner := subscriber{&bench{window: window}, owner.seen}
				requests := reqs.New(30 * time.Second)
				ins[i] = intake.New(shared, intake.Config{Owner: owner, Window: window, Long: owner.long, Requests: requests, MaxTags: 1000})
				requests.Open("a", reqs.Compile([]nostr.Filter{nostr.Filter{}.WithKinds(1)}), nil, noon)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N+lag; n += turn {
				for i, in := range ins {
					for j := n - lag*i/(relays-1); j < n+turn-lag*i/(relays-1); j++ {
						if j < 0 || j >= b.N {
							continue
						}
						buf := shared.TakeBuffers()
						buf.Frame = append(buf.Frame[:0], frames[j%len(frames)]...)
						in.Take(buf, true, false)
						shared.KeepBuffers(buf)
					}
					in.Drain()
				}
			}
		})
	}
}
