package gennostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// An event that one relay brings live is delivered, though another relay's copy,
// which was stored there and is of no interest, was read first.
func TestLiveOnlyTakesALiveCopyAfterAStoredOne(t *testing.T) {
	const other = "wss://other.example/"
	r := &subscriber{opts: []gennostr.SubscribeOption{gennostr.LiveOnly()}}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay, other))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	deliverEOSE(t, h) // live here
	require.NoError(t, h.Connect(other))
	e := aNote("published while live on the first relay")
	require.NoError(t, h.Deliver(other, gennostr.EventMessage{SubscriptionID: "notes", Event: e})) // stored: the answer to limit 1
	deliverNote(t, h, e)                                                                           // live
	assert.Equal(t, []string{e.Content}, r.heard)
}
