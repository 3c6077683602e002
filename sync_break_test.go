package gennostr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A callback that panics, in a program that recovers, leaves nothing open, and takes no turn from others.
func TestSyncWhoseCallbackPanicsIsOver(t *testing.T) {
	boom := func() { panic("boom") }
	for name, options := range map[string][]gennostr.SyncOption{
		"OnSyncProgress":     {gennostr.OnSyncProgress(func(gennostr.SyncProgress) { boom() })},
		"Fetching":           {gennostr.Fetching(func(*nostr.Event) error { boom(); return nil })},
		"Fetching, of pages": {gennostr.WithoutNegentropy(), gennostr.Fetching(func(*nostr.Event) error { boom(); return nil })},
		"Pushing":            {gennostr.Pushing(func(context.Context, nostr.ID) (*nostr.Event, error) { boom(); return nil, nil })},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(2000)
				network.NewRelay(relayA, nostrtest.WithNegentropyFrame(4096)).Publish(notes[:1500]...)
				client := start(t, nil, over(network, quietly())...)
				assert.PanicsWithValue(t, "boom", func() {
					_, _ = client.Sync(t.Context(), relayA, ofKind(1), archiveOf(t, notes[500:]...).set(), options...)
				})
				synctest.Wait()
				assert.Zero(t, gennostr.OpenSyncs(client))
				assert.Zero(t, gennostr.OpenQueries(client))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := client.Sync(ctx, relayA, ofKind(1), archiveOf(t, notes[500:]...).set())
				require.NoError(t, err)
				time.Sleep(time.Hour)
				synctest.Wait()
				assert.Empty(t, client.Guests())
			})
		})
	}
}

// A callback may ask the same relay for something else.
func TestSyncInsideOfASyncsCallback(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(2000)
		network.NewRelay(relayA, nostrtest.WithNegentropyFrame(4096)).Publish(notes[:1500]...)
		client := start(t, nil, over(network, quietly())...)
		have := archiveOf(t, notes[500:]...).set()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		inner := 0
		report, err := client.Sync(ctx, relayA, ofKind(1), have, gennostr.OnSyncProgress(func(gennostr.SyncProgress) {
			if inner++; inner > 3 {
				return
			}
			report, err := client.Sync(ctx, relayA, ofKind(1), have)
			require.NoError(t, err)
			require.Len(t, report.Need, 500)
		}))
		require.NoError(t, err)
		require.Len(t, report.Need, 500)
	})
}

// Sync has no deadline of its own, and what is to be fetched may be a million events: each that does
// not come would be waited for.
func TestSyncDoesNotFetchForEverFromARelayThatIsGone(t *testing.T) {
	for name, gone := range map[string]func(*nostrtest.Relay){
		"stopped": func(r *nostrtest.Relay) { r.Stop() },
		"silent":  func(r *nostrtest.Relay) { r.Break(nostrtest.NoAnswer().On("REQ")) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				events := invented(kit.Sized(20_000, 5_000))
				relay := network.NewRelay(relayA)
				relay.Publish(events...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				began := time.Now()
				n := 0
				report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, nil, gennostr.Fetching(func(*nostr.Event) error {
					if n++; n == 100 {
						gone(relay)
					}
					return nil
				}))
				assert.Less(t, time.Since(began), 5*time.Minute)
				require.Error(t, err)
				assert.True(t, report.Complete)
			})
		})
	}
}

// Nor are many windows tried one after another.
func TestSyncDoesNotCompareForEverWithARelayThatFallsSilent(t *testing.T) {
	for name, options := range map[string][]gennostr.SyncOption{"paged": nil, "not paged": {gennostr.WithoutPaging()}, "pages": {gennostr.WithoutNegentropy(), gennostr.WithWindow(time.Hour)}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				events := invented(kit.Sized(20_000, 5_000))
				relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NegentropyCap(200)))
				relay.Publish(events...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				began := time.Now()
				n := 0
				report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, archiveOf(t, events...).set(), append(options, gennostr.OnSyncProgress(func(gennostr.SyncProgress) {
					if n++; n == 5 {
						relay.Break(nostrtest.NoAnswer().On("REQ", "NEG-OPEN", "NEG-MSG"))
					}
				}))...)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.False(t, report.Complete)
				assert.NotEmpty(t, report.Gaps)
				assert.Less(t, time.Since(began), 10*time.Minute)
			})
		})
	}
}

// A connection that has brought a NEG-MSG was of use: however many end early, the next is not waited for ever longer.
// Shows D16.
func TestSyncWithARelayWhoseConnectionsEndEarly(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := invented(2000)
		time.Sleep(time.Until(events[1999].CreatedAt.Time())) // there are no windows of the future
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.Cut().On("NEG-OPEN").Every(3)))
		relay.Publish(events...)
		client := pool(t, network)
		filter := nostr.Filter{}.WithSince(events[0].CreatedAt).WithUntil(events[1999].CreatedAt)
		report, err := client.Sync(t.Context(), relayA, filter, archiveOf(t, events[1000:]...).set(), gennostr.WithWindow(20*time.Second))
		require.NoError(t, err)
		assert.Len(t, report.Need, 1000)
		assert.Equal(t, 25, report.Windows)
	})
}

// A relay that takes some events a minute gets all of them.
func TestSyncPushesAsFastAsTheRelayTakes(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var taken []time.Time // the relay asks for one event after another
		relay := network.NewRelay(relayA, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string {
			now := time.Now()
			for len(taken) > 0 && now.Sub(taken[0]) >= time.Minute {
				taken = taken[1:]
			}
			if len(taken) == 20 {
				return "rate-limited: slow down"
			}
			taken = append(taken, now)
			return ""
		}))
		client := start(t, nil, over(network, quietly())...)
		have := archiveOf(t, textNotes(300)...)
		began := time.Now()
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Pushing(have.give))
		require.NoError(t, err)
		assert.Equal(t, 300, report.Pushed)
		assert.Len(t, relay.Events(), 300)
		assert.Less(t, time.Since(began), time.Hour)
	})
}

func TestSyncDoesNotPushForEverToARelayThatSaysNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("EVENT")))
		client := start(t, nil, over(network, quietly())...)
		began := time.Now()
		have := archiveOf(t, textNotes(1000)...)
		_, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Pushing(have.give))
		require.ErrorContains(t, err, "in a row")
		assert.Less(t, time.Since(began), 15*time.Minute)
	})
}

// "blocked:" may mean the one who asks: that is found out soon, and not second by second.
func TestSyncWithARelayThatBlocksEverySpan(t *testing.T) {
	for name, filter := range map[string]nostr.Filter{
		"a day": ofKind(1).WithSince(1_699_990_000).WithUntil(1_700_076_400), "from tomorrow": ofKind(1).WithSince(1_700_000_000), "all": ofKind(1),
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(200)
				relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseNegentropy("NEG-ERR", "blocked: you")))
				relay.Publish(notes...)
				client := start(t, nil, over(network, quietly())...)
				have := archiveOf(t, notes[20:]...)
				report, err := client.Sync(t.Context(), relayA, filter, have.set(), gennostr.Fetching(have.take))
				require.NoError(t, err)
				assert.Len(t, have.events, 200)
				assert.Empty(t, report.Lacks)
				assert.Less(t, len(relay.Received()), 1000)
			})
		})
	}
}
