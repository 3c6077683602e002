package nostrtest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestNetworkReachesItsRelaysByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		for i, url := range []string{"wss://a.example", "ws://b.example/path", "wss://c.example:8443", "ws://[::1]:7777", "wss://bücher.example"} {
			relay := network.NewRelay(url)
			assert.Equal(t, url, relay.URL())
			note := nostrtest.TextNote(nostrtest.Key(i), url)
			relay.Publish(note)
			c := dial(t, network.HTTPClient(), url)
			assert.Equal(t, stored("s", note), c.ask("REQ", "s", nostr.Filter{}))
			normal, err := nostr.NormalizeURL(url)
			require.NoError(t, err)
			assert.Equal(t, normal, relay.Connections()[0].URL)
			require.NoError(t, c.ws.Close(1000, ""))
		}
	})
}

func TestDialToAnUnknownOrStoppedHostIsRefusedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		start := time.Now()
		_, err := tryDial(t, network.HTTPClient(), "wss://nobody.example")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		_, err = tryDial(t, network.HTTPClient(), "wss://a.example:444")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		relay.Stop()
		_, err = tryDial(t, network.HTTPClient(), home)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Zero(t, time.Since(start))
		require.NoError(t, relay.Restart())
		dial(t, network.HTTPClient(), home)
	})
}

func TestHeldDialsHangUntilTheyAreReleasedOrGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		before := dial(t, network.HTTPClient(), home)
		network.HoldDials(home)
		start := time.Now()
		_, err := tryDial(t, network.HTTPClient(), home) // gives up after ten seconds
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, stored("s"), before.ask("REQ", "s", nostr.Filter{}), "open connections are not touched")

		time.AfterFunc(5*time.Second, func() { network.ReleaseDials(home) })
		start = time.Now()
		dial(t, network.HTTPClient(), home)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, 2, relay.ConnectionCount())
	})
}

func TestGivenUpDialLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		network.HoldDials("wss://later.example")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := network.DialContext(ctx, "tcp", "later.example:443")
		require.ErrorIs(t, err, context.Canceled)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://later.example", nil)
		require.NoError(t, err)
		_, err = network.HTTPClient().Do(request)
		require.ErrorIs(t, err, context.Canceled)
		// The bubble's end proves that the transport's own dial has ended too.
	})
}

func TestPartitionIsSilentAndHealDeliversLate(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "s", nostr.Filter{})
		network.Partition(home)
		note := nostrtest.TextNote(nostrtest.Key(1), "unheard")
		relay.Publish(note)
		c.send("REQ", "later", nostr.Filter{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.Empty(t, c.got())
		assert.NoError(t, c.ended(), "nobody was told")
		assert.Len(t, relay.Connections(), 1)
		assert.Len(t, relay.Requests(), 1)

		_, err := tryDial(t, network.HTTPClient(), home)
		require.ErrorIs(t, err, context.DeadlineExceeded, "dials hang")
		network.Heal(home)
		assert.Equal(t, append(events("s", note), stored("later", note)...), c.got())
		require.NoError(t, c.ws.Ping(ctx))
	})
}

// What a keepalive has to find out by itself: the peer says nothing and the
// connection is open.
func TestPartitionedPeerAnswersNoPing(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		network.Partition(home)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.ErrorIs(t, c.ws.Ping(ctx), context.DeadlineExceeded)
		assert.Equal(t, 20*time.Second, time.Since(start))
		c.cut()
		time.Sleep(time.Hour)
		assert.Len(t, relay.Connections(), 1, "not even the end of the connection gets through")
		network.Heal(home)
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
	})
}

func TestStopDuringAPartitionReachesTheClientAtHeal(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		network.Partition(home)
		relay.Stop()
		assert.NoError(t, c.ended())
		network.Heal(home)
		require.Error(t, c.ended())
		_, err := tryDial(t, network.HTTPClient(), home)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestPartitionOfOneHostLeavesTheOthersAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		network.NewRelay("wss://b.example")
		network.Partition(home)
		c := dial(t, network.HTTPClient(), "wss://b.example")
		assert.Equal(t, stored("s"), c.ask("REQ", "s", nostr.Filter{}))
	})
}

func TestClosedNetworkEndsEverythingInsideTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.StartNetwork()
		relays := make([]*nostrtest.Relay, 5)
		var clients []*websocket.Conn
		for i := range relays {
			url := fmt.Sprintf("wss://relay%d.example", i)
			relays[i] = network.NewRelay(url)
			for range 3 {
				ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
				require.NoError(t, err)
				clients = append(clients, ws)
			}
		}
		network.Partition("wss://relay0.example")
		network.HoldDials("wss://held.example")
		go func() { _, _ = network.DialContext(t.Context(), "tcp", "held.example:443") }()
		waiting := make(chan error, 1)
		go func() { waiting <- relays[1].WaitConnections(context.Background(), 99) }()
		synctest.Wait()
		network.Close()
		network.Close()
		require.ErrorIs(t, <-waiting, nostrtest.ErrClosed)
		require.ErrorIs(t, relays[2].Restart(), nostrtest.ErrClosed)
		for _, ws := range clients {
			_, _, err := ws.Read(context.Background())
			require.Error(t, err, "also across a partition")
			_ = ws.CloseNow()
		}
		_, err := network.DialContext(t.Context(), "tcp", "relay1.example:443")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestNameIsFreeAgainOnceItsRelayIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Close()
		again := network.NewRelay(home)
		dial(t, network.HTTPClient(), home)
		assert.Equal(t, 1, again.ConnectionCount())
	})
}

func TestNetworkRefusesBadNamesAndASecondRelayOfAName(t *testing.T) {
	network := nostrtest.StartNetwork()
	defer network.Close()
	network.NewRelay("wss://a.example")
	for _, url := range []string{"https://a.example", "a.example", "", "wss://A.example:443/other"} {
		assert.Panics(t, func() { network.NewRelay(url) }, url)
	}
	assert.Panics(t, func() { network.HoldDials("nonsense") })
	assert.Panics(t, func() { network.NewRelay("wss://b.example", nostrtest.WithHistory(-1)) })

	fatal := &recordingTB{TB: t}
	func() {
		defer func() { _ = recover() }()
		nostrtest.NewNetwork(fatal).NewRelay("nonsense")
	}()
	assert.Contains(t, fatal.message, `"nonsense"`)
}

// recordingTB stands for a test that is ended by Fatalf.
type recordingTB struct {
	nostrtest.TB
	message string
}

func (tb *recordingTB) Fatalf(format string, args ...any) {
	tb.message = fmt.Sprintf(format, args...)
	panic(tb.message)
}

// The pattern that virtual time is for: hours of outages in no time.
func TestManyOutagesPassInVirtualTime(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		start := time.Now()
		for range 20 {
			c := dial(t, network.HTTPClient(), home)
			c.ask("REQ", "s", nostr.Filter{})
			relay.Stop()
			require.Error(t, c.ended())
			time.Sleep(30 * time.Minute)
			require.NoError(t, relay.Restart())
		}
		assert.Equal(t, 10*time.Hour, time.Since(start))
		assert.Equal(t, 20, relay.ConnectionCount())
		assert.Len(t, relay.Requests(), 20)
	})
}

func TestSmallBufferMakesEveryoneWaitAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t, nostrtest.WithBuffer(16))
		relay := network.NewRelay(home)
		c := dial(t, network.HTTPClient(), home)
		note := nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("long ", 5000))
		assert.Equal(t, []string{ok(note)}, c.ask("EVENT", note))
		assert.Equal(t, stored("s", note), c.ask("REQ", "s", nostr.Filter{}))
		assert.Len(t, relay.Events(), 1)
	})
}
