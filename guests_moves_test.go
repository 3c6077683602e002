package gennostr_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// AddRelay makes one of the client's relays of a guest, RemoveRelay a guest of a relay
// that somebody needs: in every stage, without a callback out of order.

// moving is a client with a subscription on all its relays, one that names the guest,
// and a recorder.
type moving struct {
	*testing.T
	network    *nostrtest.Network
	relay      *nostrtest.Relay
	r          *recorder
	client     *gennostr.Client
	everywhere *gennostr.Subscription
	named      *gennostr.Subscription
}

// moves runs f with such a client; guest: the subscription names its relay from the beginning on.
func moves(t *testing.T, f func(m *moving), opts ...gennostr.Option) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		m := &moving{T: t, network: network, relay: network.NewRelay(guestURL), r: &recorder{}}
		m.client = start(t, m.r, over(network, append(opts, quietly(), gennostr.WithReconnectSchedule(time.Minute))...)...)
		var err error
		m.everywhere, err = m.client.Subscribe(t.Context(), allNotes)
		require.NoError(t, err)
		f(m)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		grammar(t, m.r.All())
	})
}

func (m *moving) name() {
	m.Helper()
	var err error
	m.named, err = m.client.Subscribe(m.Context(), allNotes, gennostr.On(guestURL))
	require.NoError(m, err)
	synctest.Wait()
}

func (m *moving) add(opts ...gennostr.RelayOption) {
	m.Helper()
	require.NoError(m, m.client.AddRelay(guestURL, opts...))
	synctest.Wait()
	assert.Equal(m, []string{guestURL}, guestURLs(m.client.Relays()))
	assert.Empty(m, m.client.Guests())
}

func (m *moving) remove() {
	m.Helper()
	require.NoError(m, m.client.RemoveRelay(guestURL))
	synctest.Wait()
	assert.Empty(m, m.client.Relays())
	assert.Equal(m, []string{guestURL}, guestURLs(m.client.Guests()))
}

// live demands that both subscriptions are live on so many relays.
func (m *moving) live(everywhere, named int) {
	m.Helper()
	synctest.Wait()
	assert.Equal(m, everywhere, m.everywhere.Status().Live, "everywhere")
	assert.Equal(m, named, m.named.Status().Live, "named")
}

// Shows D48.
func TestAddRelayKeepsTheConnectionOfAGuest(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		m.live(0, 1)
		m.add()
		m.live(1, 1)
		assert.Equal(m, []string{"OnConnect"}, m.r.Names())
		assert.False(m, m.r.All()[0].Relay.Guest)
		assert.False(m, m.r.All()[0].Relay.ConnectedAt.IsZero())
		require.NoError(m, m.client.Ready(m.Context(), 1))
		require.NoError(m, m.client.Broadcast(everything("b")))
		synctest.Wait()
		assert.Len(m, m.relay.Subscriptions(), 3)
		assert.Equal(m, 1, m.relay.ConnectionCount())
		assert.ErrorIs(m, m.client.AddRelay(guestURL), gennostr.ErrRelayExists)
		m.named.Close()
		time.Sleep(time.Hour)
		assert.Len(m, m.relay.Connections(), 1, "it is the client's")
	})
}

func TestAGuestThatIsIdleCanBeAdded(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		m.named.Close()
		time.Sleep(10 * time.Second)
		added, err := m.client.EnsureRelay(guestURL)
		require.NoError(m, err)
		assert.True(m, added)
		time.Sleep(time.Hour)
		assert.Equal(m, 1, m.relay.ConnectionCount())
		assert.Equal(m, []string{"OnConnect"}, m.r.Names())
	})
}

func TestAddRelayOfAGuestThatIsBeingDialled(t *testing.T) {
	moves(t, func(m *moving) {
		m.network.HoldDials(guestURL)
		m.name()
		m.add()
		m.network.ReleaseDials(guestURL)
		m.live(1, 1)
		assert.Equal(m, []string{"OnConnect"}, m.r.Names())
		assert.Equal(m, 1, m.relay.ConnectionCount())
	})
}

func TestAddRelayOfAGuestThatWaitsForItsTurn(t *testing.T) {
	moves(t, func(m *moving) {
		m.network.HoldDials("wss://hangs.example")
		require.NoError(m, m.client.AddRelay("wss://hangs.example"))
		m.name()
		assert.Zero(m, m.relay.ConnectionCount())
		require.NoError(m, m.client.AddRelay(guestURL))
		time.Sleep(2 * time.Second)
		m.live(1, 1)
		assert.Len(m, m.r.Named("OnConnect"), 1)
		require.NoError(m, m.client.RemoveRelay("wss://hangs.example"))
	}, gennostr.WithMaxDials(1))
}

// It does not wait behind other guests any more.
func TestAddRelayOfAGuestTakesItOutOfTheCrowd(t *testing.T) {
	moves(t, func(m *moving) {
		var dead []*gennostr.Subscription
		for i := range 10 {
			url := fmt.Sprintf("wss://hangs%d.example", i)
			m.network.HoldDials(url)
			sub, err := m.client.Subscribe(m.Context(), allNotes, gennostr.On(url))
			require.NoError(m, err)
			dead = append(dead, sub)
		}
		m.name()
		require.NoError(m, m.client.AddRelay(guestURL))
		time.Sleep(2 * time.Second)
		m.live(1, 1)
		for _, sub := range dead {
			sub.Close()
		}
	}, gennostr.WithMaxDials(1))
}

// A relay that is added and removed over and over, while the handler hangs, fills no
// mailbox: also when it was a guest before whose connection had just ended.
// Shows D11.
func TestARelayThatComesAndGoesWhileTheHandlerHangsFillsNoMailbox(t *testing.T) {
	moves(t, func(m *moving) {
		hang := map[string]chan struct{}{"HandleInfo": make(chan struct{}), "OnDisconnect": make(chan struct{})}
		m.r.On = func(_ *gennostr.Self, n note) error {
			if c := hang[n.Name]; c != nil {
				<-c
			}
			return nil
		}
		require.NoError(m, m.client.Notify(nil))
		m.name()
		m.named.Close()
		m.relay.DisconnectAll()
		synctest.Wait() // its end has to pass the loop
		require.NoError(m, m.client.AddRelay(guestURL))
		require.NoError(m, m.client.RemoveRelay(guestURL))
		close(hang["HandleInfo"])
		synctest.Wait() // it has, and OnDisconnect hangs
		for range 100 {
			require.NoError(m, m.client.AddRelay(guestURL))
			synctest.Wait()
			require.NoError(m, m.client.RemoveRelay(guestURL))
			synctest.Wait()
		}
		assert.LessOrEqual(m, m.client.Stats().Mailbox, 2)
		close(hang["OnDisconnect"])
		synctest.Wait()
		assert.Zero(m, gennostr.EntriesKept(m.client))
	})
}

func TestAddRelayDialsAGuestThatWaits(t *testing.T) {
	moves(t, func(m *moving) {
		m.relay.Stop()
		m.name()
		require.NoError(m, m.relay.Restart())
		require.Equal(m, gennostr.RelayWaiting, m.client.Guests()[0].State)
		began := time.Now()
		m.add()
		m.live(1, 1)
		assert.Equal(m, began, m.client.Relays()[0].ConnectedAt)
		assert.Equal(m, []string{"OnConnect"}, m.r.Names())
	})
}

func TestAddRelayOfAGuestThatIsBeingClosed(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		m.network.Partition(guestURL) // its closing handshake takes a second
		m.named.Close()
		time.Sleep(30*time.Second + time.Millisecond)
		require.NoError(m, m.client.AddRelay(guestURL))
		assert.Equal(m, gennostr.RelayDialing, m.client.Relays()[0].State)
		time.Sleep(2 * time.Second)
		m.network.Heal(guestURL)
		require.NoError(m, m.client.Ready(m.Context(), 1))
		synctest.Wait()
		assert.Equal(m, []string{"OnConnect"}, m.r.Names())
		assert.Equal(m, 2, m.relay.ConnectionCount())
	})
}

// One that is needed again while it is being closed is dialled again.
func TestAGuestThatIsNeededAgainWhileItIsBeingClosed(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		m.network.Partition(guestURL)
		m.named.Close()
		time.Sleep(30*time.Second + time.Millisecond)
		m.name()
		m.network.Heal(guestURL)
		time.Sleep(2 * time.Second)
		m.live(0, 1)
		assert.Equal(m, 2, m.relay.ConnectionCount())
		assert.Empty(m, m.r.All())
	})
}

// Options that say how a relay is reached hold from now on; others from the next dial on.
func TestAddRelayWithATransportOfItsOwnDialsAnew(t *testing.T) {
	for name, hold := range map[string]bool{"connected": false, "dialing": true} {
		t.Run(name, func(t *testing.T) {
			moves(t, func(m *moving) {
				if hold {
					m.network.HoldDials(guestURL)
				}
				m.name()
				m.add(gennostr.WithHeader(http.Header{"Authorization": {"secret"}}))
				m.network.ReleaseDials(guestURL)
				m.live(1, 1)
				connections := m.relay.Connections()
				require.Len(m, connections, 1)
				assert.Equal(m, "secret", connections[0].Header.Get("Authorization"))
				assert.Equal(m, []string{"OnConnect"}, m.r.Names())
			})
		})
	}
	moves(t, func(m *moving) {
		m.name()
		m.add(gennostr.WithSigner(nostrtest.Key(7).Signer()))
		m.live(1, 1)
		assert.Equal(m, 2, m.relay.ConnectionCount(), "as somebody else")
	})
	moves(t, func(m *moving) {
		m.name()
		m.add(gennostr.WithForgeryLimit(3))
		assert.Equal(m, 1, m.relay.ConnectionCount())
	})
}

// A header that is for all relays is not for guests.
// Shows D48.
func TestAGuestIsNotShownTheHeadersOfRelays(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		require.Len(m, m.relay.Connections(), 1)
		assert.Empty(m, m.relay.Connections()[0].Header.Get("Authorization"))
		m.add()
		require.Len(m, m.relay.Connections(), 1)
		assert.Equal(m, "secret", m.relay.Connections()[0].Header.Get("Authorization"))
	}, gennostr.WithHeader(http.Header{"Authorization": {"secret"}}))
}

// Shows D48.
func TestRemoveRelayKeepsTheConnectionThatSomebodyNeeds(t *testing.T) {
	moves(t, func(m *moving) {
		m.add()
		m.name()
		require.NoError(m, m.client.Send(guestURL, request("mine", ofKind(1))))
		m.live(1, 1)
		m.relay.Publish(textNotes(1)...)
		m.remove()
		m.live(0, 1)
		require.Len(m, m.relay.Subscriptions(), 1, "what was asked for others is closed, the program's own too")
		before := len(m.r.All())
		m.relay.Publish(textNotes(1)...)
		synctest.Wait()
		notes := m.r.All()
		assert.Len(m, notes, before, "nothing follows")
		assert.ErrorIs(m, reasonOf(m.T, notes[len(notes)-1]), gennostr.ErrRelayRemoved)
		assert.False(m, notes[len(notes)-1].Relay.Guest)
		assert.False(m, notes[len(notes)-1].Relay.ConnectedAt.IsZero())
		m.add()
		m.live(1, 1)
		m.remove()
		m.named.Close()
		time.Sleep(time.Minute)
		assert.Empty(m, m.client.Guests())
		assert.Equal(m, 1, m.relay.ConnectionCount())
		assert.Len(m, m.r.Named("OnConnect"), 2)
		assert.Len(m, m.r.Named("OnDisconnect"), 2)
	})
}

func TestRemoveRelayOfARelayThatIsNotConnectedAndThatSomebodyNeeds(t *testing.T) {
	t.Run("dialing", func(t *testing.T) {
		moves(t, func(m *moving) {
			m.network.HoldDials(guestURL)
			m.add()
			m.name()
			m.remove()
			m.network.ReleaseDials(guestURL)
			m.live(0, 1)
			assert.Equal(m, []string{"OnDisconnect"}, m.r.Names())
		})
	})
	t.Run("queued", func(t *testing.T) {
		moves(t, func(m *moving) {
			m.network.HoldDials("wss://hangs.example")
			require.NoError(m, m.client.AddRelay("wss://hangs.example"))
			require.NoError(m, m.client.AddRelay(guestURL))
			m.name()
			require.NoError(m, m.client.RemoveRelay(guestURL))
			time.Sleep(2 * time.Second)
			m.live(0, 1)
			assert.Equal(m, []string{"OnDisconnect"}, m.r.Names())
			require.NoError(m, m.client.RemoveRelay("wss://hangs.example"))
		}, gennostr.WithMaxDials(1))
	})
	t.Run("waiting", func(t *testing.T) {
		moves(t, func(m *moving) {
			m.relay.Stop()
			m.add()
			m.name()
			require.NoError(m, m.relay.Restart())
			m.remove()
			m.live(0, 1)
			assert.Equal(m, []string{"OnError", "OnDisconnect", "OnDisconnect"}, m.r.Names())
		})
	})
	t.Run("down", func(t *testing.T) {
		moves(t, func(m *moving) {
			m.relay.Stop()
			m.add(gennostr.WithManualReconnect())
			m.name()
			require.NoError(m, m.relay.Restart())
			time.Sleep(time.Hour)
			require.Equal(m, gennostr.RelayDown, m.client.Relays()[0].State)
			m.remove()
			m.live(0, 1)
		})
	})
	t.Run("closing", func(t *testing.T) {
		moves(t, func(m *moving) {
			m.add()
			m.network.Partition(guestURL)
			require.NoError(m, m.client.RemoveRelay(guestURL))
			m.name() // too late for this connection
			time.Sleep(2 * time.Second)
			m.network.Heal(guestURL)
			synctest.Wait()
			assert.Equal(m, []string{"OnConnect", "OnDisconnect"}, m.r.Names())
			m.live(0, 1)
			assert.Equal(m, 2, m.relay.ConnectionCount())
		})
	})
}

// While OnDisconnect tells of something else, the relay is removed: that is told next.
func TestRemoveRelayInOnDisconnectOfARelayThatSomebodyNeeds(t *testing.T) {
	moves(t, func(m *moving) {
		m.add()
		m.name()
		removed := false
		m.r.On = func(self *gennostr.Self, n note) error {
			if n.Name == "OnDisconnect" && !removed {
				removed = true
				self.RemoveRelay(guestURL)
			}
			return nil
		}
		m.relay.DisconnectAll()
		time.Sleep(time.Second)
		m.live(0, 1)
		ends := m.r.Named("OnDisconnect")
		require.Len(m, ends, 2)
		assert.NotErrorIs(m, reasonOf(m.T, ends[0]), gennostr.ErrRelayRemoved)
		assert.ErrorIs(m, reasonOf(m.T, ends[1]), gennostr.ErrRelayRemoved)
		assert.Equal(m, []string{guestURL}, guestURLs(m.client.Guests()))
	})
}

// Until the OnDisconnect of a relay that stays as a guest has returned, AddRelay waits;
// however often both are called, the mailbox does not fill.
// Shows D11.
func TestAddRelayWaitsForOnDisconnectOfARelayThatStaysAsAGuest(t *testing.T) {
	moves(t, func(m *moving) {
		m.add()
		m.name()
		m.live(1, 1)
		stuck := make(chan struct{})
		m.r.On = func(_ *gennostr.Self, n note) error {
			if n.Name == "OnDisconnect" {
				<-stuck
			}
			return nil
		}
		m.remove()
		for range 100 {
			require.NoError(m, m.client.AddRelay(guestURL))
			assert.ErrorIs(m, m.client.AddRelay(guestURL), gennostr.ErrRelayExists)
			synctest.Wait()
			assert.Equal(m, gennostr.RelayDialing, m.client.Relays()[0].State)
			assert.ErrorIs(m, m.client.Broadcast(everything("b")), gennostr.ErrNoRelay)
			require.NoError(m, m.client.RemoveRelay(guestURL))
		}
		assert.LessOrEqual(m, m.client.Stats().Mailbox, 2)
		require.NoError(m, m.client.AddRelay(guestURL))
		close(stuck)
		m.live(1, 1)
		assert.Equal(m, 1, m.relay.ConnectionCount())
		assert.Equal(m, []string{"OnConnect", "OnDisconnect", "OnDisconnect", "OnConnect"}, m.r.Names())
	})
}

// A relay that is lost while that is so is dialled again when all has been told.
func TestAGuestThatIsLostWhileItsOnDisconnectIsRunning(t *testing.T) {
	for name, again := range map[string]bool{"as a guest": false, "added again": true} {
		t.Run(name, func(t *testing.T) {
			moves(t, func(m *moving) {
				m.add()
				m.name()
				stuck := make(chan struct{})
				m.r.On = func(_ *gennostr.Self, n note) error {
					if n.Name == "OnDisconnect" {
						<-stuck
					}
					return nil
				}
				m.remove()
				m.relay.DisconnectAll()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				require.Equal(m, 1, m.relay.ConnectionCount(), "not before the loop has come to that")
				if again {
					require.NoError(m, m.client.AddRelay(guestURL))
				}
				close(stuck)
				time.Sleep(time.Second)
				if again {
					m.live(1, 1)
					assert.Equal(m, []string{"OnConnect", "OnDisconnect", "OnConnect"}, m.r.Names())
				} else {
					m.live(0, 1)
					assert.Equal(m, []string{"OnConnect", "OnDisconnect"}, m.r.Names())
				}
			})
		})
	}
}

// What a handler hears of a relay that comes and goes as one of the client's, message by message.
func TestMessagesOfARelayThatMovesAreToldOnTheRightSide(t *testing.T) {
	r := &recorder{}
	h := guestHarness(t, r)
	event := func(text string) {
		require.NoError(t, h.Client().Send(guestURL, request("mine", ofKind(1))))
		require.NoError(t, h.Deliver(guestURL, gennostr.EventMessage{SubscriptionID: "mine", Event: aNote(text)}))
	}
	event("guest")
	require.NoError(t, h.Client().AddRelay(guestURL))
	require.NoError(t, h.Settle(t.Context()))
	event("relay")
	require.NoError(t, h.Client().RemoveRelay(guestURL))
	// before the callback has run: it is behind it all the same
	require.NoError(t, h.Deliver(guestURL, gennostr.NoticeMessage{Message: "on the way"}))
	assert.Error(t, h.Deliver(guestURL, gennostr.EventMessage{SubscriptionID: "other", Event: aNote("closed")}))
	event("guest again")
	var told []string
	for _, n := range r.All() {
		if n.Relay.Guest {
			n.Name += " of a guest"
		}
		told = append(told, n.Name)
	}
	assert.Equal(t, []string{
		"OnEvent of a guest", "OnConnect", "OnEvent", "OnDisconnect", "OnNotice of a guest", "OnError of a guest", "OnEvent of a guest",
	}, told)
	grammar(t, r.All())
}

// A guest has no callback that could ask for it back.
func TestAGuestComesBackByItselfAlsoWithManualReconnect(t *testing.T) {
	moves(t, func(m *moving) {
		m.name()
		m.relay.DisconnectAll()
		time.Sleep(2 * time.Minute)
		m.live(0, 1)
		assert.Empty(m, m.r.All())
	}, gennostr.WithManualReconnect())
}

// With On, a relay that is gone for good is told so, and comes again with AddRelay.
func TestARelayThatIsGoneForGoodIsRefusedWhereOnNamesIt(t *testing.T) {
	moves(t, func(m *moving) {
		other := m.network.NewRelay("wss://other.example")
		m.relay.Stop()
		m.add()
		var err error
		m.named, err = m.client.Subscribe(m.Context(), allNotes, gennostr.On(guestURL, other.URL()))
		require.NoError(m, err)
		time.Sleep(10 * time.Minute)
		m.live(0, 1)
		status := m.named.Status().Relays
		require.Len(m, status, 2)
		assert.Equal(m, gennostr.SubscriptionRefused, status[0].State)
		assert.ErrorIs(m, status[0].Err, gennostr.ErrGaveUp)
		assert.Empty(m, m.client.Relays())
		var refused *gennostr.SubscriptionChange
		for msg := range m.named.All() {
			if msg.Change.State == gennostr.SubscriptionRefused {
				refused = msg.Change
				break
			}
		}
		assert.ErrorIs(m, refused.Err, gennostr.ErrGaveUp)
		assert.True(m, errors.As(refused.Err, new(*gennostr.DialError)))
		require.NoError(m, m.relay.Restart())
		require.NoError(m, m.client.AddRelay(guestURL))
		m.live(1, 2)
		require.NoError(m, m.client.RemoveRelay(guestURL))
		m.live(0, 2)
	}, gennostr.WithMaxAttempts(2))
}
