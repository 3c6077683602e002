package gennostr_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// informed counts HandleInfo.
type informed struct {
	gennostr.BaseHandler
	left int
	done chan struct{}
}

func (h *informed) HandleInfo(*gennostr.Self, any) error {
	if h.left--; h.left == 0 {
		close(h.done)
	}
	return nil
}

// From any goroutine through the mailbox to a callback.
func BenchmarkMailboxToCallback(b *testing.B) {
	h := &informed{left: b.N, done: make(chan struct{})}
	client := start(b, h, gennostr.WithMailboxLimit(b.N+1))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := client.Notify(&h.left); err != nil {
			b.Fatalf("message %d: %v", i, err)
		}
	}
	<-h.done
}

// note750 is an event of 750 bytes, the n-th.
func note750(n int) *nostr.Event {
	return nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+n), nostrtest.Key(1), strings.Repeat("n", 263),
		nostr.Tag{"e", strings.Repeat("a", 64)}, nostr.Tag{"p", strings.Repeat("b", 64)})
}

// From a relay's socket to OnEvent: framing, parsing, checks, mailbox, callback.
// "verified" is the default, of events that are new; "trusted" shows what
// everything but hash and signature costs.
func BenchmarkSocketToCallback(b *testing.B) {
	frames := make([]string, 5000)
	for i := range frames {
		frames[i] = `["EVENT","all",` + note750(i).String() + `]`
	}
	for _, mode := range []struct {
		name string
		opts []gennostr.Option
	}{
		{"verified", nil},
		{"trusted", []gennostr.Option{gennostr.WithTrustedRelay()}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.SetBytes(int64(len(frames[0])))
			b.ReportAllocs()
			for left := b.N; left > 0; left -= len(frames) { // a client remembers what it has verified
				b.StopTimer()
				relay := nostrtest.NewRelay(b, nostrtest.WithSendBuffer(0)) // the benchmark is ahead of the client
				some, got, done := frames[:min(left, len(frames))], 0, make(chan struct{})
				h := &counting{Recorder: &recorder{}, Event: func() {
					if got++; got == len(some) {
						close(done)
					}
				}}
				c := start(b, h, append(mode.opts, gennostr.WithRelays(relay.URL()))...)
				_, err := relay.WaitRequest(b.Context(), func(nostrtest.Request) bool { return true })
				require.NoError(b, err)
				b.StartTimer()
				for _, frame := range some {
					relay.Inject(frame)
				}
				<-done
				b.StopTimer()
				require.NoError(b, c.Stop(b.Context()))
				relay.Close()
				b.StartTimer()
			}
		})
	}
}

// From a message that has been read to OnEvent: an event that another relay has
// brought already, in the same bytes or in others.
func BenchmarkDuplicate(b *testing.B) {
	const url = "wss://relay.example/"
	frame, another := []byte(`["EVENT","all",`+note750(1).String()+`]`), []byte(`["EVENT","all",`+note750(2).String()+`]`)
	for _, mode := range []struct {
		name  string
		frame []byte
	}{
		{"same bytes", frame},
		{"other bytes", append(frame[:len(frame):len(frame)], ' ')},
	} {
		b.Run(mode.name, func(b *testing.B) {
			events := 0
			h, err := gennostr.NewHarness(&counting{Recorder: &recorder{}, Event: func() { events++ }}, gennostr.WithRelays(url))
			require.NoError(b, err)
			defer h.Stop()
			require.NoError(b, h.Connect(url))
			feed := gennostr.Feed(h, url)
			for range 100 { // so that the client gets used to duplicates
				feed(another)
			}
			feed(frame)
			require.True(b, gennostr.KnowsTwins(h.Client()))
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			events = 0
			for b.Loop() {
				feed(mode.frame)
			}
			require.Equal(b, b.N, events)
		})
	}
}

// holder has a subscription "notes" of so many filters, and holds the last of its events.
type holder struct {
	gennostr.BaseHandler
	filters []nostr.Filter
	free    int // events that are handled at once; then all are held
	self    *gennostr.Self
	heard   int
}

func (r *holder) Init(self *gennostr.Self) error {
	r.self = self
	return self.Subscribe("notes", r.filters)
}

func (r *holder) OnEvent(self *gennostr.Self, _ gennostr.Relay, _ gennostr.EventMessage) error {
	if r.heard++; r.heard > r.free {
		self.Hold()
	}
	return nil
}

// What a program pays that saves its cursor with every message: a cursor of full size,
// 4,096 events that were handled and 256 that were not finished, on four relays with
// eight filters each, and its text.
func BenchmarkCursor(b *testing.B) {
	const handled, unfinished, relays, filters = 4096, 256, 4, 8
	var urls []string
	for n := range relays {
		urls = append(urls, fmt.Sprintf("wss://relay%d.example/", n))
	}
	r := &holder{free: handled}
	for n := range filters { // the last one is for the events
		r.filters = append(r.filters, nostr.Filter{}.WithKinds(nostr.Kind(filters-n)))
	}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(urls...), gennostr.WithTrustedRelay())
	require.NoError(b, err)
	defer h.Stop()
	now := nostr.Now()
	for _, url := range urls {
		require.NoError(b, h.Connect(url))
		require.NoError(b, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: "notes"}))
	}
	for n := range handled + unfinished {
		e := &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: now, ID: sha256.Sum256([]byte{byte(n), byte(n >> 8)})}
		require.NoError(b, h.Deliver(urls[n%relays], gennostr.EventMessage{SubscriptionID: "notes", Event: e}))
	}
	require.Equal(b, unfinished, r.self.Subscriptions()[0].Waiting)
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		c, ok := r.self.Cursor("notes")
		if !ok {
			b.Fatal("no cursor")
		}
		if text, err = c.AppendText(text[:0]); err != nil {
			b.Fatal(err)
		}
	}
	require.Greater(b, len(text), (handled*8+unfinished*32)*4/3, "all ids are in it, in base64")
	b.ReportMetric(float64(len(text)), "bytes/text")
}
