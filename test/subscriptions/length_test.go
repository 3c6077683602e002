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

// 600 authors, on a relay that tells that a message may have 16 KiB, and hangs up on
// longer ones: the list is split by that, and the subscription is live.
// Shows P49, D32.
func TestALongListIsSplitByWhatTheRelaySaysAMessageMayBe(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithLimits(nostrtest.Limits{MessageLength: 16 << 10}))
		f := nostr.Filter{}.WithKinds(nostr.KindTextNote)
		for i := range 600 {
			f.Authors = append(f.Authors, nostrtest.PubKey(i+1))
		}
		bot := listensTo([]nostr.Filter{f})
		client := start(t, bot, network, []string{relayURL}, gennostr.WithReconnectSchedule(time.Minute))
		time.Sleep(10 * time.Minute)
		st := client.Subscriptions()
		require.Len(t, st, 1)
		assert.Equal(t, 1, st[0].Live)
		relay.Publish(nostrtest.TextNote(nostrtest.Key(600), "hello"))
		time.Sleep(time.Second)
		assert.Equal(t, 1, bot.count())
	})
}
