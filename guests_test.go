package gennostr_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const guestURL = "wss://guest.example/"

func guestURLs(list []gennostr.RelayStatus) (urls []string) {
	for _, status := range list {
		urls = append(urls, status.URL)
	}
	return urls
}

// Shows D47.
func TestSubscriptionsOfOneGuestShareItsConnection(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(guestURL)
		relay.Publish(textNotes(3)...)
		r := &recorder{}
		client := start(t, r, over(network)...)
		first, err := client.Subscribe(t.Context(), allNotes, gennostr.On("wss://GUEST.example"))
		require.NoError(t, err)
		second, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
		require.NoError(t, err)
		for _, sub := range []*gennostr.Subscription{first, second} {
			require.NoError(t, sub.CaughtUp(t.Context(), 1))
			n := 0
			for m := range sub.All() {
				assert.True(t, m.Relay.Guest)
				assert.Equal(t, guestURL, m.Relay.URL)
				assert.Equal(t, "wss://GUEST.example", m.Relay.Address, "as it was written first")
				if n++; n == 4 {
					break
				}
			}
		}
		assert.Equal(t, 1, relay.ConnectionCount())
		guests := client.Guests()
		require.Len(t, guests, 1)
		assert.Equal(t, gennostr.RelayConnected, guests[0].State)
		assert.EqualValues(t, 1, guests[0].Connects)
		assert.Empty(t, r.All(), "no callback tells")
	})
}

// Shows D47.
func TestAGuestThatNobodyNeedsIsClosedAfterAWhile(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(guestURL)
		client := start(t, &recorder{}, over(network, gennostr.WithGuestIdle(10*time.Second))...)
		open := func() *gennostr.Subscription {
			sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
			require.NoError(t, err)
			require.NoError(t, sub.CaughtUp(t.Context(), 1))
			return sub
		}
		first, second := open(), open()
		first.Close()
		time.Sleep(time.Hour)
		require.Len(t, relay.Connections(), 1, "somebody needs it")
		second.Close()
		time.Sleep(9 * time.Second)
		assert.Equal(t, []string{guestURL}, guestURLs(client.Guests()))
		third := open()
		time.Sleep(time.Minute)
		require.Equal(t, 1, relay.ConnectionCount(), "it stayed, since it was needed again")
		third.Close()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		assert.Empty(t, relay.Connections())
		assert.Empty(t, client.Guests())
		assert.Zero(t, gennostr.EntriesKept(client))
		open()
		assert.Equal(t, 2, relay.ConnectionCount(), "and is dialled anew")
	})
}

// One that is not connected when nobody needs it any more is forgotten at once.
func TestAGuestThatIsNotConnectedGoesAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.HoldDials("wss://hangs.example")
		client := start(t, &recorder{}, over(network, gennostr.WithMaxDials(1))...)
		var subs []*gennostr.Subscription
		for _, url := range []string{"wss://hangs.example", "wss://nobody.example", "wss://hangs.example/second", "wss://hangs.example/third"} {
			sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(url))
			require.NoError(t, err)
			subs = append(subs, sub)
		}
		time.Sleep(1200 * time.Millisecond) // one is waiting by now, two hang, one is in the queue
		synctest.Wait()
		states := map[string]gennostr.RelayState{}
		for _, status := range client.Guests() {
			states[status.URL] = status.State
		}
		assert.Equal(t, gennostr.RelayWaiting, states["wss://nobody.example/"])
		assert.Len(t, states, 4)
		for _, sub := range subs {
			sub.Close()
		}
		synctest.Wait()
		assert.Empty(t, client.Guests())
		assert.Zero(t, gennostr.EntriesKept(client))
	})
}

func TestWhatIsForTheClientsRelaysIsNotForGuests(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		guest, relay := network.NewRelay(guestURL), network.NewRelay("wss://added.example")
		ticks := 0
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithTask("tick", time.Second, func(_ *gennostr.Self, relay gennostr.Relay) error {
			assert.Equal(t, "wss://added.example/", relay.URL)
			ticks++
			return nil
		}))...)
		everywhere, err := client.Subscribe(t.Context(), allNotes)
		require.NoError(t, err)
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))

		assert.Empty(t, client.Relays())
		_, known := client.Relay(guestURL)
		assert.False(t, known)
		assert.ErrorIs(t, client.RemoveRelay(guestURL), gennostr.ErrUnknownRelay)
		assert.ErrorIs(t, client.Reconnect(guestURL), gennostr.ErrUnknownRelay)
		require.NoError(t, client.SetRelays(nil), "which removes no guest")
		assert.ErrorIs(t, client.Broadcast(everything("b")), gennostr.ErrNoRelay)
		ready := make(chan error, 1)
		go func() { ready <- client.Ready(t.Context(), 1) }()
		synctest.Wait()
		assert.Empty(t, ready)
		assert.Empty(t, everywhere.Status().Relays)

		require.NoError(t, client.AddRelay(relay.URL()))
		require.NoError(t, <-ready)
		time.Sleep(2500 * time.Millisecond)
		require.NoError(t, client.Broadcast(everything("b")))
		synctest.Wait()
		assert.Equal(t, 2, ticks)
		assert.Len(t, relay.Subscriptions(), 2, "the one of everywhere and the one of Broadcast")
		assert.Len(t, guest.Subscriptions(), 1)
		assert.Equal(t, []string{"OnConnect", "OnEOSE"}, r.Names())
		assert.Equal(t, []string{guestURL}, guestURLs(client.Guests()))
	})
}

// What the program itself asks of a guest comes as always, and Relay.Guest tells.
func TestSendReachesAGuest(t *testing.T) {
	r := &recorder{}
	h := guestHarness(t, r)
	require.NoError(t, h.Client().Send(guestURL, request("mine", ofKind(1))))
	note := aNote("hello")
	auth := nostrtest.TextNote(nostrtest.Key(2), "published")
	require.NoError(t, h.Deliver(guestURL, gennostr.EventMessage{SubscriptionID: "mine", Event: note}))
	require.NoError(t, h.Deliver(guestURL, gennostr.EOSEMessage{SubscriptionID: "mine"}))
	require.NoError(t, h.Deliver(guestURL, gennostr.NoticeMessage{Message: "n"}))
	require.NoError(t, h.Deliver(guestURL, gennostr.AuthMessage{Challenge: "c"}))
	require.NoError(t, h.Deliver(guestURL, gennostr.OKMessage{EventID: auth.ID, Accepted: true}))
	assert.Error(t, h.Receive(guestURL, "nonsense"), "refused frames are reported")
	assert.Equal(t, []string{"OnEvent", "OnEOSE", "OnNotice", "OnAuth", "OnOK", "OnError"}, r.Names())
	for _, n := range r.All() {
		assert.True(t, n.Relay.Guest, n.Name)
		assert.Equal(t, "wss://guest.example", n.Relay.Address)
	}
	require.NoError(t, h.Disconnect(guestURL, nil))
	assert.ErrorIs(t, h.Client().Send(guestURL, request("mine", ofKind(1))), gennostr.ErrNotConnected)
	assert.ErrorIs(t, h.Client().Send("wss://nobody.example", request("mine", ofKind(1))), gennostr.ErrUnknownRelay)
	assert.ErrorIs(t, h.Run(func(self *gennostr.Self) error {
		self.Send(guestURL, request("mine", ofKind(1)))
		return nil
	}), gennostr.ErrNotConnected)
	last := r.All()[len(r.All())-1]
	assert.Equal(t, "OnError", last.Name)
	assert.True(t, last.Relay.Guest)
}

// guestHarness has a guest that is connected, since a subscription needs it, and whose
// REQ has been sent.
func guestHarness(t *testing.T, handler gennostr.Handler, opts ...gennostr.Option) *gennostr.Harness {
	t.Helper()
	h, err := gennostr.NewHarness(handler, append([]gennostr.Option{quietly()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	_, err = h.Client().Subscribe(t.Context(), allNotes, gennostr.On("wss://guest.example"))
	require.NoError(t, err)
	require.NoError(t, h.Connect(guestURL))
	require.Len(t, h.Sent(), 1)
	return h
}

func TestAHarnessDrivesGuestsByHand(t *testing.T) {
	r := &subscriber{opts: []gennostr.SubscribeOption{gennostr.On(guestURL)}}
	h, err := gennostr.NewHarness(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.FailDial(guestURL, assert.AnError))
	require.NoError(t, h.FailDial(guestURL, assert.AnError))
	require.Len(t, r.changes, 1, "once until it is back")
	assert.Equal(t, gennostr.SubscriptionPending, r.changes[0].State)
	var dial *gennostr.DialError
	require.ErrorAs(t, r.changes[0].Err, &dial)
	assert.Equal(t, 1, dial.Failures)
	assert.ErrorIs(t, h.Client().Subscriptions()[0].Relays[0].Err, assert.AnError)

	require.NoError(t, h.Connect(guestURL))
	require.NoError(t, h.Client().Subscriptions()[0].Relays[0].Err)
	deliver := func(text string) {
		require.NoError(t, h.Deliver(guestURL, gennostr.EventMessage{SubscriptionID: "notes", Event: aNote(text)}))
	}
	deliver("stored")
	require.NoError(t, h.Deliver(guestURL, gennostr.EOSEMessage{SubscriptionID: "notes"}))
	require.NoError(t, h.Disconnect(guestURL, assert.AnError))
	require.NoError(t, h.FailDial(guestURL, assert.AnError))
	require.NoError(t, h.Connect(guestURL))
	deliver("stored")
	deliver("resumed")
	assert.Equal(t, []string{"stored", "resumed"}, r.heard)
	assert.Equal(t, []gennostr.Phase{gennostr.PhaseStored, gennostr.PhaseResumed}, r.phases)
	var states []gennostr.SubscriptionState
	for _, c := range r.changes {
		states = append(states, c.State)
	}
	assert.Equal(t, []gennostr.SubscriptionState{gennostr.SubscriptionPending, gennostr.SubscriptionLive, gennostr.SubscriptionPending}, states)
	assert.Empty(t, r.errs)

	require.NoError(t, h.Run(func(self *gennostr.Self) error { self.Unsubscribe("notes"); return nil }))
	require.NoError(t, h.Advance(29*time.Second))
	require.Len(t, h.Client().Guests(), 1)
	require.NoError(t, h.Advance(time.Second))
	assert.Empty(t, h.Client().Guests())
	assert.ErrorIs(t, h.Connect(guestURL), gennostr.ErrUnknownRelay)
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		assert.Empty(t, self.Guests())
		return self.Subscribe("notes", allNotes, gennostr.On(guestURL))
	}))
	require.NoError(t, h.Connect(guestURL))
	assert.Len(t, h.Client().Guests(), 1)
}

// Relays that Init names by On and that are added then, or are those of WithRelays, never
// were guests.
func TestARelayThatIsAddedIsNoGuestEvenIfInitHasNamedItFirst(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		a, b := network.NewRelay("wss://a.example"), network.NewRelay("wss://b.example")
		r := newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				require.NoError(t, self.Subscribe("notes", allNotes, gennostr.On(a.URL(), b.URL())))
				return self.AddRelay(b.URL())
			}
			return nil
		})
		client := start(t, r, over(network, gennostr.WithRelays(a.URL()))...)
		require.NoError(t, client.Ready(t.Context(), 2))
		synctest.Wait()
		assert.Equal(t, []int{1, 1}, []int{a.ConnectionCount(), b.ConnectionCount()})
		assert.Empty(t, client.Guests())
		grammar(t, withoutInit(r.All()))
		for _, n := range r.All() {
			assert.False(t, n.Relay.Guest)
		}
		assert.Len(t, r.Named("OnConnect"), 2)
		assert.Len(t, r.Named("OnEOSE"), 2)
	})
}

func withoutInit(notes []note) (list []note) {
	for _, n := range notes {
		if n.Name != "Init" {
			list = append(list, n)
		}
	}
	return list
}
