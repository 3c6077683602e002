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

// With On, a loop ends when none of these relays is the client's any more (All).
func TestALoopOverRelaysThatWereRemovedEnds(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL)
		client := start(t, nil, network, []string{relayURL})
		sub, err := client.Subscribe(t.Context(), textNotes, gennostr.On(relayURL))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		ended := make(chan struct{})
		go func() {
			for range sub.All() {
			}
			close(ended)
		}()
		require.NoError(t, client.RemoveRelay(relayURL))
		time.Sleep(time.Hour)
		select {
		case <-ended:
			assert.ErrorIs(t, sub.Err(), gennostr.ErrNoRelay)
		default:
			assert.Fail(t, "the loop goes on")
			sub.Close()
			<-ended
		}
	})
}
