package gennostr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

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

// ofRelay returns the notes of one relay.
func ofRelay(notes []note, url string) (list []note) {
	for _, n := range notes {
		if n.Relay.URL == url {
			list = append(list, n)
		}
	}
	return list
}

// namesOf returns the callbacks' names.
func namesOf(notes []note) (list []string) {
	for _, n := range notes {
		list = append(list, n.Name)
	}
	return list
}

// reasonOf is the error in a note.
func reasonOf(t *testing.T, n note) error {
	t.Helper()
	err, ok := n.Msg.(error)
	require.True(t, ok, "%s without an error: %v", n.Name, n.Msg)
	return err
}

// sameEnd checks that the notes' last two are OnError and OnDisconnect with the
// same value, and returns it.
func sameEnd(t *testing.T, notes []note) error {
	t.Helper()
	require.GreaterOrEqual(t, len(notes), 2)
	end := notes[len(notes)-2:]
	require.Equal(t, []string{"OnError", "OnDisconnect"}, namesOf(end))
	assert.True(t, end[0].Msg == end[1].Msg, "OnError got %v, OnDisconnect %v", end[0].Msg, end[1].Msg)
	return reasonOf(t, end[1])
}

// tripwire is an HTTP client over a network whose connections panic on demand
// while they are read: on the goroutine that handles a relay's bytes, as a bug
// in our decoder would.
type tripwire struct {
	network *nostrtest.Network
	mu      sync.Mutex
	last    map[string]*trippedConn // by address
}

type trippedConn struct {
	net.Conn
	set atomic.Bool
}

func (c *trippedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.set.Load() {
		panic("the decoder has a bug")
	}
	return n, err
}

func newTripwire(network *nostrtest.Network) *tripwire {
	return &tripwire{network: network, last: make(map[string]*trippedConn)}
}

func (w *tripwire) option() gennostr.RelayOption {
	return gennostr.WithHTTPClient(&http.Client{Transport: &http.Transport{
		DialContext: w.dial, DialTLSContext: w.dial, DisableKeepAlives: true,
	}})
}

func (w *tripwire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := w.network.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[addr] = &trippedConn{Conn: conn}
	return w.last[addr], nil
}

// trip lets the next byte that arrives on the open connection to an address panic.
func (w *tripwire) trip(addr string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[addr].set.Store(true)
}

func testR44(t *testing.T) {
	for name, broken := range map[string]func(client *gennostr.Client, wire *tripwire){
		"in the transport": func(_ *gennostr.Client, wire *tripwire) { wire.trip("a.example:443") },
		"in the checks":    func(client *gennostr.Client, _ *tripwire) { gennostr.BreakChecks(client, "wss://a.example/") },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				a, b := network.NewRelay("wss://a.example"), network.NewRelay("wss://b.example")
				wire := newTripwire(network)
				r := &recorder{on: streamer}
				client := start(t, r, gennostr.WithRelays(a.URL(), b.URL()), wire.option())
				synctest.Wait()
				events := textNotes(16)
				for i, e := range events {
					if i == 8 {
						synctest.Wait()
						broken(client, wire)
					}
					a.Publish(e)
					b.Publish(e)
				}
				synctest.Wait()
				var want []string
				for _, e := range events {
					want = append(want, e.Content)
				}
				assert.Equal(t, want, contents(r.all(), "wss://b.example/"), "no gap, no repetition, in order")
				assert.Equal(t, 1, b.ConnectionCount(), "B's connection was left alone")

				ends := slices.DeleteFunc(ofRelay(r.all(), "wss://a.example/"), func(n note) bool {
					return n.Name == "OnEvent" || n.Name == "OnEOSE"
				})
				require.Equal(t, []string{"OnConnect", "OnError", "OnDisconnect", "OnConnect"}, namesOf(ends))
				var panicked *gennostr.PanicError
				require.ErrorAs(t, sameEnd(t, ends[:3]), &panicked)
				assert.Equal(t, "connection", panicked.Where)
				assert.NotEmpty(t, panicked.Stack)
				synctest.Wait()
				got := contents(r.all(), "wss://a.example/")
				assert.ElementsMatch(t, want, got[8:], "A came back and had its stored events")
				status, _ := client.Relay("wss://b.example")
				assert.NoError(t, status.LastError)
				grammar(t, r.all())
			})
		})
	}
}

func testR45(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		wire := newTripwire(network)
		r := &recorder{}
		client := start(t, r, wire.option(), gennostr.WithReconnectJitter(0), gennostr.WithRelays(relay.URL()))
		away := func(end func()) time.Duration {
			require.NoError(t, client.Ready(t.Context(), 1))
			synctest.Wait()
			lost := time.Now()
			end()
			synctest.Wait()
			require.NoError(t, client.Ready(t.Context(), 1))
			return time.Since(lost)
		}
		assert.Equal(t, 500*time.Millisecond, away(func() { relay.DisconnectAll() }), "a network end: the schedule")
		status, _ := client.Relay(relay.URL())
		assert.Equal(t, 2, status.Connects)
		assert.Zero(t, away(func() { wire.trip("a.example:443"); relay.Notice("boom") }), "a panic: at once")
		status, _ = client.Relay(relay.URL())
		assert.Equal(t, 3, status.Connects, "counted")
		var panicked *gennostr.PanicError
		require.ErrorAs(t, status.LastError, &panicked)
		assert.Equal(t, "the decoder has a bug", panicked.Value)
		assert.Equal(t, time.Second, away(func() { relay.DisconnectAll() }), "the schedule goes on where it was")
		require.NoError(t, client.Stop(t.Context()))
		grammar(t, r.all())
	})
}

func testR46(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name string
		at   []time.Duration
		gone bool
	}{
		{"at 0, 2, 4 and 6 s", []time.Duration{0, 2 * s, 4 * s, 6 * s}, false},
		{"at 0, 1, 2 and 3 s", []time.Duration{0, 1 * s, 2 * s, 3 * s}, true},
		{"at 0, 2, 4, 6 and 6.5 s", []time.Duration{0, 2 * s, 4 * s, 6 * s, 6*s + s/2}, true}, // the window slides
		{"three at once", []time.Duration{0, 0, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				wire := newTripwire(network)
				r := &recorder{}
				client := start(t, r, wire.option(), gennostr.WithRelays(relay.URL()))
				require.NoError(t, client.Ready(t.Context(), 1))
				began := time.Now()
				for _, at := range c.at {
					time.Sleep(time.Until(began.Add(at))) // virtual
					synctest.Wait()
					wire.trip("a.example:443")
					relay.Notice("boom")
					synctest.Wait()
				}
				time.Sleep(time.Hour) // virtual
				synctest.Wait()
				notes := r.all()
				if !c.gone {
					assert.Len(t, client.Relays(), 1)
					assert.Equal(t, len(c.at)+1, relay.ConnectionCount())
					assert.Equal(t, "OnConnect", notes[len(notes)-1].Name)
					return
				}
				reason := sameEnd(t, notes)
				assert.ErrorIs(t, reason, gennostr.ErrRestartIntensity)
				var panicked *gennostr.PanicError
				assert.ErrorAs(t, reason, &panicked, "the last straw is known too")
				assert.Empty(t, client.Relays(), "removed")
				assert.Equal(t, len(c.at), relay.ConnectionCount(), "and never dialled again")
				assert.ErrorIs(t, client.Reconnect(relay.URL()), gennostr.ErrUnknownRelay)
				assert.NoError(t, client.AddRelay(relay.URL()), "but it can be added")
				assert.NoError(t, client.Ready(t.Context(), 1))
			})
		})
	}

	t.Run("panics of the dial itself", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var dials atomic.Int32
			broken := roundTrip(func(*http.Request) (*http.Response, error) { dials.Add(1); panic("a proxy library has a bug") })
			r := &recorder{}
			client := start(t, r, gennostr.WithHTTPClient(&http.Client{Transport: broken}), gennostr.WithRelays("wss://a.example"))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.EqualValues(t, 4, dials.Load())
			assert.ErrorIs(t, sameEnd(t, r.all()), gennostr.ErrRestartIntensity)
			assert.Equal(t, slices.Repeat([]string{"OnError", "OnDisconnect"}, 4), r.names())
			assert.Empty(t, client.Relays())
		})
	})
}

// roundTrip is an http.RoundTripper of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func testR47(t *testing.T) {
	t.Run("a relay's restart", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &recorder{on: streamer}
			start(t, r, over(network, gennostr.WithRelays(relay.URL()))...)
			synctest.Wait()
			relay.Publish(textNotes(1)...)
			synctest.Wait()
			relay.DisconnectAll()
			time.Sleep(time.Second) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnConnect", "OnEOSE", "OnEvent", "OnError", "OnDisconnect", "OnConnect", "OnEvent", "OnEOSE"}, r.names())
			connects := r.named("OnConnect")
			assert.NotEqual(t, connects[0].Relay, connects[1].Relay, "a connection of its own")
			assert.True(t, connects[1].Relay.ConnectedAt.After(connects[0].Relay.ConnectedAt))
			assert.Equal(t, []int{1, 2}, []int{connects[0].Relay.Attempts, connects[1].Relay.Attempts})
		})
	})
	t.Run("a service's restart", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			var states []*recorder
			service := gennostr.Service(func() gennostr.Handler {
				r := &recorder{on: func(_ *gennostr.Self, n note) error {
					if n.Name == "OnConnect" {
						return gennostr.Stop(io.ErrUnexpectedEOF)
					}
					return nil
				}}
				states = append(states, r)
				return r
			}, over(network, gennostr.WithRelays(relay.URL()), quietly())...)
			for range 3 {
				assert.Equal(t, io.ErrUnexpectedEOF, service.Serve(t.Context()))
			}
			require.Len(t, states, 3, "the factory is asked each time")
			for _, state := range states {
				assert.Equal(t, []string{"OnConnect", "Terminate"}, state.names(), "the state is fresh")
			}
			assert.Equal(t, 3, relay.ConnectionCount())
		})
	})
	t.Run("a service's end", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			doNotRestart := errors.New("do not restart")
			var reason error
			service := gennostr.Service(func() gennostr.Handler {
				return &recorder{on: func(_ *gennostr.Self, n note) error {
					if n.Name == "OnConnect" {
						return reason
					}
					return nil
				}}
			}, over(network, gennostr.WithRelays(relay.URL()), quietly(), gennostr.WithStopError(doNotRestart))...)
			for _, reason = range []error{gennostr.ErrStop, gennostr.ErrShutdown, gennostr.Stop(nil)} {
				assert.Equal(t, doNotRestart, service.Serve(t.Context()), "a normal stop")
			}
			reason = gennostr.Stop(fmt.Errorf("a query: %w: %w", context.DeadlineExceeded, io.ErrUnexpectedEOF))
			err := service.Serve(t.Context())
			assert.NotErrorIs(t, err, context.DeadlineExceeded, "its ctx lives: this is no end of the supervisor's making")
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.ErrorContains(t, err, "a query")

			reason = nil
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- service.Serve(ctx) }()
			synctest.Wait()
			cancel()
			assert.NoError(t, <-served, "an orderly stop within ctx's end")
		})
	})
}

// quietly keeps a test's expected problems out of its output.
func quietly() gennostr.Option { return gennostr.WithLogger(slog.New(slog.DiscardHandler)) }

func testR48(t *testing.T) {
	t.Run("close frames go to all relays at once", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var relays []*nostrtest.Relay
			var urls []string
			for i := range 20 {
				relays = append(relays, network.NewRelay(fmt.Sprintf("wss://%d.example", i)))
				urls = append(urls, relays[i].URL())
			}
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(urls...))...)
			require.NoError(t, client.Ready(t.Context(), len(urls)))
			began := time.Now()
			require.NoError(t, client.Stop(t.Context()))
			assert.Zero(t, time.Since(began), "nobody waits for a relay that answers")
			synctest.Wait()
			for _, relay := range relays {
				conn, ok := relay.Connection(1)
				require.True(t, ok)
				assert.False(t, conn.Open())
				assert.Equal(t, 1000, conn.CloseCode, "%s was told", relay.URL())
			}
			assert.Empty(t, r.named("OnDisconnect"))
			assert.Equal(t, "Terminate", r.names()[len(r.names())-1])
		})
	})
	t.Run("relays that do not answer share one deadline", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var urls []string
			for i := range 20 {
				urls = append(urls, network.NewRelay(fmt.Sprintf("wss://%d.example", i)).URL())
			}
			client := start(t, &recorder{}, over(network, gennostr.WithRelays(urls...), gennostr.WithShutdownTimeout(3*time.Second))...)
			require.NoError(t, client.Ready(t.Context(), len(urls)))
			for _, url := range urls {
				network.Partition(url)
			}
			began := time.Now()
			require.NoError(t, client.Stop(t.Context()), "no user code is to blame")
			assert.Equal(t, 3*time.Second, time.Since(began))
		})
	})
	t.Run("user code that does not end is named", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			release := make(chan struct{})
			r := &recorder{on: func(self *gennostr.Self, n note) error {
				if n.Name == "OnConnect" {
					gennostr.Go(self, func(context.Context) (int, error) { <-release; return 0, nil }, func(int, error) error { return nil })
				}
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(relay.URL()))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			synctest.Wait()
			began := time.Now()
			err := client.Stop(t.Context())
			var late *gennostr.ShutdownError
			require.ErrorAs(t, err, &late)
			assert.Equal(t, "a task of Go", late.Running)
			assert.InDelta(t, 5, time.Since(began).Seconds(), 0.5)
			synctest.Wait()
			conn, _ := relay.Connection(1)
			assert.False(t, conn.Open(), "the socket is cut all the same")
			close(release)
			<-client.Done()
		})
	})
}

// spellings are ways to write wss://a.example/ (L19).
var spellings = []string{
	"wss://a.example", "wss://a.example/", "WSS://a.example", "wss://A.Example", "wss://a.example:443", "wss://a.example:443/",
	"wss://a.example//", "wss://a.example///", " wss://a.example ", "wss://a.example.", "wss://a.example/./", "wss://a.example?",
}

func testR49(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		client := start(t, &recorder{}, over(network)...)
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
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		added := map[string]time.Duration{}
		h := newBot(nil)
		h.on = func(self *gennostr.Self, n note) error {
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
				self.Send(relay.URL(), everything("all"))
				self.Send(relay.URL(), gennostr.CountReq{SubscriptionID: "n", Filters: []nostr.Filter{{}}})
				self.Send(relay.URL(), gennostr.PublishEvent{Event: textNotes(1)[0]})
				self.Continue("on")
			case "HandleCall":
				return n.Msg.(asked).from.Reply(nil)
			}
			return nil
		}
		client := start(t, h, over(network, gennostr.WithManualReconnect(), gennostr.WithTask("tick", time.Second, func(self *gennostr.Self, r gennostr.Relay) error {
			return h.note(self, "task", r, nil)
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
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		network.HoldDials("wss://b.example")
		var inside []error
		r := &recorder{on: func(self *gennostr.Self, n note) error {
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
		client := start(t, r, over(network, gennostr.WithRelays("wss://a.example", "WSS://A.example:443/", "wss://a.example"))...)
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
		assert.Equal(t, []string{"OnConnect", "OnDisconnect", "OnConnect"}, namesOf(ofRelay(r.all(), "wss://a.example/")))
		require.Len(t, inside, 4)
		assert.ErrorIs(t, inside[0], gennostr.ErrRelayExists, "in OnConnect")
		assert.NoError(t, inside[1], "in OnDisconnect")
		assert.ErrorIs(t, inside[2], gennostr.ErrRelayExists, "in OnDisconnect, again")
		assert.ErrorIs(t, inside[3], gennostr.ErrRelayExists, "in OnConnect")
		assert.Equal(t, 2, relay.ConnectionCount(), "removed and added: dialled at once")
	})
	t.Run("in the OnDisconnect of a lost connection", func(t *testing.T) {
		for _, opts := range [][]gennostr.Option{nil, {gennostr.WithManualReconnect()}, {gennostr.WithMaxAttempts(1)}} {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Stop()
				var dials []time.Duration
				began := time.Now()
				r := &recorder{on: func(self *gennostr.Self, n note) error {
					if n.Name == "OnDisconnect" {
						dials = append(dials, time.Since(began))
						assert.NoError(t, self.AddRelay(n.Relay.URL))
						assert.ErrorIs(t, self.AddRelay(n.Relay.URL), gennostr.ErrRelayExists)
					}
					return nil
				}}
				client := start(t, r, over(network, append(opts, gennostr.WithRelays(relay.URL()))...)...)
				time.Sleep(20 * time.Second) // virtual
				synctest.Wait()
				const s = time.Second
				assert.Equal(t, []time.Duration{0, s / 2, s/2 + s, s/2 + 6*s, s/2 + 16*s}, dials, "it keeps its place in the schedule (L07)")
				assert.Len(t, client.Relays(), 1)
				grammar(t, r.all())
			})
		}
	})
}

func testR52(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		relay.Stop()
		message := gennostr.Close{SubscriptionID: "x"}
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithRelays(relay.URL()))...)
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

		before := len(r.all())
		r.on = func(self *gennostr.Self, n note) error {
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
		failures := r.all()[before:]
		require.Equal(t, []string{"HandleInfo", "OnError", "OnError"}, namesOf(failures))
		for i, want := range []struct {
			url string
			why error
		}{{"wss://unknown.example/", gennostr.ErrUnknownRelay}, {"wss://a.example/", gennostr.ErrNotConnected}} {
			n := failures[i+1]
			var failed *gennostr.SendError
			require.ErrorAs(t, reasonOf(t, n), &failed)
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
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			client := start(t, &recorder{}, over(network, gennostr.WithRelays(relay.URL()))...)
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

// answering is an HTTP client that gets this answer to every handshake.
func answering(status int, header http.Header) gennostr.RelayOption {
	return gennostr.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: header, Body: io.NopCloser(strings.NewReader("go away")), Request: r,
		}, nil
	})})
}

// situation is what a case of R53 can use.
type situation struct {
	network *nostrtest.Network
	relay   *nostrtest.Relay
	client  *gennostr.Client
}

func testR53(t *testing.T) {
	const url = "wss://a.example/"
	closeWith := func(code int, reason string) func(situation) {
		return func(s situation) { s.relay.CloseConnection(1, code, reason) }
	}
	isClose := func(code int, reason string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			var closed *gennostr.CloseError
			require.ErrorAs(t, err, &closed)
			assert.Equal(t, gennostr.CloseError{Code: code, Reason: reason}, *closed)
		}
	}
	isDial := func(status int, retryAfter time.Duration) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			var dial *gennostr.DialError
			require.ErrorAs(t, err, &dial)
			assert.Equal(t, url, dial.URL)
			assert.Equal(t, status, dial.Status)
			assert.Equal(t, retryAfter, dial.RetryAfter)
		}
	}
	is := func(want error) func(*testing.T, error) {
		return func(t *testing.T, err error) { assert.ErrorIs(t, err, want) }
	}
	remove := func(s situation) { _ = s.client.RemoveRelay(s.relay.URL()) }

	const connected, dial = "OnConnect", "OnError" // what the notes of an attempt begin with
	for _, c := range []struct {
		name  string
		opts  []gennostr.Option
		setup func(situation) // before the relay is added
		end   func(situation)
		first string
		quiet bool // an orderly end: OnDisconnect only
		check func(*testing.T, error)
	}{
		{name: "EOF", first: connected, check: func(t *testing.T, err error) {
			var closed *gennostr.CloseError
			assert.NotErrorAs(t, err, &closed, "there was no close frame")
			assert.ErrorContains(t, err, "connection lost")
		}, end: func(s situation) { s.relay.DisconnectAll() }},
		{name: "close 1000", first: connected, quiet: true, end: closeWith(1000, "bye"), check: isClose(1000, "bye")},
		{name: "close 1001", first: connected, quiet: true, end: closeWith(1001, "restarting"), check: isClose(1001, "restarting")},
		{name: "close 1008", first: connected, end: closeWith(1008, "not you"), check: isClose(1008, "not you")},
		{name: "close 4000", first: connected, end: closeWith(4000, ""), check: isClose(4000, "")},
		{name: "dial refused", first: dial, setup: func(s situation) { s.relay.Stop() }, check: func(t *testing.T, err error) {
			isDial(0, 0)(t, err)
			assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		}},
		{name: "handshake timeout", first: dial, opts: []gennostr.Option{gennostr.WithHandshakeTimeout(3 * time.Second)},
			setup: func(s situation) { s.network.HoldDials(url) }, check: func(t *testing.T, err error) {
				isDial(0, 0)(t, err)
				assert.ErrorIs(t, err, gennostr.ErrHandshakeTimeout)
			}},
		{name: "HTTP 403", first: dial, opts: []gennostr.Option{answering(403, http.Header{})}, check: isDial(403, 0)},
		{name: "HTTP 429", first: dial, opts: []gennostr.Option{answering(429, http.Header{"Retry-After": {"120"}})}, check: isDial(429, 2*time.Minute)},
		{name: "ping timeout", first: connected, check: is(gennostr.ErrPingTimeout), end: func(s situation) { s.network.Partition(url) }},
		{name: "read limit", first: connected, opts: []gennostr.Option{gennostr.WithReadLimit(100)}, check: is(gennostr.ErrFrameTooLarge),
			end: func(s situation) { s.relay.Notice(strings.Repeat("x", 100)) }},
		{name: "removed while connected", first: connected, quiet: true, end: remove, check: is(gennostr.ErrRelayRemoved)},
		{name: "removed while connected, and the wire is dead", first: connected, quiet: true, check: is(gennostr.ErrRelayRemoved),
			end: func(s situation) { s.network.Partition(url); remove(s) }},
		{name: "removed while dialling", quiet: true, setup: func(s situation) { s.network.HoldDials(url) }, end: remove, check: is(gennostr.ErrRelayRemoved)},
		{name: "removed while its dial waits for its turn", quiet: true, opts: []gennostr.Option{gennostr.WithMaxDials(1)}, setup: func(s situation) {
			s.network.HoldDials("wss://other.example")
			_ = s.client.AddRelay("wss://other.example")
		}, end: remove, check: is(gennostr.ErrRelayRemoved)},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				r := &recorder{}
				client := start(t, r, over(network, append(c.opts, gennostr.WithManualReconnect())...)...)
				s := situation{network, network.NewRelay(url), client}
				if c.setup != nil {
					c.setup(s)
				}
				require.NoError(t, client.AddRelay(url))
				synctest.Wait()
				if c.end != nil {
					c.end(s)
				}
				time.Sleep(time.Minute) // virtual
				synctest.Wait()
				notes := ofRelay(r.all(), url)
				var want []string
				if c.first == connected {
					want = append(want, "OnConnect")
				}
				if !c.quiet {
					want = append(want, "OnError")
				}
				require.Equal(t, append(want, "OnDisconnect"), namesOf(notes), "told exactly once")
				if !c.quiet {
					sameEnd(t, notes)
				}
				c.check(t, reasonOf(t, notes[len(notes)-1]))
				network.Heal(url)
			})
		})
	}

	t.Run("removed while waiting", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			relay.Stop()
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(url))...)
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			require.NoError(t, relay.Restart())
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.names())
			assert.ErrorIs(t, reasonOf(t, r.all()[2]), gennostr.ErrRelayRemoved)
		})
	})
	t.Run("removed while down", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay(url).Stop()
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(url), gennostr.WithManualReconnect())...)
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.names())
			assert.ErrorIs(t, reasonOf(t, r.all()[2]), gennostr.ErrRelayRemoved)
		})
	})
	t.Run("removed while it is told", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			r := &recorder{on: func(self *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" {
					self.RemoveRelay(url)
				}
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(url))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.DisconnectAll()
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnConnect", "OnError", "OnDisconnect", "OnDisconnect"}, r.names())
			assert.NotErrorIs(t, reasonOf(t, r.all()[2]), gennostr.ErrRelayRemoved)
			assert.ErrorIs(t, reasonOf(t, r.all()[3]), gennostr.ErrRelayRemoved)
			assert.Equal(t, 1, relay.ConnectionCount())
			assert.Empty(t, client.Relays())
		})
	})
	t.Run("removed, added and removed again while it is told", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			relay.Stop()
			r := &recorder{}
			r.on = func(self *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" && len(r.named("OnDisconnect")) == 1 {
					assert.NoError(t, self.AddRelay(url), "given up, and added again")
					assert.NoError(t, self.Client().RemoveRelay(url))
				}
				return nil
			}
			client := start(t, r, over(network, gennostr.WithRelays(url), gennostr.WithMaxAttempts(1))...)
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.names())
			assert.ErrorIs(t, reasonOf(t, r.all()[1]), gennostr.ErrGaveUp)
			assert.ErrorIs(t, reasonOf(t, r.all()[2]), gennostr.ErrRelayRemoved, "what RemoveRelay promised")
			assert.Empty(t, client.Relays())
		})
	})
	t.Run("none at stop", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.HoldDials("wss://dialling.example")
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(network.NewRelay(url).URL(), "wss://dialling.example", "wss://refused.example"))...)
			synctest.Wait()
			before := len(r.all())
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, []string{"Terminate"}, namesOf(r.all()[before:]))
		})
	})
	t.Run("Retry-After holds the next dial back", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var dials []time.Duration
			began := time.Now()
			r := &recorder{on: func(_ *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" {
					dials = append(dials, time.Since(began))
				}
				return nil
			}}
			start(t, r, answering(429, http.Header{"Retry-After": {"120"}}), gennostr.WithReconnectJitter(0), gennostr.WithRelays(url))
			time.Sleep(5 * time.Minute) // virtual
			synctest.Wait()
			assert.Equal(t, []time.Duration{0, 2 * time.Minute, 4 * time.Minute}, dials)
		})
	})
}

func testR54(t *testing.T) {
	const s = time.Second
	schedule := []time.Duration{0, s / 2, s/2 + s, s/2 + 6*s, s/2 + 16*s, s/2 + 46*s, s/2 + 76*s, s/2 + 106*s}
	for name, manual := range map[string]bool{"automatic": false, "manual": true} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Stop()
				opts := over(network, gennostr.WithRelays(relay.URL()))
				if manual {
					opts = append(opts, gennostr.WithManualReconnect())
				}
				var dials []time.Duration
				began := time.Now()
				r := &recorder{on: func(self *gennostr.Self, n note) error {
					if n.Name == "OnDisconnect" {
						dials = append(dials, time.Since(began))
						if manual {
							self.Reconnect(n.Relay.URL)
							self.Reconnect(n.Relay.URL) // asking twice is no second timer
						}
					}
					return nil
				}}
				client := start(t, r, opts...)
				time.Sleep(107 * s) // virtual
				synctest.Wait()
				assert.Equal(t, schedule, dials)

				// It comes back, is stable, and the schedule starts anew.
				require.NoError(t, relay.Restart())
				require.NoError(t, client.Ready(t.Context(), 1))
				time.Sleep(30 * s) // virtual
				synctest.Wait()
				lost := time.Now()
				relay.DisconnectAll()
				synctest.Wait()
				require.NoError(t, client.Ready(t.Context(), 1))
				assert.Equal(t, s/2, time.Since(lost))
				time.Sleep(29 * s) // virtual: not yet stable
				synctest.Wait()
				lost = time.Now()
				relay.DisconnectAll()
				synctest.Wait()
				require.NoError(t, client.Ready(t.Context(), 1))
				assert.Equal(t, s, time.Since(lost))
			})
		})
	}
	t.Run("at most one pending timer", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			relay.Stop()
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithReconnectSchedule(10*s))...)
			time.Sleep(s) // virtual
			synctest.Wait()
			require.Len(t, r.named("OnDisconnect"), 1)
			network.HoldDials(relay.URL())
			var asking sync.WaitGroup
			for range 20 {
				asking.Go(func() { assert.NoError(t, client.Reconnect(relay.URL())) })
			}
			asking.Wait()
			synctest.Wait()
			require.NoError(t, relay.Restart())
			network.ReleaseDials(relay.URL())
			require.NoError(t, client.Ready(t.Context(), 1))
			time.Sleep(time.Minute) // virtual: past the timer that Reconnect forestalled
			synctest.Wait()
			assert.NoError(t, client.Reconnect(relay.URL()), "connected: nothing to do")
			synctest.Wait()
			assert.Equal(t, 1, relay.ConnectionCount())
			assert.Len(t, r.named("OnDisconnect"), 1)
		})
	})
	t.Run("manual: nobody asks", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithManualReconnect())...)
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.DisconnectAll()
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			status, _ := client.Relay(relay.URL())
			assert.Equal(t, gennostr.RelayDown, status.State)
			assert.Equal(t, 1, relay.ConnectionCount())
			asked := time.Now()
			require.NoError(t, client.Reconnect(relay.URL()))
			require.NoError(t, client.Reconnect(relay.URL()), "waiting already: nothing to do")
			status, _ = client.Relay(relay.URL())
			assert.Equal(t, gennostr.RelayWaiting, status.State)
			require.NoError(t, client.Ready(t.Context(), 1))
			assert.Equal(t, s/2, time.Since(asked), "after the schedule's next delay")
		})
	})
	t.Run("jitter", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example").Stop()
			var last time.Time
			var delays []time.Duration
			r := &recorder{on: func(_ *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" {
					delays = append(delays, time.Since(last))
					last = time.Now()
				}
				return nil
			}}
			start(t, r, gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithRelays("wss://a.example"), gennostr.WithReconnectSchedule(10*s))
			time.Sleep(20 * time.Minute) // virtual
			synctest.Wait()
			require.Greater(t, len(delays), 50)
			low, high := 10*s, 10*s
			for _, d := range delays[1:] {
				low, high = min(low, d), max(high, d)
			}
			assert.GreaterOrEqual(t, low, 8*s)
			assert.LessOrEqual(t, high, 12*s)
			assert.Greater(t, high-low, s, "spread")
		})
	})
}

func testR55(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		first, second := &recorder{on: streamer}, &recorder{on: streamer}
		one := start(t, first, over(network, gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, one.Ready(t.Context(), 1))
		two := start(t, second, over(network, gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, two.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, 2, relay.ConnectionCount(), "a connection each")
		events := textNotes(4)
		relay.Publish(events[0])
		synctest.Wait()

		relay.Disconnect(1) // the first's
		synctest.Wait()
		relay.Publish(events[1])
		require.NoError(t, one.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Len(t, first.named("OnDisconnect"), 1)
		assert.Empty(t, second.named("OnDisconnect"))
		require.NoError(t, one.RemoveRelay(relay.URL()))
		synctest.Wait()
		relay.Publish(events[2])
		require.NoError(t, one.Stop(t.Context()))
		relay.Publish(events[3])
		synctest.Wait()
		assert.Equal(t, []string{"note 0", "note 1", "note 2", "note 3"}, contents(second.all(), "wss://a.example/"))
		assert.Empty(t, second.named("OnError"))
		assert.NotContains(t, contents(first.all(), "wss://a.example/"), "note 2")
	})
}

func testR56(t *testing.T) {
	event := textNotes(1)[0]
	ask := func(self *gennostr.Self, n note) error {
		if n.Name == "OnConnect" {
			self.Send(n.Relay.URL, everything("s"))
			self.Send(n.Relay.URL, gennostr.Req{SubscriptionID: "t", Filters: []nostr.Filter{nostr.Filter{}.WithKinds(7)}})
			self.Send(n.Relay.URL, gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{{}}})
			self.Send(n.Relay.URL, gennostr.NegOpen{SubscriptionID: "g", Payload: []byte{0x61}})
		}
		return nil
	}
	// In the frames below § stands for white space between two tokens.
	stored := `§[§"EVENT"§,§"s"§,§` + event.String() + `§]§`
	frames := []struct {
		frame    string
		callback string
		msg      any
	}{
		{stored, "OnEvent", gennostr.EventMessage{SubscriptionID: "s", Event: event, Phase: gennostr.PhaseStored}},
		{`§[§"EOSE"§,§"s"§]§`, "OnEOSE", gennostr.EOSEMessage{SubscriptionID: "s"}},
		{stored, "OnEvent", gennostr.EventMessage{SubscriptionID: "s", Event: event, Phase: gennostr.PhaseLive}},
		{`§[§"OK"§,§"` + event.ID.String() + `"§,§true§,§"duplicate: known"§]§`, "OnOK", gennostr.OKMessage{EventID: event.ID, Accepted: true, Message: "duplicate: known"}},
		{`§[§"NOTICE"§,§"hello"§]§`, "OnNotice", gennostr.NoticeMessage{Message: "hello"}},
		{`§[§"AUTH"§,§"challenge"§]§`, "OnAuth", gennostr.AuthMessage{Challenge: "challenge"}},
		{`§[§"CLOSED"§,§"t"§,§"error: over"§]§`, "OnClosed", gennostr.ClosedMessage{SubscriptionID: "t", Message: "error: over"}},
		{`§[§"COUNT"§,§"c"§,§{§"count"§:§7§,§"approximate"§:§true§}§]§`, "OnCount", gennostr.CountMessage{SubscriptionID: "c", Count: 7, Approximate: true}},
		{`§[§"NEG-MSG"§,§"g"§,§"6100"§]§`, "HandleInfo", gennostr.NegMessage{SubscriptionID: "g", Payload: []byte{0x61, 0}}},
		{`§[§"NEG-ERR"§,§"g"§,§"blocked: too big"§,§500§]§`, "HandleInfo", gennostr.NegErrorMessage{SubscriptionID: "g", Reason: "blocked: too big", Max: 500}},
		{`§[§"HELLO"§,§{§"a"§:§[§]§}§]§`, "HandleInfo", gennostr.UnknownMessage{Verb: "HELLO"}},
	}
	for name, space := range map[string]string{"none": "", "one space": " ", "all four": "\t\r\n ", "line feeds": "\n\n"} {
		t.Run("white space: "+name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay, answer := mute(network, "wss://a.example")
				defer answer()
				r := &recorder{on: ask}
				start(t, r, over(network, gennostr.WithRelays(relay.URL()))...)
				synctest.Wait()
				for i, f := range frames {
					frame := strings.ReplaceAll(f.frame, "§", space)
					relay.Inject(frame)
					synctest.Wait()
					notes := r.all()
					require.Len(t, notes, i+2, "%s", frame)
					got := notes[i+1]
					assert.Equal(t, f.callback, got.Name)
					switch m := got.Msg.(type) { // these say themselves where they come from
					case gennostr.NegMessage:
						m.Relay, got.Relay, got.Msg = got.Relay, m.Relay, nil
						m.Relay = gennostr.Relay{}
						got.Msg = m
					case gennostr.NegErrorMessage:
						got.Relay, m.Relay = m.Relay, gennostr.Relay{}
						got.Msg = m
					case gennostr.UnknownMessage:
						assert.Equal(t, frame, m.Raw)
						got.Relay, m.Relay, m.Raw = m.Relay, gennostr.Relay{}, ""
						got.Msg = m
					}
					assert.Equal(t, notes[0].Relay, got.Relay)
					assert.Equal(t, f.msg, got.Msg)
				}
			})
		})
	}
	t.Run("callbacks that are not there", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay, answer := mute(network, "wss://a.example")
			defer answer()
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			start(t, plain{ask}, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithLogger(logger))...)
			synctest.Wait()
			for _, f := range frames {
				relay.Inject(strings.ReplaceAll(f.frame, "§", ""))
			}
			synctest.Wait()
			var levels []string
			for line := range strings.Lines(log.String()) {
				level, _, _ := strings.Cut(strings.TrimPrefix(line[strings.Index(line, "level="):], "level="), " ")
				levels = append(levels, level)
			}
			// A CLOSED is a problem and goes to OnError (L06), which logs; the rest is not.
			assert.Equal(t, []string{"WARN", "DEBUG", "DEBUG", "DEBUG", "DEBUG"}, levels, log.String())
			for _, said := range []string{"error: over", "COUNT without OnCount", "gennostr.NegMessage", "gennostr.NegErrorMessage", "gennostr.UnknownMessage"} {
				assert.Contains(t, log.String(), said)
			}
		})
	})
}

// plain is a handler with the required callbacks only.
type plain struct {
	on func(*gennostr.Self, note) error
}

func (p plain) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	return p.on(self, note{Name: "OnConnect", Relay: relay})
}
func (plain) OnDisconnect(*gennostr.Self, gennostr.Relay, error) error              { return nil }
func (plain) OnEvent(*gennostr.Self, gennostr.Relay, gennostr.EventMessage) error   { return nil }
func (plain) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error     { return nil }
func (plain) OnOK(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error         { return nil }
func (plain) OnNotice(*gennostr.Self, gennostr.Relay, gennostr.NoticeMessage) error { return nil }
func (plain) OnAuth(*gennostr.Self, gennostr.Relay, gennostr.AuthMessage) error     { return nil }
func (plain) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	return new(gennostr.BaseHandler).OnError(self, relay, err)
}

// mute is a relay that answers nothing by itself from the first REQ on, so
// that a test decides about every byte. answer lets it go on; it is to be
// called before the client stops.
func mute(network *nostrtest.Network, url string) (relay *nostrtest.Relay, answer func()) {
	gate := make(chan struct{})
	relay = network.NewRelay(url, nostrtest.WithReadPolicy(func(nostrtest.Connection, nostrtest.Request) string {
		<-gate
		return "error: the test is over"
	}))
	return relay, sync.OnceFunc(func() { close(gate) })
}

func testR57(t *testing.T) {
	const s = time.Second
	t.Run("while connected, on the client's goroutine", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			began := time.Now()
			var runs []time.Duration // unsynchronised: the race detector would see another goroutine
			count := 0
			r := &recorder{on: func(_ *gennostr.Self, n note) error {
				count++
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(relay.URL()), gennostr.WithReconnectSchedule(25*s),
				gennostr.WithTask("tick", 10*s, func(self *gennostr.Self, relay gennostr.Relay) error {
					count++
					runs = append(runs, time.Since(began))
					assert.Equal(t, "wss://a.example/", relay.URL)
					self.SetTimeout(-1) // what only a callback may say
					return errors.New("a problem of the task")
				}))...)
			time.Sleep(35 * s) // virtual
			synctest.Wait()
			relay.DisconnectAll()
			time.Sleep(45 * s) // virtual: away until 60 s
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(relay.URL()))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, []time.Duration{10 * s, 20 * s, 30 * s, 70 * s, 80 * s}, runs)
			problem := r.named("OnError")[0]
			var failed *gennostr.CallbackError
			require.ErrorAs(t, reasonOf(t, problem), &failed)
			assert.Equal(t, "task tick", failed.Callback)
			assert.Equal(t, "wss://a.example/", problem.Relay.URL)
		})
	})
	t.Run("a slow one does not pile up", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			runs := 0
			client := start(t, &recorder{}, over(network, gennostr.WithRelays(network.NewRelay("wss://a.example").URL()),
				gennostr.WithTask("slow", s, func(*gennostr.Self, gennostr.Relay) error {
					runs++
					time.Sleep(9 * s) // virtual
					return nil
				}))...)
			time.Sleep(100 * s) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, 10, runs)
		})
	})
	t.Run("replaced by name, and 0 disables", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			runs := map[string]int{}
			task := func(name string) func(*gennostr.Self, gennostr.Relay) error {
				return func(_ *gennostr.Self, relay gennostr.Relay) error { runs[relay.URL+" "+name]++; return nil }
			}
			client := start(t, &recorder{}, over(network, gennostr.WithTask("x", 10*s, task("replaced")), gennostr.WithTask("x", 10*s, task("default")), gennostr.WithTask("y", 10*s, task("other")))...)
			for url, opts := range map[string][]gennostr.RelayOption{
				"wss://a.example": nil,
				"wss://b.example": {gennostr.WithTask("x", 5*s, task("own"))},
				"wss://c.example": {gennostr.WithTask("x", 0, nil)},
				"wss://d.example": {gennostr.WithTask("trim", 20*s, task("trim"))},
			} {
				require.NoError(t, client.AddRelay(network.NewRelay(url).URL(), opts...))
			}
			time.Sleep(61 * s) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, map[string]int{
				"wss://a.example/ default": 6, "wss://a.example/ other": 6,
				"wss://b.example/ own": 12, "wss://b.example/ other": 6,
				"wss://c.example/ other":   6,
				"wss://d.example/ default": 6, "wss://d.example/ other": 6, "wss://d.example/ trim": 3,
			}, runs)
		})
	})
	t.Run("nonsense is refused", func(t *testing.T) {
		for _, opt := range []gennostr.Option{gennostr.WithTask("x", s, nil), gennostr.WithTask("x", -s, func(*gennostr.Self, gennostr.Relay) error { return nil })} {
			_, err := gennostr.Start(t.Context(), nil, opt)
			assert.ErrorContains(t, err, "WithTask")
		}
	})
	t.Run("one may stop the client", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			client := start(t, &recorder{}, over(network, quietly(), gennostr.WithRelays(network.NewRelay("wss://a.example").URL()),
				gennostr.WithTask("x", s, func(*gennostr.Self, gennostr.Relay) error { return gennostr.Stop(io.ErrUnexpectedEOF) }))...)
			assert.ErrorIs(t, client.Wait(), io.ErrUnexpectedEOF)
		})
	})
	for name, c := range map[string]struct {
		opts []gennostr.Option
		at   time.Duration // when memory comes back, 0 for never
	}{
		"trim, hourly":              {nil, time.Hour},
		"trim, its interval":        {[]gennostr.Option{gennostr.WithTask("trim", time.Minute, nil)}, time.Minute},
		"trim, disabled":            {[]gennostr.Option{gennostr.WithTask("trim", 0, nil)}, 0},
		"trim, replaced by nothing": {[]gennostr.Option{gennostr.WithTask("trim", time.Minute, func(*gennostr.Self, gennostr.Relay) error { return nil })}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				// What an idle connection keeps of a crowd of subscriptions that have ended.
				const crowd = 2_000
				gate := make(chan struct{})
				relay := network.NewRelay("wss://a.example", nostrtest.WithHistory(0), nostrtest.WithReadPolicy(
					func(nostrtest.Connection, nostrtest.Request) string { <-gate; return "blocked: too many" }))
				client := start(t, &forgetful{}, over(network, append(c.opts, gennostr.WithRelays(relay.URL()), gennostr.WithSendQueue(crowd))...)...)
				require.NoError(t, client.Ready(t.Context(), 1))
				began := time.Now()
				for i := range crowd {
					require.NoError(t, client.Send(relay.URL(), everything(fmt.Sprint(i))))
				}
				close(gate)
				time.Sleep(50 * s) // virtual: past the grace time of what was closed
				synctest.Wait()
				heap := func() int {
					var m runtime.MemStats
					runtime.GC()
					runtime.GC()
					runtime.ReadMemStats(&m)
					return int(m.HeapAlloc)
				}
				full := heap()
				if c.at == 0 {
					time.Sleep(3 * time.Hour) // virtual
					synctest.Wait()
					assert.Less(t, full-heap(), 50_000)
					return
				}
				time.Sleep(time.Until(began.Add(c.at - s))) // virtual
				synctest.Wait()
				assert.Less(t, full-heap(), 50_000, "not yet")
				time.Sleep(2 * s) // virtual
				synctest.Wait()
				assert.Greater(t, full-heap(), 100_000, "given back")
			})
		})
	}
}

// forgetful keeps nothing of what it is told.
type forgetful struct{ gennostr.BaseHandler }

func (*forgetful) OnClosed(*gennostr.Self, gennostr.Relay, gennostr.ClosedMessage) error { return nil }
