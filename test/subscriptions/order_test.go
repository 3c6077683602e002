package subscriptions_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Two live events that are dated long ago, as gift wraps are, slip in between stored
// events which another relay has brought already. Theirs are the signatures that take
// time; the next page begins at the end of this one all the same.
func TestLiveEventsThatAreProvenLateAreNotTakenForTheEndOfAPage(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := spread(200, time.Second)
		first := network.NewRelay("ws://first.example")
		first.Publish(events[:40]...)
		slipped := []*nostr.Event{
			nostrtest.TextNoteAt(events[90].CreatedAt, nostrtest.Key(8), "live, dated before"),
			nostrtest.TextNoteAt(events[130].CreatedAt, nostrtest.Key(8), "live, dated long before"),
		}
		done := false
		second := network.NewRelay("ws://second.example", nostrtest.WithLimits(nostrtest.Limits{Limit: 30, DefaultLimit: 30}),
			nostrtest.WithFaults(nostrtest.Rewrite(func(message string) []string {
				var parts []json.RawMessage
				var e nostr.Event
				if json.Unmarshal([]byte(message), &parts) != nil || len(parts) != 3 || json.Unmarshal(parts[2], &e) != nil || e.ID != events[10].ID || done {
					return []string{message}
				}
				done = true
				list := []string{message}
				for _, e := range slipped {
					list = append(list, `["EVENT",`+string(parts[1])+`,`+string(e.AppendJSON(nil))+`]`)
				}
				return list
			})))
		second.Publish(events...)
		bot := listensTo([]nostr.Filter{textNotes[0].WithSince(nostr.Now() - 5000)})
		slow := kit.Judge(func(author nostr.PubKey, _ nostr.ID, _ nostr.Sig) error {
			if author == nostrtest.PubKey(8) {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		})
		client := start(t, bot, network, []string{first.URL()}, gennostr.WithVerifier(slow))
		waitLive(t, client, 1)
		assert.NoError(t, client.AddRelay(second.URL()))
		waitLive(t, client, 2)
		time.Sleep(time.Minute)
		bot.eachOnce(t, append(events, slipped...))
		assert.Empty(t, bot.gaps())
	})
}
