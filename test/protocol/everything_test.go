package protocol_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// atOnce does so many things of each kind at the same time, and waits for all.
func atOnce(t *testing.T, client *gennostr.Client, n int) {
	t.Helper()
	var doing sync.WaitGroup
	for i := range n {
		doing.Go(func() { // ends with what it does
			sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithTag("t", fmt.Sprint(i))})
			if assert.NoError(t, err) {
				defer sub.Close()
				assert.NoError(t, sub.CaughtUp(t.Context(), 1))
			}
			_, err = client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i), nostr.Tag{"t", fmt.Sprint(i)}))
			assert.NoError(t, err)
			_, err = client.Fetch(t.Context(), []nostr.Filter{nostr.Filter{}.WithTag("t", fmt.Sprint(i)).WithLimit(1)})
			assert.NoError(t, err)
			_, err = client.Count(t.Context(), []nostr.Filter{nostr.Filter{}.WithTag("t", fmt.Sprint(i))})
			assert.NoError(t, err)
		})
	}
	doing.Wait()
}

func TestP14EverythingGoesThroughOneConnection(t *testing.T) {
	onDeployed(t, nostrtest.WithAuth(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		atOnce(t, client, 30)
		assert.Len(t, relay.Connections(), 1)
		for _, m := range relay.Received() {
			assert.Equal(t, 1, m.Connection, m.Verb)
		}
		verbs := map[string]bool{}
		for _, m := range relay.Received() {
			verbs[m.Verb] = true
		}
		assert.Equal(t, map[string]bool{"AUTH": true, "REQ": true, "CLOSE": true, "EVENT": true, "COUNT": true}, verbs)
	}, gennostr.WithSigner(nostrtest.Key(1).Signer()))
}

// The ids that the library makes up are short: no relay is known to take so few characters
// that they would not fit.
func TestP50TheLibrarysOwnIDsAreShort(t *testing.T) {
	onDeployed(t, nostrtest.WithLimits(nostrtest.Limits{SubIDLength: 8}), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		for range kit.Sized(10, 2) {
			atOnce(t, client, kit.Sized(50, 20))
		}
		require.NotEmpty(t, relay.Requests())
		for _, r := range relay.Requests() {
			assert.LessOrEqual(t, len(r.SubscriptionID), 8)
		}
	})
}
