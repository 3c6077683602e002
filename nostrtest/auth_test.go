package nostrtest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// challenge returns the challenge of an AUTH frame.
func challenge(t *testing.T, frame string) string {
	t.Helper()
	var parts []string
	require.NoError(t, json.Unmarshal([]byte(frame), &parts))
	require.Equal(t, "AUTH", parts[0])
	require.Len(t, parts, 2)
	return parts[1]
}

func authEvent(key nostr.SecretKey, relay, challenge string) *nostr.Event {
	return nostrtest.Event(key, nostr.KindClientAuthentication, "",
		nostr.Tag{"relay", relay}, nostr.Tag{"challenge", challenge})
}

func TestP40AuthOpensTheRelay(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		greeting := c.got()
		require.Len(t, greeting, 1)
		text := challenge(t, greeting[0])

		note := nostrtest.TextNote(nostrtest.Key(1), "hello")
		assert.Equal(t, "auth-required", prefix(refusal(t, c.ask("EVENT", note), "OK")), "P42")
		assert.Equal(t, "auth-required", prefix(refusal(t, c.ask("REQ", "s", nostr.Filter{}), "CLOSED")), "P41")
		assert.Equal(t, "auth-required", prefix(refusal(t, c.ask("COUNT", "n", nostr.Filter{}), "CLOSED")), "P55")

		answer := authEvent(nostrtest.Key(1), home, text)
		assert.Equal(t, []string{ok(answer)}, c.ask("AUTH", answer))
		second := authEvent(nostrtest.Key(2), home+"/", text)
		assert.Equal(t, []string{ok(second)}, c.ask("AUTH", second), "P44")
		assert.Equal(t, []nostr.PubKey{nostrtest.PubKey(1), nostrtest.PubKey(2)}, relay.Connections()[0].Authenticated)

		assert.Equal(t, []string{ok(note)}, c.ask("EVENT", note))
		assert.Equal(t, stored("s", note), c.ask("REQ", "s", nostr.Filter{}), "AUTH events are not stored")

		other := dial(t, network.HTTPClient(), home)
		assert.NotEqual(t, text, challenge(t, other.got()[0]))
		assert.Equal(t, "auth-required", prefix(refusal(t, other.ask("REQ", "s", nostr.Filter{}), "CLOSED")), "P46")
	}, nostrtest.WithAuth())
}

func TestP39AuthIsHeldToKindRelayChallengeTimeAndSignature(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		key, text := nostrtest.Key(1), challenge(t, c.got()[0])
		tags := []nostr.Tag{{"relay", home}, {"challenge", text}}
		forged := authEvent(key, home, text)
		forged.Sig[0] ^= 1
		for name, event := range map[string]*nostr.Event{
			"kind":         nostrtest.Event(key, 1, "", tags...),
			"relay":        authEvent(key, "wss://b.example", text),
			"path":         authEvent(key, home+"/inbox", text),
			"no URL":       authEvent(key, "a.example", text),
			"no relay":     nostrtest.Event(key, nostr.KindClientAuthentication, "", tags[1]),
			"challenge":    authEvent(key, home, "guess"),
			"no challenge": nostrtest.Event(key, nostr.KindClientAuthentication, "", tags[0]),
			"old":          nostrtest.EventAt(nostr.Now()-601, key, nostr.KindClientAuthentication, "", tags...),
			"early":        nostrtest.EventAt(nostr.Now()+601, key, nostr.KindClientAuthentication, "", tags...),
			"signature":    forged,
			"two relays":   nostrtest.Event(key, nostr.KindClientAuthentication, "", tags[0], tags[1], nostr.Tag{"relay", "wss://b.example"}),
			"two answers":  nostrtest.Event(key, nostr.KindClientAuthentication, "", tags[0], tags[1], nostr.Tag{"challenge", "guess"}),
		} {
			assert.Equal(t, "invalid", prefix(refusal(t, c.ask("AUTH", event), "OK")), name)
		}
		assert.Empty(t, relay.Connections()[0].Authenticated)
		edge := nostrtest.EventAt(nostr.Now()-600, key, nostr.KindClientAuthentication, "", tags...)
		assert.Equal(t, []string{ok(edge)}, c.ask("AUTH", edge))
	}, nostrtest.WithAuth())
}

func TestP15AuthNamesThePathThatWasReached(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home+"/inbox?x=1")
		text := challenge(t, c.got()[0])
		assert.Equal(t, home+"/inbox?x=1", relay.Connections()[0].URL)
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("AUTH", authEvent(nostrtest.Key(1), home, text)), "OK")))
		good := authEvent(nostrtest.Key(1), home+"/inbox/?x=1", text)
		assert.Equal(t, []string{ok(good)}, c.ask("AUTH", good))
	}, nostrtest.WithAuth())
}

func TestP38TheLatestChallengeCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.Empty(t, c.got())
		early := authEvent(nostrtest.Key(1), home, "")
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("AUTH", early), "OK")), "before any challenge")
		assert.Equal(t, 1, relay.RequestAuth())
		first := challenge(t, c.got()[0])
		relay.RequestAuth(1)
		second := challenge(t, c.got()[0])
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("AUTH", authEvent(nostrtest.Key(1), home, first)), "OK")))
		good := authEvent(nostrtest.Key(1), home, second)
		assert.Equal(t, []string{ok(good)}, c.ask("AUTH", good))
	})
}

func TestP41PolicyThatDemandsAuthSendsTheChallengeFirst(t *testing.T) {
	readers := func(conn nostrtest.Connection, _ nostrtest.Request) string {
		switch {
		case len(conn.Authenticated) == 0:
			return "auth-required: members only"
		case conn.Authenticated[0] != nostrtest.PubKey(1):
			return "restricted: members only" // P43
		}
		return ""
	}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		answer := c.ask("REQ", "s", nostr.Filter{})
		require.Len(t, answer, 2)
		text := challenge(t, answer[0])
		assert.Equal(t, "auth-required: members only", refusal(t, answer, "CLOSED"))
		assert.Len(t, c.ask("REQ", "s", nostr.Filter{}), 1, "one challenge is enough")
		c.ask("AUTH", authEvent(nostrtest.Key(1), home, text))
		assert.Equal(t, stored("s"), c.ask("REQ", "s", nostr.Filter{}))

		stranger := dial(t, network.HTTPClient(), home)
		text = challenge(t, stranger.ask("REQ", "s", nostr.Filter{})[0])
		stranger.ask("AUTH", authEvent(nostrtest.Key(2), home, text))
		assert.Equal(t, "restricted: members only", refusal(t, stranger.ask("REQ", "s", nostr.Filter{}), "CLOSED"))
	}, nostrtest.WithReadPolicy(readers))
}

func TestP61ProtectedEventsAreTakenFromTheirAuthorOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		event := nostrtest.TextNote(nostrtest.Key(1), "mine", nostr.Tag{"-"})
		answer := c.ask("EVENT", event)
		require.Len(t, answer, 2)
		assert.Equal(t, "auth-required", prefix(refusal(t, answer, "OK")))
		text := challenge(t, answer[0])
		c.ask("AUTH", authEvent(nostrtest.Key(2), home, text))
		assert.Equal(t, "restricted", prefix(refusal(t, c.ask("EVENT", event), "OK")))
		c.ask("AUTH", authEvent(nostrtest.Key(1), home, text))
		assert.Equal(t, []string{ok(event)}, c.ask("EVENT", event))
	})
}

func TestChallengesAreTheSameInEveryRunAndNeverRepeat(t *testing.T) {
	seen := make(map[string]int)
	for range 2 {
		inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
			network.NewRelay("wss://b.example", nostrtest.WithAuth())
			for i := range 3 {
				url := []string{home, home, "wss://b.example"}[i]
				c := dial(t, network.HTTPClient(), url)
				seen[challenge(t, c.got()[0])]++
				time.Sleep(time.Second)
			}
			relay.RequestAuth()
		}, nostrtest.WithAuth())
	}
	assert.Len(t, seen, 3)
	for text, times := range seen {
		assert.Equal(t, 2, times, fmt.Sprint(text))
	}
}
