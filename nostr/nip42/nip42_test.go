package nip42_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip42"
)

const (
	relay     = "wss://relay.example.com"
	challenge = "challenge-\u00e9-123"
	now       = nostr.Timestamp(1700000000)
)

var key = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")

func auth(t testing.TB, at nostr.Timestamp, tags ...nostr.Tag) *nostr.Event {
	t.Helper()
	ev := &nostr.Event{Kind: 22242, CreatedAt: at, Tags: tags}
	require.NoError(t, ev.Sign(key))
	return ev
}

// Every choice that the data leaves open is taken as it suggests.
func TestTheEventsOfTheFile(t *testing.T) {
	var file struct {
		Now   nostr.Timestamp
		NIP42 []struct {
			Name, Relay, Challenge, Expect string
			Event                          *nostr.Event
		}
	}
	vectors.JSON(t, "nip98-nip42.json", &file)
	require.Len(t, file.NIP42, 40)
	for _, c := range file.NIP42 {
		err := nip42.Check(c.Event, c.Challenge, c.Relay, file.Now)
		assert.Equal(t, c.Expect == "accept", err == nil, "%s: %v", c.Name, err)
	}
}

func TestTheKindIs22242(t *testing.T) {
	for _, kind := range []nostr.Kind{1, 22241, 27235} {
		ev := &nostr.Event{Kind: kind, CreatedAt: now, Tags: nostr.Tags{{"relay", relay}, {"challenge", challenge}}}
		require.NoError(t, ev.Sign(key))
		assert.ErrorIs(t, nip42.Check(ev, challenge, relay, now), nip42.ErrKind)
	}
}

func TestCreatedAtIsNearTheCurrentTime(t *testing.T) {
	for _, v := range []struct {
		at   nostr.Timestamp
		good bool
	}{
		{now, true}, {now - 600, true}, {now + 600, true}, {now - 601, false}, {now + 601, false}, {0 + 1, false}, {math.MaxInt64, false},
	} {
		ev := auth(t, v.at, nostr.Tag{"relay", relay}, nostr.Tag{"challenge", challenge})
		err := nip42.Check(ev, challenge, relay, now)
		if v.good {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, nip42.ErrStale, v.at)
		}
	}
}

func TestTheChallengeTagMatchesTheOneSentBefore(t *testing.T) {
	right, url := nostr.Tag{"challenge", challenge}, nostr.Tag{"relay", relay}
	require.NoError(t, nip42.Check(auth(t, now, url, right), challenge, relay, now))
	for _, tags := range []nostr.Tags{
		{url}, {url, {"challenge"}}, {url, {"challenge", ""}}, {url, {"challenge", "x"}}, {url, {"challenge", challenge + " "}},
		{url, {"challenge", "CHALLENGE-\u00c9-123"}}, {url, {"Challenge", challenge}}, {url, right, right}, {url, right, {"challenge", "x"}}, {url, {"challenge"}, right},
	} {
		assert.ErrorIs(t, nip42.Check(auth(t, now, tags...), challenge, relay, now), nip42.ErrChallenge, tags)
	}
	empty := auth(t, now, url, nostr.Tag{"challenge", ""})
	assert.ErrorIs(t, nip42.Check(empty, "", relay, now), nip42.ErrChallenge, "none was sent")
}

func TestTheRelayTagMatchesTheURL(t *testing.T) {
	right := nostr.Tag{"challenge", challenge}
	for _, url := range []string{relay, relay + "/", "WSS://Relay.Example.com:443", "ws://relay.example.com", relay + "/inbox?a=1"} {
		assert.NoError(t, nip42.Check(auth(t, now, nostr.Tag{"relay", url}, right), challenge, relay, now), url)
	}
	for _, tags := range []nostr.Tags{
		{right}, {right, {"relay"}}, {right, {"relay", ""}}, {right, {"relay", relay}, {"relay", relay}}, {right, {"relay", relay}, {"relay", "wss://evil.example.net"}},
		{right, {"relay", "relay.example.com"}}, {right, {"relay", "https://relay.example.com"}}, {right, {"relay", relay + ":8443"}},
		{right, {"relay", "wss://evil.example.net/relay.example.com"}}, {right, {"relay", relay + "@evil.example.net"}}, {right, {"relay", relay + ".evil.example.net"}},
		{right, {"relay", "wss://evil.example.net/?wss://relay.example.com/"}}, {right, {"relay", "wss://evil.example.net\\.relay.example.com"}}, {right, {"relay", "wss://x." + relay[6:]}},
	} {
		assert.ErrorIs(t, nip42.Check(auth(t, now, tags...), challenge, relay, now), nip42.ErrRelay, tags)
	}
	ev := auth(t, now, nostr.Tag{"relay", ""}, right)
	assert.ErrorIs(t, nip42.Check(ev, challenge, "", now), nip42.ErrRelay, "a relay that does not know its URL accepts nobody")
}

func TestOnlyGenuineEventsProveAnything(t *testing.T) {
	good := auth(t, now, nostr.Tag{"relay", relay}, nostr.Tag{"challenge", challenge})
	forged := good.Clone()
	forged.PubKey[0] ^= 1
	assert.ErrorIs(t, nip42.Check(forged, challenge, relay, now), nostr.ErrBadID)
	forged = good.Clone()
	forged.Sig[0] ^= 1
	assert.ErrorIs(t, nip42.Check(forged, challenge, relay, now), nostr.ErrBadSignature)
	forged = good.Clone()
	forged.ID[0] ^= 1
	assert.ErrorIs(t, nip42.Check(forged, challenge, relay, now), nostr.ErrBadID)
}

func FuzzCheck(f *testing.F) {
	f.Add("relay", relay, "challenge", challenge, challenge, relay)
	f.Add("relay", "", "challenge", "", "", "")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, challenge, url string) {
		ev := &nostr.Event{Kind: 22242, CreatedAt: now, Tags: nostr.Tags{{k1, v1}, {k2, v2}}}
		if ev.Sign(key) != nil {
			return // not UTF-8
		}
		if nip42.Check(ev, challenge, url, now) == nil {
			require.NotEmpty(t, challenge)
			require.Equal(t, challenge, ev.Tags.Find("challenge").Value())
			_, err := nostr.NormalizeURL(ev.Tags.Find("relay").Value())
			require.NoError(t, err)
		}
	})
}

func ExampleCheck() {
	ev := nostr.Event{Kind: nostr.KindClientAuthentication, CreatedAt: 1700000000, Tags: nostr.Tags{
		{"relay", "wss://relay.example.com/"}, {"challenge", "8f3a"},
	}}
	if err := ev.Sign(key); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(nip42.Check(&ev, "8f3a", "wss://relay.example.com", 1700000010))
	fmt.Println(nip42.Check(&ev, "8f3a", "wss://other.example.com", 1700000010))
	fmt.Println(nip42.Check(&ev, "8f3a", "wss://relay.example.com", 1700009999))
	// Output:
	// <nil>
	// nip42: wrong relay: "wss://relay.example.com/", want wss://other.example.com/
	// nip42: created_at is not near the present: 1700000000, now 1700009999
}
