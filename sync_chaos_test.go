package gennostr_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Several at a time on relays that do everything wrong: each ends, and what it says is so.
func TestSyncsOfRelaysInChaos(t *testing.T) {
	done, complete := 0, 0
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(1000)
				time.Sleep(time.Until(notes[999].CreatedAt.Time()))
				faults := []nostrtest.Fault{nostrtest.Chaos(seed, nostrtest.ChaosFaults()...)}
				if seed%2 == 0 {
					faults = append(faults, nostrtest.NegentropyCap(100))
				}
				relay := network.NewRelay(relayA, nostrtest.WithFaults(faults...), nostrtest.WithNegentropyFrame(4096))
				relay.Publish(notes[:900]...)
				client := start(t, nil, over(network, quietly())...)
				type result struct {
					report gennostr.SyncReport
					err    error
					have   *archive
				}
				results := make(chan result)
				for i := range 3 {
					go func() {
						have := archiveOf(t, notes[30*(i+1):]...)
						report, err := client.Sync(t.Context(), relayA, ofKind(1).WithSince(notes[10].CreatedAt).WithUntil(notes[950].CreatedAt), have.set(), gennostr.Fetching(have.take))
						results <- result{report, err, have}
					}()
				}
				began := time.Now()
				for range 3 {
					r := <-results
					require.Less(t, time.Since(began), time.Hour)
					done++
					if !r.report.Complete {
						var failed *gennostr.SyncError
						require.True(t, errors.As(r.err, &failed))
						require.NotEmpty(t, r.report.Gaps)
						continue
					}
					complete++
					require.Len(t, r.report.Lacks, 51)
					if r.err == nil {
						require.Len(t, r.have.events, 1000-10, "%v", len(r.report.Absent))
					}
				}
				synctest.Wait()
				require.Zero(t, gennostr.OpenSyncs(client))
				require.Zero(t, gennostr.OpenQueries(client))
			})
		})
	}
	assert.Greater(t, complete, done/3)
}
