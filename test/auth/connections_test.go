package auth_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Ten subscriptions and ten publications that need AUTH on a fresh connection: one AUTH,
// and all twenty work, 400 connections in a row (L24), whenever the challenge comes: at once,
// with the first refusal or after all of them, and if it is answered only when something has
// been refused.
// Shows P40, P41, P42, P46, L13, L24.
func TestOneAuthForTwenty400ConnectionsInARow(t *testing.T) {
	rounds := kit.Sized(400, 40)
	notes := make([][]*nostr.Event, rounds) // signed once for all relays
	for round := range notes {
		for i := range 10 {
			notes[round] = append(notes[round], nostrtest.TextNoteAt(946_684_800, me, fmt.Sprint(round, " ", i))) // when virtual time begins
		}
	}
	for name, c := range map[string]struct {
		rounds int
		faults []nostrtest.Fault
		when   gennostr.AuthTiming
	}{
		"a challenge at once":                           {rounds, []nostrtest.Fault{nostrtest.LateChallenge(0)}, gennostr.AuthDefault},
		"a challenge at once, answered when need be":    {rounds / 4, []nostrtest.Fault{nostrtest.LateChallenge(0)}, gennostr.AuthWhenNeeded},
		"a challenge with the first refusal":            {rounds, nil, gennostr.AuthDefault},
		"a challenge when all twenty have been refused": {rounds, []nostrtest.Fault{nostrtest.NoChallenge(), nostrtest.LateChallenge(50 * time.Millisecond)}, gennostr.AuthDefault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				var refused atomic.Int64
				policy := func(c nostrtest.Connection) string {
					no := known(c)
					if no != "" {
						refused.Add(1)
					}
					return no
				}
				relay := network.NewRelay(relayURL, nostrtest.WithFaults(c.faults...),
					nostrtest.WithReadPolicy(func(c nostrtest.Connection, _ nostrtest.Request) string { return policy(c) }),
					nostrtest.WithPolicy(func(c nostrtest.Connection, _ *nostr.Event) string { return policy(c) }))
				s := &signer{Signer: me.Signer(), takes: 20 * time.Millisecond}
				m := memberOf(10)
				client := join(t, m, network, gennostr.WithSigner(s), gennostr.WithAuthPolicy(
					func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
						return gennostr.AuthDecision{When: c.when}
					}))
				for round, events := range notes[:c.rounds] {
					require.NoError(t, client.Ready(t.Context(), 1))
					publishMany(t, client, events)
					kit.WaitUntil(t, "live", func() bool { return live(client) })
					require.Equal(t, round+1, s.asked(), "one signature for each connection")
					status, ok := client.Relay(relayURL)
					require.True(t, ok)
					require.Equal(t, []nostr.PubKey{me.PubKey()}, status.Authenticated)
					conns := relay.Connections()
					require.Equal(t, []nostr.PubKey{me.PubKey()}, conns[len(conns)-1].Authenticated)
					kit.WaitUntil(t, "all", func() bool { return m.count() == 100*(round+1) })
					require.Equal(t, int64(20*(round+1)), refused.Load(), "each of them once: the AUTH is not signed yet")
					relay.Clear() // else each connection brings all that there ever was
					relay.DisconnectAll()
					kit.WaitUntil(t, "cut", func() bool { st, _ := client.Relay(relayURL); return st.Connects == round+2 })
				}
				for id, n := range m.seen() {
					require.Equal(t, 10, n, "event %v comes once for each subscription", id)
				}
				assert.Empty(t, m.authErrors())
			})
		})
	}
}

func known(c nostrtest.Connection) string {
	if len(c.Authenticated) == 0 {
		return "auth-required: members only"
	}
	return ""
}

// count is how many events came, once for each subscription.
func (m *member) count() (n int) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	for _, times := range m.Heard {
		n += times
	}
	return n
}

func (m *member) seen() map[nostr.ID]int {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	all := make(map[nostr.ID]int, len(m.Heard))
	for id, n := range m.Heard {
		all[id] = n
	}
	return all
}

// The relay tag is the URL as it was written, byte for byte (Q01).
// Shows Q01, L33.
func TestARelayThatComparesItsURLByteForByte(t *testing.T) {
	for _, url := range []string{relayURL, "wss://relay.example"} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayURL, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.ExactAuthURL()))
			m := memberOf(1)
			client := join(t, m, network, gennostr.WithSigner(me.Signer()), gennostr.WithRelays(url))
			require.NoError(t, client.RemoveRelay(relayURL))
			time.Sleep(time.Second)
			require.NoError(t, client.AddRelay(url))
			time.Sleep(10 * time.Second)
			if url == relay.URL() {
				assert.True(t, live(client))
			} else {
				require.Len(t, m.authErrors(), 1, "it says which tag it wants")
				assert.Equal(t, gennostr.SubscriptionRefused, states(client)["s0"])
			}
		})
	}
}

// What a relay has challenged with is answered whenever it comes, and the latest counts.
// Shows P38.
func TestChallengesThatComeLateAndAgain(t *testing.T) {
	for name, faults := range map[string][]nostrtest.Fault{
		"after 3 s":                 {nostrtest.NoChallenge(), nostrtest.LateChallenge(3 * time.Second)},
		"after 30 s":                {nostrtest.NoChallenge(), nostrtest.LateChallenge(30 * time.Second)},
		"another with each refusal": {nostrtest.AuthStorm(1).After("CLOSED")},
		"another before the answer": {nostrtest.AuthStorm(1).On("AUTH").Times(3)},
		"a hundred at once":         {nostrtest.AuthStorm(100)},
	} {
		for _, when := range []gennostr.AuthTiming{gennostr.AuthDefault, gennostr.AuthWhenNeeded} {
			t.Run(name+", "+when.String(), func(t *testing.T) {
				kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
					relay := network.NewRelay(relayURL, nostrtest.WithFaults(faults...),
						nostrtest.WithReadPolicy(func(c nostrtest.Connection, _ nostrtest.Request) string { return known(c) }))
					m := memberOf(3)
					client := join(t, m, network, gennostr.WithSigner(me.Signer()),
						gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
							return gennostr.AuthDecision{When: when}
						}))
					kit.WaitUntil(t, "live", func() bool { return live(client) })
					assert.LessOrEqual(t, auths(relay)[1], 8)
					assert.Empty(t, m.authErrors())
				})
			})
		}
	}
}

// Q05: it wants AUTH and never challenges. That is said once, and asked no more.
// Shows Q05.
func TestARelayThatNeverChallenges(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.NoChallenge()),
			nostrtest.WithReadPolicy(func(c nostrtest.Connection, _ nostrtest.Request) string { return known(c) }))
		m := memberOf(1)
		client := join(t, m, network, gennostr.WithSigner(me.Signer()))
		time.Sleep(time.Hour)
		assert.Len(t, relay.Requests(), 1)
		assert.Equal(t, gennostr.SubscriptionRefused, states(client)["s0"])
		assert.ErrorContains(t, m.last().Err, "no challenge")
		assert.Equal(t, "auth-required: members only", m.last().Message)
	})
}

// P43: neither a refused AUTH nor "restricted:" is asked again and again.
// Shows P43.
func TestRefusalsAreNoLoop(t *testing.T) {
	for name, c := range map[string]struct {
		options []nostrtest.Option
		reqs    int
		failed  int
	}{
		"the AUTH is refused": {[]nostrtest.Option{nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.RejectAuth("restricted: not you"))}, 1, 1},
		"restricted": {[]nostrtest.Option{nostrtest.WithAuth(), nostrtest.WithReadPolicy(
			func(nostrtest.Connection, nostrtest.Request) string { return "restricted: not you" })}, 3, 0},
		"AUTH is never enough": {[]nostrtest.Option{nostrtest.WithReadPolicy(
			func(nostrtest.Connection, nostrtest.Request) string { return "auth-required: more" })}, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, c.options...)
				m := memberOf(1)
				client := join(t, m, network, gennostr.WithSigner(me.Signer()))
				time.Sleep(time.Hour)
				assert.LessOrEqual(t, len(relay.Requests()), c.reqs)
				assert.Equal(t, 1, auths(relay)[1])
				assert.Equal(t, gennostr.SubscriptionRefused, states(client)["s0"])
				assert.Len(t, m.authErrors(), c.failed)
				_, err := client.Publish(t.Context(), nostrtest.TextNote(me, "hello"))
				if name == "the AUTH is refused" {
					assert.ErrorContains(t, err, "has refused the AUTH")
				}
				assert.Equal(t, 1, auths(relay)[1])
			})
		})
	}
}

// The profiles of deployed relays: strfry wants AUTH for direct messages only, compares its
// URL, and knows one identity; khatru knows several.
// Shows P41, Q01, Q02.
func TestDirectMessagesOnDeployedRelays(t *testing.T) {
	for name, option := range map[string]nostrtest.Option{"strfry": nostrtest.Strfry(), "khatru": nostrtest.Khatru()} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, option)
				wrap := nostrtest.Event(alias, nostr.KindGiftWrap, "sealed", nostr.Tag{"p", me.PubKey().String()})
				relay.Publish(wrap)
				m := &member{names: []string{"wraps", "notes"}, filters: func(name string) []nostr.Filter {
					if name == "wraps" {
						return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap).WithTag("p", me.PubKey().String())}
					}
					return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
				}}
				client := join(t, m, network, gennostr.WithSigner(me.Signer()))
				kit.WaitUntil(t, "live", func() bool { return live(client) })
				kit.WaitUntil(t, "the message", func() bool { return m.seen()[wrap.ID] == 1 })
				assert.Empty(t, m.authErrors())
			})
		})
	}
}

// Where there is no AUTH to be had, a REQ that many share is not lost for one that needs it.
// Shows D31.
func TestAPackIsNotLostForOneThatNeedsAuth(t *testing.T) {
	const few = 30
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayURL, nostrtest.WithFaults(nostrtest.SubscriptionCap(5)),
			nostrtest.WithInfo(func(d *nip11.Document) { n := int64(5); d.Limitation.MaxSubscriptions = &n }),
			nostrtest.WithReadPolicy(func(c nostrtest.Connection, r nostrtest.Request) string {
				for _, f := range r.Filters {
					if f.Kinds[0] == nostr.KindGiftWrap {
						return known(c)
					}
				}
				return ""
			}))
		m := memberOf(few)
		m.filters = func(name string) []nostr.Filter {
			if name == "s17" {
				return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap)}
			}
			return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("t", name)}
		}
		client := join(t, m, network)
		kit.WaitUntil(t, "all but one", func() bool {
			n := 0
			for _, s := range client.Subscriptions() {
				n += s.Live
			}
			return n == few-1
		})
		time.Sleep(time.Minute)
		for name, state := range states(client) {
			want := gennostr.SubscriptionLive
			if name == "s17" {
				want = gennostr.SubscriptionRefused
			}
			assert.Equal(t, want, state, name)
		}
		m.Mu.Lock()
		defer m.Mu.Unlock()
		for _, c := range m.Changes {
			if c.State == gennostr.SubscriptionRefused {
				assert.ErrorIs(t, c.Err, gennostr.ErrNoSigner)
			}
		}
	})
}

// P53: a relay that says that it serves nobody without AUTH is asked nothing before that,
// once that is known. If it lies, or challenges only when it refuses something, that costs
// a second.
// Shows P53.
func TestARelayThatServesNobodyWithoutAuthIsAskedNothingBefore(t *testing.T) {
	says := nostrtest.WithInfo(func(d *nip11.Document) { d.Limitation.AuthRequired = true })
	onNeed := nostrtest.WithReadPolicy(func(c nostrtest.Connection, _ nostrtest.Request) string { return known(c) })
	for name, c := range map[string]struct {
		options []nostrtest.Option
		first   string
		within  time.Duration
	}{
		"it challenges at once":       {[]nostrtest.Option{says, nostrtest.WithAuth()}, "AUTH", 100 * time.Millisecond},
		"it challenges when it needs": {[]nostrtest.Option{says, onNeed}, "REQ", 1100 * time.Millisecond},
		"it serves everybody":         {[]nostrtest.Option{says}, "REQ", 1100 * time.Millisecond},
		"it refuses the AUTH": {[]nostrtest.Option{says, nostrtest.WithAuth(),
			nostrtest.WithFaults(nostrtest.RejectAuth("restricted: no"))}, "AUTH", 0},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayURL, c.options...)
				client := join(t, memberOf(2), network, gennostr.WithSigner(me.Signer()))
				time.Sleep(30 * time.Second)
				relay.DisconnectAll()
				time.Sleep(20 * time.Millisecond)
				published := make(chan error, 1)
				go func() { // ends with the client; joined below
					_, err := client.Publish(t.Context(), nostrtest.TextNote(me, "hello"))
					published <- err
				}()
				began := time.Now()
				if c.within > 0 {
					kit.WaitUntil(t, "live", func() bool { return live(client) })
					assert.Less(t, time.Since(began), c.within)
					assert.NoError(t, <-published)
				} else {
					assert.Error(t, <-published)
				}
				for _, m := range relay.Received() {
					if m.Connection == 2 {
						assert.Equal(t, c.first, m.Verb)
						break
					}
				}
				closed := 0
				for _, w := range relay.WireLog() {
					if w.Connection == 2 && strings.Contains(w.Text, `["CLOSED"`) {
						closed++
					}
				}
				assert.Equal(t, name == "it challenges at once" || name == "it serves everybody", closed == 0)
			})
		})
	}
}
