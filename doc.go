// Package gennostr is a Nostr client that behaves like a GenServer: one
// goroutine owns your handler, one connection per relay feeds it, and nothing
// reaches the handler, as an event, that has not been proven genuine.
//
//	type Bot struct{ gennostr.BaseHandler }
//
//	func (b *Bot) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
//		self.Send(relay.URL, gennostr.Req{SubscriptionID: "notes", Filters: []nostr.Filter{
//			nostr.Filter{}.WithKinds(nostr.KindTextNote).WithLimit(10)}})
//		return nil
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
// # What it takes
//
// All memory that a relay can make the client keep is bounded: [WithMailboxBudget]
// for what was received and not handled yet (64 MiB in all), [WithMailboxWindow] for
// what of it may be one relay's (4 MiB). A relay where nothing happens takes one
// goroutine and some 19 KB, verification up to 1.5 MB for each of its goroutines
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
