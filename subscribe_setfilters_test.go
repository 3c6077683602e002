package gennostr_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What came while the filters did not want it was not delivered: when they want it
// again and the relay sends it again, it is.
func TestWhatWasDroppedWhileTheFiltersWereNarrowComesWhenTheyAreWideAgain(t *testing.T) {
	byAuthors := func(n ...int) []nostr.Filter {
		f := nostr.Filter{}.WithKinds(nostr.KindTextNote)
		for _, i := range n {
			f.Authors = append(f.Authors, nostrtest.PubKey(i))
		}
		return []nostr.Filter{f}
	}
	r := &refilter{filters: byAuthors(1, 2)}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	deliverEOSE(t, h)
	set := func(n ...int) {
		require.NoError(t, h.Run(func(self *gennostr.Self) error { return self.SetFilters("notes", byAuthors(n...)) }))
	}
	set(1) // the wide REQ is open until the narrow one has taken over
	e := nostrtest.TextNote(nostrtest.Key(2), "of the second author")
	require.NoError(t, h.Receive(subscribersRelay, `["EVENT","gn:1",`+string(e.AppendJSON(nil))+`]`))
	assert.Empty(t, r.heard, "nobody wants it now")
	set(1, 2)
	deliverNote(t, h, e) // the relay has stored it, and answers what is asked now
	assert.Equal(t, []string{"of the second author"}, r.heard)
}

type refilter struct {
	gennostr.BaseHandler
	filters []nostr.Filter
	heard   []string
}

func (r *refilter) Init(self *gennostr.Self) error { return self.Subscribe("notes", r.filters) }
func (r *refilter) OnEvent(_ *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	r.heard = append(r.heard, m.Event.Content)
	return nil
}

// The same for what has waited for the loop over a subscription, and was dropped there.
func TestWhatWaitedAndWasDroppedComesWhenTheFiltersAreWideAgain(t *testing.T) {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	by := func(n ...int) []nostr.Filter {
		f := nostr.Filter{}.WithKinds(nostr.KindTextNote)
		for _, i := range n {
			f.Authors = append(f.Authors, nostrtest.PubKey(i))
		}
		return []nostr.Filter{f}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // so that what does not come ends the test
	defer cancel()
	sub, err := h.Client().Subscribe(ctx, by(1, 2))
	require.NoError(t, err)
	settle := func() { require.NoError(t, h.Settle(t.Context())) }
	settle()
	first, second := nostrtest.TextNote(nostrtest.Key(1), "first"), nostrtest.TextNote(nostrtest.Key(2), "second")
	deliver := func(e *nostr.Event) {
		for _, req := range h.Subscribed(subscribersRelay) {
			if req.Filters[0].Matches(e) {
				require.NoError(t, h.Receive(subscribersRelay, `["EVENT",`+strconv.Quote(req.SubscriptionID)+`,`+string(e.AppendJSON(nil))+`]`))
				return
			}
		}
		require.Fail(t, "nobody asks for it", e.Content)
	}
	take := func() string {
		for m := range sub.Events() {
			return m.Event.Content
		}
		return "the end"
	}
	deliver(second)
	deliver(first)
	require.NoError(t, sub.SetFilters(by(1)))
	settle()
	assert.Equal(t, "first", take(), "the second author is not wanted now")
	require.NoError(t, sub.SetFilters(by(1, 2)))
	settle()
	deliver(second)
	deliver(first)
	third := nostrtest.TextNote(nostrtest.Key(1), "third")
	deliver(third)
	assert.Equal(t, "second", take())
	assert.Equal(t, "third", take(), "and nothing twice")
}
