package gennostr_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A program that was suspended while an AUTH was on its way reads the relay's answer
// before it gives anybody up.
// Shows L30.
func TestASuspendedProgramWaitsForTheAnswerToItsAuth(t *testing.T) {
	for name, test := range map[string]struct {
		fault   nostrtest.Fault
		verdict gennostr.Verdict
	}{
		"that comes":       {nostrtest.Late(500 * time.Millisecond), gennostr.Accepted},
		"that never comes": {nostrtest.Lose(), gennostr.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithAuth(), nostrtest.WithFaults(
					test.fault.Of("OK").Times(1), nostrtest.RefuseEvents(wantsAuth).Times(1)))
				var slept atomic.Int64
				client, err := gennostr.StartAt(t.Context(), func() time.Time { return time.Now().Add(time.Duration(slept.Load())) },
					over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSigner(me.Signer()))...)
				require.NoError(t, err)
				defer func() { assert.NoError(t, client.Stop(context.Background())) }()
				require.NoError(t, client.Ready(t.Context(), 1))
				synctest.Wait() // the AUTH is answered, with the first OK
				pub, err := client.StartPublish(numbered(1)[0], gennostr.GiveUpAfter(24*time.Hour))
				require.NoError(t, err)
				synctest.Wait()  // refused until then
				look := func() { // the timer of the supervisor does not know of the test's clock
					client.Guests()
					synctest.Wait()
				}
				slept.Store(int64(10 * time.Minute))
				look()
				time.Sleep(2 * time.Second)
				look()
				r, err := pub.Wait(t.Context())
				assert.Equal(t, test.verdict, r.Outcomes[0].Verdict, err)
				if test.verdict == gennostr.Refused {
					assert.ErrorContains(t, r.Outcomes[0].Err, "has not answered the AUTH")
				}
			})
		})
	}
}
