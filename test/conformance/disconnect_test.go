package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
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

// R53 and R54: how connections end, and when they come back.

// answering is an HTTP client that gets this answer to every handshake.
func answering(status int, header http.Header) gennostr.RelayOption {
	return gennostr.WithHTTPClient(&http.Client{Transport: kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
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
			end: func(s situation) { s.relay.Notice(strings.Repeat("x", 800)) }},
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
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				r := &kit.Recorder{}
				client := kit.Start(t, r, kit.Over(network, append(c.opts, gennostr.WithManualReconnect())...)...)
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
				notes := kit.OfRelay(r.All(), url)
				var want []string
				if c.first == connected {
					want = append(want, "OnConnect")
				}
				if !c.quiet {
					want = append(want, "OnError")
				}
				require.Equal(t, append(want, "OnDisconnect"), kit.NamesOf(notes), "told exactly once")
				if !c.quiet {
					kit.SameEnd(t, notes)
				}
				c.check(t, kit.ReasonOf(t, notes[len(notes)-1]))
				network.Heal(url)
			})
		})
	}

	t.Run("removed while waiting", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			relay.Stop()
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(url))...)
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			require.NoError(t, relay.Restart())
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.Names())
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[2]), gennostr.ErrRelayRemoved)
		})
	})
	t.Run("removed while down", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay(url).Stop()
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(url), gennostr.WithManualReconnect())...)
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.Names())
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[2]), gennostr.ErrRelayRemoved)
		})
	})
	t.Run("removed while it is told", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "OnDisconnect" {
					self.RemoveRelay(url)
				}
				return nil
			}}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(url))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.DisconnectAll()
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnConnect", "OnError", "OnDisconnect", "OnDisconnect"}, r.Names())
			assert.NotErrorIs(t, kit.ReasonOf(t, r.All()[2]), gennostr.ErrRelayRemoved)
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[3]), gennostr.ErrRelayRemoved)
			assert.Equal(t, 1, relay.ConnectionCount())
			assert.Empty(t, client.Relays())
		})
	})
	t.Run("removed, added and removed again while it is told", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			relay.Stop()
			r := &kit.Recorder{}
			r.On = func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "OnDisconnect" && len(r.Named("OnDisconnect")) == 1 {
					assert.NoError(t, self.AddRelay(url), "given up, and added again")
					assert.NoError(t, self.Client().RemoveRelay(url))
				}
				return nil
			}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(url), gennostr.WithMaxAttempts(1))...)
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnError", "OnDisconnect", "OnDisconnect"}, r.Names())
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[1]), gennostr.ErrGaveUp)
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[2]), gennostr.ErrRelayRemoved, "what RemoveRelay promised")
			assert.Empty(t, client.Relays())
		})
	})
	t.Run("removed after it was lost, while its last event is verified", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(url)
			gate := make(chan struct{})
			r := &kit.Recorder{On: kit.Streamer}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(url), gennostr.WithVerifier(kit.Judge(func(nostr.PubKey, nostr.ID, nostr.Sig) error {
				<-gate
				return nil
			})))...)
			synctest.Wait()
			relay.Push(kit.TextNotes(1)...)
			synctest.Wait()
			relay.DisconnectAll()
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(url))
			close(gate)
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			assert.Equal(t, []string{"OnConnect", "OnEOSE", "OnEvent", "OnDisconnect"}, r.Names())
			assert.ErrorIs(t, kit.ReasonOf(t, r.All()[3]), gennostr.ErrRelayRemoved)
			assert.Equal(t, 1, relay.ConnectionCount())
		})
	})
	t.Run("none at stop", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.HoldDials("wss://dialling.example")
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(network.NewRelay(url).URL(), "wss://dialling.example", "wss://refused.example"))...)
			synctest.Wait()
			before := len(r.All())
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, []string{"Terminate"}, kit.NamesOf(r.All()[before:]))
		})
	})
	t.Run("Retry-After holds the next dial back", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			var dials []time.Duration
			began := time.Now()
			r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
				if n.Name == "OnDisconnect" {
					dials = append(dials, time.Since(began))
				}
				return nil
			}}
			kit.Start(t, r, answering(429, http.Header{"Retry-After": {"120"}}), gennostr.WithReconnectJitter(0), gennostr.WithRelays(url))
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
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Stop()
				opts := kit.Over(network, gennostr.WithRelays(relay.URL()))
				if manual {
					opts = append(opts, gennostr.WithManualReconnect())
				}
				var dials []time.Duration
				began := time.Now()
				r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
					if n.Name == "OnDisconnect" {
						dials = append(dials, time.Since(began))
						self.Reconnect(n.Relay.URL) // manual: starts the timer; else it forestalls nothing (L07)
						self.Reconnect(n.Relay.URL) // asking twice is no second timer
					}
					return nil
				}}
				client := kit.Start(t, r, opts...)
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
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			relay.Stop()
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()), gennostr.WithReconnectSchedule(10*s))...)
			time.Sleep(s) // virtual
			synctest.Wait()
			require.Len(t, r.Named("OnDisconnect"), 1)
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
			assert.Len(t, r.Named("OnDisconnect"), 1)
		})
	})
	t.Run("manual: nobody asks", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &kit.Recorder{}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()), gennostr.WithManualReconnect())...)
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
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example").Stop()
			var last time.Time
			var delays []time.Duration
			r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
				if n.Name == "OnDisconnect" {
					delays = append(delays, time.Since(last))
					last = time.Now()
				}
				return nil
			}}
			kit.Start(t, r, gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithRelays("wss://a.example"), gennostr.WithReconnectSchedule(10*s))
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
