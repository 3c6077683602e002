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

// takesTwenty are the ways in which relays tell that they take 20 subscriptions.
var takesTwenty = map[string]nostrtest.Option{
	"NIP-11": nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 20}),
	"CLOSED": nostrtest.WithFaults(nostrtest.SubscriptionCap(20)),
	"NOTICE": nostrtest.WithFaults(nostrtest.SubscriptionCapNotice(20)),
}

var manySubscriptions = kit.Sized(300, 80)

// topic is the filter of one of many subscriptions.
func topic(i int) []nostr.Filter {
	return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("t", fmt.Sprint("topic", i)).WithSince(nostr.Now() - 3600)}
}

func ofTopic(i int, what string) *nostr.Event {
	return plain(nostr.Now(), 1+i%5, fmt.Sprint(what, i), nostr.Tag{"t", fmt.Sprint("topic", i)})
}

// Shows P50, L37.
func TestThreeHundredSubscriptionsOnARelayThatTakesTwenty(t *testing.T) {
	t.Parallel()
	for how, option := range takesTwenty {
		t.Run(how, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, option)
				var all []*nostr.Event
				publish := func(what string) {
					for i := range manySubscriptions {
						all = append(all, ofTopic(i, what))
						relay.Publish(all[len(all)-1])
					}
				}
				publish("stored")
				bot := &listener{subscribe: func(self *gennostr.Self) error {
					for i := range manySubscriptions {
						if err := self.Subscribe(fmt.Sprint("s", i), topic(i)); err != nil {
							return err
						}
					}
					return nil
				}}
				began := time.Now()
				client := plainly(t, bot, network, []string{relayURL}, quickly())
				waitLive(t, client, 1)
				assert.LessOrEqual(t, time.Since(began), 5*time.Second)
				publish("live")
				kit.WaitUntil(t, "600 events", func() bool { return bot.count() == len(all) })

				before := len(relay.Requests())
				relay.DisconnectAll()
				publish("outage")
				time.Sleep(100 * time.Millisecond)
				waitLive(t, client, 1)
				publish("again")
				kit.WaitUntil(t, "1,200 events", func() bool { return bot.count() == len(all) })
				bot.eachOnce(t, all)
				assert.LessOrEqual(t, len(relay.Requests())-before, 150, "REQs after the cut")
				for _, m := range bot.order {
					assert.Equal(t, "topic"+m.SubscriptionID[1:], m.Event.Tags[0][1])
				}
			})
		})
	}
}

// Shows D31.
func TestSubscriptionsThatComeOneByOneReplayLittle(t *testing.T) {
	t.Parallel()
	for how, option := range takesTwenty {
		t.Run(how, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, option)
				for i := range manySubscriptions {
					for n := range 4 {
						relay.Publish(ofTopic(i, fmt.Sprint("stored", n)))
					}
				}
				bot := &listener{subscribe: func(*gennostr.Self) error { return nil }}
				client := plainly(t, bot, network, []string{relayURL}, quickly())
				for i := range manySubscriptions {
					sub, err := client.Subscribe(background, topic(i))
					assert.NoError(t, err)
					assert.NoError(t, sub.CaughtUp(background, 1), "number %d", i)
					time.Sleep(20 * time.Millisecond)
				}
				waitLive(t, client, 1)
				status, _ := client.Relay(relayURL)
				sent := int(status.Traffic.MessagesIn) - len(relay.Requests()) // less the EOSEs
				t.Logf("%d REQs; %d events sent, of %d that were asked for", len(relay.Requests()), sent, 4*manySubscriptions)
				assert.LessOrEqual(t, sent, 4*4*manySubscriptions)
			})
		})
	}
}
