package kit

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Stage is a client connected to one relay, in virtual time.
type Stage struct {
	*Recorder
	Network *nostrtest.Network
	Relay   *nostrtest.Relay
	Client  *gennostr.Client
}

// StageURL is the URL of a stage's relay.
const StageURL = "wss://a.example/"

// OnStage runs a test on a stage; opts are those of the relay and of the client.
func OnStage(t *testing.T, on func(*gennostr.Self, Note) error, f func(t *testing.T, s Stage), opts ...any) {
	t.Helper()
	Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var ofRelay []nostrtest.Option
		ofClient := Over(network, gennostr.WithRelays(StageURL))
		for _, opt := range opts {
			switch opt := opt.(type) {
			case nostrtest.Option:
				ofRelay = append(ofRelay, opt)
			case gennostr.Option:
				ofClient = append(ofClient, opt)
			}
		}
		s := Stage{Recorder: &Recorder{On: on}, Network: network, Relay: network.NewRelay(StageURL, ofRelay...)}
		s.Client = Start(t, s.Recorder, ofClient...)
		synctest.Wait()
		require.Len(t, s.Named("OnConnect"), 1)
		f(t, s)
		Grammar(t, s.All())
	})
}

// Send sends messages and waits until the relay has handled them.
func (s Stage) Send(t *testing.T, messages ...gennostr.ClientMessage) {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, s.Client.Send(StageURL, m))
	}
	synctest.Wait()
}

// Inject lets the relay say these frames, and waits until the client has handled them.
func (s Stage) Inject(t *testing.T, frames ...string) {
	t.Helper()
	for _, frame := range frames {
		require.Equal(t, 1, s.Relay.Inject(frame), "the connection is open")
	}
	synctest.Wait()
}

// Rejected waits until every refusal has been told, and sums them up by reason.
func (s Stage) Rejected(t *testing.T) map[error]int {
	t.Helper()
	time.Sleep(5 * time.Second) // virtual
	synctest.Wait()
	sum := map[error]int{}
	for _, n := range s.Named("OnError") {
		var reject *gennostr.RejectError
		if errors.As(ReasonOf(t, n), &reject) {
			assert.ErrorIs(t, reject, reject.Reason)
			sum[reject.Reason] += reject.Count
		}
	}
	return sum
}

// Traffic is what was counted.
func (s Stage) Traffic() gennostr.Traffic {
	status, _ := s.Client.Relay(StageURL)
	return status.Traffic
}

// Events lists what OnEvent got.
func (s Stage) Events() (list []gennostr.EventMessage) {
	for _, n := range s.Named("OnEvent") {
		list = append(list, n.Msg.(gennostr.EventMessage))
	}
	return list
}

// Unsent lists the messages that came back to OnError because their connection ended.
func (s Stage) Unsent(t *testing.T) (list []gennostr.ClientMessage) {
	for _, n := range s.Named("OnError") {
		var failed *gennostr.SendError
		if errors.As(ReasonOf(t, n), &failed) {
			assert.ErrorIs(t, failed, gennostr.ErrNotConnected)
			assert.Equal(t, StageURL, failed.URL)
			assert.Equal(t, StageURL, n.Relay.URL)
			list = append(list, failed.Message)
		}
	}
	return list
}

// Everything asks for all events.
func Everything(id string) gennostr.Req {
	return gennostr.Req{SubscriptionID: id, Filters: []nostr.Filter{{}}}
}

// Request is a Req of one filter.
func Request(id string, f nostr.Filter) gennostr.Req {
	return gennostr.Req{SubscriptionID: id, Filters: []nostr.Filter{f}}
}

// EventFrame is an EVENT of a relay.
func EventFrame(id string, e *nostr.Event) string { return fmt.Sprintf(`["EVENT",%q,%s]`, id, e) }

// OfKind is a filter for all events of a kind.
func OfKind(k nostr.Kind) nostr.Filter { return nostr.Filter{}.WithKinds(k) }
