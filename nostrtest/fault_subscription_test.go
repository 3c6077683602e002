package nostrtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Two subscriptions are served; the third is told with CLOSED, with NOTICE, with NOTICE
// behind EOSE, or not at all.
func TestCapOnOpenSubscriptionsToldInEachWay(t *testing.T) {
	for _, test := range []struct {
		fault  nostrtest.Fault
		answer []string // "EVENT", "EOSE", "CLOSED", "NOTICE"
	}{
		{nostrtest.SubscriptionCap(2), []string{"CLOSED"}},
		{nostrtest.SubscriptionCapNotice(2), []string{"NOTICE"}},
		{nostrtest.SubscriptionCapEOSE(2), []string{"EVENT", "EOSE", "NOTICE"}},
		{nostrtest.SubscriptionCapSilence(2), nil},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, w world) {
				w.relay.Publish(note(1))
				c := w.dial()
				for i := range 2 {
					c.send("REQ", fmt.Sprint(i), nostr.Filter{}.WithKinds(7))
					assert.Equal(t, eose(fmt.Sprint(i)), c.next())
				}
				c.send("REQ", "third", nostr.Filter{}.WithKinds(1))
				for _, verb := range test.answer {
					answer := parts(c.next())
					assert.Equal(t, verb, answer[0])
					switch verb {
					case "CLOSED":
						assert.Equal(t, []string{"third", "rate-limited: 2 subscriptions are open, at most 2"}, answer[1:])
					case "NOTICE":
						assert.Equal(t, "ERROR: too many concurrent REQs, at most 2", answer[1], "it names none")
					default:
						assert.Equal(t, "third", answer[1])
					}
				}
				w.relay.Publish(note(2))
				c.quiet()
				assert.Len(t, w.relay.Subscriptions(), 2, "and the third is deaf")
				c.send("CLOSE", "0")
				c.send("REQ", "third", nostr.Filter{}.WithKinds(7))
				assert.Equal(t, eose("third"), c.next(), "now it fits")
				_, body := w.document()
				assert.NotContains(t, body, "max_subscriptions")
			}, nostrtest.WithFaults(test.fault))
		})
	}
}

func TestFilterAndValueCaps(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		three := []any{nostr.Filter{}.WithKinds(7), nostr.Filter{}.WithKinds(9), nostr.Filter{}.WithKinds(1)}
		mend := w.relay.Break(nostrtest.FilterCap(2))
		for _, verb := range []string{"REQ", "COUNT"} {
			c.send(append([]any{verb, "s"}, three...)...)
			assert.Equal(t, frame("CLOSED", "s", "invalid: 3 filters, at most 2"), c.next())
		}
		c.send("REQ", "s", three[1], three[2])
		assert.Equal(t, stored("s", w.relay.Events()...), c.nexts(2))
		_, body := w.document()
		assert.NotContains(t, body, "max_filters")
		mend()

		mend = w.relay.Break(nostrtest.FirstFilters(2))
		c.send(append([]any{"REQ", "s"}, three...)...)
		assert.Equal(t, eose("s"), c.next(), "the third is not looked at")
		w.relay.Publish(note(2))
		c.quiet()
		c.send(append([]any{"COUNT", "s"}, three...)...)
		assert.Equal(t, `["COUNT","s",{"count":0}]`, c.next())
		mend()

		defer w.relay.Break(nostrtest.ValueCap(2))()
		for _, f := range []nostr.Filter{
			nostr.Filter{}.WithKinds(1, 2, 3), nostr.Filter{}.WithTag("t", "a", "b", "c"),
			nostr.Filter{}.WithAuthors(nostrtest.PubKey(1), nostrtest.PubKey(2), nostrtest.PubKey(3)),
			nostr.Filter{}.WithIDs(note(1).ID, note(2).ID, note(3).ID),
		} {
			c.send("REQ", "s", nostr.Filter{}.WithKinds(7), f)
			answer := parts(c.next())
			assert.Equal(t, "CLOSED", answer[0])
			assert.Regexp(t, `^invalid: 3 (kinds|#t|authors|ids) in a filter, at most 2$`, answer[2])
		}
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7, 9))
		assert.Equal(t, eose("s"), c.next())
	})
}

func TestOpenIDsAreRefusedAsDuplicates(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithKinds(1))
		assert.Equal(t, eose("s"), c.next())
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7))
		assert.Equal(t, frame("CLOSED", "s", "duplicate: this subscription is open already"), c.next())
		event := note(1)
		w.relay.Publish(nostrtest.EventAt(1, nostrtest.Key(1), 7, "+"), event)
		assert.Equal(t, events("s", event)[0], c.next(), "the first goes on")
		c.send("CLOSE", "s")
		c.send("REQ", "s", nostr.Filter{}.WithKinds(9))
		assert.Equal(t, eose("s"), c.next())
	}, nostrtest.WithFaults(nostrtest.RefuseOpenIDs()))
}

func TestOpenIDsAreAddedTo(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), nostrtest.EventAt(1, nostrtest.Key(1), 7, "+"))
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{}.WithKinds(1))
		assert.Len(t, c.nexts(2), 2)
		c.send("REQ", "s", nostr.Filter{}.WithKinds(7))
		assert.Contains(t, c.next(), `"kind":7,`, "stored events of the new filter")
		assert.Equal(t, eose("s"), c.next())
		old, both := note(2), nostrtest.EventAt(2, nostrtest.Key(1), 7, "-")
		w.relay.Publish(old, both)
		assert.Equal(t, events("s", old, both), c.nexts(2), "live ones of both")
		assert.Len(t, w.relay.Subscriptions(), 1)
		c.send("CLOSE", "s")
		c.send("REQ", "s", nostr.Filter{}.WithKinds(9))
		assert.Equal(t, eose("s"), c.next())
		w.relay.Publish(note(3))
		c.quiet()
	}, nostrtest.WithFaults(nostrtest.AddToOpenIDs()))
}

func TestCLOSEDInAnswerToCLOSE(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		for range 2 { // once it is open, once it is not
			c.send("CLOSE", "s")
			assert.Equal(t, frame("CLOSED", "s", "bye"), c.next())
			assert.Empty(t, w.relay.Subscriptions())
		}
		defer w.relay.Break(nostrtest.AnswerClose(""))()
		c.send("CLOSE", "t")
		assert.Equal(t, frame("CLOSED", "t", ""), c.next())
	}, nostrtest.WithFaults(nostrtest.AnswerClose("bye")))
}

func TestEventsComeAfterCLOSED(t *testing.T) {
	for name, end := range map[string]func(c *raw){
		"refused":     func(c *raw) { c.relay.Break(nostrtest.RefuseRequests("error: no")); c.send("REQ", "s", everything) },
		"ended later": func(c *raw) { c.send("REQ", "s", everything); c.next(); c.relay.CloseSubscription("s", "error: idle") },
		"ended at EOSE": func(c *raw) {
			c.relay.Break(nostrtest.EndSubscriptions("error: no"))
			c.send("REQ", "s", everything)
			c.next()
		},
		"on CLOSE": func(c *raw) {
			c.relay.Break(nostrtest.AnswerClose(""))
			c.send("REQ", "s", everything)
			c.next()
			c.send("CLOSE", "s")
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w world) {
				c := w.dial()
				end(c)
				assert.Equal(t, []string{"CLOSED", "s"}, parts(c.next())[:2])
				assert.Empty(t, w.relay.Subscriptions())
				event := note(1)
				w.relay.Publish(event)
				assert.Equal(t, events("s", event)[0], c.next())

				w.relay.Mend()
				c.send("REQ", "s", nostr.Filter{}.WithKinds(7))
				assert.Equal(t, eose("s"), c.next())
				w.relay.Publish(note(2))
				c.quiet() // who asks anew gets what is asked for
			}, nostrtest.WithFaults(nostrtest.EventsAfterClosed()))
		})
	}
}

func TestDeafToIDs(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		event := note(1)
		c := w.dial()
		c.send("REQ", "deaf", nostr.Filter{}.WithIDs(event.ID))
		c.send("REQ", "mixed", nostr.Filter{}.WithIDs(event.ID), nostr.Filter{}.WithKinds(7))
		c.nexts(2)
		w.relay.Publish(event)
		c.quiet()
		other := note(2)
		c.send("REQ", "and more", nostr.Filter{Kinds: []nostr.Kind{1}}.WithIDs(other.ID), nostr.Filter{}.WithSince(2))
		c.next()
		w.relay.Publish(other)
		assert.Equal(t, events("and more", other)[0], c.next(), "by the filter that has none")
		c.quiet()
		c.send("REQ", "deaf", nostr.Filter{}.WithIDs(event.ID))
		assert.Equal(t, stored("deaf", event), c.nexts(2), "stored ones it gets")
	}, nostrtest.WithFaults(nostrtest.DeafToIDs()))
}

// Six subscriptions of two connections: by author, by kind, by both, by neither.
func TestCrossedListeners(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		author, kind := nostr.Filter{}.WithAuthors(note(1).PubKey), nostr.Filter{}.WithKinds(1)
		a, b := w.dial(), w.dial()
		a.send("REQ", "kind", kind)
		a.send("REQ", "both", kind.WithAuthors(note(1).PubKey))
		b.send("REQ", "neither", nostr.Filter{}.WithSince(1))
		b.send("REQ", "another author", nostr.Filter{}.WithAuthors(nostrtest.PubKey(2)))
		a.nexts(2)
		b.nexts(2)
		w.relay.Publish(note(1))
		assert.Equal(t, events("both", note(1)), a.nexts(1), "whose author is that of somebody")
		assert.Equal(t, events("neither", note(1)), b.nexts(1))
		a.send("CLOSE", "both")
		a.alive()
		w.relay.Publish(note(2))
		assert.Equal(t, events("kind", note(2)), a.nexts(1), "whose author is nobody's")
		assert.Equal(t, events("neither", note(2)), b.nexts(1))
		b.send("REQ", "author", author)
		b.nexts(3)
		w.relay.Publish(note(3))
		assert.Equal(t, events("neither", note(3)), b.nexts(1))
		b.quiet()
		a.quiet()
	}, nostrtest.WithFaults(nostrtest.CrossedListeners()))
}

func TestReadPaceAndQueuedMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		for i := range 5 {
			c.send("REQ", fmt.Sprint(i), everything)
		}
		for i := range 5 {
			assert.Equal(t, eose(fmt.Sprint(i)), c.next())
			assert.Equal(t, time.Duration(i)*time.Second/2, time.Since(start))
		}
		time.Sleep(time.Hour) // nothing is saved up
		start = time.Now()
		c.send("REQ", "a", everything)
		c.send("REQ", "b", everything)
		c.nexts(2)
		assert.Equal(t, time.Second/2, time.Since(start))
		time.Sleep(300 * time.Millisecond) // of the half second until the next one
		c.send("REQ", "c", everything)
		assert.Equal(t, eose("c"), c.next())
		assert.Equal(t, time.Second, time.Since(start))
	}, nostrtest.WithFaults(nostrtest.ReadPace(2)))
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		for i := range 5 {
			c.send("REQ", fmt.Sprint(i), everything)
		}
		for i := range 5 {
			assert.Equal(t, eose(fmt.Sprint(i)), c.next(), "in order")
		}
		assert.Equal(t, time.Second, time.Since(start), "and side by side")
	}, nostrtest.WithFaults(nostrtest.Queued(time.Second)))
}
