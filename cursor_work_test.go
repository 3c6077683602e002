package gennostr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// payer works on each event in a queue, and takes its cursor in Terminate.
type payer struct {
	gennostr.BaseHandler
	saved gennostr.Cursor
	work  func(context.Context, *nostr.Event) error
	then  func(*gennostr.Self) error
	queue *gennostr.Queue[*nostr.Event]
	heard []string
	told  int
}

func (p *payer) Init(self *gennostr.Self) error {
	p.heard = nil
	p.queue = gennostr.NewQueue(self, gennostr.QueueConfig[*nostr.Event]{Work: p.work, Then: func(self *gennostr.Self, _ *nostr.Event, _ error) error {
		p.told++
		if p.then != nil {
			return p.then(self)
		}
		return nil
	}})
	return self.Subscribe("notes", allNotes, gennostr.Resume(p.saved))
}

func (p *payer) OnEvent(_ *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	p.heard = append(p.heard, m.Event.Content)
	return p.queue.Put(m.Event)
}

func (p *payer) HandleCast(*gennostr.Self, any) error { panic("something else goes wrong") }

func (p *payer) Terminate(self *gennostr.Self, _ error) { p.saved, _ = self.Cursor("notes") }

// What is worked on when the client ends, and whose Then is not run, was not handled:
// with the cursor of Terminate it comes again.
func TestACursorOfTerminatePassesNoWorkWhoseThenWasNotRun(t *testing.T) {
	waits := func(ctx context.Context, _ *nostr.Event) error { <-ctx.Done(); return ctx.Err() }
	done := func(context.Context, *nostr.Event) error { time.Sleep(time.Second); return nil }
	for name, c := range map[string]struct {
		work func(context.Context, *nostr.Event) error
		then func(*gennostr.Self) error
		end  func(client *gennostr.Client, cancel func())
	}{
		"the context of Start ends": {waits, nil, func(_ *gennostr.Client, cancel func()) { cancel() }},
		"another callback panics":   {done, nil, func(c *gennostr.Client, _ func()) { _ = c.Cast(nil) }},
		"the Then itself panics":    {done, func(*gennostr.Self) error { panic("no database") }, func(*gennostr.Client, func()) {}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				network := nostrtest.NewNetwork(t)
				relay := network.NewRelay("ws://relay.example")
				p := &payer{work: c.work, then: c.then}
				run := func(end func(*gennostr.Client, func())) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					client, err := gennostr.Start(ctx, p, quietly(), gennostr.WithRelays(relay.URL()), gennostr.WithHTTPClient(network.HTTPClient()))
					require.NoError(t, err)
					time.Sleep(100 * time.Millisecond)
					if end == nil {
						require.NoError(t, client.Stop(context.Background()))
						return
					}
					relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "pay"))
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					end(client, cancel)
					<-client.Done()
				}
				run(c.end)
				require.Equal(t, []string{"pay"}, p.heard)
				if c.then == nil {
					require.Zero(t, p.told)
				}
				p.work, p.then = func(context.Context, *nostr.Event) error { return nil }, nil
				run(nil)
				assert.Equal(t, []string{"pay"}, p.heard, "heard again after the restart")
			})
		})
	}
}
