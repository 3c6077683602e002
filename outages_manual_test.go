package gennostr_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// DESIGN 2: a line for each change of state. A handler that adds its relay again, and
// not in OnDisconnect, changes nothing about that: the relay was away all the time.
func TestARelayThatIsDownAndAddedAgainIsStillTheSameOutage(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example/")
		relay.Stop()
		var log journal
		client := start(t, nil, over(network, log.Option(), gennostr.WithManualReconnect(), gennostr.WithRelays(relay.URL()))...)
		for range 30 {
			time.Sleep(time.Minute) // virtual
			synctest.Wait()
			require.NoError(t, client.AddRelay(relay.URL()))
		}
		assert.Len(t, log.Lines("WARN"), 1)
		synctest.Wait()
		require.NoError(t, relay.Restart())
		require.NoError(t, client.AddRelay(relay.URL()))
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		require.Len(t, log.Lines("INFO"), 1)
		assert.Contains(t, log.Lines("INFO")[0], `msg="relay back" relay=wss://a.example/ away=30m0s failures=31`)
	})
}
