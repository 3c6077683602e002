package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

func TestALoneEventIsCheckedAndDeliveredByItsSubmitter(t *testing.T) {
	bad := errors.New("bad")
	pool := newPool(t, 2, func(ev *nostr.Event) error {
		if number(ev) == 2 {
			return bad
		}
		return nil
	})
	var got []string // no lock: all of it happens here
	lane := verify.NewLane(pool, func(n int, err error) { got = append(got, fmt.Sprint(n, " ", err)) })
	good, forged := numbered(1), numbered(2)
	lane.SubmitLone(1, good)
	lane.SubmitLone(2, forged)
	lane.SubmitLone(3, nil)
	lane.SubmitLone(4, numbered(4))
	assert.Equal(t, []string{"1 <nil>", "2 bad", "3 <nil>", "4 <nil>"}, got)
	assert.Zero(t, pool.Workers(), "none was needed")
	assert.True(t, pool.Proven(good))
	assert.False(t, pool.Proven(forged))
}

// What comes while a submitter is at work goes to the workers, and the same
// event is not checked twice.
func TestOnlyOneSubmitterChecksAtATime(t *testing.T) {
	g, pool := newGatedPool(t, 1)
	type arrival struct {
		lane string
		n    int
	}
	got := make(chan arrival, 4)
	lane := func(name string) *verify.Lane[int] {
		return verify.NewLane(pool, func(n int, _ error) { got <- arrival{name, n} })
	}
	a, b, c := lane("a"), lane("b"), lane("c")
	same := numbered(1)
	var submitter sync.WaitGroup
	submitter.Go(func() { a.SubmitLone(1, same) })
	require.Equal(t, 1, receive(t, g.entered))
	b.SubmitLone(1, same)
	c.SubmitLone(2, numbered(2))
	require.Equal(t, 2, receive(t, g.entered), "the worker has it, as the submitter is in the other one")
	assert.Equal(t, 1, pool.Workers())
	g.open()
	submitter.Wait()
	got3 := []arrival{receive(t, got), receive(t, got), receive(t, got)}
	assert.ElementsMatch(t, []arrival{{"a", 1}, {"b", 1}, {"c", 2}}, got3)
	assert.Empty(t, g.entered, "the same event is checked once")
}

func TestL10StopWaitsForASubmitterAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, pool := newGatedPool(t, 1)
		delivered, stopped := make(chan error, 2), make(chan struct{})
		lane := verify.NewLane(pool, func(_ int, err error) { delivered <- err })
		go lane.SubmitLone(1, numbered(1))
		receive(t, g.entered)
		go func() { pool.Stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("Stop has not waited")
		default:
		}
		g.open()
		receive(t, stopped)
		require.NoError(t, receive(t, delivered))

		lane.SubmitLone(2, numbered(2))
		require.ErrorIs(t, receive(t, delivered), verify.ErrStopped)
	})
}

func TestAPanicInALoneCheckIsItsVerdict(t *testing.T) {
	pool := verify.NewPool(verify.Config{NewCheck: func() verify.Check {
		return func([]*nostr.Event, []error) { panic("oh") }
	}})
	t.Cleanup(pool.Stop)
	var got error
	ev := numbered(1)
	verify.NewLane(pool, func(_ int, err error) { got = err }).SubmitLone(1, ev)
	var panicked *verify.PanicError
	require.ErrorAs(t, got, &panicked)
	assert.False(t, pool.Proven(ev))
}

// Many lanes, all ways of submitting, few different events: all arrives, in order.
func TestL12LoneEventsAmongStreamsKeepTheirOrders(t *testing.T) {
	const lanes, each = 8, 3000
	pool := newPool(t, 3, func(ev *nostr.Event) error {
		if number(ev)%7 == 0 {
			return errors.New("bad")
		}
		return nil
	})
	var some [200]*nostr.Event
	for i := range some {
		some[i] = numbered(i)
	}
	var submitters sync.WaitGroup
	for i := range lanes {
		submitters.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			next, events := 0, make([]*nostr.Event, each)
			lane := verify.NewLane(pool, func(n int, err error) {
				if n != next {
					t.Errorf("lane %d: item %d after %d", i, n, next-1)
				}
				if ev := events[n]; (err != nil) != (ev != nil && number(ev)%7 == 0) {
					t.Errorf("lane %d: item %d: %v", i, n, err)
				}
				next++
			})
			for n := range each {
				if r.IntN(4) > 0 {
					events[n] = some[r.IntN(len(some))]
				}
				if r.IntN(2) == 0 {
					lane.SubmitLone(n, events[n])
				} else {
					lane.Submit(n, events[n])
				}
				if r.IntN(16) == 0 {
					lane.Drain()
				}
			}
			lane.Drain()
			if next != each {
				t.Errorf("lane %d: %d of %d delivered", i, next, each)
			}
		})
	}
	submitters.Wait()
}
