package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// L13: ten thousand challenges in a row, again and again. Memory stays flat, signatures and
// questions to the policy are few, and everything works.
// Shows L13.
func TestAStormOfTenThousandChallenges(t *testing.T) {
	for name, opts := range map[string][]gennostr.Option{
		"no signer":  nil,
		"a signer":   {gennostr.WithSigner(me.Signer())},
		"a slow one": {gennostr.WithSigner(&signer{Signer: me.Signer(), takes: 2 * time.Second})},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				storms := kit.Sized(10, 2)
				relay := network.NewRelay(relayURL)
				m := memberOf(3)
				consulted := 0
				client := join(t, m, network, append(opts,
					gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
						consulted++
						return gennostr.AuthDecision{}
					}))...)
				kit.WaitUntil(t, "live", func() bool { return live(client) })
				storm := func(n int) {
					relay.Break(nostrtest.AuthStorm(n).Times(1))
					kit.WaitUntil(t, "the storm", func() bool { return m.challenged() >= n })
					m.Mu.Lock()
					m.challenges = 0
					m.Mu.Unlock()
					relay.Mend()
				}
				storm(1000)
				before := kit.Heap()
				for range storms {
					storm(kit.Sized(10_000, 3_000))
				}
				time.Sleep(30 * time.Second)
				kit.WaitUntil(t, "live", func() bool { return live(client) })
				after := kit.Heap()
				t.Logf("heap %d → %d KiB, %d AUTHs, %d questions", before>>10, after>>10, len(relay.Received()), consulted)
				assert.Less(t, after, before+2<<20)
				for conn, n := range auths(relay) {
					assert.LessOrEqual(t, n, 8, "on connection %d", conn)
				}
				assert.LessOrEqual(t, consulted, 8*(storms+2))
				publishMany(t, client, []*nostr.Event{nostrtest.TextNote(me, "after the storm")})
			})
		})
	}
}

func (m *member) challenged() int {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return m.challenges
}
