package dials_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/dials"

	"github.com/gennostr/gennostr/test/seed"
)

const handshake = 20 * time.Second

// relay is one of a world; its key is its index.
type relay struct {
	takes   time.Duration // until its dial succeeds; never if negative: it hangs
	refuses bool          // its dial fails after takes
	guest   bool          // somebody else has named it

	up, failed, aborted, gone bool
	connected                 time.Duration // when, the first time since it was last asked for; -1
	asked, began              time.Duration
	dialing, waiting          bool
	aborts, begun             int
	redial                    time.Duration // when it asks again, -1: not
	wasUp                     bool
	delay                     time.Duration // after a dial that failed
}

// world is relays and an owner that does what Dials says, in a time of its own.
type world struct {
	t       require.TestingT
	places  int
	d       *dials.Dials[int]
	now     time.Duration
	relays  []*relay
	aborted []int
	slept   time.Duration // what the owner oversleeps the next time
}

var epoch = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t require.TestingT, places int) *world {
	return &world{t: t, places: places, d: dials.Make[int](places)}
}

func (w *world) at() time.Time { return epoch.Add(w.now) }

// add asks for a relay right away.
func (w *world) add(r relay) *relay {
	r.connected, r.redial = -1, -1
	w.relays = append(w.relays, &r)
	w.ask(len(w.relays) - 1)
	return &r
}

func (w *world) ask(i int) {
	r := w.relays[i]
	kind := dials.New
	switch {
	case r.guest:
		kind = dials.Guest
	case r.failed && r.wasUp:
		kind = dials.Known
	case r.failed:
		kind = dials.Stranger
	case r.wasUp:
		kind = dials.Lost
	}
	r.asked, r.waiting, r.redial, r.connected = w.now, true, -1, -1
	w.d.Ask(i, kind, r.aborted, w.at())
}

// cut ends a relay's connection.
func (w *world) cut(r *relay) {
	r.up = false
	r.redial = w.now + 500*time.Millisecond
}

// ends is when a dial that is under way comes to its end.
func (r *relay) ends() (at time.Duration, ok bool) {
	if r.takes < 0 {
		return r.began + handshake, false
	}
	return r.began + r.takes, !r.refuses
}

// act does what Dials says, until it says Wait, and checks what has to hold at any time.
func (w *world) act() (wake time.Duration) {
	for n := 0; ; n++ {
		require.Less(w.t, n, 100_000, "it comes to rest")
		i, do, at := w.d.Next(w.at())
		switch do {
		case dials.Dial:
			r := w.relays[i]
			require.True(w.t, r.waiting, "only who waits is dialled")
			r.waiting, r.dialing, r.began = false, true, w.now
			r.begun++
		case dials.Abort:
			r := w.relays[i]
			require.True(w.t, r.dialing)
			require.Equal(w.t, 4*w.places, w.d.UnderWay(), "for want of room only")
			require.GreaterOrEqual(w.t, w.now-r.began, 800*time.Millisecond, "none that has just begun")
			w.aborted = append(w.aborted, i)
			r.aborts++
			w.fail(i, true)
		default:
			w.check()
			if at.IsZero() {
				return -1
			}
			require.True(w.t, at.After(w.at()))
			return at.Sub(epoch)
		}
	}
}

func (w *world) check() {
	under, waiting, young, failing := 0, 0, 0, 0
	for _, r := range w.relays {
		switch {
		case r.dialing:
			under++
			if w.now-r.began < 150*time.Millisecond {
				young++
				if r.failed || r.guest {
					failing++
				}
			}
		case r.waiting:
			waiting++
		}
	}
	require.Equal(w.t, under, w.d.UnderWay())
	require.Equal(w.t, waiting, w.d.Waiting())
	require.LessOrEqual(w.t, under, 4*w.places)
	require.LessOrEqual(w.t, young, w.places, "of those that do not hang, as many as there are places")
	require.LessOrEqual(w.t, failing, max(1, w.places/2), "half of the places")
	if waiting > 0 {
		require.Positive(w.t, under, "nobody waits for nothing")
	}
}

func (w *world) fail(i int, aborted bool) {
	r := w.relays[i]
	r.dialing, r.failed, r.aborted = false, true, aborted
	r.delay = min(max(2*r.delay, time.Second), 30*time.Second)
	r.redial = w.now + r.delay
	w.d.End(i)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for {
		next := w.act()
		for _, r := range w.relays {
			at := r.redial
			if r.dialing {
				at, _ = r.ends()
			}
			if at >= 0 && (r.dialing || r.redial >= 0) && (next < 0 || at < next) {
				next = at
			}
		}
		if next < 0 || next > end {
			w.now = max(w.now, end)
			return
		}
		w.now = max(w.now, next+w.slept)
		w.slept = 0
		for i, r := range w.relays {
			switch {
			case r.gone:
			case r.dialing:
				if at, ok := r.ends(); at <= w.now {
					if !ok {
						w.fail(i, false)
						continue
					}
					r.dialing, r.up, r.wasUp, r.failed, r.aborted = false, true, true, false, false
					r.connected, r.delay = w.now, 0
					w.d.End(i)
				}
			case r.redial >= 0 && r.redial <= w.now:
				w.ask(i)
			}
		}
	}
}

var blackHole = relay{takes: -1}

// The measure of DESIGN 3.11: black holes that nobody knows yet, and one good
// relay behind all of them.
func TestBlackHolesCostAGoodRelayTwoSecondsAtMost(t *testing.T) {
	for _, c := range []struct{ places, holes int }{
		{64, 200}, {64, 255}, {64, 20}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {8, 40}, {1, 1}, {1, 4},
	} {
		w := newWorld(t, c.places)
		for range c.holes {
			w.add(blackHole)
		}
		good := w.add(relay{takes: 0})
		w.run(3 * time.Second)
		require.GreaterOrEqual(t, good.connected, time.Duration(0), "%+v", c)
		assert.LessOrEqual(t, good.connected, 2*time.Second, "%+v: at first", c)
		if c.holes < 4*c.places {
			assert.Empty(t, w.aborted, "%+v: nobody was given up", c)
		}

		for _, later := range []time.Duration{time.Second, 7 * time.Second, time.Minute, 61 * time.Second, time.Hour} {
			w.run(later)
			cut := w.now
			w.cut(good)
			w.run(3 * time.Second)
			require.GreaterOrEqual(t, good.connected, time.Duration(0), "%+v, cut at %v", c, cut)
			assert.LessOrEqual(t, good.connected-cut, 2*time.Second, "%+v, cut at %v", c, cut)
		}
	}
}

// Relays that were up once are no better than others when they have become black holes.
func TestTheDeadOfYesterdayCostNoMore(t *testing.T) {
	for _, places := range []int{1, 2, 3, 4} {
		w := newWorld(t, places)
		var dead []*relay
		for range 10 {
			dead = append(dead, w.add(relay{takes: 0}))
		}
		good := w.add(relay{takes: 0})
		w.run(time.Second)
		for _, r := range dead {
			r.takes = -1
			w.cut(r)
		}
		for range 20 {
			w.cut(good)
			cut := w.now
			w.run(10 * time.Second)
			require.GreaterOrEqual(t, good.connected, time.Duration(0), "%d places, cut at %v", places, cut)
			assert.LessOrEqual(t, good.connected-cut, 2500*time.Millisecond, "%d places, cut at %v", places, cut)
		}
		added := w.now
		fresh := w.add(relay{takes: 0})
		w.run(4 * time.Second)
		assert.LessOrEqual(t, fresh.connected-added, 2500*time.Millisecond, "and a new one comes in")
		assert.True(t, fresh.up)
	}
}

// A relay that was away for a while is one that keeps failing. It waits behind its
// like, not behind all the strangers that nobody has ever reached.
func TestAKnownRelayIsNotOneOfManyStrangers(t *testing.T) {
	w := newWorld(t, 4)
	for range 300 {
		w.add(blackHole)
	}
	back := w.add(relay{takes: 0})
	w.run(time.Hour)
	require.True(t, back.up)
	back.takes = -1
	w.cut(back)
	w.run(time.Minute)
	back.takes = 0
	for !back.up {
		w.run(100 * time.Millisecond)
		if back.waiting {
			require.LessOrEqual(t, w.now-back.asked, 6*time.Second)
		}
	}
}

// Slow is not dead: in a crowd of black holes that dials for ever, a relay that
// takes its ten seconds is not given up again and again.
func TestASlowRelayGetsItsTime(t *testing.T) {
	for _, places := range []int{1, 2, 64} {
		w := newWorld(t, places)
		slow := w.add(relay{takes: 10 * time.Second})
		for range 4*places + 10 {
			w.add(blackHole)
		}
		flapping := w.add(relay{takes: 0})
		for range 300 {
			w.run(time.Second)
			if flapping.up {
				w.cut(flapping)
			}
		}
		assert.True(t, slow.wasUp, "%d places", places)
	}
}

// A crowd of dead relays that strangers have named costs none of the others its turn:
// not one that is new, not one that was lost, not one that could not be reached before.
// Shows D48.
func TestACrowdOfDeadGuestsHoldsUpNobodyElse(t *testing.T) {
	for _, places := range []int{1, 4, 64} {
		w := newWorld(t, places)
		back := w.add(relay{takes: 0, refuses: true})
		w.run(time.Second)
		lost := w.add(relay{takes: 0})
		w.run(time.Second)
		require.True(t, lost.up)
		for range 1000 {
			w.add(relay{takes: -1, guest: true})
		}
		w.run(10 * time.Second)
		w.cut(lost)
		fresh := w.add(relay{takes: 0})
		back.refuses = false
		began := w.now
		w.run(time.Minute)
		require.True(t, lost.up && fresh.up && back.up, "%d places", places)
		assert.LessOrEqual(t, fresh.connected-began, 2*time.Second, "%d places", places)
		assert.LessOrEqual(t, lost.connected-began, 2500*time.Millisecond, "%d places", places)
		assert.LessOrEqual(t, back.connected-began, 40*time.Second, "%d places, its schedule included", places)
	}
}

func TestARelayThatIsNotWantedAnyMoreLeavesNothingBehind(t *testing.T) {
	d := dials.Make[string](1)
	d.Ask("a", dials.New, false, epoch)
	d.Ask("b", dials.New, false, epoch)
	d.Ask("c", dials.Stranger, false, epoch)
	d.End("nobody")
	key, do, _ := d.Next(epoch)
	require.Equal(t, dials.Dial, do)
	require.Equal(t, "a", key)
	_, do, wake := d.Next(epoch)
	require.Equal(t, dials.Wait, do)
	require.Equal(t, epoch.Add(time.Second), wake)
	d.End("b")
	d.End("a")
	key, do, _ = d.Next(epoch)
	require.Equal(t, dials.Dial, do)
	require.Equal(t, "c", key)
	d.End("c")
	_, do, wake = d.Next(epoch)
	assert.Equal(t, dials.Wait, do)
	assert.Zero(t, wake)
	assert.Zero(t, d.Waiting()+d.UnderWay())
}

// DESIGN 3.9: the dials of a program that was stopped for an hour have not hung for an hour.
func TestWhatTheOwnerHasSleptThroughDoesNotCount(t *testing.T) {
	d := dials.Make[int](1)
	d.Ask(1, dials.New, false, epoch)
	d.Ask(2, dials.New, false, epoch)
	_, do, _ := d.Next(epoch)
	require.Equal(t, dials.Dial, do)
	_, do, wake := d.Next(epoch)
	require.Equal(t, dials.Wait, do)
	require.Equal(t, epoch.Add(time.Second), wake)
	woken := epoch.Add(time.Hour)
	for range 2 {
		_, do, wake = d.Next(woken)
		require.Equal(t, dials.Wait, do, "it has its second still")
		require.Equal(t, woken.Add(900*time.Millisecond), wake, "but for the little that a look counts at least")
	}
	for n := 0; do == dials.Wait; n++ {
		require.Less(t, n, 10, "a machine that is always late dials all the same")
		woken = wake.Add(time.Minute)
		_, do, wake = d.Next(woken)
	}
}

func TestPlacesWithoutEnd(t *testing.T) {
	d := dials.Make[int](int(^uint(0) >> 1))
	for i := range 1000 {
		d.Ask(i, dials.New, false, epoch)
		_, do, _ := d.Next(epoch)
		require.Equal(t, dials.Dial, do)
	}
}

// Any relays, any number of places, any order of things, an owner that oversleeps:
// what act checks holds at all times, and in the end everybody has had his turn.
func everybodyHasHisTurn(t *rapid.T) {
	w := newWorld(t, rapid.IntRange(1, 6).Draw(t, "places"))
	kinds := map[string]relay{
		"black hole": blackHole, "good": {takes: 0}, "slow": {takes: 3 * time.Second}, "refusing": {refuses: true},
		"slow to refuse": {takes: 5 * time.Second, refuses: true},
	}
	names := []string{"black hole", "good", "slow", "refusing", "slow to refuse"}
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 0, 1:
			r := kinds[rapid.SampledFrom(names).Draw(t, "kind")]
			r.guest = rapid.Bool().Draw(t, "guests")
			for range rapid.IntRange(1, 12).Draw(t, "how many") {
				w.add(r)
			}
		case 2:
			for _, r := range w.relays {
				if r.up && rapid.Bool().Draw(t, "cut") {
					w.cut(r)
				}
			}
		case 3:
			if len(w.relays) > 0 {
				i := rapid.IntRange(0, len(w.relays)-1).Draw(t, "gone")
				r := w.relays[i]
				r.gone, r.dialing, r.waiting, r.up, r.redial = true, false, false, false, -1
				w.d.End(i)
			}
		case 4:
			w.slept = time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "slept"))
		case 5:
			if len(w.relays) > 0 {
				r := w.relays[rapid.IntRange(0, len(w.relays)-1).Draw(t, "turns")]
				r.takes = kinds[rapid.SampledFrom(names).Draw(t, "into")].takes
			}
		}
		w.run(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "for")))
	}
	w.slept = 0
	waiting := map[*relay]int{}
	for _, r := range w.relays {
		if r.waiting {
			waiting[r] = r.begun
		}
	}
	// Nobody comes to an end later than a handshake takes; all that keep failing ask again and again.
	w.run(time.Duration(len(w.relays)/w.places+2) * 3 * handshake)
	for r, begun := range waiting {
		require.Greater(t, r.begun, begun, "nobody waits for ever")
	}
	for _, r := range w.relays {
		if !r.gone && !r.refuses && r.takes >= 0 {
			require.True(t, r.up, "a relay that can be reached is, %+v", r)
		}
	}
}

// Shows L07, L36, B24.
func TestPromisesHoldForEveryWorld(t *testing.T) { rapid.Check(t, everybodyHasHisTurn) }

func FuzzPromisesHoldForEveryWorld(f *testing.F) { seed.Fuzz(f, everybodyHasHisTurn) }
