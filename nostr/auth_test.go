package nostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestP39TheAnswerToAChallenge(t *testing.T) {
	const relay = "wss://Relay.example.com" // as it was dialled, not as it is normalised
	ev := nostr.NewAuthEvent(relay, "a \"challenge\"\n", 1700000000)
	assert.Equal(t, nostr.Event{Kind: 22242, CreatedAt: 1700000000, Tags: nostr.Tags{{"relay", relay}, {"challenge", "a \"challenge\"\n"}}}, ev)
	require.NoError(t, ev.Sign(keyOne))
	assert.NoError(t, ev.Verify())
	assert.Equal(t, nostr.Timestamp(1700000000), ev.CreatedAt)
}
