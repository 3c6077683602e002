package outcome_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outcome"

	"github.com/gennostr/gennostr/test/seed"
)

// paced is a Pace, and a relay that takes some events in some time.
type paced struct {
	*outcome.Pace[int, string]
	now  time.Time
	sent []time.Time
}

func newPaced(cfg outcome.PaceConfig) *paced {
	p := &paced{Pace: outcome.NewPace[int, string](cfg), now: start}
	return p
}

// write writes what may be written now.
func (p *paced) write() (keys []int) {
	for key, ok := p.Next(p.now); ok; key, ok = p.Next(p.now) {
		keys = append(keys, key)
		p.sent = append(p.sent, p.now)
	}
	return keys
}

// run writes and answers until nothing waits or until some time.
func (p *paced) run(until time.Time, answer func(key int)) {
	for {
		at, ok := p.When()
		if !ok || at.After(until) {
			return
		}
		if at.After(p.now) {
			p.now = at
		}
		for _, key := range p.write() {
			answer(key)
		}
	}
}

func (p *paced) put(n int) {
	for i := range n {
		p.Put(i, "")
	}
}

func TestWithoutARateAllAtOnce(t *testing.T) {
	p := newPaced(outcome.PaceConfig{Rate: math.NaN()})
	p.put(100)
	assert.Empty(t, p.write(), "no connection")
	p.Connected(p.now)
	assert.Len(t, p.write(), 100)
	assert.Equal(t, 100, p.Unanswered())
}

func TestSpacing(t *testing.T) {
	p := newPaced(outcome.PaceConfig{Rate: 50})
	p.put(1000)
	p.Connected(p.now)
	p.run(start.Add(time.Hour), func(key int) { p.Answered(p.now, key) })
	require.Len(t, p.sent, 1000)
	for i := range 999 {
		require.Equal(t, 20*time.Millisecond, p.sent[i+1].Sub(p.sent[i]))
	}
}

// What has piled up in an outage, and the room that it has given, are no reason for a burst.
// Shows D45.
func TestNoBurstAfterAnOutage(t *testing.T) {
	p := newPaced(outcome.PaceConfig{Rate: 50, Burst: 10})
	p.Connected(p.now)
	p.now = p.now.Add(time.Second)
	p.put(100)
	assert.Len(t, p.write(), 10, "a burst after a pause")
	p.Lost()
	p.now = p.now.Add(10 * time.Second)
	p.Connected(p.now)
	assert.Len(t, p.write(), 1)
	p.now = p.now.Add(40 * time.Millisecond)
	assert.Len(t, p.write(), 2)
	p.Lost()
	p.Connected(p.now)
	assert.Empty(t, p.write(), "a new connection is no new allowance")
}

func TestRatesThatNobodyMeans(t *testing.T) {
	for _, rate := range []float64{math.Inf(1), 1e300, 1e-300, -1, 0} {
		p := newPaced(outcome.PaceConfig{Rate: rate, Burst: math.MaxInt})
		p.put(3)
		p.Connected(p.now)
		assert.NotEmpty(t, p.write())
		p.Set(outcome.PaceConfig{})
		p.now = p.now.Add(48 * time.Hour)
		p.write()
		assert.Zero(t, p.Waiting())
	}
}

func TestAuthorsTakeTurns(t *testing.T) {
	p := newPaced(outcome.PaceConfig{Rate: 1})
	for i := range 100 {
		p.Put(i, "many")
	}
	p.Put(100, "one")
	p.Put(101, "two")
	p.Put(102, "two")
	p.Put(0, "one") // keeps its place
	p.Connected(p.now)
	var order []int
	p.run(start.Add(7*time.Second), func(key int) { order = append(order, key) })
	assert.Equal(t, []int{0, 100, 101, 1, 102, 2, 3, 4}, order)
}

// A burst that is refused is one refusal.
func TestOneRefusalForWhatWasWrittenTogether(t *testing.T) {
	p := newPaced(outcome.PaceConfig{})
	p.put(50)
	p.Connected(p.now)
	for _, key := range p.write() {
		p.Limited(p.now, key)
		p.Put(key, "")
	}
	at, ok := p.When()
	require.True(t, ok)
	assert.Equal(t, time.Second, at.Sub(p.now))
	p.now = at
	assert.Len(t, p.write(), 1, "one at a time")
	at, _ = p.When()
	assert.Equal(t, 10*time.Second, at.Sub(p.now), "until it is answered, or is not")
}

func TestEachRefusalIsHeededLonger(t *testing.T) {
	p := newPaced(outcome.PaceConfig{Random: func() float64 { return 0.5 }})
	p.put(1)
	p.Connected(p.now)
	var waits []time.Duration
	for range 9 {
		require.Len(t, p.write(), 1)
		p.Limited(p.now, 0)
		p.Put(0, "")
		at, _ := p.When()
		waits = append(waits, at.Sub(p.now)/(1100*time.Millisecond))
		p.now = at
		p.Lost() // an outage makes nothing better
		p.Connected(p.now)
	}
	assert.Equal(t, []time.Duration{1, 2, 4, 8, 16, 32, 64, 64, 64}, waits)
}

// wait is how long a refusal is heeded now.
func (p *paced) wait() time.Duration {
	key := p.write()[0]
	p.Limited(p.now, key)
	at, _ := p.When()
	return at.Sub(p.now)
}

func TestOneLuckyAnswerResetsNothing(t *testing.T) {
	back := func() *paced {
		p := newPaced(outcome.PaceConfig{})
		p.put(1)
		p.Connected(p.now)
		p.Limited(p.now, p.write()[0])
		p.put(1000)
		for range 4 {
			p.now, _ = p.When()
			p.Limited(p.now, p.write()[0])
		}
		p.now, _ = p.When()
		return p
	}
	good := func(p *paced, n int) {
		for range n {
			p.Answered(p.now, p.write()[0])
		}
	}
	p := back()
	good(p, 1)
	assert.Greater(t, p.wait(), 16*time.Second)

	p = back()
	good(p, 7)
	first := p.wait()
	p = back()
	good(p, 8)
	assert.Equal(t, first/2, p.wait(), "but many do")

	p = back()
	p.now = p.now.Add(2 * time.Minute)
	assert.Equal(t, first/4, p.wait(), "and so does time")

	p = back()
	p.now = p.now.Add(time.Hour)
	assert.Greater(t, len(p.write()), 1, "until it is forgotten")
}

// relay.damus.io was seen to take five in a minute.
func TestARelayThatTakesFiveAMinute(t *testing.T) {
	p := newPaced(outcome.PaceConfig{})
	p.put(100)
	p.Connected(p.now)
	var window []time.Time
	taken, refused := 0, 0
	relay := func(key int) {
		for len(window) > 0 && p.now.Sub(window[0]) >= time.Minute {
			window = window[1:]
		}
		if len(window) < 5 {
			window = append(window, p.now)
			taken++
			p.Answered(p.now, key)
			return
		}
		refused++
		p.Limited(p.now, key)
		p.Put(key, "")
	}
	p.run(start.Add(time.Hour), relay)
	assert.Equal(t, 100, taken)
	assert.Less(t, refused, 95+2*20+10, "the burst, and twice for five that are taken")
}

// Never more than the rate allows, whatever happens.
func rateHolds(t *rapid.T) {
	rate, burst := rapid.IntRange(1, 100).Draw(t, "rate"), rapid.IntRange(1, 5).Draw(t, "burst")
	interval := time.Second / time.Duration(rate)
	p := newPaced(outcome.PaceConfig{Rate: float64(rate), Burst: burst})
	connected, next := false, 0
	var since time.Time
	before := 0 // sent before since
	var written []int
	for range 200 {
		switch rapid.IntRange(0, 8).Draw(t, "step") {
		case 0:
			if connected = !connected; connected {
				p.Connected(p.now)
				since, before = p.now, len(p.sent)
			} else {
				p.Lost()
			}
		case 1, 2, 3:
			p.Put(next, string(rune('a'+next%3)))
			next++
		case 4:
			p.Remove(rapid.IntRange(0, next).Draw(t, "removed"))
		case 5, 6:
			p.now = p.now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
		case 7:
			if at, ok := p.When(); ok && at.After(p.now) {
				p.now = at
			}
		case 8:
			if n := len(written); n > 0 {
				p.Answered(p.now, written[n-1])
			}
		}
		written = append(written, p.write()...)
		if at, ok := p.When(); ok {
			require.True(t, at.After(p.now), "it is not called in vain")
			require.True(t, connected)
		}
	}
	for i := range p.sent {
		for j := i + burst; j < len(p.sent); j++ {
			least := interval * time.Duration(j-i-burst+1)
			require.GreaterOrEqual(t, p.sent[j].Sub(p.sent[i]), least)
		}
	}
	early := 0
	for _, at := range p.sent[before:] {
		if at.Before(since.Add(interval)) {
			early++
		}
	}
	require.LessOrEqual(t, early, 1, "no burst on a fresh connection")
	clear(written)
	for i := range next {
		p.Remove(i)
	}
	require.Zero(t, p.Waiting())
	require.Zero(t, p.Unanswered())
}

func TestTheRateHoldsInAnyOrder(t *testing.T) { rapid.Check(t, rateHolds) }

func FuzzTheRateHoldsInAnyOrder(f *testing.F) { seed.Fuzz(f, rateHolds) }
