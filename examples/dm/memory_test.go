package main

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
)

func numbered(n int) nostr.ID {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// However many messages come, none counts twice: what does not fit any more is
// older than everything that will be taken.
func TestMemoryIsBoundedAndTakesNothingTwice(t *testing.T) {
	const now, since = 1_700_000_000, 1_699_000_000
	m := newMemory(100, since)
	date := func(n int) nostr.Timestamp { return since + nostr.Timestamp(n*7919%50_000) } // in no order
	taken := 0
	for n := range 1000 {
		if fresh, _ := m.take(numbered(n), date(n), now); fresh {
			taken++
		}
		assert.LessOrEqual(t, len(m.ids), 100)
		assert.Len(t, m.order, len(m.ids))
	}
	assert.Greater(t, taken, 100)
	for n := range 1000 {
		fresh, _ := m.take(numbered(n), date(n), now)
		assert.False(t, fresh, "%d again", n)
	}
	fresh, why := m.take(numbered(1001), now, now)
	assert.True(t, fresh, why)
}

func TestMemoryRefusesDates(t *testing.T) {
	m := newMemory(3, 1_700_000_000)
	fresh, why := m.take(numbered(1), 1_699_999_999, 1_700_000_100)
	assert.False(t, fresh)
	assert.Contains(t, why, "before")
	fresh, why = m.take(numbered(2), 1_800_000_000, 1_700_000_100)
	assert.False(t, fresh, "it would make the bot deaf until then")
	assert.Contains(t, why, "future")
	for n := range 3 { // one second has all the room, and the next is taken for old
		fresh, _ = m.take(numbered(10+n), 1_700_000_000, 1_700_000_100)
		assert.True(t, fresh)
	}
	fresh, _ = m.take(numbered(13), 1_700_000_001, 1_700_000_100)
	assert.True(t, fresh)
	fresh, _ = m.take(numbered(10), 1_700_000_000, 1_700_000_100)
	assert.False(t, fresh)
}
