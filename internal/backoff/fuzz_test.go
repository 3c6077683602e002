package backoff_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/backoff"
)

// program is what a fuzzer has written: choices, one after the other.
type program []byte

// next is one of n choices, n being 256 at most; the first when there are none left.
func (p *program) next(n int) int {
	if len(*p) == 0 {
		return 0
	}
	b := (*p)[0]
	*p = (*p)[1:]
	return int(b) % n
}

// patient is a backoff, and what is known of it by counting.
type patient struct {
	*backoff.Backoff
	delays []time.Duration
	jitter float64 // between 0 and 1
	stable time.Duration
	step   int
	dials  int
	asked  time.Duration // by the relay, bounded
	up     bool
	since  time.Time
}

// newPatient has a schedule that is chosen: none, with negative delays, any jitter.
func newPatient(p *program) *patient {
	s := &backoff.Schedule{Stable: time.Duration(p.next(60)) * time.Second, Jitter: float64(p.next(7)-1) / 4}
	for range p.next(6) {
		s.Delays = append(s.Delays, time.Duration(p.next(256)-20)*time.Second)
	}
	random := float64(p.next(256)) / 250 // which may be a bad one
	s.Random = func() float64 { return random }
	m := &patient{Backoff: backoff.New(s), delays: s.Delays, jitter: min(max(s.Jitter, 0), 1), stable: s.Stable}
	if len(m.delays) == 0 {
		m.delays = backoff.DefaultDelays()
	}
	return m
}

// wait looks at a delay, and goes on to the next.
func (m *patient) wait(t *testing.T, got time.Duration) {
	base := float64(max(0, m.delays[m.step]))
	least, most := time.Duration(base*(1-m.jitter)), time.Duration(base*(1+m.jitter))
	if m.asked > 0 {
		least = max(least, m.asked)
		most = max(most, min(time.Duration(float64(m.asked)*(1+m.jitter)), backoff.MaxRetryAfter))
	}
	require.GreaterOrEqual(t, got, least-1, "sooner than the schedule or the relay has it")
	require.LessOrEqual(t, got, most+1, "later than both")
	m.step, m.asked, m.up = min(m.step+1, len(m.delays)-1), 0, false
	require.Equal(t, m.dials, m.Attempts())
}

// act does what has been chosen.
func (m *patient) act(t *testing.T, p *program, now time.Time) {
	switch p.next(8) {
	case 0, 1:
		m.dials++
		m.wait(t, m.Failed())
	case 2, 3:
		m.dials++
		m.up, m.since, m.asked = true, now, 0
		m.Connected(now)
	case 4, 5:
		useful := p.next(2) == 1
		switch {
		case m.up && now.Sub(m.since) >= m.stable:
			m.step, m.dials = 0, 0
		case m.up && useful:
			m.step = min(m.step, 2)
		}
		m.wait(t, m.Lost(now, useful))
	case 6:
		d := time.Duration(p.next(256)-10) * 5 * time.Second
		m.asked = max(m.asked, min(d, backoff.MaxRetryAfter))
		m.AtLeast(d)
	case 7:
		m.step, m.dials, m.asked, m.up = 0, 0, 0, false
		m.Reset()
	}
}

// Whatever a relay does, under whatever schedule, and though it is added anew with another
// one: the delays are those of the schedule, as far as it was gone through, and of what
// the relay has asked for.
func FuzzNoRelayCanBringTheDelayOutOfItsBounds(f *testing.F) {
	f.Add([]byte{30, 1, 0, 0, 0, 10, 0, 5, 2, 0, 40, 4, 1, 0, 6, 100, 0, 2, 0, 4, 0, 8, 10, 2, 3, 30, 30, 30, 128, 0, 7, 0})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		p, now := (*program)(&bytes), start
		m := newPatient(p)
		for len(*p) > 0 {
			switch p.next(12) {
			case 0, 1, 2:
				now = now.Add(time.Duration(p.next(256)) * time.Second)
			case 3:
				anew := newPatient(p)
				anew.Follow(m.Backoff)
				anew.step, anew.dials, anew.asked, anew.up, anew.since = min(m.step, len(anew.delays)-1), m.dials, m.asked, m.up, m.since
				m = anew
			default:
				m.act(t, p, now)
			}
		}
	})
}

// FuzzIntensityAgreesWithCounting has restarts at any time, and now and then a Reset.
func FuzzIntensityAgreesWithCounting(f *testing.F) {
	f.Add([]byte{3, 5, 0, 1, 1, 2, 9, 0, 0, 0, 255, 0})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		p, now := (*program)(&bytes), start
		i := backoff.Intensity{Max: p.next(6) - 1, Within: time.Duration(p.next(10)) * time.Second}
		var all []time.Time
		for len(*p) > 0 {
			step := p.next(256)
			if step == 255 {
				i.Reset()
				all = nil
				continue
			}
			now = now.Add(time.Duration(step) * time.Second / 16)
			all = append(all, now)
			within := 0
			for _, at := range all {
				if now.Sub(at) <= i.Within {
					within++
				}
			}
			require.Equal(t, within > max(i.Max, 0), i.Add(now))
		}
	})
}
