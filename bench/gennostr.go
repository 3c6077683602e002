package main

import (
	"context"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// ours is this library with its defaults.
type ours struct{}

// reader asks when it is told and hands on what it gets.
type reader struct {
	gennostr.BaseHandler
	sink sink
}

func (r *reader) OnEvent(_ *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	if !r.sink.raw(msg.Event.ID) {
		return gennostr.ErrStop
	}
	return nil
}

// OnError is silent: the forged ones are part of the measurement.
func (r *reader) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

func (ours) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	c, err := gennostr.Start(ctx, &reader{sink: sink}, gennostr.WithRelays(urls...))
	if err != nil {
		return err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return err
	}
	asked()
	err = c.Broadcast(gennostr.Req{SubscriptionID: "bench", Filters: []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}})
	if err != nil {
		return err
	}
	return c.Wait()
}

func (ours) idle(ctx context.Context, urls []string, open func()) error {
	c, err := gennostr.Start(ctx, nil, gennostr.WithRelays(urls...))
	if err != nil {
		return err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return err
	}
	open()
	return c.Stop(ctx)
}
