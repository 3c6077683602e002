package nostrtest_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestP06EventsAreAcceptedOnlyIfIDAndSignatureVerify(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		good := nostrtest.TextNote(nostrtest.Key(1), "genuine")
		assert.Equal(t, []string{ok(good)}, c.ask("EVENT", good))

		badID := good.Clone()
		badID.Content = "tampered with"
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("EVENT", badID), "OK")), "a known id does not help (Q06)")

		badSig := nostrtest.TextNote(nostrtest.Key(1), "another")
		badSig.Sig = good.Sig
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("EVENT", badSig), "OK")))
		assert.Equal(t, []*nostr.Event{good}, relay.Events())
		assert.Equal(t, []*nostr.Event{good}, relay.Accepted())
	})
}

func TestP28DuplicatesAreASuccessWithAPrefix(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		note := nostrtest.TextNote(nostrtest.Key(1), "once")
		c.ask("EVENT", note)
		answer := c.ask("EVENT", note)
		require.Len(t, answer, 1)
		assert.Contains(t, answer[0], `true,"duplicate:`)
		assert.Len(t, relay.Events(), 1)
		assert.Len(t, relay.Accepted(), 2)
	})
}

func TestP08NewestReplaceableAndAddressableVersionIsKept(t *testing.T) {
	key, other := nostrtest.Key(1), nostrtest.Key(2)
	for name, kind := range map[string]nostr.Kind{"replaceable": 10002, "metadata": 0, "addressable": 30023} {
		t.Run(name, func(t *testing.T) {
			d := nostr.Tag{"d", "x"}
			old := nostrtest.EventAt(100, key, kind, "old", d)
			newer := nostrtest.EventAt(200, key, kind, "new", d)
			stranger := nostrtest.EventAt(300, other, kind, "a stranger's", d)
			inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
				c := dial(t, network.HTTPClient(), home)
				for _, event := range []*nostr.Event{old, newer, stranger} {
					assert.Equal(t, []string{ok(event)}, c.ask("EVENT", event))
				}
				answer := c.ask("EVENT", old)
				require.Len(t, answer, 1)
				assert.Contains(t, answer[0], `true,"duplicate: have a newer`)
				assert.Equal(t, []*nostr.Event{stranger, newer}, relay.Events())
			})
		})
	}
}

func TestP08AddressesDifferByTheirD(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *nostrtest.Network, relay *nostrtest.Relay) {
		a := nostrtest.EventAt(100, nostrtest.Key(1), 30023, "", nostr.Tag{"d", "a"})
		b := nostrtest.EventAt(101, nostrtest.Key(1), 30023, "", nostr.Tag{"d", "b"})
		none := nostrtest.EventAt(102, nostrtest.Key(1), 30023, "")
		relay.Publish(a, b, none)
		assert.Equal(t, []*nostr.Event{none, b, a}, relay.Events())
	})
}

func TestP08OfOneSecondTheLowestIDStays(t *testing.T) {
	low := nostrtest.EventAt(100, nostrtest.Key(1), 0, "one")
	high := nostrtest.EventAt(100, nostrtest.Key(1), 0, "two")
	if low.ID.Compare(high.ID) > 0 {
		low, high = high, low
	}
	for name, order := range map[string][]*nostr.Event{"low first": {low, high}, "high first": {high, low}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *nostrtest.Network, relay *nostrtest.Relay) {
				relay.Publish(order...)
				assert.Equal(t, []*nostr.Event{low}, relay.Events())
			})
		})
	}
}

func TestP07EphemeralEventsArePushedAndNotStored(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "live", nostr.Filter{Kinds: []nostr.Kind{20001}})
		event := nostrtest.Event(nostrtest.Key(1), 20001, "now or never")
		assert.Equal(t, append([]string{ok(event)}, events("live", event)...), c.ask("EVENT", event))
		assert.Empty(t, relay.Events())
		assert.Equal(t, stored("later"), c.ask("REQ", "later", nostr.Filter{}))
		assert.Len(t, relay.Accepted(), 1)
	})
}

func TestP64DeletionCountsForTheAuthorsOwnEvents(t *testing.T) {
	author, stranger := nostrtest.Key(1), nostrtest.Key(2)
	note := nostrtest.TextNoteAt(100, author, "a mistake")
	late := nostrtest.TextNoteAt(101, author, "deleted before it came")
	request := func(key nostr.SecretKey, at nostr.Timestamp, tags ...nostr.Tag) *nostr.Event {
		return nostrtest.EventAt(at, key, nostr.KindDeletion, "", tags...)
	}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("EVENT", note)
		foreign := request(stranger, 200, nostr.Tag{"e", note.ID.String()}, nostr.Tag{"e", late.ID.String()})
		c.ask("EVENT", foreign)
		assert.Equal(t, []*nostr.Event{foreign, note}, relay.Events(), "a stranger's request deletes nothing")

		own := request(author, 300, nostr.Tag{"e", note.ID.String()}, nostr.Tag{"e", late.ID.String()}, nostr.Tag{"e", "nonsense"})
		c.ask("EVENT", own)
		assert.Equal(t, []*nostr.Event{own, foreign}, relay.Events())
		assert.Equal(t, "blocked", prefix(refusal(t, c.ask("EVENT", note), "OK")), "it does not come back")
		assert.Equal(t, "blocked", prefix(refusal(t, c.ask("EVENT", late), "OK")))

		regret := request(author, 400, nostr.Tag{"e", own.ID.String()})
		c.ask("EVENT", regret)
		assert.Equal(t, []*nostr.Event{regret, own, foreign}, relay.Events(), "deletion requests cannot be deleted")
	})
}

func TestP64DeletionOfAnAddressCoversItsVersionsUpToThen(t *testing.T) {
	author, stranger := nostrtest.Key(1), nostrtest.Key(2)
	d := nostr.Tag{"d", "post"}
	first := nostrtest.EventAt(100, author, 30023, "first", d)
	between := nostrtest.EventAt(150, author, 30023, "between", d)
	second := nostrtest.EventAt(300, author, 30023, "second", d)
	address := nostr.Tag{"a", first.Address()}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("EVENT", first)
		foreign := nostrtest.EventAt(200, stranger, nostr.KindDeletion, "", address)
		c.ask("EVENT", foreign)
		assert.Contains(t, relay.Events(), first)
		own := nostrtest.EventAt(200, author, nostr.KindDeletion, "", address)
		c.ask("EVENT", own)
		assert.NotContains(t, relay.Events(), first)
		assert.Equal(t, "blocked", prefix(refusal(t, c.ask("EVENT", between), "OK")))
		assert.Equal(t, []string{ok(second)}, c.ask("EVENT", second))
	})
}

func TestP62ExpiredEventsAreRefusedAndNoLongerServed(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		in := func(d time.Duration) nostr.Tag {
			return nostr.Tag{"expiration", strconv.FormatInt(time.Now().Add(d).Unix(), 10)}
		}
		short := nostrtest.TextNote(nostrtest.Key(1), "an hour", in(time.Hour))
		late := nostrtest.TextNote(nostrtest.Key(1), "too late", in(-time.Second))
		odd := nostrtest.TextNote(nostrtest.Key(1), "no date", nostr.Tag{"expiration", "soon"})
		c.ask("EVENT", short)
		c.ask("EVENT", odd)
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("EVENT", late), "OK")))
		late = nostrtest.TextNote(nostrtest.Key(1), "no date, and too late", nostr.Tag{"expiration", "soon"}, in(-time.Second))
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("EVENT", late), "OK")), "the first that is a date counts")
		odd = nostrtest.TextNote(nostrtest.Key(1), "no date either", nostr.Tag{"expiration", "-1"})
		c.ask("EVENT", odd)
		assert.Len(t, relay.Events(), 3)
		time.Sleep(time.Hour) // virtual
		assert.Equal(t, stored("q", odd), c.ask("REQ", "q", nostr.Filter{IDs: []nostr.ID{short.ID, odd.ID}}))
		assert.Equal(t, []string{`["COUNT","n",{"count":2}]`}, c.ask("COUNT", "n", nostr.Filter{}))
	})
}

func TestP45AuthEventsAreNeverPublished(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "all", nostr.Filter{})
		event := nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, "")
		answer := c.ask("EVENT", event)
		require.Len(t, answer, 1)
		assert.Equal(t, "invalid", prefix(refusal(t, answer, "OK")))
		assert.Empty(t, relay.Events())
	})
}

func TestPolicyRefusesWithItsOwnWords(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, "blocked: not here", refusal(t, c.ask("EVENT", nostrtest.TextNote(nostrtest.Key(1), "spam")), "OK"))
		fine := nostrtest.TextNote(nostrtest.Key(1), "ham")
		assert.Equal(t, []string{ok(fine)}, c.ask("EVENT", fine))
		assert.Equal(t, []*nostr.Event{fine}, relay.Events())
	}, nostrtest.WithPolicy(func(conn nostrtest.Connection, event *nostr.Event) string {
		if conn.Number == 1 && event.Content == "spam" {
			event.Content = "a policy's own copy"
			return "blocked: not here"
		}
		return ""
	}))
}

func TestPanicInAPolicyEndsTheConnectionAndIsReported(t *testing.T) {
	var report string
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.send("EVENT", nostrtest.TextNote(nostrtest.Key(1), "x"))
		require.Error(t, c.ended())
		assert.Empty(t, relay.Connections())
		assert.Contains(t, report, "a test's mistake")
		dial(t, network.HTTPClient(), home)
	}, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string { panic("a test's mistake") }),
		nostrtest.WithLog(func(format string, args ...any) { report += fmt.Sprintf(format, args...) }))
}

func TestP52LimitsOfEvents(t *testing.T) {
	limits := nostrtest.Limits{EventTags: 1, ContentLength: 5, Past: time.Hour, Future: time.Minute}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		now, key := nostr.Now(), nostrtest.Key(1)
		for name, event := range map[string]*nostr.Event{
			"tags":   nostrtest.TextNote(key, "", nostr.Tag{"t", "a"}, nostr.Tag{"t", "b"}),
			"length": nostrtest.TextNote(key, "123456"),
			"past":   nostrtest.TextNoteAt(now-3601, key, ""),
			"future": nostrtest.TextNoteAt(now+61, key, ""),
		} {
			assert.Equal(t, "invalid", prefix(refusal(t, c.ask("EVENT", event), "OK")), name)
		}
		for _, event := range []*nostr.Event{
			nostrtest.TextNote(key, "ééééé", nostr.Tag{"t", "a"}), // characters, not bytes
			nostrtest.TextNoteAt(now-3600, key, ""),
			nostrtest.TextNoteAt(now+60, key, ""),
		} {
			assert.Equal(t, []string{ok(event)}, c.ask("EVENT", event))
		}
	}, nostrtest.WithLimits(limits))
}

func TestP63ProofOfWorkIsDemanded(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		var easy, hard *nostr.Event
		for i := 0; easy == nil || hard == nil; i++ {
			event := nostrtest.TextNoteAt(nostr.Timestamp(i+1), nostrtest.Key(1), "work")
			if strings.HasPrefix(event.ID.String(), "0") {
				hard = event
			} else {
				easy = event
			}
		}
		assert.Equal(t, "pow", prefix(refusal(t, c.ask("EVENT", easy), "OK")))
		assert.Equal(t, []string{ok(hard)}, c.ask("EVENT", hard))
	}, nostrtest.WithLimits(nostrtest.Limits{Difficulty: 4}))
}
