package subscriptions_test

import (
	"context"
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

// A handler that is stuck, with its relay's window full, delays nobody on another relay.
func TestABlockedHandlerDelaysNoOutsideSubscriberOfAnotherRelay(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		full, other := network.NewRelay("ws://full.example"), network.NewRelay("ws://other.example")
		full.Publish(plains(3000, time.Second)...)
		stuck := make(chan struct{})
		bot := listensTo(textNotes, gennostr.On(full.URL()))
		bot.onEvent = func(*gennostr.Self, gennostr.EventMessage) error { <-stuck; return nil }
		client := plainly(t, bot, network, []string{full.URL(), other.URL()})
		sub, err := client.Subscribe(t.Context(), textNotes, gennostr.On(other.URL()))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		synctest.Wait()
		next, stop := pull(sub)
		defer stop()
		for i := range 100 {
			other.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i)))
			began := time.Now()
			assert.Equal(t, fmt.Sprint(i), next().Content)
			assert.Less(t, time.Since(began), 10*time.Millisecond)
		}
		close(stuck)
	})
}

// pull gives the events of a subscription one by one.
func pull(sub *gennostr.Subscription) (next func() *nostr.Event, stop func()) {
	events := make(chan *nostr.Event)
	taken := make(chan struct{})
	over := make(chan struct{})
	go func() { // ends with the subscription, or by stop
		defer close(over)
		for m := range sub.Events() {
			events <- m.Event
			<-taken
		}
	}()
	return func() *nostr.Event {
			e := <-events
			taken <- struct{}{}
			return e
		}, func() {
			sub.Close()
			<-over
		}
}

// A reader that is slow is parked, its neighbour on the same socket goes on, and in
// the end both have had everything, in a buffer that never grew far.
// Shows D10, B18.
func TestASlowOutsideSubscriberIsParkedAndLosesNothing(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		bot := listensTo(textNotes)
		client := plainly(t, bot, network, []string{relayURL})
		slow, err := client.Subscribe(t.Context(), textNotes, gennostr.WithBuffer(50))
		require.NoError(t, err)
		waitLive(t, client, 1)
		events := make([]*nostr.Event, 1000)
		for i := range events {
			events[i] = plain(nostr.Now(), 1, fmt.Sprint(i))
			relay.Publish(events[i])
			time.Sleep(time.Millisecond)
			assert.LessOrEqual(t, slow.Status().Waiting, 60)
		}
		kit.WaitUntil(t, "the neighbour", func() bool { return bot.count() == 1000 })
		assert.Equal(t, gennostr.SubscriptionParked, slow.Status().Relays[0].State)
		heard := map[nostr.ID]int{}
		for m := range slow.Events() {
			if heard[m.Event.ID]++; len(heard) == 1000 {
				break
			}
		}
		for _, e := range events {
			assert.Equal(t, 1, heard[e.ID])
		}
		bot.eachOnce(t, events)
	})
}

// What a first load brings beyond the buffer is asked for page by page.
// Shows D10.
func TestASlowOutsideSubscriberIsServedPageByPage(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithLimits(nostrtest.Limits{Limit: 50}))
		relay.Publish(plains(1000, time.Second)...)
		client := plainly(t, listensTo(topic(1)), network, []string{relayURL})
		all := []nostr.Filter{textNotes[0].WithSince(nostr.Now() - 5000)}
		slow, err := client.Subscribe(t.Context(), all, gennostr.WithBuffer(100))
		require.NoError(t, err)
		heard := map[nostr.ID]int{}
		for m := range slow.Events() {
			time.Sleep(time.Millisecond)
			assert.LessOrEqual(t, slow.Status().Waiting, 110)
			if heard[m.Event.ID]++; len(heard) == 1000 {
				break
			}
		}
		for id, n := range heard {
			require.Equal(t, 1, n, id)
		}
		assert.LessOrEqual(t, len(relay.Requests()), 40, "none is started over")
	})
}

// Shows L09.
func TestDropOldestKeepsTheNewestAndCounts(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		client := start(t, nil, network, []string{relayURL})
		sub, err := client.Subscribe(t.Context(), textNotes, gennostr.WithBuffer(10), gennostr.DropOldest())
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		events := notes("n", 100)
		relay.Publish(events...)
		synctest.Wait()
		var got []string
		dropped := 0
		for m := range sub.All() {
			dropped += m.Dropped
			if m.Event == nil {
				continue
			}
			if got = append(got, m.Event.Content); m.Event.ID == events[99].ID {
				break
			}
		}
		assert.Len(t, got, 10)
		assert.Equal(t, 90, dropped)
	})
}

func TestAnOutsideSubscriptionEndsWithItsContextAndWithTheClient(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		client := kit.Launch(t, nil, kit.Over(network, gennostr.WithRelays(relayURL), kit.Quietly())...)
		ctx, cancel := context.WithCancel(background)
		first, err := client.Subscribe(ctx, textNotes)
		require.NoError(t, err)
		second, err := client.Subscribe(background, textNotes)
		require.NoError(t, err)
		waitLive(t, client, 1)
		require.Len(t, relay.Subscriptions(), 2)
		ended := make(chan error, 2)
		for _, sub := range []*gennostr.Subscription{first, second} {
			go func() { // ends with the subscription; joined below
				for range sub.Events() {
				}
				ended <- sub.Err()
			}()
		}
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		synctest.Wait()
		assert.Len(t, relay.Subscriptions(), 1)
		require.NoError(t, client.Stop(background))
		assert.ErrorIs(t, <-ended, gennostr.ErrClientClosed)
		_, err = client.Subscribe(background, textNotes)
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
	})
}

// 5,000 events that are held: what they take stays within the window, and an OK on
// that relay still comes within a second.
func TestFiveThousandHeldMessages(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		events := plains(5000, time.Second)
		relay.Publish(events...)
		var releases []func()
		bot := &holder{listener: listensTo(textNotes), oks: make(chan time.Time, 1)}
		bot.onEvent = func(self *gennostr.Self, _ gennostr.EventMessage) error {
			releases = append(releases, self.Hold())
			return nil
		}
		client := plainly(t, bot, network, []string{relayURL})
		synctest.Wait()
		time.Sleep(time.Second)
		assert.LessOrEqual(t, bot.count(), 2048, "as many as the window has")
		began := time.Now()
		require.NoError(t, client.Send(relayURL, gennostr.PublishEvent{Event: nostrtest.TextNote(nostrtest.Key(3), "published")}))
		assert.Less(t, (<-bot.oks).Sub(began), time.Second)
		for bot.count() < 5000+1 {
			require.NoError(t, client.Notify(nil))
			synctest.Wait()
			_, err := client.Call(background, func() {
				for _, release := range releases {
					release()
				}
				releases = nil
			})
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
		bot.eachOnce(t, events)
	})
}

type holder struct {
	*listener
	oks chan time.Time
}

func (h *holder) OnOK(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error {
	h.oks <- time.Now()
	return nil
}

func (h *holder) HandleCall(_ *gennostr.Self, from gennostr.From, request any) error {
	request.(func())()
	return from.Reply(nil)
}
