// Package nostrtest is a Nostr relay for tests, inside the test's own process,
// as net/http/httptest is a web server. It is an honest relay: it keeps to
// NIP-01 and verifies what it is sent, and it shows a test what it has received.
//
//	func TestBotAnswers(t *testing.T) {
//		relay := nostrtest.NewRelay(t)
//		go runBot(t.Context(), relay.URL())
//		_, err := relay.WaitRequest(t.Context(), nil) // the bot has subscribed
//		require.NoError(t, err)
//		question := nostrtest.TextNote(nostrtest.Key(1), "ping")
//		relay.Publish(question)
//		answer, err := relay.WaitEvent(t.Context(), nostr.Filter{}.WithTag("e", question.ID.String()))
//		require.NoError(t, err)
//		assert.Equal(t, "pong", answer.Content)
//	}
//
// # Sockets or memory
//
// [NewRelay] listens on a socket of the loopback interface. [NewNetwork] is an
// internet in memory: its relays have names such as "wss://a.example" and are
// reached through [Network.HTTPClient], which goes wherever a client takes an
// *http.Client. Inside a testing/synctest bubble time is virtual there, so that
// a reconnect schedule of minutes takes milliseconds, and synctest.Wait says
// when nothing more can come:
//
//	synctest.Test(t, func(t *testing.T) {
//		network := nostrtest.NewNetwork(t) // this t: closed inside the bubble
//		relay := network.NewRelay("wss://a.example")
//		…
//	})
//
// The network, its relays and their clients all have to be made inside the
// bubble. What a test starts itself it also has to end; relays and network end
// in t.Cleanup, which a bubble runs before it ends. A bubble's clock starts at
// midnight UTC of 2000-01-01, also for the relay: [Event] follows it, events
// recorded elsewhere are from its future. [StartRelay] and [StartNetwork] are
// for programs and examples, which have no test; they are closed with Close.
//
// # What the relay does
//
// NIP-01 with replaceable, addressable and ephemeral kinds; deletions (NIP-09),
// information document (NIP-11), proof of work (NIP-13), expiration (NIP-40),
// authentication (NIP-42), COUNT (NIP-45), plain search (NIP-50), EOSE hints
// (NIP-67, [WithHints]) and protected events (NIP-70). Other verbs are answered
// with NOTICE. [WithAuth], [WithPolicy], [WithReadPolicy] and [WithLimits] make
// it choosy. Connections are independent: a client that does not read is cut
// off when too much waits for it ([WithSendBuffer]) and holds up nobody.
//
// # What a test does
//
// Waiting is never polling: [Relay.WaitEvent], [Relay.WaitRequest],
// [Relay.WaitConnections] and the others return as soon as it is so, look at
// what has already been as well, and say what the relay has received instead
// when their context ends. [Relay.WaitFor] waits for anything the views show.
//
// The views are [Relay.Received], [Relay.Requests], [Relay.Accepted],
// [Relay.Events], [Relay.Connections] and [Relay.Subscriptions]. Events and
// filters in them belong to the relay: read them and do not change them.
//
// [Relay.Publish] stores and pushes events without a client. For what only a
// bad relay would do there are [Relay.Push] (forged and repeated events),
// [Relay.Inject] (any text at all), [Relay.Notice], [Relay.CloseSubscription]
// and [Relay.RequestAuth].
//
// The link fails by [Relay.Stop] and [Relay.Restart], [Relay.StopGracefully],
// [Relay.Disconnect] and [Relay.CloseConnection]; in a network also by
// [Network.Partition], where the connection stays open and nothing gets
// through, and [Network.HoldDials], where dials hang. A dial of a stopped relay
// is refused at once.
//
// # Keys and events
//
// [Key] gives test keys, the same in every run; [Event], [TextNote] and their
// variants with a created_at of your choice give signed events.
package nostrtest
