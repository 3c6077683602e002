package gennostr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A relay that comes and goes while nobody ranges: what waits is how things stand, not
// every change there has been.
// Shows B18.
func TestNewsOfASubscriptionThatNobodyReadsIsBounded(t *testing.T) {
	h, err := gennostr.NewHarness(&gennostr.BaseHandler{}, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	sub, err := h.Client().Subscribe(t.Context(), allNotes, gennostr.WithBuffer(10))
	require.NoError(t, err)
	for range 2000 {
		require.NoError(t, h.Connect(subscribersRelay))
		h.Sent()
		require.NoError(t, h.Receive(subscribersRelay, `["EOSE","gn:1"]`))
		_ = h.Disconnect(subscribersRelay, nil)
	}
	waiting := 0
	time.AfterFunc(2*time.Second, sub.Close) // if there are fewer
	for m := range sub.All() {
		require.NotNil(t, m.Change)
		if waiting++; waiting == 2000 {
			break
		}
	}
	_ = h.Stop()
	assert.Less(t, waiting, 100)
}

// When a loop is over, or Close has returned, the place of the subscription is free, also if
// it was another one that has ended it.
func TestWhoHearsOfTheEndMayOpenTheNextSubscription(t *testing.T) {
	h, err := gennostr.NewHarness(&gennostr.BaseHandler{}, gennostr.WithMaxSubscriptions(1))
	require.NoError(t, err)
	defer func() { _ = h.Stop() }()
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		sub, err := h.Client().Subscribe(ctx, allNotes)
		require.NoError(t, err)
		goOn, over, closed := gennostr.KeepPlaces(h.Client()), make(chan struct{}), make(chan struct{})
		cancel()
		go func() { // joined by within
			defer close(over)
			for range sub.All() {
			}
		}()
		go func() { defer close(closed); sub.Close() }() // joined by within
		select {
		case <-over:
			t.Error("the end is told before the place is free")
		case <-closed:
			t.Error("Close returns before the place is free")
		case <-time.After(20 * time.Millisecond): // less than enough of a slow machine finds less, and that is all
		}
		goOn()
		within(t, "the loop", over)
		within(t, "Close", closed)
	}
}

// Relays that are ready count, also where the context has ended by then.
func TestReadyIsSoAfterTheEndOfTheContext(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 { // or one of both, by chance
			require.NoError(t, client.Ready(ended, 1))
		}
	})
}

// lastMoment is a context that ends while it is waited for, and not before what was waited
// for has come: whoever looks finds both.
type lastMoment struct {
	context.Context
	comes func() // returns when it has come
}

func (c lastMoment) Done() <-chan struct{} {
	c.comes()
	over := make(chan struct{})
	close(over)
	return over
}

func (lastMoment) Err() error { return context.Canceled }

// A subscription that is live, and a publication that is decided, are so, also where the
// context has ended by then.
func TestAnAnswerThatHasComeCountsAfterTheEndOfTheContext(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoOK(), nostrtest.NoEOSE()))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, e := range numbered(30) { // one of both, by chance
			pub, err := client.StartPublish(e)
			require.NoError(t, err)
			report, err := pub.Wait(lastMoment{t.Context(), func() {
				synctest.Wait()
				relay.Inject(`["OK","` + e.ID.String() + `",true,""]`)
				synctest.Wait()
			}})
			require.NoError(t, err)
			assert.Equal(t, gennostr.Accepted, report.Outcomes[0].Verdict)
		}
		for range 30 {
			sub, err := client.Subscribe(t.Context(), allNotes)
			require.NoError(t, err)
			require.NoError(t, sub.CaughtUp(lastMoment{t.Context(), func() {
				synctest.Wait()
				for _, open := range relay.Subscriptions() {
					relay.Inject(`["EOSE","` + open.ID + `"]`)
				}
				synctest.Wait()
			}}, 1))
			sub.Close()
			synctest.Wait()
		}
	})
}
