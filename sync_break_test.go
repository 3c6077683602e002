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
