package subscriptions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// What waits to be ranged over and matches none of the new filters is dropped (SetFilters).
// Shows D54.
func TestSetFiltersDropsWhatWaitsToBeRangedOver(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		client := start(t, nil, network, []string{relayURL})
		sub, err := client.Subscribe(t.Context(), textNotes)
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "a note"))
		time.Sleep(time.Second)
		require.NoError(t, sub.SetFilters([]nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindReaction)}))
		time.Sleep(time.Second)
		relay.Publish(nostrtest.Event(nostrtest.Key(2), nostr.KindReaction, "+"))
		for m := range sub.Events() {
			assert.Equal(t, nostr.KindReaction, m.Event.Kind)
			break
		}
	})
}
