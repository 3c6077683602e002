package intake_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/nostr"
)

// Copies that are known by their bytes are made anew for each who gets one: what a
// handler does to an event changes no other's.
func TestEachCopyOfAnEventIsItsReceiversOwn(t *testing.T) {
	b := newBench(t, ample)
	b.ask("a", nostr.Filter{})
	e := event(1, true, nostr.Tag{"t", "x"})
	frame := frameOf("a", e)
	for range 100 { // so that the intake gets used to copies
		b.take(frame)
	}
	require.True(t, b.common.Twins.Hot())
	other := event(1, true, nostr.Tag{"t", "y"})
	frame = frameOf("a", other)
	for range 3 {
		b.letters = nil
		b.take(frame)
		require.Len(t, b.letters, 1)
		got := b.letters[0].Event
		require.Equal(t, other.String(), got.String())
		got.Content, got.Tags[0][1] = "spoiled", "too"
	}
	assert.NotNil(t, b.common.Twins.Find([]byte(other.String())), "or this has tested nothing")
}

// While the verifier has its hands full, copies are not proven yet; they are copies all the same.
func TestCopiesOfEventsThatAreBeingCheckedAreKnownByTheirBytes(t *testing.T) {
	b := newBench(t, ample)
	b.ask("a", nostr.Filter{})
	b.mu.Lock() // the check waits for it
	for n := range 40 {
		e := event(1, true, nostr.Tag{"t", string(rune('A' + n))})
		for range 3 {
			b.Take(&intake.Buffers{Frame: []byte(frameOf("a", e))}, true, false)
		}
	}
	assert.True(t, b.common.Twins.Hot())
	b.mu.Unlock()
	b.Lane().Drain()
	assert.Len(t, b.letters, 120)
}
