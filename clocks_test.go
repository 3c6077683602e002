package gennostr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// dated is a relay whose clock differs, and which refuses what is asked from dates on
// that are off by it.
func dated(network *nostrtest.Network, skew time.Duration) *nostrtest.Relay {
	return network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.ClockSkew(skew)), nostrtest.WithReadPolicy(
		func(_ nostrtest.Connection, r nostrtest.Request) string {
			for _, f := range r.Filters {
				if f.Since == nil {
					continue
				}
				switch age := time.Now().Add(skew).Sub(f.Since.Time()); {
				case age < -time.Minute:
					return "invalid: since is in the future"
				case age > 10*time.Minute:
					return "ERROR: restricted: since is too old"
				}
			}
			return ""
		}))
}

// wrongClocks are how far a relay's clock may be ahead of ours, and how far ours then is.
var wrongClocks = map[string]struct{ skew, ahead time.Duration }{
	"we are behind": {20 * time.Minute, -20 * time.Minute},
	"we are ahead":  {-20 * time.Minute, 20 * time.Minute},
}

func namesClock(t *testing.T, err error, ahead time.Duration) {
	t.Helper()
	var clock *gennostr.ClockError
	require.ErrorAs(t, err, &clock)
	assert.Equal(t, relayA, clock.URL)
	assert.InDelta(t, ahead.Seconds(), clock.Ahead.Seconds(), 1)
}

// A wrong clock is named where a REQ or COUNT is refused for its dates, if they are ours.
func TestAWrongClockIsNamedToThoseWhoAsk(t *testing.T) {
	for name, c := range wrongClocks {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				dated(network, c.skew)
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				require.NoError(t, client.Ready(t.Context(), 1))
				since := func(d time.Duration) []nostr.Filter {
					return []nostr.Filter{nostr.Filter{}.WithLimit(5).WithSince(nostr.TimestampOf(time.Now().Add(d)))}
				}
				_, err := client.Fetch(t.Context(), since(0))
				namesClock(t, err, c.ahead)
				var refused *gennostr.RefusedError
				require.ErrorAs(t, err, &refused)
				_, err = client.Count(t.Context(), since(0))
				namesClock(t, err, c.ahead)

				sub, err := client.Subscribe(t.Context(), since(0))
				require.NoError(t, err)
				time.Sleep(time.Second)
				status := sub.Status().Relays[0]
				assert.Equal(t, gennostr.SubscriptionRefused, status.State)
				namesClock(t, status.Err, c.ahead)

				note := nostrtest.TextNote(nostrtest.Key(1), "is there an answer?")
				for _, err := range client.Request(t.Context(), note, since(0)) {
					namesClock(t, err, c.ahead)
				}

				_, err = client.Fetch(t.Context(), since(-100*time.Hour))
				var clock *gennostr.ClockError
				require.ErrorAs(t, err, &refused)
				assert.NotErrorAs(t, err, &clock, "no clock explains that")
				_, err = client.Fetch(t.Context(), since(c.skew))
				require.NoError(t, err, "dated by a clock that is right")
			})
		})
	}
}

// A subscription of the handler's hears of it, and goes on.
func TestAWrongClockIsNamedToTheHandler(t *testing.T) {
	for name, c := range wrongClocks {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				dated(network, c.skew)
				told := make(chan error, 10)
				bot := &hearsErrors{told: told, filters: []nostr.Filter{nostr.Filter{}.WithSince(nostr.TimestampOf(time.Now()))}}
				start(t, bot, over(network, quietly(), gennostr.WithRelays(relayA))...)
				err := within(t, "the refusal", told)
				namesClock(t, err, c.ahead)
				var change *gennostr.SubscriptionError
				require.ErrorAs(t, err, &change)
				assert.Equal(t, gennostr.SubscriptionRefused, change.State)
			})
		})
	}
}

// hearsErrors subscribes, and passes on what OnError is told.
type hearsErrors struct {
	gennostr.BaseHandler
	filters []nostr.Filter
	told    chan error
}

func (h *hearsErrors) Init(self *gennostr.Self) error { return self.Subscribe("dated", h.filters) }

func (h *hearsErrors) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	h.told <- err
	return nil
}

// A relay refuses an AUTH that is dated off: whoever needs it is told of the clock.
func TestAWrongClockIsNamedToThoseWhoNeedAuth(t *testing.T) {
	for name, c := range wrongClocks {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.ClockSkew(c.skew),
					nostrtest.RejectAuth("invalid: AUTH event is too old or too far ahead")))
				told := make(chan error, 10)
				bot := &hearsErrors{told: told, filters: []nostr.Filter{{}}}
				client := start(t, bot, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSigner(nostrtest.Key(1).Signer()))...)
				namesClock(t, within(t, "the AUTH", told), c.ahead)
				namesClock(t, within(t, "the subscription", told), c.ahead)
				_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "hello"))
				namesClock(t, err, c.ahead)
				assert.ErrorIs(t, err, gennostr.ErrAuthRefused)
				status := client.Subscriptions()[0].Relays[0]
				assert.Equal(t, gennostr.SubscriptionRefused, status.State, "%v", status)
				assert.ErrorIs(t, status.Err, gennostr.ErrAuthRefused)
			})
		})
	}
}
