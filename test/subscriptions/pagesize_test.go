package subscriptions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Live events that slip in before a slow EOSE are no measure of the relay's page: after
// an outage everything comes, page by page.
func TestAPageThatWasLongForLiveEventsDoesNotMakeTheNextLookComplete(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.PageCap(100), nostrtest.LateEOSE(10*time.Second).Nth(1)))
		relay.Publish(spread(100, time.Second)...)
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL}, quickly())
		time.Sleep(time.Second)
		for i := range 150 { // while the relay looks through what it has stored
			relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint("slips in ", i)))
			time.Sleep(20 * time.Millisecond)
		}
		waitLive(t, client, 1)
		time.Sleep(time.Second)
		require.Equal(t, 250, bot.count())
		time.Sleep(time.Hour)
		network.Partition(relayURL)
		relay.DisconnectAll()
		for i := range 450 {
			relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint("outage ", i)))
			time.Sleep(time.Second)
		}
		network.Heal(relayURL)
		time.Sleep(time.Second)
		waitLive(t, client, 1)
		time.Sleep(time.Minute)
		bot.eachOnce(t, relay.Events())
		assert.Empty(t, bot.gaps())
	})
}
