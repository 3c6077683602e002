package pack_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/pack"
)

func TestAloneItIsGuilty(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.dislikes[2] = true
	w.add(1, 2, 3)
	w.deliver()
	assert.Equal(t, []int{2}, w.guilty)
	assert.Equal(t, 3, w.reqs, "trying again is the owner's")
	w.allServed()
}

// Shows L37, D31.
func TestHalvingFindsTheGuilty(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.dislikes[7], w.dislikes[150] = true, true
	w.add(names(0, 300)...)
	w.run(time.Minute)
	assert.ElementsMatch(t, []int{7, 150}, w.guilty)
	w.allServed()
	assert.LessOrEqual(t, w.reqs, 18+2*2*5+15, "a pack of 17 is halved five times")
	assert.Zero(t, w.lost)
	assert.Zero(t, w.slots.Learnt(), "their number was not it")
}

func TestHalvingWithOneSlot(t *testing.T) {
	w := newWorld(t, relay(1, 50))
	w.dislikes[5] = true
	w.add(names(0, 9)...)
	w.run(5 * time.Minute)
	assert.Equal(t, []int{5}, w.guilty)
	w.allServed()
	assert.Less(t, w.reqs, 20)
}

// A relay may answer first, and refuse then: suspicion does not end with the EOSE.
func TestRefusedAfterTheEOSE(t *testing.T) {
	w := newWorld(t, relay(4, 50))
	w.add(names(0, 24)...)
	w.deliver()
	const bad = 5
	for range 100 {
		for req, members := range w.open {
			for _, m := range members {
				if m.Key.name == bad && !m.Key.over {
					w.close(req)
				}
			}
		}
		w.run(time.Second)
	}
	assert.Equal(t, []int{bad}, w.guilty)
	w.allServed()
	assert.LessOrEqual(t, w.lost, 8+4+2, "smaller each time")
	assert.Len(t, w.wants, 23)
}

func TestWhatIsLostIsToComeBackInHalves(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 1), ask("c", 1))
	require.Len(t, s.Do(now), 1)
	s.EOSE(now, 1)
	v := s.Closed(now, 1)
	assert.Equal(t, pack.Verdict[string]{Lost: []string{"a", "b", "c"}, Within: 2}, v)
	assert.Empty(t, s.Do(now), "forgotten")
	for _, key := range []string{"A", "B", "C"} {
		again := ask(key, 1)
		again.Within = v.Within
		s.Add(now, again)
	}
	ops := s.Do(now)
	require.Len(t, ops, 2)
	assert.Equal(t, []string{"A", "B"}, keys(ops[0]))
	s.EOSE(now, 2)
	assert.Empty(t, s.Closed(now, 3).Lost)
}

// What is dead in a REQ may have been the one: its last living ask is tried alone.
func TestTheDeadAreSuspectsToo(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 1))
	s.Do(now)
	s.Remove(now, "a")
	assert.Empty(t, s.Closed(now, 1).Guilty)
	ops := s.Do(now)
	require.Len(t, ops, 1)
	s.EOSE(now, 2)
	assert.Zero(t, s.Learnt())
	assert.Equal(t, []string{"b"}, s.Closed(now, 2).Guilty)
}

func TestTheDeadAreSuspectsAfterTheEOSEToo(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 1))
	s.Do(now)
	s.EOSE(now, 1)
	s.EOSE(now, 1) // some relays send it twice
	s.Remove(now, "a")
	assert.Equal(t, pack.Verdict[string]{Lost: []string{"b"}, Within: 1}, s.Closed(now, 1))
}

// A relay that takes fewer filters in a REQ than it says: learnt from packs of which
// all parts are taken.
func TestTheNumberOfFiltersIsLearnt(t *testing.T) {
	w := newWorld(t, relay(10, 50))
	w.filters = 5
	w.add(names(0, 30)...)
	w.run(5 * time.Minute)
	w.allServed()
	assert.Empty(t, w.guilty)

	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	for _, key := range []string{"a", "b", "c", "d"} {
		s.Add(now, ask(key, 1))
	}
	s.Do(now)
	s.Closed(now, 1)
	require.Len(t, s.Do(now), 2)
	s.EOSE(now, 2)
	assert.Zero(t, s.Learnt())
	s.EOSE(now, 3)
	assert.Equal(t, 3, s.Learnt())
	s.SetConfig(relay(10, 50))
	assert.Equal(t, 3, s.Learnt())
	s.SetConfig(relay(10, 40))
	assert.Zero(t, s.Learnt(), "what is told anew counts")
}

// As many have been taken before: it was something else.
func TestWhatHasBeenTakenTeachesOtherwise(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 1), ask("c", 1))
	s.Do(now)
	s.EOSE(now, 1)
	s.Add(now, ask("d", 2), ask("e", 2), ask("f", 2))
	s.Do(now)
	s.Closed(now, 2)
	require.Len(t, s.Do(now), 2)
	s.EOSE(now, 3)
	s.EOSE(now, 4)
	assert.Zero(t, s.Learnt())
}

// Refusals without a reason have taught a relay's bound wrongly: who is deaf by that
// is tried all the same.
func TestWhatWasLearntIsDoubtedWhenSomebodyIsDeaf(t *testing.T) {
	w := newWorld(t, relay(4, 10))
	w.filters = 2
	w.add(names(0, 6)...)
	w.run(time.Minute)
	w.add(6, 7, 8)
	w.run(time.Second)
	require.NotZero(t, w.slots.Learnt())
	w.filters = 10
	w.add(names(10, 18)...)
	w.run(10 * time.Minute)
	w.allServed()
	assert.Empty(t, w.guilty)
}

// Whoever joins others and is refused may be innocent: together they may be too many.
// Where there is a slot to try, that is found out.
func TestOneThatIsOneTooManyIsNotGuilty(t *testing.T) {
	w := newWorld(t, relay(3, 4))
	w.filters = 3
	w.add(names(0, 6)...)
	w.deliver()
	w.add(6)
	w.run(time.Second)
	assert.Empty(t, w.guilty)
	assert.Equal(t, 3, w.slots.Learnt())
	w.allServed()
	for range 20 {
		w.run(time.Minute)
	}
	assert.Empty(t, w.guilty)
	w.allServed()
}

// With nobody waiting, a bound that is doubted until it is gone is doubted no more.
func TestDoubtEnds(t *testing.T) {
	w := newWorld(t, relay(4, 10))
	w.filters = 2
	w.add(names(0, 6)...)
	w.deliver()
	w.add(6)
	w.run(time.Second)
	require.NotZero(t, w.slots.Learnt())
	w.filters = 10
	w.add(names(10, 60)...) // more than fit
	w.run(time.Hour)
	assert.Zero(t, w.slots.Learnt())
	_, waiting := w.slots.Len()
	assert.NotZero(t, waiting)
	_, ok := w.slots.Next()
	assert.False(t, ok)
}

func TestRefusedIsNobodysFault(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.subscriptions = 10
	w.add(names(0, 60)...)
	w.run(5 * time.Second)
	w.allServed()
	assert.Empty(t, w.guilty)
	assert.Zero(t, w.lost)
	assert.LessOrEqual(t, len(w.open), 9)
	assert.LessOrEqual(t, w.reqs, 40)
}

func TestWhatIsRefusedIsAskedAgainLaterEachTime(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1))
	var waits []time.Duration
	for req := range 8 {
		require.Len(t, s.Do(now), 1)
		assert.Empty(t, s.Refused(now, req+1))
		assert.Empty(t, s.Do(now))
		at, ok := s.Next()
		require.True(t, ok)
		waits = append(waits, at.Sub(now)/time.Second)
		now = at
	}
	assert.Equal(t, []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}, waits)
	require.Len(t, s.Do(now), 1)
	now = now.Add(10 * time.Second)
	s.EOSE(now, 9)
	assert.Equal(t, []string{"a"}, s.Refused(now, 9), "it was caught up")
	s.Add(now, ask("b", 1))
	s.Do(now)
	at, _ := s.Next()
	assert.Equal(t, time.Second, at.Sub(now))
}

// A REQ that was ended for want of AUTH holds up nothing, and what it asked for is asked
// for again when its owner says so.
func TestAREQThatWasEndedIsNobodysFault(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	s := pack.New[string](pack.Config{Subscriptions: 10, Filters: 10, Bytes: 1000})
	s.Ended(now, 7)
	for range 5 {
		s.Add(now, ask("a", 1), ask("b", 2))
		ops := s.Do(now)
		require.NotEmpty(t, ops)
		for _, op := range ops {
			s.Ended(now, op.Req)
			s.Ended(now, op.Req)
		}
		assert.Empty(t, s.Do(now), "nothing is closed, and nothing is asked again by itself")
		reqs, waiting := s.Len()
		assert.Zero(t, reqs+waiting)
	}
}

// A pack that is refused leaves what it was to take over as it was, and the next
// one is smaller and later.
func TestAPackThatIsRefusedCostsNobodyAnything(t *testing.T) {
	w := newWorld(t, relay(6, 50))
	w.add(names(0, 5)...)
	w.deliver()
	w.filters = 2
	w.add(5, 6, 7)
	w.now = w.now.Add(time.Second)
	w.run(500 * time.Millisecond)
	assert.Equal(t, 4, w.slots.Learnt())
	assert.Len(t, w.open, 5)
	w.run(30 * time.Second)
	w.allServed()
	assert.Zero(t, w.lost)
	assert.Empty(t, w.guilty)
	assert.Less(t, w.reqs, 20)
}

// Far too long packs are not made shorter by one each time.
func TestAPackThatIsFarTooLong(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.filters = 5
	for name := range 60 {
		w.add(name)
		w.run(time.Second)
	}
	w.run(10 * time.Second)
	w.allServed()
	assert.Empty(t, w.guilty)
}

func TestAPackThatWasRefusedForNoReason(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.add(names(0, 18)...)
	w.deliver()
	w.filters = 2
	w.add(18)
	w.run(500 * time.Millisecond)
	assert.Equal(t, 18, w.slots.Learnt())
	w.filters = 50
	longest := 0
	for name := range 60 {
		w.add(100 + name)
		w.run(time.Second)
		for _, members := range w.open {
			longest = max(longest, len(members))
		}
	}
	w.allServed()
	assert.Greater(t, longest, 12)
}

// One refusal of a pack of two does not end all packing. That two filters are one too
// many is believed when they have been asked for together, and then each alone.
func TestAPackOfTwoThatIsRefused(t *testing.T) {
	w := newWorld(t, relay(3, 50))
	w.add(1, 2)
	w.deliver()
	w.filters = 1
	w.add(3)
	w.run(250 * time.Millisecond)
	assert.Equal(t, 2, w.slots.Learnt())
	w.filters = 50
	w.run(3 * time.Second)
	w.allServed()
}

// The wait after a pack that was refused is longer each time, until one is taken.
func TestPacksThatAreRefusedComeLaterEachTime(t *testing.T) {
	w := newWorld(t, relay(4, 50))
	refused := func() time.Duration {
		start, reqs := w.now, w.reqs
		for w.reqs == reqs && w.now.Sub(start) < time.Hour {
			w.run(10 * time.Millisecond)
		}
		return w.now.Sub(start).Round(time.Second / 2)
	}
	w.add(1, 2, 3)
	w.deliver()
	w.filters = 1
	w.add(4)
	assert.Zero(t, refused())
	assert.Equal(t, time.Second, refused())
	w.filters = 50
	assert.Equal(t, 2*time.Second, refused(), "this one is taken")
	w.run(10 * time.Second)
	w.allServed()
	w.add(5, 6)
	w.filters = 1
	w.run(100 * time.Millisecond)
	w.add(7)
	refused()
	assert.Equal(t, time.Second, refused())
}

// A CLOSED of what was replaced crosses with the replacement, which the relay then
// opens: it must not stay open unknown to anybody.
// Shows L34.
func TestACLOSEDThatCrossesWithAReplacement(t *testing.T) {
	w := newWorld(t, relay(1, 50))
	w.add(1)
	w.deliver()
	w.add(2)
	w.do()
	w.now = w.now.Add(time.Second)
	ops := w.do()
	require.True(t, ops[0].Replace)
	w.close(1)
	w.read()
	require.Equal(t, []int{2}, w.guilty, "so it looks")
	ops = w.do()
	require.Len(t, ops, 2)
	assert.Equal(t, pack.Op[*want]{Close: true, Req: 1}, ops[0])
	w.run(time.Second)
	w.allServed()
	assert.Len(t, w.open, 1)
	assert.Equal(t, 1, w.most)
}

func TestAGuiltyOneThatIsTriedAgainIsTriedAlone(t *testing.T) {
	w := newWorld(t, relay(1, 50))
	w.slots.Add(w.now, w.ask(&want{name: 1, bytes: 100}, 0), w.ask(&want{name: 2, bytes: 100}, 1), w.ask(&want{name: 3, bytes: 100}, 0))
	ops := w.do()
	require.Len(t, ops, 1)
	assert.Len(t, ops[0].Members, 2)
	w.run(time.Minute)
	w.allServed()
}
