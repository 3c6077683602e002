package intake_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// A few bytes become megabytes when they are decompressed, with nothing to wait for:
// others do not wait for what its reader may bring next.
func TestNobodyWaitsForAReaderWithALongMessage(t *testing.T) {
	b := newBench(t, ample)
	synctest.Test(t, func(t *testing.T) {
		pool := verify.NewPool(verify.Config{Workers: 1, MaxBatch: 100, NewCheck: func() verify.Check {
			return func([]*nostr.Event, []error) {}
		}})
		defer pool.Stop()
		in := intake.New(intake.NewShared(pool, true), b.Config)
		delivered := false
		other := verify.NewLane(pool, func(int, error) { delivered = true })
		in.Lane().Expect()
		other.Submit(1, event(1, true))
		synctest.Wait()
		require.False(t, delivered, "more is at hand")
		require.True(t, in.Room(intake.Tedious+1), "there is room at once")
		synctest.Wait()
		assert.True(t, delivered)
		in.Drain()
		other.Drain()
	})
}
