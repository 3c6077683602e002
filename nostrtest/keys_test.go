package nostrtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestKeysAndEventsAreTheSameInEveryRun(t *testing.T) {
	assert.Equal(t, "93cfe2eb6c76fc3f45c3ff8f0cdc665d", nostrtest.Key(1).Hex()[:32])
	assert.NotEqual(t, nostrtest.PubKey(1), nostrtest.PubKey(2))
	assert.Equal(t, nostrtest.Key(1).PubKey(), nostrtest.PubKey(1))

	a := nostrtest.TextNoteAt(1_700_000_000, nostrtest.Key(1), "hello", nostr.Tag{"t", "x"})
	b := nostrtest.EventAt(1_700_000_000, nostrtest.Key(1), 1, "hello", nostr.Tag{"t", "x"})
	assert.Equal(t, a.ID, b.ID)
	require.NoError(t, a.Verify())
	assert.Equal(t, nostrtest.PubKey(1), a.PubKey)
	assert.NotNil(t, nostrtest.TextNote(nostrtest.Key(1), "").Tags)

	assert.Panics(t, func() { nostrtest.TextNoteAt(0, nostrtest.Key(1), "") })
	assert.Panics(t, func() { nostrtest.TextNote(nostrtest.Key(1), "", nostr.Tag{}) })
	assert.Panics(t, func() { nostrtest.TextNote(nostr.SecretKey{}, "") })
}
