package gennostr_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// numbered are notes.
func numbered(n int) (list []*nostr.Event) {
	for i := range n {
		list = append(list, nostrtest.TextNoteAt(nostr.Now(), nostrtest.Key(1), fmt.Sprint(i)))
	}
	return list
}

// eventsOf counts how often a relay has got each event: the last one's OK may come before
// the relay has entered it in its books.
func eventsOf(relay *nostrtest.Relay) map[nostr.ID]int {
	synctest.Wait()
	count := make(map[nostr.ID]int)
	for _, m := range relay.Received() {
		if m.Verb == "EVENT" {
			count[m.Event.ID]++
		}
	}
	return count
}

// A link that is cut before the OK is no success: the event is sent again on the next,
// and what the relay says then is the verdict.
// Shows L04.
func TestALinkThatIsCutBeforeTheOKIsNoSuccess(t *testing.T) {
	for name, fault := range map[string]struct {
		fault nostrtest.Fault
		want  gennostr.Verdict
	}{
		"it was stored":     {nostrtest.Cut().Before("OK").Times(1), gennostr.Duplicate},
		"it was not stored": {nostrtest.Cut().On("EVENT").Times(1), gennostr.Accepted},
		"reset":             {nostrtest.Reset().Before("OK").Times(1), gennostr.Duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(fault.fault))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				note := numbered(1)[0]
				began := time.Now()
				r, err := client.Publish(t.Context(), note)
				require.NoError(t, err)
				assert.Equal(t, fault.want, r.Outcomes[0].Verdict)
				assert.Equal(t, 2, r.Outcomes[0].Tries)
				assert.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond, "not before the reconnect")
				assert.Len(t, relay.Events(), 1)
			})
		})
	}
}

// If the relay never comes back, nobody knows.
// Shows L04.
func TestALinkThatNeverComesBackLeavesTheEventUnanswered(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoOK()))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		pub, err := client.StartPublish(numbered(1)[0])
		require.NoError(t, err)
		_, err = relay.WaitEvent(t.Context(), nostr.Filter{})
		require.NoError(t, err)
		relay.Stop()
		began := time.Now()
		r, err := pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrNotConnected)
		assert.Equal(t, gennostr.Unanswered, r.Outcomes[0].Verdict)
		assert.Equal(t, 1, r.Outcomes[0].Tries)
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestAtLeastOneDoesNotWaitForARelayThatIsDown(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA, "wss://nowhere.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		began := time.Now()
		r, err := client.Publish(t.Context(), numbered(1)[0], gennostr.AtLeast(1))
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
		assert.Equal(t, []gennostr.Verdict{gennostr.Accepted, gennostr.Pending}, verdicts(r))
		assert.Len(t, relay.Events(), 1)
	})
}

// Shows L24.
func TestAHundredPublicationsAtOnceFiftyOfThemOfOneEvent(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		notes := numbered(51)
		var all sync.WaitGroup
		for i := range 100 {
			note := notes[max(0, i-49)]
			all.Go(func() { // joined below
				r, err := client.Publish(t.Context(), note)
				assert.NoError(t, err)
				assert.Equal(t, note.ID, r.Event.ID)
			})
		}
		all.Wait()
		assert.Len(t, relay.Events(), 51)
		assert.Len(t, eventsOf(relay), 51)
	})
}

// Whatever a relay does, nobody waits longer than his context allows.
func TestStalledRelaysHoldNobodyLongerThanTheContext(t *testing.T) {
	for _, fault := range []nostrtest.Fault{
		nostrtest.StallReads(), nostrtest.StallWrites(), nostrtest.IgnoreHandshake(), nostrtest.Silence(), nostrtest.NoAnswer(), nostrtest.OKForAnotherID(),
	} {
		t.Run(fault.String(), func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithFaults(fault))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				began := time.Now()
				var all sync.WaitGroup
				for _, note := range numbered(20) {
					all.Go(func() { // joined below
						r, err := client.Publish(ctx, note)
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						assert.Equal(t, []gennostr.Verdict{gennostr.Pending}, verdicts(r))
					})
				}
				all.Wait()
				assert.Equal(t, 3*time.Second, time.Since(began))
			})
		})
	}
}

// Shows P33.
func TestEphemeralEventsThatNobodyHearsAreRefusedAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.MuteUnheard()))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		r, err := client.Publish(t.Context(), nostrtest.Event(nostrtest.Key(1), 20001, "anybody?"))
		assert.Error(t, err)
		assert.Equal(t, gennostr.Refused, r.Outcomes[0].Verdict)
		assert.Contains(t, r.Outcomes[0].Message, "mute:")
	})
}

// Every spelling in which relays say that they have a newer version.
// Shows Q01, D43.
func TestSupersededIsRecognisedInWhatRelaysSay(t *testing.T) {
	for _, text := range nostrtest.ReplacedSpellings() {
		if text == "" {
			continue // nothing is nothing
		}
		for _, accepted := range []bool{false, true} {
			if accepted && text != "duplicate: have a newer version of this event" && text != "replaced: have newer event" {
				continue // behind true only some say so
			}
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.OutdatedSays(accepted, text)))
				relay.Publish(nostrtest.EventAt(200, nostrtest.Key(1), 10002, "new"))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				r, err := client.Publish(t.Context(), nostrtest.EventAt(100, nostrtest.Key(1), 10002, "old"))
				assert.Error(t, err, text)
				assert.Equal(t, gennostr.Superseded, r.Outcomes[0].Verdict, text)
			})
		}
	}
}

// 1,000 publications at 50 a second, and the relay is away for ten seconds of it.
// Shows D45.
func TestThePaceHoldsThroughAnOutage(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithPublishPace(50, 1))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		var pubs []*gennostr.Publication
		for _, note := range numbered(1000) {
			pub, err := client.StartPublish(note, gennostr.GiveUpAfter(5*time.Minute))
			require.NoError(t, err)
			pubs = append(pubs, pub)
		}
		time.Sleep(5 * time.Second)
		lost := relay.Break(nostrtest.Cut().Before("OK").Times(1)) // the OK of one is lost
		time.Sleep(100 * time.Millisecond)
		lost()
		relay.Stop()
		time.Sleep(10 * time.Second)
		require.NoError(t, relay.Restart())
		twice := 0
		for _, pub := range pubs {
			r, err := pub.Wait(t.Context())
			require.NoError(t, err)
			twice += r.Outcomes[0].Tries - 1
		}
		assert.LessOrEqual(t, twice, 2, "none is sent twice but where the OK was lost")
		assert.Len(t, relay.Events(), 1000)
		sent := 0
		for _, n := range eventsOf(relay) {
			sent += n
		}
		assert.Equal(t, 1000+twice, sent)
		spaced(t, relay, 50)
	})
}

// spaced looks that a relay got its events at no more than a rate.
func spaced(t *testing.T, relay *nostrtest.Relay, rate int) {
	t.Helper()
	var last time.Time
	for _, m := range relay.Received() {
		if m.Verb != "EVENT" {
			continue
		}
		if !last.IsZero() {
			require.GreaterOrEqual(t, m.Time.Sub(last), time.Second/time.Duration(rate))
		}
		last = m.Time
	}
}

// Who publishes much does not keep others from publishing, on a relay with a pace.
func TestPublicationsOfSeveralAuthorsTakeTurns(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithPublishPace(10, 1))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, note := range numbered(100) {
			_, err := client.StartPublish(note)
			require.NoError(t, err)
		}
		began := time.Now()
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(2), "only this"))
		require.NoError(t, err)
		assert.Less(t, time.Since(began), time.Second)
	})
}
