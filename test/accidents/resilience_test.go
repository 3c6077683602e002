package accidents_test

import (
	"context"
	"fmt"
	"strings"
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

// One relay is killed and comes back twenty times while three others stream:
// none of the three loses or reorders anything, and the fourth comes back each
// time (L07, L08, L28, R44).
func TestKilledRelayComesBackTwentyTimesAndDisturbsNoOther(t *testing.T) {
	const kills, perRound = 20, 4
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var steady []*nostrtest.Relay
	var urls []string
	for range 3 {
		relay := nostrtest.NewRelay(t)
		steady = append(steady, relay)
		urls = append(urls, kit.Normal(t, relay.URL()))
	}
	victim := nostrtest.NewRelay(t)
	victimURL := kit.Normal(t, victim.URL())
	r := &kit.Recorder{On: kit.Streamer}
	client := kit.Start(t, r, gennostr.WithRelays(append(urls, victimURL)...),
		gennostr.WithReconnectSchedule(5*time.Millisecond))
	require.NoError(t, client.Ready(ctx, 4))
	for _, relay := range append(steady, victim) {
		_, err := relay.WaitRequest(ctx, func(nostrtest.Request) bool { return true })
		require.NoError(t, err)
	}

	events := kit.TextNotes(kills * perRound)
	for round := range kills {
		for i, relay := range steady {
			batch := events[round*perRound : (round+1)*perRound]
			relay.Publish(batch[:perRound/2]...)
			if i == 1 {
				victim.Stop()
			}
			relay.Publish(batch[perRound/2:]...)
		}
		require.NoError(t, victim.Restart())
		victims := 0
		r.WaitFor(t, "the victim's return", func(notes []kit.Note) bool {
			victims = 0
			for _, n := range notes {
				if n.Name == "OnConnect" && n.Relay.URL == victimURL {
					victims++
				}
			}
			return victims == round+2
		})
	}
	r.WaitFor(t, "all events", func(notes []kit.Note) bool {
		for _, url := range urls {
			if len(kit.Contents(notes, url)) < len(events) {
				return false
			}
		}
		return true
	})
	require.NoError(t, client.Stop(ctx))

	var want []string
	for _, e := range events {
		want = append(want, e.Content)
	}
	for _, url := range urls {
		assert.Equal(t, want, kit.Contents(r.All(), url), "events of %s", url)
	}
	kit.Grammar(t, r.All())
	connects := 0
	for _, n := range r.Named("OnConnect") {
		if n.Relay.URL == victimURL {
			connects++
		}
	}
	assert.Equal(t, kills+1, connects)
}

// R54: the delays before the dials, the last one repeated.
// Shows L08.
func TestReconnectScheduleOfARelayThatIsDown(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		relay.Stop()
		var dials []time.Duration
		began := time.Now()
		r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
			if n.Name == "OnDisconnect" {
				dials = append(dials, time.Since(began))
			}
			return nil
		}}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		time.Sleep(107 * time.Second) // virtual
		require.NoError(t, client.Stop(t.Context()))
		s := time.Second
		assert.Equal(t, []time.Duration{0, s / 2, s/2 + s, s/2 + 6*s, s/2 + 16*s, s/2 + 46*s, s/2 + 76*s, s/2 + 106*s}, dials)
		assert.Equal(t, []string{"OnError", "OnDisconnect", "OnError", "OnDisconnect"}, r.Names()[:4])
		var dial *gennostr.DialError
		require.ErrorAs(t, r.Named("OnDisconnect")[0].Msg.(error), &dial)
		assert.Same(t, r.Named("OnError")[0].Msg, r.Named("OnDisconnect")[0].Msg, "R53: the same value")
		for i, n := range r.Named("OnDisconnect") {
			assert.Equal(t, i+1, n.Relay.Attempts)
		}
		kit.Grammar(t, r.All())
	})
}

// L07: a momentary success does not reset the schedule; a stable connection does.
// Shows L07.
func TestOnlyAStableConnectionResetsTheSchedule(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		outage := func(up time.Duration) time.Duration { // how long until it is back
			require.NoError(t, client.Ready(t.Context(), 1))
			time.Sleep(up) // virtual
			lost := time.Now()
			relay.DisconnectAll()
			synctest.Wait()
			require.NoError(t, client.Ready(t.Context(), 1))
			return time.Since(lost)
		}
		assert.Equal(t, 500*time.Millisecond, outage(time.Second))
		assert.Equal(t, time.Second, outage(time.Second))
		assert.Equal(t, 5*time.Second, outage(29*time.Second))
		assert.Equal(t, 500*time.Millisecond, outage(30*time.Second))
		assert.Equal(t, time.Second, outage(0))
		require.NoError(t, client.Stop(t.Context()))
		kit.Grammar(t, r.All())
	})
}

// L11: a peer that is gone without a word is noticed one ping after its last byte.
// Shows L11.
func TestHalfOpenPeerIsNoticedByKeepalive(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example")
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithPing(30*time.Second, 10*time.Second))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		time.Sleep(10 * time.Minute) // virtual: a peer that answers pings is left alone
		assert.Empty(t, r.Named("OnDisconnect"))
		cut := time.Now()
		network.Partition("wss://a.example")
		for len(r.Named("OnDisconnect")) == 0 {
			time.Sleep(time.Second)
			require.Less(t, time.Since(cut), time.Minute)
		}
		assert.LessOrEqual(t, time.Since(cut), 41*time.Second)
		assert.ErrorIs(t, r.Named("OnDisconnect")[0].Msg.(error), gennostr.ErrPingTimeout)
		assert.ErrorIs(t, r.Named("OnError")[0].Msg.(error), gennostr.ErrPingTimeout)
		network.Heal("wss://a.example")
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Stop(t.Context()))
	})
}

// DESIGN 3.6: a reader held up by its own full window is no dead relay.
// Shows D12.
func TestBlockedHandlerIsNoDeadRelay(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		events := kit.TextNotes(200)
		relay.Publish(events...)
		gate := make(chan struct{})
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnEvent" {
				<-gate
			}
			return kit.Streamer(self, n)
		}}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithMailboxWindow(4, 1<<20))...)
		time.Sleep(time.Hour) // virtual
		assert.Len(t, r.Named("OnEvent"), 1)
		status, ok := client.Relay("wss://a.example")
		require.True(t, ok)
		assert.Equal(t, gennostr.RelayConnected, status.State)
		assert.LessOrEqual(t, status.Traffic.Undelivered, 4)
		close(gate)
		synctest.Wait()
		assert.Len(t, r.Named("OnEvent"), len(events), "nothing is lost afterwards")
		assert.Empty(t, r.Named("OnError"))
		require.NoError(t, client.Stop(t.Context()))
	})
}

// R30, L09: twenty thousand stored events against a blocked handler, over real
// sockets: what is held is bounded by the window, and nothing is lost.
// Shows L09, B01.
func TestR30WindowBoundsWhatABlockedHandlerHolds(t *testing.T) {
	const n = 20_000
	relay := nostrtest.NewRelay(t)
	note := kit.TextNotes(1)[0]
	gate := make(chan struct{})
	entered := make(chan struct{})
	count := 0
	r := &kit.Recorder{}
	done := make(chan struct{})
	h := &kit.Counting{Recorder: r, Event: func() {
		if count == 0 {
			close(entered)
			<-gate
		}
		if count++; count == n {
			close(done)
		}
	}}
	client := kit.Start(t, h, gennostr.WithRelays(relay.URL()), gennostr.WithMailboxWindow(64, 1<<20), gennostr.WithTrustedRelay())
	_, err := relay.WaitRequest(t.Context(), func(nostrtest.Request) bool { return true })
	require.NoError(t, err)
	for range n {
		relay.Push(note)
	}
	<-entered
	held := client.Stats().Mailbox
	assert.LessOrEqual(t, held, 64)
	close(gate)
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		require.Fail(t, "events are missing")
	}
}

// R48: one shared deadline; sockets are cut when it ends, and the callback that
// does not end is named.
func TestR48ShutdownDeadlineNamesTheCallbackThatDoesNotEnd(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		gate := make(chan struct{})
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnConnect" {
				<-gate
			}
			return nil
		}}
		client, err := gennostr.Start(t.Context(), r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, err)
		synctest.Wait()
		began := time.Now()
		err = client.Stop(t.Context())
		var late *gennostr.ShutdownError
		require.ErrorAs(t, err, &late)
		assert.Equal(t, "OnConnect", late.Running)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.InDelta(t, 5.0, time.Since(began).Seconds(), 0.2)
		synctest.Wait()
		open := 0
		for _, c := range relay.Connections() {
			if c.Open() {
				open++
			}
		}
		assert.Zero(t, open, "sockets are cut although the callback still runs")
		select {
		case <-client.Done():
			t.Fatal("Done is closed while user code runs")
		default:
		}
		close(gate)
		<-client.Done()
		assert.NoError(t, client.Stop(t.Context()), "Stop is idempotent")
		assert.Equal(t, "Terminate", r.Names()[len(r.Names())-1])
	})
}

// P35, L29: a frame far over the read limit ends that connection with a typed
// error, and the schedule goes on.
// Shows D15.
func TestFrameFarOverTheReadLimitEndsTheConnectionAndTheScheduleGoesOn(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithReadLimit(1000))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		relay.Inject(`["NOTICE","` + strings.Repeat("x", 900) + `"]`)
		relay.Inject(`["NOTICE","` + strings.Repeat("x", 8000) + `"]`)
		time.Sleep(time.Second) // virtual
		assert.Equal(t, []string{"OnConnect", "OnNotice", "OnError", "OnDisconnect", "OnConnect"}, r.Names())
		assert.ErrorIs(t, r.Named("OnError")[0].Msg.(error), gennostr.ErrFrameTooLarge)
		require.NoError(t, client.Stop(t.Context()))
	})
}

// P35: malformed frames cost nothing but a coalesced, counted report.
// Shows B15.
func TestMalformedFramesAreReportedCoalescedAndCounted(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &kit.Recorder{}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		const n = 1000
		for i := range n {
			relay.Inject(fmt.Sprintf(`["EVENT","x",{"id":%d}]`, i))
		}
		relay.Notice("after")
		time.Sleep(5 * time.Second) // virtual
		total := 0
		for _, e := range r.Named("OnError") {
			var reject *gennostr.RejectError
			require.ErrorAs(t, e.Msg.(error), &reject)
			assert.ErrorIs(t, reject, gennostr.ErrMalformed)
			total += reject.Count
		}
		assert.Equal(t, n, total, "every frame is counted")
		assert.LessOrEqual(t, len(r.Named("OnError")), 3)
		assert.Len(t, r.Named("OnNotice"), 1, "the connection goes on")
		assert.Len(t, r.Named("OnConnect"), 1)
		status, _ := client.Relay("wss://a.example")
		assert.EqualValues(t, n, status.Traffic.Malformed)
		require.NoError(t, client.Stop(t.Context()))
	})
}

// L02, L03, P06: forged copies are dropped and counted, and do not keep the
// real event from arriving.
// Shows P06, L02.
func TestL03ForgedCopyFirstRealOneSecond(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &kit.Recorder{On: kit.Streamer}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		_, err := relay.WaitRequest(t.Context(), func(nostrtest.Request) bool { return true })
		require.NoError(t, err)
		real := kit.TextNotes(1)[0]
		altered := *real
		altered.Content = "altered"
		resigned := *real
		resigned.Sig[63] ^= 1
		relay.Push(&altered, &resigned, real)
		time.Sleep(3 * time.Second) // virtual
		require.Len(t, r.Named("OnEvent"), 1)
		assert.Equal(t, real, r.Named("OnEvent")[0].Msg.(gennostr.EventMessage).Event)
		reasons := r.Named("OnError")
		require.Len(t, reasons, 2)
		assert.ErrorIs(t, reasons[0].Msg.(error), nostr.ErrBadID)
		assert.ErrorIs(t, reasons[1].Msg.(error), nostr.ErrBadSignature)
		status, _ := client.Relay("wss://a.example")
		assert.EqualValues(t, 2, status.Traffic.Forged)
		assert.EqualValues(t, 1, status.Traffic.Events)
		require.NoError(t, client.Stop(t.Context()))
	})
}
