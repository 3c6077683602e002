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

// What those are told that need a relay.

func TestWhoNeedsARelayIsToldOfEachEnd(t *testing.T) {
	for name, added := range map[string]bool{"guest": false, "added": true} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(guestURL)
				relay.Stop()
				client := start(t, nil, over(network, quietly(), gennostr.WithMaxAttempts(2))...)
				network.HoldDials(guestURL) // or the first has failed before anybody needs the relay
				if added {
					require.NoError(t, client.AddRelay(guestURL))
				}
				need := new(gennostr.Need)
				require.NoError(t, gennostr.Engage(client, guestURL, need))
				network.ReleaseDials(guestURL)
				synctest.Wait()
				require.Len(t, need.Ends(), 1)
				assert.True(t, need.Ends()[0].Failed)
				assert.False(t, need.Ends()[0].Final)
				assert.ErrorAs(t, need.Ends()[0].Err, new(*gennostr.DialError))
				require.NoError(t, relay.Restart())
				time.Sleep(time.Second)
				synctest.Wait()
				require.True(t, need.Connected())
				relay.DisconnectAll()
				synctest.Wait()
				require.Len(t, need.Ends(), 2)
				assert.False(t, need.Ends()[1].Failed)
				relay.Stop()
				time.Sleep(time.Minute)
				ends := need.Ends()
				require.Len(t, ends, 4)
				assert.True(t, ends[3].Final)
				assert.ErrorIs(t, ends[3].Err, gennostr.ErrGaveUp)
				need.Disengage()
				synctest.Wait()
				assert.Zero(t, gennostr.EntriesKept(client))
			})
		})
	}
}

// One that needs a relay no more as soon as that is lost, or cannot be reached, leaves
// nothing behind.
func TestARelayMayBeGivenUpWhenItsEndIsTold(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(guestURL)
		client := start(t, nil, over(network)...)
		for _, up := range []bool{true, false} {
			if !up {
				relay.Stop()
			}
			need, stays := &gennostr.Need{Leaves: true}, new(gennostr.Need)
			require.NoError(t, gennostr.Engage(client, guestURL, need))
			synctest.Wait()
			relay.DisconnectAll()
			synctest.Wait()
			assert.Len(t, need.Ends(), 1)
			assert.Zero(t, gennostr.EntriesKept(client))
			require.NoError(t, gennostr.Engage(client, guestURL, stays))
			synctest.Wait()
			assert.Equal(t, up, stays.Connected())
			stays.Disengage()
			time.Sleep(time.Minute)
			assert.Zero(t, gennostr.EntriesKept(client))
		}
	})
}

func TestTheEntryOfARelayIsTheSameAsLongAsSomebodyNeedsIt(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(guestURL)
		r := &recorder{}
		client := start(t, r, over(network)...)
		need := new(gennostr.Need)
		require.NoError(t, gennostr.Engage(client, guestURL, need))
		same := func(what string) {
			t.Helper()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			assert.True(t, need.Connected(), what)
		}
		same("a guest")
		require.NoError(t, client.AddRelay(guestURL, gennostr.WithCompression(true)))
		same("added, and dialled anew")
		r.On = func(self *gennostr.Self, n note) error {
			if n.Name == "OnDisconnect" {
				return self.AddRelay(guestURL)
			}
			return nil
		}
		relay.DisconnectAll()
		same("added again in OnDisconnect")
		require.NoError(t, client.RemoveRelay(guestURL))
		same("and after it was removed")
		r.On = nil
		relay.DisconnectAll()
		require.NoError(t, client.RemoveRelay(guestURL))
		same("removed while it was lost")
		assert.Len(t, client.Guests(), 1)
		grammar(t, r.All())
	})
}

// A guest whose connection ends while a callback runs that then needs it is dialled again,
// though the loop has not come to that end.
func TestAGuestThatGoesWhileACallbackRunsIsThereForIt(t *testing.T) {
	for name, ends := range map[string]func(*nostrtest.Relay){
		"nobody needed it": func(*nostrtest.Relay) { time.Sleep(2 * time.Second) },
		"it has hung up":   func(r *nostrtest.Relay) { r.DisconnectAll(); time.Sleep(time.Millisecond) },
		"it has closed it": func(r *nostrtest.Relay) { r.CloseConnection(1, 1001, "idle"); time.Sleep(time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				guest := network.NewRelay(guestURL)
				guest.Publish(textNotes(3)...)
				var client *gennostr.Client
				fetched := make(chan error, 1)
				r := newBot(func(_ *gennostr.Self, n note) error {
					if n.Name == "HandleInfo" {
						ends(guest)
						_, err := client.FetchOne(t.Context(), ofKind(nostr.KindTextNote), gennostr.On(guestURL), gennostr.WithDeadline(2*time.Second))
						fetched <- err
					}
					return nil
				})
				client = start(t, r, over(network, quietly())...)
				_, err := client.FetchOne(t.Context(), ofKind(nostr.KindTextNote), gennostr.On(guestURL))
				require.NoError(t, err)
				time.Sleep(29 * time.Second) // one more, and it is closed
				require.NoError(t, client.Notify(nil))
				require.NoError(t, within(t, "the answer", fetched))
				assert.Equal(t, 2, guest.ConnectionCount())
				time.Sleep(time.Minute)
				assert.Zero(t, gennostr.EntriesKept(client))
			})
		})
	}
}

// That is done once: one that comes and goes while the handler hangs waits for it.
func TestAGuestThatIsAskedOverAndOverWhileTheHandlerHangsFillsNoMailbox(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		guest := network.NewRelay(guestURL)
		stuck := make(chan struct{})
		r := newBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				<-stuck
			}
			return nil
		})
		client := start(t, r, over(network, quietly())...)
		require.NoError(t, client.Notify(nil))
		for range 50 {
			_, _ = client.FetchOne(t.Context(), ofKind(nostr.KindTextNote), gennostr.On(guestURL), gennostr.WithDeadline(time.Second))
			guest.DisconnectAll()
			time.Sleep(time.Second)
		}
		// Of the first connection and of the second one: what could not be written, if there
		// was anything, and that its end has passed.
		assert.LessOrEqual(t, client.Stats().Mailbox, 4)
		assert.LessOrEqual(t, guest.ConnectionCount(), 2)
		close(stuck)
		synctest.Wait()
		assert.Zero(t, gennostr.EntriesKept(client))
	})
}

// Who needs a guest while its dial is given up for want of anybody has lost nothing: it is
// dialled again, and what becomes of that is the first thing to be told.
func TestWhoNeedsAGuestThatIsBeingClosedIsToldOfTheNextConnection(t *testing.T) {
	for _, comesBack := range []bool{true, false} {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(guestURL)
			client := start(t, nil, over(network, quietly())...)
			network.HoldDials(guestURL)
			before, need := new(gennostr.Need), new(gennostr.Need)
			require.NoError(t, gennostr.Engage(client, guestURL, before))
			synctest.Wait()
			require.NoError(t, before.HandOver(need))
			synctest.Wait()
			if !comesBack {
				relay.Stop()
			}
			network.ReleaseDials(guestURL)
			time.Sleep(5 * time.Second)
			assert.Equal(t, comesBack, need.Connected())
			if comesBack {
				assert.Empty(t, need.Ends())
			} else if assert.NotEmpty(t, need.Ends()) {
				assert.ErrorAs(t, need.Ends()[0].Err, new(*gennostr.DialError), "%v", need.Ends()[0].Err)
			}
			assert.Empty(t, before.Ends())
			need.Disengage()
		})
	}
}
