package keepalive_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/keepalive"
)

var (
	start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	never time.Time
	cfg   = keepalive.Config{Interval: 30 * time.Second, Timeout: 10 * time.Second}
)

const (
	wait = keepalive.Wait
	ping = keepalive.Ping
	dead = keepalive.Dead
	held = true
)

// at returns a time that many seconds after start.
func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// check is one call and what it must answer.
type check struct {
	now     float64
	inbound time.Time
	held    bool
	want    keepalive.Action
	next    float64 // nothing is to be done before; the keepalive may want to look sooner
}

// run makes the calls, and on the way to each of them those that the keepalive asks for.
func run(t *testing.T, cfg keepalive.Config, checks ...check) {
	t.Helper()
	k := keepalive.New(cfg, start)
	next, before := at(1e9), check{inbound: never}
	for i, c := range checks {
		for next.Before(at(c.now)) {
			inbound := before.inbound
			if !c.inbound.After(next) {
				inbound = c.inbound
			}
			var action keepalive.Action
			action, next = k.Check(next, inbound, before.held)
			require.True(t, action == wait || cfg.Timeout == 0, "before check %d: %v", i, action)
		}
		var action keepalive.Action
		action, next = k.Check(at(c.now), c.inbound, c.held)
		require.Equal(t, c.want, action, "check %d, at %v s: %v", i, c.now, action)
		require.True(t, next.After(at(c.now)), "check %d, at %v s: next", i, c.now)
		require.False(t, next.After(at(c.next)), "check %d, at %v s: next", i, c.now)
		before = c
	}
}

func TestASilentPeerIsPingedOnceAndThenDead(t *testing.T) {
	run(t, cfg,
		check{0, never, false, wait, 30},
		check{29.9, never, false, wait, 30},
		check{30, never, false, ping, 40},
		check{30, never, false, wait, 40},
		check{35, never, false, wait, 40},
		check{39.9, never, false, wait, 40},
		check{40, never, false, dead, 50},
		check{41, never, false, dead, 51},
	)
}

func TestL11AnyByteCountsAsLife(t *testing.T) {
	run(t, cfg,
		check{30, at(20), false, wait, 50},
		check{50, at(49), false, wait, 79},
		check{79, at(49), false, ping, 89},
		check{88, at(87), false, wait, 117}, // not the pong, but alive
		check{117, at(87), false, ping, 127},
		check{127, at(87), false, dead, 137},
	)
}

func TestL22ARelayThatNeverPongsIsJudgedByItsTraffic(t *testing.T) {
	k := keepalive.New(cfg, start)
	now, pings := start, 0
	for i := range 1000 { // an event every 35 s, never a pong
		event := now
		for now.Before(start.Add(time.Duration(i+1) * 35 * time.Second)) {
			action, next := k.Check(now, event, false)
			require.NotEqual(t, dead, action)
			if action == ping {
				pings++
			}
			now = next
		}
		now = start.Add(time.Duration(i+1) * 35 * time.Second)
	}
	assert.Equal(t, 1000, pings)
}

// In virtual time the pong can arrive in the instant in which the ping left.
func TestAPongInTheSameInstantCounts(t *testing.T) {
	run(t, cfg,
		check{30, never, false, ping, 40},
		check{40, at(30), false, wait, 60},
	)
}

// The reader dated a byte, was preempted, the owner saw the old time and
// pinged, then the reader stored its byte: it is older than the ping, and news.
func TestAByteDatedJustBeforeThePingAndSeenAfterItCounts(t *testing.T) {
	run(t, cfg,
		check{30, never, false, ping, 40},
		check{40, at(29.999), false, wait, 59.999},
	)
}

func TestAByteDatedAfterNowIsLife(t *testing.T) {
	run(t, cfg,
		check{30, at(30.5), false, wait, 60.5},
		check{60.4, at(30.5), false, wait, 60.5},
		check{60.5, at(30.5), false, ping, 70.5},
	)
}

func TestAByteKnownBeforeThePingDoesNotAnswerIt(t *testing.T) {
	run(t, cfg,
		check{10, at(9), false, wait, 39},
		check{39, at(9), false, ping, 49},
		check{49, at(9), false, dead, 59},
	)
}

func TestALateCheckStillPingsBeforeItJudges(t *testing.T) {
	run(t, cfg,
		check{3600, never, false, ping, 3610},
		check{3610, never, false, dead, 3620},
	)
}

func TestIntervalZeroIsOff(t *testing.T) {
	for _, interval := range []time.Duration{0, -time.Second} {
		k := keepalive.New(keepalive.Config{Interval: interval, Timeout: time.Second}, start)
		action, next := k.Check(at(1e6), never, false)
		assert.Equal(t, wait, action)
		assert.True(t, next.After(at(1e6+3600)), "a timer set to next must not spin")
	}
}

func TestTimeoutZeroPingsButNeverJudges(t *testing.T) {
	run(t, keepalive.Config{Interval: 30 * time.Second},
		check{30, never, false, ping, 60},
		check{45, never, false, wait, 60},
		check{60, never, false, ping, 90},
		check{9000, never, false, ping, 9030},
		check{9001, at(9000), false, wait, 9030},
		check{9030, at(9000), false, ping, 9060},
	)
}

// Shows D12.
func TestHeldUpByOurOwnWindowIsNeverDead(t *testing.T) {
	run(t, cfg,
		check{30, never, false, ping, 40},
		check{35, never, held, wait, 45},
		check{40, never, held, wait, 50},
		check{4000, never, held, wait, 4010},
		check{4001, never, false, wait, 4011}, // released: the full timeout anew
		check{4010.9, never, false, wait, 4011},
		check{4011, never, false, dead, 4021},
	)
}

func TestHeldUpByOurOwnWindowIsNotPinged(t *testing.T) {
	run(t, cfg,
		check{30, never, held, wait, 40},
		check{300, never, held, wait, 310},
		check{301, never, false, ping, 311}, // the silence has lasted: ask now, and give the full timeout
		check{311, never, false, dead, 321},
	)
}

func TestAReleaseWithoutSilenceIsNotPinged(t *testing.T) {
	run(t, cfg,
		check{10, at(9), held, wait, 20},
		check{12, at(9), false, wait, 39},
	)
}

// The owner remembers a hold that came and went between two calls.
func TestAHoldThatIsOverGivesTheFullTimeoutAnew(t *testing.T) {
	run(t, cfg,
		check{30, never, false, ping, 40},
		check{40, never, held, wait, 50},
		check{50, never, false, wait, 60},
		check{60, never, false, dead, 70},
	)
}

func TestDuringAHoldWithoutTimeoutTheNextLookIsAnIntervalAway(t *testing.T) {
	run(t, keepalive.Config{Interval: 30 * time.Second},
		check{100, never, held, wait, 130},
	)
}

func TestABufferedPongReadAfterTheHoldCounts(t *testing.T) {
	run(t, cfg,
		check{30, never, false, ping, 40},
		check{31, never, held, wait, 41},
		check{500, never, false, wait, 510},
		check{510, at(500), false, wait, 530},
	)
}

// A handler that takes one message at a time makes the window full and free
// again many times a second. Neither a live nor a dead peer hides behind that.
func TestAFlappingWindowHidesNeitherALivePeerNorADeadOne(t *testing.T) {
	k := keepalive.New(cfg, start)
	for i := range 5000 {
		now := at(float64(i) / 10)
		action, _ := k.Check(now, now, i%2 == 0)
		require.Equal(t, wait, action)
	}
	last := at(499.9)
	action, next := k.Check(last, last, false)
	require.Equal(t, wait, action)
	action, next = k.Check(next, last, false)
	require.Equal(t, ping, action)
	deadline := next.Add(cfg.Timeout)
	for action != dead {
		require.True(t, next.Before(deadline))
		action, next = k.Check(next, last, false)
	}
}

// DESIGN 3.9: the program was stopped behind a ping, and the pong lies in the
// kernel. Whoever looks first afterwards, it is not the verdict's turn.
// Shows L30.
func TestALateLookJudgesNobody(t *testing.T) {
	for name, asleep := range map[string]struct{ from, until float64 }{
		"from the ping on":                     {30, 300},
		"a day":                                {31, 31 + 86_400},
		"over all of the timeout":              {32.6, 45},
		"over its end":                         {39, 47},
		"until just before its end":            {33, 39.999},
		"from just before its end, for long":   {39.999, 43},
		"over its last look, and not for long": {37.6, 39.9},
	} {
		t.Run(name, func(t *testing.T) {
			k := keepalive.New(cfg, start)
			action, next := k.Check(at(30), never, false)
			require.Equal(t, ping, action)
			for next.Before(at(asleep.from)) {
				action, next = k.Check(next, never, false)
				require.Equal(t, wait, action)
			}
			woken := at(asleep.until)
			if woken.Before(next) {
				woken = next
			}
			action, next = k.Check(woken, never, false)
			require.Equal(t, wait, action, "nobody has read anything yet")
			require.GreaterOrEqual(t, next.Sub(woken), cfg.Timeout/20, "the reader has time to")
			action, _ = k.Check(next, woken, false)
			require.Equal(t, wait, action, "and it has read the pong")
		})
	}
}

func TestAfterALateLookADeadRelayIsFoundOutAllTheSame(t *testing.T) {
	k := keepalive.New(cfg, start)
	action, _ := k.Check(at(30), never, false)
	require.Equal(t, ping, action)
	action, next := k.Check(at(100), never, false)
	require.Equal(t, wait, action)
	for action == wait {
		require.False(t, next.After(at(110)))
		action, next = k.Check(next, never, false)
	}
	assert.Equal(t, dead, action)
}

func TestActionsHaveNames(t *testing.T) {
	assert.Equal(t, "wait ping dead unknown action",
		wait.String()+" "+ping.String()+" "+dead.String()+" "+keepalive.Action(9).String())
}
