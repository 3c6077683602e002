package gennostr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What is published while subscriptions that are live are packed is no history: a bot
// that leaves PhaseStored unanswered has to answer it.
// Shows D30.
func TestWhatComesWhileLiveSubscriptionsArePackedIsNotStored(t *testing.T) {
	p := &packed{phases: map[string]gennostr.Phase{}}
	h, err := gennostr.NewHarness(p, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	live := map[string]bool{}
	var pack gennostr.Req // the REQ that takes over what is live
	for i := range 100 {
		if i == 1 { // all are live, each in a REQ of its own: more than there is room for
			require.NoError(t, h.Run(func(self *gennostr.Self) error { return topics(self, 18, 40) }))
		}
		for _, s := range h.Sent() {
			req, ok := s.Message.(gennostr.Req)
			if !ok {
				continue
			}
			if live[req.Filters[0].Tags["t"][0]] {
				pack = req
				break
			}
			require.NoError(t, h.Receive(subscribersRelay, `["EOSE","`+req.SubscriptionID+`"]`))
			for _, f := range req.Filters {
				live[f.Tags["t"][0]] = true
			}
		}
		if pack.SubscriptionID != "" {
			break
		}
		require.NoError(t, h.Advance(100*time.Millisecond))
	}
	require.NotEmpty(t, pack.SubscriptionID, "no pack was made")
	topic := pack.Filters[0].Tags["t"][0]
	e := nostrtest.TextNote(nostrtest.Key(1), "published now", nostr.Tag{"t", topic})
	require.NoError(t, h.Receive(subscribersRelay, `["EVENT","`+pack.SubscriptionID+`",`+string(e.AppendJSON(nil))+`]`))
	assert.Contains(t, p.phases, topic)
	assert.NotEqual(t, gennostr.PhaseStored, p.phases[topic])
}

type packed struct {
	gennostr.BaseHandler
	phases map[string]gennostr.Phase
}

func (p *packed) Init(self *gennostr.Self) error { return topics(self, 0, 18) }

func topics(self *gennostr.Self, from, to int) error {
	for i := from; i < to; i++ {
		name := fmt.Sprint("topic", i)
		if err := self.Subscribe(name, []nostr.Filter{nostr.Filter{}.WithTag("t", name)}); err != nil {
			return err
		}
	}
	return nil
}

func (p *packed) OnEvent(_ *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	p.phases[m.SubscriptionID] = m.Phase
	return nil
}
