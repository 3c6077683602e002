package gennostr_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Whatever links and relays do, a report that says that a relay has answered completely has all
// that it has; every query ends by its deadline, and leaves nothing open.
// Shows L14, L26, D38.
func TestReportsTellTheTruthAboutRelaysThatFail(t *testing.T) {
	for seed := range uint64(kit.Sized(8, 3)) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			random := rand.New(rand.NewPCG(seed, 1))
			faults := []nostrtest.Fault{
				nostrtest.Cut().AfterFrames(50 + random.IntN(300)), nostrtest.RefuseRequests("error: locked").Every(3), nostrtest.SlowAnswers(time.Second),
				nostrtest.RefuseRequests("rate-limited: slow").Every(4), nostrtest.NoEOSE().Every(5), nostrtest.SubscriptionCap(3), nostrtest.NoAnswer().On("REQ").Every(6),
			}
			events := crowdedStore(400, 20, 4)
			var relays []*nostrtest.Relay
			for i, url := range []string{relayA, relayB, relayC} {
				relay := network.NewRelay(url, nostrtest.WithFaults(nostrtest.PageCap(60), faults[random.IntN(len(faults))]))
				relay.Publish(events[100*i:]...)
				relays = append(relays, relay)
			}
			client := pool(t, network, gennostr.WithRelays(relayA, relayB, relayC))
			var running sync.WaitGroup
			for n := range 20 {
				stop := random.IntN(600)
				running.Go(func() { // ends with its query
					began := time.Now()
					switch n % 4 {
					case 0:
						seen := 0
						for range client.Query(t.Context(), []nostr.Filter{{}}, gennostr.AllPages()) {
							if seen++; seen == stop {
								break
							}
						}
					case 1:
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(stop)*time.Millisecond)
						defer cancel()
						_, _ = client.Fetch(ctx, []nostr.Filter{{}}, gennostr.AllPages())
					default:
						report, err := client.Fetch(t.Context(), []nostr.Filter{{}}, gennostr.AllPages())
						ids := idsOf(t, report.Events)
						for i, r := range report.Relays {
							if r.Complete {
								assert.GreaterOrEqual(t, r.Events, 400-100*i)
								for _, e := range events[100*i:] {
									assert.True(t, ids[e.ID], "%s lacks %s", r.URL, e.Content)
								}
							} else {
								assert.Error(t, err)
							}
						}
					}
					assert.LessOrEqual(t, time.Since(began), 10*time.Second)
				})
			}
			running.Wait()
			assert.Zero(t, gennostr.OpenQueries(client))
			for _, r := range relays {
				r.Mend()
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			for _, r := range relays {
				assert.Empty(t, r.Subscriptions(), "seed %d", seed)
			}
			report, err := client.Fetch(t.Context(), []nostr.Filter{{}}, gennostr.AllPages())
			require.NoError(t, err)
			assert.Len(t, report.Events, 400)
		})
	}
}
