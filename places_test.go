package gennostr_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Subscriptions for whose guests there is no room.

// A subscription that has no other relay waits as well, asks what it has been set to meanwhile, and
// leaves nothing behind when it does not want to wait any more.
func TestASubscriptionWaitsForRoomForItsGuest(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const url, another = "wss://guest.example/", "wss://another.example/"
		relay := network.NewRelay(url)
		network.NewRelay(another)
		client := start(t, nil, over(network, quietly(), gennostr.WithMaxGuests(1))...)
		first, err := client.Subscribe(t.Context(), allNotes, gennostr.On(another))
		require.NoError(t, err)
		waiting, err := client.Subscribe(t.Context(), allNotes, gennostr.On(url))
		require.NoError(t, err)
		began := time.Now()
		time.Sleep(2 * time.Second)
		gone, err := client.Subscribe(t.Context(), allNotes, gennostr.On(url))
		require.NoError(t, err)
		for m := range gone.All() {
			assert.WithinDuration(t, began.Add(5*time.Second), m.Change.RetryAt, 0, "all are let in at one time")
			break
		}
		time.Sleep(time.Minute)
		gone.Close()
		assert.Zero(t, relay.ConnectionCount())
		require.NoError(t, waiting.Err())
		for m := range waiting.All() {
			assert.Equal(t, gennostr.SubscriptionRetrying, m.Change.State)
			assert.ErrorIs(t, m.Change.Err, gennostr.ErrTooManyGuests)
			break
		}
		people := make([]nostr.PubKey, 100)
		for i := range people {
			people[i][0] = byte(i)
		}
		require.NoError(t, waiting.SetFilters([]nostr.Filter{{Authors: people}}))
		first.Close()
		require.NoError(t, waiting.CaughtUp(t.Context(), 1))
		require.Len(t, relay.Requests(), 1)
		require.Len(t, relay.Requests()[0].Filters, 1)
		assert.Len(t, relay.Requests()[0].Filters[0].Authors, 100)

		last, err := client.Subscribe(t.Context(), allNotes, gennostr.On(another))
		require.NoError(t, err)
		time.Sleep(time.Second)
		waiting.Close()
		last.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Zero(t, gennostr.EntriesKept(client))
	})
}

// What it asks is cut to what a relay takes, whoever has the relay come in the end.
func TestASubscriptionThatHasWaitedForRoomAsksWhatARelayTakes(t *testing.T) {
	const url, another = "wss://guest.example/", "wss://another.example/"
	for name, comes := range map[string]func(*gennostr.Client, *gennostr.Subscription) error{
		"there is room":     func(_ *gennostr.Client, first *gennostr.Subscription) error { first.Close(); return nil },
		"the relay's added": func(c *gennostr.Client, _ *gennostr.Subscription) error { return c.AddRelay(url) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(url)
				network.NewRelay(another)
				client := start(t, nil, over(network, quietly(), gennostr.WithMaxGuests(1))...)
				first, err := client.Subscribe(t.Context(), allNotes, gennostr.On(another))
				require.NoError(t, err)
				people := make([]nostr.PubKey, 3_000) // some 200 KB
				for i := range people {
					people[i][0], people[i][1] = byte(i), byte(i>>8)
				}
				waiting, err := client.Subscribe(t.Context(), []nostr.Filter{{Authors: people}}, gennostr.On(url))
				require.NoError(t, err)
				synctest.Wait()
				require.NoError(t, comes(client, first))
				require.NoError(t, waiting.CaughtUp(t.Context(), 1))
				asked := 0
				for _, req := range relay.Requests() {
					frame, err := json.Marshal(req.Filters)
					require.NoError(t, err)
					assert.Less(t, len(frame), 64<<10)
					for _, f := range req.Filters {
						asked += len(f.Authors)
					}
				}
				assert.GreaterOrEqual(t, asked, len(people))
			})
		})
	}
}
