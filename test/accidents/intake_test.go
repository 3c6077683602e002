package accidents_test

import (
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

// What is refused gives its place in the window back: a relay that sends more
// forgeries than the window holds is still heard, and holds up nobody.
func TestRefusedEventsTakeNoRoomInTheWindow(t *testing.T) {
	kit.OnStage(t, kit.Streamer, func(t *testing.T, s kit.Stage) {
		for i, e := range kit.TextNotes(60) {
			switch {
			case i%3 == 0:
				e.Sig[40] ^= 1
			case i%3 == 1:
				e.Content += "altered"
			}
			s.Relay.Push(e)
			synctest.Wait()
			assert.Zero(t, s.Traffic().Undelivered)
		}
		assert.Len(t, s.Events(), 20)
		assert.EqualValues(t, 40, s.Traffic().Forged)
	}, gennostr.WithMailboxWindow(4, 1<<20), kit.Quietly())
}

// Readers share their buffers. Nothing that a handler was given lies in them: it
// is the same after megabytes of other messages on several connections.
func TestWhatAHandlerKeepsNeverChanges(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const relays, rounds = 3, 25
		r := &kit.Recorder{On: kit.Streamer}
		var urls []string
		var all []*nostrtest.Relay
		for i := range relays {
			urls = append(urls, fmt.Sprintf("wss://%d.example/", i))
			all = append(all, network.NewRelay(urls[i]))
		}
		kit.Start(t, r, kit.Over(network, gennostr.WithRelays(urls...), gennostr.WithMailboxWindow(8, 1<<20), kit.Quietly())...)
		synctest.Wait()
		text := func(i, n int) string {
			size := []int{0, 1, 100, 5_000, 20_000}[(i+n)%5]
			return fmt.Sprintf("%d/%d %s", i, n, strings.Repeat(string(rune('a'+(i*rounds+n)%26)), size))
		}
		for n := range rounds {
			for i, relay := range all {
				e := nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+n), nostrtest.Key(1+i), text(i, n),
					nostr.Tag{"t", text(i, n+1)}, nostr.Tag{text(i, n+2), `"\n"`})
				notice := strings.ReplaceAll(text(i, n+3), "/", `\/`)
				require.Equal(t, 1, relay.Inject(kit.EventFrame("all", e)))
				require.Equal(t, 1, relay.Inject(`["NOTICE","`+notice+`"]`))
			}
		}
		synctest.Wait()
		events, notices := make(map[string]int), make(map[string]int)
		for _, n := range r.All() {
			i := int(n.Relay.URL[len("wss://")] - '0')
			switch m := n.Msg.(type) {
			case gennostr.EventMessage:
				k := events[n.Relay.URL]
				events[n.Relay.URL]++
				assert.Equal(t, "all", m.SubscriptionID)
				require.NoError(t, m.Event.Verify(), "event %d of relay %d", k, i)
				require.Equal(t, text(i, k), m.Event.Content)
			case gennostr.NoticeMessage:
				k := notices[n.Relay.URL]
				notices[n.Relay.URL]++
				require.Equal(t, events[n.Relay.URL], k+1, "in the order of arrival")
				require.Equal(t, text(i, k+3), m.Message)
			}
		}
		for _, url := range urls {
			assert.Equal(t, rounds, events[url])
			assert.Equal(t, rounds, notices[url])
		}
	})
}

// Silence after a hold is silence: only while the reader waits is it our doing.
func TestARelayThatFallsSilentAfterAHoldIsGivenUp(t *testing.T) {
	hold := func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "OnEvent" {
			time.Sleep(time.Second) // virtual
		}
		return kit.Streamer(self, n)
	}
	kit.OnStage(t, hold, func(t *testing.T, s kit.Stage) {
		s.Relay.Push(kit.TextNotes(10)...)
		time.Sleep(time.Minute) // virtual
		require.Len(t, s.Events(), 10)
		s.Network.Partition(kit.StageURL)
		time.Sleep(time.Minute)
		require.NotEmpty(t, s.Named("OnDisconnect"))
		assert.ErrorIs(t, kit.ReasonOf(t, s.Named("OnDisconnect")[0]), gennostr.ErrPingTimeout)
	}, gennostr.WithMailboxWindow(1, 1<<20), gennostr.WithPing(10*time.Second, 5*time.Second), kit.Quietly())
}

// A relay that is removed while it waits for room in the client's budget leaves
// the queue: the room is not kept for it when it comes free.
func TestARelayThatEndsWhileItWaitsForTheBudgetHoldsUpNobody(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		urls := []string{"wss://0.example/", "wss://1.example/", "wss://2.example/"}
		goOn := make(chan struct{})
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnEvent" {
				<-goOn
			}
			return kit.Streamer(self, n)
		}}
		var relays []*nostrtest.Relay
		for _, url := range urls {
			relays = append(relays, network.NewRelay(url))
		}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(urls...), gennostr.WithMailboxBudget(1), kit.Quietly())...)
		synctest.Wait()
		for _, relay := range relays { // each waits behind the one before
			relay.Push(kit.TextNotes(3)...)
			synctest.Wait()
		}
		require.NoError(t, client.RemoveRelay(urls[1]))
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		count := make(map[string]int)
		for _, n := range r.Named("OnEvent") {
			count[n.Relay.URL]++
		}
		assert.Equal(t, map[string]int{urls[0]: 3, urls[2]: 3}, count)
	})
}
