package main

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Bot counts what it is told to count, and crashes when it is told to. Each
// start gets a Bot of its own, so a crash takes the count with it.
type Bot struct {
	gennostr.BaseHandler

	key    nostr.SecretKey
	count  int // the state
	number int // which of the bots this is
	say    func(who, format string, args ...any)
	ready  chan<- int // for the demo: its number, when it listens
}

// OnConnect asks for the commands to this bot.
func (b *Bot) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "commands", Filters: []nostr.Filter{
		nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("p", b.key.PubKey().String()).
			WithSince(nostr.TimestampOf(time.Now().Add(-time.Minute))),
	}})
	return nil
}

// OnEOSE: whatever comes now is live.
func (b *Bot) OnEOSE(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EOSEMessage) error {
	b.say("bot", "bot number %d is listening, its count is %d", b.number, b.count)
	select {
	case b.ready <- b.number:
	default: // a callback waits for nobody
	}
	return nil
}

// OnEvent obeys.
func (b *Bot) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	if msg.Phase == gennostr.PhaseStored {
		// The relay keeps the command that crashed the bot before this one. A bot
		// that obeyed it again would crash again, and again.
		b.say("bot", "leaves an old %q alone", msg.Event.Content)
		return nil
	}
	switch msg.Event.Content {
	case "count":
		b.count++
		return b.answer(self, relay, msg.Event, fmt.Sprint(b.count))
	case "crash":
		b.say("bot", "crashes with a count of %d", b.count)
		panic("told to crash")
	case "stop":
		return gennostr.ErrStop // a normal end: not to be started again
	}
	return b.answer(self, relay, msg.Event, "count, crash or stop?")
}

func (b *Bot) answer(self *gennostr.Self, relay gennostr.Relay, to *nostr.Event, text string) error {
	answer := &nostr.Event{Kind: nostr.KindTextNote, Content: text, Tags: nostr.Tags{
		{"e", to.ID.String(), relay.Address, "root"}, {"p", to.PubKey.String()},
	}}
	if err := answer.Sign(b.key); err != nil {
		return err
	}
	self.Publish(answer, nil, gennostr.On(relay.URL))
	return nil
}

// Terminate runs after a panic, too.
func (b *Bot) Terminate(self *gennostr.Self, reason error) {
	b.say("bot", "bot number %d ends: %v", b.number, reason)
}
