package gennostr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What queries may take in all, whoever asks and whatever comes.

// Shows D42, B11.
func TestWithMaxQueriesBoundsThem(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("REQ", "COUNT")))
		network.NewRelay(relayB).Publish(textNotes(3)...)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithMaxQueries(3))
		ctx, cancel := context.WithCancel(t.Context())
		var open sync.WaitGroup
		for range 2 {
			open.Go(func() { _, _ = client.Fetch(ctx, []nostr.Filter{ofKind(1)}) }) // ends with ctx
		}
		open.Go(func() { _, _ = client.Count(ctx, []nostr.Filter{ofKind(1)}) }) // likewise
		synctest.Wait()
		assert.Equal(t, 3, client.Stats().Queries)

		began := time.Now()
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.On(relayB))
		require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
		require.ErrorAs(t, err, new(*gennostr.IncompleteError))
		_, err = client.FetchOne(t.Context(), ofKind(1), gennostr.On(relayB))
		require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
		require.NotErrorIs(t, err, gennostr.ErrNotFound)
		_, err = client.Count(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.On(relayB))
		require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
		for _, err := range client.Query(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.On(relayB)) {
			require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
		}
		assert.Zero(t, time.Since(began))
		assert.Equal(t, 3, client.Stats().Queries)

		cancel()
		open.Wait()
		assert.Zero(t, client.Stats().Queries)
	})
}

// One after the other they need one place, however they end.
func TestAQueryThatIsOverLeavesItsPlaceAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA).Publish(textNotes(3)...)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithMaxQueries(1))
		require.NoError(t, client.Ready(t.Context(), 1))
		for range 100 {
			_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
			require.NoError(t, err)
			for _, err := range client.Query(t.Context(), []nostr.Filter{ofKind(1)}) {
				require.NoError(t, err)
				break
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			_, err = client.Fetch(ctx, []nostr.Filter{ofKind(1)})
			cancel()
			require.NotErrorIs(t, err, gennostr.ErrTooManyQueries)
		}
		assert.Zero(t, client.Stats().Queries)
		assert.Zero(t, client.Stats().QueryBytes)
	})
}

// The handler's count until it has been told, and it is told of those that were refused.
// Shows B11.
func TestSelfQueryIsBoundedUntilTheHandlerIsTold(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA).Publish(textNotes(3)...)
		answered, refused := 0, 0
		done := make(chan struct{})
		var client *gennostr.Client
		r := newBot(func(self *gennostr.Self, n note) error {
			if n.Name != "HandleInfo" {
				return nil
			}
			for range 50 {
				self.Query([]nostr.Filter{ofKind(1)}, func(report gennostr.QueryReport) error {
					if err := report.Err(); err != nil {
						require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
						refused++
					} else {
						answered++
					}
					if answered+refused == 50 {
						close(done)
					}
					return nil
				})
			}
			time.Sleep(time.Second) // they have been answered
			assert.Equal(t, 10, client.Stats().Queries)
			assert.Positive(t, client.Stats().QueryBytes)
			return nil
		})
		client = start(t, r, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithMaxQueries(10))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Notify(nil))
		within(t, "the reports", done)
		assert.Equal(t, []int{10, 40}, []int{answered, refused})
		assert.Zero(t, client.Stats().Queries)
		assert.Zero(t, client.Stats().QueryBytes)
	})
}

// A handler that cannot stop asking is told of what was refused as far as that may wait.
func TestWhatSelfQueryWasRefusedIsBoundedToo(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var log bytes.Buffer
		network.NewRelay(relayA)
		told := 0
		r := newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				for range 50 {
					self.Query([]nostr.Filter{ofKind(1)}, func(gennostr.QueryReport) error { told++; return nil })
				}
			}
			return nil
		})
		client := start(t, r, over(network, gennostr.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), gennostr.WithRelays(relayA),
			gennostr.WithMaxQueries(10), gennostr.WithMailboxLimit(20))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Notify(nil))
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, 30, told)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 20, strings.Count(log.String(), "the handler not told"))
	})
}

// What relays send to many queries at once stays within one budget, and what is too much for it
// is said to be.
// Shows D42, B11.
func TestWithQueryBudgetBoundsWhatAllQueriesHold(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const budget = 4 << 20
		relay := network.NewRelay(relayA)
		for i := range 400 {
			e := madeUp(i, nostr.Timestamp(900_000_000+i), 1)
			e.Content = strings.Repeat("x", 2_000)
			relay.Publish(e)
		}
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithQueryBudget(budget))
		require.NoError(t, client.Ready(t.Context(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		var open sync.WaitGroup
		var mu sync.Mutex
		ended, tooLarge := 0, 0
		relay.Break(nostrtest.NoEOSE()) // so that nobody hands anything over
		for range 12 {
			open.Go(func() { // ends with ctx
				_, err := client.Fetch(ctx, []nostr.Filter{ofKind(1)}, gennostr.WithDeadline(time.Minute))
				mu.Lock()
				defer mu.Unlock()
				assert.Error(t, err)
				if ended++; errors.Is(err, gennostr.ErrQueryTooLarge) {
					tooLarge++
				}
			})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		held := client.Stats().QueryBytes
		assert.LessOrEqual(t, held, int64(budget))
		assert.Greater(t, held, int64(budget/2), "and is used")
		mu.Lock()
		assert.Positive(t, tooLarge)
		assert.Less(t, tooLarge, 12, "it costs those that came last, not all")
		mu.Unlock()
		cancel()
		open.Wait()
		assert.Equal(t, 12, ended)
		assert.Zero(t, client.Stats().QueryBytes)

		relay.Mend()
		for range 20 { // what was held is there again
			report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1).WithLimit(100)})
			require.NoError(t, err)
			assert.Len(t, report.Events, 100)
		}
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.AllPages())
		require.NoError(t, err)
	})
}

// What waits for a loop counts until it is left, though all relays have answered long ago.
func TestALoopKeepsItsPlaceUntilItIsLeft(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA).Publish(textNotes(100)...)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithMaxQueries(1))
		require.NoError(t, client.Ready(t.Context(), 1))
		came := 0
		for _, err := range client.Query(t.Context(), []nostr.Filter{ofKind(1)}) {
			require.NoError(t, err)
			if came++; came == 1 {
				time.Sleep(time.Second) // all of them are there
				synctest.Wait()
				assert.Equal(t, 1, client.Stats().Queries)
				assert.Greater(t, client.Stats().QueryBytes, int64(99*400))
				_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
				require.ErrorIs(t, err, gennostr.ErrTooManyQueries)
			}
		}
		assert.Equal(t, 100, came)
		assert.Zero(t, client.Stats().Queries)
		assert.Zero(t, client.Stats().QueryBytes)
	})
}
