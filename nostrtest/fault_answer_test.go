package nostrtest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestNoOKStoresTheEventAndSaysNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("EVENT", note(1))
		assert.Equal(t, ok(note(1)), c.next())
		c.send("EVENT", note(2))
		c.quiet()
		c.send("EVENT", note(3))
		assert.Equal(t, ok(note(3)), c.next())
		assert.Len(t, w.relay.Events(), 3)
	}, nostrtest.WithFaults(nostrtest.NoOK().Nth(2)))
}

func TestLateOKIsOvertakenByOtherAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		event := note(1)
		c.send("EVENT", event)
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", event), c.nexts(2))
		assert.Zero(t, time.Since(start))
		c.until(time.Hour)
		_, err := c.in.Peek(1)
		require.NoError(t, err)
		assert.Equal(t, ok(note(1)), c.next())
		assert.Equal(t, time.Minute, time.Since(start))

		// One that is still to come does not hold up the end.
		c.send("EVENT", note(2))
		relay.Stop()
		assert.Equal(t, time.Minute, time.Since(start))
	}, nostrtest.WithFaults(nostrtest.LateOK(time.Minute)))

	w := world{t: t, relay: nostrtest.NewRelay(t, nostrtest.WithFaults(nostrtest.LateOK(30*time.Millisecond)))}
	c := w.dial()
	start := time.Now()
	c.send("EVENT", note(1))
	assert.Equal(t, ok(note(1)), c.next())
	assert.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
}

func TestTwoOKsShortOKAndOKForAnotherID(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := note(1)

		mend := w.relay.Break(nostrtest.TwoOKs())
		c.send("EVENT", event)
		assert.Equal(t, []string{ok(event), ok(event)}, c.nexts(2))
		mend()

		mend = w.relay.Break(nostrtest.ShortOK())
		c.send("EVENT", event)
		assert.Equal(t, `["OK","`+event.ID.String()+`",true]`, c.next())
		mend()

		mend = w.relay.Break(nostrtest.OKForAnotherID())
		c.send("EVENT", event)
		got := parts(c.next())
		assert.Len(t, got[1], 64)
		assert.NotEqual(t, event.ID.String(), got[1])
		assert.Equal(t, "true", got[2])
		mend()

		mend = w.relay.Break(nostrtest.OKSays("pow: difficulty 25 is above 24"))
		c.send("EVENT", event)
		assert.Equal(t, frame("OK", event.ID, true, "pow: difficulty 25 is above 24"), c.next())
		mend()
	})
}

func TestEveryPrefixOfOKAndCLOSEDAlsoBehindERROR(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		challenged := false
		for _, prefix := range nostrtest.Prefixes() {
			for _, strfry := range []string{"", "ERROR: "} {
				faults := []nostrtest.Fault{nostrtest.RefuseEvents(prefix + ": no"), nostrtest.RefuseRequests(prefix + ": no")}
				if strfry != "" {
					faults = append(faults, nostrtest.PrefixClosed())
				}
				mend := w.relay.Break(faults...)
				c.send("EVENT", note(1))
				if prefix == "auth-required" && !challenged {
					assert.Equal(t, "AUTH", parts(c.next())[0])
					challenged = true
				}
				assert.Equal(t, frame("OK", note(1).ID, false, prefix+": no"), c.next())
				c.send("REQ", "s", everything)
				assert.Equal(t, frame("CLOSED", "s", strfry+prefix+": no"), c.next())
				c.send("COUNT", "c", everything)
				assert.Equal(t, frame("CLOSED", "c", strfry+prefix+": no"), c.next())
				mend()
			}
		}
		assert.Empty(t, w.relay.Events())
		assert.Subset(t, nostrtest.Prefixes(), []string{"duplicate", "pow", "blocked", "rate-limited", "invalid", "restricted", "mute", "error", "auth-required"})
	})
}

func TestForgottenEventsGetOKAndAreLost(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("EVENT", note(1))
		assert.Equal(t, ok(note(1)), c.next())
		assert.Empty(t, w.relay.Events())
	}, nostrtest.WithFaults(nostrtest.ForgetEvents()))
}

func TestNoAnswerAndNoticeInstead(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.NoAnswer().On("COUNT"), nostrtest.NoticeInstead("ERROR: no such thing").On("CLOSE"))
		c.send("COUNT", "c", everything)
		c.quiet()
		c.send("CLOSE", "s")
		assert.Equal(t, `["NOTICE","ERROR: no such thing"]`, c.next())
		mend()
		defer w.relay.Break(nostrtest.NoAnswer())()
		c.send("REQ", "s", everything)
		c.send("EVENT", note(1))
		c.quiet()
		c.alive()
		assert.Empty(t, w.relay.Events())
		assert.Len(t, w.relay.Requests(), 1, "it was heard")
	})
}

func TestSlowAnswersKeepTheirOrderAndOvertakenOnesDoNot(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		mend := relay.Break(nostrtest.SlowAnswers(time.Second))
		c.send("REQ", "a", everything)
		c.send("REQ", "b", everything)
		assert.Equal(t, []string{eose("a"), eose("b")}, c.nexts(2))
		assert.Equal(t, 2*time.Second, time.Since(start))
		mend()
		relay.Break(nostrtest.Overtaken(time.Second).Nth(1))
		c.send("REQ", "a", everything)
		c.send("REQ", "b", everything)
		assert.Equal(t, []string{eose("b"), eose("a")}, c.nexts(2))
		assert.Equal(t, 3*time.Second, time.Since(start))
		for _, late := range []nostrtest.Fault{nostrtest.SlowAnswers(time.Second).On("PING"), nostrtest.Overtaken(time.Second).On("PING")} {
			mend = relay.Break(late)
			start = time.Now()
			c.alive()
			assert.Equal(t, time.Second, time.Since(start), "%v", late)
			mend()
		}
	})
}

func TestLostLateRepeatedAndRewrittenMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		mend := w.relay.Break(nostrtest.Lose().Of("NOTICE").Nth(1), nostrtest.Repeat(3).Of("EOSE"), nostrtest.Late(50*time.Millisecond).Of("OK"))
		w.relay.Notice("lost")
		w.relay.Notice("heard")
		assert.Equal(t, `["NOTICE","heard"]`, c.next())
		c.send("EVENT", note(1))
		c.send("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{7}})
		want := []string{eose("s"), eose("s"), eose("s"), ok(note(1))}
		if w.network != nil {
			assert.Equal(t, want, c.nexts(4))
		} else { // between the two messages a busy machine may take longer than the OK is late
			assert.ElementsMatch(t, want, c.nexts(4))
		}
		mend()
		mend = w.relay.Break(nostrtest.Rewrite(func(message string) []string {
			return []string{strings.ToUpper(message), message}
		}), nostrtest.LineFeeds().Of("NOTICE"))
		c.send("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{7}})
		assert.Equal(t, []string{`["EOSE","S"]`, eose("s")}, c.nexts(2))
		mend()
		mend = w.relay.Break(nostrtest.LineFeeds())
		w.relay.Notice("line")
		assert.Equal(t, `["NOTICE","line"]`+"\n", c.next())
		mend()
	})
}

func TestClosedBehindEOSEEndsTheSubscription(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, []string{eose("s"), frame("CLOSED", "s", "error: idle")}, c.nexts(2))
		w.relay.Publish(note(1))
		c.quiet()
		assert.Empty(t, w.relay.Subscriptions())

		// Live events that were queued before it came to that are not sent behind it.
		mend := w.relay.Break(nostrtest.StallWrites())
		w.relay.Notice(strings.Repeat("x", 100)) // the writer waits with it
		c.send("REQ", "t", nostr.Filter{Kinds: []nostr.Kind{1}, LimitZero: true})
		_, err := w.relay.WaitMessage(soon(t), func(m nostrtest.Message) bool { return strings.Contains(m.Frame, `"t"`) })
		require.NoError(t, err)
		w.relay.Publish(note(2))
		mend()
		c.next()
		assert.Equal(t, []string{eose("t"), frame("CLOSED", "t", "error: idle")}, c.nexts(2))
		c.quiet()
	}, nostrtest.WithFaults(nostrtest.EndSubscriptions("error: idle")))
}

func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		everywhere(t, func(t *testing.T, w world) {
			c := w.dial()
			now := nostrtest.TextNote(nostrtest.Key(1), "now")
			c.send("EVENT", now)
			assert.Contains(t, c.next(), "invalid: created_at is more than")
			then := nostr.TimestampOf(time.Now().Add(skew))
			c.send("EVENT", nostrtest.TextNoteAt(then, nostrtest.Key(1), "then"))
			assert.Equal(t, "true", parts(c.next())[2])
			w.relay.Mend()
			c.send("EVENT", now)
			assert.Equal(t, ok(now), c.next())
		}, nostrtest.WithLimits(nostrtest.Limits{Past: time.Minute, Future: time.Minute}), nostrtest.WithFaults(nostrtest.ClockSkew(skew)))
	}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		challenge := parts(c.next())[1]
		answer := nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, "", nostr.Tag{"relay", home}, nostr.Tag{"challenge", challenge})
		c.send("AUTH", answer)
		assert.Contains(t, c.next(), "created_at is not near the present")
	}, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.ClockSkew(-11*time.Minute)))
}

func authFor(w world, challenge string, key nostr.SecretKey) *nostr.Event {
	return nostrtest.Event(key, nostr.KindClientAuthentication, "", nostr.Tag{"relay", w.relay.URL()}, nostr.Tag{"challenge", challenge})
}

func TestAuthStormsAndLateChallenges(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		seen := make(map[string]bool)
		var last string
		for _, message := range c.nexts(501) {
			require.Equal(t, "AUTH", parts(message)[0])
			last = parts(message)[1]
			seen[last] = true
		}
		assert.Len(t, seen, 501)
		var first string
		for challenge := range seen {
			if challenge != last {
				first = challenge
			}
		}
		c.send("AUTH", authFor(w, first, nostrtest.Key(1)))
		assert.Contains(t, c.next(), "not the one that was sent last")
		c.send("AUTH", authFor(w, last, nostrtest.Key(1)))
		assert.Equal(t, "true", parts(c.next())[2])

		// A new challenge in the middle of everything, and one behind each OK.
		defer w.relay.Break(nostrtest.LateChallenge(0).After("EOSE"), nostrtest.LateChallenge(100*time.Millisecond).On("COUNT"))()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		assert.Equal(t, "AUTH", parts(c.next())[0])
		c.send("COUNT", "c", everything)
		answers := c.nexts(2)
		if w.network == nil { // a busy machine may count for longer than the challenge is late
			slices.SortFunc(answers, func(a, b string) int { return strings.Compare(b, a) })
		}
		assert.Equal(t, `["COUNT","c",{"count":0}]`, answers[0])
		assert.Equal(t, "AUTH", parts(answers[1])[0])
	}, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.AuthStorm(500)))
}

func TestRejectedAuth(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		challenge := parts(c.next())[1]
		mend := w.relay.Break(nostrtest.RejectAuth("restricted: not for you"))
		wrong := authFor(w, "of another relay", nostrtest.Key(1))
		c.send("AUTH", wrong)
		assert.Equal(t, frame("OK", wrong.ID, false, "restricted: not for you"), c.next())
		answer := authFor(w, challenge, nostrtest.Key(1))
		c.send("AUTH", answer)
		assert.Equal(t, frame("OK", answer.ID, false, "restricted: not for you"), c.next())
		c.send("REQ", "s", everything)
		assert.Contains(t, c.next(), "auth-required:")
		mend()

		mend = w.relay.Break(nostrtest.NoOK().On("AUTH"))
		c.send("AUTH", answer)
		c.sendFrame(9, "and?") // answered when the AUTH has been handled, so that it is not mended too soon
		assert.EqualValues(t, 10, c.mustFrame().opcode, "nothing but the pong")
		c.quiet()
		mend()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next(), "it had heard, though")

		defer w.relay.Break(nostrtest.OneKeyOnly())()
		c.send("AUTH", authFor(w, challenge, nostrtest.Key(2)))
		assert.Contains(t, c.next(), "already authenticated")
		c.send("AUTH", authFor(w, challenge, nostrtest.Key(1)))
		assert.Equal(t, "true", parts(c.next())[2])
	}, nostrtest.WithAuth())
}

func TestNoChallenge(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for range 2 {
			c.send("REQ", "s", everything)
			assert.Equal(t, frame("CLOSED", "s", "auth-required: who are you?"), c.next())
		}
	}, nostrtest.WithFaults(nostrtest.NoChallenge(), nostrtest.RefuseRequests("auth-required: who are you?")))
}

func TestOutageOfTheInformationDocumentLeavesTheWebsocketAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		assert.Equal(t, http.StatusSwitchingProtocols, w.dial().response.StatusCode)
	}, nostrtest.WithFaults(nostrtest.AnswerInfo(404, "")))
}
