package auth_test

import (
	"context"
	"errors"
	"runtime"
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

// private is a relay on which "wraps" needs AUTH and "notes" does not.
func private(network *nostrtest.Network, url string) *nostrtest.Relay {
	return network.NewRelay(url, nostrtest.WithReadPolicy(func(c nostrtest.Connection, r nostrtest.Request) string {
		if r.Filters[0].Kinds[0] == nostr.KindGiftWrap {
			return known(c)
		}
		return ""
	}))
}

func mailAndNotes() *member {
	return &member{names: []string{"wraps", "notes"}, filters: func(name string) []nostr.Filter {
		if name == "wraps" {
			return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap)}
		}
		return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
	}}
}

// A signer that takes two seconds delays what needs it, and nothing else: not the
// handler, other subscriptions, publications or relays.
// Shows D49.
func TestASlowSignerDelaysOnlyWhatNeedsIt(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		private(network, relayURL)
		m := mailAndNotes()
		client := join(t, m, network, gennostr.WithSigner(&signer{Signer: me.Signer(), takes: 2 * time.Second}))
		time.Sleep(100 * time.Millisecond)
		assert.Equal(t, map[string]gennostr.SubscriptionState{"notes": gennostr.SubscriptionLive, "wraps": gennostr.SubscriptionRetrying}, states(client))
		_, err := client.Publish(t.Context(), nostrtest.TextNote(me, "meanwhile"))
		require.NoError(t, err)
		time.Sleep(1800 * time.Millisecond)
		assert.Equal(t, gennostr.SubscriptionRetrying, states(client)["wraps"])
		time.Sleep(200 * time.Millisecond)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
		assert.Len(t, m.seen(), 1)
		assert.Empty(t, m.authErrors())
	})
}

// A signer that fails, ends its goroutine or lets its time pass is told once; what needs it
// is tried again, and works when the signer does.
// Shows D49.
func TestSignersThatDoNotSign(t *testing.T) {
	away := errors.New("the bunker is away")
	for name, instead := range map[string]func(context.Context) error{
		"fails":              func(context.Context) error { return away },
		"panics":             func(context.Context) error { panic("the bunker burns") },
		"ends its goroutine": func(context.Context) error { runtime.Goexit(); return nil },
		"never returns":      func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"heeds no context":   func(context.Context) error { time.Sleep(42 * time.Second); return away },
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				private(network, relayURL)
				m := mailAndNotes()
				s := &signer{Signer: me.Signer(), instead: instead}
				client := join(t, m, network, gennostr.WithSigner(s))
				time.Sleep(5 * time.Minute)
				assert.Len(t, m.authErrors(), 1, "once")
				assert.LessOrEqual(t, s.asked(), 20)
				assert.Greater(t, s.asked(), 2)
				assert.Equal(t, gennostr.SubscriptionLive, states(client)["notes"])
				assert.Equal(t, gennostr.SubscriptionRetrying, states(client)["wraps"])
				s.mu.Lock()
				s.instead = nil
				s.mu.Unlock()
				time.Sleep(7 * time.Minute)
				assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
			})
		})
	}
}

// A signer that heeds nothing holds up neither the end of its connection nor the next one,
// and is not asked again on that relay before it has returned.
// Shows D49.
func TestASignerThatHangsHoldsUpNoConnection(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := private(network, relayURL)
		m := mailAndNotes()
		free := make(chan struct{})
		s := &signer{Signer: me.Signer(), instead: func(context.Context) error { <-free; return errors.New("late") }}
		client := join(t, m, network, gennostr.WithSigner(s))
		for range 20 {
			time.Sleep(30 * time.Second)
			assert.Equal(t, gennostr.SubscriptionLive, states(client)["notes"])
			relay.DisconnectAll()
			time.Sleep(time.Second)
			assert.Equal(t, gennostr.SubscriptionLive, states(client)["notes"])
		}
		assert.Equal(t, 1, s.asked())
		s.mu.Lock()
		s.instead = nil
		s.mu.Unlock()
		close(free)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
	})
}

// The client ends within its deadline, whatever a signer or a policy does that heeds its
// context; what does not is named, and Done waits for it.
// Shows D49.
func TestStopWhileASignerHangs(t *testing.T) {
	t.Run("it heeds its context", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay(relayURL, nostrtest.WithAuth())
			s := &signer{Signer: me.Signer(), takes: time.Hour}
			client := kit.Launch(t, memberOf(1), over(network, gennostr.WithSigner(s))...)
			time.Sleep(time.Second)
			require.Equal(t, 1, s.asked())
			began := time.Now()
			require.NoError(t, client.Stop(t.Context()))
			assert.Less(t, time.Since(began), 5*time.Second)
		})
	})
	for name, hangs := range map[string]func(free chan struct{}) gennostr.Option{
		"a signer that does not": func(free chan struct{}) gennostr.Option {
			return gennostr.WithSigner(&signer{Signer: me.Signer(), instead: func(context.Context) error { <-free; return nil }})
		},
		"a policy": func(free chan struct{}) gennostr.Option {
			return gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
				<-free
				return gennostr.AuthDecision{}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayURL, nostrtest.WithAuth())
				free := make(chan struct{})
				client := kit.Launch(t, memberOf(1), over(network, gennostr.WithSigner(me.Signer()), hangs(free))...)
				time.Sleep(time.Second)
				began := time.Now()
				var late *gennostr.ShutdownError
				require.ErrorAs(t, client.Stop(t.Context()), &late)
				assert.Contains(t, late.Running, "a Signer")
				assert.Less(t, time.Since(began), 8*time.Second)
				synctest.Wait()
				assert.False(t, kit.Closed(client.Done()))
				close(free)
				<-client.Done()
			})
		})
	}
}

// A policy that blocks delays nothing but AUTH, and that for ever.
func TestAPolicyThatBlocks(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := private(network, relayURL)
		m := mailAndNotes()
		free := make(chan struct{})
		client := join(t, m, network, gennostr.WithSigner(me.Signer()),
			gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
				<-free
				return gennostr.AuthDecision{}
			}))
		time.Sleep(time.Minute)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["notes"])
		assert.NotEqual(t, gennostr.SubscriptionLive, states(client)["wraps"])
		assert.ErrorContains(t, m.last().Err, "has not decided")
		assert.Zero(t, auths(relay)[1])
		close(free)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, gennostr.SubscriptionLive, states(client)["wraps"])
	})
}

// Clients that stop in the middle of an AUTH, early or late, leave nothing behind.
func TestNothingIsLeftBehind(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithAuth())
		for range 20 {
			s := &signer{Signer: me.Signer(), takes: 50 * time.Millisecond}
			client := kit.Launch(t, memberOf(3), over(network, gennostr.WithSigner(s))...)
			time.Sleep(time.Duration(20+s.asked()) * time.Millisecond)
			require.NoError(t, client.Stop(t.Context()))
		}
	})
}
