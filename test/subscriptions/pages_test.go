package subscriptions_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// The relay has told that it gives 100 events a page, and gives as many: among them one
// that is not taken. The page is a full one all the same, and the rest is asked for.
func TestAnEventOfAPageThatIsNotTakenDoesNotEndThePaging(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*nostr.Event) string{
		"as it is":                func(e *nostr.Event) string { return string(e.AppendJSON(nil)) },
		"its signature is no hex": func(e *nostr.Event) string { return `{"id":"` + e.ID.String() + `","sig":"zz"}` },
		"it is an AUTH": func(e *nostr.Event) string {
			return string(nostrtest.EventAt(e.CreatedAt, nostrtest.Key(5), nostr.KindClientAuthentication, "").AppendJSON(nil))
		},
		"it has more tags than are taken": func(e *nostr.Event) string {
			return string(nostrtest.EventAt(e.CreatedAt, nostrtest.Key(5), nostr.KindTextNote, "", slices.Repeat([]nostr.Tag{{"t", "x"}}, 11)...).AppendJSON(nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				var spoilt nostr.ID
				replace := func(message string) []string {
					var parts []json.RawMessage
					if json.Unmarshal([]byte(message), &parts) == nil && len(parts) == 3 {
						var e nostr.Event
						if json.Unmarshal(parts[2], &e) == nil && e.ID == spoilt {
							return []string{`["EVENT",` + string(parts[1]) + `,` + spoil(&e) + `]`}
						}
					}
					return []string{message}
				}
				relay := network.NewRelay(relayURL, nostrtest.WithLimits(nostrtest.Limits{Limit: 100, DefaultLimit: 100}),
					nostrtest.WithFaults(nostrtest.Rewrite(replace)))
				events := spread(kit.Sized(450, 250), time.Second)
				spoilt = events[50].ID
				relay.Publish(events...)
				since := nostr.Filter{}.WithSince(nostr.Now() - 5000)
				bot := listensTo([]nostr.Filter{since})
				client := start(t, bot, network, []string{relayURL}, gennostr.WithMaxTags(10))
				waitLive(t, client, 1)
				time.Sleep(time.Minute)
				assert.GreaterOrEqual(t, bot.count(), len(events)-1)
			})
		})
	}
}
