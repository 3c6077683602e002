package accidents_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Errors of code that is not ours, whose methods do what no method should. They are
// asked what they are on goroutines where a panic would end the program.

// wickedError behaves until its kind is asked for.
type wickedError struct{ as, unwrap func() }

func (wickedError) Error() string   { return "wicked" }
func (e wickedError) As(any) bool   { e.as(); return false }
func (e wickedError) Unwrap() error { e.unwrap(); return nil }

func harmless() {}

var wickedErrors = map[string]wickedError{
	"As panics":             {func() { panic("as") }, harmless},
	"As ends its goroutine": {runtime.Goexit, harmless},
	"Unwrap panics":         {harmless, func() { panic("unwrap") }},
}

// wickedVerifier refuses one event in two.
type wickedVerifier struct{ err error }

func (v wickedVerifier) VerifySignature(_ nostr.PubKey, id nostr.ID, _ nostr.Sig) error {
	if id[0]%2 == 0 {
		return nil
	}
	return v.err
}

func TestAVerifiersErrorWhoseMethodsPanicHarmsNobody(t *testing.T) {
	for name, err := range wickedErrors {
		t.Run(name, func(t *testing.T) {
			kit.OnStage(t, kit.Streamer, func(t *testing.T, s kit.Stage) {
				events := kit.TextNotes(40)
				genuine := 0
				for _, e := range events {
					if e.ID[0]%2 == 0 {
						genuine++
					}
				}
				s.Relay.Push(events...)
				synctest.Wait()
				assert.Len(t, s.Events(), genuine)
				refused := 0
				for reason, n := range s.Rejected(t) {
					assert.Contains(t, []error{nostr.ErrBadSignature, gennostr.ErrVerifierFailed}, reason)
					refused += n
				}
				assert.Equal(t, len(events)-genuine, refused)
			}, gennostr.WithVerifier(wickedVerifier{err}))
		})
	}
}

// The supervisor asks whether it was a dial that failed.
func TestADialersErrorWhoseMethodsPanicHarmsNobody(t *testing.T) {
	for name, err := range wickedErrors {
		t.Run(name, func(t *testing.T) {
			r := &kit.Recorder{}
			c := kit.Start(t, r, gennostr.WithRelays("ws://wicked.example/"), gennostr.WithMaxAttempts(1), kit.Quietly(),
				gennostr.WithDialContext(func(context.Context, string, string) (net.Conn, error) { return nil, err }))
			reason := r.WaitCount(t, "OnDisconnect", 1).Msg.(error)
			assert.Regexp(t, "wicked|panic", reason.Error())
			assert.NoError(t, c.AddRelay("ws://other.example/", gennostr.WithMaxAttempts(1)), "the client lives")
			r.WaitCount(t, "OnDisconnect", 2)
		})
	}
}

// wickedConn refuses what is written after the handshake.
type wickedConn struct {
	net.Conn
	err error
}

func (c wickedConn) Write(p []byte) (int, error) {
	if p[0]&kit.OpText == kit.OpText {
		return 0, c.err
	}
	return c.Conn.Write(p)
}

// The writer asks whether it was a close frame.
func TestAConnectionsErrorWhoseMethodsPanicHarmsNobody(t *testing.T) {
	for name, err := range wickedErrors {
		t.Run(name, func(t *testing.T) {
			r := &kit.Recorder{On: kit.Streamer}
			c := kit.Start(t, r, gennostr.WithRelays(kit.RawRelay(t, kit.Says(""))), kit.Quietly(), gennostr.WithManualReconnect(),
				gennostr.WithDialContext(func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, dialErr := new(net.Dialer).DialContext(ctx, network, addr)
					return wickedConn{conn, err}, dialErr
				}))
			reason := r.WaitCount(t, "OnDisconnect", 1).Msg.(error)
			assert.ErrorContains(t, reason, "wicked")
			assert.NotErrorIs(t, reason, gennostr.ErrWriteTimeout)
			assert.Zero(t, c.Relays()[0].Traffic.MessagesOut)
		})
	}
}
