// Package gennostr is a Nostr client that behaves like a GenServer: one
// goroutine owns your handler, one connection per relay feeds it, and nothing
// reaches the handler, as an event, that has not been proven genuine.
//
//	type Bot struct{ gennostr.BaseHandler }
//
//	func (b *Bot) Init(self *gennostr.Self) error {
//		return self.Subscribe("notes", []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote).WithLimit(10)})
//	}
//
//	func (b *Bot) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
//		fmt.Println(msg.Event.Content)
//		return nil
//	}
//
//	err := gennostr.Run(ctx, &Bot{}, gennostr.WithRelays("wss://relay.example.com"))
//
// # From GenServer to Go
//
//	start_link, init/1, :ignore        Start, Init, ErrIgnore
//	handle_call/3, reply/2             HandleCall, From.Reply; Client.Call, Call[T]
//	handle_cast/2, handle_info/2       HandleCast, HandleInfo; Client.Cast, Client.Notify
//	{:continue, arg}, timeout          Self.Continue, Self.SetTimeout
//	Process.send_after, Task.async     Self.SendAfter, Go; NewQueue for work per event
//	{:stop, reason, state}             return Stop(reason), ErrStop or ErrShutdown
//	terminate/2, stop/3                Terminate, Client.Stop
//	child_spec/1                       Service
//	:hibernate, name registration      Self.Hibernate, WithName and Whereis
//	add_relay, send_message, tasks     AddRelay, Send, WithTask
//	handle_connect, handle_event, …    OnConnect, OnEvent, …
//
// # Subscriptions
//
// [Self.Subscribe] declares a subscription of the handler's, [Client.Subscribe] opens one
// whose events somebody else ranges over. Both live on all relays, those that are added
// later too, or on those of [On], which need not be the client's, and say where they
// stand on each ([Client.Subscriptions]).
//
// Each event comes once, among the client's last 262,144 events; after that it may come
// again. When a relay has been away, what was missed is asked of that relay: from the
// time up to which it was heard, or from the newest date it had brought if that is
// earlier, less [WithOverlap]; as many answers as it takes; gift wraps (NIP-59) from two
// days earlier still. So nothing is lost that is dated no more than the overlap before
// it was published. What a relay has and does not give, since more events are dated in one second
// than it sends at once, is reported as a [Gap].
//
// The first load is what the filter says: with a limit so many events of each relay,
// with a since all of them, and without either what the relay gives at once.
//
// A relay takes only so many REQs. What it takes is read in its information document
// (NIP-11) or learnt from its refusals, and subscriptions share REQs where they have to.
// A refusal is a state and no end: what may be served later is asked for again, at
// growing intervals, and what will not with the next connection or after an AUTH.
//
// Relays that want to know who asks (NIP-42) are told by [WithSigner].
//
// A [Cursor] is where a subscription stands. Saved in one transaction with what an event
// made the program do, and given to [Resume], it makes the program go on where it was
// when it starts again, after a crash too. A filter with a since that moves ("from
// now on") is another filter each time: leave it out where there is a cursor.
//
// # Publications
//
// [Client.Publish], [Client.StartPublish] and [Self.Publish] hand an event to relays, all
// of them or those of [On], until each has given its verdict: an [Outcome] with the
// relay's own words. Success is an OK of a relay and nothing else: an event whose
// connection ends before it is sent again on the next, and a relay that says
// "rate-limited:" gets it later, until [GiveUpAfter]. What a relay states in its document
// that it does not take is not sent ([LimitError]), and a refusal for a date names this
// machine's clock if that is wrong ([ClockError]). [WithPublishPace] spaces what is sent to
// a relay. [Client.Request] publishes where the reply will be heard, and yields it.
//
// Publications live in memory: a program that is killed has lost those that were open.
//
// # Queries
//
// [Client.Query], [Client.Fetch], [Client.FetchOne], [Client.Count] and [Self.Query] ask for
// what relays have stored, once. They page past what a relay gives at once, split what is
// too long for it, and end by [WithDeadline] at the latest, with a [RelayAnswer] for each
// relay: a half is never taken for the whole, nor a relay that is away for one that has
// nothing ([ErrNotFound]). Filters that bound by themselves what can come are asked
// for to the end, others for a page, unless [AllPages].
//
// # Comparisons
//
// [Client.Sync] compares what a relay has for a filter with what the program has (NIP-77), for a
// hundredth of the bytes that sending everything takes, and fetches or publishes what one
// side lacks.
//
// # What it takes
//
// All memory that a relay can make the client keep is bounded: [WithMailboxBudget]
// for what was received and not handled yet (64 MiB in all), [WithMailboxWindow] for
// what of it may be one relay's (4 MiB), [WithQueryBudget] for what queries hold while
// they are open (1 GiB). A relay where nothing happens takes one
// goroutine and some 18 KB, verification up to 1 MB for each of its goroutines
// ([WithVerifyWorkers]), and the memory of past events up to 13 MiB.
//
// # What differs from OTP
//
//   - An error that a callback returns is a report to OnError, not a stop: a
//     stranger's malformed note must not end a bot.
//   - Call to a handler without HandleCall fails and the client lives: the mistake is
//     the caller's.
//   - Cast reports a client that has stopped or is overloaded: Go has no monitor
//     that would tell otherwise.
//   - The mailbox is bounded: a relay that sends faster than the handler works is
//     slowed down by TCP, and only that relay.
//   - Terminate runs once after every successful Init, after a panic too: nobody
//     traps exits here, and cleaning up must not depend on it.
//   - A goroutine cannot be killed: a callback that never returns is logged
//     (WithSlowCallback) and named by Stop's error, and Done stays open until it returns.
//   - Restart intensity counts panics, not lost connections: those come back on a
//     schedule, for a network that is away is no failure of ours.
//   - There is no selective receive: From.Reply and Go do what it is used for. There
//     are no links, monitors, code changes or sys messages, which need the runtime's
//     help, and no :debug, :spawn_opt, :global or :via: slog, Stats and WithName.
package gennostr
