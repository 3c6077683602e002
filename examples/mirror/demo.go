package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	demoEvents = 1200
	demoOnly   = 100 // events that only one of the relays has, each
)

// demo is the program on two relays of its own, that have nearly the same. It is stopped in
// the middle and started again, and then there is nothing left to do.
func demo(ctx context.Context, opts options, stdout, stderr io.Writer) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()
	dir, err := os.MkdirTemp("", "mirror")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	network := nostrtest.StartNetwork()
	defer network.Close()
	// The first compares 500 events at a time, and loses its connection once.
	from := network.NewRelay("wss://from.example", nostrtest.WithLimits(nostrtest.Limits{NegentropyEvents: 500}), nostrtest.WithFaults(nostrtest.Cut().AfterFrames(20).Times(1)))
	to := network.NewRelay("wss://to.example")
	for n := range demoEvents {
		e := nostrtest.EventAt(nostr.Timestamp(1_700_000_000+60*n), nostrtest.Key(n%20), nostr.KindTextNote, fmt.Sprintf("note %d", n))
		if n >= demoOnly {
			from.Publish(e)
		}
		if n < demoEvents-demoOnly {
			to.Publish(e)
		}
	}
	opts.from, opts.to, opts.both, opts.state = from.URL(), to.URL(), true, filepath.Join(dir, "state")
	fmt.Fprintln(stderr, "no -from: this is a demo, on two relays of its own that have nearly the same")
	stopped, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	interrupted := errors.New("stopped in the middle, as by Ctrl-C")
	watching.Go(func() { // ends with the first event that the relay gets, or with stopped
		if _, err := to.WaitEvent(stopped, nostr.Filter{}.WithSince(1_700_000_000+60*(demoEvents-demoOnly))); err == nil {
			stop(interrupted)
		}
	})
	reach := gennostr.WithHTTPClient(network.HTTPClient())
	if err := copyAll(stopped, opts, stdout, stderr, reach); err != nil && !errors.Is(err, interrupted) {
		return err
	}
	for range 2 {
		if err := copyAll(ctx, opts, stdout, stderr, reach); err != nil {
			return err
		}
	}
	for _, relay := range []*nostrtest.Relay{from, to} {
		n := len(relay.Events())
		if _, err := fmt.Fprintf(stdout, "%s has %d notes\n", relay.URL(), n); err != nil {
			return err
		}
		if n != demoEvents {
			return fmt.Errorf("a relay has %d notes, not %d", n, demoEvents)
		}
	}
	return nil
}
