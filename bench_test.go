package gennostr_test

import (
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

// From a relay's socket to OnEvent: framing, parsing, checks, mailbox, callback.
// "verified" is the default; "trusted" shows what everything but verification costs.
func BenchmarkSocketToCallback(b *testing.B) {
	event := nostrtest.TextNoteAt(1_700_000_000, nostrtest.Key(1), strings.Repeat("n", 400),
		nostr.Tag{"e", strings.Repeat("a", 64)}, nostr.Tag{"p", strings.Repeat("b", 64)})
	for _, mode := range []struct {
		name string
		opts []gennostr.Option
	}{
		{"verified", nil},
		{"trusted", []gennostr.Option{gennostr.WithTrustedRelay()}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			relay := nostrtest.NewRelay(b, nostrtest.WithSendBuffer(0)) // the benchmark is ahead of the client
			left, done := b.N, make(chan struct{})
			h := &counting{recorder: &recorder{}, event: func() {
				if left--; left == 0 {
					close(done)
				}
			}}
			start(b, h, append(mode.opts, gennostr.WithRelays(relay.URL()))...)
			_, err := relay.WaitRequest(b.Context(), func(nostrtest.Request) bool { return true })
			require.NoError(b, err)
			frame := `["EVENT","all",` + event.String() + `]`
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				relay.Inject(frame)
			}
			<-done
		})
	}
}
