package gennostr_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What a client makes of each prefix that a relay may put before its words (NIP-01,
// NIP-42), with strfry's "ERROR: " before it and without, in front of a relay on a network.

// refusal is what is made of one.
type refusal struct {
	prefix  string
	verdict gennostr.Verdict           // of a publication
	tries   int                        // of it within 30 seconds, at least; if it is 1, at most too
	state   gennostr.SubscriptionState // of a subscription, after a minute
	reqs    int                        // of it within that minute, at most
}

var refusals = []refusal{
	{"duplicate", gennostr.Duplicate, 1, gennostr.SubscriptionOpen, 12},
	{"pow", gennostr.Refused, 1, gennostr.SubscriptionRetrying, 8},
	{"blocked", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"rate-limited", gennostr.Refused, 3, gennostr.SubscriptionRetrying, 8},
	{"invalid", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"restricted", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"mute", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"error", gennostr.Refused, 1, gennostr.SubscriptionRetrying, 8},
	{"auth-required", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"unsupported", gennostr.Refused, 1, gennostr.SubscriptionRefused, 1},
	{"x-unheard-of", gennostr.Refused, 1, gennostr.SubscriptionRetrying, 8},
}

// eachRefusal runs a test for each of them, on a relay that says nothing else.
func eachRefusal(t *testing.T, fault func(text string) nostrtest.Fault, test func(t *testing.T, c refusal, text string, client *gennostr.Client, relay *nostrtest.Relay)) {
	t.Helper()
	for i, c := range refusals {
		require.Equal(t, nostrtest.Prefixes()[i], c.prefix, "none is left out")
		for _, before := range []string{"", "ERROR: "} {
			text := before + c.prefix + ": not today"
			t.Run(text, func(t *testing.T) {
				virtual(t, func(t *testing.T, network *nostrtest.Network) {
					relay := network.NewRelay(relayA, nostrtest.WithFaults(fault(text)))
					client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
					require.NoError(t, client.Ready(t.Context(), 1))
					test(t, c, text, client, relay)
				})
			})
		}
	}
}

// Shows P28, P32, Q01.
func TestPublicationsThatAreRefusedForEachPrefix(t *testing.T) {
	eachRefusal(t, nostrtest.RefuseEvents, func(t *testing.T, c refusal, text string, client *gennostr.Client, _ *nostrtest.Relay) {
		began := time.Now()
		r, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "refused"), gennostr.GiveUpAfter(30*time.Second))
		o := r.Outcomes[0]
		assert.Equal(t, c.verdict, o.Verdict)
		assert.Equal(t, text, o.Message)
		assert.Equal(t, c.verdict == gennostr.Duplicate, err == nil)
		if c.tries == 1 {
			assert.Equal(t, 1, o.Tries)
			assert.Zero(t, time.Since(began), "it is final at once")
		} else {
			assert.GreaterOrEqual(t, o.Tries, c.tries)
			assert.Equal(t, 30*time.Second, time.Since(began), "it is tried again until it is given up")
		}
		assert.Equal(t, c.prefix == "auth-required", nil != o.Err)
		if c.prefix == "auth-required" {
			assert.ErrorIs(t, o.Err, gennostr.ErrNoSigner)
		}
	})
}

// Shows P30, P32, Q01, L06, L07.
func TestSubscriptionsThatAreRefusedForEachPrefix(t *testing.T) {
	eachRefusal(t, nostrtest.RefuseRequests, func(t *testing.T, c refusal, text string, client *gennostr.Client, relay *nostrtest.Relay) {
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{{}})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		status := sub.Status().Relays[0]
		assert.Equal(t, c.state, status.State)
		if c.prefix != "duplicate" { // under another id it is asked again at once, and so on
			assert.Equal(t, text, status.Message)
		}
		assert.GreaterOrEqual(t, len(relay.Requests()), min(2, c.reqs))
		assert.LessOrEqual(t, len(relay.Requests()), c.reqs, "no storm")
		assert.Equal(t, c.prefix == "auth-required", nil != status.Err)
		relay.Mend()
		if c.state != gennostr.SubscriptionRefused {
			time.Sleep(time.Minute)
			assert.Equal(t, gennostr.SubscriptionLive, sub.Status().Relays[0].State, "it is served as soon as the relay will")
		}
	})
}

// Shows P30, P32, Q01.
func TestQueriesThatAreRefusedForEachPrefix(t *testing.T) {
	eachRefusal(t, nostrtest.RefuseRequests, func(t *testing.T, c refusal, text string, client *gennostr.Client, relay *nostrtest.Relay) {
		began := time.Now()
		r, err := client.Fetch(t.Context(), []nostr.Filter{{Limit: 5}})
		require.Error(t, err)
		require.Len(t, r.Relays, 1)
		assert.False(t, r.Relays[0].Complete)
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
		synctest.Wait()
		if c.state == gennostr.SubscriptionRefused {
			assert.Zero(t, time.Since(began), "it is final at once")
			assert.Len(t, relay.Requests(), 1)
		}
		assert.LessOrEqual(t, len(relay.Requests()), 8, "no storm")
		switch c.prefix {
		case "auth-required":
			assert.ErrorIs(t, err, gennostr.ErrNoSigner)
			return
		case "duplicate": // it is asked again under another id, which may be answered
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			return
		}
		var refused *gennostr.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, text, refused.Message)
	})
}

// Without a handler and a signer there is nobody who could answer a challenge: it is not waited for.
func TestNobodyWaitsForAChallengeThatNobodyWouldAnswer(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoChallenge(), nostrtest.RefuseEvents("auth-required: who?"), nostrtest.RefuseRequests("auth-required: who?")))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		began := time.Now()
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "hello"))
		require.ErrorIs(t, err, gennostr.ErrNoSigner)
		_, err = client.Fetch(t.Context(), []nostr.Filter{{}})
		require.ErrorIs(t, err, gennostr.ErrNoSigner)
		assert.Zero(t, time.Since(began))
	})
}

// With a signer "auth-required:" is no refusal: what was refused is sent again, once.
// Shows P41, P42, Q01.
func TestAuthRequiredBehindErrorIsRedone(t *testing.T) {
	for _, before := range []string{"", "ERROR: "} {
		for verb, ask := range map[string]func(*testing.T, *gennostr.Client) error{
			"EVENT": func(t *testing.T, client *gennostr.Client) error {
				_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "mine"))
				return err
			},
			"REQ": func(t *testing.T, client *gennostr.Client) error {
				sub, err := client.Subscribe(t.Context(), []nostr.Filter{{}})
				if err == nil {
					err = sub.CaughtUp(t.Context(), 1)
				}
				return err
			},
			"REQ of a query": func(t *testing.T, client *gennostr.Client) error {
				_, err := client.Fetch(t.Context(), []nostr.Filter{{Limit: 5}})
				return err
			},
			"COUNT": func(t *testing.T, client *gennostr.Client) error {
				_, err := client.Count(t.Context(), []nostr.Filter{{Limit: 5}})
				return err
			},
		} {
			t.Run(before+verb, func(t *testing.T) {
				virtual(t, func(t *testing.T, network *nostrtest.Network) {
					wants := func(c nostrtest.Connection) string {
						if len(c.Authenticated) == 0 {
							return before + "auth-required: who are you?"
						}
						return ""
					}
					relay := network.NewRelay(relayA,
						nostrtest.WithPolicy(func(c nostrtest.Connection, _ *nostr.Event) string { return wants(c) }),
						nostrtest.WithReadPolicy(func(c nostrtest.Connection, _ nostrtest.Request) string { return wants(c) }))
					client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSigner(nostrtest.Key(1).Signer()))...)
					require.NoError(t, client.Ready(t.Context(), 1))
					require.NoError(t, ask(t, client))
					synctest.Wait() // the relay writes down what it has answered
					sent := map[string]int{}
					for _, m := range relay.Received() {
						sent[m.Verb]++
					}
					word, _, _ := strings.Cut(verb, " ")
					assert.Equal(t, 2, sent[word])
					assert.Equal(t, 1, sent["AUTH"])
				})
			})
		}
	}
}
