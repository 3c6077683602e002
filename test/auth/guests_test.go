package auth_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A guest learns who the client is when it refuses something, and not before; when the
// program adds it, it is told at once.
func TestAGuestIsToldWhenItIsNeeded(t *testing.T) {
	const guestURL = "wss://guest.example/"
	for name, opts := range map[string][]gennostr.RelayOption{
		"the same signer": nil, "another signer": {gennostr.WithSigner(alias.Signer())},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := private(network, guestURL)
				var mu sync.Mutex
				var guests []bool
				client := join(t, memberOf(0), network, gennostr.WithSigner(me.Signer()), gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)),
					gennostr.WithAuthPolicy(func(relay gennostr.Relay, _ gennostr.AuthMessage) gennostr.AuthDecision {
						mu.Lock()
						defer mu.Unlock()
						guests = append(guests, relay.Guest)
						return gennostr.AuthDecision{}
					}))
				notes := []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
				sub, err := client.Subscribe(t.Context(), notes, gennostr.On(guestURL))
				require.NoError(t, err)
				defer sub.Close()
				require.NoError(t, sub.CaughtUp(t.Context(), 1))
				relay.RequestAuth()
				time.Sleep(time.Second)
				assert.Empty(t, auths(relay))
				require.NoError(t, client.AddRelay(guestURL, opts...))
				time.Sleep(time.Second)
				if opts == nil {
					assert.Equal(t, map[int]int{1: 1}, auths(relay))
					mu.Lock()
					assert.Equal(t, []bool{true, false}, guests)
					mu.Unlock()
					return
				}
				assert.Equal(t, 2, relay.ConnectionCount(), "nobody is two on one connection")
				relay.RequestAuth()
				synctest.Wait()
				assert.Equal(t, []nostr.PubKey{alias.PubKey()}, relay.Connections()[0].Authenticated)
			})
		})
	}
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := private(network, guestURL)
		client := join(t, memberOf(0), network, gennostr.WithSigner(me.Signer()), gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)))
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap)}, gennostr.On(guestURL))
		require.NoError(t, err)
		defer sub.Close()
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		assert.Equal(t, []nostr.PubKey{me.PubKey()}, relay.Connections()[0].Authenticated)
	})
}

// A stranger's relay is not told who asks unless it refuses to answer without that and the policy
// allows it, whoever asks: then the query says so.
func TestAQueryTellsAGuestWhoAsksWhereThePolicyAllowsIt(t *testing.T) {
	const guestURL = "wss://guest.example/"
	never := func(relay gennostr.Relay, _ gennostr.AuthMessage) gennostr.AuthDecision {
		if relay.Guest {
			return gennostr.AuthDecision{When: gennostr.AuthNever}
		}
		return gennostr.AuthDecision{}
	}
	nobody := func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
		return gennostr.AuthDecision{As: []nostr.PubKey{}}
	}
	for name, test := range map[string]struct {
		opts    []gennostr.Option
		guests  []gennostr.RelayOption
		told    []nostr.PubKey // the guest
		refused bool
	}{
		"by default":             {told: []nostr.PubKey{me.PubKey()}},
		"a policy for all":       {opts: []gennostr.Option{gennostr.WithAuthPolicy(never)}, refused: true},
		"a policy for guests":    {guests: []gennostr.RelayOption{gennostr.WithAuthPolicy(nobody)}, refused: true},
		"another name at guests": {guests: []gennostr.RelayOption{gennostr.WithSigner(alias.Signer())}, told: []nostr.PubKey{alias.PubKey()}},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := private(network, guestURL)
				opts := append(test.opts, gennostr.WithSigner(me.Signer()), gennostr.WithGuestOptions(append(test.guests, gennostr.WithDialPolicy(nil))...))
				client := join(t, memberOf(0), network, opts...)
				notes, wraps := nostr.Filter{}.WithKinds(nostr.KindTextNote), nostr.Filter{}.WithKinds(nostr.KindGiftWrap)
				for range 3 { // and its challenges alone change nothing
					_, err := client.FetchOne(t.Context(), notes, gennostr.On(guestURL))
					require.ErrorIs(t, err, gennostr.ErrNotFound)
					relay.RequestAuth()
					time.Sleep(time.Second)
				}
				assert.Empty(t, auths(relay))
				_, err := client.FetchOne(t.Context(), wraps, gennostr.On(guestURL))
				if test.refused {
					var refused *gennostr.RefusedError
					require.ErrorAs(t, err, &refused, "in its words: OnAuth may still have answered")
					require.Contains(t, refused.Message, "auth-required")
					_, err = client.FetchOne(t.Context(), wraps, gennostr.On(guestURL), gennostr.WithDeadline(time.Minute))
					require.ErrorAs(t, err, new(*gennostr.AuthError))
					require.NotErrorIs(t, err, gennostr.ErrNotFound)
					assert.Empty(t, auths(relay))
				} else {
					require.ErrorIs(t, err, gennostr.ErrNotFound)
				}
				assert.Equal(t, test.told, relay.Connections()[0].Authenticated)
			})
		})
	}
}
