package main

import (
	"context"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// subscribers are measured where subscriptions are: each event is to come once.
var subscribers = []string{"SimplePool", "Self.Subscribe", "Client.Subscribe"}

// inside is this library with a subscription of the handler's.
type inside struct{ ours }

// declaring subscribes when it is told.
type declaring struct{ reader }

func (h *declaring) HandleInfo(s *gennostr.Self, _ any) error {
	return s.Subscribe("bench", []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
}

func (inside) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	c, err := gennostr.Start(ctx, &declaring{reader{sink: sink}}, gennostr.WithRelays(urls...))
	if err != nil {
		return err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return err
	}
	asked()
	if err := c.Notify(nil); err != nil {
		return err
	}
	return c.Wait()
}

// outside is this library with a subscription that is ranged over.
type outside struct{ ours }

func (outside) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	c, err := gennostr.Start(ctx, nil, gennostr.WithRelays(urls...))
	if err != nil {
		return err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return err
	}
	asked()
	sub, err := c.Subscribe(ctx, []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
	if err != nil {
		return err
	}
	for m := range sub.Events() {
		if !sink.raw(m.Event.ID) {
			return c.Stop(ctx)
		}
	}
	return errEnded
}
