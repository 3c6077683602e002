package gennostr_test

import (
	"errors"
	"fmt"
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

// Sending: in order, never waiting, and nothing lost without a word (L04).

// frames lists what a relay has received on its connections, in order.
func frames(relay *nostrtest.Relay) (list []string) {
	for _, m := range relay.Received() {
		list = append(list, m.Frame)
	}
	return list
}

// tag is a message that says which one it is.
func tag(n int) gennostr.Close { return gennostr.Close{SubscriptionID: fmt.Sprint(n)} }

func tagFrame(n int) string { return fmt.Sprintf(`["CLOSE","%d"]`, n) }

// bulky is a message that no buffer of the network takes as a whole.
func bulky() gennostr.PublishEvent {
	return gennostr.PublishEvent{Event: nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("x", 2*nostrtest.DefaultBuffer))}
}

func TestEveryMessageIsSentAsTheProtocolWritesIt(t *testing.T) {
	event := textNotes(1)[0]
	auth := nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, "", nostr.Tag{"relay", stageURL}, nostr.Tag{"challenge", "c"})
	filters := []nostr.Filter{ofKind(1), nostr.Filter{}.WithTag("t", "x").WithLimit(0)}
	messages := map[string]gennostr.ClientMessage{
		`["REQ","s",{"kinds":[1]},{"#t":["x"],"limit":0}]`: gennostr.Req{SubscriptionID: "s", Filters: filters},
		`["CLOSE","s"]`:                                      gennostr.Close{SubscriptionID: "s"},
		`["EVENT",` + event.String() + `]`:                   gennostr.PublishEvent{Event: event},
		`["AUTH",` + auth.String() + `]`:                     gennostr.AuthResponse{Event: auth},
		`["COUNT","c",{"kinds":[1]},{"#t":["x"],"limit":0}]`: gennostr.CountReq{SubscriptionID: "c", Filters: filters},
		`["NEG-OPEN","n",{"kinds":[1]},"6100"]`:              gennostr.NegOpen{SubscriptionID: "n", Filter: filters[0], Payload: []byte{0x61, 0}},
		`["NEG-MSG","n","61ff"]`:                             gennostr.NegMsg{SubscriptionID: "n", Payload: []byte{0x61, 0xff}},
		`["NEG-CLOSE","n"]`:                                  gennostr.NegClose{SubscriptionID: "n"},
		` [ "REQ" , "raw" , { } ] `:                          gennostr.Raw(` [ "REQ" , "raw" , { } ] `),
		`no JSON at all`:                                     gennostr.Raw(`no JSON at all`),
	}
	onStage(t, nil, func(t *testing.T, s stage) {
		var want []string
		for frame, m := range messages {
			s.Send(t, m)
			want = append(want, frame)
		}
		assert.Equal(t, want, frames(s.Relay))
		assert.EqualValues(t, len(messages), s.Traffic().MessagesOut)
		for name, m := range map[string]gennostr.ClientMessage{
			"nothing": nil, "no event": gennostr.PublishEvent{}, "no AUTH event": gennostr.AuthResponse{}, "an empty Raw": gennostr.Raw(""),
			"no id": gennostr.Req{Filters: filters}, "a long id": gennostr.Req{SubscriptionID: strings.Repeat("x", 65), Filters: filters},
			"no filter": gennostr.Req{SubscriptionID: "s"}, "no id to close": gennostr.Close{}, "an unsigned event": gennostr.PublishEvent{Event: new(nostr.Event)},
			"a bad filter": request("s", nostr.Filter{Tags: nostr.TagMap{"long": {"x"}}}),
		} {
			var failed *gennostr.SendError
			require.ErrorAs(t, s.Client.Send(stageURL, m), &failed, name)
			assert.Equal(t, m, failed.Message)
			require.ErrorAs(t, s.Client.Broadcast(m), &failed, name)
		}
		synctest.Wait()
		assert.Len(t, frames(s.Relay), len(messages), "none of these was sent")
	})
}

func TestARawReqIsKnownLikeATypedOne(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		s.Relay.Publish(textNotes(1)...)
		s.Send(t, gennostr.Raw(`["REQ","raw",{"kinds":[1]}]`), gennostr.Raw(`["COUNT","count",{}]`))
		assert.Len(t, s.Events(), 1)
		assert.Len(t, s.Named("OnCount"), 1)
		s.Send(t, gennostr.Raw(`["CLOSE","raw"]`))
		s.Inject(t, eventFrame("raw", textNotes(1)[0]))
		assert.Len(t, s.Events(), 1)
		assert.EqualValues(t, 1, s.Traffic().Late)
		assert.Empty(t, s.Rejected(t))
	})
}

func TestMessagesOfOneGoroutineArriveInTheirOrder(t *testing.T) {
	const senders, each = 8, 200
	relay := nostrtest.NewRelay(t)
	client := start(t, &recorder{}, gennostr.WithRelays(relay.URL()), gennostr.WithSendQueue(senders*each))
	require.NoError(t, client.Ready(t.Context(), 1))
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			for j := range each {
				assert.NoError(t, client.Send(relay.URL(), tag(i*each+j)))
			}
		})
	}
	sending.Wait()
	require.NoError(t, relay.WaitFor(t.Context(), func() bool { return len(relay.Received()) == senders*each }))
	next := make([]int, senders)
	for _, m := range relay.Received() {
		var n int
		_, err := fmt.Sscan(m.SubscriptionID, &n)
		require.NoError(t, err)
		require.Equal(t, next[n/each], n%each, "of sender %d", n/each)
		next[n/each]++
	}
}

func TestWhatASentMessageRefersToMayChange(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		event := textNotes(1)[0].Clone()
		want := event.String()
		s.Network.Partition(stageURL) // it waits in the queue meanwhile
		require.NoError(t, s.Client.Send(stageURL, bulky()))
		require.NoError(t, s.Client.Send(stageURL, gennostr.PublishEvent{Event: event}))
		event.Content = "changed"
		s.Network.Heal(stageURL)
		synctest.Wait()
		assert.Equal(t, `["EVENT",`+want+`]`, frames(s.Relay)[1])
	})
}

// Shows B17.
func TestSendQueueIsBoundedAndSendNeverWaits(t *testing.T) {
	sendTen := func(self *gennostr.Self, n note) error {
		if n.Name == "HandleInfo" {
			for i := range 10 {
				self.Send(stageURL, tag(i))
			}
			self.Broadcast(tag(10))
		}
		return nil
	}
	for _, outside := range []bool{true, false} {
		onStage(t, sendTen, func(t *testing.T, s stage) {
			other := s.Network.NewRelay("wss://b.example")
			require.NoError(t, s.Client.AddRelay(other.URL()))
			require.NoError(t, s.Client.Ready(t.Context(), 2))
			s.Network.Partition(stageURL)
			require.NoError(t, s.Client.Send(stageURL, bulky()))
			began := time.Now()
			if outside {
				for i := range 9 {
					require.NoError(t, s.Client.Send(stageURL, tag(i)))
				}
				var failed *gennostr.SendError
				require.ErrorAs(t, s.Client.Send(stageURL, tag(9)), &failed)
				assert.ErrorIs(t, failed, gennostr.ErrSendQueueFull)
				assert.Equal(t, tag(9), failed.Message)
				err := s.Client.Broadcast(tag(10))
				require.ErrorAs(t, err, &failed)
				assert.ErrorIs(t, err, gennostr.ErrSendQueueFull)
				assert.Equal(t, stageURL, failed.URL)
			} else {
				require.NoError(t, s.Client.Notify("go"))
				synctest.Wait()
				failures := s.Named("OnError")
				require.Len(t, failures, 2)
				for i, n := range failures {
					var failed *gennostr.SendError
					require.ErrorAs(t, reasonOf(t, n), &failed)
					assert.ErrorIs(t, failed, gennostr.ErrSendQueueFull)
					assert.Equal(t, tag(9+i), failed.Message)
					assert.Equal(t, stageURL, n.Relay.URL)
				}
			}
			assert.Zero(t, time.Since(began))
			synctest.Wait()
			assert.Equal(t, []string{tagFrame(10)}, frames(other), "a relay that does not read holds up nobody else")
			s.Network.Heal(stageURL)
			synctest.Wait()
			var want []string
			for i := range 9 {
				want = append(want, tagFrame(i))
			}
			assert.Equal(t, want, frames(s.Relay)[1:], "what was accepted is sent, what was refused is not")
		}, gennostr.WithSendQueue(10))
	}
}

func TestL04UnsentMessagesComeBackWhenTheLinkDies(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s stage){
		"ping timeout": func(t *testing.T, s stage) {
			time.Sleep(10 * time.Second) // virtual
			synctest.Wait()
			assert.ErrorIs(t, reasonOf(t, s.Named("OnDisconnect")[0]), gennostr.ErrPingTimeout)
			s.Network.Heal(stageURL)
		},
		"write timeout": func(t *testing.T, s stage) {
			time.Sleep(5 * time.Second) // virtual
			synctest.Wait()
			assert.ErrorIs(t, reasonOf(t, s.Named("OnDisconnect")[0]), gennostr.ErrWriteTimeout)
			s.Network.Heal(stageURL)
		},
		"removed": func(t *testing.T, s stage) {
			require.NoError(t, s.Client.RemoveRelay(stageURL))
			time.Sleep(time.Second) // virtual: what it may take to write the rest
			synctest.Wait()
			assert.ErrorIs(t, reasonOf(t, s.Named("OnDisconnect")[0]), gennostr.ErrRelayRemoved)
			s.Network.Heal(stageURL)
		},
	} {
		writeTimeout := 20 * time.Second
		if name == "write timeout" {
			writeTimeout = 5 * time.Second
		}
		t.Run(name, func(t *testing.T) {
			onStage(t, nil, func(t *testing.T, s stage) {
				s.Send(t, tag(0), tag(1))
				s.Network.Partition(stageURL)
				big := bulky()
				want := []gennostr.ClientMessage{big}
				require.NoError(t, s.Client.Send(stageURL, big))
				for i := range 5 {
					want = append(want, tag(2+i))
					require.NoError(t, s.Client.Send(stageURL, tag(2+i)))
				}
				synctest.Wait()
				end(t, s)
				synctest.Wait()
				assert.Equal(t, want, s.Unsent(t), "all of them, in order, and none that was written")
				assert.EqualValues(t, 2, relayTraffic(s).MessagesOut)
				names := s.Names()
				first := strings.Index(strings.Join(names, " "), "OnDisconnect")
				assert.NotContains(t, strings.Join(names, " ")[:first], "OnConnect OnConnect")
				last := -1
				for i, n := range s.All() {
					var failed *gennostr.SendError
					if n.Name == "OnError" && errors.As(reasonOf(t, n), &failed) {
						last = i
					}
				}
				assert.Contains(t, namesOf(s.All()[last:]), "OnDisconnect", "before the connection's last word")
				time.Sleep(time.Minute) // virtual: whether or not it comes back,
				synctest.Wait()
				assert.Equal(t, []string{tagFrame(0), tagFrame(1)}, frames(s.Relay), "they are not sent behind one's back")
			}, gennostr.WithPing(3*time.Second, 3*time.Second), gennostr.WithWriteTimeout(writeTimeout))
		})
	}
}

// relayTraffic is traffic, or what is left of it when the relay is gone.
func relayTraffic(s stage) gennostr.Traffic {
	if status, known := s.Client.Relay(stageURL); known {
		return status.Traffic
	}
	return gennostr.Traffic{MessagesOut: 2}
}

// Whatever happens to the link, each message is refused, comes back, or was
// written; what was written just before a cut may still be lost on the wire.
func TestL04NothingIsLostOverManyOutages(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		refused := map[string]bool{}
		n, bulks, bulksRefused := 0, 0, 0
		send := func(count int) {
			for range count {
				if err := s.Client.Send(stageURL, tag(n)); err != nil {
					refused[fmt.Sprint(n)] = true
				}
				n++
			}
		}
		for range 20 {
			send(3)
			synctest.Wait()
			s.Network.Partition(stageURL)
			if bulks++; s.Client.Send(stageURL, bulky()) == nil {
				send(4)
			} else {
				bulksRefused++
			}
			time.Sleep(4 * time.Second) // virtual: the ping timeout
			synctest.Wait()
			s.Network.Heal(stageURL)
			send(2)
			synctest.Wait()
			send(2)
			time.Sleep(40 * time.Second) // virtual
			synctest.Wait()
		}
		back, read := map[string]bool{}, map[string]bool{}
		for _, m := range s.Unsent(t) {
			if m, ok := m.(gennostr.Close); ok {
				assert.False(t, back[m.SubscriptionID], "reported once")
				back[m.SubscriptionID] = true
			}
		}
		for _, m := range s.Relay.Received() {
			if m.Verb == "CLOSE" {
				assert.False(t, read[m.SubscriptionID], "sent once")
				read[m.SubscriptionID] = true
			}
		}
		for i := range n {
			id := fmt.Sprint(i)
			fates := 0
			for _, fate := range []map[string]bool{refused, back, read} {
				if fate[id] {
					fates++
				}
			}
			assert.LessOrEqual(t, fates, 1, "message %d: refused %v, came back %v, was read %v", i, refused[id], back[id], read[id])
		}
		status, _ := s.Client.Relay(stageURL)
		assert.Equal(t, n+bulks, len(refused)+bulksRefused+len(s.Unsent(t))+int(status.Traffic.MessagesOut))
		assert.NotEmpty(t, refused)
		assert.NotEmpty(t, back)
		assert.NotEmpty(t, read)
	}, gennostr.WithPing(time.Second, time.Second))
}

func TestWhatWasAcceptedIsWrittenBeforeTheConnectionIsClosed(t *testing.T) {
	const half, n = 100, 200
	var want []string
	for i := range n {
		want = append(want, tagFrame(i))
	}
	t.Run("RemoveRelay", func(t *testing.T) {
		onStage(t, nil, func(t *testing.T, s stage) {
			for i := range n {
				require.NoError(t, s.Client.Send(stageURL, tag(i)))
			}
			require.NoError(t, s.Client.RemoveRelay(stageURL))
			synctest.Wait()
			assert.Equal(t, want, frames(s.Relay))
			assert.Equal(t, []string{"OnConnect", "OnDisconnect"}, s.Names())
			conn, _ := s.Relay.Connection(1)
			assert.Equal(t, 1000, conn.CloseCode, "and then goodbye was said")
		})
	})
	t.Run("Stop, and what Terminate sends", func(t *testing.T) {
		send := func(self *gennostr.Self, n note) error {
			if n.Name == "Terminate" {
				for i := half; i < 2*half; i++ {
					self.Send(stageURL, tag(i))
				}
				self.Broadcast(gennostr.Close{SubscriptionID: "broadcast"})
			}
			return nil
		}
		onStage(t, send, func(t *testing.T, s stage) {
			for i := range half {
				require.NoError(t, s.Client.Send(stageURL, tag(i)))
			}
			require.NoError(t, s.Client.Stop(t.Context()))
			synctest.Wait()
			assert.Equal(t, append(want, `["CLOSE","broadcast"]`), frames(s.Relay))
		})
	})
}

func TestBroadcastReachesTheConnectedOnes(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relays := map[string]*nostrtest.Relay{}
		for _, name := range []string{"a", "b", "down", "hung"} {
			relays[name] = network.NewRelay("wss://" + name + ".example")
		}
		relays["down"].Stop()
		network.HoldDials("wss://hung.example")
		r := &recorder{On: func(self *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				self.Broadcast(tag(1))
			}
			return nil
		}}
		client := start(t, r, over(network, gennostr.WithRelays("wss://a.example", "wss://b.example", "wss://down.example", "wss://hung.example"), gennostr.WithManualReconnect())...)
		require.NoError(t, client.Ready(t.Context(), 2))
		synctest.Wait()
		before := len(r.All())
		require.NoError(t, client.Broadcast(tag(0)), "others are skipped, not reported")
		require.NoError(t, client.Notify("go"))
		synctest.Wait()
		assert.Equal(t, []string{"HandleInfo"}, namesOf(r.All()[before:]), "inside neither")
		for _, name := range []string{"a", "b"} {
			assert.Equal(t, []string{tagFrame(0), tagFrame(1)}, frames(relays[name]), name)
		}
		network.ReleaseDials("wss://hung.example")
		require.NoError(t, client.Ready(t.Context(), 3))
		synctest.Wait()
		assert.Empty(t, frames(relays["hung"]), "nor is it made up for later")
	})
}

// L32: a message for nobody is no success. To close something nowhere is none either, but no failure.
func TestL32BroadcastToNobodyIsAnError(t *testing.T) {
	event := textNotes(1)[0]
	filter := ofKind(1)
	needy := []gennostr.ClientMessage{
		gennostr.PublishEvent{Event: event}, request("s", filter), gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{filter}},
		gennostr.NegOpen{SubscriptionID: "n", Filter: filter, Payload: []byte{0x61}}, gennostr.NegMsg{SubscriptionID: "n", Payload: []byte{0x61}},
		gennostr.AuthResponse{Event: nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, "", nostr.Tag{"relay", stageURL}, nostr.Tag{"challenge", "c"})},
		gennostr.Raw(`["REQ","s",{}]`), gennostr.Raw(`["NEWS"]`), gennostr.Raw("what?"),
	}
	closing := []gennostr.ClientMessage{
		gennostr.Close{SubscriptionID: "s"}, gennostr.NegClose{SubscriptionID: "n"}, gennostr.Raw(`["CLOSE","s"]`), gennostr.Raw(`["NEG-CLOSE","n"]`),
	}
	for name, urls := range map[string][]string{"no relay": nil, "none that is connected": {"wss://hung.example", "wss://down.example"}} {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://hung.example")
			network.NewRelay("wss://down.example").Stop()
			network.HoldDials("wss://hung.example")
			r := &recorder{On: func(self *gennostr.Self, n note) error {
				if n.Name == "HandleInfo" {
					self.Broadcast(n.Msg.(gennostr.ClientMessage))
				}
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(urls...), gennostr.WithManualReconnect())...)
			synctest.Wait()
			before := len(r.Named("OnError"))
			for _, m := range needy {
				err := client.Broadcast(m)
				assert.ErrorIs(t, err, gennostr.ErrNoRelay, "%s: %T", name, m)
				var failed *gennostr.SendError
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, gennostr.SendError{Message: m, Err: gennostr.ErrNoRelay}, *failed)
				require.NoError(t, client.Notify(m))
			}
			synctest.Wait()
			told := r.Named("OnError")[before:]
			require.Len(t, told, len(needy))
			for _, n := range told {
				assert.ErrorIs(t, reasonOf(t, n), gennostr.ErrNoRelay)
			}
			before = len(r.Named("OnError"))
			for _, m := range closing {
				assert.NoError(t, client.Broadcast(m), "%s: %T", name, m)
				require.NoError(t, client.Notify(m))
			}
			synctest.Wait()
			assert.Len(t, r.Named("HandleInfo"), len(needy)+len(closing))
			assert.Len(t, r.Named("OnError"), before, "OnError is told nothing")
		})
	}
}

func TestSendingInACallbackReachesTheConnectionItIsAbout(t *testing.T) {
	greet := func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "OnConnect":
			self.Send(n.Relay.URL, tag(1))
		case "OnDisconnect":
			self.Send(n.Relay.URL, tag(2))
		}
		return nil
	}
	onStage(t, greet, func(t *testing.T, s stage) {
		assert.Equal(t, []string{tagFrame(1)}, frames(s.Relay), "OnConnect: it is open")
		s.Relay.DisconnectAll()
		time.Sleep(time.Second) // virtual
		synctest.Wait()
		assert.Equal(t, []string{tagFrame(1), tagFrame(1)}, frames(s.Relay))
		assert.Equal(t, []gennostr.ClientMessage{tag(2)}, s.Unsent(t), "OnDisconnect: it is gone")
	})
}
