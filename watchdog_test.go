package gennostr_test

import (
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// sleepy is a bot whose casts are how long their callback takes.
func sleepy() *bot {
	return newBot(func(_ *gennostr.Self, n note) error {
		if d, ok := n.Msg.(time.Duration); ok && n.Name == "HandleCast" {
			overslept(d)
		}
		return nil
	})
}

// overslept has a name to be found in a stack.
func overslept(d time.Duration) { time.Sleep(d) }

func TestSlowCallbackIsLoggedOnceWithItsStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log journal
		c := start(t, sleepy(), log.Option())
		require.NoError(t, c.Cast(10*time.Minute))
		require.NoError(t, c.Cast(time.Second))
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"), "the default is 30 s")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		lines := log.Lines("WARN")
		require.Len(t, lines, 1)
		for _, want := range []string{"callback=HandleCast", "running=30s", "mailbox=1", "overslept", "watchdog_test.go"} {
			assert.Contains(t, lines[0], want)
		}
		assert.Len(t, regexp.MustCompile(`goroutine \d+ \[`).FindAllString(lines[0], -1), 1, "its stack, and no other")
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 1, "once for each callback")
		require.NoError(t, c.Cast(31*time.Second))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 2, "and once for the next one")
	})
}

func TestSlowCallbackIsMeasuredFromItsOwnBeginning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log journal
		c := start(t, sleepy(), log.Option(), gennostr.WithSlowCallback(10*time.Second))
		for range 20 { // the watch is armed by the first of a series; none of them is slow
			require.NoError(t, c.Cast(9*time.Second))
		}
		time.Sleep(20 * 9 * time.Second)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
		require.NoError(t, c.Cast(4*time.Second))
		require.NoError(t, c.Cast(12*time.Second))
		time.Sleep(14*time.Second - 1)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, log.Lines("WARN"), 1, "ten seconds after it began, which was 4 s after the watch was armed")
		assert.Contains(t, log.Lines("WARN")[0], "running=10s")
		time.Sleep(time.Minute)
	})
}

func TestSlowCallbackCoversEveryPieceOfUserCode(t *testing.T) {
	for _, callback := range []string{"Init", "HandleCall", "HandleInfo", "HandleContinue", "Terminate"} {
		t.Run(callback, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log journal
				h := newBot(func(self *gennostr.Self, n note) error {
					if n.Name == callback {
						overslept(time.Minute)
					}
					if n.Name == "HandleCast" {
						self.Continue("go on")
					}
					return nil
				})
				c := launch(t, h, log.Option(), gennostr.WithShutdownTimeout(time.Hour))
				require.NoError(t, c.Cast(1))
				require.NoError(t, c.Notify(1))
				_, _ = c.Call(t.Context(), 1)
				require.NoError(t, c.Stop(t.Context()))
				require.Len(t, log.Lines("WARN"), 1)
				assert.Contains(t, log.Lines("WARN")[0], "callback="+callback+" ")
			})
		})
	}
}

// DESIGN 3.9: a machine that was suspended in the middle of a callback has not run it for an hour.
func TestSlowCallbackIsNotOneThatSlept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log journal
		c := start(t, sleepy(), log.Option())
		require.NoError(t, c.Cast(time.Minute))
		time.Sleep(time.Second)
		synctest.Wait()
		woken := time.Now().Add(time.Hour)
		gennostr.LookAtSlowCallback(c, woken)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
		for at := time.Duration(0); at < 30*time.Second; at += time.Second {
			gennostr.LookAtSlowCallback(c, woken.Add(at))
		}
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
		gennostr.LookAtSlowCallback(c, woken.Add(31*time.Second)) // one more: these looks were not those that the watch had asked for
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 1)
		time.Sleep(2 * time.Minute)
	})
}

func TestSlowCallbackCanBeSwitchedOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log journal
		c := start(t, sleepy(), log.Option(), gennostr.WithSlowCallback(0))
		require.NoError(t, c.Cast(time.Hour))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
	})
}

// A dump of thousands of goroutines is longer than the first buffer; ours is in it all the same.
func TestSlowCallbackFindsItsStackAmongThousands(t *testing.T) {
	release := make(chan struct{})
	var crowd sync.WaitGroup
	for range 3000 {
		crowd.Go(func() { <-release })
	}
	defer crowd.Wait()
	defer close(release)
	var log journal
	logged := make(chan string, 1)
	h := newBot(func(_ *gennostr.Self, n note) error {
		if n.Name != "HandleCast" {
			return nil
		}
		for { // a machine that is busy may have made other callbacks slow, too
			for _, line := range log.Lines("WARN") {
				if strings.Contains(line, "callback=HandleCast") {
					logged <- line
					return nil
				}
			}
			runtime.Gosched()
		}
	})
	c := start(t, h, log.Option(), gennostr.WithSlowCallback(time.Millisecond))
	require.NoError(t, c.Cast(1))
	assert.Contains(t, within(t, "the log line", logged), "watchdog_test.go")
}
