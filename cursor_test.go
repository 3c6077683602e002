package gennostr_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// One relay is live, of another the first load goes on: that begins from the beginning
// again, and what it has brought of long ago is not to be handled again.
func TestACursorRemembersAllThatWasHandledWhileAFirstLoadGoesOn(t *testing.T) {
	const loading = "wss://loading.example/"
	r := &subscriber{}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay, loading))
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(subscribersRelay))
	require.NoError(t, h.Connect(loading))
	old := nostrtest.TextNoteAt(nostr.TimestampOf(h.Now().Add(-10*24*time.Hour)), nostrtest.Key(1), "old")
	deliverNote(t, h, aNote("new"))
	deliverEOSE(t, h)
	fromLoading := gennostr.EventMessage{SubscriptionID: "notes", Event: old}
	require.NoError(t, h.Deliver(loading, fromLoading))
	again := &subscriber{saved: throughText(t, cursorOf(t, h))}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(loading))
	require.NoError(t, h.Deliver(loading, fromLoading))
	assert.Equal(t, []string{"new", "old"}, r.heard)
	assert.Empty(t, again.heard)
}

// Of more than a cursor remembers, the last ones count: the event at hand before all others.
// Shows B20.
func TestAFullCursorHasTheEventAtHandAndTheLatest(t *testing.T) {
	const n = 5000
	var during gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, _ gennostr.EventMessage) error {
		if len(r.heard) == n {
			during, _ = self.Cursor("notes")
		}
		return nil
	}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay), gennostr.WithTrustedRelay())
	require.NoError(t, err)
	defer h.Stop()
	events := make([]*nostr.Event, n)
	for i := range events {
		events[i] = &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.TimestampOf(h.Now()), Tags: nostr.Tags{}}
		binary.BigEndian.PutUint64(events[i].ID[:], uint64(i)+1)
	}
	require.NoError(t, h.Connect(subscribersRelay))
	for _, e := range events {
		deliverNote(t, h, e)
	}
	again := &subscriber{saved: throughText(t, during)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	for _, e := range events[n-4000:] {
		deliverNote(t, h, e)
	}
	assert.Empty(t, again.heard)
}

// What a relay sends again moves from what the cursor has brought to what is remembered. A
// cursor that is taken meanwhile has it, or it would be handled twice after a restart.
func TestACursorHasWhatComesAgainMeanwhile(t *testing.T) {
	client := start(t, nil, quietly())
	for range 1000 {
		require.Zero(t, gennostr.CursorsWhileEventsComeAgain(client, 64), "cursors that lack an event")
	}
}
