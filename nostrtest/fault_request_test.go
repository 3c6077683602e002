package nostrtest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestNoEOSETwoEOSEsAndLateEOSE(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		mend := w.relay.Break(nostrtest.NoEOSE())
		c.send("REQ", "s", everything)
		assert.Equal(t, events("s", w.relay.Events()...)[0], c.next())
		c.quiet()
		live := note(2)
		w.relay.Publish(live)
		assert.Equal(t, events("s", live)[0], c.next(), "live events come all the same")
		mend()

		mend = w.relay.Break(nostrtest.TwoEOSEs())
		c.send("REQ", "t", nostr.Filter{Kinds: []nostr.Kind{7}})
		assert.Equal(t, []string{eose("t"), eose("t")}, c.nexts(2))
		mend()

		mend = w.relay.Break(nostrtest.LateEOSE(30 * time.Millisecond))
		start := time.Now()
		c.send("REQ", "u", nostr.Filter{Kinds: []nostr.Kind{7}})
		assert.Equal(t, eose("u"), c.next())
		assert.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
		mend()
	})
}

func TestHintsTrueOrNot(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for _, hints := range [][]string{{"more"}, {"finish"}, {"x-unheard-of"}, {"more", "finish"}, {}} {
			mend := w.relay.Break(nostrtest.EOSEHints(hints...))
			c.send("REQ", "s", everything)
			assert.Equal(t, frame("EOSE", "s", hints), c.next())
			mend()
		}
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
	})
}

func TestEndlessMoreServesTheSamePageForEver(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		for i := range 10 {
			w.relay.Publish(note(i + 1))
		}
		c := w.dial()
		newest := w.relay.Events()[:3]
		for _, until := range []nostr.Timestamp{100, 8, 5, 1} {
			c.send("REQ", "s", nostr.Filter{Until: &until})
			assert.Equal(t, append(events("s", newest...), `["EOSE","s",["more"]]`), c.nexts(4))
		}
	}, nostrtest.WithFaults(nostrtest.EndlessMore(3)))
}

func TestIgnoredLimitsAndPageCaps(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		for i := range 10 {
			w.relay.Publish(note(i + 1))
		}
		all := w.relay.Events()
		c := w.dial()
		ask := func(want int, f nostr.Filter) {
			t.Helper()
			c.send("REQ", "s", f)
			assert.Equal(t, stored("s", all[:want]...), c.nexts(want+1))
		}
		ask(5, everything)
		mend := w.relay.Break(nostrtest.IgnoreLimits())
		ask(10, everything)
		ask(10, nostr.Filter{}.WithLimit(2))
		mend()
		mend = w.relay.Break(nostrtest.PageCap(3))
		ask(3, everything)
		ask(2, nostr.Filter{}.WithLimit(2))
		ask(3, nostr.Filter{}.WithLimit(4))
		mend()
		ask(0, nostr.Filter{LimitZero: true})
		mend = w.relay.Break(nostrtest.LimitZeroSends())
		ask(5, nostr.Filter{LimitZero: true})
		mend()
	}, nostrtest.WithLimits(nostrtest.Limits{Limit: 5}))
}

func TestExclusiveBounds(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		for i := range 5 {
			w.relay.Publish(note(i + 1))
		}
		all := w.relay.Events()
		since, until := nostr.Timestamp(2), nostr.Timestamp(4)
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{Since: &since, Until: &until})
		assert.Equal(t, stored("s", all[1:4]...), c.nexts(4))
		defer w.relay.Break(nostrtest.ExclusiveBounds())()
		c.send("REQ", "s", nostr.Filter{Since: &since, Until: &until})
		assert.Equal(t, stored("s", all[2]), c.nexts(2))
	})
}

func TestExpiredEventsAreServed(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		expired := nostrtest.TextNoteAt(1000, nostrtest.Key(1), "old", nostr.Tag{"expiration", "2000"})
		w.relay.Publish(expired)
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		defer w.relay.Break(nostrtest.KeepExpired())()
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", expired), c.nexts(2))
	})
}

// received parses an EVENT message without judging it.
func received(t *testing.T, message string) (id string, event nostr.Event) {
	t.Helper()
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(message), &list))
	require.Len(t, list, 3, message)
	require.JSONEq(t, `"EVENT"`, string(list[0]))
	require.NoError(t, json.Unmarshal(list[1], &id))
	require.NoError(t, json.Unmarshal(list[2], &event))
	return id, event
}

func TestForgedAlteredAndRelabelledEvents(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		genuine := note(1)
		w.relay.Publish(genuine)
		genuine = w.relay.Events()[0]
		c := w.dial()
		get := func(fault nostrtest.Fault) nostr.Event {
			t.Helper()
			defer w.relay.Break(fault)()
			c.send("REQ", "s", everything)
			id, event := received(t, c.next())
			assert.Equal(t, "s", id)
			assert.Equal(t, eose("s"), c.next())
			return event
		}
		forged := get(nostrtest.ForgedEvents())
		assert.Equal(t, genuine.PubKey, forged.PubKey)
		require.NoError(t, forged.CheckID(), "the id fits")
		require.Error(t, forged.Verify(), "the signature does not")

		altered := get(nostrtest.AlteredEvents())
		assert.Equal(t, genuine.ID, altered.ID)
		assert.Equal(t, genuine.Sig, altered.Sig)
		require.Error(t, altered.CheckID())

		relabelled := get(nostrtest.RelabelledEvents())
		assert.Equal(t, genuine.Content, relabelled.Content)
		assert.NotEqual(t, genuine.ID, relabelled.ID)
		require.Error(t, relabelled.CheckID())

		// L03: the forged copy first, the genuine one second; live events too.
		defer w.relay.Break(nostrtest.ForgedEvents().AsWell())()
		c.send("REQ", "t", nostr.Filter{Kinds: []nostr.Kind{1}, LimitZero: true})
		assert.Equal(t, eose("t"), c.next())
		c.send("CLOSE", "s")
		c.alive()
		live := note(2)
		w.relay.Publish(live)
		_, first := received(t, c.next())
		require.Error(t, first.Verify())
		assert.Equal(t, events("t", live)[0], c.next())
		require.NoError(t, w.relay.Events()[0].Verify(), "the store keeps the genuine one")
	})
}

func TestDuplicatedUnsolicitedAndMismatchingEvents(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		event := w.relay.Events()[0]
		c := w.dial()
		mend := w.relay.Break(nostrtest.DuplicatedEvents(3))
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", event, event, event), c.nexts(4))
		mend()

		mend = w.relay.Break(nostrtest.UnsolicitedEvents())
		c.send("REQ", "s", everything)
		assert.Equal(t, []string{events("s", event)[0], events("never-opened", event)[0], eose("s")}, c.nexts(3))
		mend()

		mend = w.relay.Break(nostrtest.MismatchingEvents())
		filter := nostr.Filter{Kinds: []nostr.Kind{1}}
		c.send("REQ", "s", filter)
		assert.Equal(t, events("s", event)[0], c.next())
		id, stray := received(t, c.next())
		assert.Equal(t, "s", id)
		require.NoError(t, stray.Verify(), "genuine")
		assert.False(t, filter.Matches(&stray))
		assert.Equal(t, eose("s"), c.next())
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", event), c.nexts(2), "nothing mismatches everything")
		mend()
	})
}

func TestSpoiltEventsAreCountedAsEvents(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		c := w.dial()
		c.send("REQ", "s", everything)
		var genuine []bool
		for _, message := range c.nexts(3) {
			_, event := received(t, message)
			genuine = append(genuine, event.Verify() == nil)
		}
		assert.Equal(t, []bool{true, false, true}, genuine)
	}, nostrtest.WithFaults(nostrtest.AlteredEvents().Nth(2)))
}
