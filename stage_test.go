package gennostr_test

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

// stage is a client connected to one relay, in virtual time.
type stage struct {
	*recorder
	network *nostrtest.Network
	relay   *nostrtest.Relay
	client  *gennostr.Client
}

const stageURL = "wss://a.example/"

// onStage runs a test on a stage; opts are those of the relay and of the client.
func onStage(t *testing.T, on func(*gennostr.Self, note) error, f func(t *testing.T, s stage), opts ...any) {
	t.Helper()
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var ofRelay []nostrtest.Option
		ofClient := over(network, gennostr.WithRelays(stageURL))
		for _, opt := range opts {
			switch opt := opt.(type) {
			case nostrtest.Option:
				ofRelay = append(ofRelay, opt)
			case gennostr.Option:
				ofClient = append(ofClient, opt)
			}
		}
		s := stage{recorder: &recorder{on: on}, network: network, relay: network.NewRelay(stageURL, ofRelay...)}
		s.client = start(t, s.recorder, ofClient...)
		synctest.Wait()
		require.Len(t, s.named("OnConnect"), 1)
		f(t, s)
		grammar(t, s.all())
	})
}

// send sends messages and waits until the relay has handled them.
func (s stage) send(t *testing.T, messages ...gennostr.ClientMessage) {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, s.client.Send(stageURL, m))
	}
	synctest.Wait()
}

// inject lets the relay say these frames, and waits until the client has handled them.
func (s stage) inject(t *testing.T, frames ...string) {
	t.Helper()
	for _, frame := range frames {
		require.Equal(t, 1, s.relay.Inject(frame), "the connection is open")
	}
	synctest.Wait()
}

// rejected waits until every refusal has been told, and sums them up by reason.
func (s stage) rejected(t *testing.T) map[error]int {
	t.Helper()
	time.Sleep(5 * time.Second) // virtual
	synctest.Wait()
	sum := map[error]int{}
	for _, n := range s.named("OnError") {
		var reject *gennostr.RejectError
		if errors.As(reasonOf(t, n), &reject) {
			assert.ErrorIs(t, reject, reject.Reason)
			sum[reject.Reason] += reject.Count
		}
	}
	return sum
}

// traffic is what was counted.
func (s stage) traffic() gennostr.Traffic {
	status, _ := s.client.Relay(stageURL)
	return status.Traffic
}

// events lists what OnEvent got.
func (s stage) events() (list []gennostr.EventMessage) {
	for _, n := range s.named("OnEvent") {
		list = append(list, n.Msg.(gennostr.EventMessage))
	}
	return list
}

// request is a Req of one filter.
func request(id string, f nostr.Filter) gennostr.Req {
	return gennostr.Req{SubscriptionID: id, Filters: []nostr.Filter{f}}
}

// eventFrame is an EVENT of a relay.
func eventFrame(id string, e *nostr.Event) string { return fmt.Sprintf(`["EVENT",%q,%s]`, id, e) }

func ofKind(k nostr.Kind) nostr.Filter { return nostr.Filter{}.WithKinds(k) }
