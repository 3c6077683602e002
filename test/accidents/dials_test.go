package accidents_test

import (
	"context"
	"fmt"
	"io"
	"net"
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

// holes is a network in which the hosts named hole… are black holes: some never
// take the call, others take it and never say a word.
type holes struct {
	network   *nostrtest.Network
	mute      bool
	now, most atomic.Int32 // dials of black holes under way
	begun     atomic.Int32
}

func (h *holes) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !strings.HasPrefix(addr, "hole") {
		return h.network.DialContext(ctx, network, addr)
	}
	h.begun.Add(1)
	n := h.now.Add(1)
	for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
	}
	if !h.mute {
		<-ctx.Done()
		h.now.Add(-1)
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	go func() { // ends when the client hangs up
		_, _ = io.Copy(io.Discard, theirs)
		_ = theirs.Close()
	}()
	return &hole{Conn: ours, closed: func() { h.now.Add(-1) }}, nil
}

// hole is the client's end of a connection that never says a word.
type hole struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (h *hole) Close() error {
	h.once.Do(h.closed)
	return h.Conn.Close()
}

// urls are those of n black holes.
func (h *holes) urls(n int) (urls []string) {
	for i := range n {
		urls = append(urls, fmt.Sprintf("ws://hole%03d.example/", i))
	}
	return urls
}

// DESIGN 3.11: the dead wait, the living do not.
// Shows L36.
func TestBlackHolesCostAGoodRelayTwoSecondsAtMost(t *testing.T) {
	for _, c := range []struct {
		places, holes int
		long          time.Duration // beyond the schedule's longest delay
	}{{64, 200, 3 * time.Minute}, {1, 10, 10 * time.Minute}, {2, 10, 10 * time.Minute}, {3, 10, 10 * time.Minute}, {4, 10, 10 * time.Minute}} {
		for _, mute := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d places, %d holes, mute %v", c.places, c.holes, mute), func(t *testing.T) {
				kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
					h := &holes{network: network, mute: mute}
					good := network.NewRelay("ws://good.example/")
					r := &kit.Recorder{}
					client := kit.Start(t, r, gennostr.WithDialContext(h.dial), gennostr.WithMaxDials(c.places), gennostr.WithReconnectJitter(0),
						gennostr.WithRelays(append(h.urls(c.holes), good.URL())...))
					began := time.Now()
					require.NoError(t, client.Ready(t.Context(), 1))
					assert.LessOrEqual(t, time.Since(began), 2*time.Second, "at first")

					for _, later := range []time.Duration{time.Second, 20 * time.Second, time.Minute, c.long} {
						time.Sleep(later) // virtual
						cut := time.Now()
						good.DisconnectAll()
						synctest.Wait()
						require.NoError(t, client.Ready(t.Context(), 1))
						assert.LessOrEqual(t, time.Since(cut), 2*time.Second, "cut %v later", later)
					}
					assert.LessOrEqual(t, int(h.most.Load()), 4*c.places)
					assert.Greater(t, int(h.begun.Load()), 3*c.holes, "the dead are not forgotten")
					kit.Grammar(t, r.All())
				})
			})
		}
	}
}

// All relays of a bot are cut at once, and most of them have become black holes.
func TestALostRelayIsBackWhileItsNeighboursAreBlackHoles(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var relays []*nostrtest.Relay
		var urls []string
		for i := range 11 {
			relays = append(relays, network.NewRelay(fmt.Sprintf("wss://%02d.example/", i)))
			urls = append(urls, relays[i].URL())
		}
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithMaxDials(2), gennostr.WithRelays(urls...))...)
		require.NoError(t, client.Ready(t.Context(), len(urls)))
		for i, relay := range relays {
			if i < 10 {
				network.HoldDials(relay.URL())
			}
			relay.DisconnectAll()
		}
		synctest.Wait()
		for range 5 {
			cut := time.Now()
			require.NoError(t, client.Ready(t.Context(), 1))
			assert.LessOrEqual(t, time.Since(cut), 3*time.Second)
			time.Sleep(time.Minute) // virtual
			relays[10].DisconnectAll()
			synctest.Wait()
		}
		for _, relay := range relays {
			network.ReleaseDials(relay.URL())
		}
		require.NoError(t, client.Ready(t.Context(), len(urls)))
		kit.Grammar(t, r.All())
	})
}

// A dial that was given up is told, dialled again on the schedule, and says why. It
// is no failure of its relay.
func TestADialThatIsGivenUpIsAFailedDial(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		h := &holes{network: network}
		urls := h.urls(5)
		var log kit.Journal
		r := &kit.Recorder{}
		client := kit.Start(t, r, gennostr.WithDialContext(h.dial), gennostr.WithMaxDials(1), gennostr.WithReconnectJitter(0),
			gennostr.WithReconnectSchedule(time.Hour), gennostr.WithRelays(urls...), log.Option())
		time.Sleep(3 * time.Second) // virtual
		synctest.Wait()
		notes := kit.OfRelay(r.All(), urls[0])
		dial := new(gennostr.DialError)
		require.ErrorAs(t, kit.SameEnd(t, notes), &dial)
		assert.ErrorIs(t, dial, gennostr.ErrDialAborted)
		assert.Equal(t, urls[0], dial.URL)
		assert.Zero(t, dial.Failures)
		status, _ := client.Relay(urls[0])
		assert.Equal(t, gennostr.RelayWaiting, status.State)
		assert.Equal(t, 1, status.Attempts)
		assert.ErrorIs(t, status.LastError, gennostr.ErrDialAborted)
		assert.InDelta(t, time.Hour.Seconds(), time.Until(status.NextAttempt).Seconds(), 5)
		require.Len(t, log.Lines("WARN"), 1)
		assert.Contains(t, log.Lines("WARN")[0], "others waited")
		assert.Len(t, r.Named("OnDisconnect"), 1, "one was enough: the other four have room")

		time.Sleep(30 * time.Second) // virtual: the others have timed out
		for _, url := range urls[1:] {
			assert.ErrorIs(t, kit.SameEnd(t, kit.OfRelay(r.All(), url)), gennostr.ErrHandshakeTimeout)
		}
	})
}

// RemoveRelay, Stop and the end of a dial meet a dial that is on its way out.
func TestADialThatIsGivenUpMayBeRemoved(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		h := &holes{network: network}
		urls := h.urls(12)
		r := &kit.Recorder{}
		client := kit.Start(t, r, gennostr.WithDialContext(h.dial), gennostr.WithMaxDials(1), gennostr.WithRelays(urls...))
		for _, url := range urls {
			time.Sleep(800 * time.Millisecond) // virtual
			require.NoError(t, client.RemoveRelay(url))
			require.NoError(t, client.AddRelay(url), "on its way out it may be added again")
		}
		for _, url := range urls {
			require.NoError(t, client.RemoveRelay(url))
		}
		synctest.Wait()
		assert.Empty(t, client.Relays())
		assert.Zero(t, h.now.Load())
		require.NoError(t, client.AddRelay(network.NewRelay("ws://good.example").URL()))
		synctest.Wait()
		assert.Len(t, client.Relays(), 1)
		assert.Equal(t, gennostr.RelayConnected, client.Relays()[0].State, "no place was lost")
	})
}

// DESIGN 3.12: five cuts, each of them 300 ms after a connection that served.
// Shows D16.
func TestAUsefulLinkIsNotPunishedLikeADeadOne(t *testing.T) {
	served := func(relay *nostrtest.Relay, message gennostr.ClientMessage) func(*gennostr.Self, kit.Note) error {
		return func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnConnect" && message != nil {
				self.Send(n.Relay.URL, message)
			}
			return nil
		}
	}
	event := kit.TextNotes(1)[0]
	for name, c := range map[string]struct {
		message gennostr.ClientMessage
		refuse  bool
		want    time.Duration // from the first cut's connection to the sixth
	}{
		"an EOSE":           {message: kit.Everything("all"), want: 16_500 * time.Millisecond},
		"an OK":             {message: gennostr.PublishEvent{Event: event}, want: 16_500 * time.Millisecond},
		"an OK that is no":  {message: gennostr.PublishEvent{Event: event}, refuse: true, want: 46_500 * time.Millisecond},
		"nothing":           {want: 46_500 * time.Millisecond},
		"nothing of weight": {message: gennostr.Raw(`["NOTHING"]`), want: 46_500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				var opts []nostrtest.Option
				if c.refuse {
					opts = append(opts, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string { return "blocked: no" }))
				}
				relay := network.NewRelay("wss://a.example", opts...)
				client := kit.Start(t, &kit.Recorder{On: served(relay, c.message)}, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
				away := time.Duration(0)
				for range 5 {
					require.NoError(t, client.Ready(t.Context(), 1))
					time.Sleep(300 * time.Millisecond) // virtual
					relay.DisconnectAll()
					lost := time.Now()
					synctest.Wait()
					require.NoError(t, client.Ready(t.Context(), 1))
					away += time.Since(lost)
				}
				assert.Equal(t, c.want, away)
			})
		})
	}
}
