package backoff_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/backoff"
)

const ms = time.Millisecond

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// exact is the default schedule without jitter.
func exact() *backoff.Backoff {
	return backoff.New(&backoff.Schedule{Delays: backoff.DefaultDelays(), Stable: 30 * time.Second})
}

// failedAfter is a dial answered with that Retry-After.
func failedAfter(b *backoff.Backoff, least time.Duration) time.Duration {
	b.AtLeast(least)
	return b.Failed()
}

// Shows L08.
func TestR54FailedDialsWalkTheScheduleAndRepeatItsLastDelayForEver(t *testing.T) {
	b := exact()
	got := []time.Duration{}
	for range 8 {
		got = append(got, b.Failed())
	}
	assert.Equal(t, []time.Duration{500 * ms, 1000 * ms, 5000 * ms, 10000 * ms, 30000 * ms, 30000 * ms, 30000 * ms, 30000 * ms}, got)
	for range 100_000 { // L08: no dial is the last one
		require.Equal(t, 30*time.Second, b.Failed())
	}
	assert.Equal(t, 100_008, b.Attempts())
}

func TestR54AStableLinkStartsTheScheduleAnew(t *testing.T) {
	b := exact()
	for range 4 {
		b.Failed()
	}
	b.Connected(start)
	assert.Equal(t, 5, b.Attempts(), "four failed dials and the one that came through")
	assert.Equal(t, 500*ms, b.Lost(start.Add(30*time.Second), false))
	assert.Zero(t, b.Attempts())
	assert.Equal(t, 1000*ms, b.Failed())
	assert.Equal(t, 1, b.Attempts())
}

func TestL07AMomentarySuccessDoesNotStartTheScheduleAnew(t *testing.T) {
	b := exact()
	now := start
	got := []time.Duration{}
	for range 6 { // a relay that takes every call and hangs up just before the link counts as stable
		b.Connected(now)
		now = now.Add(30*time.Second - 1)
		got = append(got, b.Lost(now, false))
	}
	assert.Equal(t, []time.Duration{500 * ms, 1000 * ms, 5000 * ms, 10000 * ms, 30000 * ms, 30000 * ms}, got)
	assert.Equal(t, 6, b.Attempts())
}

func TestFailuresAndMomentaryLinksShareOneCounter(t *testing.T) {
	b := exact()
	assert.Equal(t, 500*ms, b.Failed())
	b.Connected(start)
	assert.Equal(t, 1000*ms, b.Lost(start.Add(time.Second), false))
	assert.Equal(t, 5000*ms, b.Failed())
	assert.Equal(t, 3, b.Attempts())
}

func TestOneLinkIsCountedStableOnce(t *testing.T) {
	b := exact()
	b.Connected(start)
	later := start.Add(time.Hour)
	assert.Equal(t, 500*ms, b.Lost(later, false))
	assert.Equal(t, 1000*ms, b.Lost(later.Add(time.Hour), false), "there was no link that could have been stable")
}

func TestWithoutAStabilityWindowEveryLinkIsStable(t *testing.T) {
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{ms, 2 * ms}})
	for range 3 {
		b.Connected(start)
		assert.Equal(t, ms, b.Lost(start, false))
	}
}

func TestResetGoesBackToTheStart(t *testing.T) {
	b := exact()
	b.Failed()
	b.Connected(start)
	b.AtLeast(time.Minute)
	b.Reset()
	assert.Zero(t, b.Attempts())
	assert.Equal(t, 500*ms, b.Lost(start.Add(time.Hour), false))
	assert.Equal(t, 1000*ms, b.Failed(), "the hour before Reset is no stable link")
}

func TestAFollowerGoesOnWhereTheOldOneStands(t *testing.T) {
	hours := func(stable time.Duration) *backoff.Backoff {
		return backoff.New(&backoff.Schedule{Delays: []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}, Stable: stable})
	}
	old := exact()
	old.Failed()
	b := hours(0)
	b.Follow(old)
	assert.Equal(t, 1, b.Attempts())
	assert.Equal(t, 2*time.Hour, b.Failed(), "the second step, of the new schedule")

	for range 10 {
		old.Failed()
	}
	b.Follow(old)
	assert.Equal(t, 11, b.Attempts())
	assert.Equal(t, 3*time.Hour, b.Failed(), "a step that the new schedule has not: its last")

	old.AtLeast(5 * time.Minute)
	b = exact()
	b.Follow(old)
	assert.Equal(t, 5*time.Minute, b.Failed(), "Retry-After still holds")

	old.Connected(start)
	b = hours(10 * time.Second)
	b.Follow(old)
	assert.Equal(t, time.Hour, b.Lost(start.Add(10*time.Second), false), "stable, by the new schedule's measure")
	b = hours(time.Minute)
	b.Follow(old)
	assert.Equal(t, 3*time.Hour, b.Lost(start.Add(59*time.Second), false))

	b.Follow(nil)
	assert.Equal(t, 12, b.Attempts(), "nothing to follow")
}

func TestManyRelaysHaveOneSchedule(t *testing.T) {
	s := &backoff.Schedule{Delays: []time.Duration{-ms, 2 * ms}, Jitter: -1}
	a, b := backoff.New(s), backoff.New(s)
	for _, r := range []*backoff.Backoff{a, b} {
		assert.Zero(t, r.Failed(), "each goes its own way")
		assert.Equal(t, 2*ms, r.Failed())
	}
	assert.Equal(t, &backoff.Schedule{Delays: []time.Duration{-ms, 2 * ms}, Jitter: -1}, s, "and leaves it as it is")
}

func TestAnEmptyScheduleIsTheDefaultAndNeverATightLoop(t *testing.T) {
	b := backoff.New(&backoff.Schedule{})
	for _, want := range backoff.DefaultDelays() {
		assert.Equal(t, want, b.Failed())
	}
}

func TestNegativeDelaysCountAsNone(t *testing.T) {
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{-time.Hour, ms}})
	assert.Zero(t, b.Failed())
	assert.Equal(t, ms, b.Failed())
}

func TestJitterSpreadsEachDelayAroundItself(t *testing.T) {
	for name, c := range map[string]struct {
		jitter, random float64
		want           time.Duration
	}{
		"lowest":               {0.2, 0, 800 * ms},
		"middle":               {0.2, 0.5, 1000 * ms},
		"off":                  {0, 0.99, 1000 * ms},
		"negative is off":      {-1, 0.99, 1000 * ms},
		"NaN is off":           {math.NaN(), 0.99, 1000 * ms},
		"more than all is all": {7, 0, 0},
		"random out of range":  {0.2, 1e9, 1000 * ms},
		"random below range":   {0.2, -3, 1000 * ms},
		"random NaN":           {0.2, math.NaN(), 1000 * ms},
		"random infinite":      {0.2, math.Inf(-1), 1000 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			b := backoff.New(&backoff.Schedule{
				Delays: []time.Duration{time.Second}, Jitter: c.jitter,
				Random: func() float64 { return c.random },
			})
			assert.Equal(t, c.want, b.Failed())
		})
	}
}

// Over many draws the delays fill the whole band, stay in it and centre on the
// schedule: a crowd of clients that lost one relay together comes back spread.
func TestJitterFillsItsBandEvenly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{time.Second}, Jitter: 0.2, Random: random.Float64})
	const draws = 20_000
	low, high, sum := time.Hour, time.Duration(0), time.Duration(0)
	for range draws {
		d := b.Failed()
		low, high, sum = min(low, d), max(high, d), sum+d
	}
	assert.InDelta(t, 800*ms, low, float64(2*ms))
	assert.InDelta(t, 1200*ms, high, float64(2*ms))
	assert.LessOrEqual(t, high, 1200*ms)
	assert.GreaterOrEqual(t, low, 800*ms)
	assert.InDelta(t, 1000*ms, sum/draws, float64(5*ms))
}

func TestTheDefaultRandomStaysInTheBand(t *testing.T) {
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{time.Second}, Jitter: 0.2})
	for range 1000 {
		assert.InDelta(t, time.Second, b.Failed(), float64(200*ms))
	}
}

func TestTheLongestDelayDoesNotOverflow(t *testing.T) {
	b := backoff.New(&backoff.Schedule{
		Delays: []time.Duration{math.MaxInt64}, Jitter: 1, Random: func() float64 { return 0.999 },
	})
	assert.Equal(t, time.Duration(math.MaxInt64), b.Failed())
}

func TestRetryAfterIsHonouredOnce(t *testing.T) {
	b := exact()
	assert.Equal(t, time.Minute, failedAfter(b, time.Minute))
	assert.Equal(t, 1000*ms, b.Failed(), "only once, and the schedule has moved on beneath it")

	b.AtLeast(2 * time.Minute)
	assert.Equal(t, 2*time.Minute, b.Lost(start, false))

	b.AtLeast(90 * time.Second)
	b.AtLeast(60 * time.Second)
	assert.Equal(t, 90*time.Second, b.Failed(), "the longer wish counts")
}

func TestRetryAfterNeverShortensADelay(t *testing.T) {
	b := exact()
	assert.Equal(t, 500*ms, failedAfter(b, ms))
	assert.Equal(t, 1000*ms, failedAfter(b, 0))
	assert.Equal(t, 5000*ms, failedAfter(b, -time.Hour))
}

func TestRetryAfterCannotMuteARelayForLong(t *testing.T) {
	b := exact()
	assert.Equal(t, backoff.MaxRetryAfter, failedAfter(b, math.MaxInt64))
	assert.Equal(t, 10*time.Minute, backoff.MaxRetryAfter)

	// The bound is on the relay's wish, not on the user's own schedule.
	b = backoff.New(&backoff.Schedule{Delays: []time.Duration{time.Hour}})
	assert.Equal(t, time.Hour, failedAfter(b, 24*time.Hour))
}

func TestRetryAfterIsSpreadUpwardsOnly(t *testing.T) {
	r := 0.0
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{time.Second}, Jitter: 0.2, Random: func() float64 { return r }})
	assert.Equal(t, 60*time.Second, failedAfter(b, time.Minute))
	r = 0.5
	assert.Equal(t, 66*time.Second, failedAfter(b, time.Minute))
	assert.Equal(t, backoff.MaxRetryAfter, failedAfter(b, time.Hour))
}

func TestALinkThatComesUpEndsRetryAfter(t *testing.T) {
	b := exact()
	b.AtLeast(time.Minute)
	b.Connected(start)
	assert.Equal(t, 500*ms, b.Lost(start, false))
}

// Whatever an adversarial relay does, by failing, hanging up and asking to stay
// away, the delay stays between the schedule's and the bound, and between two
// stable links the delays never get shorter.
func TestNoRelayCanBringTheDelayOutOfItsBounds(t *testing.T) {
	delays := backoff.DefaultDelays()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3))
		b, now, step, dials := exact(), start, 0, 0
		for range 300 {
			now = now.Add(time.Duration(random.Int64N(int64(time.Minute))))
			want, got := time.Duration(0), time.Duration(0)
			asked := time.Duration(0)
			if random.IntN(4) == 0 {
				asked = time.Duration(random.Int64N(int64(time.Hour)))
			}
			dials++
			if random.IntN(2) == 0 {
				got = failedAfter(b, asked)
			} else {
				b.Connected(now)
				up := time.Duration(random.Int64N(int64(45 * time.Second)))
				now = now.Add(up)
				if up >= 30*time.Second {
					step, dials = 0, 0
				}
				useful := random.IntN(2) == 0
				if useful {
					step = min(step, 2)
				}
				b.AtLeast(asked)
				got = b.Lost(now, useful)
			}
			want = max(delays[min(step, len(delays)-1)], min(asked, backoff.MaxRetryAfter))
			step++
			require.Equal(t, want, got)
			require.Equal(t, dials, b.Attempts())
		}
	}
}

// A relay that serves and is cut, again and again: by a proxy that restarts, a
// train in tunnels. Five such cuts used to cost half a minute.
// Shows D16.
func TestAUsefulLinkIsPunishedWithTheThirdDelayAtMost(t *testing.T) {
	b, now := exact(), start
	var got []time.Duration
	for range 6 {
		b.Connected(now)
		now = now.Add(300 * ms)
		got = append(got, b.Lost(now, true))
	}
	assert.Equal(t, []time.Duration{500 * ms, 1000 * ms, 5000 * ms, 5000 * ms, 5000 * ms, 5000 * ms}, got)
	assert.Equal(t, 6, b.Attempts(), "it was not stable")

	assert.Equal(t, 10*time.Second, b.Failed(), "a dial that fails goes on from there")
	assert.Equal(t, 30*time.Second, b.Failed())
	b.Connected(now)
	assert.Equal(t, 30*time.Second, b.Lost(now, false), "a link that brought nothing is what it was")
	b.Connected(now)
	assert.Equal(t, 5*time.Second, b.Lost(now, true))
	assert.Equal(t, 10*time.Second, b.Lost(now, true), "there was no link that could have been useful")
}

func TestAUsefulLinkOfAShortScheduleKeepsToIt(t *testing.T) {
	b := backoff.New(&backoff.Schedule{Delays: []time.Duration{ms, 2 * ms}, Stable: time.Hour})
	for _, want := range []time.Duration{ms, 2 * ms, 2 * ms} {
		b.Connected(start)
		assert.Equal(t, want, b.Lost(start, true))
	}
	b.AtLeast(time.Minute)
	assert.Equal(t, time.Minute, b.Lost(start, true), "what the relay has asked for counts all the same")
}
