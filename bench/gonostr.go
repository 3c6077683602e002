package main

import (
	"context"
	"errors"
	"io"
	"sync"

	gonostr "github.com/nbd-wtf/go-nostr"
)

// theirs is go-nostr as its documentation uses it: a Relay for one relay, a
// SimplePool for several.
type theirs struct{}

var notes = gonostr.Filter{Kinds: []int{gonostr.KindTextNote}}

var errEnded = errors.New("the subscription has ended early")

func (theirs) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	if len(urls) > 1 {
		return pool{}.stream(ctx, urls, asked, sink)
	}
	gonostr.InfoLogger.SetOutput(io.Discard) // it prints every forged event
	relay, err := gonostr.RelayConnect(ctx, urls[0])
	if err != nil {
		return err
	}
	defer relay.Close()
	asked()
	sub, err := relay.Subscribe(ctx, gonostr.Filters{notes})
	if err != nil {
		return err
	}
	for e := range sub.Events {
		if !sink.hex(e.ID) {
			return nil
		}
	}
	return errEnded
}

// pool is its SimplePool, for one relay too: it skips what it has had by the id that a
// frame claims.
type pool struct{ theirs }

func (pool) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	gonostr.InfoLogger.SetOutput(io.Discard)
	pool := gonostr.NewSimplePool(ctx)
	for _, url := range urls {
		if _, err := pool.EnsureRelay(url); err != nil {
			return err
		}
	}
	asked()
	for e := range pool.SubscribeMany(ctx, urls, notes) {
		if !sink.hex(e.ID) {
			return nil
		}
	}
	return errEnded
}

func (theirs) idle(ctx context.Context, urls []string, open func()) error {
	relays := make([]*gonostr.Relay, len(urls))
	errs := make([]error, len(urls))
	slots := make(chan struct{}, 64) // as many at once as gennostr's default
	var dials sync.WaitGroup
	for i, url := range urls {
		dials.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			relays[i], errs[i] = gonostr.RelayConnect(ctx, url)
		})
	}
	dials.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	open()
	for _, r := range relays {
		_ = r.Close()
	}
	return nil
}
