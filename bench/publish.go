package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Publications: so many callers at a time hand an event to a relay each and wait for its
// OK. The events are made before, and the relay takes them all.

// publishing is a library that publishes.
type publishing interface {
	// publisher connects to a relay, and returns what publishes the event of a number
	// there, and returns when the relay has said OK.
	publisher(ctx context.Context, url string, events []*nostr.Event) (publish func(i int) error, end func(), err error)
}

func (ours) publisher(ctx context.Context, url string, events []*nostr.Event) (func(int) error, func(), error) {
	c, err := gennostr.Start(ctx, nil, gennostr.WithRelays(url))
	if err != nil {
		return nil, nil, err
	}
	if err := c.Ready(ctx, 1); err != nil {
		return nil, nil, err
	}
	publish := func(i int) error {
		_, err := c.Publish(ctx, events[i])
		return err
	}
	return publish, func() { _ = c.Stop(ctx) }, nil
}

func (theirs) publisher(ctx context.Context, url string, events []*nostr.Event) (func(int) error, func(), error) {
	own := make([]gonostr.Event, len(events))
	for i, e := range events {
		if err := json.Unmarshal([]byte(e.String()), &own[i]); err != nil {
			return nil, nil, err
		}
	}
	relay, err := gonostr.RelayConnect(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	return func(i int) error { return relay.Publish(ctx, own[i]) }, func() { _ = relay.Close() }, nil
}

// publish measures them. What the first publications cost is none of it.
func (j clientJob) publish(ctx context.Context, c publishing) (r result, err error) {
	events, key := make([]*nostr.Event, j.Events+j.Each), nostr.GenerateSecretKey()
	for i := range events {
		events[i] = &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.Now(), Content: fmt.Sprintf("a note of the length that notes have, more or less: %d", i)}
		if err := events[i].Sign(key); err != nil {
			return r, err
		}
	}
	publish, end, err := c.publisher(ctx, j.URLs[0], events)
	if err != nil {
		return r, err
	}
	defer end()
	if _, err := j.side(publish, j.Events, j.Events+j.Each); err != nil {
		return r, err
	}
	before, err := relayCPU(j.URLs[0])
	if err != nil {
		return r, err
	}
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	allocs, start, cpu := mem.Mallocs, time.Now(), cpuTime()
	took, err := j.side(publish, 0, j.Events)
	r.Events, r.Wall, r.CPU = j.Events, time.Since(start), cpuTime()-cpu
	if err != nil {
		return r, err
	}
	runtime.ReadMemStats(&mem)
	r.Allocs = mem.Mallocs - allocs
	slices.Sort(took)
	r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
	after, err := relayCPU(j.URLs[0])
	r.RelayCPU = after - before
	return r, err
}

// side publishes the events of these numbers, so many side by side as are asked for, and
// tells how long each took.
func (j clientJob) side(publish func(int) error, from, to int) (took []time.Duration, err error) {
	var callers sync.WaitGroup
	var mu sync.Mutex
	var next atomic.Int64
	next.Store(int64(from) - 1)
	for range j.Each {
		callers.Go(func() { // joined below
			var own []time.Duration
			var failed error
			for i := int(next.Add(1)); i < to && failed == nil; i = int(next.Add(1)) {
				start := time.Now()
				failed = publish(i)
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			if failed != nil {
				err = failed
			}
		})
	}
	callers.Wait()
	return took, err
}

// relayCPU is what the relay's process has used.
func relayCPU(url string) (cpu time.Duration, err error) {
	resp, err := http.Get("http" + strings.TrimSuffix(url, "/publish")[len("ws"):] + "/cpu")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return cpu, json.NewDecoder(resp.Body).Decode(&cpu)
}

// acceptAll is the relay's side: OK for every EVENT, which is looked at no further than
// to find its id.
func acceptAll(ctx context.Context, ws *websocket.Conn) error {
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		_, rest, ok := bytes.Cut(data, []byte(`"id":"`))
		if !ok || len(rest) < 64 || !bytes.HasPrefix(data, []byte(`["EVENT"`)) {
			continue
		}
		if err := ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `["OK","%s",true,""]`, rest[:64])); err != nil {
			return err
		}
	}
}
