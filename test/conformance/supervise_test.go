package conformance_test

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

	"github.com/gennostr/gennostr/test/kit"

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

// The root's tests have the other kind of panic: in the checks of what has been read.
func testR44(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		wire := newTripwire(network)
		kit.OneForOne(t, network, wire.option(), func(*gennostr.Client) { wire.trip("a.example:443") })
	})
}

func testR45(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		wire := newTripwire(network)
		r := &kit.Recorder{}
		client := kit.Start(t, r, wire.option(), gennostr.WithReconnectJitter(0), gennostr.WithRelays(relay.URL()))
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
		kit.Grammar(t, r.All())
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
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				wire := newTripwire(network)
				r := &kit.Recorder{}
				client := kit.Start(t, r, wire.option(), gennostr.WithRelays(relay.URL()))
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
				notes := r.All()
				if !c.gone {
					assert.Len(t, client.Relays(), 1)
					assert.Equal(t, len(c.at)+1, relay.ConnectionCount())
					assert.Equal(t, "OnConnect", notes[len(notes)-1].Name)
					return
				}
				reason := kit.SameEnd(t, notes)
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
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var dials atomic.Int32
			broken := kit.RoundTrip(func(*http.Request) (*http.Response, error) { dials.Add(1); panic("a proxy library has a bug") })
			r := &kit.Recorder{}
			client := kit.Start(t, r, gennostr.WithHTTPClient(&http.Client{Transport: broken}), gennostr.WithRelays("wss://a.example"))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.EqualValues(t, 4, dials.Load())
			assert.ErrorIs(t, kit.SameEnd(t, r.All()), gennostr.ErrRestartIntensity)
			assert.Equal(t, slices.Repeat([]string{"OnError", "OnDisconnect"}, 4), r.Names())
			assert.Empty(t, client.Relays())
		})
	})
}

func testR47(t *testing.T) {
	t.Run("a relay's restart", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &kit.Recorder{On: kit.Streamer}
			kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
			synctest.Wait()
			relay.Publish(kit.TextNotes(1)...)
			synctest.Wait()
			relay.DisconnectAll()
			time.Sleep(time.Second) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnConnect", "OnEOSE", "OnEvent", "OnError", "OnDisconnect", "OnConnect", "OnEvent", "OnEOSE"}, r.Names())
			connects := r.Named("OnConnect")
			assert.NotEqual(t, connects[0].Relay, connects[1].Relay, "a connection of its own")
			assert.True(t, connects[1].Relay.ConnectedAt.After(connects[0].Relay.ConnectedAt))
			assert.Equal(t, []int{1, 2}, []int{connects[0].Relay.Attempts, connects[1].Relay.Attempts})
		})
	})
	t.Run("a service's restart", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			var states []*kit.Recorder
			service := gennostr.Service(func() gennostr.Handler {
				r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
					if n.Name == "OnConnect" {
						return gennostr.Stop(io.ErrUnexpectedEOF)
					}
					return nil
				}}
				states = append(states, r)
				return r
			}, kit.Over(network, gennostr.WithRelays(relay.URL()), kit.Quietly())...)
			for range 3 {
				assert.Equal(t, io.ErrUnexpectedEOF, service.Serve(t.Context()))
			}
			require.Len(t, states, 3, "the factory is asked each time")
			for _, state := range states {
				assert.Equal(t, []string{"OnConnect", "Terminate"}, state.Names(), "the state is fresh")
			}
			assert.Equal(t, 3, relay.ConnectionCount())
		})
	})
	t.Run("a service's end", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			doNotRestart := errors.New("do not restart")
			var reason error
			service := gennostr.Service(func() gennostr.Handler {
				return &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
					if n.Name == "OnConnect" {
						return reason
					}
					return nil
				}}
			}, kit.Over(network, gennostr.WithRelays(relay.URL()), kit.Quietly(), gennostr.WithStopError(doNotRestart))...)
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
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var relays []*nostrtest.Relay
			var urls []string
			for i := range 20 {
				relays = append(relays, network.NewRelay(fmt.Sprintf("wss://%d.example", i)))
				urls = append(urls, relays[i].URL())
			}
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(urls...))...)
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
			assert.Empty(t, r.Named("OnDisconnect"))
			assert.Equal(t, "Terminate", r.Names()[len(r.Names())-1])
		})
	})
	t.Run("relays that do not answer share one deadline", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var urls []string
			for i := range 20 {
				urls = append(urls, network.NewRelay(fmt.Sprintf("wss://%d.example", i)).URL())
			}
			client := kit.Start(t, &kit.Recorder{}, kit.Over(network, gennostr.WithRelays(urls...), gennostr.WithShutdownTimeout(3*time.Second))...)
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
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			release := make(chan struct{})
			r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "OnConnect" {
					gennostr.Go(self, func(context.Context) (int, error) { <-release; return 0, nil }, func(int, error) error { return nil })
				}
				return nil
			}}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
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
