package keepalive_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/keepalive"
)

// A history is a connection, its peer, its reader's holds, and an owner that comes when
// it is told to or earlier, as far as somebody has chosen them.
type history struct {
	cfg    keepalive.Config
	choose func(n int64) int64 // a choice below n
	over   func() bool         // nothing is left to be chosen: the peer is silent from now on

	now     time.Time
	inbound time.Time // the last byte, as dated
	held    bool
	pinged  time.Time // of the ping that nothing has answered
	judge   time.Time // nothing may be called dead before
}

// live lets the peer send, and the window be full or free again.
func (h *history) live() {
	if h.choose(3) == 0 && !h.held {
		h.inbound, h.pinged = h.now, never
	}
	if h.choose(5) == 0 {
		h.held = !h.held
		h.judge = h.now.Add(h.cfg.Timeout)
	}
}

// limit is when a peer from which nothing comes is found out.
func (h *history) limit() time.Time {
	limit := h.inbound.Add(h.cfg.Interval)
	if !h.pinged.IsZero() {
		limit = h.pinged.Add(h.cfg.Timeout)
		if h.judge.After(limit) {
			limit = h.judge
		}
	}
	return limit
}

// check holds what the keepalive says against the history.
func (h *history) check(t require.TestingT, action keepalive.Action, next time.Time) {
	require.True(t, next.After(h.now), "next lies ahead")
	require.LessOrEqual(t, next.Sub(h.now), max(h.cfg.Interval, h.cfg.Timeout))
	switch action {
	case ping:
		require.False(t, h.held)
		require.True(t, h.pinged.IsZero(), "one ping per silence")
		require.GreaterOrEqual(t, h.now.Sub(h.inbound), h.cfg.Interval)
		h.pinged = h.now
	case dead:
		require.False(t, h.held)
		require.False(t, h.pinged.IsZero(), "never without a ping")
		require.GreaterOrEqual(t, h.now.Sub(h.pinged), h.cfg.Timeout)
		require.False(t, h.now.Before(h.judge), "a full timeout after a hold")
	case wait:
		require.True(t, h.held || h.now.Before(h.limit()), "a silent peer is found out in time")
	}
}

// run goes through it, until the peer is found to be dead.
func (h *history) run(t require.TestingT) {
	h.now, h.inbound = start, start
	k := keepalive.New(h.cfg, start)
	for n := 0; ; n++ {
		over := h.over()
		if !over {
			h.live()
			n = 0
		} else if h.held {
			h.held, h.judge = false, h.now.Add(h.cfg.Timeout)
		}
		action, next := k.Check(h.now, h.inbound, h.held)
		h.check(t, action, next)
		if action == dead {
			return
		}
		require.Less(t, n, 100, "it comes to an end")
		if !over && h.choose(2) == 0 {
			h.now = h.now.Add(1 + time.Duration(h.choose(int64(next.Sub(h.now)))))
		} else {
			h.now = next
		}
	}
}

// Random peers, random holds, an owner that comes when it is told to or earlier:
// the promises of the package, checked against the plain history.
func TestPromisesHoldForEveryHistory(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 5))
		silentAt := start.Add(time.Duration(random.IntN(600)) * time.Second)
		h := &history{cfg: cfg, choose: random.Int64N}
		h.over = func() bool { return !h.now.Before(silentAt) }
		h.run(t)
	}
}

// The same, as a fuzzer chooses it: an interval, a timeout, and what happens.
func FuzzPromisesHoldForEveryHistory(f *testing.F) {
	f.Add([]byte{30, 10, 1, 1, 1, 0, 1, 1, 1, 2, 0, 0, 0, 99, 0, 1, 1, 0, 1, 1, 1, 1})
	f.Add([]byte{2, 250, 2, 1, 1, 2, 0, 1})
	f.Fuzz(func(t *testing.T, program []byte) {
		next := func() byte {
			if len(program) == 0 {
				return 1
			}
			b := program[0]
			program = program[1:]
			return b
		}
		h := &history{cfg: keepalive.Config{Interval: time.Duration(next()+1) * time.Second / 8, Timeout: time.Duration(next()+1) * time.Second / 8}}
		h.cfg.Interval, h.cfg.Timeout = max(h.cfg.Interval, 1), max(h.cfg.Timeout, 1)
		h.over = func() bool { return len(program) == 0 }
		h.choose = func(n int64) int64 {
			if n <= 256 {
				return int64(next()) % n
			}
			return n / 256 * int64(next())
		}
		h.run(t)
	})
}
