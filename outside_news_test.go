package gennostr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// A relay that comes and goes while nobody ranges: what waits is how things stand, not
// every change there has been.
// Shows B18.
func TestNewsOfASubscriptionThatNobodyReadsIsBounded(t *testing.T) {
	h, err := gennostr.NewHarness(&gennostr.BaseHandler{}, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	sub, err := h.Client().Subscribe(t.Context(), allNotes, gennostr.WithBuffer(10))
	require.NoError(t, err)
	for range 2000 {
		require.NoError(t, h.Connect(subscribersRelay))
		h.Sent()
		require.NoError(t, h.Receive(subscribersRelay, `["EOSE","gn:1"]`))
		_ = h.Disconnect(subscribersRelay, nil)
	}
	waiting := 0
	time.AfterFunc(2*time.Second, sub.Close) // if there are fewer
	for m := range sub.All() {
		require.NotNil(t, m.Change)
		if waiting++; waiting == 2000 {
			break
		}
	}
	_ = h.Stop()
	assert.Less(t, waiting, 100)
}
