package subscriptions_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A program that stops at an event in the middle of a loop has handled it, and a cursor
// of the body itself knows better than to say so: after a restart from the one nothing
// comes twice, and from the other it is the event at hand that does.
// Shows D59, D61.
func TestAnEventIsHandledWhenTheBodyComesBack(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL)
		for i := range 10 {
			relay.Publish(nostrtest.EventAt(nostr.Now()-nostr.Timestamp(i), nostrtest.Key(i+1), nostr.KindTextNote, "x"))
		}
		heard := func(most int, opts ...gennostr.SubscribeOption) (ids []nostr.ID, inside, after gennostr.Cursor) {
			client := start(t, nil, network, []string{relayURL})
			defer func() { require.NoError(t, client.Stop(t.Context())) }()
			sub, err := client.Subscribe(t.Context(), textNotes, opts...)
			require.NoError(t, err)
			require.NoError(t, sub.CaughtUp(t.Context(), 1))
			for m := range sub.Events() {
				ids = append(ids, m.Event.ID)
				if len(ids) == most {
					inside, _ = sub.Cursor()
					break
				}
			}
			after, ok := sub.Cursor()
			require.True(t, ok)
			return ids, inside, after
		}
		first, inside, after := heard(4)
		rest, _, _ := heard(6, gennostr.Resume(after))
		seen := map[nostr.ID]int{}
		for _, id := range append(first, rest...) {
			seen[id]++
		}
		assert.Len(t, seen, 10, "nothing is lost, and nothing comes twice")
		again, _, _ := heard(7, gennostr.Resume(inside))
		assert.Contains(t, again, first[3], "the body had not come back")
		for _, id := range first[:3] {
			assert.NotContains(t, again, id)
		}
	})
}
