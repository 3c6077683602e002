package gennostr_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The largest number of an option means that there is no bound, and not that sums
// of it turn over.
func TestALimitMayBeTheLargestNumber(t *testing.T) {
	t.Run("WithMailboxBudget", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example/")
			e := &nostr.Event{Kind: 1, Content: strings.Repeat("a", 100_000)}
			require.NoError(t, e.Sign(nostr.GenerateSecretKey()))
			relay.Publish(e)
			r := &recorder{On: ask(everything("all"))}
			start(t, r, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithMailboxBudget(math.MaxInt64), gennostr.WithReadLimit(math.MaxInt64))...)
			synctest.Wait()
			assert.Len(t, r.Named("OnEvent"), 1)
			assert.Empty(t, r.Named("OnError"))
		})
	})
	t.Run("WithMailboxWindow", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example/")
			events := textNotes(20)
			relay.Publish(events[1:]...)
			gate := make(chan struct{})
			asks := ask(everything("all"))
			r := &recorder{On: func(self *gennostr.Self, n note) error {
				if n.Name == "OnEvent" {
					<-gate
				}
				return asks(self, n)
			}}
			client := start(t, r, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithMailboxWindow(3, math.MaxInt64))...)
			synctest.Wait()
			undelivered := func() int {
				status, _ := client.Relay(relay.URL())
				return status.Traffic.Undelivered
			}
			assert.Equal(t, 3, undelivered())
			require.NoError(t, client.Send(relay.URL(), gennostr.PublishEvent{Event: events[0]}))
			synctest.Wait()
			assert.Greater(t, undelivered(), 18, "an OK that is waited for stands behind all of them")
			close(gate)
			synctest.Wait()
			assert.Len(t, r.Named("OnOK"), 1)
		})
	})
}

func TestAllLimitsMayBeTheLargestNumber(t *testing.T) {
	const most, ever = math.MaxInt, time.Duration(math.MaxInt64)
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example/")
		events := textNotes(3)
		relay.Publish(events[1:]...)
		r := &recorder{On: ask(everything("all"))}
		client := start(t, r, over(network, gennostr.WithRelays(relay.URL()),
			gennostr.WithReadLimit(math.MaxInt64), gennostr.WithMailboxBudget(math.MaxInt64), gennostr.WithMailboxLimit(most),
			gennostr.WithMaxDials(most), gennostr.WithMaxTasks(most), gennostr.WithVerifyWorkers(most), gennostr.WithSendQueue(most),
			gennostr.WithMaxTags(most), gennostr.WithMaxAttempts(most), gennostr.WithForgeryLimit(most),
			gennostr.WithMessageTimeout(ever), gennostr.WithHandshakeTimeout(ever), gennostr.WithWriteTimeout(ever),
			gennostr.WithPing(ever, ever), gennostr.WithStableAfter(ever), gennostr.WithSlowCallback(ever), gennostr.WithCallTimeout(ever),
			gennostr.WithInitTimeout(ever), gennostr.WithHibernateAfter(ever), gennostr.WithShutdownTimeout(ever),
			gennostr.WithReconnectSchedule(time.Second, ever), gennostr.WithTask("never", ever, func(*gennostr.Self, gennostr.Relay) error { panic("never") }))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Send(relay.URL(), gennostr.PublishEvent{Event: events[0]}))
		time.Sleep(time.Second) // virtual
		relay.DisconnectAll()
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		assert.Len(t, r.Named("OnEvent"), 2+1+3, "before and after the cut")
		assert.Len(t, r.Named("OnOK"), 1)
		assert.Equal(t, 1, len(r.Named("OnDisconnect")))
		require.NoError(t, client.Stop(t.Context()))
	})
}

// ask sends a message to each relay that is connected.
func ask(m gennostr.ClientMessage) func(*gennostr.Self, note) error {
	return func(self *gennostr.Self, n note) error {
		if n.Name == "OnConnect" {
			self.Send(n.Relay.URL, m)
		}
		return nil
	}
}
