package subscriptions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// An outside subscriber that does not read has its relay for itself, until the program
// sends a REQ of its own there: that is answered.
func TestARawREQBesideAnUnreadSubscriptionIsAnswered(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		relay.Publish(plains(1500, time.Second)...) // less than the window has, more than the buffer
		bot := &listener{subscribe: func(*gennostr.Self) error { return nil }}
		client := plainly(t, bot, network, []string{relayURL})
		_, err := client.Subscribe(t.Context(), textNotes)
		require.NoError(t, err)
		time.Sleep(time.Second)
		reaction := nostr.Filter{}.WithKinds(nostr.KindReaction)
		require.NoError(t, client.Send(relayURL, gennostr.Req{SubscriptionID: "raw", Filters: []nostr.Filter{reaction}}))
		time.Sleep(time.Second)
		relay.Publish(plains(1000, time.Millisecond)...)
		relay.Publish(nostrtest.Event(nostrtest.Key(2), nostr.KindReaction, "+"))
		time.Sleep(10 * time.Second)
		assert.Equal(t, 1, bot.count())
	})
}
