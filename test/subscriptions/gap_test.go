package subscriptions_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Shows L05, D35.
func TestAnOutageBeforeTheEOSELosesNothingOfWhatIsStored(t *testing.T) {
	t.Parallel()
	stored := kit.Sized(1000, 100)
	for _, at := range []int{1, stored / 3, stored - 1, stored} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.Cut().On("EVENT").Nth(at)))
			events := spread(stored, time.Second)
			relay.Publish(events...)
			bot := listensTo(textNotes)
			client := start(t, bot, network, []string{relayURL}, quickly())
			waitLive(t, client, 1)
			bot.eachOnce(t, events)
		})
	}
}

// The relay gives 100 events a page, and 450 were published while it was away.
// Shows P51, L15, D34.
func TestAnOutageWithMoreEventsThanThePageHas(t *testing.T) {
	t.Parallel()
	for what, option := range map[string]nostrtest.Option{
		"untold": nostrtest.WithFaults(nostrtest.PageCap(100)),
		"told":   nostrtest.WithLimits(nostrtest.Limits{Limit: 100}),
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, option)
			bot := listensTo(textNotes)
			client := start(t, bot, network, []string{relayURL}, quickly())
			waitLive(t, client, 1)
			network.Partition(relayURL)
			relay.DisconnectAll()
			for i := range kit.Sized(450, 250) {
				relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(what, i)))
				time.Sleep(time.Second)
			}
			network.Heal(relayURL)
			time.Sleep(time.Second)
			waitLive(t, client, 1)
			bot.eachOnce(t, relay.Events())
			assert.Equal(t, kit.Sized(450, 250), bot.count(), what)
			assert.Empty(t, bot.gaps(), what)
		})
	}
}

// A second that holds more than a page, of one author and kind: what cannot be had is said.
// Shows P37, L15, D34.
func TestASecondWithMoreThanAPageIsAGapAndNothingElseIsLost(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithLimits(nostrtest.Limits{Limit: 100}))
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL}, quickly())
		waitLive(t, client, 1)
		network.Partition(relayURL)
		relay.DisconnectAll()
		var others []*nostr.Event
		publishOne := func() {
			others = append(others, nostrtest.TextNote(nostrtest.Key(2), fmt.Sprint(len(others))))
			relay.Publish(others[len(others)-1])
			time.Sleep(time.Second)
		}
		for range 50 {
			publishOne()
		}
		dense := nostr.Now()
		relay.Publish(nostrtest.DenseSecond(dense, nostrtest.Key(1), 250)...)
		time.Sleep(time.Second)
		for range 50 {
			publishOne()
		}
		network.Heal(relayURL)
		time.Sleep(time.Second)
		waitLive(t, client, 1)
		bot.eachOnce(t, others)
		assert.Equal(t, []gennostr.Gap{{Since: dense, Until: dense}}, bot.gaps())
	})
}

// Shows P65, L05.
func TestGiftWrapsThatAreDatedTwoDaysBackComeAfterAnOutage(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		bot := listensTo([]nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap, nostr.KindTextNote).WithTag("p", nostrtest.PubKey(9).String())})
		client := start(t, bot, network, []string{relayURL}, quickly())
		waitLive(t, client, 1)
		random := rand.New(rand.NewPCG(65, 5))
		wrap := func(i int) *nostr.Event {
			at := nostr.Now() - nostr.Timestamp(random.IntN(2*24*3600))
			return nostrtest.EventAt(at, nostrtest.Key(i), nostr.KindGiftWrap, fmt.Sprint(i), nostr.Tag{"p", nostrtest.PubKey(9).String()})
		}
		for i := range 50 {
			relay.Publish(wrap(i + 1))
		}
		for range 3 {
			network.Partition(relayURL)
			relay.DisconnectAll()
			for i := range 50 {
				relay.Publish(wrap(1000*i + random.IntN(1000) + 1))
				time.Sleep(time.Second)
			}
			network.Heal(relayURL)
			time.Sleep(time.Second)
			waitLive(t, client, 1)
		}
		bot.eachOnce(t, relay.Events())
	})
}

// Whose clock is ten minutes off, before or behind, loses nothing by that.
// Shows L05.
func TestPublishersWhoseClockIsTenMinutesOff(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.ClockSkew(skew)))
			bot := listensTo(textNotes)
			client := start(t, bot, network, []string{relayURL}, quickly())
			waitLive(t, client, 1)
			publish := func(n int) {
				for i := range n {
					at := nostr.TimestampOf(time.Now().Add(skew))
					relay.Publish(nostrtest.TextNoteAt(at, nostrtest.Key(1), fmt.Sprint(at, i)))
					time.Sleep(time.Second)
				}
			}
			publish(100)
			for range 3 {
				network.Partition(relayURL)
				relay.DisconnectAll()
				publish(100)
				network.Heal(relayURL)
				time.Sleep(time.Second)
				waitLive(t, client, 1)
				publish(30)
			}
			all := relay.Events()
			kit.WaitUntil(t, "all", func() bool { return bot.count() == len(all) })
			bot.eachOnce(t, all)
		})
	}
}

// Shows L05.
func TestABogusEventOfTheYear2100MutesNothing(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		bogus := nostrtest.TextNoteAt(4_102_444_800, nostrtest.Key(8), "from the future")
		relay.Publish(bogus)
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL}, quickly())
		waitLive(t, client, 1)
		network.Partition(relayURL)
		relay.DisconnectAll()
		events := notes("outage", 100)
		relay.Publish(events...)
		time.Sleep(10 * time.Second)
		network.Heal(relayURL)
		time.Sleep(11 * time.Second)
		waitLive(t, client, 1)
		bot.eachOnce(t, append(events, bogus))
	})
}

// Shows L05, D29.
func TestFiveRelaysEachCutAtRandomGiveEachEventOnce(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var relays []*nostrtest.Relay
		var urls []string
		for i := range 5 {
			urls = append(urls, fmt.Sprintf("ws://relay%d.example", i))
			relays = append(relays, network.NewRelay(urls[i]))
		}
		bot := listensTo(textNotes)
		client := start(t, bot, network, urls, quickly())
		waitLive(t, client, 5)
		random := rand.New(rand.NewPCG(1, 2))
		var all []*nostr.Event
		for i := range kit.Sized(2000, 400) {
			e := nostrtest.TextNote(nostrtest.Key(1+i%9), fmt.Sprint(i))
			all = append(all, e)
			for n, relay := range relays {
				if n == i%5 || random.IntN(3) > 0 {
					relay.Publish(e)
				}
			}
			if random.IntN(20) == 0 {
				relays[random.IntN(5)].DisconnectAll()
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Second)
		waitLive(t, client, 5)
		kit.WaitUntil(t, "all events", func() bool { return bot.count() == len(all) })
		bot.eachOnce(t, all)
		assert.Empty(t, bot.gaps())
	})
}

// Shows L28, D37.
func TestOneRelaysCutChangesNothingForItsNeighbours(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		cut, neighbour := network.NewRelay("ws://cut.example"), network.NewRelay("ws://neighbour.example")
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{cut.URL(), neighbour.URL()}, quickly())
		waitLive(t, client, 2)
		before := len(neighbour.Received())
		events := notes("both", 300)
		for i, e := range events {
			cut.Publish(e)
			neighbour.Publish(e)
			if i%50 == 49 {
				cut.DisconnectAll()
				time.Sleep(200 * time.Millisecond)
			}
		}
		waitLive(t, client, 2)
		kit.WaitUntil(t, "300 events", func() bool { return bot.count() == 300 })
		bot.eachOnce(t, events)
		assert.Len(t, neighbour.Received(), before, "messages to the neighbour")
		assert.Empty(t, bot.gaps())
	})
}

// spread are n text notes, one in each step back from now.
func spread(n int, step time.Duration) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		at := nostr.TimestampOf(time.Now().Add(-time.Duration(i) * step))
		list[i] = nostrtest.TextNoteAt(at, nostrtest.Key(1+i%5), fmt.Sprint(i))
	}
	return list
}
