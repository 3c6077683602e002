package gennostr_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostrtest"
)

// studied starts a client that knows the documents of its relays.
func studied(t *testing.T, network *nostrtest.Network, relays ...*nostrtest.Relay) *gennostr.Client {
	t.Helper()
	client := start(t, nil, over(network, quietly())...)
	for _, relay := range relays {
		require.NoError(t, client.AddRelay(relay.URL()))
	}
	_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "the first"))
	require.NoError(t, err)
	time.Sleep(time.Second) // of virtual time
	for _, relay := range relays {
		require.Equal(t, 1, relay.InfoRequests())
	}
	return client
}

// What exceeds a limit that a relay states is not sent there, and sent to others.
// Shows P49, P52, D51.
func TestWhatExceedsALimitIsNotSentToThatRelay(t *testing.T) {
	long := nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("ä", 101))
	tagged := nostrtest.TextNote(nostrtest.Key(1), "", nostr.Tag{"t", "1"}, nostr.Tag{"t", "2"}, nostr.Tag{"t", "3"})
	for name, c := range map[string]struct {
		limits nostrtest.Limits
		event  *nostr.Event
		want   gennostr.LimitError
	}{
		"max_content_length": {nostrtest.Limits{ContentLength: 100}, long, gennostr.LimitError{Bound: 100, Value: 101}},
		"max_event_tags":     {nostrtest.Limits{EventTags: 2}, tagged, gennostr.LimitError{Bound: 2, Value: 3}},
		"max_message_length": {nostrtest.Limits{MessageLength: 500}, long, gennostr.LimitError{Bound: 500, Value: int64(len(`["EVENT",]`) + len(long.String()))}},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				choosy, other := network.NewRelay(relayA, nostrtest.WithLimits(c.limits)), network.NewRelay(relayB)
				client := studied(t, network, choosy, other)
				r, err := client.Publish(t.Context(), c.event)
				require.NoError(t, err, "one has it")
				assert.Equal(t, []gennostr.Verdict{gennostr.Refused, gennostr.Accepted}, verdicts(r))
				want := c.want
				want.URL, want.Limit = relayA, name
				assert.Equal(t, &want, r.Outcomes[0].Err)
				assert.Zero(t, r.Outcomes[0].Tries)
				assert.Len(t, eventsOf(choosy), 1)
				_, err = client.Publish(t.Context(), c.event, gennostr.On(relayA))
				var limit *gennostr.LimitError
				require.ErrorAs(t, err, &limit)
				assert.Contains(t, err.Error(), relayA+": refused: it states a "+name+" of ")
			})
		})
	}
}

// Shows P52, D51.
func TestDatesAndProofOfWorkAreLookedAtBeforeSending(t *testing.T) {
	for name, c := range map[string]struct {
		limits nostrtest.Limits
		at     time.Duration
	}{
		"created_at_upper_limit": {nostrtest.Limits{Future: time.Minute}, time.Hour},
		"created_at_lower_limit": {nostrtest.Limits{Past: time.Minute}, -time.Hour},
		"min_pow_difficulty":     {nostrtest.Limits{Difficulty: 40}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithLimits(c.limits))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				if name == "min_pow_difficulty" { // it is small and dated now, so the first is sent
					r, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "no work"))
					require.Error(t, err)
					assert.Contains(t, r.Outcomes[0].Message, "pow:")
					time.Sleep(time.Second) // the document comes
				}
				event := nostrtest.EventAt(nostr.TimestampOf(time.Now().Add(c.at)), nostrtest.Key(1), 1, "dated")
				_, err := client.Publish(t.Context(), event)
				var limit *gennostr.LimitError
				require.ErrorAs(t, err, &limit)
				assert.Equal(t, name, limit.Limit)
				assert.NotContains(t, eventsOf(relay), event.ID, "what a relay may well refuse waits for what it says of itself")
			})
		})
	}
}

// A document that never comes holds nothing up for long.
func TestWhatWaitsForTheDocumentIsSentWithoutIt(t *testing.T) {
	for name, c := range map[string]struct {
		relay nostrtest.Option
		after time.Duration
	}{
		"there is none": {nostrtest.WithFaults(nostrtest.AnswerInfo(http.StatusNotFound, "no")), 0},
		"it hangs":      {nostrtest.WithInfo(func(*nip11.Document) { time.Sleep(10 * time.Second) }), 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, c.relay)
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				require.NoError(t, client.Ready(t.Context(), 1))
				old := nostrtest.EventAt(100, nostrtest.Key(1), 1, "old")
				began := time.Now()
				_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "plain"))
				require.NoError(t, err)
				assert.Zero(t, time.Since(began))
				_, err = client.Publish(t.Context(), old)
				require.NoError(t, err)
				assert.Equal(t, c.after, time.Since(began))
				_, err = client.Publish(t.Context(), nostrtest.EventAt(101, nostrtest.Key(1), 1, "old"))
				require.NoError(t, err)
				assert.Equal(t, c.after, time.Since(began), "nothing waits twice on one connection")
			})
		})
	}
}

// A wrong clock is named, where the relay's own clock says so, and only for events that
// were dated by it.
func TestAWrongClockIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		skew  time.Duration
		ahead time.Duration
	}{
		"we are behind": {20 * time.Minute, -20 * time.Minute},
		"we are ahead":  {-20 * time.Minute, 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithLimits(nostrtest.Limits{Past: time.Minute, Future: time.Minute}), nostrtest.WithFaults(nostrtest.ClockSkew(c.skew)))
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				require.NoError(t, client.Ready(t.Context(), 1))
				check := func(r gennostr.PublishReport, err error) {
					t.Helper()
					var clock *gennostr.ClockError
					require.ErrorAs(t, err, &clock)
					assert.Equal(t, relayA, clock.URL)
					assert.InDelta(t, c.ahead.Seconds(), clock.Ahead.Seconds(), 1)
					assert.Equal(t, gennostr.Refused, r.Outcomes[0].Verdict)
				}
				check(client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "dated by us")))
				time.Sleep(time.Second)
				check(client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "the limit is known now")))
				_, err := client.Publish(t.Context(), nostrtest.EventAt(nostr.TimestampOf(time.Now().Add(c.skew)), nostrtest.Key(1), 1, "dated by a clock that is right"))
				require.NoError(t, err)
				_, err = client.Publish(t.Context(), nostrtest.EventAt(100, nostrtest.Key(1), 1, "old"))
				var clock *gennostr.ClockError
				require.Error(t, err)
				assert.NotErrorAs(t, err, &clock)
			})
		})
	}
}

// Shows D51.
func TestPaymentAndConditionsAreHintsOnly(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA,
			nostrtest.WithInfo(func(d *nip11.Document) { d.Limitation.PaymentRequired = true }),
			nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
				if e.Content == "the first" {
					return ""
				}
				return "blocked: pay first"
			}))
		client := studied(t, network, relay)
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "for nothing"))
		require.Error(t, err)
		assert.Contains(t, err.Error(), `refused "blocked: pay first" (it says that it demands payment)`)
	})
}
