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
