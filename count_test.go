package gennostr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Shows P54, Q02.
func TestCountAsksEachRelayForEachFilter(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := crowdedStore(40, 0, 4)
		network.NewRelay(relayA).Publish(events...)
		b := network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.CountLastFilter())) // khatru
		b.Publish(events[:20]...)
		h := &countHandler{}
		client := start(t, h, over(network, quietly(), gennostr.WithRelays(relayA, relayB))...)
		report, err := client.Count(t.Context(), []nostr.Filter{ofKind(1), ofKind(7)})
		require.NoError(t, err)
		require.Len(t, report.Relays, 2)
		for i, n := range []int64{10, 5} {
			relay := report.Relays[i]
			assert.Equal(t, n, relay.Filters[0].N, relay.URL)
			assert.Equal(t, n, relay.Filters[1].N, relay.URL)
			sum, known := relay.Sum()
			assert.True(t, known)
			assert.Equal(t, 2*n, sum)
		}
		report, err = client.Count(t.Context(), []nostr.Filter{ofKind(1), {Authors: []nostr.PubKey{{}}}}, gennostr.On(relayA))
		require.NoError(t, err)
		_, known := report.Relays[0].Sum()
		assert.False(t, known, "an event may be in both")
		synctest.Wait()
		assert.Zero(t, h.counts, "they are nobody else's")
		require.NoError(t, client.Send(relayA, gennostr.CountReq{SubscriptionID: "mine", Filters: []nostr.Filter{ofKind(1)}}))
		synctest.Wait()
		assert.Equal(t, 1, h.counts)
		require.ErrorIs(t, client.Send(relayA, gennostr.CountReq{SubscriptionID: "gn:n1", Filters: []nostr.Filter{ofKind(1)}}), gennostr.ErrReservedSubscriptionID)
	})
}

// countHandler counts what OnCount and OnClosed are told.
type countHandler struct {
	gennostr.BaseHandler
	counts, closed int
}

func (h *countHandler) OnCount(*gennostr.Self, gennostr.Relay, gennostr.CountMessage) error {
	h.counts++
	return nil
}

func (h *countHandler) OnClosed(*gennostr.Self, gennostr.Relay, gennostr.ClosedMessage) error {
	h.closed++
	return nil
}

// Shows P55, Q03.
func TestRelaysThatDoNotCount(t *testing.T) {
	for name, test := range map[string]struct {
		fault nostrtest.Fault
		takes time.Duration
		want  func(*testing.T, error)
	}{
		"CLOSED": {nostrtest.RefuseRequests("unsupported: COUNT").On("COUNT"), 0, refusedWith("unsupported: COUNT")},
		"NOTICE": {nostrtest.NoticeInstead("ERROR: unknown cmd COUNT").On("COUNT"), time.Second, refusedWith("ERROR: unknown cmd COUNT")},
		"silence": {nostrtest.NoAnswer().On("COUNT"), 10 * time.Second, func(t *testing.T, err error) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithFaults(test.fault))
				network.NewRelay(relayB).Publish(stored(3)...)
				h := &countHandler{}
				client := start(t, h, over(network, quietly(), gennostr.WithRelays(relayA, relayB))...)
				require.NoError(t, client.Ready(t.Context(), 2))
				began := time.Now()
				report, err := client.Count(t.Context(), []nostr.Filter{ofKind(1)})
				assert.Equal(t, test.takes, time.Since(began))
				test.want(t, err)
				test.want(t, report.Relays[0].Filters[0].Err)
				assert.EqualValues(t, 3, report.Relays[1].Filters[0].N)
				synctest.Wait()
				assert.Zero(t, h.closed)
				assert.Zero(t, gennostr.OpenQueries(client))
			})
		})
	}
}

// A relay may answer the first message while the supervisor sends the others: here it says
// once that it does not know COUNT, and the other filters are so long that mostly not all of
// them have been sent by then.
func TestANoticeThatComesWhileCountsAreSent(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(
			nostrtest.NoticeInstead("ERROR: unknown cmd COUNT").On("COUNT").Times(1), nostrtest.NoAnswer().On("COUNT").From(2)))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		filters := []nostr.Filter{ofKind(1)}
		for i := range 7 {
			f := nostr.Filter{IDs: make([]nostr.ID, 800)}
			for j := range f.IDs {
				f.IDs[j] = nostr.ID{byte(i), byte(j), byte(j >> 8)}
			}
			filters = append(filters, f)
		}
		began := time.Now()
		_, err := client.Count(t.Context(), filters)
		refusedWith("ERROR: unknown cmd COUNT")(t, err)
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func refusedWith(words string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var refused *gennostr.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, words, refused.Message)
	}
}

// The registers of relays merge (NIP-45), whatever each has counted.
// Shows P54, P56.
func TestCountsMergeRegisters(t *testing.T) {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(relayA, relayB), quietly())
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(relayA))
	require.NoError(t, h.Connect(relayB))
	counted := make(chan gennostr.CountReport, 1)
	go func() { // ends with the answers
		report, err := h.Client().Count(context.Background(), []nostr.Filter{ofKind(1)})
		assert.NoError(t, err)
		counted <- report
	}()
	var sent []gennostr.Sent
	require.Eventually(t, func() bool { sent = append(sent, h.Sent()...); return len(sent) == 2 }, time.Minute, time.Millisecond)
	for i, s := range sent {
		registers := make([]byte, 256)
		registers[0], registers[i+1] = byte(1+i), 7
		req := s.Message.(gennostr.CountReq)
		require.NoError(t, h.Deliver(s.URL, gennostr.CountMessage{SubscriptionID: req.SubscriptionID, Count: 5, Approximate: i == 1, HLL: registers}))
	}
	report := within(t, "the counts", counted)
	want := make([]byte, 256)
	want[0], want[1], want[2] = 2, 7, 7
	assert.Equal(t, want, report.HLL(0))
	assert.Nil(t, report.HLL(1))
	approximate := 0
	for _, c := range report.Relays {
		if c.Filters[0].Approximate {
			approximate++
		}
	}
	assert.Equal(t, 1, approximate)
}
