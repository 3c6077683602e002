package outage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outage"

	"github.com/gennostr/gennostr/test/seed"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

const (
	orderly = true
	grave   = true
)

func at(d time.Duration) time.Time { return start.Add(d) }

func TestAnOutageIsALineWhenItBeginsOneAnHourAndOneAtItsEnd(t *testing.T) {
	var o outage.Outage
	_, ok := o.Next()
	require.False(t, ok, "nothing to look at")
	require.Equal(t, outage.Away, o.Lost(start, false, false))
	for i := range 359 { // a dial every 30 s, none of which is news
		now := at(time.Duration(i+1) * 30 * time.Second)
		line := o.Look(now)
		if i+1 == 120 || i+1 == 240 {
			require.Equal(t, outage.StillAway, line)
			require.Equal(t, i+1, o.Losses())
			require.Equal(t, now.Sub(start), o.For(now))
		} else {
			require.Equal(t, outage.Nothing, line, "dial %d", i+1)
		}
		require.Equal(t, outage.Nothing, o.Lost(now, false, false))
	}
	back := at(3*time.Hour - time.Second)
	o.Up(back)
	next, ok := o.Next()
	require.True(t, ok)
	require.Equal(t, back.Add(outage.Steady), next)
	require.Equal(t, outage.Nothing, o.Look(next.Add(-1)))
	require.Equal(t, outage.Back, o.Look(next))
	assert.Equal(t, back.Sub(start), o.For(next), "until the connection was opened")
	assert.Equal(t, 360, o.Losses())
	_, ok = o.Next()
	assert.False(t, ok)
	assert.Equal(t, outage.Nothing, o.Look(next.Add(24*time.Hour)))
}

func TestARelayThatWasNeverLostNeedsNoOutage(t *testing.T) {
	var o *outage.Outage
	o.Up(start)
	_, ok := o.Next()
	assert.False(t, ok)
	assert.Equal(t, outage.Nothing, o.Look(start))
}

func TestAnOrderlyEndIsNewsOnlyIfTheRelayStaysAway(t *testing.T) {
	var o outage.Outage
	require.Equal(t, outage.Nothing, o.Lost(start, orderly, false))
	o.Up(at(time.Second))
	require.Equal(t, outage.Nothing, o.Look(at(time.Second+outage.Steady)))
	require.Equal(t, outage.Nothing, o.Lost(at(time.Minute), orderly, false))
	require.Equal(t, outage.Away, o.Lost(at(time.Minute+time.Second), false, false))
}

func TestARelayThatTakesCallsAndHangsUpIsAway(t *testing.T) {
	var o outage.Outage
	require.Equal(t, outage.Away, o.Lost(start, false, false))
	for i := range 200 {
		now := at(time.Duration(i+1) * 15 * time.Second)
		o.Up(now)
		require.Equal(t, outage.Nothing, o.Look(now.Add(9*time.Second)))
		require.Equal(t, outage.Nothing, o.Lost(now.Add(9*time.Second), false, false))
	}
}

// A bug of ours is told of even if the relay is away already, its stack with it.
func TestAGraveEndIsTold(t *testing.T) {
	var o outage.Outage
	require.Equal(t, outage.Away, o.Lost(start, false, false))
	require.Equal(t, outage.Away, o.Lost(start, false, grave))
	require.Equal(t, outage.Nothing, o.Lost(start, false, false))
	for range outage.Most - 2 {
		require.Equal(t, outage.Away, o.Lost(start, false, grave))
	}
	require.Equal(t, outage.Nothing, o.Lost(start, false, grave), "but not for ever")
}

// A relay that comes and goes all day is told of a few times in any hour, and is not forgotten.
func TestAFlappingRelayIsToldOfAFewTimesAnHour(t *testing.T) {
	var o outage.Outage
	var lines []time.Duration
	for now := time.Duration(0); now < 24*time.Hour; now += 40 * time.Second {
		if o.Lost(at(now), false, false) == outage.Away {
			lines = append(lines, now)
		}
		o.Up(at(now + time.Second))
		o.Look(at(now + time.Second + outage.Steady))
	}
	assert.InDelta(t, 24*outage.Most, len(lines), outage.Most)
}

// Any relay, any owner that looks when it is told to or later: what is told makes
// sense, is little, and nothing that lasts stays untold.
func linesMakeSense(t *rapid.T) {
	var o outage.Outage
	now, told := start, false
	var tellings []time.Time
	var awaySince time.Time // since the first end of a connection after it was last steadily up
	var up time.Time
	tell := func(line outage.Line) {
		switch line {
		case outage.Nothing:
			return
		case outage.Back:
			require.True(t, told, "back from where")
			require.False(t, up.IsZero())
			told = false
		default:
			told = true
		}
		tellings = append(tellings, now)
		recent := 0
		for _, at := range tellings {
			if now.Sub(at) < outage.Every {
				recent++
			}
		}
		require.LessOrEqual(t, recent, 2*outage.Most+2, "lines in an hour")
	}
	for range rapid.IntRange(1, 300).Draw(t, "steps") {
		target := now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "for")))
		for {
			next, ok := o.Next()
			if !ok || next.After(target) {
				break
			}
			now = next
			tell(o.Look(now))
			if _, away := o.Next(); !away {
				awaySince = time.Time{}
			}
			again, ok := o.Next()
			require.True(t, !ok || again.After(now), "it does not spin")
		}
		now = target
		if !awaySince.IsZero() && now.Sub(awaySince) > outage.Every+outage.Steady && up.IsZero() {
			require.True(t, told, "away for an hour, and nobody knows")
		}
		if up.IsZero() && rapid.Bool().Draw(t, "up") {
			up = now
			o.Up(now)
			continue
		}
		up = time.Time{}
		if awaySince.IsZero() {
			awaySince = now
		}
		tell(o.Lost(now, rapid.Bool().Draw(t, "orderly"), rapid.IntRange(0, 20).Draw(t, "grave") == 0))
	}
}

func TestPromisesHoldForEveryRelay(t *testing.T) { rapid.Check(t, linesMakeSense) }

func FuzzPromisesHoldForEveryRelay(f *testing.F) { seed.Fuzz(f, linesMakeSense) }
