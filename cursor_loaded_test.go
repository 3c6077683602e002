package gennostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A relay that was never reached is asked for everything after a restart: what was
// handled of it, from another relay, is not repeated.
func TestACursorRepeatsNothingOfARelayThatWasNotLoaded(t *testing.T) {
	const other = "wss://other.example/"
	r := &subscriber{}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay, other))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	old := nostrtest.TextNoteAt(nostr.Now()-10*24*3600, nostrtest.Key(1), "ten days old")
	deliverNote(t, h, old)
	deliverNote(t, h, aNote("new"))
	deliverEOSE(t, h)
	var saved gennostr.Cursor
	require.NoError(t, h.Run(func(self *gennostr.Self) error { saved, _ = self.Cursor("notes"); return nil }))
	again := &subscriber{saved: saved}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(other)) // at last
	require.NoError(t, h.Deliver(other, gennostr.EventMessage{SubscriptionID: "notes", Event: old}))
	assert.Empty(t, again.heard)
}
