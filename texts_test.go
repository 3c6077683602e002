package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// saysOnce demands that an error says whose it is, and of which relay, no more than once.
func saysOnce(t *testing.T, text string, err error) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, 1, strings.Count(err.Error(), "gennostr: "), err.Error())
	assert.LessOrEqual(t, strings.Count(err.Error(), relayA), 1, err.Error())
	assert.LessOrEqual(t, strings.Count(err.Error(), "not connected"), 1, err.Error())
	assert.Contains(t, err.Error(), text)
	assert.NotContains(t, err.Error(), "\n")
}

// What users see of errors inside of others.
func TestErrorsInsideOfOthersSayThingsOnce(t *testing.T) {
	note := nostrtest.TextNote(nostrtest.Key(1), "hello")
	dial := &gennostr.DialError{URL: relayA, Status: 503, Err: io.EOF}
	outcome := func(o gennostr.Outcome) error {
		o.URL = relayA
		return gennostr.PublishReport{Event: note, Outcomes: []gennostr.Outcome{o}}.Err()
	}
	query := func(err error) error {
		return &gennostr.IncompleteError{Relays: []gennostr.RelayAnswer{{URL: relayA, Err: err}}}
	}
	clock := &gennostr.ClockError{URL: relayA, Ahead: time.Hour}
	for text, err := range map[string]error{
		"0 of 1 relays have it; " + relayA + `: refused "auth-required: no": AUTH as ` + nostrtest.PubKey(1).String() + `: the relay has refused the AUTH: "restricted: no"`: outcome(gennostr.Outcome{
			Verdict: gennostr.Refused, Message: "auth-required: no", Err: &gennostr.AuthError{URL: relayA, PubKey: nostrtest.PubKey(1), Message: "restricted: no", Err: gennostr.ErrAuthRefused}}),
		relayA + ": refused: it states a max_event_tags of 2, and the event has 3":           outcome(gennostr.Outcome{Verdict: gennostr.Refused, Err: &gennostr.LimitError{URL: relayA, Limit: "max_event_tags", Bound: 2, Value: 3}}),
		`refused "invalid: too late": this machine's clock is 1h0m0s ahead of the relay's`:   outcome(gennostr.Outcome{Verdict: gennostr.Refused, Message: "invalid: too late", Err: clock}),
		relayA + ": unanswered: dial: 503 Service Unavailable: EOF":                          outcome(gennostr.Outcome{Verdict: gennostr.Unanswered, Err: dial}),
		relayA + ": 0 events: dial: 503 Service Unavailable: EOF":                            query(dial),
		relayA + `: 0 events: it refuses the query: "error: tired"`:                          query(&gennostr.RefusedError{URL: relayA, Message: "error: tired"}),
		`it refuses the query: "invalid: since": this machine's clock is 1h0m0s ahead of th`: query(&gennostr.RefusedError{URL: relayA, Message: "invalid: since", Err: clock}),
		`0 events: a second with a page and more (created_at 1 to 2); it refuses the query`: query(errors.Join(
			&gennostr.GapError{URL: relayA, Gap: gennostr.Gap{Since: 1, Until: 2}, Reason: "a second with a page and more"}, &gennostr.RefusedError{URL: relayA, Message: "no"})),
		"OnEvent (" + relayA + "): send: saving: dial: 503": &gennostr.CallbackError{Callback: "OnEvent", Relay: gennostr.Relay{URL: relayA}, Err: &gennostr.SendError{URL: relayA, Err: fmt.Errorf("saving: %w", &gennostr.DialError{Status: 503, Err: io.EOF})}},
		"HandleCast: send to " + relayA:                     &gennostr.CallbackError{Callback: "HandleCast", Err: &gennostr.SendError{URL: relayA, Err: gennostr.ErrSendQueueFull}},
		"AUTH to " + relayA + ": panic in signer: boom":     &gennostr.AuthError{URL: relayA, Err: &gennostr.PanicError{Where: "signer", Value: "boom"}},
		"stop: relay removed":                               gennostr.Stop(gennostr.ErrRelayRemoved),
		`relay refused subscription "feed" (refused): "auth-required: no": AUTH to ` + relayA + ": the relay wants AUTH": &gennostr.SubscriptionError{SubscriptionChange: gennostr.SubscriptionChange{
			SubscriptionID: "feed", State: gennostr.SubscriptionRefused, Message: "auth-required: no", Err: &gennostr.AuthError{URL: relayA, Err: gennostr.ErrNoSigner}}},
		"this machine's clock is 1h0m0s ahead of that of " + relayA: clock,
	} {
		saysOnce(t, text, err)
	}
}

// The same, of a client that has lost its relay, is refused, and has stopped.
func TestErrorsOfAClientSayThingsOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseHandshake(503, 0)))
		client := launch(t, nil, over(network, quietly())...)
		note := nostrtest.TextNote(nostrtest.Key(1), "hello")
		_, err := client.Publish(t.Context(), note)
		saysOnce(t, ": no relay is connected", err)
		_, err = client.Fetch(t.Context(), []nostr.Filter{{}})
		saysOnce(t, ": no relay is connected", err)
		require.NoError(t, client.AddRelay(relayA))
		_, err = client.Publish(t.Context(), note, gennostr.GiveUpAfter(time.Second))
		saysOnce(t, relayA+": unanswered: relay not connected: dial: 503 Service Unavailable", err)
		_, err = client.Fetch(t.Context(), []nostr.Filter{{}})
		saysOnce(t, relayA+": 0 events: dial: 503", err)
		auth := nostr.NewAuthEvent(relayA, "c", nostr.Now())
		require.NoError(t, auth.Sign(nostrtest.Key(1)))
		_, err = client.Publish(t.Context(), &auth)
		saysOnce(t, ": an AUTH (kind 22242) answers its relay and is never published", err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Publish(ctx, note, gennostr.On(relayA))
		saysOnce(t, "context deadline exceeded", err)
		require.NoError(t, client.Stop(t.Context()))
		_, err = client.Publish(t.Context(), note)
		saysOnce(t, ": client closed", err)
		_, err = client.Count(t.Context(), []nostr.Filter{{}})
		saysOnce(t, ": client closed", err)
	})
}
