package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// demoSize is how many relays the demo has: one that takes what it gets, one that does
// not, one that wants AUTH, and one that is away until the first has the event.
const demoSize = 4

func demo(ctx context.Context, opts options, event *nostr.Event, stdout, stderr io.Writer) error {
	members := nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string {
		return "blocked: this relay takes notes from its members only"
	})
	var relays []*nostrtest.Relay
	defer func() {
		for _, relay := range relays {
			relay.Close()
		}
	}()
	for _, kind := range [demoSize][]nostrtest.Option{{}, {members}, {nostrtest.WithAuth()}, {}} {
		relay, err := nostrtest.StartRelay(kind...)
		if err != nil {
			return err
		}
		relays = append(relays, relay)
		opts.relays = append(opts.relays, relay.URL())
	}
	open, away := relays[0], relays[demoSize-1]
	away.Stop()
	fmt.Fprintln(stderr, "no -relay: this is a demo, on four relays of its own, of which one takes nothing, one wants AUTH, and one is away at first")

	waiting, enough := context.WithCancel(ctx)
	var back sync.WaitGroup
	defer back.Wait()
	defer enough()
	back.Go(func() { // ends with the event, or with publish
		if _, err := open.WaitEvent(waiting, nostr.Filter{}); err == nil {
			_ = away.Restart() // if it cannot, its line tells
		}
	})
	return publish(ctx, opts, event, stdout, stderr, gennostr.WithReconnectSchedule(200*time.Millisecond, time.Second))
}
