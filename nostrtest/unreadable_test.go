package nostrtest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// NIP-01: CLOSED MUST answer a REQ that is not fulfilled, and OK an EVENT. Clients wait for it.
func TestP35UnreadableMessagesAreAnsweredWhereTheyNameWhoWaits(t *testing.T) {
	id := strings.Repeat("ab", 32)
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		malformed := 0
		for bad, start := range map[string]string{
			`["REQ","x",{"ids":"no"}]`:                             `["CLOSED","x","invalid: `,
			`["REQ","x",{"#proxy":["y"]}]`:                         `["CLOSED","x",`,
			`["REQ","x",{}`:                                        `["CLOSED","x","invalid: `,
			`["REQ","x",{}] more`:                                  `["CLOSED","x","invalid: `,
			`["REQ","x"]`:                                          `["CLOSED","x","invalid: `,
			`["REQ","",nonsense`:                                   `["CLOSED","","invalid: `,
			`["COUNT","x",{"since":"yesterday"}]`:                  `["CLOSED","x","invalid: `,
			`["EVENT",{"id":"` + id + `"}]`:                        `["OK","` + id + `",false,"invalid: `,
			`["EVENT",{"kind":1.5,"id":"` + id + `","tags":[[]]}]`: `["OK","` + id + `",false,"invalid: `,
			`["EVENT",{"id":"` + strings.ToUpper(id) + `","sig":`:  `["OK","` + id + `",false,"invalid: `,
			`["AUTH",{"id":"` + id + `","kind":22242}]`:            `["OK","` + id + `",false,"invalid: `,

			``: `["NOTICE","invalid: `, `{`: `["NOTICE","invalid: `, `[]`: `["NOTICE","invalid: `, `{}`: `["NOTICE","invalid: `,
			`"REQ"`: `["NOTICE","invalid: `, `[1]`: `["NOTICE","invalid: `, `["REQ"]`: `["NOTICE","invalid: `,
			`["REQ",1,{}]`: `["NOTICE","invalid: `, `["EVENT"]`: `["NOTICE","invalid: `, `["EVENT",{}]`: `["NOTICE","invalid: `,
			`["EVENT",{"id":"00"}]`: `["NOTICE","invalid: `, `["CLOSE"]`: `["NOTICE","invalid: `, `["AUTH","text"]`: `["NOTICE","invalid: `,
			`["CLOSE","x"`: `["NOTICE","invalid: `, `["NEG-CLOSE","x"`: `["NOTICE","invalid: `,
			`["NEG-OPEN","x",{},"z"]`: `["NEG-ERR","x","invalid: `, `["NEG-MSG","x",1]`: `["NEG-ERR","x","invalid: `,
			strings.Repeat("[", 1000): `["NOTICE","invalid: `,
		} {
			c.sendRaw(bad)
			malformed++
			answer := c.got()
			require.Len(t, answer, 1, bad)
			assert.True(t, strings.HasPrefix(answer[0], start), "%s: %s", bad, answer[0])
		}
		assert.Equal(t, stored("fine"), c.ask("REQ", "fine", nostr.Filter{}), "the connection lives")
		for _, m := range relay.Received() {
			if m.Err != nil {
				malformed--
			}
		}
		assert.Zero(t, malformed)
	})
}

func TestP30UnreadableREQEndsTheSubscriptionOfItsID(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		c.sendFrame(1, `["COUNT","s",{"ids":1}]`)
		assert.Equal(t, "CLOSED", parts(c.next())[0])
		assert.Len(t, w.relay.Subscriptions(), 1, "a COUNT has an id of its own")
		c.sendFrame(1, `["REQ","s",{"ids":1}]`)
		assert.Equal(t, "CLOSED", parts(c.next())[0])
		assert.Empty(t, w.relay.Subscriptions())
	})
}

func TestUnknownConditionsAreRefusedAndShown(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		for _, verb := range []string{"REQ", "COUNT"} {
			c.sendFrame(1, `["`+verb+`","s",{"kinds":[1]},{"kinds":[1],"&t":["a","b"],"new":1}]`)
			answer := parts(c.next())
			assert.Equal(t, []string{"CLOSED", "s"}, answer[:2])
			assert.Equal(t, `unsupported: filter contains unknown elements: "&t"`, answer[2])
		}
		require.NoError(t, w.relay.WaitFor(soon(t), func() bool { return len(w.relay.Received()) == 2 }))
		assert.Equal(t, []string{"&t", "new"}, w.relay.Requests()[0].Unknown)
		assert.Equal(t, []string{"&t", "new"}, w.relay.Received()[1].Unknown)

		mend := w.relay.Break(nostrtest.IgnoreUnknown())
		c.sendFrame(1, `["REQ","s",{"kinds":[1],"&t":["a"]}]`)
		assert.Equal(t, stored("s", w.relay.Events()...), c.nexts(2), "which has widened it")
		mend()

		mend = w.relay.Break(nostrtest.NoticeForUnreadable())
		c.sendFrame(1, `["REQ","s",{"ids":1}]`)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		c.sendFrame(1, `["EVENT",{"id":"`+strings.Repeat("ab", 32)+`"}]`)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		mend()
	})
	var seen []string
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.sendRaw(`["REQ","s",{"&t":["a"]}]`)
		assert.Equal(t, stored("s"), c.got())
		assert.Equal(t, []string{"&t"}, seen)
	}, nostrtest.WithFaults(nostrtest.IgnoreUnknown()), nostrtest.WithReadPolicy(func(_ nostrtest.Connection, request nostrtest.Request) string {
		seen = request.Unknown
		return ""
	}))
}

func TestNIP70RepostsMayNotEmbedProtectedEvents(t *testing.T) {
	author, other := nostrtest.Key(1), nostrtest.Key(2)
	protected := nostrtest.TextNoteAt(5, author, "for you alone", nostr.Tag{"t", "x"}, nostr.Tag{"-"})
	plain := nostrtest.TextNoteAt(5, author, `for all, even with ["-"]`, nostr.Tag{"-x"}, nostr.Tag{"t", "-"})
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		challenge := parts(c.next())[1]
		c.send("AUTH", authFor(w, challenge, author))
		assert.Equal(t, "true", parts(c.next())[2])
		for _, kind := range []nostr.Kind{6, 16} {
			for content, accepted := range map[string]bool{
				protected.String():           false,
				`{"tags":[["x"],["-","y"]]}`: false, // no event, but read as one
				`{"tags":[["\u002d"]]}`:      false, // the same tag
				plain.String():               true,
				``:                           true,
				`not JSON: [["-"]]`:          true,
				`{"tags":"-"}`:               true,
			} {
				repost := nostrtest.Event(author, kind, content, nostr.Tag{"e", protected.ID.String()})
				c.send("EVENT", repost)
				if accepted {
					assert.Equal(t, ok(repost), c.next(), content)
				} else {
					assert.Equal(t, frame("OK", repost.ID, false, "blocked: a repost may not embed a protected event"), c.next(), content)
				}
			}
		}
		quote := nostrtest.Event(author, 1, protected.String())
		c.send("EVENT", quote)
		assert.Equal(t, ok(quote), c.next(), "the rule is for reposts")
		c.send("EVENT", nostrtest.TextNote(other, "", nostr.Tag{"-"}))
		assert.Contains(t, c.next(), "restricted: ", "P61")
	}, nostrtest.WithAuth())
}
