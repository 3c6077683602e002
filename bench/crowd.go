package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// A crowd of relays: how long it takes to connect to all and to subscribe on all, what a
// relay then takes while nothing happens, and what happens when all are killed at once
// and come back: how long it takes until the subscription is live on all again, and how
// many dials a machine that serves them all gets within a tenth of a second.

const (
	crowdRelays = 2000            // unless -relays says otherwise
	crowdFew    = 50              // where it is not the only scenario
	crowdIdle   = 3 * time.Second // how long nothing happens before memory is looked at
	crowdDown   = 2 * time.Second // how long the relays are away
)

// gathering is a library that subscribes on many relays, and comes back to them by itself.
type gathering interface {
	// gather connects to all relays. subscribe opens one subscription on all of them, and
	// returns when each has sent its EOSE.
	gather(ctx context.Context, urls []string) (subscribe func() error, end func(), err error)
}

func measureCrowd(ctx context.Context, s scenario, rounds, procs int) error {
	if most := openFiles(); most > 0 && uint64(s.relays)+crowdFiles > most {
		return fmt.Errorf("%d relays take more than the %d files that a process may open here: raise that with ulimit -n, or ask for fewer with -relays", s.relays, most)
	}
	line, stop, err := startChild(ctx, "crowdrelays", nil) // nothing else has to be said
	if err != nil {
		return err
	}
	defer stop()
	relays, control, _ := strings.Cut(line, " ")
	job := clientJob{Run: "crowd", Control: "http://" + control, Procs: procs, Idle: crowdIdle, Down: crowdDown}
	if s.relays < crowdRelays/10 { // in small: that it runs
		job.Idle, job.Down = 0, crowdDown/10
	}
	for i := range s.relays {
		job.URLs = append(job.URLs, fmt.Sprintf("ws://%s/%d", relays, i))
	}
	results, err := inTurns(ctx, s, job, rounds)
	if err != nil {
		return err
	}
	report(s, results)
	return nil
}

// crowdFiles is what a process has open beside one connection to each relay: to be asked for their
// NIP-11 documents while they are dialled, above all.
const crowdFiles = 200

func (j clientJob) crowd(ctx context.Context, c gathering) (r result, err error) {
	bytes, goroutines := footprint()
	start := time.Now()
	subscribe, end, err := c.gather(ctx, j.URLs)
	if err != nil {
		return r, err
	}
	defer end()
	r.Connected = time.Since(start)
	start = time.Now()
	if err := subscribe(); err != nil {
		return r, err
	}
	r.Subscribed = time.Since(start)
	if err := pause(ctx, j.Idle); err != nil {
		return r, err
	}
	b, g := footprint()
	n := float64(len(j.URLs))
	r.Idle, r.Goroutines = float64(b-bytes)/n, float64(g-goroutines)/n
	for _, step := range []struct {
		path string
		wait time.Duration
	}{{"/kill", j.Down}, {"/restart", 0}, {fmt.Sprintf("/live?relays=%d", len(j.URLs)), 0}} {
		if err = control(ctx, j.Control+step.path, &r.Back); err != nil {
			return r, err
		}
		if err = pause(ctx, step.wait); err != nil {
			return r, err
		}
	}
	return r, nil
}

// pause lets time pass: what is measured is what happens meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// control has the relays do something.
func control(ctx context.Context, url string, answer *outage) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return errors.New(strings.TrimSpace(string(text)))
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// gathered subscribes when it is told, and closes all when each relay has sent its EOSE.
type gathered struct {
	gennostr.BaseHandler
	wanted int
	live   map[string]bool
	all    chan struct{}
}

func (h *gathered) HandleInfo(s *gennostr.Self, _ any) error {
	return s.Subscribe("notes", []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
}

func (h *gathered) OnEOSE(_ *gennostr.Self, relay gennostr.Relay, _ gennostr.EOSEMessage) error {
	if h.live == nil {
		return nil
	}
	if h.live[relay.URL] = true; len(h.live) == h.wanted {
		h.live = nil
		close(h.all)
	}
	return nil
}

// OnError is silent: that the relays are lost is part of it.
func (h *gathered) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

func (ours) gather(ctx context.Context, urls []string) (func() error, func(), error) {
	h := &gathered{wanted: len(urls), live: make(map[string]bool), all: make(chan struct{})}
	c, err := gennostr.Start(ctx, h, gennostr.WithRelays(urls...), gennostr.WithLogger(slog.New(slog.DiscardHandler))) // which would have a line for each that is lost
	if err != nil {
		return nil, nil, err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return nil, nil, err
	}
	subscribe := func() error {
		if err := c.Notify(nil); err != nil {
			return err
		}
		return until(ctx, h.all)
	}
	return subscribe, func() { _ = c.Stop(ctx) }, nil
}

func until(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// gather takes its SimplePool, which is what comes back to relays there.
func (theirs) gather(ctx context.Context, urls []string) (func() error, func(), error) {
	gonostr.InfoLogger.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(ctx)
	pool := gonostr.NewSimplePool(ctx)
	errs := make([]error, len(urls))
	slots := make(chan struct{}, 64) // as many at once as gennostr's default
	var dials sync.WaitGroup
	for i, url := range urls {
		dials.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, errs[i] = pool.EnsureRelay(url)
		})
	}
	dials.Wait()
	if err := errors.Join(errs...); err != nil {
		cancel()
		return nil, nil, err
	}
	var readers sync.WaitGroup
	subscribe := func() error {
		all := make(chan struct{})
		events := pool.SubscribeManyNotifyEOSE(ctx, urls, notes, all)
		readers.Go(func() { // ends with ctx, joined by end
			for {
				select {
				case _, more := <-events:
					if !more {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
		return until(ctx, all)
	}
	return subscribe, func() { cancel(); readers.Wait() }, nil
}
