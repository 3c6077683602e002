package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/test/kit"
)

const bytes = 1 << 16

// some are events, but for those that a test leaves out.
func some(n int, without ...int) (items []item) {
	left := make(map[int]bool)
	for _, i := range without {
		left[i] = true
	}
	for i := range n {
		if !left[i] {
			items = append(items, nth(i))
		}
	}
	return items
}

// opened is a machine whose first NEG-OPEN is sent.
func opened(t *testing.T, change func(*reconcile.Config, *relay)) (*reconcile.Machine, reconcile.Step) {
	t.Helper()
	c := begin(t, some(300), some(300), change)
	steps := c.m.Up(noon, bytes)
	require.Len(t, steps, 1)
	require.Equal(t, reconcile.Open, steps[0].Do)
	c.m.Opened(noon, steps[0].Session)
	return c.m, steps[0]
}

func only(t *testing.T, steps []reconcile.Step) reconcile.Step {
	t.Helper()
	require.Len(t, steps, 1)
	return steps[0]
}

func TestOneSessionFindsWhatEachSideLacks(t *testing.T) {
	c := begin(t, some(5000, 7, 8), some(5000, 100, 4999), nil)
	c.settle(100)
	assert.ElementsMatch(t, []nostr.ID{nth(7).id, nth(8).id}, c.m.Need())
	assert.Equal(t, []nostr.ID{nth(100).id, nth(4999).id}, c.m.Lacks(), "the oldest first")
	assert.Empty(t, c.m.Gaps())
	assert.Equal(t, []reconcile.Window{{Until: reconcile.Forever}}, c.relay.opened, "one window is enough")
	assert.Equal(t, reconcile.Stats{Windows: 1, Sessions: 1, Messages: c.relay.sent}, c.m.Stats())
}

func TestItemsOutsideOfTheDatesDoNotCount(t *testing.T) {
	c := begin(t, some(300), nil, func(cfg *reconcile.Config, _ *relay) { cfg.Since, cfg.Until = epoch+10, epoch+11 })
	c.settle(100)
	assert.Len(t, c.m.Lacks(), 6)
	assert.Equal(t, []reconcile.Window{{Since: epoch + 10, Until: epoch + 11}}, c.relay.opened)
}

func TestWindowsAreHalvedOnlyWhereTheRelaySaysThatItIsTooMuch(t *testing.T) {
	for name, told := range map[string]int64{"the cap is told": 100, "it is not": 0} {
		t.Run(name, func(t *testing.T) {
			c := begin(t, some(3000, 5), some(3000, 6), func(_ *reconcile.Config, r *relay) { r.cap, r.told = 100, told })
			c.settle(10_000)
			assert.Equal(t, []nostr.ID{nth(5).id}, c.m.Need())
			assert.Equal(t, []nostr.ID{nth(6).id}, c.m.Lacks())
			assert.Empty(t, c.m.Gaps())
			assert.Empty(t, c.relay.paged)
			if told > 0 {
				assert.Less(t, len(c.relay.opened), 50, "30 are the least, and one that was too large")
			} else {
				assert.Less(t, len(c.relay.opened), 100)
			}
		})
	}
}

// What a program has that knows nothing is no sample of what the relay has.
func TestWindowsAreHalvedByTimeForWhoHasNothing(t *testing.T) {
	c := begin(t, nil, some(1000), func(_ *reconcile.Config, r *relay) { r.cap = 100 })
	c.settle(10_000)
	assert.Len(t, c.m.Need(), 1000)
	assert.Empty(t, c.m.Gaps())
	assert.Less(t, len(c.relay.opened), 120)
}

func TestASecondThatIsTooLargeIsPagedAndTheRestIsNot(t *testing.T) {
	c := begin(t, some(30), some(31), func(_ *reconcile.Config, r *relay) { r.cap = 2 })
	c.settle(1000)
	assert.Equal(t, []nostr.ID{nth(30).id}, c.m.Need())
	assert.Len(t, c.relay.paged, 12, "ten, and those at either end, which are asked for with them")
	for _, w := range c.relay.paged {
		assert.Equal(t, w.Since+2, w.Until, "a second, and those beside it")
	}
	assert.Empty(t, c.m.Gaps())
}

// "blocked:" may mean the one who asks.
func TestARelayThatRefusesEveryWindowIsPaged(t *testing.T) {
	c := begin(t, some(300), some(301), func(_ *reconcile.Config, r *relay) {
		r.cap = 1
		r.has = setOf(t, some(301))
	})
	c.relay.pick = never
	answers := 0
	steps := c.m.Up(noon, bytes)
	for ; answers < 200 && steps[0].Do == reconcile.Open; answers++ {
		c.m.Opened(noon, steps[0].Session)
		steps = c.m.Failed(noon, steps[0].Session, "blocked: you", 0)
		if steps[0].Do == reconcile.Page && answers < 60 { // a second
			steps = c.m.Paged(noon, reconcile.Unpaged, "blocked: you", false)
		}
	}
	assert.Equal(t, reconcile.Page, steps[0].Do)
	assert.Less(t, answers, 100)
}

// khatru answers NEG-OPEN before it has stored the session (Q02); others forget one after a while (P68).
// Shows P68, Q02.
func TestASessionThatIsLostBeginsAnew(t *testing.T) {
	for _, words := range []string{"CLOSED", "closed: unknown subscription handle", "PROTOCOL-ERROR", ""} {
		m, open := opened(t, nil)
		again := only(t, m.Failed(noon, open.Session, words, 0))
		assert.Equal(t, reconcile.Open, again.Do, "at once")
		assert.Equal(t, open.Window, again.Window)
		assert.NotEqual(t, open.Session, again.Session)
		assert.Empty(t, m.Failed(noon, open.Session, words, 0), "of the session that is over")
		m.Opened(noon, again.Session)
		require.Empty(t, m.Failed(noon, again.Session, words, 0))
		at, some := m.Next()
		require.True(t, some)
		assert.Positive(t, at.Sub(noon), "and not at once any more")
		assert.Less(t, at.Sub(noon), time.Second)
		assert.Equal(t, reconcile.Open, only(t, m.Rang(at)).Do)
	}
}

func TestARelayThatLosesEverySessionIsPaged(t *testing.T) {
	c := begin(t, some(300), some(301), func(_ *reconcile.Config, r *relay) {
		r.pick = func(what string, _ int) bool { return what == "lost" }
	})
	c.settle(1000)
	assert.Equal(t, []nostr.ID{nth(300).id}, c.m.Need())
	assert.Len(t, c.relay.paged, 1)
	assert.Equal(t, 1, c.m.Stats().Paged)
	assert.Less(t, c.now.Sub(noon), time.Minute)
}

// Shows P68, P69, Q05.
func TestARelayThatDoesNotKnowNIP77IsPaged(t *testing.T) {
	for name, answer := range map[string]func(*reconcile.Machine, reconcile.Step) []reconcile.Step{
		"it is silent": func(m *reconcile.Machine, _ reconcile.Step) []reconcile.Step {
			return m.Rang(noon.Add(20 * time.Second))
		},
		"it says so in a NOTICE": func(m *reconcile.Machine, _ reconcile.Step) []reconcile.Step {
			m.Noticed(noon, "ERROR: bad msg: negentropy disabled")
			return m.Rang(noon.Add(time.Second))
		},
		"it speaks another version": func(m *reconcile.Machine, s reconcile.Step) []reconcile.Step {
			return m.Message(noon, s.Session, []byte{0x60})
		},
		"it says so": func(m *reconcile.Machine, s reconcile.Step) []reconcile.Step {
			return m.Failed(noon, s.Session, "ERROR: unsupported: x", 0)
		},
		"it hangs up": func(m *reconcile.Machine, s reconcile.Step) (steps []reconcile.Step) {
			for range 3 {
				require.Empty(t, m.Down(noon))
				if steps = m.Up(noon, bytes); len(steps) > 0 {
					m.Opened(noon, steps[0].Session)
				}
			}
			return steps
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, open := opened(t, nil)
			steps := answer(m, open)
			require.NotEmpty(t, steps)
			last := steps[len(steps)-1]
			assert.Equal(t, reconcile.Page, last.Do)
			assert.Equal(t, open.Window, last.Window)

			m, open = opened(t, func(cfg *reconcile.Config, _ *relay) { cfg.NoPaging = true })
			steps = answer(m, open)
			assert.True(t, m.Done(), steps)
			require.Len(t, m.Gaps(), 1)
			assert.Equal(t, open.Window, m.Gaps()[0].Window)
			assert.NotZero(t, m.Gaps()[0].Why)
		})
	}
}

// A NOTICE alone says nothing (P31).
// Shows P31.
func TestANoticeOfSomethingElseChangesNothing(t *testing.T) {
	m, open := opened(t, nil)
	m.Noticed(noon, "welcome")
	at, _ := m.Next()
	assert.Equal(t, noon.Add(20*time.Second), at)
	m.Noticed(noon, "invalid: something that was sent before")
	steps := m.Message(noon, open.Session, []byte{0x61})
	assert.True(t, m.Done(), "the answer came all the same: %v", steps)
	assert.Empty(t, m.Gaps())
}

func TestTooManySessionsAtOnceWait(t *testing.T) {
	m, open := opened(t, nil)
	m.Noticed(noon, "ERROR: too many concurrent NEG requests")
	shut := only(t, m.Rang(noon.Add(time.Second)))
	assert.Equal(t, reconcile.Step{Do: reconcile.Shut, Session: open.Session}, shut)
	at, some := m.Next()
	require.True(t, some)
	assert.Equal(t, reconcile.Open, only(t, m.Rang(at)).Do)
}

// Shows L30.
func TestAProgramThatWasFrozenJudgesNobody(t *testing.T) {
	m, open := opened(t, nil)
	require.Empty(t, m.Rang(noon.Add(time.Hour)), "the answer may lie unread")
	at, _ := m.Next()
	assert.Equal(t, noon.Add(time.Hour+time.Second), at)
	m.Message(at, open.Session, []byte{0x61})
	assert.True(t, m.Done())
}

func TestAWindowIsBegunAnewOnTheNextConnection(t *testing.T) {
	c := begin(t, some(3000, 1, 2000), some(3000, 2, 2500), nil)
	for range 2 { // the connection, and a message
		c.step()
	}
	require.Len(t, c.relay.opened, 1)
	require.False(t, c.m.Done())
	c.down()
	c.settle(1000)
	assert.Len(t, c.relay.opened, 2)
	assert.ElementsMatch(t, []nostr.ID{nth(1).id, nth(2000).id}, c.m.Need(), "nothing twice")
	assert.Equal(t, []nostr.ID{nth(2).id, nth(2500).id}, c.m.Lacks())
}

func TestAConnectionThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	c := begin(t, some(3), some(3), nil)
	at, some := c.m.Next()
	require.True(t, some)
	assert.Equal(t, noon.Add(20*time.Second), at)
	c.m.Rang(at)
	require.True(t, c.m.Done())
	assert.Equal(t, []reconcile.Gap{{Window: reconcile.Window{Until: reconcile.Forever}, Why: reconcile.Unreached}}, c.m.Gaps())

	m, _ := opened(t, nil)
	m.Down(noon)
	m.Rang(noon.Add(20 * time.Second))
	require.Len(t, m.Gaps(), 1)
	assert.Equal(t, reconcile.Cut, m.Gaps()[0].Why)
}

func TestAuthIsDoneOnceAndNotAgainAndAgain(t *testing.T) {
	m, open := opened(t, nil)
	for range 3 {
		step := only(t, m.Failed(noon, open.Session, "auth-required: who are you?", 0))
		assert.Equal(t, reconcile.Step{Do: reconcile.Auth, Words: "auth-required: who are you?"}, step)
		_, some := m.Next()
		assert.False(t, some, "whoever signs may take their time")
		open = only(t, m.AuthDone(noon))
		m.Opened(noon, open.Session)
	}
	assert.Empty(t, m.Failed(noon, open.Session, "auth-required: who are you?", 0))
	require.True(t, m.Done())
	assert.Equal(t, reconcile.Refused, m.Gaps()[0].Why)

	m, open = opened(t, nil)
	m.Failed(noon, open.Session, "auth-required: x", 0)
	m.AuthFailed()
	assert.True(t, m.Done())
}

// Shows B25.
func TestMoreThanIsToBeKeptEndsIt(t *testing.T) {
	c := begin(t, nil, some(300), func(cfg *reconcile.Config, _ *relay) { cfg.Most = 100 })
	c.settle(1000)
	assert.Len(t, c.m.Need(), 100)
	require.Len(t, c.m.Gaps(), 1)
	assert.Equal(t, reconcile.TooMany, c.m.Gaps()[0].Why)

	c = begin(t, nil, some(300), func(cfg *reconcile.Config, _ *relay) { cfg.Most, cfg.NoNegentropy = 100, true })
	c.settle(1000)
	assert.Len(t, c.came, 100)
	assert.True(t, c.m.Full())
	require.Len(t, c.m.Gaps(), 1)
}

// What a session has listed counts once, whatever brings it again: a session of a part of its window, or
// a page. And what a page has brought the relay has, whatever a session has said.
func TestWhatComesTwiceCountsOnce(t *testing.T) {
	// Up to second 20 the relay has one event, it says, and then something else than we.
	lie := []byte{nip77.Version}
	for shift := 63 / 7 * 7; shift >= 0; shift -= 7 { // a varint with zeros at its head
		group := byte((uint64(epoch)+20+1)>>shift) & 0x7f
		if shift > 0 {
			group |= 0x80
		}
		if group != 0x80 || len(lie) > 1 {
			lie = append(lie, group)
		}
	}
	four := nth(4).id
	lie = append(append(lie, 0, 2, 1), four[:]...)
	lie = append(append(lie, 0, 0, 1), make([]byte, 16)...)
	for _, words := range []string{"blocked: too many", "unsupported: no more"} {
		c := begin(t, some(100, 4), some(100, 99), func(cfg *reconcile.Config, _ *relay) { cfg.Most = 1 })
		open := only(t, c.m.Up(noon, bytes))
		c.m.Opened(noon, open.Session)
		require.Equal(t, reconcile.Send, only(t, c.m.Message(noon, open.Session, lie)).Do)
		need, lacks := c.m.Found()
		require.Equal(t, 1, need)
		require.Greater(t, lacks, 50)
		c.up = true
		c.take(c.m.Failed(noon, open.Session, words, 0))
		c.settle(1000)
		assert.Empty(t, c.m.Gaps(), "one id was to be kept, and there is one")
		assert.Equal(t, []nostr.ID{four}, c.m.Need())
		if len(c.relay.paged) > 0 {
			assert.Equal(t, []nostr.ID{nth(99).id}, c.m.Lacks())
		}
	}
}

func TestWindowsAreNoLongerThanASpan(t *testing.T) {
	c := begin(t, some(3000, 7), some(3000, 9), func(cfg *reconcile.Config, _ *relay) {
		cfg.Since, cfg.Until, cfg.Span = epoch, epoch+999, 100
	})
	c.settle(1000)
	assert.Len(t, c.relay.opened, 10)
	assert.Equal(t, reconcile.Window{Since: epoch + 899, Until: epoch + 999}, c.relay.opened[0], "the newest first, and a second beside it")
	assert.Equal(t, reconcile.Window{Since: epoch, Until: epoch + 100}, c.relay.opened[9], "and nothing beyond the filter's dates")
	assert.Equal(t, []nostr.ID{nth(7).id}, c.m.Need())
	assert.Equal(t, []nostr.ID{nth(9).id}, c.m.Lacks())
}

// Where windows meet, a relay whose bounds are exclusive has been asked for either's seconds by the other.
// Shows Q03, Q07.
func TestNothingIsMissedBetweenWindows(t *testing.T) {
	for _, paged := range []bool{false, true} {
		c := begin(t, some(3000, 300, 301, 597, 598), some(3000, 302, 303, 599, 600), func(cfg *reconcile.Config, r *relay) {
			cfg.Since, cfg.Until, cfg.Span = epoch-1, epoch+1000, 100
			r.notSince, r.notUntil = true, true
			if paged {
				r.cap, cfg.Span = 2, 1
			}
		})
		c.settle(10_000)
		assert.Empty(t, c.m.Gaps())
		assert.ElementsMatch(t, []nostr.ID{nth(300).id, nth(301).id, nth(597).id, nth(598).id}, c.m.Need())
		assert.ElementsMatch(t, []nostr.ID{nth(302).id, nth(303).id, nth(599).id, nth(600).id}, c.m.Lacks())
		assert.Equal(t, paged, len(c.relay.paged) > 0)
	}
}

// Windows end with now, whatever lies between now and the end of the filter's dates.
func TestNoWindowsAreMadeOfTheFuture(t *testing.T) {
	ahead := item{at: nostr.TimestampOf(noon) + 1_000_000, id: nth(5000).id}
	c := begin(t, some(300), append(some(300), ahead), func(cfg *reconcile.Config, _ *relay) {
		cfg.Since, cfg.Until, cfg.Span = nostr.TimestampOf(noon)-1000, reconcile.Forever-1, 100
	})
	c.settle(1000)
	assert.LessOrEqual(t, len(c.relay.opened), 11)
	assert.Equal(t, []nostr.ID{ahead.id}, c.m.Need())
}

// As many as Sync lets there be.
func TestManyWindowsAreNotTooManySessions(t *testing.T) {
	c := begin(t, nil, nil, func(cfg *reconcile.Config, _ *relay) {
		cfg.Since, cfg.Until, cfg.Span = nostr.TimestampOf(noon)-nostr.Timestamp(kit.Sized(100_000, 20_000)), nostr.TimestampOf(noon), 1
	})
	c.settle(1_000_000)
	assert.Empty(t, c.m.Gaps())
}

func TestWhatEndsInTheMiddleSaysWhatIsMissing(t *testing.T) {
	m, open := opened(t, func(cfg *reconcile.Config, _ *relay) { cfg.Since, cfg.Until = epoch, epoch+1000 })
	m.Failed(noon, open.Session, "blocked: too big", 0) // two windows now
	assert.Equal(t, 2, m.Stats().Left)
	steps := m.Stop(reconcile.Ended, "enough")
	assert.Equal(t, reconcile.Shut, only(t, steps).Do)
	assert.Equal(t, []reconcile.Gap{{Window: reconcile.Window{Since: epoch, Until: epoch + 1000}, Why: reconcile.Ended, Words: "enough"}}, m.Gaps())
	assert.Empty(t, m.Stop(reconcile.Cut, ""))
	assert.Equal(t, "ended before its end", reconcile.Ended.String())
	assert.Equal(t, "compared", reconcile.Why(0).String())
}

// A relay that hangs up with each answer answers all the same: what it says divides windows, and is what gaps tell.
func TestARelayThatHangsUpWithItsAnswerHasTheLastWord(t *testing.T) {
	hangUp := func(m *reconcile.Machine, step reconcile.Step, words string) (open reconcile.Step, some bool) {
		m.Opened(noon, step.Session)
		m.Failed(noon, step.Session, words, 0)
		m.Down(noon)
		for _, s := range m.Up(noon, bytes) {
			open, some = s, s.Do == reconcile.Open
		}
		return open, some
	}
	t.Run("too large", func(t *testing.T) {
		m, step := opened(t, nil)
		for n := range 20 {
			next, some := hangUp(m, step, "blocked: too many query results")
			require.True(t, some && !m.Done(), "after %d", n)
			require.Greater(t, next.Window.Since, step.Window.Since, "after %d", n)
			step = next
		}
	})
	t.Run("trouble", func(t *testing.T) {
		m, step := opened(t, nil)
		for some := true; some; {
			step, some = hangUp(m, step, "error: no disk")
		}
		require.True(t, m.Done())
		require.Len(t, m.Gaps(), 1)
		assert.Equal(t, reconcile.Refused, m.Gaps()[0].Why)
		assert.Equal(t, "error: no disk", m.Gaps()[0].Words)
	})
	t.Run("and the next NEG-OPEN is on its way already", func(t *testing.T) {
		m, step := opened(t, nil)
		for n := range 20 {
			m.Opened(noon, step.Session)
			next := m.Failed(noon, step.Session, "blocked: too many query results", 0)
			require.Equal(t, reconcile.Open, next[0].Do, "after %d: it is not without NIP-77", n)
			m.Opened(noon, next[0].Session)
			m.Down(noon)
			again := m.Up(noon, bytes)
			require.Equal(t, reconcile.Open, again[0].Do, "after %d: it is not without NIP-77", n)
			step = again[0]
		}
	})
	t.Run("and stays away", func(t *testing.T) {
		m, step := opened(t, nil)
		m.Opened(noon, step.Session)
		m.Failed(noon, step.Session, "error: no disk", 0)
		m.Down(noon)
		due, some := m.Next()
		require.True(t, some)
		m.Rang(due)
		require.True(t, m.Done())
		require.Len(t, m.Gaps(), 1)
		assert.Equal(t, "error: no disk", m.Gaps()[0].Words)
	})
}
