package accidents_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A relay that takes its time, as those behind Tor do, stands in the queue with
// black holes: that its dial is given up for them says nothing of it.
func TestADialThatIsGivenUpIsNoAttemptOfItsRelay(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		h := &holes{network: network}
		slow := network.NewRelay("ws://slow.example/")
		dial := func(ctx context.Context, protocol, addr string) (net.Conn, error) {
			if addr == "slow.example:80" {
				select {
				case <-time.After(4 * time.Second): // virtual
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			return h.dial(ctx, protocol, addr)
		}
		r := &kit.Recorder{}
		client := kit.Start(t, r, gennostr.WithDialContext(dial), gennostr.WithMaxDials(1), gennostr.WithReconnectJitter(0),
			gennostr.WithMaxAttempts(1), gennostr.WithRelays(append([]string{slow.URL()}, h.urls(5)...)...))
		time.Sleep(3 * time.Second) // virtual
		synctest.Wait()
		var failed *gennostr.DialError
		require.ErrorAs(t, kit.SameEnd(t, kit.OfRelay(r.All(), slow.URL())), &failed)
		require.ErrorIs(t, failed, gennostr.ErrDialAborted)
		assert.NotErrorIs(t, failed, gennostr.ErrGaveUp)
		assert.Zero(t, failed.Failures)
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		status, known := client.Relay(slow.URL())
		require.True(t, known, "removed because others pushed it away")
		assert.Equal(t, gennostr.RelayConnected, status.State)
		for _, url := range h.urls(5) {
			assert.ErrorIs(t, kit.SameEnd(t, kit.OfRelay(r.All(), url)), gennostr.ErrGaveUp, "the dead are given up")
		}
	})
}
