package subscriptions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// With On, a loop goes on when its relay is removed, as long as that can be reached, and
// ends when it is gone for good (All).
// Shows D60.
func TestALoopOverRelaysThatAreGoneForGoodEnds(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		client := start(t, nil, network, []string{relayURL}, gennostr.WithMaxAttempts(3))
		sub, err := client.Subscribe(t.Context(), textNotes, gennostr.On(relayURL))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		require.NoError(t, client.SetRelays(nil))
		time.Sleep(time.Hour)
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "to a guest"))
		for m := range sub.Events() {
			assert.Equal(t, "to a guest", m.Event.Content)
			break
		}
		require.NoError(t, sub.Err())
		assert.Equal(t, 1, relay.ConnectionCount(), "the same connection")
		relay.Stop()
		for m := range sub.All() {
			require.NotNil(t, m.Change)
		}
		assert.ErrorIs(t, sub.Err(), gennostr.ErrNoRelay)
		assert.ErrorIs(t, sub.Err(), gennostr.ErrGaveUp)
	})
}
