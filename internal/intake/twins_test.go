package intake_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/verify"
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

// A copy that came while the first one was being checked is not wanted any more when
// its turn comes: it is counted, its room is free again, and no copy of it is made.
func TestCopiesThatWaitedForTheFirstAreDropped(t *testing.T) {
	b := newBench(t, ample)
	b.once = true
	b.ask("a", nostr.Filter{})
	frame := frameOf("a", event(1, true, nostr.Tag{"t", "x"}))
	for range 100 {
		b.take(frame)
	}
	require.True(t, b.common.Twins.Hot())
	require.Len(t, b.letters, 1)
	other := event(1, true, nostr.Tag{"t", "y"})
	b.mu.Lock() // the check waits for it
	for range 3 {
		b.Take(&intake.Buffers{Frame: []byte(frameOf("a", other))}, true, false)
	}
	b.mu.Unlock()
	b.Lane().Drain()
	require.Len(t, b.letters, 2)
	assert.Equal(t, other.String(), b.letters[1].Event.String())
	assert.EqualValues(t, 103, b.Counts().Events)
	n, size := b.window.Used()
	assert.Equal(t, 2, n)
	assert.EqualValues(t, b.letters[0].Size+b.letters[1].Size, size)
}

// A verifier of the user's may do to an event what it likes: other copies are not changed by it.
func TestAVerifierChangesNoOtherCopy(t *testing.T) {
	b := newBench(t, ample)
	refuse := false
	pool := verify.NewPool(verify.Config{Workers: 1, NewCheck: func() verify.Check {
		return verify.Each(func(e *nostr.Event) error {
			if refuse {
				e.Content, e.Tags[0][1] = "spoiled", "too"
				return nostr.ErrBadSignature
			}
			return nil
		})
	}})
	t.Cleanup(pool.Stop)
	b.common = intake.NewShared(pool, false)
	b.Intake = intake.New(b.common, b.Config)
	b.ask("a", nostr.Filter{})
	for range 100 {
		b.take(frameOf("a", event(1, true, nostr.Tag{"t", "x"})))
	}
	require.True(t, b.common.Twins.Hot())
	other := event(1, true, nostr.Tag{"t", "y"})
	refuse = true
	for range 2 { // the second one is known by its bytes, and not proven
		b.take(frameOf("a", other))
	}
	require.Len(t, b.why, 2)
	refuse = false
	b.take(frameOf("a", other))
	require.Len(t, b.letters, 101)
	assert.Equal(t, other.String(), b.letters[100].Event.String())
}
