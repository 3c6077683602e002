package gennostr_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A relay that takes five events in ten seconds gets all there is in the end, and few of
// what it gets it has to refuse: one answer that is good does not make it be flooded anew.
// Shows D45.
func TestARelayWithALimitedRateIsNotFlooded(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var window time.Time
		taken, refused := 0, 0
		relay := network.NewRelay(relayA, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string {
			if now := time.Now(); now.Sub(window) >= 10*time.Second {
				window, taken = now, 0
			}
			if taken == 5 {
				refused++
				return "rate-limited: five in ten seconds"
			}
			taken++
			return ""
		}))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		var pubs []*gennostr.Publication
		for _, note := range numbered(60) {
			pub, err := client.StartPublish(note, gennostr.GiveUpAfter(time.Hour))
			require.NoError(t, err)
			pubs = append(pubs, pub)
		}
		for _, pub := range pubs {
			_, err := pub.Wait(t.Context())
			require.NoError(t, err)
		}
		assert.Len(t, relay.Events(), 60)
		assert.Less(t, refused, 60+30, "but for those that were under way at first, few")
	})
}

// Other relays do not wait for the one that is slow.
func TestALimitedRateIsOfItsRelayAlone(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseEvents("rate-limited: never")))
		network.NewRelay(relayB)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA, relayB))...)
		require.NoError(t, client.Ready(t.Context(), 2))
		began := time.Now()
		for _, note := range numbered(20) {
			_, err := client.Publish(t.Context(), note, gennostr.AtLeast(1))
			require.NoError(t, err)
		}
		assert.Zero(t, time.Since(began))
	})
}

// What is over takes up nothing, on the supervisor and on the connection.
func TestAPublicationThatIsOverTakesUpNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoOK().Every(3)))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, note := range numbered(300) {
			_, err := client.StartPublish(note, gennostr.GiveUpAfter(time.Minute))
			require.NoError(t, err)
		}
		_, awaited, _ := gennostr.Publishing(client, relayA)
		assert.NotZero(t, awaited)
		time.Sleep(time.Minute + time.Second)
		events, awaited, owed := gennostr.Publishing(client, relayA)
		assert.Zero(t, events)
		assert.Zero(t, awaited)
		assert.Zero(t, owed)
		assert.Zero(t, gennostr.OpenPublications(client))
	})
}

// A program that was suspended beyond the end of a publication reads what has come
// meanwhile before it gives anybody up.
// Shows L30.
func TestASuspendedProgramGivesNobodyUpTooEarly(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.LateOK(500*time.Millisecond).Times(1), nostrtest.NoOK().From(2)))
		var slept atomic.Int64
		client, err := gennostr.StartAt(t.Context(), func() time.Time { return time.Now().Add(time.Duration(slept.Load())) },
			over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, err)
		defer func() { assert.NoError(t, client.Stop(context.Background())) }()
		require.NoError(t, client.Ready(t.Context(), 1))
		notes := numbered(3)
		pub, err := client.StartPublish(notes[0])
		require.NoError(t, err)
		look := func() { // the timer of the supervisor does not know of the test's clock
			t.Helper()
			_, err := client.StartPublish(notes[1], gennostr.GiveUpAfter(24*time.Hour))
			require.NoError(t, err)
			synctest.Wait()
		}
		synctest.Wait()
		slept.Store(int64(10 * time.Minute))
		look()
		time.Sleep(2 * time.Second)
		look()
		r, err := pub.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, gennostr.Accepted, r.Outcomes[0].Verdict)

		pub, err = client.StartPublish(notes[2])
		require.NoError(t, err)
		synctest.Wait()
		slept.Store(int64(20 * time.Minute))
		look()
		time.Sleep(2 * time.Second)
		look()
		r, err = pub.Wait(t.Context())
		assert.Error(t, err, "who has not answered even then is given up")
		assert.Equal(t, gennostr.Unanswered, r.Outcomes[0].Verdict)
	})
}

// Nor does it wait without end for a publication whose relay is given up, or that ends with the
// client, in the moment after: that is no judgement, and nobody looks again.
func TestASuspendedProgramStillTellsWhatHasEnded(t *testing.T) {
	for name, ends := range map[string]func(t *testing.T, c *gennostr.Client){
		"with the client": func(t *testing.T, c *gennostr.Client) { require.NoError(t, c.Stop(t.Context())) },
		"with its relay":  func(t *testing.T, c *gennostr.Client) { require.NoError(t, c.RemoveRelay(relayA)) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				var slept atomic.Int64
				client, err := gennostr.StartAt(t.Context(), func() time.Time { return time.Now().Add(time.Duration(slept.Load())) },
					over(network, quietly(), gennostr.WithRelays(relayA))...) // where there is none
				require.NoError(t, err)
				defer func() { assert.NoError(t, client.Stop(context.Background())) }()
				pub, err := client.StartPublish(numbered(1)[0])
				require.NoError(t, err)
				synctest.Wait()
				slept.Store(int64(10 * time.Minute))
				ends(t, client)
				r, err := pub.Wait(t.Context())
				require.Error(t, err)
				assert.Equal(t, gennostr.Unanswered, r.Outcomes[0].Verdict, "%v", r.Outcomes[0])
				assert.Zero(t, gennostr.OpenPublications(client))
			})
		})
	}
}
