package backoff_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/backoff"
)

func TestR46IntensityIsASlidingWindow(t *testing.T) {
	type at = time.Duration
	for name, c := range map[string]struct {
		max  int
		at   []time.Duration
		want []bool
	}{
		"four at once":              {3, []at{0, 0, 0, 0}, []bool{false, false, false, true}},
		"the 4th within 5 s":        {3, []at{0, 1 * time.Second, 2 * time.Second, 4999 * ms}, []bool{false, false, false, true}},
		"exactly 5 s counts":        {3, []at{0, 1 * time.Second, 2 * time.Second, 5 * time.Second}, []bool{false, false, false, true}},
		"a nanosecond later not":    {3, []at{0, 1 * time.Second, 2 * time.Second, 5*time.Second + 1}, []bool{false, false, false, false}},
		"at 0, 2, 4, 6 s":           {3, []at{0, 2 * time.Second, 4 * time.Second, 6 * time.Second}, []bool{false, false, false, false}},
		"a burst after a quiet day": {3, []at{0, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}, []bool{false, false, false, false, true}},
		"goes on after too many":    {1, []at{0, 0, 0, 6 * time.Second, 7 * time.Second}, []bool{false, true, true, false, true}},
		"none tolerated":            {0, []at{0, time.Hour}, []bool{true, true}},
		"negative is none":          {-1, []at{0}, []bool{true}},
	} {
		t.Run(name, func(t *testing.T) {
			i := backoff.Intensity{Max: c.max, Within: 5 * time.Second}
			got := []bool{}
			for _, d := range c.at {
				got = append(got, i.Add(start.Add(d)))
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestIntensityForgetsOnReset(t *testing.T) {
	i := backoff.Intensity{Max: 1, Within: time.Second}
	assert.False(t, i.Add(start))
	i.Reset()
	assert.False(t, i.Add(start))
	assert.True(t, i.Add(start))
}

func TestIntensityAgreesWithCounting(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 4))
		i := backoff.Intensity{Max: random.IntN(5), Within: 5 * time.Second}
		now, all := start, []time.Time{}
		for range 200 {
			now = now.Add(time.Duration(random.Int64N(int64(4 * time.Second))))
			all = append(all, now)
			within := 0
			for _, a := range all {
				if now.Sub(a) <= i.Within {
					within++
				}
			}
			require.Equal(t, within > i.Max, i.Add(now))
		}
	}
}

func TestIntensityMemoryIsBoundedByItsMaximum(t *testing.T) {
	i := backoff.Intensity{Max: 3, Within: time.Hour}
	for range 10 {
		i.Add(start)
	}
	assert.Zero(t, testing.AllocsPerRun(100_000, func() { i.Add(start) }))
}
