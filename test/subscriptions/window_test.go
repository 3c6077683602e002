package subscriptions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// An outside subscriber that does not read is parked before it stalls its neighbours on
// the same socket, whatever fills first: its buffer, or the relay's window.
// Shows D10, B18.
func TestASlowOutsideSubscriberStallsNoNeighbour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subscribers, bytes int
		opts               []gennostr.SubscribeOption
	}{
		"events of 10 KB, default buffer":         {1, 10_000, nil},
		"three subscribers, default buffers":      {3, 10, nil},
		"a buffer that is larger than the window": {1, 10, []gennostr.SubscribeOption{gennostr.WithBuffer(5000)}},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL)
				bot := listensTo([]nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindReaction)})
				client := plainly(t, bot, network, []string{relayURL})
				for i := range c.subscribers {
					f := nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("t", fmt.Sprint(i))
					_, err := client.Subscribe(t.Context(), []nostr.Filter{f}, c.opts...)
					require.NoError(t, err)
				}
				waitLive(t, client, 1)
				for i := range 1000 * max(1, 3/c.subscribers) {
					for s := range c.subscribers {
						relay.Publish(plain(nostr.Now(), 1, fmt.Sprint(i)+strings.Repeat("x", c.bytes), nostr.Tag{"t", fmt.Sprint(s)}))
					}
					time.Sleep(time.Millisecond)
				}
				relay.Publish(nostrtest.Event(nostrtest.Key(2), nostr.KindReaction, "+"))
				time.Sleep(5 * time.Second)
				assert.Equal(t, 1, bot.count(), "events of the neighbour")
			})
		})
	}
}

// One that had the socket for itself has filled the window, unread: what is asked for
// there afterwards is answered all the same.
func TestWhoComesAfterAnUnreadSubscriptionIsServed(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		relay.Publish(plains(5000, time.Second)...)
		relay.Publish(nostrtest.Event(nostrtest.Key(2), nostr.KindReaction, "+"))
		client := plainly(t, nil, network, []string{relayURL})
		_, err := client.Subscribe(t.Context(), textNotes)
		require.NoError(t, err)
		time.Sleep(time.Second)
		second, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindReaction)})
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		assert.Equal(t, 1, second.Status().Live)
		assert.Equal(t, 1, second.Status().Waiting)
	})
}
