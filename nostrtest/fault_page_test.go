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

func TestExclusiveSinceKeepsToUntil(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithSince(1).WithUntil(3))
		assert.Equal(t, stored("s", all[:2]...), c.nexts(3))
		c.send("REQ", "s", nostr.Filter{}.WithUntil(2))
		assert.Equal(t, stored("s", all[1:]...), c.nexts(3))
	}, nostrtest.WithFaults(nostrtest.ExclusiveSince()))
}

func TestAnswerCapIsOfTheWholeREQ(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3), nostrtest.EventAt(1, nostrtest.Key(2), 7, "+"))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7), nostr.Filter{}.WithKinds(1))
		assert.Equal(t, append(events("s", all[:2]...), `["EOSE","s",["more"]]`), c.nexts(3), "the first filter gets nothing")
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7))
		assert.Equal(t, `["EOSE","s",["finish"]]`, c.nexts(2)[1])
		_, body := w.document()
		assert.NotContains(t, body, "max_limit")
	}, nostrtest.WithHints(), nostrtest.WithFaults(nostrtest.AnswerCap(2)))
}

// A page cap, and a second that holds more than a page: who pages by until alone sees
// the same page for ever, and hints do not help.
func TestPagesOfADenseSecond(t *testing.T) {
	dense := nostrtest.DenseSecond(1000, nostrtest.Key(1), 7)
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(dense...)
		w.relay.Publish(note(5))
		all := w.relay.Events()
		require.Len(t, all, 8)
		c := w.dial()
		for _, until := range []nostr.Timestamp{2000, 1000, 1000} {
			c.send("REQ", "s", nostr.Filter{}.WithUntil(until))
			assert.Equal(t, append(events("s", all[:3]...), `["EOSE","s",["more"]]`), c.nexts(4))
		}
		c.send("REQ", "s", nostr.Filter{}.WithUntil(999))
		assert.Equal(t, append(events("s", all[7]), `["EOSE","s",["finish"]]`), c.nexts(2))
	}, nostrtest.WithHints(), nostrtest.WithFaults(nostrtest.PageCap(3)))
}

func TestWholeSecondsEndAPageWhereASecondEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(nostrtest.DenseSecond(1000, nostrtest.Key(1), 7)...)
		w.relay.Publish(note(5))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, append(events("s", all[:7]...), `["EOSE","s",["more"]]`), c.nexts(8))
		c.send("REQ", "s", nostr.Filter{}.WithLimit(5))
		assert.Equal(t, append(events("s", all[:5]...), `["EOSE","s",["more"]]`), c.nexts(6), "a client's limit is kept")
		c.send("REQ", "s", nostr.Filter{}.WithLimit(0))
		assert.Equal(t, `["EOSE","s",["more"]]`, c.next())
		c.send("REQ", "s", nostr.Filter{}.WithLimit(2))
		assert.Equal(t, append(events("s", all[:2]...), `["EOSE","s",["more"]]`), c.nexts(3))
	}, nostrtest.WithHints(), nostrtest.WithWholeSeconds(), nostrtest.WithLimits(nostrtest.Limits{Limit: 3}))
}

// What one filter leaves out, another may send: only what nobody gets is more.
func TestP36HintsCountWhatAnotherFilterSends(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithLimit(1), nostr.Filter{}.WithUntil(1))
		assert.Equal(t, append(events("s", all...), `["EOSE","s",["finish"]]`), c.nexts(3))
		c.send("REQ", "s", nostr.Filter{}.WithLimit(1), nostr.Filter{}.WithSince(2))
		assert.Equal(t, append(events("s", all[0]), `["EOSE","s",["more"]]`), c.nexts(2))
	}, nostrtest.WithHints())
}

func TestIgnoredUntilAndRepeatedPages(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		for i := range 6 {
			w.relay.Publish(note(i + 1))
		}
		all := w.relay.Events()
		c := w.dial()
		page := func(until nostr.Timestamp, want ...*nostr.Event) {
			t.Helper()
			c.send("REQ", "s", nostr.Filter{}.WithUntil(until))
			assert.Equal(t, stored("s", want...), c.nexts(len(want)+1))
		}
		mend := w.relay.Break(nostrtest.IgnoreUntil())
		page(5, all[:2]...)
		page(1, all[:2]...)
		mend()
		page(1, all[5])

		mend = w.relay.Break(nostrtest.RepeatPage().Times(3))
		page(6, all[:2]...)
		page(5, all[:2]...)
		page(4, all[:2]...)
		page(3, all[3:5]...)
		mend()
	}, nostrtest.WithLimits(nostrtest.Limits{Limit: 2}))

	// A page belongs to its filters and its connection.
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithUntil(1))
		assert.Equal(t, stored("s", all[1]), c.nexts(2))
		c.send("REQ", "s", nostr.Filter{}.WithKinds(1).WithUntil(2))
		assert.Equal(t, stored("s", all...), c.nexts(3))
		c.send("REQ", "s", nostr.Filter{}.WithUntil(2))
		assert.Equal(t, stored("s", all[1]), c.nexts(2))
		other := w.dial()
		other.send("REQ", "s", nostr.Filter{}.WithUntil(2))
		assert.Equal(t, stored("s", all...), other.nexts(3))
	}, nostrtest.WithFaults(nostrtest.RepeatPage()))
}

func TestEventsOncePerFilterAndPerValue(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		event := w.relay.Events()[0]
		c := w.dial()
		filters := []any{"REQ", "s", nostr.Filter{Kinds: []nostr.Kind{1, 1}}, nostr.Filter{IDs: []nostr.ID{event.ID}}}
		c.send(filters...)
		assert.Equal(t, stored("s", event), c.nexts(2))
		mend := w.relay.Break(nostrtest.OncePerFilter())
		c.send(filters...)
		assert.Equal(t, stored("s", event, event), c.nexts(3))
		mend()
		defer w.relay.Break(nostrtest.OncePerValue())()
		c.send(filters...)
		assert.Equal(t, stored("s", event, event, event), c.nexts(4))
		live := note(2)
		w.relay.Publish(live)
		assert.Equal(t, events("s", live), []string{c.next()}, "it matches one of the filters")
		c.send("COUNT", "c", filters[2])
		assert.Equal(t, `["COUNT","c",{"count":2}]`, c.next())
	})
}

func TestLooseTagsHiddenKindsAndTheLastFilterOfACount(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		tagged := nostrtest.TextNoteAt(5, nostrtest.Key(1), "", nostr.Tag{"alt", "a cat", "x"})
		w.relay.Publish(tagged, nostrtest.EventAt(4, nostrtest.Key(1), 4, "", nostr.Tag{"t", "cat"}))
		all := w.relay.Events()
		c := w.dial()
		cats := nostr.Filter{}.WithTag("t", "cat")
		c.send("REQ", "s", cats)
		assert.Equal(t, stored("s", all[1]), c.nexts(2))
		mend := w.relay.Break(nostrtest.LooseTags())
		c.send("REQ", "s", cats)
		assert.Equal(t, stored("s", all...), c.nexts(3))
		c.send("REQ", "s", nostr.Filter{}.WithTag("t", "cat", "dog").WithTag("p", nostrtest.PubKey(1).String()))
		assert.Equal(t, eose("s"), c.next(), "every condition holds")
		c.send("COUNT", "c", cats)
		assert.Equal(t, `["COUNT","c",{"count":2}]`, c.next())
		mend()

		mend = w.relay.Break(nostrtest.HideKinds(4))
		c.send("REQ", "s", cats)
		assert.Equal(t, eose("s"), c.next())
		c.send("COUNT", "c", cats)
		assert.Equal(t, `["COUNT","c",{"count":0}]`, c.next())
		w.relay.Publish(nostrtest.EventAt(6, nostrtest.Key(1), 4, "", nostr.Tag{"t", "cat"}), nostrtest.EventAt(7, nostrtest.Key(1), 1, "", nostr.Tag{"t", "cat"}))
		assert.Contains(t, c.next(), `"kind":1,`, "the other is hidden live, too")
		mend()

		defer w.relay.Break(nostrtest.CountLastFilter())()
		c.send("COUNT", "c", everything, nostr.Filter{}.WithKinds(9))
		assert.Equal(t, `["COUNT","c",{"count":0}]`, c.next())
	})
}

func TestEphemeralEventsAreKeptForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		first, second := nostrtest.Event(nostrtest.Key(1), 20001, "1"), nostrtest.Event(nostrtest.Key(1), 29999, "2")
		relay.Publish(first)
		time.Sleep(30 * time.Second)
		c.send("EVENT", second)
		assert.Equal(t, ok(second), c.next())
		time.Sleep(30 * time.Second)
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", second), c.nexts(2))
		relay.Mend()
		relay.Publish(nostrtest.Event(nostrtest.Key(1), 20001, "3"))
		c.next() // live
		assert.Len(t, relay.Events(), 1, "what is kept stays its time")
	}, nostrtest.WithFaults(nostrtest.KeepEphemeral(time.Minute)))
}

func TestInformationDocumentThatLies(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		_, body := w.document()
		var document struct{ Limitation map[string]any }
		require.NoError(t, json.Unmarshal([]byte(body), &document))
		assert.Equal(t, map[string]any{"max_subscriptions": 1000.0, "max_limit": 5000.0, "auth_required": true}, document.Limitation)
		assert.Equal(t, 1, w.relay.InfoRequests())

		c := w.dial()
		challenge := parts(c.next())[1]
		c.send("AUTH", authFor(w, challenge, nostrtest.Key(1)))
		c.next()
		c.send("REQ", "s", nostr.Filter{}.WithLimit(3))
		assert.Len(t, c.nexts(3), 3, "two events and EOSE")
		c.send("REQ", "t", everything)
		assert.Contains(t, c.next(), "rate-limited: ")
		w.relay.Mend()
		_, body = w.document()
		assert.Contains(t, body, `"max_subscriptions":1,`)
	}, nostrtest.WithAuth(), nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 1, Limit: 2}),
		nostrtest.WithFaults(nostrtest.LyingInfo(nostrtest.Limits{Subscriptions: 1000, Limit: 5000})))
}
