package accidents_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Relays that behave, beside hostile ones. Each numbers what it publishes, so that what does
// not reach the client, comes twice or out of order is seen, relay by relay: one that starves
// is not hidden by four that do not.

const (
	goodEvery = 20 * time.Millisecond // between two events of a relay
	goodLast  = "last"                // in the event that is a relay's last one, instead of when it was made
)

// goodRelays publish until they are told to stop: the test's side.
type goodRelays struct {
	urls   []string
	stop   func() // closes stopped, once
	ending sync.WaitGroup
}

func newGoodRelays(t *testing.T, n int) *goodRelays {
	stopped := make(chan struct{})
	g := &goodRelays{stop: sync.OnceFunc(func() { close(stopped) })}
	for range n {
		relay := nostrtest.NewRelay(t)
		g.urls = append(g.urls, relay.URL())
		g.ending.Go(func() { // ended and joined by finish
			tick := time.NewTicker(goodEvery)
			defer tick.Stop()
			for number := 0; ; number++ {
				select {
				case <-tick.C:
					relay.Push(goodEvent(number, strconv.FormatInt(time.Now().UnixNano(), 10)))
				case <-stopped:
					relay.Push(goodEvent(number, goodLast))
					return
				}
			}
		})
	}
	t.Cleanup(g.finish)
	return g
}

// goodEvent has a number and when it was made, in nanoseconds since 1970: so each is another
// one. Repeated ones would make the client remember their bytes.
func goodEvent(number int, made string) *nostr.Event {
	return nostrtest.TextNote(nostrtest.Key(1), fmt.Sprintf("%d %s", number, made))
}

// finish returns when each relay has published its last event.
func (g *goodRelays) finish() {
	g.stop()
	g.ending.Wait()
}

// ear is what the client has handled of one good relay.
type ear struct {
	mu      sync.Mutex
	events  int             // guarded by mu
	next    int             // guarded by mu: the number that the next event has
	wrong   string          // guarded by mu: the first event that had another one; "" if none had
	last    bool            // guarded by mu: the relay's last event has been handled
	latency []time.Duration // guarded by mu: from when an event was made until it was handled; since the last call of report
}

// hears takes an event. What a relay has published before it was subscribed to goes to nobody.
func (e *ear) hears(event *nostr.Event) {
	first, made, _ := strings.Cut(event.Content, " ")
	number, err := strconv.Atoi(first)
	if err != nil {
		panic(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events > 0 && number != e.next && e.wrong == "" {
		e.wrong = fmt.Sprintf("%d came instead of %d", number, e.next)
	}
	e.events++
	e.next = number + 1
	if made == goodLast {
		e.last = true
		return
	}
	at, err := strconv.ParseInt(made, 10, 64)
	if err != nil {
		panic(err)
	}
	e.latency = append(e.latency, time.Since(time.Unix(0, at)))
}

// earReport is what an ear has heard since the last report.
type earReport struct {
	Events   int
	Wrong    string        // in all
	Last     bool          // all is handled
	P50, P99 time.Duration // from when such an event was made until it was handled
	Connects int           // in all
}

func (e *ear) report(status gennostr.RelayStatus) earReport {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := earReport{Events: len(e.latency), Wrong: e.wrong, Last: e.last, Connects: status.Connects}
	slices.Sort(e.latency)
	if n := len(e.latency); n > 0 {
		r.P50, r.P99 = e.latency[n/2], e.latency[n*99/100]
	}
	e.latency = nil
	return r
}

// ears are those of a client, by the relays' URLs.
type ears map[string]*ear

func newEars(urls []string) ears {
	all := ears{}
	for _, url := range urls {
		all[url] = new(ear)
	}
	return all
}

// heard tells whether so many events of each relay were handled since the last report.
func (all ears) heard(each int) bool {
	return all.each(func(e *ear) bool { return len(e.latency) >= each })
}

// ended tells whether each relay's last event was.
func (all ears) ended() bool { return all.each(func(e *ear) bool { return e.last }) }

func (all ears) each(is func(*ear) bool) bool {
	for _, e := range all {
		e.mu.Lock()
		ok := is(e)
		e.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// report is that of each, in the order of the client's relays.
func (all ears) report(client *gennostr.Client) (reports []earReport) {
	for _, status := range client.Relays() {
		if e := all[status.Address]; e != nil {
			reports = append(reports, e.report(status))
		}
	}
	return reports
}

// heardAll demands that of each good relay everything was handled, in the order in which it was
// published, over one connection.
func heardAll(t *testing.T, report memoryReport) {
	t.Helper()
	for i, good := range report.Good {
		calm := report.Calm[i]
		t.Logf("good relay %d: %d events, p50 %v, p99 %v on their way; before the others came %d, p50 %v, p99 %v",
			i, good.Events, good.P50, good.P99, calm.Events, calm.P50, calm.P99)
		assert.GreaterOrEqual(t, good.Events, memoryEvents, "good relay %d", i)
		assert.Empty(t, good.Wrong, "good relay %d", i)
		assert.True(t, good.Last, "good relay %d: all that it has published is handled", i)
		assert.Equal(t, 1, good.Connects, "good relay %d", i)
	}
}
