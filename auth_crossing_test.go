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

// Refusals for want of AUTH that have crossed with the AUTH: what was refused had been sent
// before the relay knew who asks, and the refusal is read after it does.

// members is a relay for members, whose first refusal by that verb is read a second late, and a
// client that answers its challenge when something is refused.
func members(t *testing.T, network *nostrtest.Network, verb string) (*nostrtest.Relay, *gennostr.Client) {
	t.Helper()
	relay := network.NewRelay(relayA, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.Late(time.Second).Of(verb).Times(1)))
	relay.Publish(textNotes(20)...)
	return relay, start(t, nil, over(network, whenNeeded()...)...)
}

// whenNeeded has a signer answer challenges when something was refused.
func whenNeeded() []gennostr.Option {
	return []gennostr.Option{quietly(), gennostr.WithSigner(me.Signer()), gennostr.WithGuestOptions(decides(gennostr.AuthDecision{When: gennostr.AuthWhenNeeded}))}
}

func TestARefusedSyncThatCrossedWithTheAuthIsBegunAgain(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay, client := members(t, network, "NEG-ERR")
		done := make(chan error, 1)
		go func() { // ends with the comparison; joined below
			report, err := client.Sync(t.Context(), relayA, ofKind(1), nil)
			if assert.NoError(t, err) {
				assert.Len(t, report.Need, 20)
				assert.True(t, report.Negentropy)
			}
			done <- err
		}()
		synctest.Wait() // its NEG-OPEN is refused, and nobody has heard of it
		_, err := client.Count(t.Context(), []nostr.Filter{ofKind(1)}, gennostr.On(relayA))
		require.NoError(t, err)
		st := client.Guests()
		require.Len(t, st, 1)
		require.Equal(t, []nostr.PubKey{me.PubKey()}, st[0].Authenticated)
		require.NoError(t, <-done)
		assert.Len(t, relay.Reconciliations(), 2)
	})
}

func TestARefusedCountThatCrossedWithTheAuthIsSentAgain(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		_, client := members(t, network, "CLOSED")
		report, err := client.Count(t.Context(), []nostr.Filter{ofKind(1), ofKind(7)}, gennostr.On(relayA))
		require.NoError(t, err)
		assert.EqualValues(t, 20, report.Relays[0].Filters[0].N)
		assert.NoError(t, report.Relays[0].Filters[1].Err)
	})
}

// A relay that takes an AUTH and refuses all the same is asked once more for what may have
// crossed with that, and no more.
func TestWhoIsNeverContentIsAskedOnceMore(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithAuth(), nostrtest.WithFaults(
			nostrtest.Late(time.Second).Of("CLOSED").Times(1),
			nostrtest.RefuseRequests(wantsAuth), nostrtest.RefuseNegentropy("NEG-ERR", wantsAuth)))
		client := start(t, nil, over(network, whenNeeded()...)...)
		var failed *gennostr.AuthError
		_, err := client.Count(t.Context(), []nostr.Filter{ofKind(1), ofKind(7)}, gennostr.On(relayA))
		require.ErrorAs(t, err, &failed)
		assert.ErrorContains(t, failed, "although it has accepted one")
		asked := make(map[nostr.Kind]int)
		for _, m := range relay.Received() {
			if m.Verb == "COUNT" {
				asked[m.Filters[0].Kinds[0]]++
			}
		}
		assert.Equal(t, map[nostr.Kind]int{1: 2, 7: 2}, asked)

		_, err = client.Sync(t.Context(), relayA, ofKind(1), nil)
		require.ErrorAs(t, err, &failed)
		assert.ErrorContains(t, failed, "although it has accepted one")
		assert.Len(t, relay.Reconciliations(), 1)
	})
}

// What counts is the last that was said in the session that is refused.
func TestARefusalOfWhatFollowedTheAuthHasNotCrossedWithIt(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithNegentropyFrame(4096), nostrtest.WithFaults(
			nostrtest.LateChallenge(0).On("NEG-OPEN").Times(1), nostrtest.Late(time.Second).Of("NEG-MSG").Times(1),
			nostrtest.EndReconciliations(wantsAuth)))
		notes := textNotes(1000)
		relay.Publish(notes[:900]...)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSigner(me.Signer()))...)
		_, err := client.Sync(t.Context(), relayA, ofKind(1), archiveOf(t, notes[100:]...).set())
		var failed *gennostr.AuthError
		require.ErrorAs(t, err, &failed)
		assert.ErrorContains(t, failed, "although it has accepted one")
		assert.Len(t, relay.Reconciliations(), 1)
	})
}

// refusedSync begins a comparison with a relay that wants AUTH on its first connections, of whom there
// is no signer, and takes its news up to the refusal.
func refusedSync(t *testing.T, network *nostrtest.Network, connections ...int) (*nostrtest.Relay, *gennostr.SyncByHand) {
	t.Helper()
	relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseNegentropy("NEG-ERR", wantsAuth).OnConnection(connections...)))
	relay.Publish(textNotes(20)...)
	client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
	s, err := gennostr.SyncOf(client, relayA, ofKind(1))
	require.NoError(t, err)
	t.Cleanup(s.Leave)
	goOn(t, s)
	require.True(t, s.WantsAuth())
	return relay, s
}

// goOn has a comparison go on until there is nothing to hear, or it wants AUTH.
func goOn(t *testing.T, s *gennostr.SyncByHand) {
	t.Helper()
	synctest.Wait()
	for s.Hear() && !s.WantsAuth() {
		require.NoError(t, s.Act(t.Context()))
		synctest.Wait()
	}
}

// reconnected has a relay hang up, and waits for the next connection.
func reconnected(t *testing.T, relay *nostrtest.Relay) {
	t.Helper()
	require.Equal(t, 1, relay.DisconnectAll())
	time.Sleep(time.Minute) // virtual
	synctest.Wait()
	require.Equal(t, 2, relay.ConnectionCount())
}

// The refusal is of a connection that is no more: the next has not refused anything.
func TestARefusalOfAFormerConnectionWantsNoAuthOfTheNext(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay, s := refusedSync(t, network, 1)
		reconnected(t, relay)
		require.NoError(t, s.Act(t.Context())) // of that it has not heard yet
		synctest.Wait()
		err, heard := s.AuthError()
		require.NoError(t, err)
		require.True(t, heard)
		goOn(t, s)
		assert.True(t, s.Over())
		report := s.Report()
		assert.True(t, report.Complete)
		assert.Len(t, report.Need, 20)
	})
}

// Nor does what has come of AUTH on the former one say anything about the next.
func TestTheEndOfAnAuthOfAFormerConnectionIsNoNews(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay, s := refusedSync(t, network, 1, 2)
		require.NoError(t, s.Act(t.Context()))
		synctest.Wait()
		err, heard := s.AuthError()
		require.Error(t, err)
		require.False(t, heard)
		reconnected(t, relay)
		goOn(t, s)
		require.True(t, s.WantsAuth(), "the next has refused, too")
		assert.False(t, s.Hear(), "there is nothing else to hear")
		assert.False(t, s.Over())
		require.NoError(t, s.Act(t.Context()))
		goOn(t, s)
		assert.True(t, s.Over(), "and now it is for the next one")
	})
}
