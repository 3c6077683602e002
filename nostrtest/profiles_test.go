package nostrtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// document requests the information document.
func (w world) document() (status int, body string) {
	w.t.Helper()
	client := w.httpClient()
	if client == nil {
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http"+w.relay.URL()[len("ws"):], nil)
	require.NoError(w.t, err)
	request.Header.Set("Accept", "application/nostr+json")
	response, err := client.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return response.StatusCode, string(all)
}

func TestQ01StrfryRequests(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial() // and no challenge
		closed := func(id, text string) {
			t.Helper()
			assert.Equal(t, frame("CLOSED", id, text), c.next())
		}
		c.send("REQ", strings.Repeat("x", 65), everything)
		closed(strings.Repeat("x", 65), "ERROR: bad req: subscription id of 65 characters, want 1 to 64")
		c.send("REQ", `quote"`, everything)
		closed(`quote"`, "ERROR: bad req: invalid character in subscription id")
		c.sendFrame(1, `["REQ","s",{"kinds":[1],"&t":["x"]}]`)
		assert.Equal(t, "ERROR: bad req: unrecognised filter item: &t", parts(c.next())[2])
		c.sendFrame(1, `["REQ","s",{"ids":"no"}]`)
		assert.True(t, strings.HasPrefix(parts(c.next())[2], "ERROR: bad req: "))
		for i := range 200 {
			c.send("REQ", fmt.Sprint(i), nostr.Filter{Kinds: []nostr.Kind{7}})
		}
		for i := range 200 {
			require.Equal(t, eose(fmt.Sprint(i)), c.next())
		}
		c.send("REQ", "one too many", everything)
		assert.Equal(t, stored("one too many", w.relay.Events()...), c.nexts(2), "as if all were well")
		assert.Equal(t, frame("NOTICE", "ERROR: too many concurrent REQs, at most 200"), c.next(), "and no id")
		w.relay.Publish(note(2)) // which it does not get
		c.send("NEG-OPEN", "n", everything, "6100000200")
		assert.Equal(t, "NEG-MSG", parts(c.next())[0])
		c.send("NEG-MSG", "n", "61ff")
		assert.Equal(t, `["NEG-ERR","n","PROTOCOL-ERROR"]`, c.next(), "P68")
		c.send("NEG-MSG", "n", "61")
		assert.Equal(t, `["NEG-ERR","n","closed: unknown subscription handle"]`, c.next())
		c.send("NEG-OPEN", "n", nostr.Filter{Kinds: []nostr.Kind{4}}, "61")
		assert.Equal(t, "NEG-MSG", parts(c.next())[0], "of what it may not see there is nothing, and that is not told")
		_, body := w.document()
		assert.Contains(t, body, `"limitation":{"max_message_length":131072,"max_subscriptions":200,"max_limit":500}`)
		assert.Contains(t, body, "strfry")
	}, nostrtest.Strfry())
}

func TestQ01StrfryDirectMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		reader := nostrtest.Key(2)
		dm := nostrtest.EventAt(5, nostrtest.Key(1), 4, "secret", nostr.Tag{"p", reader.PubKey().String()})
		w.relay.Publish(dm, note(1))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "broad", everything)
		assert.Equal(t, stored("broad", all[1]), c.nexts(2), "without the message, and nothing tells")
		c.send("REQ", "both", nostr.Filter{Kinds: []nostr.Kind{4, 1}})
		assert.Equal(t, stored("both", all[1]), c.nexts(2), "unauthenticated")
		c.send("COUNT", "both", nostr.Filter{Kinds: []nostr.Kind{4, 1}})
		assert.Equal(t, `["COUNT","both",{"count":1}]`, c.next())

		c.send("REQ", "dm", nostr.Filter{Kinds: []nostr.Kind{4, 1059}})
		challenge := parts(c.next())
		assert.Equal(t, "AUTH", challenge[0], "only when it is needed")
		assert.Equal(t, frame("CLOSED", "dm", "ERROR: auth-required: requested filter requires authentication"), c.next())
		auth := func(url string, key nostr.SecretKey) string {
			c.send("AUTH", nostrtest.Event(key, nostr.KindClientAuthentication, "", nostr.Tag{"relay", url}, nostr.Tag{"challenge", challenge[1]}))
			return c.next()
		}
		assert.Contains(t, auth(w.relay.URL()+"/", reader), "false", "byte for byte")
		assert.Contains(t, auth(w.relay.URL(), reader), "true")
		assert.Contains(t, auth(w.relay.URL(), nostrtest.Key(3)), "already authenticated", "P44")
		c.send("REQ", "dm", nostr.Filter{Kinds: []nostr.Kind{4, 1059}})
		assert.Equal(t, stored("dm", dm), c.nexts(2))
		other := nostrtest.Event(nostrtest.Key(1), 4, "of others", nostr.Tag{"p", nostrtest.PubKey(3).String()})
		w.relay.Publish(other)
		c.send("COUNT", "next", nostr.Filter{Kinds: []nostr.Kind{4}})
		assert.Equal(t, `["COUNT","next",{"count":1}]`, c.next(), "neither sent nor counted")
	}, nostrtest.Strfry())
}

func TestQ01StrfryEvents(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		key := nostrtest.Key(1)
		says := func(event *nostr.Event, accepted bool, text string) {
			t.Helper()
			c.send("EVENT", event)
			assert.Equal(t, frame("OK", event.ID, accepted, text), c.next())
		}
		now := nostr.Now()
		profile, older := nostrtest.EventAt(now-1, key, 0, "{}"), nostrtest.EventAt(now-2, key, 0, "{}")
		says(profile, true, "")
		says(profile, true, "duplicate: have this event")
		says(older, false, "replaced: have newer event")
		says(nostrtest.EventAt(now, key, 5, "", nostr.Tag{"e", profile.ID.String()}), true, "")
		says(profile, false, "deleted: user requested deletion")
		says(nostrtest.TextNote(key, "", nostr.Tag{"p", "npub1"}), false, "invalid: unexpected size for fixed-size tag: p")
		says(nostrtest.Event(key, 5, "", nostr.Tag{"a", "30023"}), false, "invalid: malformed a tag")
		says(nostrtest.Event(key, 5, "", nostr.Tag{"a", "30023:" + nostrtest.PubKey(2).String() + ":"}), false, "invalid: can't delete other user's events")
		says(nostrtest.TextNote(key, "", nostr.Tag{"a", "30023"}), true, "")
		says(nostrtest.TextNoteAt(now+1000, key, ""), false, "invalid: created_at is more than 15m0s ahead")
		c.send("EVENT", nostrtest.TextNote(key, strings.Repeat("x", 64<<10)))
		assert.Contains(t, c.next(), "invalid: event too large: ")
		ephemeral := nostrtest.Event(key, 20001, "")
		says(ephemeral, true, "")
		c.send("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{20001}})
		assert.Equal(t, stored("s", ephemeral), c.nexts(2), "for five minutes")
	}, nostrtest.Strfry())
}

func TestQ01StrfryDropsWhatItHasNotHandledAndPings(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		w := world{t, relay, network}
		c := w.dial()
		c.send("EVENT", note(1))
		synctest.Wait() // it has been read
		require.NoError(t, c.conn.Close())
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		assert.Len(t, relay.Received(), 1)
		assert.Empty(t, relay.Events())

		c = w.dial()
		start := time.Now()
		c.until(time.Hour)
		f, err := c.header()
		require.NoError(t, err)
		assert.EqualValues(t, 9, f.opcode)
		assert.Equal(t, 55*time.Second, time.Since(start))
	}, nostrtest.Strfry())
}

func TestQ02KhatruAnswersOutOfOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for _, id := range []string{"1", "2", "3", "4"} {
			c.send("REQ", id, everything)
		}
		want := []string{eose("1") + "\n", eose("2") + "\n", eose("4") + "\n", eose("3") + "\n"}
		if w.network != nil {
			assert.Equal(t, want, c.nexts(4))
		} else { // between the last two a busy machine may take longer than the third is late
			assert.ElementsMatch(t, want, c.nexts(4))
		}
		for i := range 60 { // each is answered, and one of thirty is not remembered
			c.send("NEG-OPEN", "n", everything, "6100000200")
			assert.Equal(t, "NEG-MSG", parts(c.next())[0])
			c.send("NEG-MSG", "n", "61")
			if i%30 == 29 {
				assert.Equal(t, `["NEG-ERROR","n","CLOSED"]`+"\n", c.next())
			} else {
				assert.Equal(t, `["NEG-MSG","n","61"]`+"\n", c.next())
			}
		}
	}, nostrtest.Khatru())
}

func TestQ02KhatruRequests(t *testing.T) {
	for name, test := range map[string]struct {
		profile nostrtest.Option
		counted int // of the two filters
	}{"Khatru": {nostrtest.Khatru(), 0}, "KhatruNext": {nostrtest.KhatruNext(), 2}} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w world) {
				event := nostrtest.TextNoteAt(9, nostrtest.Key(1), "x", nostr.Tag{"t", "a"}, nostr.Tag{"t", "b"})
				w.relay.Publish(event)
				c := w.dial()
				nexts := func(n int) (out []string) {
					for _, message := range c.nexts(n) {
						out = append(out, strings.TrimSuffix(message, "\n"))
					}
					return out
				}
				one, author := nostr.Filter{Kinds: []nostr.Kind{1}}, nostr.Filter{Authors: []nostr.PubKey{event.PubKey}}
				c.send("REQ", "s", one, author)
				assert.Equal(t, stored("s", event, event), nexts(3), "once per filter")
				c.send("CLOSE", "s")
				c.send("REQ", "l", nostr.Filter{}.WithSince(10), nostr.Filter{}.WithUntil(10).WithLimit(0))
				assert.Equal(t, stored("l"), nexts(1))
				live := note(10)
				w.relay.Publish(live)
				assert.Equal(t, events("l", live, live), nexts(2), "live, too")
				c.send("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{1, 1}, Tags: nostr.TagMap{"t": {"b", "b", "a"}}})
				assert.Equal(t, stored("s", event, event, event, event), nexts(5), "twice by kind, twice by tag")
				c.send("COUNT", "c", one, nostr.Filter{Kinds: []nostr.Kind{7}})
				assert.Equal(t, []string{fmt.Sprintf(`["COUNT","c",{"count":%d}]`, test.counted)}, nexts(1), "of one filter alone")
				c.sendFrame(1, `["REQ","s",{"kinds":[7],"&t":["x"]}]`)
				assert.Equal(t, stored("s"), nexts(1), "the unknown condition is passed over")
				c.sendFrame(1, `["REQ","s",{"ids":"no"}]`)
				assert.Equal(t, "NOTICE", parts(nexts(1)[0])[0])
			}, test.profile)
		})
	}
}

func TestQ02KhatruEvents(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		key := nostrtest.Key(1)
		says := func(event *nostr.Event, accepted bool, text string) {
			t.Helper()
			c.send("EVENT", event)
			assert.Equal(t, frame("OK", event.ID, accepted, text)+"\n", c.next())
		}
		says(note(1), true, "")
		says(note(1), true, "")
		ephemeral := nostrtest.Event(key, 20001, "")
		says(ephemeral, false, "mute: no one was listening for this")
		expired := nostrtest.TextNoteAt(3, key, "old", nostr.Tag{"expiration", "4"})
		says(expired, true, "")
		says(nostrtest.EventAt(5, key, 5, "", nostr.Tag{"e", expired.ID.String()}), true, "")
		says(expired, true, "")
		says(nostrtest.EventAt(7, key, 0, "new"), true, "")
		says(nostrtest.EventAt(6, key, 0, "old"), true, "")
		c.send("REQ", "s", nostr.Filter{Authors: []nostr.PubKey{key.PubKey()}, Kinds: []nostr.Kind{0, 1}})
		messages := c.nexts(4)
		assert.Contains(t, messages[0], `"new"`)
		assert.Contains(t, messages[1], `"old"`, "expired, deleted, and there")
		assert.Equal(t, eose("s")+"\n", messages[3])
		c.send("REQ", "e", nostr.Filter{Kinds: []nostr.Kind{20001}})
		assert.Equal(t, eose("e")+"\n", c.next())
		c.send("EVENT", ephemeral)
		assert.Equal(t, []string{events("e", ephemeral)[0] + "\n", frame("OK", ephemeral.ID, true, "broadcasted to 1 listeners") + "\n"}, c.nexts(2))

		_, body := w.document()
		assert.NotContains(t, body, "limitation")
		require.NoError(t, c.trySend(1, `["CLOSE","s"`+strings.Repeat(" ", 512_000-13)+`]`))
		c.alive()
		_ = c.trySend(1, strings.Repeat("x", 512_001))
		f := c.mustFrame()
		assert.EqualValues(t, 8, f.opcode)
		assert.True(t, strings.HasPrefix(f.payload, "\x03\xF1"), "1009")
	}, nostrtest.Khatru())
}

func TestQ02KhatrusNewerLineIsDeaf(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := note(1)
		c.send("REQ", "ids", nostr.Filter{IDs: []nostr.ID{event.ID}})
		c.send("REQ", "ids and more", nostr.Filter{IDs: []nostr.ID{event.ID}, Kinds: []nostr.Kind{1}})
		c.send("REQ", "kinds", nostr.Filter{Kinds: []nostr.Kind{1}})
		c.nexts(3)
		w.relay.Publish(event)
		assert.Equal(t, events("kinds", event)[0]+"\n", c.next())
		c.quiet()
		other := w.dial()
		other.send("REQ", "authors", nostr.Filter{Authors: []nostr.PubKey{event.PubKey}})
		other.nexts(2)
		w.relay.Publish(note(2))
		c.quiet()
		other.quiet()

		deletion := nostrtest.EventAt(5, nostrtest.Key(1), 5, "", nostr.Tag{"e", nostr.ID{7}.String()})
		c.send("EVENT", deletion)
		assert.Equal(t, frame("OK", deletion.ID, false, "blocked: nothing to delete")+"\n", c.next())
		assert.Len(t, w.relay.Events(nostr.Filter{}.WithKinds(5)), 1, "and it is stored")
	}, nostrtest.KhatruNext())
}

func TestQ03EventstoreBackends(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(4), note(5), note(6))
		all := w.relay.Events()
		at := nostr.Timestamp(5)
		c := w.dial()
		c.send("REQ", "since", nostr.Filter{Since: &at})
		assert.Equal(t, []string{events("since", all[0])[0] + "\n", eose("since") + "\n"}, c.nexts(2), "drops its second")
		c.send("REQ", "until", nostr.Filter{Until: &at, Kinds: []nostr.Kind{1, 1}})
		assert.Equal(t, []string{events("until", all[1])[0] + "\n", events("until", all[2])[0] + "\n", eose("until") + "\n"}, c.nexts(3), "is right")
	}, nostrtest.Slicestore())
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("COUNT", "c", everything)
		c.quiet()
		c.alive()
		event := note(1)
		for range 2 {
			c.send("EVENT", event)
			assert.Equal(t, ok(event)+"\n", c.next())
		}
		c.send("REQ", "s", everything)
		message := events("s", event)[0] + "\n"
		assert.Equal(t, []string{message, message, eose("s") + "\n"}, c.nexts(3), "stored twice")
	}, nostrtest.LMDBStore())
}

func TestQ04Mocrelay(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		forged := note(2)
		forged.Content = "forged"
		c.send("EVENT", forged)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		c.send("EVENT", note(3))
		assert.Equal(t, ok(note(3)), c.next())
		c.send("REQ", "s", nostr.Filter{LimitZero: true})
		assert.Len(t, c.nexts(3), 3)
		_, body := w.document()
		var strict struct{ Retention []struct{ Kinds [][]int } }
		require.Error(t, json.Unmarshal([]byte(body), &strict), "a parser that expects pairs")
		var document struct{ Retention []struct{ Kinds []int } }
		require.NoError(t, json.Unmarshal([]byte(body), &document))
		assert.NotEmpty(t, document.Retention[0].Kinds)
	}, nostrtest.Mocrelay())

	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		for i := range 50 {
			c.send("EVENT", note(i+1))
		}
		for i := range 35 {
			assert.Equal(t, ok(note(i+1)), c.next())
		}
		c.quiet()
		assert.Len(t, relay.Events(), 35, "the others are lost")
		for i := range 50 {
			c.send("EVENT", note(i+100))
			time.Sleep(time.Millisecond)
			assert.Equal(t, ok(note(i+100)), c.next())
		}
	}, nostrtest.Mocrelay())
}

func TestQ05MattnRelay(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		tagged := nostrtest.TextNoteAt(5, nostrtest.Key(1), "", nostr.Tag{"subject", "about bitcoin"})
		w.relay.Publish(note(1), tagged)
		c := w.dial()
		start := time.Now()
		c.send("REQ", "s", nostr.Filter{LimitZero: true})
		assert.Len(t, c.nexts(3), 3)
		c.send("REQ", "t", nostr.Filter{Tags: nostr.TagMap{"t": {"bitcoin"}}})
		assert.Equal(t, stored("t", tagged), c.nexts(2), "which has no such tag")
		w.relay.Publish(nostrtest.TextNoteAt(6, nostrtest.Key(1), "", nostr.Tag{"subject", "bitcoin"}))
		assert.Equal(t, "s", parts(c.next())[1], "live events are matched well")
		c.send("NEG-OPEN", "n", everything, "61")
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		protected := nostrtest.TextNote(nostrtest.Key(1), "", nostr.Tag{"-"})
		c.send("EVENT", protected)
		answer := parts(c.next())
		assert.Equal(t, "OK", answer[0], "no challenge before it")
		assert.True(t, strings.HasPrefix(answer[3], "auth-required: "))
		c.sendFrame(1, `["REQ","x"]`)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		assert.GreaterOrEqual(t, time.Since(start), 800*time.Millisecond, "five messages a second")
		_, body := w.document()
		assert.Contains(t, body, ",77]")
		assert.Contains(t, body, `"max_subscriptions":20`)
	}, nostrtest.MattnRelay())
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		for i := range 11 {
			c.send("REQ", fmt.Sprint(i), everything)
		}
		for i := range 11 {
			assert.Equal(t, eose(fmt.Sprint(i)), c.next())
			assert.Equal(t, time.Duration(i)*200*time.Millisecond, time.Since(start))
		}
	}, nostrtest.MattnRelay())
}

func TestQ06NostrRelayCore(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := note(1)
		tampered := event.Clone()
		tampered.Content = "tampered"
		c.send("EVENT", tampered)
		assert.Equal(t, "false", parts(c.next())[2])
		c.send("EVENT", event)
		assert.Equal(t, "true", parts(c.next())[2])
		c.send("EVENT", tampered)
		assert.Equal(t, "true", parts(c.next())[2], "its id is known")
		assert.Equal(t, "note", w.relay.Events()[0].Content)
		status, _ := w.document()
		assert.Equal(t, 426, status)
	}, nostrtest.NostrRelayCore())
}

func TestQ07NakServe(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(5))
		at := nostr.Timestamp(5)
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{Until: &at})
		assert.Equal(t, eose("s"), c.next())
		c.send("NEG-OPEN", "n", everything, "61")
		c.quiet()
	}, nostrtest.NakServe())
}

func TestQ08RelaysOfWalletServicesKeepEphemeralEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		service := nostrtest.Key(1)
		response := nostrtest.Event(service, 23195, "paid", nostr.Tag{"p", nostrtest.PubKey(2).String()})
		c := world{t, relay, network}.dial()
		c.send("EVENT", response)
		assert.Equal(t, ok(response), c.next())
		wanted := nostr.Filter{Kinds: []nostr.Kind{23195}}.WithTag("p", nostrtest.PubKey(2).String())
		time.Sleep(10*time.Minute - time.Second)
		c.send("REQ", "s", wanted)
		assert.Equal(t, stored("s", response), c.nexts(2), "after an outage")
		time.Sleep(time.Second)
		c.send("REQ", "s", wanted)
		assert.Equal(t, eose("s"), c.next())
		request := nostrtest.Event(nostrtest.Key(2), 23194, "pay")
		relay.Publish(request)
		assert.Equal(t, []*nostr.Event{request}, relay.Events(), "those of Publish are kept too")
	}, nostrtest.WalletRelay())
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := nostrtest.Event(nostrtest.Key(1), 23194, "pay")
		c.send("EVENT", event)
		assert.Equal(t, ok(event), c.next())
		c.send("EVENT", event)
		assert.Contains(t, c.next(), "duplicate: ")
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", event), c.nexts(2))
	}, nostrtest.WalletRelay())
}

func TestOptionsBehindAProfileOverrideItAndFaultsAddUp(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Len(t, c.nexts(3), 3, "two events, two EOSEs, but one page")
		assert.Equal(t, eose("s"), c.next())
	}, nostrtest.Strfry(), nostrtest.WithLimits(nostrtest.Limits{Limit: 2}), nostrtest.WithFaults(nostrtest.TwoEOSEs()))
}
