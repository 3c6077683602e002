package gennostr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// twins are a note, and the same with a signature that is none.
func twins() (good, bad *nostr.Event) {
	good = nostrtest.TextNote(nostrtest.Key(1), "twice")
	bad = good.Clone()
	bad.Sig[0] ^= 1
	return good, bad
}

// What a relay says of a bad signature is not said of the good one beside it.
func TestTwoSignaturesOfOneEventAreToldApart(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.SlowAnswers(100*time.Millisecond)))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		good, bad := twins()
		var pubs []*gennostr.Publication
		for _, e := range []*nostr.Event{bad, good, bad, good} {
			p, err := client.StartPublish(e)
			require.NoError(t, err)
			pubs = append(pubs, p)
		}
		for i, p := range pubs {
			r, err := p.Wait(t.Context())
			assert.Equal(t, i%2 == 1, err == nil, "%d: %v", i, err)
			assert.Equal(t, 1, r.Outcomes[0].Tries, i)
		}
		assert.Len(t, relay.Events(), 1)
	})
}

// A verdict stays what it is while others are awaited, whatever the relay says of a twin then.
func TestAVerdictIsNotChangedByThatOfATwin(t *testing.T) {
	good, bad := twins()
	for name, c := range map[string]struct {
		first, second *nostr.Event
		verdict       gennostr.Verdict
	}{"accepted": {good, bad, gennostr.Accepted}, "refused": {bad, good, gennostr.Refused}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA)
				network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.NoAnswer().On("EVENT")))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA, relayB))...)
				require.NoError(t, client.Ready(t.Context(), 2))
				first, err := client.StartPublish(c.first, gennostr.AtLeast(2))
				require.NoError(t, err)
				time.Sleep(time.Second)
				second, err := client.Publish(t.Context(), c.second, gennostr.On(relayA))
				assert.NotEqual(t, c.verdict, second.Outcomes[0].Verdict, "%v", err)
				report, _ := first.Wait(t.Context())
				assert.Equal(t, c.verdict, report.Outcomes[0].Verdict, "%v", report)
				assert.Equal(t, 1, report.Outcomes[0].Tries)
			})
		})
	}
}

// One that waits for its twin ends in time, is let go when that is cancelled, and survives
// the link's end.
func TestATwinWaitsNoLongerThanItHasTo(t *testing.T) {
	good, bad := twins()
	for name, c := range map[string]struct {
		happens func(first *gennostr.Publication, relay *nostrtest.Relay)
		is      error
	}{
		"nothing happens":        {func(*gennostr.Publication, *nostrtest.Relay) {}, context.DeadlineExceeded},
		"the first is cancelled": {func(p *gennostr.Publication, r *nostrtest.Relay) { r.Mend(); p.Cancel() }, nil},
		"the link is cut":        {func(_ *gennostr.Publication, r *nostrtest.Relay) { r.Mend(); r.DisconnectAll() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("EVENT")))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				require.NoError(t, client.Ready(t.Context(), 1))
				first, err := client.StartPublish(bad)
				require.NoError(t, err)
				second, err := client.StartPublish(good, gennostr.GiveUpAfter(20*time.Second))
				require.NoError(t, err)
				time.Sleep(6 * time.Second)
				c.happens(first, relay)
				r, err := second.Wait(t.Context())
				if c.is == nil {
					require.NoError(t, err)
					return
				}
				assert.ErrorIs(t, err, c.is)
				assert.ErrorContains(t, err, "whose signature differs")
				assert.Zero(t, r.Outcomes[0].Tries)
			})
		})
	}
}
