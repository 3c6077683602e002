package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What an event costs where many subscriptions are open on one relay: gennostr alone,
// beside itself with one subscription.
//
// A relay sends an event once for every REQ that asks for it. So what is counted is CPU
// for each EVENT frame that the relay has sent, and for each event that the handler was
// given: where a REQ carries several subscriptions, one frame may be for all of them.

// crowd is a number of subscriptions on a relay.
type crowd struct {
	name  string
	subs  int
	each  int // how many of them an event is for
	slots int // how many REQs the relay takes; of those a tenth is kept in reserve
}

// crowdAuthors is how many authors the events have.
const crowdAuthors = 200

var crowds = []crowd{
	{"one", 1, 1, 120},
	{"100, each for all", 100, 100, 120},
	{"100, for all, in 20 REQs", 100, 100, 20},
	{"100, for 1/100 each", 100, 1, 120},
	{"100, for 1/100, in 20 REQs", 100, 1, 20},
}

func measureMany(ctx context.Context, s scenario, rounds, procs int) error {
	addr, stop, err := s.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	results := make([][]result, len(crowds))
	for range rounds {
		for i, c := range crowds {
			r, err := runClient(ctx, "gennostr", clientJob{
				Run: "many", URLs: []string{fmt.Sprintf("ws://%s/live/%d", addr, c.slots)}, Events: s.corpus.Events,
				Procs: procs, Subs: c.subs, Each: c.each,
			})
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	reportMany(s, results)
	return nil
}

// reportMany prints the medians, and how many times that of the first crowd in the same
// round each is.
func reportMany(s scenario, results [][]result) {
	columns := []struct {
		name string
		of   func(result) float64
	}{
		{"CPU per frame", func(r result) float64 { return float64(r.CPU) / r.Frames }},
		{"CPU per OnEvent", func(r result) float64 { return float64(r.CPU) / float64(r.Events) }},
	}
	fmt.Printf("%s\n\n| %-26s | %8s | %8s |", s.what, s.name, "frames", "OnEvents")
	for _, c := range columns {
		fmt.Printf(" %15s | %6s |", c.name, "times")
	}
	fmt.Printf("\n|---|---:|---:|%s\n", strings.Repeat("---:|", 2*len(columns)))
	for i, c := range crowds {
		fmt.Printf("| %-26s | %8.0f | %8d |", c.name, results[i][0].Frames, results[i][0].Events)
		for _, column := range columns {
			ratios := make([]float64, len(results[i]))
			for round := range ratios {
				ratios[round] = column.of(results[i][round]) / column.of(results[0][round])
			}
			slices.Sort(ratios)
			fmt.Printf(" %15s | %6.2f |", micros(median(results[i], column.of)), ratios[len(ratios)/2])
		}
		fmt.Println()
	}
	fmt.Println()
}

// crowded has one subscription from the beginning, and the others as soon as it is told:
// by then the client knows how many REQs the relay takes.
type crowded struct {
	gennostr.BaseHandler
	job  clientJob
	live chan struct{} // one for each subscription that is
	left int           // events
	done func(gennostr.RelayStatus)
}

func (h *crowded) Init(s *gennostr.Self) error { return h.subscribe(s, 0) }

func (h *crowded) HandleInfo(s *gennostr.Self, _ any) error {
	for n := 1; n < h.job.Subs; n++ {
		if err := h.subscribe(s, n); err != nil {
			return err
		}
	}
	return nil
}

func (h *crowded) subscribe(s *gennostr.Self, n int) error {
	f := nostr.Filter{}.WithKinds(nostr.KindTextNote)
	if h.job.Each < h.job.Subs {
		var authors []nostr.PubKey
		for author := n; author < crowdAuthors; author += h.job.Subs {
			authors = append(authors, nostrtest.PubKey(1+author))
		}
		f = f.WithAuthors(authors...)
	}
	return s.Subscribe(fmt.Sprint("bench", n), []nostr.Filter{f})
}

func (h *crowded) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error {
	select {
	case h.live <- struct{}{}:
	default: // it has come twice
	}
	return nil
}

func (h *crowded) OnEvent(s *gennostr.Self, _ gennostr.Relay, _ gennostr.EventMessage) error {
	if h.left--; h.left == 0 {
		h.done(s.Relays()[0])
		return gennostr.ErrStop
	}
	return nil
}

// settles is how long a client has to read the relay's NIP-11 document, and to pack its REQs.
const settles = 2 * time.Second

func (j clientJob) many(ctx context.Context) (r result, err error) {
	h := &crowded{job: j, live: make(chan struct{}, j.Subs), left: j.Events * j.Each}
	c, err := gennostr.Start(ctx, h, gennostr.WithRelays(j.URLs...))
	if err != nil {
		return r, err
	}
	for n := range j.Subs {
		select {
		case <-h.live:
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
		if n == 0 {
			time.Sleep(settles)
			if err := c.Notify(nil); err != nil {
				return r, err
			}
		}
	}
	time.Sleep(settles)
	runtime.GC()
	before, start, cpu := c.Relays()[0].Traffic, time.Now(), cpuTime()
	h.done = func(relay gennostr.RelayStatus) { // the loop is idle until the first event
		r.Wall, r.CPU, r.Events = time.Since(start), cpuTime()-cpu, j.Events*j.Each
		r.Frames = float64(relay.Traffic.MessagesIn - before.MessagesIn)
	}
	if err := c.Broadcast(gennostr.CountReq{SubscriptionID: "go", Filters: []nostr.Filter{{}}}); err != nil {
		return r, err
	}
	return r, c.Wait()
}
