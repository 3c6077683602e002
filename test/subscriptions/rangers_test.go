package subscriptions_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Several goroutines range over one subscription, each takes its time: it is parked
// meanwhile, and goes on when they have caught up.
func TestASubscriptionThatSeveralRangeOverIsNotParkedForEver(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		client := plainly(t, listensTo(textNotes), network, []string{relayURL})
		sub, err := client.Subscribe(t.Context(), textNotes, gennostr.WithBuffer(8))
		require.NoError(t, err)
		waitLive(t, client, 1)
		for i := range 500 {
			relay.Publish(plain(nostr.Now(), 1, fmt.Sprint(i)))
			time.Sleep(time.Millisecond)
		}
		require.Equal(t, gennostr.SubscriptionParked, sub.Status().Relays[0].State)
		var mu sync.Mutex
		heard := map[nostr.ID]int{}
		var workers sync.WaitGroup
		defer workers.Wait()
		defer sub.Close()
		for range 8 {
			workers.Go(func() {
				for m := range sub.Events() {
					time.Sleep(20 * time.Millisecond) // the work
					mu.Lock()
					heard[m.Event.ID]++
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		assert.Len(t, heard, 500)
		assert.Equal(t, gennostr.SubscriptionLive, sub.Status().Relays[0].State)
	})
}
