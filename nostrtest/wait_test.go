package nostrtest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestWaitEventReturnsWhatAClientHasPublishedBeforeOrAfterTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		relay.Publish(nostrtest.TextNote(nostrtest.Key(9), "a test's own does not count"))
		first := nostrtest.TextNoteAt(10, nostrtest.Key(1), "first")
		c.ask("EVENT", first)
		got, err := relay.WaitEvent(t.Context(), nostr.Filter{})
		require.NoError(t, err)
		assert.Equal(t, first, got)

		second := nostrtest.Event(nostrtest.Key(1), 20000, "ephemeral")
		time.AfterFunc(time.Minute, func() {
			c.send("EVENT", first)
			c.send("EVENT", second)
		})
		both, err := relay.WaitEvents(t.Context(), 2, nostr.Filter{})
		require.NoError(t, err)
		assert.Equal(t, []*nostr.Event{first, second}, both, "different ones, in order of arrival")
	})
}

func TestWaitSaysWhatTheRelayHasReceivedInstead(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := relay.WaitEvent(ctx, nostr.Filter{}.WithKinds(7))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "no message on 0 connections")

		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "a", nostr.Filter{})
		c.ask("REQ", "b", nostr.Filter{})
		c.sendRaw("nonsense")
		c.got()
		_, err = relay.WaitEvent(ctx, nostr.Filter{}.WithKinds(7))
		assert.ErrorContains(t, err, `{"kinds":[7]}`)
		assert.ErrorContains(t, err, "2 REQ, 1 malformed on 1 connections")
	})
}

func TestWaitRequestReturnsOnceTheSubscriptionIsOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		for i := range 20 {
			id := fmt.Sprint(i)
			c.send("REQ", id, nostr.Filter{}.WithKinds(nostr.Kind(20000+i)))
			request, err := relay.WaitRequest(t.Context(), func(r nostrtest.Request) bool { return r.SubscriptionID == id })
			require.NoError(t, err)
			assert.Equal(t, 1, request.Connection)
			event := nostrtest.Event(nostrtest.Key(1), nostr.Kind(20000+i), "pushed, not stored")
			relay.Publish(event)
			assert.Equal(t, append(stored(id), events(id, event)...), c.got())
		}
		assert.Len(t, relay.Requests(), 20)
	})
}

func TestWaitForAsksAgainAfterEveryChange(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		time.AfterFunc(time.Second, func() { c.send("REQ", "s", nostr.Filter{}) })
		require.NoError(t, relay.WaitFor(t.Context(), func() bool { return len(relay.Subscriptions()) == 1 }))
		time.AfterFunc(time.Second, func() { c.send("CLOSE", "s") })
		require.NoError(t, relay.WaitFor(t.Context(), func() bool { return len(relay.Subscriptions()) == 0 }))
		time.AfterFunc(time.Second, c.cut)
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		time.AfterFunc(time.Second, relay.Close)
		_, err := relay.WaitConnection(context.Background(), 2)
		require.ErrorIs(t, err, nostrtest.ErrClosed)
	})
}

func TestReceivedShowsMessagesAsTheyCame(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		a, b := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		note := nostrtest.TextNote(nostrtest.Key(1), "x")
		at := time.Now()
		a.ask("EVENT", note)
		time.Sleep(time.Second)
		b.sendRaw(` ["REQ", "s", {"kinds":[1]}, {"#t":["x"]}]`)
		b.got()
		b.ask("COUNT", "n", nostr.Filter{})
		a.sendRaw(`nonsense`)
		a.got()
		a.sendRaw(`["NEG-OPEN","neg",{"kinds":[1]},"61"]`)
		a.got()
		got := relay.Received()
		require.Len(t, got, 5)
		assert.Equal(t, nostrtest.Message{Connection: 1, Time: at, Frame: frame("EVENT", note), Verb: "EVENT", Event: note}, got[0])
		filters := []nostr.Filter{nostr.Filter{}.WithKinds(1), nostr.Filter{}.WithTag("t", "x")}
		assert.Equal(t, nostrtest.Message{Connection: 2, Time: at.Add(time.Second), Frame: ` ["REQ", "s", {"kinds":[1]}, {"#t":["x"]}]`,
			Verb: "REQ", SubscriptionID: "s", Filters: filters}, got[1])
		assert.Equal(t, "COUNT", got[2].Verb)
		assert.Error(t, got[3].Err)
		assert.Equal(t, "nonsense", got[3].Frame)
		assert.Equal(t, "neg", got[4].SubscriptionID)
		assert.Equal(t, []nostrtest.Request{{Connection: 2, Time: at.Add(time.Second), Verb: "REQ", SubscriptionID: "s", Filters: filters}}, relay.Requests())
	})
}

func TestConnectionViewShowsTheHandshake(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		at := time.Now()
		dial(t, network.HTTPClient(), home+"/inbox/")
		time.Sleep(time.Minute)
		conn, err := relay.WaitConnection(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, home+"/inbox", conn.URL)
		assert.Equal(t, "client:1", conn.RemoteAddr)
		assert.Equal(t, "websocket", conn.Header.Get("Upgrade"))
		assert.Equal(t, at, conn.ConnectedAt)
		assert.True(t, conn.Open())
		_, ok := relay.Connection(2)
		assert.False(t, ok)
	})
}

func TestHistoryForgetsTheOldest(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		for i := range 8 {
			c.ask("REQ", fmt.Sprint(i), nostr.Filter{})
			kept := relay.Requests()
			assert.Len(t, kept, min(i+1, 3))
			assert.Equal(t, fmt.Sprint(i), kept[len(kept)-1].SubscriptionID)
		}
		_, err := relay.WaitRequest(t.Context(), func(r nostrtest.Request) bool { return r.SubscriptionID == "5" })
		require.NoError(t, err)
	}, nostrtest.WithHistory(3))
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("s"), c.ask("REQ", "s", nostr.Filter{}))
		assert.Empty(t, relay.Received())
		_, ok := relay.Connection(1)
		assert.False(t, ok)
		assert.Len(t, relay.Connections(), 1)
	}, nostrtest.WithHistory(0))
}

func TestManyWaitersAreAllWoken(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		woken := make(chan error, 50)
		for range cap(woken) {
			go func() {
				_, err := relay.WaitMessage(context.Background(), nil)
				woken <- err
			}()
		}
		synctest.Wait()
		dial(t, network.HTTPClient(), home).send("CLOSE", "s")
		for range cap(woken) {
			require.NoError(t, <-woken)
		}
	})
}

// Whoever has the answer to a message finds the message among those that the relay has received.
func TestAnAnswerComesAfterWhatTheViewsShow(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, relay.URL(), nil)
	require.NoError(t, err)
	defer func() { _ = ws.CloseNow() }()
	for n := range 500 {
		require.NoError(t, ws.Write(ctx, websocket.MessageText, []byte(`["REQ","one",{"kinds":[1]}]`)))
		_, answer, err := ws.Read(ctx)
		require.NoError(t, err)
		require.Equal(t, `["EOSE","one"]`, string(answer))
		require.Equal(t, n+1, len(relay.Requests()))
	}
}
