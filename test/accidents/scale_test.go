package accidents_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
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

// multitude is how many relays a client has here.
func multitude() int {
	if kit.UnderRace {
		return 300
	}
	return 2_000
}

func crowdURL(i int) string { return fmt.Sprintf("wss://r%04d.example/", i) }

// crowd makes so many relays.
func crowd(network *nostrtest.Network, n int) (relays []*nostrtest.Relay, urls []string) {
	for i := range n {
		relays = append(relays, network.NewRelay(crowdURL(i)))
		urls = append(urls, crowdURL(i))
	}
	return relays, urls
}

// dialTimes notes when relays are dialled, whether they are there or not.
type dialTimes struct {
	http.RoundTripper
	mu    sync.Mutex
	began time.Time       // guarded by mu
	at    []time.Duration // guarded by mu: since began
}

func (d *dialTimes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") != "" { // no document
		d.mu.Lock()
		d.at = append(d.at, time.Since(d.began))
		d.mu.Unlock()
	}
	return d.RoundTripper.RoundTrip(r)
}

// begin forgets what was.
func (d *dialTimes) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.began, d.at = time.Now(), nil
}

// busiest is how many dials there were at most in any such time, of how many, and when the
// first and the last of them were.
func (d *dialTimes) busiest(span time.Duration) (most, all int, first, last time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.at)
	for i, j := 0, 0; j < len(d.at); j++ {
		for d.at[j]-d.at[i] >= span {
			i++
		}
		most = max(most, j-i+1)
	}
	if len(d.at) > 0 {
		first, last = d.at[0], d.at[len(d.at)-1]
	}
	return most, len(d.at), first, last
}

// ownGoroutines counts those that the library has started.
func ownGoroutines() int {
	stacks := make([]byte, 1<<20)
	for n := len(stacks); n == len(stacks); {
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
		if n < len(stacks) {
			stacks = stacks[:n]
			break
		}
	}
	return bytes.Count(stacks, []byte("\ncreated by github.com/gennostr/gennostr."))
}

// All relays of a client die at one moment, and come back at one moment. They are dialled
// with a spread, not all at once, and a subscription is live on all of them soon.
// Shows L07, D13.
func TestAMultitudeOfRelays(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of relays")
	}
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		n := multitude()
		relays, urls := crowd(network, n)
		dials := &dialTimes{RoundTripper: network.HTTPClient().Transport}
		live := func(client *gennostr.Client) time.Duration {
			began := time.Now()
			for client.Subscriptions()[0].Live < n {
				require.Less(t, time.Since(began), 5*time.Minute, "%d are live", client.Subscriptions()[0].Live)
				time.Sleep(100 * time.Millisecond)
			}
			return time.Since(began)
		}
		dials.begin()
		before := ownGoroutines()
		client := kit.Launch(t, &kit.Listener{}, gennostr.WithHTTPClient(&http.Client{Transport: dials}), kit.Quietly(), gennostr.WithRelays(urls...))
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
		require.NoError(t, err)
		defer sub.Close()
		up := live(client)
		synctest.Wait()
		idle := ownGoroutines() - before

		for _, r := range relays {
			r.Stop()
		}
		dials.begin()
		time.Sleep(20 * time.Second)
		for _, r := range relays {
			require.NoError(t, r.Restart())
		}
		again := live(client)
		most, all, first, last := dials.busiest(100 * time.Millisecond)
		t.Logf("%d relays: live after %v; %.2f goroutines per relay; live again %v after all had come back, by %d dials from %v to %v, %d of them within 100 ms at most",
			n, up, float64(idle)/float64(n), again, all, first, last, most)
		assert.LessOrEqual(t, float64(idle)/float64(n), 1.05)
		assert.Less(t, most, 6*n/10, "the first delay is 500 ms, and spread over 200 ms")
		require.NoError(t, client.Stop(context.Background()))
	})
}

// A list of relays as strangers write them: a third are named twice, in two spellings, and
// a third do not exist. What is left out of the next list goes, and leaves nothing behind.
func TestAListOfAMultitudeIsReconciled(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of relays")
	}
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		n := multitude()
		_, urls := crowd(network, 2*n/3)
		there := len(urls)
		for i := range n / 3 {
			urls = append(urls, fmt.Sprintf("WSS://R%04d.Example:443", i), fmt.Sprintf("wss://gone%04d.example/", i))
		}
		before := ownGoroutines()
		client := kit.Launch(t, &kit.Listener{}, kit.Over(network, kit.Quietly(), gennostr.WithReconnectSchedule(time.Hour))...)
		began := time.Now()
		require.NoError(t, client.SetRelays(urls))
		t.Logf("%d spellings of %d relays: SetRelays took %v", len(urls), there+n/3, time.Since(began))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, client.Relays(), there+n/3)
		assert.NoError(t, client.Ready(t.Context(), there))

		require.NoError(t, client.SetRelays(urls[:10]))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, client.Relays(), 10)
		assert.LessOrEqual(t, ownGoroutines()-before, 10+5)
		require.NoError(t, client.Stop(context.Background()))
	})
}
