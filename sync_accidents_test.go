package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Whatever a callback does: Sync comes to an end, what it says is so, and nothing stays open.
func TestSyncsWhoseCallbacksDoSomething(t *testing.T) {
	for seed := range uint64(kit.Sized(12, 4)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				random := rand.New(rand.NewPCG(seed, 2))
				notes := textNotes(1000)
				var faults []nostrtest.Fault
				if random.IntN(2) == 0 {
					faults = append(faults, nostrtest.NegentropyCap(100))
				}
				if random.IntN(3) == 0 {
					faults = append(faults, nostrtest.RefuseNegentropy("NEG-ERR", "blocked: you"))
				}
				relay := network.NewRelay(relayA, nostrtest.WithFaults(faults...), nostrtest.WithNegentropyFrame(4096))
				relay.Publish(notes[:900]...)
				options := over(network, quietly())
				if random.IntN(2) == 0 {
					options = append(options, gennostr.WithRelays(relayA))
				}
				client := launch(t, nil, options...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				have := archiveOf(t, notes[100:]...)
				depth, calls := 0, 0
				act := func() error {
					if calls++; random.IntN(40) > 0 {
						return nil
					}
					switch random.IntN(9) {
					case 0:
						cancel()
					case 1:
						if random.IntN(3) == 0 {
							return client.Stop(t.Context())
						}
					case 2:
						_ = client.RemoveRelay(relayA)
					case 3:
						_, _ = client.EnsureRelay(relayA)
					case 4:
						relay.DisconnectAll()
					case 5:
						time.Sleep(time.Duration(random.IntN(100)) * time.Second)
					case 6:
						_ = client.Reconnect(relayA)
					case 7:
						if depth++; depth < 3 {
							_, _ = client.Sync(ctx, relayA, ofKind(1), nil, gennostr.OnSyncProgress(func(gennostr.SyncProgress) { time.Sleep(time.Second) }))
						}
					case 8:
						if random.IntN(5) == 0 {
							return errors.New("enough")
						}
					}
					return nil
				}
				began := time.Now()
				report, err := client.Sync(ctx, relayA, ofKind(1), have.set(),
					gennostr.Fetching(func(e *nostr.Event) error {
						if err := have.take(e); err != nil {
							return err
						}
						return act()
					}),
					gennostr.Pushing(func(ctx context.Context, id nostr.ID) (*nostr.Event, error) {
						e, _ := have.give(ctx, id)
						return e, act()
					}),
					gennostr.OnSyncProgress(func(gennostr.SyncProgress) { _ = act() }))
				require.Less(t, time.Since(began), 2*time.Hour)
				require.Positive(t, calls)
				if report.Complete {
					require.ElementsMatch(t, idsIn(notes[:100]), report.Need)
					require.Equal(t, idsIn(notes[900:]), report.Lacks)
				} else {
					require.Error(t, err)
				}
				if err == nil {
					require.Len(t, have.events, 1000)
					require.Len(t, relay.Events(), 1000)
				}
				for _, id := range report.Need {
					require.True(t, slices.ContainsFunc(notes[:100], func(e *nostr.Event) bool { return e.ID == id }))
				}
				synctest.Wait()
				require.Zero(t, gennostr.OpenSyncs(client))
				require.Zero(t, gennostr.OpenQueries(client))
				_ = client.RemoveRelay(relayA)
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Empty(t, client.Guests())
				require.NoError(t, client.Stop(t.Context()))
			})
		})
	}
}
