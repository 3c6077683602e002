package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	demoFirst  = 25 // whom the first author follows
	demoSecond = 20 // whom each of these follows
)

// demo is the program on relays of its own. Each list is on one of them, an older version
// of it on another.
func demo(ctx context.Context, opts options, stdout, stderr io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the demo took longer than a minute"))
	defer cancel()
	network := nostrtest.StartNetwork()
	defer network.Close()
	few := network.NewRelay("wss://few-authors.example", nostrtest.WithFaults(nostrtest.ValueCap(40)))
	small := network.NewRelay("wss://small-pages.example", nostrtest.WithFaults(nostrtest.PageCap(50)))
	opts.relays = []string{few.URL(), small.URL(), "wss://dead.example"}
	opts.from = []nostr.PubKey{nostrtest.PubKey(0)}
	fmt.Fprintln(stderr, "no -relay: this is a demo, on three relays of its own, of which one is dead")
	for n := range 1 + demoFirst + demoFirst*demoSecond {
		newer, older := few, small
		if n%2 == 1 {
			newer, older = small, few
		}
		newer.Publish(followList(n, 2))
		older.Publish(followList(n, 1))
	}
	return walk(ctx, opts, stdout, stderr, gennostr.WithHTTPClient(network.HTTPClient()))
}

// followList is whom the n-th author follows. In the first version that is nobody but the last one.
func followList(n int, version nostr.Timestamp) *nostr.Event {
	last := 1 + demoFirst + demoFirst*demoSecond
	var tags []nostr.Tag
	follow := func(from, count int) {
		for i := range count {
			tags = append(tags, nostr.Tag{"p", nostrtest.PubKey(from + i).String()})
		}
	}
	switch {
	case version == 1:
		follow(last, 1)
	case n == 0:
		follow(1, demoFirst)
	case n <= demoFirst:
		follow(1+demoFirst+(n-1)*demoSecond, demoSecond)
		follow(1, 1) // whom everybody follows
	}
	return nostrtest.EventAt(1_700_000_000+version, nostrtest.Key(n), nostr.KindFollowList, "", tags...)
}
