package gennostr_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// paging starts a comparison that waits for a page of a relay that never answers.
func paging(t *testing.T, network *nostrtest.Network) *gennostr.SyncOfPages {
	t.Helper()
	network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.Silence()))
	client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
	require.NoError(t, client.Ready(t.Context(), 1))
	s, err := gennostr.PageOf(t.Context(), client, relayA, ofKind(1), gennostr.WithPatience(10*time.Second))
	require.NoError(t, err)
	t.Cleanup(s.Leave)
	synctest.Wait()
	for s.TakeBell() { // that it is connected
	}
	return s
}

// What is heard while a page is waited for is looked at after it, also where that was the
// last that there is to hear.
func TestNewsThatComesDuringAPageIsKept(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		s := paging(t, network)
		next := make(chan *nostr.Event, 1)
		go func() { // ends with the query; joined below
			e, err := s.Next(t.Context())
			assert.NoError(t, err)
			next <- e
		}()
		synctest.Wait()
		s.LastNews(gennostr.ErrRelayRemoved)
		synctest.Wait() // it has heard that, and waits for the query again
		s.Cancel()
		assert.Nil(t, <-next)
		assert.True(t, s.TakeBell())
	})
}

// An alarm may have rung together with other news, of which there is one bell. It is set
// anew for what is waited for next, which would have no end otherwise.
func TestAnAlarmThatNobodyHasLookedAtRingsAgain(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		s := paging(t, network)
		s.RingUnread()
		began := time.Now()
		next := make(chan *nostr.Event, 1)
		go func() { // ends with the patience, or with the test's context; joined by the bubble
			e, err := s.Next(t.Context())
			assert.NoError(t, err)
			next <- e
		}()
		select {
		case e := <-next:
			assert.Nil(t, e)
		case <-time.After(time.Hour):
			t.Error("it waits for ever")
		}
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}
