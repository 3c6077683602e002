package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// demoNotes is how many notes the demo delivers: the first ones are published
// before, the others after the relay has been away.
const demoNotes = 24

// demo is the program on a relay of its own, with an endpoint that is slow and
// fails now and then. All flags but -relay and -url work as always.
func demo(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()
	relay, err := nostrtest.StartRelay()
	if err != nil {
		return err
	}
	defer relay.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	end := &endpoint{got: make(map[string]int)}
	server := &http.Server{Handler: end, ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ended by Close
	defer serving.Wait()
	defer server.Close()
	say("no -relay and no -url: this is a demo, on %s", relay.URL())

	url, err := nostr.NormalizeURL(relay.URL())
	if err != nil {
		return err
	}
	opts.relays, opts.url = []string{url}, "http://"+listener.Addr().String()+"/hook"
	transport := &http.Transport{MaxIdleConnsPerHost: opts.parallel}
	defer transport.CloseIdleConnections()
	p := newPoster(opts, transport, say)
	p.pause = 50 * time.Millisecond
	hook := newHook(opts, p, stdout, say)
	done := make(chan struct{}, demoNotes)
	hook.report = func() { done <- struct{}{} }
	client, err := gennostr.Start(ctx, hook, append(settings(opts.relays), gennostr.WithReconnectSchedule(200*time.Millisecond, time.Second))...)
	if err != nil {
		return err
	}
	defer client.Stop(ctx)
	if err := client.Ready(ctx, 1); err != nil {
		return err
	}
	wanted := publishNotes(relay, opts.filter, 1, demoNotes/2)
	say("the relay stops, and gets more notes meanwhile")
	relay.Stop()
	wanted += publishNotes(relay, opts.filter, demoNotes/2+1, demoNotes)
	if err := relay.Restart(); err != nil {
		return err
	}
	if err := await(ctx, client, done, wanted); err != nil {
		return err
	}
	if err := client.Stop(ctx); err != nil {
		return err
	}
	if err := client.Wait(); err != nil { // it was over before, and what was not delivered has been reported
		return err
	}
	if _, err := fmt.Fprintln(stdout, end); err != nil {
		return cannotWrite(err)
	}
	return nil
}

// await waits until so many notes have been delivered.
func await(ctx context.Context, client *gennostr.Client, done <-chan struct{}, wanted int) error {
	for range wanted {
		select {
		case <-done:
		case <-client.Done():
			return errors.Join(client.Wait(), context.Cause(ctx))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// publishNotes publishes some notes, and tells how many of them are asked for.
func publishNotes(relay *nostrtest.Relay, asked nostr.Filter, from, to int) (wanted int) {
	for n := from; n <= to; n++ {
		note := nostrtest.TextNote(nostrtest.Key(n%6+1), fmt.Sprintf("note %d", n), nostr.Tag{"t", "demo"})
		if relay.Publish(note); asked.Matches(note) {
			wanted++
		}
	}
	return wanted
}

// endpoint takes notes: slowly, and every third request fails.
type endpoint struct {
	mu       sync.Mutex
	requests int            // guarded by mu
	failed   int            // guarded by mu
	now      int            // guarded by mu: requests that are answered at the moment
	most     int            // guarded by mu: as many as there were of these
	got      map[string]int // guarded by mu: how often each note was taken
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.requests++
	e.now++
	e.most = max(e.most, e.now)
	fails := e.requests%3 == 0
	if fails {
		e.failed++
	} else {
		e.got[r.Header.Get("Idempotency-Key")]++
	}
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.now--
	}()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-r.Context().Done():
	}
	if fails {
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}
}

// String is the summary.
func (e *endpoint) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	twice := 0
	for _, n := range e.got {
		if n > 1 {
			twice++
		}
	}
	return fmt.Sprintf("%d notes taken, %d of them twice; %d of %d requests failed; at most %d at once",
		len(e.got), twice, e.failed, e.requests, e.most)
}
