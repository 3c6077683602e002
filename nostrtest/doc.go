// Package nostrtest is a Nostr relay for tests, inside the test's own process,
// as net/http/httptest is a web server. By itself it is an honest relay: it
// keeps to NIP-01 and verifies what it is sent, and it shows a test what it has
// received. On command it misbehaves, in every way that relays and networks do.
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
// (NIP-67, [WithHints], [WithWholeSeconds]), protected events, embedded in
// reposts too (NIP-70), and reconciliation (NIP-77, [WithNegentropyFrame], [WithoutNegentropy]).
// What it cannot parse, and a filter with conditions that it
// does not know, is answered with CLOSED, NEG-ERR or OK where the message names who waits for
// that, else with NOTICE, as other verbs are. [WithAuth], [WithPolicy], [WithReadPolicy] and [WithLimits] make
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
// [Relay.Events], [Relay.Connections], [Relay.Subscriptions] and [Relay.Reconciliations]. Events and
// filters in them belong to the relay: read them and do not change them.
//
// [Relay.Publish] stores and pushes events without a client. For what only a
// bad relay would do there are [Relay.Push] (forged and repeated events),
// [Relay.Inject] (any text at all), [Relay.Notice], [Relay.CloseSubscription],
// [Relay.CloseReconciliation] and [Relay.RequestAuth].
//
// The link fails by [Relay.Stop] and [Relay.Restart], [Relay.StopGracefully],
// [Relay.Disconnect] and [Relay.CloseConnection]; in a network also by
// [Network.Partition], where the connection stays open and nothing gets
// through, and [Network.HoldDials], where dials hang. A dial of a stopped relay
// is refused at once.
//
// # Faults
//
// A [Fault] says what goes wrong and when. [WithFaults] gives a relay faults
// from the start, [Relay.Break] while it runs, until they are mended:
//
//	relay := nostrtest.NewRelay(t, nostrtest.WithFaults(
//		nostrtest.RefuseHandshake(429, time.Minute).Times(2), // the first two dials
//		nostrtest.Cut().After("EVENT").Nth(3),                // behind the third event sent
//	))
//	mend := relay.Break(nostrtest.NoOK()) // from now on
//	…
//	mend()
//
// What can go wrong:
//
//   - The handshake: [RefuseHandshake] (403, 429, 503), [DelayHandshake],
//     [IgnoreHandshake], [BadAcceptKey], [CutHandshake], [AnswerHandshake]; the
//     information document: [AnswerInfo], [LyingInfo].
//   - The connection: [Cut] (FIN), [Reset] (RST), [CloseWith], [Silence],
//     [StallReads], [StallWrites], [Drip], [Crash], [NoPong], [PingFlood],
//     [PingEvery], [NoticeFlood].
//   - Frames: [MalformedFrame] (reserved bits, lying lengths, truncated and
//     many more, see [Malformation]), [Fragmented], [Interleaved],
//     [OversizedMessage], [DeflateBomb], [SendBytes].
//   - Messages: [Say], [MalformedMessage], [Lose], [Late], [Repeat], [Rewrite],
//     [LineFeeds].
//   - Answers to EVENT: [NoOK], [LateOK], [TwoOKs], [SecondVerdict], [ShortOK],
//     [OKForAnotherID], [OKSays], [RefuseEvents] (see [Prefixes]),
//     [OutdatedSays] (see [ReplacedSpellings]), [DuplicateSays], [DeletedSays],
//     [VainDeletionSays],
//     [ForgetEvents], [LoseBursts], [TrustKnownIDs], [TakeDeleted], [StoreTwice],
//     [MuteUnheard], [LiveBeforeOK], [PushOutdated], [NoticeForBadEvents].
//   - Subscriptions: [NoEOSE], [LateEOSE], [TwoEOSEs], [RefuseRequests],
//     [EndSubscriptions], [PrefixClosed], [EventsAfterClosed], [AnswerClose],
//     [RefuseOpenIDs], [AddToOpenIDs], [DeafToIDs],
//     [CrossedListeners], [SubscriptionCap],
//     [SubscriptionCapNotice], [SubscriptionCapEOSE], [SubscriptionCapSilence],
//     [FilterCap], [FirstFilters], [ValueCap].
//   - Stored events and counts: [EOSEHints], [EndlessMore], [IgnoreLimits],
//     [PageCap], [AnswerCap], [LimitZeroSends], [IgnoreUntil], [RepeatPage],
//     [ExclusiveBounds], [ExclusiveSince], [OncePerFilter], [OncePerValue],
//     [LooseTags], [IgnoreUnknown], [HideKinds], [CountLastFilter],
//     [KeepExpired], [KeepEphemeral]; [DenseSecond] makes what a page cannot hold.
//   - Answers to anything: [NoAnswer], [NoticeInstead], [NoticeForUnreadable],
//     [SlowAnswers], [Overtaken], [Queued], [ReadPace].
//   - Reconciliation: [RefuseNegentropy], [NegentropyCap], [LoseReconciliations],
//     [EndReconciliations], [ForgetIdleReconciliations], [NegErrVerb],
//     [NegErrSays], [PrefixNegErr], [NegMsgBytes], [EndlessRanges], [InventedIDs].
//   - Events: [ForgedEvents], [AlteredEvents], [RelabelledEvents],
//     [DuplicatedEvents], [UnsolicitedEvents], [MismatchingEvents].
//   - Authentication: [AuthStorm], [LateChallenge], [NoChallenge],
//     [RejectAuth], [OneKeyOnly], [ExactAuthURL].
//   - Time: [ClockSkew].
//
// And when: [Fault.On] a message of the client, [Fault.Before] or [Fault.After]
// one of the relay, [Fault.Of] certain verbs, [Fault.AfterFrames],
// [Fault.AfterBytes], [Fault.OnConnection], [Fault.Nth], [Fault.From],
// [Fault.Every], [Fault.Times], [Fault.EachConnection], [Fault.If]. Faults of
// the connection and of frames (but for Fragmented and Interleaved, which are of
// messages), [Say] and [AuthStorm] go wherever On, Before, After, AfterFrames
// and AfterBytes put them; without these they strike when a connection opens,
// and with Break at those that are open already.
//
// Everything works on sockets and in memory alike. [Silence] is for one
// connection what [Network.Partition] is for a host; restarts on the same
// address are [Relay.Stop] and [Relay.Restart], or [Crash].
//
// # Relays in the wild
//
// [Strfry], [Khatru], [KhatruNext], [Slicestore], [LMDBStore], [Mocrelay],
// [MattnRelay], [NostrRelayCore], [NakServe] and [WalletRelay] are options that
// make the relay behave as these do where they leave the protocol, so that a bot
// can be tested against all of them:
//
//	for _, profile := range []nostrtest.Option{nostrtest.Strfry(), nostrtest.Khatru()} {
//		relay := nostrtest.NewRelay(t, profile)
//
// # Chaos
//
// [Chaos] mixes faults by chance, and a seed decides. In memory the same seed
// gives the same run. Let it rage, mend it, and ask for what has to be true in
// the end:
//
//	mend := relay.Break(nostrtest.Chaos(42))
//	time.Sleep(10 * time.Minute) // of virtual time, in a bubble
//	mend()
//	answer, err := relay.WaitEvent(ctx, filter)
//
// # When a test fails
//
// The relay of a test that fails prints the wire log: the newest 200 frames
// with time and direction, handshakes and faults among them, and the seeds of
// chaos. [Relay.WireLog] has it at any time, [WithWireLog] says how much of it
// is kept.
//
//	0.000s #- → HTTP GET /
//	0.000s #1 ← HTTP 101 Switching Protocols
//	0.013s #1 → TEXT 34 ["REQ","notes",{"kinds":[1]}]
//	0.013s #1 ! FAULT Cut().Before("EOSE")
//
// # Keys and events
//
// [Key] gives test keys, the same in every run; [Event], [TextNote] and their
// variants with a created_at of your choice give signed events.
package nostrtest
