package gennostr_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		client := launch(t, &base{}, over(network, logged.Option(), gennostr.WithRelays(url))...)
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
		assert.Empty(t, logged.Lines("WARN"))
		assert.Len(t, logged.Lines("DEBUG"), 2, "COUNT and the unknown verb have no taker")

		relay.CloseSubscription("all", "error: tired")
		synctest.Wait()
		require.Len(t, logged.Lines("WARN"), 1, "a CLOSED is never silent")
		assert.Contains(t, logged.Lines("WARN")[0], "error: tired")
		assert.Contains(t, logged.Lines("WARN")[0], "relay="+url)
		relay.DisconnectAll()
		synctest.Wait()
		assert.Len(t, logged.Lines("WARN"), 2)
		require.NoError(t, client.Stop(t.Context()))
		assert.Empty(t, logged.Lines("ERROR"))
	})
}

// The orders of callbacks that the documentation of Handler gives, those without a connection.
func TestCallbacksOfARelayThatIsNotConnected(t *testing.T) {
	const url = "wss://a.example/"
	tell := func(r *recorder) (list []string) {
		for _, n := range r.All() {
			list = append(list, strings.TrimSpace(n.Name+" "+kindOfNote(n)))
		}
		return list
	}
	for name, c := range map[string]struct {
		prepare func(network *nostrtest.Network)
		want    []string
	}{
		"removed while it is dialled": {func(n *nostrtest.Network) { n.NewRelay(url); n.HoldDials(url) },
			[]string{"OnError send", "OnDisconnect removed"}},
		"removed between two dials": {func(n *nostrtest.Network) { n.NewRelay(url).Stop() },
			[]string{"OnError dial", "OnDisconnect dial", "OnError send", "OnDisconnect removed"}},
	} {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			c.prepare(network)
			r := &recorder{On: func(self *gennostr.Self, n note) error {
				if n.Name == "HandleInfo" {
					self.Send(url, tag(1))
				}
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(url), gennostr.WithReconnectSchedule(time.Hour))...)
			synctest.Wait()
			require.NoError(t, client.Notify(nil))
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			synctest.Wait()
			assert.Equal(t, c.want, slices.DeleteFunc(tell(r), func(s string) bool { return s == "HandleInfo" }), name)
		})
	}
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(url)
		network.HoldDials(url)
		r := &recorder{}
		r.On = func(self *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				self.Send(url, tag(1))
			}
			return nil
		}
		client := start(t, r, over(network, gennostr.WithRelays(url))...)
		require.NoError(t, client.Notify(nil))
		synctest.Wait()
		network.ReleaseDials(url)
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, []string{"HandleInfo", "OnError send", "OnConnect"}, tell(r), "a SendError is outside of the order")
	})
}

// kindOfNote is the error of a note, in a word.
func kindOfNote(n note) string {
	err, _ := n.Msg.(error)
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(*gennostr.SendError)):
		return "send"
	case errors.As(err, new(*gennostr.DialError)):
		return "dial"
	case errors.Is(err, gennostr.ErrRelayRemoved):
		return "removed"
	}
	return err.Error()
}

// An event comes once for each request that asked for it, and again after a reconnect.
func TestOnEventSeesAnEventOncePerRequestAndAgainAfterAReconnect(t *testing.T) {
	ask := func(self *gennostr.Self, n note) error {
		if n.Name == "OnConnect" {
			self.Send(n.Relay.URL, everything("one"))
			self.Send(n.Relay.URL, everything("two"))
		}
		return nil
	}
	onStage(t, ask, func(t *testing.T, s stage) {
		s.Relay.Publish(textNotes(1)[0])
		synctest.Wait()
		assert.Len(t, s.Events(), 2)
		s.Relay.DisconnectAll()
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		assert.Len(t, s.Events(), 4)
	})
}

// careless is a bot whose HandleCast fails.
type careless struct{ base }

func (*careless) HandleCast(*self, any) error { return errors.New("broken") }

func TestBaseHandlerLogsWhatConcernsNoRelay(t *testing.T) {
	var logged journal
	client := launch(t, &careless{}, logged.Option(), gennostr.WithName("careless"))
	require.NoError(t, client.Cast(nil))
	require.NoError(t, client.Stop(t.Context()))
	require.Len(t, logged.Lines("WARN"), 1)
	assert.Contains(t, logged.Lines("WARN")[0], "HandleCast: broken")
	assert.NotContains(t, logged.Lines("WARN")[0], "relay=")
	assert.Contains(t, logged.Lines("WARN")[0], "client=careless")
}

func TestRelayReadsAsItsURL(t *testing.T) {
	assert.Equal(t, "wss://a.example/", gennostr.Relay{URL: "wss://a.example/", Attempts: 3}.String())
	assert.Equal(t, gennostr.Relay{URL: "wss://a.example/"}, gennostr.Relay{URL: "wss://a.example/"}, "comparable")
}
