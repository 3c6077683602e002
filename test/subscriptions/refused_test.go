package subscriptions_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

const few = 48 // as many filters as one REQ may have

// What a relay takes less than is assumed of one that tells nothing is learnt from
// its refusals, and remembered for the next connection.
// Shows P50, L37.
func TestFewerSlotsThanAssumedAreLearnt(t *testing.T) {
	t.Parallel()
	for how, relayThat := range map[string]struct {
		fault nostrtest.Fault
		most  int // REQs after a reconnect
	}{
		"CLOSED": {nostrtest.SubscriptionCap(5), 12},
		"NOTICE": {nostrtest.SubscriptionCapNotice(5), 12},
		"one":    {nostrtest.SubscriptionCap(1), 30}, // pages have to share it
	} {
		t.Run(how, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, nostrtest.WithFaults(relayThat.fault))
				bot := &listener{subscribe: func(self *gennostr.Self) error {
					for i := range few {
						if err := self.Subscribe(fmt.Sprint("s", i), topic(i)); err != nil {
							return err
						}
					}
					return nil
				}}
				client := plainly(t, bot, network, []string{relayURL}, quickly())
				began := time.Now()
				waitLive(t, client, 1)
				t.Logf("live after %v and %d REQs", time.Since(began), len(relay.Requests()))
				assert.LessOrEqual(t, time.Since(began), time.Minute)
				var all []*nostr.Event
				publish := func(what string) {
					for i := range few {
						all = append(all, ofTopic(i, what))
						relay.Publish(all[len(all)-1])
					}
				}
				publish("live")
				kit.WaitUntil(t, "all live", func() bool { return bot.count() == len(all) })
				before := len(relay.Requests())
				relay.DisconnectAll()
				publish("outage")
				time.Sleep(100 * time.Millisecond)
				waitLive(t, client, 1)
				publish("again")
				kit.WaitUntil(t, "all again", func() bool { return bot.count() == len(all) })
				bot.eachOnce(t, all)
				if !assert.LessOrEqual(t, len(relay.Requests())-before, relayThat.most, "it is known now") {
					for _, r := range relay.Requests()[before:] {
						t.Log(r.SubscriptionID, len(r.Filters))
					}
				}
			})
		})
	}
}

// One of many filters that share REQs is refused: the others live.
// Shows D31.
func TestOneBadFilterOfManyIsFound(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.SubscriptionCap(5)),
			nostrtest.WithReadPolicy(func(_ nostrtest.Connection, r nostrtest.Request) string {
				for _, f := range r.Filters {
					if len(f.Kinds) > 0 && f.Kinds[0] == 666 {
						return "invalid: kind 666"
					}
				}
				return ""
			}))
		bot := &listener{subscribe: func(self *gennostr.Self) error {
			for i := range few {
				filters := topic(i)
				if i == 37 {
					filters = []nostr.Filter{nostr.Filter{}.WithKinds(666)}
				}
				if err := self.Subscribe(fmt.Sprint("s", i), filters); err != nil {
					return err
				}
			}
			return nil
		}}
		client := start(t, bot, network, []string{relayURL}, quickly())
		kit.WaitUntil(t, "all but one", func() bool {
			live := 0
			for _, s := range client.Subscriptions() {
				live += s.Live
			}
			return live == few-1
		})
		for i, s := range client.Subscriptions() {
			want := gennostr.SubscriptionLive
			if i == 37 {
				want = gennostr.SubscriptionRefused
			}
			assert.Equal(t, want, s.Relays[0].State, s.ID)
		}
		assert.Equal(t, "invalid: kind 666", client.Subscriptions()[37].Relays[0].Message)
	})
}

// A relay that refuses for good is not asked again and again (65,000 times, elsewhere).
// Shows L06, L07.
func TestARefusalIsNoStormOfREQs(t *testing.T) {
	t.Parallel()
	for text, most := range map[string]int{
		"restricted: members only": 1, "blocked: no": 1, "invalid: filter": 1, "auth-required: who are you": 1,
		"error: database locked": 30, "rate-limited: slow down": 30, "shutting down": 30,
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.RefuseRequests(text)))
			bot := listensTo(textNotes)
			client := start(t, bot, network, []string{relayURL})
			time.Sleep(time.Hour)
			assert.LessOrEqual(t, len(relay.Requests()), most, "%q", text)
			assert.Equal(t, text, client.Subscriptions()[0].Relays[0].Message)
			if most > 1 {
				relay.Mend()
				time.Sleep(6 * time.Minute)
				assert.Equal(t, 1, client.Subscriptions()[0].Live, "%q", text)
			}
		})
	}
}

// member answers challenges by itself.
type member struct{ *listener }

func (m member) OnAuth(self *gennostr.Self, relay gennostr.Relay, msg gennostr.AuthMessage) error {
	auth := nostr.NewAuthEvent(relay.Address, msg.Challenge, nostr.Now())
	if err := auth.Sign(nostrtest.Key(1)); err != nil {
		return err
	}
	self.Send(relay.URL, gennostr.AuthResponse{Event: &auth})
	return nil
}

func TestASubscriptionLivesAsSoonAsTheRelayKnowsWhoAsks(t *testing.T) {
	t.Parallel()
	for range 20 {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, nostrtest.WithAuth())
			events := notes("stored", 10)
			relay.Publish(events...)
			bot := member{listensTo(textNotes)}
			client := start(t, bot, network, []string{relayURL}, quickly())
			waitLive(t, client, 1)
			synctest.Wait() // the handler has them all, too
			bot.eachOnce(t, events)
			relay.DisconnectAll()
			time.Sleep(200 * time.Millisecond)
			waitLive(t, client, 1)
			assert.LessOrEqual(t, len(relay.Requests()), 4)
		})
	}
}

// Shows P30, L06.
func TestASubscriptionThatARelayEndsIsAskedAgain(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL})
		waitLive(t, client, 1)
		relay.Publish(notes("before", 10)...)
		require.Equal(t, 1, relay.CloseSubscription(relay.Subscriptions()[0].ID, "error: out of memory"))
		relay.Publish(notes("meanwhile", 10)...)
		time.Sleep(5 * time.Second)
		waitLive(t, client, 1)
		kit.WaitUntil(t, "20 events", func() bool { return bot.count() == 20 })
		bot.eachOnce(t, relay.Events())
	})
}

// A relay that does not answer is asked again once in a while, and what it brings counts all the same.
func TestARelayThatSendsNoEOSE(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.NoEOSE()))
		bot := listensTo(textNotes)
		client := start(t, bot, network, []string{relayURL})
		for i := range 60 {
			relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i)))
			time.Sleep(time.Minute)
		}
		assert.LessOrEqual(t, len(relay.Requests()), 30)
		bot.eachOnce(t, relay.Events())
		assert.Equal(t, 60, bot.count())
		assert.Equal(t, gennostr.SubscriptionOpen, client.Subscriptions()[0].Relays[0].State)
		relay.Mend()
		time.Sleep(5 * time.Minute)
		waitLive(t, client, 1)
	})
}
