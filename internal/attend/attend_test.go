package attend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/attend"

	"github.com/gennostr/gennostr/test/seed"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// watch looks whenever it is told to, until the span is over, and says when it looked.
func watch(t *testing.T, s *attend.Span, now time.Time) (looks []time.Duration) {
	t.Helper()
	over, next := s.Look(now)
	for !over {
		require.True(t, next.After(now), "next lies ahead")
		require.Less(t, len(looks), 100, "it comes to an end")
		now = next
		looks = append(looks, now.Sub(start))
		over, next = s.Look(now)
	}
	return looks
}

func TestAWatchedSpanEndsInTime(t *testing.T) {
	s := attend.Start(start, 10*time.Second)
	const ms = time.Millisecond
	assert.Equal(t, []time.Duration{2500 * ms, 5000 * ms, 7500 * ms, 9500 * ms, 10_000 * ms}, watch(t, &s, start))
	for _, need := range []time.Duration{-1, 0, 1, 2, 3, 19, 20, 21, 1000, time.Hour} {
		s := attend.Start(start, need)
		looks := watch(t, &s, start)
		assert.Equal(t, max(need, 1), looks[len(looks)-1], "%d ns", need)
	}
}

// Shows L30.
func TestALateLookBeginsAnew(t *testing.T) {
	s := attend.Start(start, 10*time.Second)
	now := start.Add(2500*time.Millisecond + 2500*time.Millisecond)
	over, next := s.Look(now) // late by a quarter, which is a little
	assert.False(t, over)
	over, next = s.Look(next.Add(2500*time.Millisecond + 1))
	assert.False(t, over)
	woken := next.Add(2500*time.Millisecond + 1)
	looks := watch(t, &s, woken)
	assert.Equal(t, woken.Add(10*time.Second).Sub(start), looks[len(looks)-1])
}

// A short span on a busy machine: that every look is late by a moment is normal.
func TestALittleLateIsInTime(t *testing.T) {
	s := attend.Start(start, 20*time.Millisecond)
	now := start
	over, next := s.Look(now)
	for n := 0; !over; n++ {
		require.Less(t, n, 10)
		now = next.Add(20 * time.Millisecond)
		over, next = s.Look(now)
	}
}

func TestAClockThatGoesBackDoesNoHarm(t *testing.T) {
	s := attend.Start(start, time.Second)
	over, next := s.Look(start.Add(-time.Hour))
	assert.False(t, over)
	assert.Equal(t, start.Add(250*time.Millisecond), next)
}

// Owners that look early, in time, late and very late, in any order: a span is
// never over before its length has passed, nor at the first look after a pause; and
// one who looks in time from some moment on sees its end within its length.
func keepsItsPromises(t *rapid.T) {
	need := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "need"))
	s := attend.Start(start, need)
	now, began, watched := start, start, time.Duration(0)
	over, next := s.Look(now)
	for range rapid.IntRange(0, 40).Draw(t, "looks") {
		last, promised := now, next
		switch rapid.SampledFrom([]string{"early", "in time", "late", "asleep"}).Draw(t, "owner") {
		case "early":
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(now))).Draw(t, "by")))
		case "in time":
			now = next
		case "late":
			now = next.Add(time.Duration(rapid.Int64Range(0, int64(need/4)).Draw(t, "by")))
		case "asleep":
			now = next.Add(max(need/4, 20*time.Millisecond) + time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "by")))
		}
		over, next = s.Look(now)
		if pause := now.Sub(promised); pause > max(need/4, 20*time.Millisecond) {
			began, watched = now, 0
			require.False(t, over, "a late look")
		} else {
			watched += min(now.Sub(last), promised.Sub(last))
		}
		if over {
			require.GreaterOrEqual(t, now.Sub(began), need)
			require.GreaterOrEqual(t, watched, need, "all of it was watched")
			require.GreaterOrEqual(t, now.Sub(last), time.Duration(0))
			return
		}
		require.True(t, next.After(now))
	}
	deadline := now.Add(need)
	for !over {
		require.False(t, next.After(deadline))
		over, next = s.Look(next)
	}
}

func TestPromisesHoldForEveryOwner(t *testing.T) { rapid.Check(t, keepsItsPromises) }

func FuzzPromisesHoldForEveryOwner(f *testing.F) { seed.Fuzz(f, keepsItsPromises) }
