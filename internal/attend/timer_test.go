package attend_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/attend"
)

func TestATimerFiresOnceInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{-1, 0, 1, time.Millisecond, 7 * time.Second, time.Hour} {
			began, fired := time.Now(), make(chan time.Duration, 2)
			timer := attend.AfterFunc(d, func() { fired <- time.Since(began) })
			assert.Equal(t, max(d, 1), <-fired)
			assert.False(t, timer.Stop(), "too late")
			time.Sleep(2 * time.Hour) // virtual
			assert.Empty(t, fired)
		}
	})
}

func TestAStoppedTimerDoesNotFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fired atomic.Bool
		for at := range 20 {
			timer := attend.AfterFunc(20*time.Second, func() { fired.Store(true) })
			time.Sleep(time.Duration(at) * time.Second) // virtual
			assert.True(t, timer.Stop())
			assert.False(t, timer.Stop())
			time.Sleep(time.Hour) // virtual
			assert.False(t, fired.Load())
		}
	})
}
