package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// clientJob is what the parent tells a client process.
type clientJob struct {
	Run    string   // "stream", "lone", "idle", "latency", "many", "fetchone", "publish" or "crowd"
	URLs   []string // of the relays
	Events int      // how many different genuine events to wait for
	Procs  int      // GOMAXPROCS, 0: all cores

	Beside         string // of a situation, as are the following
	Spin, OneByOne bool

	Control    string        // of "crowd": where the relays take orders,
	Idle, Down time.Duration // how long nothing happens before memory is looked at, and how long they are down

	Subs, Each int // of "many": how many subscriptions, and how many of them each event is for; of "publish": how many callers
}

// result is what a client process found, printed as one line of JSON.
type result struct {
	Events     int
	Wall, CPU  time.Duration // from the first REQ to the last event; CPU is this process's, user and system
	Allocs     uint64        // in the same time
	Peak       int64         // bytes of resident memory at the most
	Goroutines float64       // per idle relay
	Idle       float64       // bytes of heap and stack per idle relay
	P50, P99   time.Duration // of an event: written by the relay → handed to the program
	P90        time.Duration

	Frames float64 // EVENT frames that the relay has sent

	RelayCPU time.Duration // of the relay's process, meanwhile

	Parts []time.Duration // CPU of the parts of the floor

	Connected, Subscribed time.Duration // of a crowd: how long it took until that was so with all relays
	Back                  outage
}

// client is one of the libraries under measurement.
type client interface {
	// stream connects, asks every relay for everything, and calls one method of
	// sink for each event it hands to the program, until that returns false. It
	// calls asked when the connections are open, before the first REQ.
	stream(ctx context.Context, urls []string, asked func(), sink sink) error
	// idle connects to all relays and calls open when they are.
	idle(ctx context.Context, urls []string, open func()) error
}

// sink takes the id of each event, as the library has it: neither pays for a conversion.
type sink interface {
	hex(id string) (more bool)
	raw(id [32]byte) (more bool)
}

// unique counts different events, and calls done when it has all.
type unique struct {
	hexIDs map[string]struct{}
	rawIDs map[[32]byte]struct{}
	all    int
	done   func()
	laps   laps
}

// laps are how much CPU the parts of the floor have taken, which have their turns.
type laps struct {
	parts []time.Duration
	last  time.Duration // CPU when the last one had ended
	turn  int
}

// end is for the end of the part whose turn it is.
func (l *laps) end() {
	now := cpuTime()
	l.parts[l.turn] += now - l.last
	l.last, l.turn = now, (l.turn+1)%len(l.parts)
}

func newUnique(all int, done func()) *unique {
	return &unique{hexIDs: make(map[string]struct{}, all), rawIDs: make(map[[32]byte]struct{}, all), all: all, done: done}
}

func (u *unique) hex(id string) bool {
	u.hexIDs[id] = struct{}{}
	return u.more(len(u.hexIDs))
}

func (u *unique) raw(id [32]byte) bool {
	u.rawIDs[id] = struct{}{}
	return u.more(len(u.rawIDs))
}

func (u *unique) more(n int) bool {
	if n < u.all {
		return true
	}
	u.done()
	return false
}

// clock notes when each event came.
type clock struct {
	times []int64
	all   int
}

func (c *clock) hex(string) bool   { return c.tick() }
func (c *clock) raw([32]byte) bool { return c.tick() }

func (c *clock) tick() bool {
	c.times = append(c.times, time.Now().UnixNano())
	return len(c.times) < c.all
}

func child(ctx context.Context, role, job string) error {
	if role == "replay" {
		var j replayJob
		if err := json.Unmarshal([]byte(job), &j); err != nil {
			return err
		}
		return j.serve(ctx)
	}
	if role == "crowdrelays" {
		return serveCrowd(ctx)
	}
	var j clientJob
	if err := json.Unmarshal([]byte(job), &j); err != nil {
		return err
	}
	c, ok := map[string]client{
		"gennostr": ours{}, "go-nostr": theirs{}, "SimplePool": pool{}, "Self.Subscribe": inside{}, "Client.Subscribe": outside{},
		"FetchMany": fetchMany{}, "Client.Fetch": fetching{}, "Client.Query": querying{},
		"bare websocket": bare{}, "floor": floor{},
	}[role]
	if !ok {
		return fmt.Errorf("no role %q", role)
	}
	if j.Procs > 0 {
		runtime.GOMAXPROCS(j.Procs)
	}
	r, err := j.do(ctx, c)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (j clientJob) do(ctx context.Context, c client) (r result, err error) {
	switch j.Run {
	case "stream":
		r, err = j.stream(ctx, c)
	case "lone":
		r, err = j.lone(ctx, c)
	case "idle":
		r, err = j.idle(ctx, c)
	case "latency":
		r, err = j.latency(ctx)
	case "many":
		r, err = j.many(ctx)
	case "fetchone":
		r, err = j.fetchOne(ctx, c.(fetcher))
	case "publish":
		r, err = j.publish(ctx, c.(publishing))
	case "crowd":
		r, err = j.crowd(ctx, c.(gathering))
	default:
		return r, fmt.Errorf("no run %q", j.Run)
	}
	r.Peak = peakMemory()
	return r, err
}

func (j clientJob) stream(ctx context.Context, c client) (r result, err error) {
	var start time.Time
	var cpu time.Duration
	var mem runtime.MemStats
	sink := newUnique(j.Events, func() {
		r.Wall, r.CPU = time.Since(start), cpuTime()-cpu
		runtime.ReadMemStats(&mem)
		r.Allocs = mem.Mallocs - r.Allocs
		r.Events = j.Events
	})
	err = c.stream(ctx, j.URLs, func() {
		runtime.GC()
		runtime.ReadMemStats(&mem)
		r.Allocs = mem.Mallocs
		start, cpu = time.Now(), cpuTime()
		sink.laps = laps{parts: make([]time.Duration, len(floors)), last: cpu}
	}, sink)
	r.Parts = sink.laps.parts
	return r, err
}

func (j clientJob) lone(ctx context.Context, c client) (r result, err error) {
	sink := &clock{all: j.Events}
	if err := c.stream(ctx, j.URLs, func() {}, sink); err != nil {
		return r, err
	}
	return r, r.took("http"+j.URLs[0][len("ws"):len(j.URLs[0])-len("/lone")]+"/sent", sink.times)
}

func (j clientJob) idle(ctx context.Context, c client) (r result, err error) {
	bytes, goroutines := footprint()
	err = c.idle(ctx, j.URLs, func() {
		b, g := footprint()
		n := float64(len(j.URLs))
		r.Idle, r.Goroutines = float64(b-bytes)/n, float64(g-goroutines)/n
	})
	return r, err
}

// footprint is heap and stack in use after two collections, and the goroutines.
func footprint() (bytes int64, goroutines int) {
	debug.FreeOSMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}
