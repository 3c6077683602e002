//go:build !race

package interop_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// The whole client against relays that share no line with it.

// patiently is a context for hundreds of publications on a slow machine.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// embed starts a client as a service would.
func embed(t *testing.T, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	c, err := gennostr.Start(t.Context(), nil, append([]gennostr.Option{
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), gennostr.WithReconnectSchedule(50 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	return c
}

var author = nostr.GenerateSecretKey()

func note(t *testing.T, at int, kind nostr.Kind) *nostr.Event {
	t.Helper()
	e := &nostr.Event{Kind: kind, CreatedAt: nostr.Timestamp(1_700_000_000 + at), Content: fmt.Sprint("note ", at)}
	require.NoError(t, e.Sign(author))
	return e
}

func notes(t *testing.T, n int) (list []*nostr.Event) {
	for i := range n {
		list = append(list, note(t, i, nostr.KindTextNote))
	}
	return list
}

// gives publishes through the client, and demands that the relay takes it.
func gives(t *testing.T, c *gennostr.Client, events ...*nostr.Event) {
	t.Helper()
	for _, e := range events {
		report, err := c.Publish(patiently(t), e)
		require.NoError(t, err)
		require.Equal(t, gennostr.Accepted, report.Outcomes[0].Verdict)
	}
}

// counted is what the only relay has counted.
func counted(t *testing.T, r gennostr.CountReport) int64 {
	t.Helper()
	require.Len(t, r.Relays, 1)
	n, known := r.Relays[0].Sum()
	require.True(t, known)
	return n
}

func TestClientPublishesQueriesAndCountsAtStrangers(t *testing.T) {
	atStrangers(t, 100, func(t *testing.T, relay *stranger) {
		c := embed(t, gennostr.WithRelays(relay.url()))
		events := notes(t, 650)
		gives(t, c, events...)
		again, err := c.Publish(patiently(t), events[0])
		require.NoError(t, err)
		assert.True(t, again.Outcomes[0].Verdict.Has(), "%v", again.Outcomes[0])

		filters := []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
		report, err := c.Fetch(patiently(t), filters, gennostr.AllPages())
		require.NoError(t, err)
		require.Len(t, report.Events, len(events))
		assert.Equal(t, events[len(events)-1].ID, report.Events[0].ID, "the newest first")
		one, err := c.FetchOne(patiently(t), nostr.Filter{}.WithIDs(events[3].ID))
		require.NoError(t, err)
		assert.Equal(t, events[3].Content, one.Content)
		_, err = c.FetchOne(patiently(t), nostr.Filter{}.WithIDs(nostr.ID{1}))
		require.ErrorIs(t, err, gennostr.ErrNotFound)
		count, err := c.Count(patiently(t), filters)
		require.NoError(t, err)
		assert.EqualValues(t, len(events), counted(t, count))
	})
}

// All of it may be dated in one second, which no relay gives in parts: so a page is more than that.
// Nothing is written while the subscriber asks: these relays lose what is stored after a
// REQ has read the store and handed out before the REQ listens (Q02).
func TestClientSubscribesThroughRestartsOfStrangers(t *testing.T) {
	atStrangers(t, 1000, func(t *testing.T, relay *stranger) {
		c := embed(t, gennostr.WithRelays(relay.url()), gennostr.WithManualReconnect())
		other := embed(t, gennostr.WithRelays(relay.url()))
		sub, err := c.Subscribe(patiently(t), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(patiently(t), 1))
		var want []nostr.ID
		writes := func(n int) {
			for range n {
				e := &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.Now(), Content: fmt.Sprint(len(want))}
				require.NoError(t, e.Sign(author))
				_, err := other.Publish(patiently(t), e)
				require.NoError(t, err)
				want = append(want, e.ID)
			}
		}
		writes(30)
		for range 3 {
			relay.stop()
			relay.start()
			writes(15)
			require.Eventually(t, func() bool { return c.Relays()[0].State == gennostr.RelayDown }, long, time.Millisecond)
			require.NoError(t, c.Reconnect(relay.url()))
			require.NoError(t, sub.CaughtUp(patiently(t), 1))
			writes(15)
		}
		heard := map[nostr.ID]int{}
		for m := range sub.Events() {
			if heard[m.Event.ID]++; len(heard) == len(want) {
				break
			}
		}
		for _, id := range want {
			assert.Equal(t, 1, heard[id])
		}
	})
}

func TestClientAuthenticatesToStrangers(t *testing.T) {
	atStrangers(t, 100, func(t *testing.T, relay *stranger) {
		relay.demand(author.PubKey().String())
		c := embed(t, gennostr.WithRelays(relay.url()), gennostr.WithSigner(author.Signer()))
		gives(t, c, notes(t, 5)...)
		filter := nostr.Filter{}.WithKinds(nostr.KindTextNote)
		report, err := c.Fetch(patiently(t), []nostr.Filter{filter}, gennostr.AllPages())
		require.NoError(t, err)
		assert.Len(t, report.Events, 5)
		assert.NotEmpty(t, c.Relays()[0].Authenticated)

		nobody := embed(t, gennostr.WithRelays(relay.url()))
		_, err = nobody.Publish(patiently(t), note(t, 9, nostr.KindTextNote))
		require.ErrorIs(t, err, gennostr.ErrNoSigner)
	})
}

// Reconciliation is the first thing that is asked of the relay, which refuses it until the
// client has authenticated.
func TestClientAuthenticatesToStrangersThatReconcile(t *testing.T) {
	atStrangers(t, 1000, func(t *testing.T, relay *stranger) {
		gives(t, embed(t, gennostr.WithRelays(relay.url())), notes(t, 20)...)
		relay.demand(author.PubKey().String())
		c := embed(t, gennostr.WithRelays(relay.url()), gennostr.WithSigner(author.Signer()))
		got := map[nostr.ID]bool{}
		report, err := c.Sync(patiently(t), relay.url(), nostr.Filter{}.WithKinds(nostr.KindTextNote), new(nip77.Builder).Build(),
			gennostr.Fetching(func(e *nostr.Event) error { got[e.ID] = true; return nil }))
		require.NoError(t, err)
		assert.True(t, report.Complete)
		assert.True(t, report.Negentropy)
		assert.Len(t, got, 20)
	})
}

// The slicestores compare a page of their newest events, and say nothing of the others;
// and they leave out the first second of a window (Q03). So here a page is all there is.
func TestClientReconcilesWithStrangers(t *testing.T) {
	atStrangers(t, 1000, func(t *testing.T, relay *stranger) {
		c := embed(t, gennostr.WithRelays(relay.url()))
		events := notes(t, 700)
		var have nip77.Builder
		own, lacking := map[nostr.ID]*nostr.Event{}, map[nostr.ID]bool{}
		for i, e := range events {
			if i%7 != 0 {
				gives(t, c, e)
			}
			if i%7 != 3 {
				own[e.ID] = e
				require.NoError(t, have.Add(e.CreatedAt, e.ID))
			} else {
				lacking[e.ID] = true
			}
		}
		got := map[nostr.ID]bool{}
		report, err := c.Sync(patiently(t), relay.url(), nostr.Filter{}.WithKinds(nostr.KindTextNote), have.Build(),
			gennostr.Fetching(func(e *nostr.Event) error { got[e.ID] = true; return nil }),
			gennostr.Pushing(func(_ context.Context, id nostr.ID) (*nostr.Event, error) { return own[id], nil }),
		)
		require.NoError(t, err)
		assert.True(t, report.Complete)
		assert.Equal(t, lacking, got)
		assert.Equal(t, 100, report.Pushed)
		count, err := c.Count(patiently(t), []nostr.Filter{{Kinds: []nostr.Kind{nostr.KindTextNote}}})
		require.NoError(t, err)
		assert.EqualValues(t, 700, counted(t, count))
		t.Logf("%d windows, %d paged, %d rounds, by NIP-77 %v, %d + %d bytes", report.Windows, report.Paged, report.Rounds, report.Negentropy, report.BytesIn, report.BytesOut)
	})
}
