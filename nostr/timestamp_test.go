package nostr_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
)

func TestTheFarFutureStaysInTheFuture(t *testing.T) {
	last := nostr.Timestamp(math.MinInt64).Time()
	for _, at := range []nostr.Timestamp{math.MinInt64 + 1<<40, -1, 0, 1700000000, 1700000000000, math.MaxInt64 - 62135596800, math.MaxInt64 - 1, math.MaxInt64} {
		got := at.Time()
		assert.False(t, got.Before(last), "%d", at)
		last = got
	}
	assert.True(t, nostr.Timestamp(math.MaxInt64).Time().After(time.Now()))
	assert.Equal(t, time.Unix(1700000000, 0), nostr.Timestamp(1700000000).Time())
	assert.Equal(t, nostr.Timestamp(1700000000), nostr.TimestampOf(time.Unix(1700000000, 999999999)))
}

func TestAheadIsMoreThanAQuarterOfAnHour(t *testing.T) {
	const now nostr.Timestamp = 1700000000
	for at, ahead := range map[nostr.Timestamp]bool{
		math.MinInt64: false, 0: false, now: false, now + nostr.MaxAhead: false, now + nostr.MaxAhead + 1: true, now * 1000: true, math.MaxInt64: true,
	} {
		assert.Equal(t, ahead, at.IsAhead(now), "%d", at)
	}
	assert.Equal(t, 15*time.Minute, time.Duration(nostr.MaxAhead)*time.Second)
	assert.True(t, nostr.Timestamp(math.MaxInt64).IsAhead(math.MinInt64))
	assert.False(t, nostr.Timestamp(math.MaxInt64).IsAhead(math.MaxInt64-1))
	assert.False(t, nostr.Timestamp(math.MinInt64).IsAhead(math.MaxInt64))
}
