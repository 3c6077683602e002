package gennostr_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

type (
	base = gennostr.BaseHandler
	self = gennostr.Self
)

// A BaseHandler lets everything pass and logs what is a problem.
func TestBaseHandlerIsSilentButForProblems(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const url = "wss://a.example/"
		relay := network.NewRelay(url)
		event := textNotes(1)[0]
		relay.Publish(event)
		var logged journal
		client := launch(t, &base{}, over(network, logged.option(), gennostr.WithRelays(url))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, msg := range []gennostr.ClientMessage{
			everything("all"), gennostr.PublishEvent{Event: event},
			gennostr.CountReq{SubscriptionID: "count", Filters: everything("").Filters},
		} {
			require.NoError(t, client.Send(url, msg))
		}
		relay.Notice("notice")
		relay.RequestAuth()
		relay.Inject(`["NEWS","of an unknown verb"]`)
		synctest.Wait()
		assert.Empty(t, logged.lines("WARN"))
		assert.Len(t, logged.lines("DEBUG"), 2, "COUNT and the unknown verb have no taker")

		relay.CloseSubscription("all", "error: tired")
		synctest.Wait()
		require.Len(t, logged.lines("WARN"), 1, "a CLOSED is never silent")
		assert.Contains(t, logged.lines("WARN")[0], "error: tired")
		assert.Contains(t, logged.lines("WARN")[0], "relay="+url)
		relay.DisconnectAll()
		synctest.Wait()
		assert.Len(t, logged.lines("WARN"), 2)
		require.NoError(t, client.Stop(t.Context()))
		assert.Empty(t, logged.lines("ERROR"))
	})
}

// careless is a bot whose HandleCast fails.
type careless struct{ base }

func (*careless) HandleCast(*self, any) error { return errors.New("broken") }

func TestBaseHandlerLogsWhatConcernsNoRelay(t *testing.T) {
	var logged journal
	client := launch(t, &careless{}, logged.option(), gennostr.WithName("careless"))
	require.NoError(t, client.Cast(nil))
	require.NoError(t, client.Stop(t.Context()))
	require.Len(t, logged.lines("WARN"), 1)
	assert.Contains(t, logged.lines("WARN")[0], "HandleCast: broken")
	assert.NotContains(t, logged.lines("WARN")[0], "relay=")
	assert.Contains(t, logged.lines("WARN")[0], "client=careless")
}

func TestRelayReadsAsItsURL(t *testing.T) {
	assert.Equal(t, "wss://a.example/", gennostr.Relay{URL: "wss://a.example/", Attempts: 3}.String())
	assert.Equal(t, gennostr.Relay{URL: "wss://a.example/"}, gennostr.Relay{URL: "wss://a.example/"}, "comparable")
}
