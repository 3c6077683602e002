package accidents_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// What relays make a client hold is bounded by WithMailboxBudget, whatever they
// send. The client has a process of its own, so that nothing but it is measured.

// memoryOrder is what the process with the client is to do.
type memoryOrder struct {
	URLs   []string // hostile relays
	Good   []string // those that behave; their events say in their content when they were made
	Budget int64    // bytes
}

// memoryReport is what it has seen.
type memoryReport struct {
	Peak   int64         // bytes of live heap, over what it was with the good relay alone
	Events int           // of the good relays
	P50    time.Duration // from when such an event was made until it was handled, hostile relays being there
	P99    time.Duration
	Stop   time.Duration // what Stop took
	Hurt   bool          // every hostile relay was connected, and they have sent more than half of the budget
}

const memoryVariable = "GENNOSTR_MEMORY_CLIENT"

const (
	memoryEvents   = 50              // that the good relay has to bring, before and meanwhile
	memoryWatched  = time.Second     // for so long it is watched once all that is so
	memoryPatience = 2 * time.Minute // how long a slow machine may take for it
)

// memoryClient is the other process.
func memoryClient(order memoryOrder) memoryReport {
	var events atomic.Int64
	var late latencies
	r := &quiet{on: func(self *gennostr.Self, relay gennostr.Relay) {
		self.Send(relay.URL, kit.Everything("all"))
	}, event: func(relay gennostr.Relay, e *nostr.Event) {
		if slices.ContainsFunc(order.Good, func(good string) bool { return strings.HasPrefix(relay.URL, good) }) {
			events.Add(1)
			late.note(e)
		}
	}}
	client, err := gennostr.Start(context.Background(), r, gennostr.WithLogger(kit.Silent), gennostr.WithMailboxBudget(order.Budget))
	if err != nil {
		panic(err)
	}
	_ = client.SetRelays(order.Good)
	for events.Load() < memoryEvents { // the verifier has its tables
		time.Sleep(5 * time.Millisecond)
	}
	before := live()
	var report memoryReport
	late.forget()
	_ = client.SetRelays(append(order.URLs, order.Good...))
	end := time.Now().Add(memoryPatience)
	for time.Now().Before(end) {
		// The least of three: a collection counts as live what is allocated while it
		// runs, which on a busy machine is a lot.
		report.Peak = max(report.Peak, min(live(), live(), live())-before)
		report.Events = int(events.Load()) - memoryEvents
		if !report.Hurt && report.Events > memoryEvents && hurt(client, order) {
			report.Hurt, end = true, time.Now().Add(memoryWatched)
		}
	}
	began := time.Now()
	if err := client.Stop(context.Background()); err != nil {
		panic(err)
	}
	report.Stop = time.Since(began)
	report.P50, report.P99 = late.quantiles()
	return report
}

// latencies are how long events were on their way.
type latencies struct {
	mu   sync.Mutex
	list []time.Duration // guarded by mu
}

func (l *latencies) note(e *nostr.Event) {
	made, err := strconv.ParseInt(e.Content, 10, 64)
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, time.Since(time.Unix(0, made)))
}

func (l *latencies) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

func (l *latencies) quantiles() (p50, p99 time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.list)
	if n := len(l.list); n > 0 {
		p50, p99 = l.list[n/2], l.list[n*99/100]
	}
	return p50, p99
}

// hurt tells whether the hostile relays have had their way.
func hurt(client *gennostr.Client, order memoryOrder) bool {
	var read uint64
	for _, status := range client.Relays() {
		if status.Connects == 0 {
			return false
		}
		read += status.Traffic.BytesIn
	}
	return int64(read) > order.Budget/2
}

// live is what a collection finds to be in use: not what is allocated meanwhile.
func live() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// quiet is a handler without a memory.
type quiet struct {
	gennostr.BaseHandler
	on    func(*gennostr.Self, gennostr.Relay)
	event func(gennostr.Relay, *nostr.Event)
}

func (q *quiet) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	q.on(self, relay)
	return nil
}
func (q *quiet) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }
func (q *quiet) OnEvent(_ *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	q.event(relay, m.Event)
	return nil
}

// inItsOwnProcess runs memoryClient there.
func inItsOwnProcess(t *testing.T, order memoryOrder) (report memoryReport) {
	t.Helper()
	text, err := json.Marshal(order)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryClient$", "-test.v")
	cmd.Env = append(os.Environ(), memoryVariable+"="+string(text))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &stderr)
	_, line, _ := strings.Cut(string(out), "REPORT ")
	line, _, _ = strings.Cut(line, "\n")
	require.NoError(t, json.Unmarshal([]byte(line), &report), string(out))
	return report
}

func TestMemoryClient(t *testing.T) {
	order := os.Getenv(memoryVariable)
	if order == "" {
		t.Skip("is run by the tests of memory, in a process of its own")
	}
	var o memoryOrder
	require.NoError(t, json.Unmarshal([]byte(order), &o))
	report, err := json.Marshal(memoryClient(o))
	require.NoError(t, err)
	fmt.Printf("REPORT %s\n", report)
}

// goodRelay publishes an event every few milliseconds until the test ends, each
// another one: repeated ones make the client remember their bytes. Its content is when it
// was made, in nanoseconds since 1970.
func goodRelay(t *testing.T) string {
	relay := nostrtest.NewRelay(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ended and joined by the cleanup
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				relay.Push(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(time.Now().UnixNano())))
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return relay.URL()
}

// Shows L31, D17, B01.
func TestTheBudgetBoundsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	long := many(690_000) // 3.4 MB
	for what, c := range map[string]struct {
		f      func(context.Context, *websocket.Conn)
		relays int
		budget int64
	}{
		"events of tiny tags":                        {pours(long, many(60_000)), kit.Sized(40, 10), 64 << 20}, // WithMaxTags lets the second pass
		"messages that stop half way":                {halts(long[:len(long)-1024]), kit.Sized(100, 30), 1 << 20},
		"messages that stop within what may be read": {halts(long[:2<<20]), kit.Sized(100, 30), 16 << 20},
	} {
		t.Run(what, func(t *testing.T) {
			bounded(t, memoryOrder{URLs: spread(hostile(t, c.f), c.relays), Good: []string{goodRelay(t)}, Budget: c.budget})
		})
	}
}

// bounded demands that the client holds no more than its budget allows, and hears the good
// relays, whatever the others do.
func bounded(t *testing.T, order memoryOrder) memoryReport {
	t.Helper()
	const relay = 64 << 10
	report := inItsOwnProcess(t, order)
	most := 2*order.Budget + int64(len(order.URLs)+len(order.Good))*relay
	t.Logf("%d hostile relays beside %d good ones, a budget of %.0f MiB: %.1f MiB live at most, %.1f allowed; %d events of the good ones, p50 %v, p99 %v on their way; Stop took %v",
		len(order.URLs), len(order.Good), mib(order.Budget), mib(report.Peak), mib(most), report.Events, report.P50, report.P99, report.Stop)
	assert.True(t, report.Hurt, "the relays were hostile")
	assert.Less(t, report.Peak, most)
	assert.Greater(t, report.Events, memoryEvents)
	return report
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
