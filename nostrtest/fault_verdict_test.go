package nostrtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestOKTwiceWithDifferentVerdicts(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.SecondVerdict(false, "error: changed its mind"))
		event := note(1)
		c.send("EVENT", event)
		assert.Equal(t, []string{ok(event), frame("OK", event.ID, false, "error: changed its mind")}, c.nexts(2))
		mend()
		defer w.relay.Break(nostrtest.RefuseEvents("rate-limited: slow down"), nostrtest.SecondVerdict(true, ""))()
		event = note(2)
		c.send("EVENT", event)
		assert.Equal(t, []string{frame("OK", event.ID, false, "rate-limited: slow down"), ok(event)}, c.nexts(2))
	})
}

func TestReplacedDuplicateAndDeletedInEverySpelling(t *testing.T) {
	key := nostrtest.Key(1)
	older, newer := nostrtest.EventAt(1, key, 10002, "old"), nostrtest.EventAt(2, key, 10002, "new")
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		says := func(event *nostr.Event, accepted bool, text string) {
			t.Helper()
			c.send("EVENT", event)
			assert.Equal(t, frame("OK", event.ID, accepted, text), c.next())
		}
		says(newer, true, "")
		says(older, true, "duplicate: have a newer version of this event")
		for _, text := range nostrtest.ReplacedSpellings() {
			for _, accepted := range []bool{true, false} {
				mend := w.relay.Break(nostrtest.OutdatedSays(accepted, text))
				says(older, accepted, text)
				says(newer, true, "duplicate: already have this event")
				mend()
			}
		}
		assert.Contains(t, nostrtest.ReplacedSpellings(), "replaced: have newer event")

		mend := w.relay.Break(nostrtest.DuplicateSays(false, "duplicate: known"), nostrtest.DeletedSays(true, "deleted: well, well"))
		says(newer, false, "duplicate: known")
		says(nostrtest.EventAt(3, key, 5, "", nostr.Tag{"e", newer.ID.String()}), true, "")
		says(newer, true, "deleted: well, well")
		assert.Len(t, w.relay.Events(), 1, "it stays away all the same")
		mend()
		says(newer, false, "blocked: its author has deleted this event")
		mend = w.relay.Break(nostrtest.TakeDeleted())
		says(newer, true, "")
		assert.Len(t, w.relay.Events(), 2)
		mend()
	})
}

// A deletion of what the relay does not have is an event like any other, and refused by some.
func TestDeletionsOfNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		deletion := func(at nostr.Timestamp) *nostr.Event {
			return nostrtest.EventAt(at, nostrtest.Key(1), 5, "", nostr.Tag{"e", nostr.ID{7}.String()})
		}
		listener, c := w.dial(), w.dial()
		listener.send("REQ", "s", everything)
		listener.next()
		published := deletion(1)
		w.relay.Publish(published)
		assert.Equal(t, events("s", published)[0], listener.next())
		honest := deletion(2)
		c.send("EVENT", honest)
		assert.Equal(t, ok(honest), c.next())
		assert.Equal(t, events("s", honest)[0], listener.next())

		mend := w.relay.Break(nostrtest.VainDeletionSays(false, "blocked: nothing to delete"))
		refused := deletion(3)
		c.send("EVENT", refused)
		assert.Equal(t, frame("OK", refused.ID, false, "blocked: nothing to delete"), c.next())
		listener.quiet()
		assert.Len(t, w.relay.Events(), 3, "it is stored")
		w.relay.Publish(note(4))
		listener.next()
		useful := nostrtest.EventAt(5, nostrtest.Key(1), 5, "", nostr.Tag{"e", note(4).ID.String()})
		c.send("EVENT", useful)
		assert.Equal(t, ok(useful), c.next())
		assert.Equal(t, events("s", useful)[0], listener.next())
		mend()
	})
}

func TestEventsThatAreStoredTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		event := note(1)
		c := w.dial()
		for range 3 {
			c.send("EVENT", event)
			c.next()
		}
		c.send("REQ", "s", everything, everything)
		assert.Equal(t, stored("s", event, event, event), c.nexts(4))
		c.send("EVENT", nostrtest.EventAt(2, nostrtest.Key(1), 5, "", nostr.Tag{"e", event.ID.String()}))
		c.next() // live
		c.next()
		c.send("REQ", "s", nostr.Filter{}.WithKinds(1))
		assert.Equal(t, eose("s"), c.next())
	}, nostrtest.WithFaults(nostrtest.StoreTwice()))
}

func TestP33UnheardEphemeralEventsAreMuted(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := nostrtest.EventAt(5, nostrtest.Key(1), 24133, "anybody?")
		c.send("EVENT", event)
		assert.Equal(t, frame("OK", event.ID, false, "mute: no one was listening for this"), c.next())
		c.send("REQ", "s", nostr.Filter{}.WithKinds(24133))
		assert.Equal(t, eose("s"), c.next())
		c.send("EVENT", event)
		assert.Equal(t, []string{events("s", event)[0], frame("OK", event.ID, true, "broadcasted to 1 listeners")}, c.nexts(2))
		c.send("EVENT", note(1))
		assert.Equal(t, ok(note(1)), c.next(), "others are not its business")
	}, nostrtest.WithFaults(nostrtest.MuteUnheard()))
}

func TestLiveEventsBeforeTheirOKAndOutdatedOnesToo(t *testing.T) {
	key := nostrtest.Key(1)
	older, newer := nostrtest.EventAt(1, key, 0, "old"), nostrtest.EventAt(2, key, 0, "new")
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		mend := w.relay.Break(nostrtest.LiveBeforeOK())
		c.send("EVENT", newer)
		assert.Equal(t, []string{events("s", newer)[0], ok(newer)}, c.nexts(2))
		c.send("EVENT", newer)
		assert.Contains(t, c.next(), "duplicate: ", "a known one is not sent again")
		mend()
		defer w.relay.Break(nostrtest.PushOutdated())()
		c.send("EVENT", older)
		assert.Contains(t, c.next(), "duplicate: have a newer")
		assert.Equal(t, events("s", older)[0], c.next())
		assert.Equal(t, []*nostr.Event{newer}, w.relay.Events())
	})
}

func TestBurstsOfEventsAreLostBeyondWhatFits(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		w := world{t, relay, network}
		c, other := w.dial(), w.dial()
		for i := range 5 {
			c.send("EVENT", note(i+1))
		}
		assert.Equal(t, []string{ok(note(1)), ok(note(2)), ok(note(3))}, c.nexts(3))
		c.quiet()
		other.send("EVENT", note(9))
		assert.Equal(t, ok(note(9)), other.next(), "each connection for itself")
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7))
		assert.Equal(t, eose("s"), c.next(), "only EVENTs are lost")
		assert.Len(t, relay.Events(), 4)
	}, nostrtest.WithFaults(nostrtest.LoseBursts(3, time.Second)))
}

func TestAuthComparesTheRelayTagByteForByte(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		challenge := parts(c.next())[1]
		answer := func(url string) string {
			event := nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, url, nostr.Tag{"relay", url}, nostr.Tag{"challenge", challenge})
			c.send("AUTH", event)
			return parts(c.next())[2]
		}
		assert.Equal(t, "true", answer(w.relay.URL()+"/"))
		defer w.relay.Break(nostrtest.ExactAuthURL())()
		assert.Equal(t, "false", answer(w.relay.URL()+"/"))
		assert.Equal(t, "true", answer(w.relay.URL()))
	}, nostrtest.WithAuth())
}
