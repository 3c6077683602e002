package pack_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/pack"
	"github.com/gennostr/gennostr/nostr"
)

func relay(subscriptions, filters int) pack.Config {
	return pack.Config{Subscriptions: subscriptions, Filters: filters, Bytes: 1 << 16}
}

func names(from, n int) (names []int) {
	for i := range n {
		names = append(names, from+i)
	}
	return names
}

// simple slots, for what needs no relay.
func ask(key string, group any) pack.Ask[string] {
	return pack.Ask[string]{Key: key, Group: group, Bytes: 100}
}

func keys(op pack.Op[string]) (keys []string) {
	for _, m := range op.Members {
		keys = append(keys, m.Key)
	}
	return keys
}

func TestWhileThereIsRoomAGroupHasAREQ(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a1", "a"), ask("b1", "b"), ask("a2", "a"))
	ops := s.Do(now)
	require.Len(t, ops, 2)
	assert.Equal(t, pack.Op[string]{Req: 1, Members: []pack.Member[string]{{Key: "a1"}, {Key: "a2"}}}, ops[0])
	assert.Equal(t, []string{"b1"}, keys(ops[1]))
	assert.Equal(t, 2, ops[1].Req)
	assert.Empty(t, s.Do(now))
}

func TestAnAskThatIsThereIsLeftAsItIs(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", "a"), ask("a", "b"))
	require.Len(t, s.Do(now), 1)
	s.Add(now, ask("a", "a"))
	assert.Empty(t, s.Do(now))
	s.Remove(now, "unknown")
	s.EOSE(now, 77)
	assert.Empty(t, s.Closed(now, 77))
	assert.Empty(t, s.Refused(now, 77))
	assert.Empty(t, s.Do(now))
}

func TestThoseWhoComeTogetherAreSpreadEvenly(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.add(names(0, 300)...)
	ops := w.do()
	require.Len(t, ops, 18, "two are the reserve")
	for _, op := range ops[:17] {
		assert.Len(t, op.Members, 17)
	}
	w.run(time.Minute)
	w.allServed()
	assert.Equal(t, 18, w.reqs, "and there it ends")
}

// The 300 subscriptions of DESIGN 5, one after another.
func TestThreeHundredOneByOne(t *testing.T) {
	for _, between := range []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond, 45 * time.Second} {
		w := newWorld(t, relay(20, 50))
		for name := range 300 {
			w.add(name)
			w.run(between)
		}
		w.run(5 * time.Second)
		w.allServed()
		assert.LessOrEqual(t, w.most, 20)
		opened := 0
		for _, x := range w.wants {
			assert.LessOrEqual(t, x.opened, 3, "want %d", x.name)
			opened += x.opened
		}
		assert.LessOrEqual(t, opened, 3*300)
		assert.Zero(t, w.lost)
	}
}

// Shows D58.
func TestAPageGoesFirstIntoTheReserveAndIsClosed(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.add(names(0, 18)...)
	w.deliver()
	w.add(18, 19, 20)
	page := w.page(100)
	ops := w.do()
	require.Len(t, ops, 1)
	assert.Equal(t, page, ops[0].Members[0].Key, "the last slot is not for those who stay")
	w.deliver()
	assert.True(t, page.over)
	assert.NotContains(t, w.open, ops[0].Req)
}

func TestPagesShareAREQOnlyWhereTheyMust(t *testing.T) {
	w := newWorld(t, relay(4, 50))
	w.add(1)
	w.deliver()
	for name := range 3 {
		w.page(name)
	}
	ops := w.do()
	assert.Len(t, ops, 3)
	w.deliver()
	for name := range 7 {
		w.page(name)
	}
	ops = w.do()
	require.Len(t, ops, 3)
	assert.Len(t, ops[0].Members, 3)
	w.deliver()
	assert.Len(t, w.wants, 1)
	assert.Len(t, w.open, 1)
}

func TestPagesOfOneGroupHaveTheirOwnREQsAndLeaveRoom(t *testing.T) {
	s, now := pack.New[string](relay(4, 50)), time.Unix(1e9, 0)
	for _, key := range []string{"a", "b", "c"} {
		page := ask(key, 1)
		page.Once = true
		s.Add(now, page)
	}
	assert.Len(t, s.Do(now), 3)
	for _, key := range []string{"d", "e", "f"} {
		page := ask(key, 2)
		page.Once = true
		s.Add(now, page)
	}
	s.EOSE(now, 1)
	s.EOSE(now, 2)
	s.Add(now, ask("stays", 3))
	ops := s.Do(now)
	require.Len(t, ops, 5, "two CLOSEs, the pages in two REQs, one more")
	assert.Equal(t, []string{"stays"}, keys(ops[4]))
}

// A pack is opened before what it takes over is closed, and asks for next to nothing.
func TestAHandOverClosesAtTheEOSE(t *testing.T) {
	w := newWorld(t, relay(4, 50))
	w.add(1, 2, 3)
	w.deliver()
	w.add(4)
	require.Empty(t, w.do(), "not at once")
	at, ok := w.slots.Next()
	require.True(t, ok)
	assert.Equal(t, 200*time.Millisecond, at.Sub(w.now))
	w.now = at
	ops := w.do()
	require.Len(t, ops, 1)
	assert.False(t, ops[0].Replace)
	require.Len(t, ops[0].Members, 3)
	for _, m := range ops[0].Members {
		assert.True(t, m.Moved)
		assert.Equal(t, nostr.Filter{}.WithKinds(nostr.Kind(m.Key.name)).WithLimit(1), m.Filter)
	}
	w.hear()
	assert.Len(t, w.open, 4)
	w.answer(0)
	w.read()
	ops = w.do()
	require.Len(t, ops, 4)
	assert.True(t, ops[0].Close && ops[1].Close && ops[2].Close, "closing comes first, it makes the room")
	assert.Equal(t, 4, ops[3].Members[0].Key.name)
}

func TestWithoutAFreeSlotAPackReplacesOneThatItTakesOver(t *testing.T) {
	w := newWorld(t, relay(2, 50))
	w.add(1)
	w.deliver()
	w.add(2)
	w.deliver()
	assert.Len(t, w.open, 2, "the reserve is for those who wait")
	w.run(time.Second)
	w.allServed()
	require.Len(t, w.open, 1)
	assert.Len(t, w.open[1], 2)
	assert.Zero(t, w.lost)
}

func TestWithOneSlotAllJoinOneREQ(t *testing.T) {
	w := newWorld(t, relay(1, 50))
	w.add(1)
	w.deliver()
	w.add(2)
	page := w.page(3)
	w.now = w.now.Add(time.Second)
	require.Empty(t, w.do(), "debounced")
	w.now = w.now.Add(time.Second)
	ops := w.do()
	require.Len(t, ops, 1)
	assert.True(t, ops[0].Replace)
	require.Len(t, ops[0].Members, 2)
	assert.True(t, ops[0].Members[0].Moved)
	assert.Equal(t, page, ops[0].Members[1].Key)
	w.run(time.Second)
	w.allServed()
	assert.Equal(t, 1, w.most)
	assert.Len(t, w.open, 1)
	assert.True(t, page.over)
}

// What has no EOSE yet can neither be replaced nor taken over: nobody could tell whose the next one is.
func TestOnlyWhatIsCaughtUpIsMoved(t *testing.T) {
	w := newWorld(t, relay(1, 50))
	w.add(1)
	w.do()
	w.add(2)
	for range 100 {
		w.now = w.now.Add(time.Second)
		w.do()
	}
	assert.Equal(t, 1, w.reqs)
	w.run(time.Second)
	w.allServed()
}

func TestOthersTakeRoom(t *testing.T) {
	w := newWorld(t, relay(10, 50))
	w.other = 6
	w.slots.Others(6)
	w.add(names(0, 30)...)
	w.run(time.Second)
	w.allServed()
	assert.Len(t, w.open, 3)
	w.other = 100
	w.slots.Others(100)
	w.run(time.Minute)
	w.allServed()
	assert.Len(t, w.open, 1, "one is ours at least")
	assert.Zero(t, w.lost)
}

func TestARelayThatTakesLessThanIsOpen(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	w.add(names(0, 17)...)
	w.deliver()
	w.cfg = relay(5, 50)
	w.slots.SetConfig(w.cfg)
	w.run(10 * time.Second)
	w.allServed()
	assert.LessOrEqual(t, len(w.open), 4)
	assert.Zero(t, w.lost, "all of it by handing over")
}

// Shows P49, P50.
func TestREQsKeepTheirBounds(t *testing.T) {
	w := newWorld(t, pack.Config{Subscriptions: 4, Filters: 5, Bytes: 80 + 3*148})
	w.add(names(0, 9)...)
	w.run(time.Minute)
	w.allServed()
	for _, members := range w.open {
		assert.LessOrEqual(t, len(members), 3)
	}
	s, now := pack.New[string](pack.Config{Subscriptions: 4, Filters: 5, Bytes: 200}), time.Unix(1e9, 0)
	long := ask("long", 1)
	long.Bytes = 1000
	s.Add(now, ask("a", 1), long, ask("b", 1))
	ops := s.Do(now)
	require.Len(t, ops, 3)
	assert.Equal(t, []string{"long"}, keys(ops[1]), "alone: the relay is to judge")
}

func TestRemoved(t *testing.T) {
	s, now := pack.New[string](relay(1, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 2))
	require.Len(t, s.Do(now), 1)
	s.Add(now, ask("waits", 3))
	s.Remove(now, "a", "waits")
	_, waiting := s.Len()
	assert.Zero(t, waiting)
	assert.Empty(t, s.Do(now), "it costs less to leave it than to send the rest again")
	s.Remove(now, "b")
	assert.Equal(t, []pack.Op[string]{{Close: true, Req: 1}}, s.Do(now))
	s.EOSE(now, 1)
	assert.Empty(t, s.Do(now))
	_, ok := s.Next()
	assert.True(t, ok, "to tidy")
	assert.Empty(t, s.Do(now.Add(time.Hour)))
	_, ok = s.Next()
	assert.False(t, ok)
}

func TestRemovedWhileItIsHandedOver(t *testing.T) {
	w := newWorld(t, relay(4, 50))
	first := w.add(1, 2, 3)
	w.deliver()
	w.add(4)
	w.do()
	w.now = w.now.Add(time.Second)
	require.Len(t, w.do(), 1)
	w.remove(first...)
	ops := w.do()
	require.Len(t, ops, 5)
	assert.Equal(t, 4, ops[4].Members[0].Key.name)
	w.run(time.Second)
	w.allServed()
	assert.Len(t, w.open, 1)
}

// Long after, packs lose what is dead in them, and dissolve where there is room.
func TestPacksDissolve(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	wants := w.add(names(0, 300)...)
	w.run(time.Minute)
	w.remove(wants[6:]...)
	before := w.reqs
	w.run(20 * time.Second)
	assert.Equal(t, before, w.reqs, "nothing happens soon")
	w.run(time.Minute)
	w.allServed()
	assert.Len(t, w.open, 6)
	for _, members := range w.open {
		assert.Len(t, members, 1)
	}
	_, ok := w.slots.Next()
	assert.False(t, ok)
	assert.Zero(t, w.lost)
}

func TestWhatIsNotCaughtUpIsNotTidied(t *testing.T) {
	s, now := pack.New[string](relay(20, 50)), time.Unix(1e9, 0)
	s.Add(now, ask("a", 1), ask("b", 1), ask("c", 1))
	require.Len(t, s.Do(now), 1)
	s.Remove(now, "a", "b")
	now = now.Add(time.Hour)
	assert.Empty(t, s.Do(now))
	s.EOSE(now, 1)
	ops := s.Do(now)
	require.Len(t, ops, 1)
	assert.True(t, ops[0].Members[0].Moved)
	s.EOSE(now, 2)
	assert.Equal(t, []pack.Op[string]{{Close: true, Req: 1}}, s.Do(now))
}

// To tidy is worth no quarrel: what is refused stays as it was.
func TestARelayThatDoesNotHaveItTidied(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	wants := w.add(names(0, 60)...)
	w.run(time.Second)
	w.remove(wants[3:]...)
	w.filters = 0
	before := w.reqs
	w.run(time.Hour)
	w.allServed()
	assert.Equal(t, before+1, w.reqs)
}

func TestAPauseHoldsREQsBackAndNoCLOSE(t *testing.T) {
	w := newWorld(t, relay(20, 50))
	wants := w.add(1)
	w.deliver()
	w.slots.Pause(w.now.Add(time.Minute))
	w.add(2)
	w.remove(wants...)
	ops := w.do()
	require.Len(t, ops, 1)
	assert.True(t, ops[0].Close)
	at, ok := w.slots.Next()
	require.True(t, ok)
	require.Equal(t, time.Minute, at.Sub(w.now))
	w.now = at
	require.Len(t, w.do(), 1)
}

func TestNothingToDo(t *testing.T) {
	s := pack.New[string](pack.Config{})
	assert.Empty(t, s.Do(time.Unix(1e9, 0)))
	_, ok := s.Next()
	assert.False(t, ok)
	s.Pause(time.Unix(2e9, 0))
	assert.Empty(t, s.Do(time.Unix(1e9, 0)))
	_, ok = s.Next()
	assert.False(t, ok)
}
