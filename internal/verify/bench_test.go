package verify_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// message is about as large as what a connection submits.
type message struct {
	ev    *nostr.Event
	bytes int
	_     [5]uintptr
}

// pipeline sends b.N copies of ev through reserve, verify and deliver on so
// many lanes, each with a window of 2,048 messages, as a client's readers do.
func pipeline(b *testing.B, lanes int, check func(*nostr.Event) error, ev *nostr.Event) {
	b.ReportAllocs()
	pool := newPool(b, 0, check)
	var readers sync.WaitGroup
	for l := range lanes {
		readers.Go(func() {
			window := mailbox.NewWindow(2048, 4<<20, nil)
			lane := verify.NewLane(pool, func(m message, err error) {
				if err != nil {
					b.Error(err)
				}
				window.Release(m.bytes)
			})
			for n := l; n < b.N; n += lanes {
				for !window.Reserve(750) {
					<-window.Freed()
				}
				lane.Submit(message{ev: ev, bytes: 750}, ev)
			}
			lane.Drain()
		})
	}
	readers.Wait()
}

func BenchmarkPipelineNoCheck(b *testing.B) {
	for _, lanes := range []int{1, 8} {
		b.Run(fmt.Sprintf("lanes=%d", lanes), func(b *testing.B) {
			pipeline(b, lanes, func(*nostr.Event) error { return nil }, new(nostr.Event))
		})
	}
}

func BenchmarkPipelineNothingToCheck(b *testing.B) { pipeline(b, 1, nil, nil) }

// signed returns a genuine event of a usual size.
func signed(b *testing.B) *nostr.Event {
	ev := &nostr.Event{Kind: 1, Tags: nostr.Tags{{"t", "nostr"}}, Content: fmt.Sprintf("%280d", 1)}
	require.NoError(b, ev.Sign(nostr.GenerateSecretKey()))
	return ev
}

func BenchmarkPipelineVerify(b *testing.B) {
	ev := signed(b)
	for _, lanes := range []int{1, 8} {
		b.Run(fmt.Sprintf("lanes=%d", lanes), func(b *testing.B) { pipeline(b, lanes, (*nostr.Event).Verify, ev) })
	}
}

// The same check without a pipeline, on one goroutine: what there is to divide.
func BenchmarkVerifyAlone(b *testing.B) {
	ev := signed(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := ev.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

// One event, submitted to an idle pool, until it has been delivered.
func BenchmarkLoneEventLatency(b *testing.B) {
	pool := newPool(b, 0, func(*nostr.Event) error { return nil })
	done := make(chan struct{}, 1)
	lane := verify.NewLane(pool, func(message, error) { done <- struct{}{} })
	ev := new(nostr.Event)
	b.ReportAllocs()
	for b.Loop() {
		lane.Submit(message{ev: ev}, ev)
		<-done
	}
}
