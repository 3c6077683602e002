package gennostr_test

import (
	"context"
	"fmt"
	"slices"
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

// stored are n events of one kind, a second apart.
func stored(n int) []*nostr.Event { return crowdedStore(n, 0, 1) }

// A relay that does not do as it is asked costs no event that it gives, no time beyond the
// deadline, and is not said to be complete where it may not be.
// Shows P36, P37, L15.
func TestRelaysThatPageBadly(t *testing.T) {
	for name, test := range map[string]struct {
		faults   []nostrtest.Fault
		least    int  // events that come at least, of 1,200
		complete bool // may be said
	}{
		"finish":            {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.EOSEHints("finish")}, 500, true}, // it says so
		"more for ever":     {[]nostrtest.Fault{nostrtest.EndlessMore(500)}, 500, false},
		"ignores until":     {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.IgnoreUntil()}, 500, false},
		"repeats its page":  {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.RepeatPage()}, 500, false},
		"exclusive bounds":  {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.ExclusiveBounds()}, 1200, true},
		"ignores limits":    {[]nostrtest.Fault{nostrtest.IgnoreLimits()}, 1200, true},
		"each event twice":  {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.DuplicatedEvents(2)}, 1200, true},
		"once per filter":   {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.OncePerFilter()}, 1200, true},
		"mismatching":       {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.MismatchingEvents()}, 0, true},
		"two EOSEs":         {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.TwoEOSEs()}, 1200, true},
		"cut in the middle": {[]nostrtest.Fault{nostrtest.PageCap(500), nostrtest.Cut().AfterFrames(300).Times(2)}, 1200, true},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(test.faults...))
				relay.Publish(stored(1200)...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				began := time.Now()
				report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.AllPages())
				assert.LessOrEqual(t, time.Since(began), 10*time.Second)
				assert.GreaterOrEqual(t, len(idsOf(t, report.Events)), test.least)
				if !test.complete {
					require.Error(t, err)
				}
				if len(report.Events) < 1200 && name != "finish" {
					assert.False(t, report.Complete(), "%d events", len(report.Events))
				}
				synctest.Wait()
				assert.Zero(t, gennostr.OpenQueries(client))
			})
		})
	}
}

// A search is a choice of the relay's: it comes as it is, in its order, without paging.
// Shows P58.
func TestASearchComesInTheRelaysOrder(t *testing.T) {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(relayA), gennostr.WithTrustedRelay(), quietly())
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(relayA))
	var report gennostr.QueryReport
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Query([]nostr.Filter{{Search: "best"}}, func(r gennostr.QueryReport) error { report = r; return nil })
		return nil
	}))
	reqs := h.Subscribed(relayA)
	require.Len(t, reqs, 1)
	assert.Equal(t, "best", reqs[0].Filters[0].Search)
	var want []nostr.ID
	for i, at := range []nostr.Timestamp{5, 9, 2, 7} {
		e := madeUp(i, at, 1)
		want = append(want, e.ID)
		require.NoError(t, h.Deliver(relayA, gennostr.EventMessage{SubscriptionID: reqs[0].SubscriptionID, Event: e}))
	}
	require.NoError(t, h.Deliver(relayA, gennostr.EOSEMessage{SubscriptionID: reqs[0].SubscriptionID}))
	var got []nostr.ID
	for _, e := range report.Events {
		got = append(got, e.ID)
	}
	assert.Equal(t, want, got)
	require.NoError(t, report.Err())
	assert.Empty(t, h.Subscribed(relayA))
}

// What is too long to be read is missing, and that is said.
func TestAnOverlongEventMakesTheAnswerIncomplete(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		long := madeUp(1, 900_000_000, 1)
		long.Content = strings.Repeat("x", 10_000)
		relay.Publish(append(stored(5)[2:], long)...)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithReadLimit(8_000))
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.AllPages())
		var gap *gennostr.GapError
		require.ErrorAs(t, err, &gap)
		assert.Equal(t, "an event that could not be read or verified", gap.Reason)
		assert.Len(t, report.Events, 3)
	})
}

// So is what has too many tags, and what the verifier fails on: none of it is the relay's fault,
// and nobody may say that there is no such event.
func TestWhatCannotBeTakenIsNotSaidToBeNowhere(t *testing.T) {
	notes := textNotes(3)
	crowded := madeUp(1, 900_000_000, 1)
	crowded.Tags = nostr.Tags{{"t", "a"}, {"t", "b"}, {"t", "c"}}
	for name, test := range map[string]struct {
		event *nostr.Event
		opts  []gennostr.Option
	}{
		"too many tags":            {crowded, []gennostr.Option{gennostr.WithMaxTags(2), gennostr.WithTrustedRelay()}},
		"a verifier that panics":   {notes[0], []gennostr.Option{gennostr.WithVerifier(panicking{})}},
		"too much to parse at all": {heavy(), []gennostr.Option{gennostr.WithMailboxBudget(2 << 20), gennostr.WithReadLimit(600_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA).Publish(test.event)
				client := start(t, nil, over(network, append(test.opts, quietly(), gennostr.WithRelays(relayA))...)...)
				for _, filter := range []nostr.Filter{{IDs: []nostr.ID{test.event.ID}}, ofKind(1)} {
					_, err := client.FetchOne(t.Context(), filter)
					require.NotErrorIs(t, err, gennostr.ErrNotFound)
					var gap *gennostr.GapError
					require.ErrorAs(t, err, &gap)
					_, err = client.Fetch(t.Context(), []nostr.Filter{filter})
					require.ErrorAs(t, err, &gap)
					assert.Equal(t, "an event that could not be read or verified", gap.Reason)
				}
			})
		})
	}
}

// panicking is a verifier that fails.
type panicking struct{}

func (panicking) VerifySignature(nostr.PubKey, nostr.ID, nostr.Sig) error { panic("no") }

// heavy is an event that takes much more to parse than to read.
func heavy() *nostr.Event {
	e := madeUp(2, 900_000_000, 1)
	for range 20_000 {
		e.Tags = append(e.Tags, nostr.Tag{"t", ""})
	}
	return e
}

// A relay that sends for ever is told to stop.
// Shows B11.
func TestARelayThatFloodsIsBounded(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.IgnoreLimits(), nostrtest.NoEOSE()))
		relay.Publish(stored(30_000)...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1).WithLimit(10)})
		require.NoError(t, err, "there are the ten newest of them")
		assert.Len(t, report.Events, 10)
		assert.LessOrEqual(t, report.Relays[0].Events, 1021)
		report, err = client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.LessOrEqual(t, report.Relays[0].Events, 20_001)
	})
}

func TestAQueryIsAskedAgainAfterAReconnectAndARefusal(t *testing.T) {
	for name, fault := range map[string]nostrtest.Fault{
		"cut": nostrtest.Cut().On("REQ").Times(1), "rate-limited": nostrtest.RefuseRequests("rate-limited: slow down").Times(2),
		"error": nostrtest.RefuseRequests("error: database locked").Times(1), "no EOSE": nostrtest.Cut().Before("EOSE").Times(1),
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				network.NewRelay(relayA, nostrtest.WithFaults(fault)).Publish(stored(100)...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
				require.NoError(t, err)
				assert.Len(t, idsOf(t, report.Events), 100)
			})
		})
	}
}

func TestAQueryAuthenticates(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithAuth()).Publish(stored(10)...)
		me := nostrtest.Key(1)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithSigner(me.Signer()))
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		require.NoError(t, err)
		assert.Len(t, report.Events, 10)

		nobody := pool(t, network, gennostr.WithRelays(relayA))
		began := time.Now()
		_, err = nobody.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		var auth *gennostr.AuthError
		require.ErrorAs(t, err, &auth)
		assert.Less(t, time.Since(began), 10*time.Second)
		_, err = nobody.Count(t.Context(), []nostr.Filter{ofKind(1)})
		require.ErrorAs(t, err, &auth)
		counts, err := client.Count(t.Context(), []nostr.Filter{ofKind(1)})
		require.NoError(t, err)
		assert.EqualValues(t, 10, counts.Relays[0].Filters[0].N)
	})
}

// A relay that wants AUTH and never says how has answered, in its words; it has not been silent.
func TestARelayThatWantsAUTHAndNeverChallengesHasRefused(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoChallenge(), nostrtest.RefuseRequests("auth-required: who are you?").On("REQ", "COUNT")))
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithSigner(nostrtest.Key(1).Signer()))
		refused := func(err error) {
			t.Helper()
			var words *gennostr.RefusedError
			require.ErrorAs(t, err, &words)
			assert.Equal(t, "auth-required: who are you?", words.Message)
		}
		for _, deadline := range []time.Duration{time.Second, 10 * time.Second} {
			_, err := client.FetchOne(t.Context(), ofKind(1), gennostr.WithDeadline(deadline))
			refused(err)
			_, err = client.Count(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.WithDeadline(deadline))
			refused(err)
		}
		_, err := client.FetchOne(t.Context(), ofKind(1), gennostr.WithDeadline(time.Minute))
		require.ErrorAs(t, err, new(*gennostr.AuthError))
	})
}

// A slow loop stalls no neighbour, loses nothing, and its pauses do not count. A relay that
// had little to give is done long before the other.
func TestASlowLoopGetsEverythingAndStallsNobody(t *testing.T) {
	for name, fault := range map[string]nostrtest.Fault{"pages": nostrtest.PageCap(500), "all at once": nostrtest.PageCap(19_000)} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(fault))
				relay.Publish(stored(12_000)...)
				network.NewRelay(relayB)
				client := pool(t, network, gennostr.WithRelays(relayA, relayB))
				live, err := client.Subscribe(t.Context(), []nostr.Filter{ofKind(7)})
				require.NoError(t, err)
				require.NoError(t, live.CaughtUp(t.Context(), 2))
				heard := make(chan struct{})
				go func() { // ends with the subscription; joined by within
					for range live.Events() {
						close(heard)
						return
					}
				}()
				var events []*nostr.Event
				for e, err := range client.Query(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.AllPages()) {
					require.NoError(t, err)
					events = append(events, e)
					switch {
					case len(events) == 1:
						time.Sleep(30 * time.Second)
						relay.Publish(madeUp(77_777, nostr.Now(), 7))
						within(t, "a neighbour's event", heard)
						_, err := client.FetchOne(t.Context(), ofKind(7))
						require.NoError(t, err)
					case len(events)%1000 == 0:
						time.Sleep(9 * time.Second)
					}
				}
				assert.Len(t, idsOf(t, events), 12_000)
			})
		})
	}
}

func TestStopEndsQueries(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("REQ")))
		client := pool(t, network, gennostr.WithRelays(relayA))
		ended := make(chan error, 1)
		go func() { // ends with the client; joined by within
			_, err := client.Fetch(context.Background(), []nostr.Filter{ofKind(1)})
			ended <- err
		}()
		time.Sleep(time.Second)
		require.NoError(t, client.Stop(t.Context()))
		require.ErrorIs(t, within(t, "the end", ended), gennostr.ErrClientClosed)
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)})
		require.ErrorIs(t, err, gennostr.ErrClientClosed)
		for _, err := range client.Query(t.Context(), []nostr.Filter{ofKind(1)}) {
			require.ErrorIs(t, err, gennostr.ErrClientClosed)
		}
	})
}

func TestARelayThatIsRemovedAnswersAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("REQ")))
		for name, opts := range map[string][]gennostr.QueryOption{"all": nil, "On": {gennostr.On(relayA)}} {
			client := pool(t, network, gennostr.WithRelays(relayA))
			require.NoError(t, client.Ready(t.Context(), 1))
			began := time.Now()
			time.AfterFunc(time.Second, func() { _ = client.RemoveRelay(relayA) })
			_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, opts...)
			if name == "all" {
				require.ErrorIs(t, err, gennostr.ErrRelayRemoved)
				assert.Equal(t, time.Second, time.Since(began))
			} else { // a guest from then on
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 10*time.Second, time.Since(began))
			}
		}
	})
}

func TestOptionsOfQueriesAreChecked(t *testing.T) {
	client := start(t, nil, quietly())
	for name, opts := range map[string][]gennostr.QueryOption{
		"nil": {nil}, "deadline": {gennostr.WithDeadline(0)}, "no relay": {gennostr.On()}, "no URL": {gennostr.On("http//x")},
	} {
		_, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(1)}, opts...)
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, gennostr.ErrNoRelay, name)
	}
	_, err := client.Fetch(t.Context(), []nostr.Filter{{Tags: nostr.TagMap{"long": {"x"}}}})
	require.ErrorContains(t, err, "filter number 1", fmt.Sprint(err))
}

// Queries share the only REQ: what some are asked for matches another as well. That makes nobody
// believe that the relay gives so much at once.
func TestPagesThatShareAREQDoNotMakeTheNextLookComplete(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 1}), nostrtest.WithFaults(nostrtest.PageCap(60), nostrtest.SlowAnswers(time.Second)))
		relay.Publish(stored(400)...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		require.NoError(t, client.Ready(t.Context(), 1))
		var running sync.WaitGroup
		for _, until := range []nostr.Timestamp{399, 350, 280, 210} {
			running.Go(func() { // ends with its query
				_, _ = client.Fetch(t.Context(), []nostr.Filter{nostr.Filter{}.WithUntil(900_000_000 + until)}, gennostr.OnePage())
			})
			time.Sleep(100 * time.Millisecond) // the first has the slot, for which the others wait
		}
		running.Wait()
		shared := slices.IndexFunc(relay.Requests(), func(r nostrtest.Request) bool { return len(r.Filters) == 3 })
		require.Positive(t, shared)

		report, err := client.Fetch(t.Context(), []nostr.Filter{{}}, gennostr.AllPages(), gennostr.WithDeadline(time.Minute))
		require.NoError(t, err)
		assert.Equal(t, 400, len(report.Events))
	})
}
