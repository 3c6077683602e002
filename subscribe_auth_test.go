package gennostr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A REQ that was sent before the AUTH is refused for want of it, and the relay says so
// after it has accepted the AUTH, as one with several workers does: it is asked again.
func TestARefusalForWantOfAuthThatComesAfterTheAuthIsAskedAgain(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	require.Len(t, h.Sent(), 1)
	auth := nostr.NewAuthEvent(subscribersRelay, "challenge", nostr.Now())
	require.NoError(t, auth.Sign(nostrtest.Key(7)))
	require.NoError(t, h.Client().Send(subscribersRelay, gennostr.AuthResponse{Event: &auth}))
	h.Sent()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.OKMessage{EventID: auth.ID, Accepted: true}))
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "auth-required: who are you?"}))
	require.NoError(t, h.Advance(10*time.Second))
	asked := 0
	for _, s := range h.Sent() {
		if _, ok := s.Message.(gennostr.Req); ok {
			asked++
		}
	}
	assert.Equal(t, 1, asked, "asked again now that the relay knows who we are")
}
