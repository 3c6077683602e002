package gennostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// A filter that the relay has refused is replaced by one that it serves: then the
// subscription is live there.
func TestASubscriptionWhoseRefusedFilterWasReplacedIsLive(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "invalid: bad filter"}))
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		return self.SetFilters("notes", []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindReaction)})
	}))
	deliverEOSE(t, h)
	st := h.Client().Subscriptions()
	require.Len(t, st, 1)
	assert.Equal(t, gennostr.SubscriptionLive, st[0].Relays[0].State)
	assert.Equal(t, []string{"notes"}, r.eoses)
}

// A relay that refuses a limit, rather than answering with less, is asked with a lower one.
// Shows D32.
func TestALimitThatARelayRefusesIsLowered(t *testing.T) {
	r := &refilter{filters: []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote).WithLimit(1000)}}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	for _, limit := range []int{1000, 500, 250} {
		asked := h.Subscribed(subscribersRelay)
		require.Len(t, asked, 1)
		require.Equal(t, limit, asked[0].Filters[0].Limit)
		if limit == 250 {
			break
		}
		require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "invalid: limit too high"}))
	}
	deliverEOSE(t, h)
	assert.Equal(t, gennostr.SubscriptionLive, h.Client().Subscriptions()[0].Relays[0].State)
}
