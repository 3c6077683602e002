package accidents_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
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
		half := n/2 + int(4*math.Sqrt(float64(n))) // eight times as far from it as chance takes the dials as a rule
		assert.Less(t, most, half, "the first delay is 500 ms, and spread over 200 ms")
		require.NoError(t, client.Stop(context.Background()))
	})
}

// A list of relays as strangers write them: a third are named twice, in two spellings, and
// a third do not exist. Of the next list most are those of the first one, in whatever spelling:
// they keep their connections. What it leaves out goes, and leaves nothing behind.
func TestAListOfAMultitudeIsReconciled(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of relays")
	}
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		third := multitude() / 3
		there := 2 * third
		relays, urls := crowd(network, there+10)
		dials := &dialTimes{RoundTripper: network.HTTPClient().Transport}
		before := ownGoroutines()
		client := kit.Start(t, &kit.Listener{}, gennostr.WithHTTPClient(&http.Client{Transport: dials}), kit.Quietly(), gennostr.WithReconnectSchedule(time.Hour))
		settled := func(n int) map[string]gennostr.RelayStatus {
			time.Sleep(time.Minute)
			synctest.Wait()
			all := map[string]gennostr.RelayStatus{}
			for _, status := range client.Relays() {
				all[status.URL] = status
			}
			require.Len(t, all, n)
			return all
		}
		dials.begin()
		require.NoError(t, client.SetRelays(scrawled(urls[:there])))
		settled(there + third)
		require.NoError(t, client.Ready(t.Context(), there))
		_, all, _, _ := dials.busiest(time.Second)
		assert.Equal(t, there+third, all, "each is dialled once, however often it is named")

		// A quarter of those that are there go, ten come; the dead stay on the list.
		dials.begin()
		stay := urls[third/2:]
		list := scrawled(stay)
		slices.Reverse(list) // another spelling comes first
		require.NoError(t, client.SetRelays(list))
		status := settled(len(stay) + third)
		require.NoError(t, client.Ready(t.Context(), len(stay)))
		_, all, _, _ = dials.busiest(time.Second)
		assert.Equal(t, 10, all, "none but those that came")
		for i, r := range relays {
			connected := 0
			if _, ok := status[r.URL()]; ok {
				connected = 1
				require.Equal(t, 1, status[r.URL()].Connects, urls[i])
			}
			require.Len(t, r.Connections(), connected, urls[i])
		}

		require.NoError(t, client.SetRelays(stay[:10]))
		settled(10)
		assert.LessOrEqual(t, ownGoroutines()-before, 10+5)
		for _, status := range client.Relays() {
			assert.Equal(t, 1, status.Connects)
		}
	})
}

// scrawled is a list of relays as strangers write it: half of these are named twice, in two
// spellings, and half as many again do not exist.
func scrawled(urls []string) (list []string) {
	list = slices.Clone(urls)
	for i := range multitude() / 3 {
		if i < len(urls)/2 {
			host := strings.TrimSuffix(strings.TrimPrefix(urls[i], "wss://"), "/")
			list = append(list, "WSS://"+strings.ToUpper(host)+":443")
		}
		list = append(list, fmt.Sprintf("wss://gone%04d.example/", i))
	}
	return list
}

// How long SetRelays takes for such lists, in real time and not in a bubble's, where all
// takes none. It dials nothing itself, and waits for nobody: a bound would be one of the machine.
func TestWhatAListOfAMultitudeTakes(t *testing.T) {
	n := multitude()
	client := kit.Launch(t, &kit.Listener{}, kit.Quietly(), gennostr.WithReconnectSchedule(time.Hour), gennostr.WithDialContext(
		func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "gone") {
				return nil, errors.New("nobody is there")
			}
			return bare(ctx, network, addr)
		}))
	var urls []string
	for i := range 2 * (n / 3) {
		urls = append(urls, crowdURL(i))
	}
	set := func(what string, list []string) {
		t.Helper()
		began := time.Now()
		require.NoError(t, client.SetRelays(list))
		t.Logf("%s: SetRelays of %d spellings took %v", what, len(list), time.Since(began))
	}
	list := scrawled(urls)
	for i, url := range list { // without TLS, which bare relays have none of
		list[i] = strings.NewReplacer("WSS", "WS", "wss", "ws", ":443", ":80").Replace(url)
	}
	set("the first list", list)
	require.NoError(t, client.Ready(t.Context(), 2*(n/3)))
	slices.Reverse(list)
	set("the same, the last one first", list)
	for _, status := range client.Relays() {
		require.LessOrEqual(t, status.Connects, 1)
	}
	set("a quarter of it", list[:len(list)/4])
	stop(t, client)
}
