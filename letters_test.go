package gennostr_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Some letters become two callbacks. What ends in the first one has ended for the second.

// newsBot is a bot that is told of its subscription "notes".
type newsBot struct{ *bot }

func (b newsBot) OnSubscription(self *gennostr.Self, relay gennostr.Relay, change gennostr.SubscriptionChange) error {
	return b.Note(self, "OnSubscription", relay, change)
}

func newNewsBot(on func(self *gennostr.Self, n note) error) newsBot {
	return newsBot{newBot(func(self *gennostr.Self, n note) error {
		if n.Name == "Init" {
			return self.Subscribe("notes", allNotes)
		}
		return on(self, n)
	})}
}

// Shows R10.
func TestTheCallbackInWhichTheContextEndsIsTheLast(t *testing.T) {
	for last, happens := range map[string]func(relay *nostrtest.Relay){
		"OnError": (*nostrtest.Relay).Stop,
		"OnEOSE":  func(*nostrtest.Relay) {},
	} {
		t.Run(last, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA)
				ctx, cancel := context.WithCancel(t.Context())
				b := newNewsBot(func(_ *gennostr.Self, n note) error {
					if n.Name == last {
						cancel()
					}
					return nil
				})
				client, err := gennostr.Start(ctx, b, over(network, quietly(), gennostr.WithRelays(relayA))...)
				require.NoError(t, err)
				synctest.Wait()
				happens(relay)
				within(t, "the end", client.Done())
				names := b.Names()
				assert.Equal(t, []string{last, "Terminate"}, names[len(names)-2:], "%v", names)
			})
		})
	}
}

// Many bots have what they want with the EOSE.
func TestASubscriptionThatEndsInOnEOSEHasNoMoreNews(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA)
		times := 0
		b := newNewsBot(func(self *gennostr.Self, n note) error {
			if n.Name != "OnEOSE" {
				return nil
			}
			self.Unsubscribe("notes")
			if times++; times == 1 { // of this one there is no news yet
				return self.Subscribe("notes", allNotes)
			}
			return nil
		})
		client := start(t, b, over(network, quietly(), gennostr.WithRelays(relayA))...)
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 2, times)
		assert.Empty(t, b.Named("OnSubscription"))
	})
}

// A handler that hangs hears the latest change last, but not of a connection that it has
// been told is gone.
func TestNoNewsOfAConnectionAfterItsOnDisconnect(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseRequests("error: not today")))
		hang := make(chan struct{})
		b := newNewsBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "OnSubscription" {
				<-hang
			}
			return nil
		})
		client := start(t, b, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSlowCallback(0), gennostr.WithManualReconnect())...)
		for day := 0; client.Stats().Mailbox < 60; day++ { // more changes than may wait
			require.Less(t, day, 100)
			time.Sleep(24 * time.Hour) // virtual
		}
		time.Sleep(10 * 24 * time.Hour)
		relay.Mend()
		for client.Subscriptions()[0].Live == 0 {
			time.Sleep(time.Minute)
		}
		relay.Stop()
		synctest.Wait()
		close(hang)
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		names := b.Names()
		require.Contains(t, names, "OnDisconnect")
		assert.Equal(t, []string{"OnDisconnect", "Terminate"}, names[len(names)-2:], fmt.Sprint(names[len(names)-6:]))
	})
}
