package gennostr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// waitsInInit waits in Init for what needs relays.
type waitsInInit struct {
	gennostr.BaseHandler
	wait func(context.Context, *gennostr.Client) error
	err  error
}

func (w *waitsInInit) Init(self *gennostr.Self) error {
	w.err = w.wait(self.Context(), self.Client())
	return nil
}

func (w *waitsInInit) HandleCall(self *gennostr.Self, from gennostr.From, _ any) error {
	return from.Reply(w.wait(self.Context(), self.Client()))
}

// What waits for relays in Init waits for Init itself: that is an error, and nothing hangs.
// In other callbacks it holds up the handler, and works.
func TestWhatWaitsForRelaysInInit(t *testing.T) {
	note := nostrtest.TextNote(nostrtest.Key(1), "early")
	for name, wait := range map[string]func(context.Context, *gennostr.Client) error{
		"Publish": func(ctx context.Context, c *gennostr.Client) error { _, err := c.Publish(ctx, note); return err },
		"Wait": func(ctx context.Context, c *gennostr.Client) error {
			p, err := c.StartPublish(note)
			if err == nil {
				_, err = p.Wait(ctx)
			}
			return err
		},
		"Request": func(ctx context.Context, c *gennostr.Client) error {
			for _, err := range c.Request(ctx, note, []nostr.Filter{{IDs: []nostr.ID{note.ID}}}) {
				return err
			}
			return nil
		},
		"CaughtUp": func(ctx context.Context, c *gennostr.Client) error {
			sub, err := c.Subscribe(ctx, []nostr.Filter{{}})
			if err == nil {
				defer sub.Close()
				err = sub.CaughtUp(ctx, 1)
			}
			return err
		},
		"Fetch": func(ctx context.Context, c *gennostr.Client) error {
			_, err := c.Fetch(ctx, []nostr.Filter{{Limit: 1}})
			return err
		},
		"Query": func(ctx context.Context, c *gennostr.Client) error {
			for _, err := range c.Query(ctx, []nostr.Filter{{Limit: 1}}) {
				return err
			}
			return nil
		},
		"Count": func(ctx context.Context, c *gennostr.Client) error {
			_, err := c.Count(ctx, []nostr.Filter{{Limit: 1}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA).Publish(nostrtest.TextNote(nostrtest.Key(2), "stored"))
				w := &waitsInInit{wait: wait}
				client := start(t, w, over(network, quietly(), gennostr.WithRelays(relayA))...)
				assert.ErrorIs(t, w.err, gennostr.ErrCallingSelf)
				require.NoError(t, client.Ready(t.Context(), 1))
				answer, err := client.Call(t.Context(), nil)
				require.NoError(t, err)
				assert.Nil(t, answer)
			})
		})
	}
}
