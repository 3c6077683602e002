package gennostr_test

import (
	"testing"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// R44 once more, for a bug that nothing from outside brings out today: in the
// checks that a relay's event goes through.
func TestAPanicInTheChecksDisturbsNoOtherRelay(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		kit.OneForOne(t, network, gennostr.WithHTTPClient(network.HTTPClient()), func(client *gennostr.Client) {
			gennostr.BreakChecks(client, "wss://a.example/")
		})
	})
}
