package refusals_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/refusals"

	"github.com/gennostr/gennostr/test/seed"
)

var (
	errMalformed = errors.New("malformed")
	errForged    = errors.New("forged")
	noon         = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

func TestTheFirstIsToldAtOnceAndTheRestWithACount(t *testing.T) {
	var r refusals.Reports
	step, _ := r.Add(errMalformed, errors.New("one"), noon)
	assert.Equal(t, refusals.Tell, step)
	for range 4 {
		step, _ = r.Add(errMalformed, errors.New("more"), noon)
		assert.Equal(t, refusals.Nothing, step, "it waits to be told")
	}
	count, first := r.Take(errMalformed, noon)
	assert.Equal(t, 5, count)
	assert.EqualError(t, first, "one")

	step, at := r.Add(errMalformed, errors.New("six"), noon.Add(time.Millisecond))
	assert.Equal(t, refusals.Wait, step)
	assert.Equal(t, noon.Add(refusals.Every), at)
	step, _ = r.Add(errMalformed, errors.New("seven"), at)
	assert.Equal(t, refusals.Nothing, step, "the flush is on its way")
	assert.Equal(t, []error{errMalformed}, r.Flush())
	assert.Empty(t, r.Flush())
	count, first = r.Take(errMalformed, at)
	assert.Equal(t, 2, count)
	assert.EqualError(t, first, "six")
	count, _ = r.Take(errForged, at)
	assert.Zero(t, count)
}

func TestReasonsDoNotWaitForEachOther(t *testing.T) {
	var r refusals.Reports
	r.Add(errMalformed, errMalformed, noon)
	r.Take(errMalformed, noon)
	step, _ := r.Add(errForged, errForged, noon)
	assert.Equal(t, refusals.Tell, step)
}

// Whatever comes: everything is counted once, no reason is told more often than
// once in Every, and none is forgotten.
func allIsToldInTime(t *rapid.T) {
	var r refusals.Reports
	reasons := []error{errMalformed, errForged}
	added, told := map[error]int{}, map[error]int{}
	last := map[error]time.Time{}
	var queue []error
	var flushAt time.Time
	now := noon
	take := func() {
		for _, reason := range queue {
			n, first := r.Take(reason, now)
			require.Positive(t, n)
			require.Error(t, first)
			if at, ok := last[reason]; ok {
				require.False(t, now.Before(at.Add(refusals.Every)), "too often")
			}
			told[reason] += n
			last[reason] = now
		}
		queue = nil
	}
	for range 100 {
		now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
		if !flushAt.IsZero() && !now.Before(flushAt) {
			queue = append(queue, r.Flush()...)
			flushAt = time.Time{}
		}
		reason := rapid.SampledFrom(reasons).Draw(t, "reason")
		step, at := r.Add(reason, fmt.Errorf("%w %d", reason, added[reason]), now)
		added[reason]++
		switch step {
		case refusals.Tell:
			queue = append(queue, reason)
		case refusals.Wait:
			if at.After(flushAt) {
				flushAt = at // one alarm for all, the later time
			}
		}
		if rapid.Bool().Draw(t, "handled") {
			take()
		}
	}
	take()
	now = now.Add(refusals.Every)
	queue = r.Flush()
	take()
	require.Equal(t, added, told)
}

// Shows B15.
func TestNothingIsLostAndNothingIsToldTooOften(t *testing.T) { rapid.Check(t, allIsToldInTime) }

func FuzzNothingIsLostAndNothingIsToldTooOften(f *testing.F) { seed.Fuzz(f, allIsToldInTime) }
