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

// initPublisher publishes in Init, and stops with the report.
type initPublisher struct {
	gennostr.BaseHandler
	add  string // a relay that it adds before
	opts []gennostr.PublishOption
	err  error
}

func (p *initPublisher) Init(self *gennostr.Self) error {
	if p.add != "" {
		if _, err := self.EnsureRelay(p.add); err != nil {
			return err
		}
	}
	self.Publish(nostrtest.TextNote(nostrtest.Key(1), "I am here"), func(report gennostr.PublishReport) error {
		p.err = report.Err()
		return gennostr.ErrStop
	}, p.opts...)
	return nil
}

// The relays of WithRelays are added when Init has returned; that is waited for.
func TestPublishInInitReachesAllRelays(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	for name, c := range map[string]struct {
		handler *initPublisher
		want    error
	}{
		"all relays":   {&initPublisher{}, nil},
		"a named one":  {&initPublisher{opts: []gennostr.PublishOption{gennostr.On(relay.URL())}}, nil},
		"one it added": {&initPublisher{add: relay.URL()}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, gennostr.Run(t.Context(), c.handler, gennostr.WithRelays(relay.URL())))
			assert.ErrorIs(t, c.handler.err, c.want)
		})
	}
}

// early begins something in Init, and gives it up there.
type early struct {
	gennostr.BaseHandler
	do func(*gennostr.Self)
}

func (h *early) Init(self *gennostr.Self) error { h.do(self); return nil }

// What has waited for Init's return and been given up before that is told at once, and
// never begins.
func TestWhatIsGivenUpInInitNeverBegins(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		handler := &early{do: func(self *gennostr.Self) {
			pub, err := self.Client().StartPublish(nostrtest.TextNote(nostrtest.Key(1), "no"))
			require.NoError(t, err)
			pub.Cancel()
			_, err = pub.Wait(t.Context())
			assert.ErrorIs(t, err, context.Canceled)
			pub.Cancel() // once more

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = self.Client().Fetch(ctx, []nostr.Filter{ofKind(1)})
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			ctx, cancel = context.WithCancel(t.Context())
			cancel()
			_, err = self.Client().Fetch(ctx, []nostr.Filter{ofKind(1)})
			assert.ErrorIs(t, err, context.Canceled)
			began := time.Now()
			_, err = self.Client().Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.WithDeadline(3*time.Second))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 3*time.Second, time.Since(began))
		}}
		client := start(t, handler, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "yes"))
		require.NoError(t, err)
		synctest.Wait()
		assert.Zero(t, gennostr.OpenQueries(client))
		for _, m := range relay.Received() {
			assert.Equal(t, "EVENT", m.Verb)
			assert.Equal(t, "yes", m.Event.Content)
		}
	})
}
