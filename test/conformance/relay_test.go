package conformance_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The second half of the behaviours: supervision, the registry and the relay
// verbs (R44–R57). TestConformance runs them.
var conformanceRelays = []row{
	{"R44", "one_for_one: a panic over relay A's bytes leaves relay B's stream without a gap", testR44},
	{"R45", "a network end waits for the schedule; a recovered panic restarts at once and is counted", testR45},
	{"R46", "the fourth panic within 5 s removes the relay; at 0, 2, 4 and 6 s it does not", testR46},
	{"R47", "Service starts with fresh state; a relay's restart is OnError, OnDisconnect, OnConnect", testR47},
	{"R48", "one shared deadline: close frames to all at once, then sockets are cut and user code is named", testR48},
	{"R49", "one connection per normalised URL, whoever adds it, however spelled", testR49},
	{"R50", "AddRelay does not wait for the dial; it is legal in Init and in every callback", testR50},
	{"R51", "a known URL is ErrRelayExists, WithRelays merges, in its OnDisconnect it can be added", testR51},
	{"R52", "unknown relays: ErrUnknownRelay outside, *SendError to OnError inside; RemoveRelay cancels a reconnect", testR52},
	{"R53", "every end of a connection is told once, OnError and OnDisconnect the same value", testR53},
	{"R54", "500 ms, 1, 5, 10, 30, 30 s …; one timer per URL; reset by a stable link; manual the same", testR54},
	{"R55", "two clients on one relay in one process are independent", testR55},
	{"R56", "each verb reaches its callback, whatever the white space; unknown ones HandleInfo or the debug log", testR56},
	{"R57", "tasks run on the client's goroutine while connected; replaced by name, 0 disables; trim", testR57},
}

// spellings are ways to write wss://a.example/ (L19).
var spellings = []string{
	"wss://a.example", "wss://a.example/", "WSS://a.example", "wss://A.Example", "wss://a.example:443", "wss://a.example:443/",
	"wss://a.example//", "wss://a.example///", " wss://a.example ", "wss://a.example.", "wss://a.example/./", "wss://a.example?",
}

func testR49(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		client := kit.Start(t, &kit.Recorder{}, kit.Over(network)...)
		for round, add := range map[string]func(string) error{
			"AddRelay": func(url string) error { return client.AddRelay(url) },
			"EnsureRelay": func(url string) error {
				added, err := client.EnsureRelay(url)
				if err == nil && !added {
					return gennostr.ErrRelayExists
				}
				return err
			},
		} {
			before := relay.ConnectionCount()
			var won, exists atomic.Int32
			var adding sync.WaitGroup
			for i := range 20 * len(spellings) {
				adding.Go(func() {
					switch err := add(spellings[i%len(spellings)]); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, gennostr.ErrRelayExists):
						exists.Add(1)
					}
				})
			}
			adding.Wait()
			assert.EqualValues(t, 1, won.Load(), round)
			assert.EqualValues(t, 20*len(spellings)-1, exists.Load(), round)
			time.Sleep(time.Minute) // virtual
			synctest.Wait()
			assert.Equal(t, before+1, relay.ConnectionCount(), round)
			require.Len(t, client.Relays(), 1)
			assert.Equal(t, "wss://a.example/", client.Relays()[0].URL)
			for _, spelling := range spellings {
				_, known := client.Relay(spelling)
				assert.True(t, known, "%q", spelling)
			}
			require.NoError(t, client.RemoveRelay("WSS://a.example:443//"), "removed by any spelling too")
			synctest.Wait()
		}
	})
}

func testR50(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		added := map[string]time.Duration{}
		h := kit.NewBot(nil)
		h.On = func(self *gennostr.Self, n kit.Note) error {
			if !strings.HasPrefix(n.Relay.URL, "wss://a.example") && n.Relay.URL != "" {
				return nil
			}
			if _, done := added[n.Name]; !done {
				url := "wss://" + strings.ToLower(n.Name) + ".hanging.example"
				network.HoldDials(url)
				began := time.Now()
				assert.NoError(t, self.AddRelay(url), n.Name)
				added[n.Name] = time.Since(began)
			}
			switch n.Name {
			case "Init":
				return self.AddRelay(relay.URL())
			case "OnConnect":
				self.Send(relay.URL(), kit.Everything("all"))
				self.Send(relay.URL(), gennostr.CountReq{SubscriptionID: "n", Filters: []nostr.Filter{{}}})
				self.Send(relay.URL(), gennostr.PublishEvent{Event: kit.TextNotes(1)[0]})
				self.Continue("on")
			case "HandleCall":
				return n.Msg.(kit.Asked).From.Reply(nil)
			}
			return nil
		}
		client := kit.Start(t, h, kit.Over(network, gennostr.WithManualReconnect(), gennostr.WithTask("tick", time.Second, func(self *gennostr.Self, r gennostr.Relay) error {
			return h.Note(self, "task", r, nil)
		}))...)
		_, err := client.Call(t.Context(), "call")
		require.NoError(t, err)
		require.NoError(t, client.Cast("cast"))
		require.NoError(t, client.Notify("info"))
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		relay.Notice("n")
		relay.RequestAuth()
		relay.CloseSubscription("all", "error: over")
		time.Sleep(2 * time.Second) // virtual
		synctest.Wait()
		relay.DisconnectAll()
		synctest.Wait()

		began := time.Now()
		assert.NoError(t, client.AddRelay("wss://outside.hanging.example"))
		added["outside"] = time.Since(began)
		require.NoError(t, client.Stop(t.Context()))
		for _, callback := range []string{
			"Init", "OnConnect", "OnEvent", "OnEOSE", "OnOK", "OnCount", "OnNotice", "OnAuth", "OnClosed", "OnError", "OnDisconnect",
			"HandleCall", "HandleCast", "HandleInfo", "HandleContinue", "task", "Terminate", "outside",
		} {
			took, ran := added[callback]
			assert.True(t, ran, "%s did not run", callback)
			assert.Zero(t, took, "AddRelay in %s waited", callback)
		}
	})
}

func testR51(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		network.HoldDials("wss://b.example")
		var inside []error
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Relay.URL != "wss://a.example/" {
				return nil
			}
			inside = append(inside, self.AddRelay(n.Relay.URL))
			if n.Name == "OnDisconnect" {
				added, err := self.EnsureRelay(n.Relay.URL)
				assert.NoError(t, err)
				assert.False(t, added, "once is enough")
				inside = append(inside, self.AddRelay(n.Relay.URL))
			}
			return nil
		}}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example", "WSS://A.example:443/", "wss://a.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Len(t, client.Relays(), 1, "duplicates of WithRelays merge")

		err := client.AddRelay("wss://A.EXAMPLE")
		assert.ErrorIs(t, err, gennostr.ErrRelayExists)
		assert.ErrorContains(t, err, "wss://a.example/", "the error says which")
		for url, want := range map[string]bool{"wss://A.EXAMPLE": false, "wss://b.example": true} {
			added, err := client.EnsureRelay(url)
			assert.NoError(t, err)
			assert.Equal(t, want, added, url)
		}
		assert.ErrorIs(t, client.AddRelay("wss://b.example"), gennostr.ErrRelayExists, "dialling is there too")

		require.NoError(t, client.RemoveRelay("wss://a.example"))
		synctest.Wait()
		assert.Equal(t, []string{"OnConnect", "OnDisconnect", "OnConnect"}, kit.NamesOf(kit.OfRelay(r.All(), "wss://a.example/")))
		require.Len(t, inside, 4)
		assert.ErrorIs(t, inside[0], gennostr.ErrRelayExists, "in OnConnect")
		assert.NoError(t, inside[1], "in OnDisconnect")
		assert.ErrorIs(t, inside[2], gennostr.ErrRelayExists, "in OnDisconnect, again")
		assert.ErrorIs(t, inside[3], gennostr.ErrRelayExists, "in OnConnect")
		assert.Equal(t, 2, relay.ConnectionCount(), "removed and added: dialled at once")
	})
	t.Run("in the OnDisconnect of a lost connection", func(t *testing.T) {
		for _, opts := range [][]gennostr.Option{nil, {gennostr.WithManualReconnect()}, {gennostr.WithMaxAttempts(1)}} {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Stop()
				var dials []time.Duration
				began := time.Now()
				r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
					if n.Name == "OnDisconnect" {
						dials = append(dials, time.Since(began))
						assert.NoError(t, self.AddRelay(n.Relay.URL))
						assert.ErrorIs(t, self.AddRelay(n.Relay.URL), gennostr.ErrRelayExists)
					}
					return nil
				}}
				client := kit.Start(t, r, kit.Over(network, append(opts, gennostr.WithRelays(relay.URL()))...)...)
				time.Sleep(20 * time.Second) // virtual
				synctest.Wait()
				const s = time.Second
				assert.Equal(t, []time.Duration{0, s / 2, s/2 + s, s/2 + 6*s, s/2 + 16*s}, dials, "it keeps its place in the schedule (L07)")
				assert.Len(t, client.Relays(), 1)
				kit.Grammar(t, r.All())
			})
		}
	})
	t.Run("with other options", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "OnDisconnect" {
					return self.AddRelay(n.Relay.URL, gennostr.WithHeader(http.Header{"X-Second": {"yes"}}), gennostr.WithTrustedRelay())
				}
				return kit.Streamer(self, n)
			}}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.DisconnectAll()
			time.Sleep(time.Second) // virtual
			synctest.Wait()
			second, connected := relay.Connection(2)
			require.True(t, connected)
			assert.Equal(t, "yes", second.Header.Get("X-Second"))
			relay.Push(kit.Forge(kit.TextNotes(1)[0]))
			synctest.Wait()
			assert.Len(t, r.Named("OnEvent"), 1, "trusted now")
			status, _ := client.Relay(relay.URL())
			assert.Equal(t, 2, status.Connects, "but it is the same relay")
		})
	})
}

func testR52(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		relay.Stop()
		message := gennostr.Close{SubscriptionID: "x"}
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
		synctest.Wait()

		assert.ErrorIs(t, client.RemoveRelay("wss://unknown.example"), gennostr.ErrUnknownRelay)
		assert.ErrorIs(t, client.RemoveRelay("http://no.relay"), gennostr.ErrUnknownRelay)
		assert.ErrorIs(t, client.Reconnect("wss://unknown.example"), gennostr.ErrUnknownRelay)
		for url, why := range map[string]error{
			"wss://unknown.example": gennostr.ErrUnknownRelay, "no url": gennostr.ErrUnknownRelay, "wss://A.example:443": gennostr.ErrNotConnected,
		} {
			err := client.Send(url, message)
			assert.ErrorIs(t, err, why, url)
			var failed *gennostr.SendError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, message, failed.Message)
		}

		before := len(r.All())
		r.On = func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "HandleInfo" {
				self.RemoveRelay("wss://unknown.example") // nothing to do, and nothing to say
				self.Reconnect("wss://unknown.example")
				self.Send("wss://Unknown.example", message)
				self.Send("wss://A.example:443", message)
			}
			return nil
		}
		require.NoError(t, client.Notify("go"))
		synctest.Wait()
		failures := r.All()[before:]
		require.Equal(t, []string{"HandleInfo", "OnError", "OnError"}, kit.NamesOf(failures))
		for i, want := range []struct {
			url string
			why error
		}{{"wss://unknown.example/", gennostr.ErrUnknownRelay}, {"wss://a.example/", gennostr.ErrNotConnected}} {
			n := failures[i+1]
			var failed *gennostr.SendError
			require.ErrorAs(t, kit.ReasonOf(t, n), &failed)
			assert.ErrorIs(t, failed, want.why)
			assert.Equal(t, message, failed.Message, "it carries the message")
			assert.Equal(t, want.url, n.Relay.URL, "normalised, as every Relay.URL")
			assert.Equal(t, want.url, failed.URL)
		}

		// RemoveRelay while a reconnect is pending.
		status, _ := client.Relay(relay.URL())
		require.Equal(t, gennostr.RelayWaiting, status.State)
		require.NoError(t, client.RemoveRelay(relay.URL()))
		require.NoError(t, relay.Restart())
		time.Sleep(time.Hour) // virtual
		synctest.Wait()
		assert.Zero(t, relay.ConnectionCount(), "the pending reconnect is cancelled")
		assert.ErrorIs(t, client.RemoveRelay(relay.URL()), gennostr.ErrUnknownRelay)
		assert.ErrorIs(t, client.Send(relay.URL(), message), gennostr.ErrUnknownRelay)
	})
	t.Run("a relay on its way out is unknown", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			client := kit.Start(t, &kit.Recorder{}, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			network.Partition(relay.URL()) // the closing handshake takes its second
			require.NoError(t, client.RemoveRelay(relay.URL()))
			assert.ErrorIs(t, client.Send(relay.URL(), gennostr.Close{SubscriptionID: "x"}), gennostr.ErrUnknownRelay)
			assert.ErrorIs(t, client.RemoveRelay(relay.URL()), gennostr.ErrUnknownRelay)
			assert.ErrorIs(t, client.Reconnect(relay.URL()), gennostr.ErrUnknownRelay)
			assert.Empty(t, client.Relays())
		})
	})
}

func testR55(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		first, second := &kit.Recorder{On: kit.Streamer}, &kit.Recorder{On: kit.Streamer}
		one := kit.Start(t, first, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, one.Ready(t.Context(), 1))
		two := kit.Start(t, second, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, two.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, 2, relay.ConnectionCount(), "a connection each")
		events := kit.TextNotes(4)
		relay.Publish(events[0])
		synctest.Wait()

		relay.Disconnect(1) // the first's
		synctest.Wait()
		relay.Publish(events[1])
		require.NoError(t, one.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Len(t, first.Named("OnDisconnect"), 1)
		assert.Empty(t, second.Named("OnDisconnect"))
		require.NoError(t, one.RemoveRelay(relay.URL()))
		synctest.Wait()
		relay.Publish(events[2])
		require.NoError(t, one.Stop(t.Context()))
		relay.Publish(events[3])
		synctest.Wait()
		assert.Equal(t, []string{"note 0", "note 1", "note 2", "note 3"}, kit.Contents(second.All(), "wss://a.example/"))
		assert.Empty(t, second.Named("OnError"))
		assert.NotContains(t, kit.Contents(first.All(), "wss://a.example/"), "note 2")
	})
}
