package auth_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A relay that knows one identity refuses the author's, and takes the event all the same
// since another's was accepted (P44).
// Shows P44, Q01.
func TestAnEventOfAnIdentityThatIsRefusedBesideAnother(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.OneKeyOnly()))
		for range 3 { // each with its first connection, on which the event is there before the challenge
			client := kit.Launch(t, memberOf(0), over(network, gennostr.WithSigner(me.Signer()),
				gennostr.WithSigner(&signer{Signer: alias.Signer(), takes: time.Second}))...)
			_, err := client.Publish(t.Context(), nostrtest.TextNote(alias, "hello"))
			require.NoError(t, err)
			require.NoError(t, client.Stop(t.Context()))
		}
	})
}

// Signers of one key, and a handler that answers itself as one of them, sign the same
// event within one second: its one OK is for all of them.
// Shows L24.
func TestTheSameAUTHTwice(t *testing.T) {
	for name, m := range map[string]*member{"two signers": memberOf(1), "a signer and OnAuth": {answers: true, names: []string{"s0"}, filters: memberOf(1).filters}} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayURL, nostrtest.WithAuth())
				options := []gennostr.Option{gennostr.WithSigner(me.Signer())}
				if !m.answers {
					options = append(options, gennostr.WithSigner(me.Signer()))
				}
				client := join(t, m, network, options...)
				kit.WaitUntil(t, "live", func() bool { return live(client) })
				time.Sleep(time.Minute)
				assert.Empty(t, m.authErrors())
				status, _ := client.Relay(relayURL)
				assert.Equal(t, []nostr.PubKey{me.PubKey()}, status.Authenticated)
			})
		})
	}
}

// A policy that does not return is not asked again on that relay, however often it is
// reconnected.
func TestAPolicyThatHangsIsAskedOnceForARelay(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := private(network, relayURL)
		relay.Break(nostrtest.AuthStorm(1))
		m := mailAndNotes()
		free, calls := make(chan struct{}), new(atomic.Int64)
		client := join(t, m, network, gennostr.WithSigner(me.Signer()),
			gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
				calls.Add(1)
				<-free
				return gennostr.AuthDecision{}
			}))
		before := runtime.NumGoroutine()
		for range 50 {
			time.Sleep(10 * time.Second)
			relay.DisconnectAll()
		}
		time.Sleep(time.Second)
		assert.EqualValues(t, 1, calls.Load())
		assert.Less(t, runtime.NumGoroutine(), before+20)
		close(free)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
	})
}

// A signer that cannot say its key is no signer that is not there: it is asked again.
func TestASignerThatCannotSayItsKeyAtFirst(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		private(network, relayURL)
		m := mailAndNotes()
		away := errors.New("the bunker is away")
		s := &shy{Signer: me.Signer(), err: away}
		client := join(t, m, network, gennostr.WithSigner(s),
			gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
				return gennostr.AuthDecision{As: []nostr.PubKey{me.PubKey()}}
			}))
		time.Sleep(time.Minute)
		assert.Equal(t, gennostr.SubscriptionRetrying, states(client)["wraps"])
		assert.ErrorIs(t, m.last().Err, away)
		assert.Len(t, m.authErrors(), 1)
		s.well.Store(true)
		time.Sleep(7 * time.Minute)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
	})
}

// shy does not say its key at first.
type shy struct {
	nostr.Signer
	err  error
	well atomic.Bool
}

func (s *shy) PublicKey(ctx context.Context) (nostr.PubKey, error) {
	if !s.well.Load() {
		return nostr.PubKey{}, s.err
	}
	return s.Signer.PublicKey(ctx)
}

// An event of nobody whom the relay knows is sent again with each identity that it has
// accepted, until one of them will do.
// Shows P44.
func TestAnEventOfAnotherThatNeedsASecondIdentity(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithPolicy(func(c nostrtest.Connection, _ *nostr.Event) string {
			for _, key := range c.Authenticated {
				if key == alias.PubKey() {
					return ""
				}
			}
			return "auth-required: editors only"
		}))
		client := join(t, memberOf(1), network, gennostr.WithSigner(me.Signer()),
			gennostr.WithSigner(&signer{Signer: alias.Signer(), takes: 2 * time.Second}))
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(9), "wrapped"))
		require.NoError(t, err)
	})
}

// What a relay has against an AUTH of the handler's own is told as that.
func TestAHandlersOwnAUTHThatIsRefused(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.RejectAuth("restricted: not you")))
		m := memberOf(1)
		m.answers = true
		client := join(t, m, network)
		time.Sleep(time.Minute)
		assert.Equal(t, gennostr.SubscriptionRefused, states(client)["s0"])
		var failed *gennostr.AuthError
		require.ErrorAs(t, m.last().Err, &failed)
		assert.ErrorIs(t, failed, gennostr.ErrAuthRefused)
		assert.Equal(t, "restricted: not you", failed.Message)
		_, err := client.Publish(t.Context(), nostrtest.TextNote(me, "hello"))
		assert.ErrorIs(t, err, gennostr.ErrAuthRefused)
	})
}
