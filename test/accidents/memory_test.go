package accidents_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// What relays make a client hold is bounded by WithMailboxBudget, whatever they
// send. The client has a process of its own, so that nothing but it is measured.

// memoryOrder is what the process with the client is to do.
type memoryOrder struct {
	URLs   []string // hostile relays
	Good   []string // those that behave
	Budget int64    // bytes
}

// memoryReport is what it has seen.
type memoryReport struct {
	Peak       int64         // bytes of live heap, over what it was with the good relays alone
	Process    int64         // bytes that the process had from the system at most
	Calm, Good []earReport   // of each good relay: before the hostile ones came, and from then on
	Stop       time.Duration // what Stop took
	Hurt       bool          // every hostile relay was connected, and they have sent more than half of the budget
}

const memoryVariable = "GENNOSTR_MEMORY_CLIENT"

const (
	// besideBudget is what the client as a whole may take beside its budget, in bytes, while its
	// tables grow.
	besideBudget = 1 << 20
	// besideHeap is what the process may have beside four times what may be live: twice is how
	// the collector goes about it, and on a machine that has no time for a collection as much
	// again comes in while it runs. Beside it is what the process is without hostile relays.
	besideHeap = 64 << 20
)

const (
	memoryEvents   = 25              // that each good relay has to bring, before and meanwhile
	memoryWatched  = time.Second     // for so long it is watched once all that is so
	memoryPatience = 2 * time.Minute // how long a slow machine may take for it, and for all that was published to be handled
	memoryEnough   = "ENOUGH"        // the line by which the process asks for the good relays' last events
	memoryReported = "REPORT "       // and that which has its report
)

// memoryClient is the other process.
func memoryClient(order memoryOrder) (report memoryReport) {
	all := newEars(order.Good)
	r := &quiet{on: func(self *gennostr.Self, relay gennostr.Relay) {
		self.Send(relay.URL, kit.Everything("all"))
	}, event: func(relay gennostr.Relay, e *nostr.Event) {
		if one := all[relay.Address]; one != nil {
			one.hears(e)
		}
	}}
	client, err := gennostr.Start(context.Background(), r, gennostr.WithLogger(kit.Silent), gennostr.WithMailboxBudget(order.Budget),
		gennostr.WithShutdownTimeout(time.Second)) // hostile relays say no goodbye
	if err != nil {
		panic(err)
	}
	_ = client.SetRelays(order.Good)
	for !all.heard(memoryEvents) { // and the verifier has its tables
		time.Sleep(5 * time.Millisecond)
	}
	report.Calm = all.report(client)
	before := live()
	var looks []int64
	look := func() {
		report.Process = max(report.Process, fromSystem())
		// The least of nine, one behind the other: a collection counts as live what is allocated
		// while it runs, which on a busy machine is a lot. What is held stays for longer.
		looks = append(looks, min(live(), live(), live())-before)
		if n := len(looks); n >= 3 {
			report.Peak = max(report.Peak, slices.Min(looks[n-3:]))
		}
		time.Sleep(20 * time.Millisecond) // it is not the collections that events wait for
	}
	_ = client.SetRelays(append(order.URLs, order.Good...))
	end := time.Now().Add(memoryPatience)
	for time.Now().Before(end) {
		look()
		if !report.Hurt && all.heard(memoryEvents) && hurt(client, order) {
			report.Hurt, end = true, time.Now().Add(memoryWatched)
		}
	}
	fmt.Println(memoryEnough)
	for end := time.Now().Add(memoryPatience); (!all.ended() || len(looks) < 3) && time.Now().Before(end); {
		look()
	}
	report.Good = all.report(client)
	began := time.Now()
	_ = client.Stop(context.Background()) // on a machine that has no time for it that may be an error
	<-client.Done()
	report.Stop = time.Since(began)
	return report
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

// fromSystem is all that the process has from the system and has not given back, stacks and
// what the runtime needs among it.
func fromSystem() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
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
func inItsOwnProcess(t *testing.T, order memoryOrder, good *goodRelays) (report memoryReport) {
	t.Helper()
	text, err := json.Marshal(order)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryClient$", "-test.v")
	cmd.Env = append(os.Environ(), memoryVariable+"="+string(text))
	var said, stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintln(&said, line)
		if line == memoryEnough {
			good.finish()
		}
		if text, ok := strings.CutPrefix(line, memoryReported); ok {
			assert.NoError(t, json.Unmarshal([]byte(text), &report), text)
		}
	}
	require.NoError(t, cmd.Wait(), "%s%s", &said, &stderr)
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
	fmt.Printf("%s%s\n", memoryReported, report)
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
			bounded(t, memoryOrder{URLs: spread(hostile(t, c.f), c.relays), Budget: c.budget}, 1)
		})
	}
}

// bounded demands that the client holds no more than its budget allows, and hears the good
// relays, of which there are so many, whatever the others do.
func bounded(t *testing.T, order memoryOrder, n int) memoryReport {
	t.Helper()
	good := newGoodRelays(t, n)
	order.Good = good.urls
	report := inItsOwnProcess(t, order, good)
	most := order.Budget + order.Budget/2 + int64(len(order.URLs)+n)*perRelay + besideBudget
	t.Logf("%d hostile relays beside %d good ones, a budget of %.0f MiB: %.1f MiB live at most, %.1f allowed; %.1f MiB of the system's; Stop took %v",
		len(order.URLs), n, mib(order.Budget), mib(report.Peak), mib(most), mib(report.Process), report.Stop)
	assert.True(t, report.Hurt, "the relays were hostile")
	assert.Less(t, report.Peak, most)
	assert.Less(t, report.Process, 4*most+besideHeap)
	heardAll(t, report)
	return report
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
