package gennostr_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

const relayC = "wss://c.example/"

// pool is a client without a handler, for relays that it trusts.
func pool(t testing.TB, network *nostrtest.Network, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	return start(t, nil, over(network, append(opts, quietly(), gennostr.WithTrustedRelay())...)...)
}

// madeUp is an event with an id and a signature of nobody's, the n-th of all.
func madeUp(n int, at nostr.Timestamp, kind nostr.Kind) *nostr.Event {
	e := &nostr.Event{CreatedAt: at, Kind: kind, Tags: nostr.Tags{}, Content: fmt.Sprint(n)}
	binary.BigEndian.PutUint64(e.ID[:], uint64(n)+1)
	return e
}

// idsOf is what came, as a set; nothing may have come twice.
func idsOf(t testing.TB, events []*nostr.Event) map[nostr.ID]bool {
	t.Helper()
	ids := make(map[nostr.ID]bool, len(events))
	for _, e := range events {
		require.False(t, ids[e.ID], "%s came twice", e.ID)
		ids[e.ID] = true
	}
	return ids
}

func TestFetchMergesWhatRelaysHave(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(30)
		network.NewRelay(relayA).Publish(notes[:20]...)
		b := network.NewRelay(relayB)
		b.Publish(notes[10:]...)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA, relayB))...)
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(nostr.KindTextNote)})
		require.NoError(t, err)
		assert.Len(t, idsOf(t, report.Events), 30)
		for i := range report.Events[1:] {
			assert.Negative(t, nostr.NewestFirst(report.Events[i], report.Events[i+1]))
		}
		assert.True(t, report.Complete())
		assert.Equal(t, []gennostr.RelayAnswer{{URL: relayA, Events: 20, Complete: true}, {URL: relayB, Events: 20, Complete: true}}, report.Relays)
		synctest.Wait()
		assert.Empty(t, b.Subscriptions())
	})
}

// A second may hold more than a relay gives at once: where the filter leaves something to
// divide it by, it comes whole.
// Shows P36, P37, P51, L15, D40.
func TestAStoreOfTenThousandEventsComesWhole(t *testing.T) {
	n := kit.Sized(10_000, 3_000)
	for name, cap := range map[string]nostrtest.Option{
		"a page cap that nobody tells": nostrtest.WithFaults(nostrtest.PageCap(500)),
		"one that the relay states":    nostrtest.WithLimits(nostrtest.Limits{Limit: 500, DefaultLimit: 500}),
		"with hints":                   nostrtest.WithHints(),
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, cap).Publish(crowdedStore(n, 700, 4)...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				filter := nostr.Filter{}.WithKinds(1, 6, 7, 16)
				report, err := client.Fetch(t.Context(), []nostr.Filter{filter}, gennostr.AllPages(), gennostr.WithDeadline(time.Minute))
				require.NoError(t, err)
				assert.Len(t, idsOf(t, report.Events), n)

				events := make([]*nostr.Event, 0, n)
				for e, err := range client.Query(t.Context(), []nostr.Filter{filter}, gennostr.AllPages(), gennostr.WithDeadline(time.Minute)) {
					require.NoError(t, err)
					events = append(events, e)
				}
				assert.Len(t, idsOf(t, events), n)
			})
		})
	}
}

// crowdedStore has n events of several kinds, dense of them in one second.
func crowdedStore(n, dense, kinds int) []*nostr.Event {
	events := make([]*nostr.Event, n)
	for i := range events {
		at := nostr.Timestamp(900_000_000 + i)
		if i >= n/2 && i < n/2+dense {
			at = nostr.Timestamp(900_000_000 + n/2)
		}
		events[i] = madeUp(i, at, []nostr.Kind{1, 6, 7, 16}[i%kinds])
	}
	return events
}

// Where nothing is left to divide a second by, that is said, and all the rest comes.
// Shows P37, L15.
func TestASecondThatNothingCanDivideIsReportedAndTheRestComes(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithLimits(nostrtest.Limits{Limit: 500, DefaultLimit: 500})).Publish(crowdedStore(10_000, 700, 1)...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.AllPages(), gennostr.WithDeadline(time.Minute))
		var gap *gennostr.GapError
		require.ErrorAs(t, err, &gap)
		assert.Equal(t, gennostr.Gap{Since: 900_005_000, Until: 900_005_000, Possible: gap.Gap.Possible}, gap.Gap)
		assert.False(t, report.Complete())
		assert.Len(t, idsOf(t, report.Events), 9_800, "500 of the second's 700, and all others")
	})
}

func TestFiveThousandAuthorsOfARelayThatTakesAHundred(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var lists []*nostr.Event
		filter := nostr.Filter{Kinds: []nostr.Kind{3}}
		n := kit.Sized(5_000, 1_000)
		for i := range n {
			e := madeUp(i, nostr.Timestamp(900_000_000+i%100), 3)
			binary.BigEndian.PutUint64(e.PubKey[:], uint64(i)+1)
			lists, filter.Authors = append(lists, e), append(filter.Authors, e.PubKey)
		}
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.ValueCap(100)), nostrtest.WithLimits(nostrtest.Limits{MessageLength: 64 << 10, Limit: 500})).Publish(lists...)
		network.NewRelay(relayB, nostrtest.WithLimits(nostrtest.Limits{MessageLength: 1 << 20})).Publish(lists...)
		client := pool(t, network, gennostr.WithRelays(relayA, relayB))
		for _, url := range []string{relayA, relayB} {
			report, err := client.Fetch(t.Context(), []nostr.Filter{filter}, gennostr.On(url), gennostr.WithDeadline(time.Minute))
			require.NoError(t, err)
			assert.Len(t, idsOf(t, report.Events), n, url)
		}
	})
}

// Shows L14, L26.
func TestOneGoodOneDeadAndOneSilentRelay(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA).Publish(textNotes(10)...)
		network.NewRelay(relayC, nostrtest.WithFaults(nostrtest.NoAnswer().On("REQ")))
		client := pool(t, network, gennostr.WithRelays(relayA, relayB, relayC)) // b is not there
		began := time.Now()
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(nostr.KindTextNote)})
		assert.Equal(t, 10*time.Second, time.Since(began), "the deadline")
		var incomplete *gennostr.IncompleteError
		require.ErrorAs(t, err, &incomplete)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, report.Events, 10)
		require.Len(t, report.Relays, 3)
		assert.Equal(t, gennostr.RelayAnswer{URL: relayA, Events: 10, Complete: true}, report.Relays[0])
		var dial *gennostr.DialError
		require.ErrorAs(t, report.Relays[1].Err, &dial)
		require.ErrorIs(t, report.Relays[2].Err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "1 of 3 relays have answered completely; wss://b.example/: 0 events: ")
	})
}

// Shows D42.
func TestOneDeadRelayAmongThreeCostsFetchOneNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(3)
		for _, url := range []string{relayA, relayC} {
			network.NewRelay(url).Publish(notes...)
		}
		client := pool(t, network, gennostr.WithRelays(relayA, relayB, relayC))
		for _, on := range [][]gennostr.QueryOption{nil, {gennostr.On(relayA, relayB, relayC)}, {gennostr.On("wss://nobody.example", relayC)}} {
			began := time.Now()
			e, err := client.FetchOne(t.Context(), ofKind(nostr.KindTextNote), on...)
			require.NoError(t, err)
			assert.Equal(t, notes[2].ID, e.ID, "the newest")
			assert.Less(t, time.Since(began), 100*time.Millisecond)
			e, err = client.FetchOne(t.Context(), nostr.Filter{IDs: []nostr.ID{notes[0].ID}}, on...)
			require.NoError(t, err)
			assert.Equal(t, notes[0].ID, e.ID)
		}
	})
}

// Of several ids the first event that comes need not be the newest.
func TestFetchOneOfSeveralIDsIsTheNewest(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(2)
		network.NewRelay(relayA).Publish(notes[0])
		network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.SlowAnswers(time.Second))).Publish(notes[1])
		client := pool(t, network, gennostr.WithRelays(relayA, relayB))
		e, err := client.FetchOne(t.Context(), nostr.Filter{IDs: []nostr.ID{notes[0].ID, notes[1].ID}})
		require.NoError(t, err)
		assert.Equal(t, notes[1].ID, e.ID)
	})
}

// An id needs no other relay's answer; anything else may be newer there.
func TestFetchOneOfAnIDEndsWithTheFirstHit(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(2)
		network.NewRelay(relayA).Publish(notes[0])
		slow := network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.SlowAnswers(3*time.Second)))
		slow.Publish(notes...)
		client := pool(t, network, gennostr.WithRelays(relayA, relayB))
		require.NoError(t, client.Ready(t.Context(), 2))
		began := time.Now()
		_, err := client.FetchOne(t.Context(), nostr.Filter{IDs: []nostr.ID{notes[0].ID}})
		require.NoError(t, err)
		assert.Less(t, time.Since(began), time.Second)
		e, err := client.FetchOne(t.Context(), ofKind(nostr.KindTextNote))
		require.NoError(t, err)
		assert.Equal(t, notes[1].ID, e.ID)
		assert.GreaterOrEqual(t, time.Since(began), 3*time.Second)
		time.Sleep(time.Minute) // it is slow to close, too
		assert.Empty(t, slow.Subscriptions())
	})
}

// Shows L14, L26.
func TestFetchOneSaysNotFoundOnlyIfEveryRelayDid(t *testing.T) {
	for name, fault := range map[string]nostrtest.Fault{
		"silent": nostrtest.NoAnswer().On("REQ"), "no EOSE": nostrtest.NoEOSE(), "refuses": nostrtest.RefuseRequests("blocked: not you"),
		"in trouble": nostrtest.RefuseRequests("error: database locked"), "lost": nostrtest.Cut().On("REQ"), "black hole": nostrtest.IgnoreHandshake(),
		"dead": nostrtest.RefuseHandshake(503, 0), "says that there is more": nostrtest.EOSEHints("more"), "says both": nostrtest.EOSEHints("finish", "more"), "notice": nostrtest.NoticeInstead("ERROR: bad req").On("REQ"),
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA)
				b := network.NewRelay(relayB, nostrtest.WithFaults(fault))
				client := pool(t, network, gennostr.WithRelays(relayA, relayB))
				_, err := client.FetchOne(t.Context(), ofKind(nostr.KindTextNote))
				require.Error(t, err)
				require.NotErrorIs(t, err, gennostr.ErrNotFound)
				var incomplete *gennostr.IncompleteError
				require.ErrorAs(t, err, &incomplete)
				assert.True(t, incomplete.Relays[0].Complete)
				assert.False(t, incomplete.Relays[1].Complete)
				require.Error(t, incomplete.Relays[1].Err)
				b.Mend()
				time.Sleep(time.Minute)
				_, err = client.FetchOne(t.Context(), ofKind(nostr.KindTextNote))
				require.ErrorIs(t, err, gennostr.ErrNotFound)
			})
		})
	}
}

// Shows P30.
func TestARefusedQueryTellsTheRelaysWords(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseRequests("restricted: members only")))
		client := pool(t, network, gennostr.WithRelays(relayA))
		began := time.Now()
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		var refused *gennostr.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, gennostr.RefusedError{URL: relayA, Message: "restricted: members only"}, *refused)
		assert.Less(t, time.Since(began), time.Second)
	})
}

// Shows L14, L32.
func TestAQueryOfNoRelayIsNoAnswer(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := pool(t, network)
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		require.ErrorIs(t, err, gennostr.ErrNoRelay)
		_, err = client.FetchOne(t.Context(), ofKind(1))
		require.ErrorIs(t, err, gennostr.ErrNoRelay)
		require.NotErrorIs(t, err, gennostr.ErrNotFound)
		_, err = client.Count(t.Context(), []nostr.Filter{ofKind(1)})
		require.ErrorIs(t, err, gennostr.ErrNoRelay)
	})
}

// Shows P18, L18.
func TestAnEmptyListGivesNoEventsAndNoError(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		relay.Publish(textNotes(3)...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		nobody := []nostr.Filter{{Authors: []nostr.PubKey{}}}
		report, err := client.Fetch(t.Context(), nobody)
		require.NoError(t, err)
		assert.Empty(t, report.Events)
		for range client.Query(t.Context(), nobody) {
			t.Fatal("something of nothing")
		}
		counts, err := client.Count(t.Context(), nobody)
		require.NoError(t, err)
		assert.Zero(t, counts.Relays[0].Filters[0].N)
		_, err = client.FetchOne(t.Context(), nobody[0])
		require.ErrorIs(t, err, gennostr.ErrNotFound)
		assert.Empty(t, relay.Requests())
	})
}

// Shows D42.
func TestBreakClosesWhatIsOpen(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relays := []*nostrtest.Relay{network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoEOSE())), network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.NoEOSE()))}
		for _, r := range relays {
			r.Publish(textNotes(3)...)
		}
		client := pool(t, network, gennostr.WithRelays(relayA, relayB))
		require.NoError(t, client.Ready(t.Context(), 2))
		got := 0
		for _, err := range client.Query(t.Context(), []nostr.Filter{ofKind(nostr.KindTextNote)}) {
			require.NoError(t, err)
			got++
			synctest.Wait()
			break
		}
		assert.Equal(t, 1, got)
		synctest.Wait()
		for _, r := range relays {
			assert.Empty(t, r.Subscriptions())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began, yielded := time.Now(), 0
		var last error
		for e, err := range client.Query(ctx, []nostr.Filter{ofKind(nostr.KindTextNote)}) {
			if last = err; e != nil {
				yielded++
			}
		}
		assert.Equal(t, 3, yielded)
		require.ErrorIs(t, last, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		synctest.Wait()
		for _, r := range relays {
			assert.Empty(t, r.Subscriptions())
		}
		assert.Zero(t, gennostr.OpenQueries(client))
	})
}

func TestTwoHundredQueriesOverTwentySlots(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 20}))
		var events []*nostr.Event
		for i := range 200 {
			e := madeUp(i, nostr.Timestamp(900_000_000+i), 3)
			e.PubKey[0], e.PubKey[31] = byte(i), 1
			events = append(events, e)
		}
		relay.Publish(events...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		for i := range 30 { // and the subscriptions have most of the slots
			sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.Kind(1000 + i))})
			require.NoError(t, err)
			require.NoError(t, sub.CaughtUp(t.Context(), 1))
		}
		found := make(chan error, 200)
		for _, want := range events {
			go func() { // ends with the answer
				e, err := client.FetchOne(t.Context(), nostr.Filter{Kinds: []nostr.Kind{3}, Authors: []nostr.PubKey{want.PubKey}})
				if err == nil && e.ID != want.ID {
					err = errors.New("another's")
				}
				found <- err
			}()
		}
		for range 200 {
			require.NoError(t, <-found)
		}
		assert.Zero(t, gennostr.OpenQueries(client))
	})
}
