package subscriptions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

const relayURL = "ws://relay.example"

// quickly is a schedule on which a relay is dialled again before much has happened.
func quickly() gennostr.Option { return gennostr.WithReconnectSchedule(50 * time.Millisecond) }

// Shows P29, D28.
func TestASubscriptionHearsWhatIsStoredAndWhatIsPublished(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		stored, live := notes("stored", 10), notes("live", 10)
		relay.Publish(stored...)
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL})
		waitLive(t, client, 1)
		relay.Publish(live...)
		kit.WaitUntil(t, "20 events", func() bool { return bot.count() == 20 })
		bot.eachOnce(t, append(stored, live...))
		assert.Equal(t, map[gennostr.Phase]int{gennostr.PhaseStored: 10, gennostr.PhaseLive: 10}, bot.phases())
		assert.Equal(t, 1, bot.eoses)
		assert.Equal(t, "all", bot.order[0].SubscriptionID)
		assert.Empty(t, bot.Errors)
	})
}

// 2,000 live events at 200 a second, through a link that is cut every 300 ms.
func TestNothingIsLostThroughALinkThatIsCutAllTheTime(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL}, quickly())
		waitLive(t, client, 1)
		for i := range kit.Sized(2000, 400) {
			relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i)))
			time.Sleep(5 * time.Millisecond)
			if i%60 == 59 {
				relay.DisconnectAll()
			}
		}
		waitLive(t, client, 1)
		all := relay.Events()
		kit.WaitUntil(t, "all events", func() bool { return bot.count() == len(all) })
		assert.Len(t, all, kit.Sized(2000, 400))
		bot.eachOnce(t, all)
		assert.Empty(t, bot.gaps())
	})
}

// Shows L05, D30.
func TestNothingIsLostOverOutages(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL)
			bot := listensTo(textNotes)
			client := start(t, bot, network, []string{relayURL}, quickly())
			waitLive(t, client, 1)
			for round := range 3 {
				network.Partition(relayURL)
				relay.DisconnectAll()
				for i := range kit.Sized(200, 40) {
					relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(round, "/", i)))
					time.Sleep(outage / time.Duration(kit.Sized(200, 40)))
				}
				network.Heal(relayURL)
				time.Sleep(200 * time.Millisecond)
				waitLive(t, client, 1)
			}
			all := relay.Events()
			kit.WaitUntil(t, "all events", func() bool { return bot.count() == len(all) })
			bot.eachOnce(t, all)
			assert.Equal(t, 3*kit.Sized(200, 40), bot.phases()[gennostr.PhaseResumed]+bot.phases()[gennostr.PhaseLive])
		})
	}
}

// notes are text notes of several authors, dated now.
func notes(what string, n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = nostrtest.TextNote(nostrtest.Key(1+i%5), fmt.Sprint(what, i))
	}
	return list
}
