package nostrtest_test

import (
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestPublishTakesForgedEventsAndFollowsTheRulesOfStorage(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "s", nostr.Filter{})
		forged := nostrtest.TextNote(nostrtest.Key(1), "signed")
		forged.Content = "something else"
		relay.Publish(forged, forged)
		want := forged.Clone()
		assert.Equal(t, events("s", forged), c.got(), "once")
		forged.Content = "changed after the call"
		assert.Equal(t, []*nostr.Event{want}, relay.Events())
		assert.Empty(t, relay.Accepted())
	})
}

func TestPublishWorksOnAStoppedRelay(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Stop()
		note := nostrtest.TextNote(nostrtest.Key(1), "while you were out")
		relay.Publish(note)
		require.NoError(t, relay.Restart())
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("s", note), c.ask("REQ", "s", nostr.Filter{}))
	})
}

func TestPushReachesMatchingSubscriptionsAndStoresNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "notes", nostr.Filter{}.WithKinds(1))
		c.ask("REQ", "reactions", nostr.Filter{}.WithKinds(7))
		note := nostrtest.TextNote(nostrtest.Key(1), "x")
		relay.Push(note, note)
		assert.Equal(t, events("notes", note, note), c.got())
		assert.Empty(t, relay.Events())
	})
}

func TestInjectSendsFramesExactlyAsGiven(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		a, b := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		assert.Equal(t, 2, relay.Inject(`["EVENT",`))
		assert.Equal(t, 1, relay.Inject(" [ ] \n", 2))
		assert.Equal(t, 0, relay.Inject("x", 7))
		relay.Inject("")
		assert.Equal(t, []string{`["EVENT",`, ""}, a.got())
		assert.Equal(t, []string{`["EVENT",`, " [ ] \n", ""}, b.got())
		assert.Equal(t, 1, relay.Notice("be \"nice\"", 1))
		assert.Equal(t, []string{`["NOTICE","be \"nice\""]`}, a.got())
	})
}

func TestP30CloseSubscriptionSendsClosedBehindWhatIsQueued(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		a, b := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		a.ask("REQ", "s", nostr.Filter{})
		b.ask("REQ", "s", nostr.Filter{})
		a.ask("REQ", "other", nostr.Filter{})
		note := nostrtest.TextNote(nostrtest.Key(1), "x")
		relay.Publish(note)
		assert.Equal(t, 2, relay.CloseSubscription("s", "error: shutting down"))
		assert.Equal(t, 0, relay.CloseSubscription("s", "again"))
		assert.Equal(t, append(events("s", note), append(events("other", note), `["CLOSED","s","error: shutting down"]`)...), a.got())
		assert.Len(t, relay.Subscriptions(), 1)
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "y"))
		assert.Len(t, b.got(), 2, "nothing after CLOSED")
	})
}

func TestDisconnectCutsTheGivenConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		a, b, c := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		assert.Equal(t, 0, relay.Disconnect())
		assert.Equal(t, 1, relay.Disconnect(2, 9))
		require.Error(t, b.ended())
		assert.Equal(t, websocket.StatusCode(-1), websocket.CloseStatus(b.ended()), "no close frame")
		assert.NoError(t, a.ended())
		assert.Equal(t, 2, relay.DisconnectAll())
		require.Error(t, a.ended())
		require.Error(t, c.ended())
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
	})
}

func TestCloseConnectionSendsACloseFrame(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.True(t, relay.CloseConnection(1, 4000, "your own fault"))
		assert.Equal(t, websocket.StatusCode(4000), websocket.CloseStatus(c.ended()))
		assert.False(t, relay.CloseConnection(1, 1000, ""))
	})
}
