package gennostr_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Two goroutines set the filters of one subscription: whichever is last, what is asked
// for is what is delivered.
func TestFiltersThatAreSetByTwoAreNotTornApart(t *testing.T) {
	byKind := func(k nostr.Kind) []nostr.Filter { return []nostr.Filter{nostr.Filter{}.WithKinds(k)} }
	torn := 0
	for range 300 {
		r := &subscriber{}
		h := reads(t, r)
		var self *gennostr.Self
		require.NoError(t, h.Run(func(s *gennostr.Self) error { self = s; return nil }))
		var both sync.WaitGroup
		begin := make(chan struct{})
		for _, k := range []nostr.Kind{7, 9735} {
			both.Go(func() { <-begin; assert.NoError(t, self.SetFilters("notes", byKind(k))) })
		}
		close(begin)
		both.Wait()
		require.NoError(t, h.Settle(t.Context()))
		open := h.Subscribed(subscribersRelay)
		require.Len(t, open, 1)
		asked := open[len(open)-1].Filters[0].Kinds[0]
		e := nostrtest.Event(nostrtest.Key(1), asked, "what is asked for")
		require.NoError(t, h.Receive(subscribersRelay, `["EVENT","`+open[len(open)-1].SubscriptionID+`",`+string(e.AppendJSON(nil))+`]`))
		if len(r.heard) == 0 {
			torn++
			break
		}
		_ = h.Stop()
	}
	assert.Zero(t, torn, "what is asked for is dropped")
}
