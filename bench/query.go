package main

import (
	"context"
	"time"

	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Queries: all that a relay has stored, up to its EOSE.

// queriers are measured there.
var queriers = []string{"FetchMany", "Client.Fetch", "Client.Query"}

const queryDeadline = 5 * time.Minute // of a slow machine

// fetching is this library with everything in one report.
type fetching struct{ ours }

func (fetching) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	c, err := readyClient(ctx, urls)
	if err != nil {
		return err
	}
	asked()
	report, err := c.Fetch(ctx, queryNotes, gennostr.OnePage(), gennostr.WithDeadline(queryDeadline))
	if err != nil {
		return err
	}
	for _, e := range report.Events {
		if !sink.raw(e.ID) {
			return c.Stop(ctx)
		}
	}
	return errEnded
}

// querying is this library with events as they come.
type querying struct{ ours }

func (querying) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	c, err := readyClient(ctx, urls)
	if err != nil {
		return err
	}
	asked()
	for e, err := range c.Query(ctx, queryNotes, gennostr.OnePage(), gennostr.WithDeadline(queryDeadline)) {
		if err != nil {
			return err
		}
		if !sink.raw(e.ID) {
			return c.Stop(ctx)
		}
	}
	return errEnded
}

var queryNotes = []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}

func readyClient(ctx context.Context, urls []string) (*gennostr.Client, error) {
	c, err := gennostr.Start(ctx, nil, gennostr.WithRelays(urls...))
	if err == nil {
		err = c.Ready(ctx, len(urls))
	}
	return c, err
}

// fetchMany is the pool's.
type fetchMany struct{ theirs }

func (fetchMany) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	pool := gonostr.NewSimplePool(ctx)
	for _, url := range urls {
		if _, err := pool.EnsureRelay(url); err != nil {
			return err
		}
	}
	asked()
	for e := range pool.FetchMany(ctx, urls, notes) {
		if !sink.hex(e.ID) {
			return nil
		}
	}
	return errEnded
}
