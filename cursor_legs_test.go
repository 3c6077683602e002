package gennostr_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// A bot that meets relay after relay, and lets go of them, ends up with a cursor that
// knows the relays it has, and with a status that lists these.
func TestRelaysThatWereRemovedTakeNoRoomInACursor(t *testing.T) {
	r := &subscriber{}
	var current []string
	for i := range 10 {
		current = append(current, fmt.Sprintf("wss://current%d.example/", i))
	}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(current...))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	meet := func(url string) {
		require.NoError(t, h.Connect(url))
		require.NoError(t, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: "notes"}))
	}
	for _, url := range current {
		meet(url)
	}
	for i := range 1500 {
		url := fmt.Sprintf("wss://a-passing%d.example/", i)
		require.NoError(t, h.Client().AddRelay(url))
		meet(url)
		require.NoError(t, h.Client().RemoveRelay(url))
		require.NoError(t, h.Settle(t.Context()))
		_ = h.Disconnect(url, nil)
	}
	assert.LessOrEqual(t, len(h.Client().Subscriptions()[0].Relays), 100, "relays in the status")
	var saved gennostr.Cursor
	require.NoError(t, h.Run(func(self *gennostr.Self) error { saved, _ = self.Cursor("notes"); return nil }))
	text, err := saved.MarshalText()
	require.NoError(t, err)
	var read gennostr.Cursor
	require.NoError(t, read.UnmarshalText(text))
	require.NoError(t, h.Restart(&subscriber{saved: read}))
	for _, url := range current {
		h.Sent()
		require.NoError(t, h.Connect(url))
		sent := h.Sent()
		req := sent[0].Message.(gennostr.Req)
		assert.NotNil(t, req.Filters[0].Since, "%s resumes from where it was", url)
	}
}
