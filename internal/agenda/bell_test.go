package agenda_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/agenda"
)

// rings waits for so long and tells how often the bell has rung, and when first.
func rings(b *agenda.Bell, wait time.Duration) (n int, first time.Duration) {
	began := time.Now()
	for over := time.After(wait); ; {
		select {
		case <-b.C:
			if b.Rung(); n == 0 {
				first = time.Since(began)
			}
			n++
		case <-over:
			return n, first
		}
	}
}

func TestABellRingsAtTheEarliestOfItsTimesAndThenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := agenda.NewBell()
		defer b.Stop()
		check := func(wantN int, wantFirst time.Duration) {
			t.Helper()
			n, first := rings(b, 24*time.Hour)
			assert.Equal(t, wantN, n)
			assert.Equal(t, wantFirst, first)
		}
		check(0, 0) // it is not set
		now := time.Now()
		b.Set(now.Add(time.Minute))
		b.Set(now.Add(time.Hour)) // is not put off
		check(1, time.Minute)
		now = time.Now()
		b.Set(now.Add(time.Hour))
		b.Set(now.Add(time.Second))
		b.Set(now.Add(time.Minute))
		check(1, time.Second)
		b.Set(time.Now().Add(-time.Second)) // what is over rings at once
		check(1, 0)
	})
}

// A ring that nobody has heard yet does not swallow the next one, whatever it is set to
// meanwhile.
func TestABellThatHasRungUnheardIsSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := agenda.NewBell()
		defer b.Stop()
		b.Set(time.Now().Add(time.Second))
		time.Sleep(2 * time.Second)       // virtual
		b.Set(time.Now().Add(-time.Hour)) // earlier: set, while the first ring waits to be heard
		<-b.C
		b.Rung()
		b.Set(time.Now().Add(time.Minute))
		n, first := rings(b, time.Hour)
		assert.Positive(t, n)
		assert.LessOrEqual(t, first, time.Minute)
		b.Set(time.Now().Add(time.Minute))
		_, first = rings(b, time.Hour)
		assert.Equal(t, time.Minute, first)
	})
}

// Whenever it is stopped, nothing of it runs on.
func TestABellThatRingsWhileItIsStoppedIsJoined(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8)) // so that goroutines are stopped anywhere
	late := 0
	for n := range 5_000 {
		b := agenda.NewBell()
		b.Set(time.Now().Add(time.Duration(n%50) * time.Microsecond))
		for began := time.Now(); time.Since(began) < 20*time.Microsecond; {
		}
		b.Stop()
		rung := len(b.C)
		for began := time.Now(); time.Since(began) < 5*time.Microsecond; {
			runtime.Gosched()
		}
		if len(b.C) > rung {
			late++
		}
	}
	assert.Zero(t, late, "nothing rings after Stop")
}

func TestABellThatIsStoppedIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := agenda.NewBell()
		b.Set(time.Now().Add(time.Minute))
		b.Stop()
		n, _ := rings(b, time.Hour)
		assert.Zero(t, n)
	})
}
