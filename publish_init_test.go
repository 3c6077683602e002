package gennostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
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
