package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// R44–R48: supervision.

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
