package main

import (
	"strings"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Bot is the whole bot. Its fields need no locks: every callback runs on the
// client's goroutine.
type Bot struct {
	gennostr.BaseHandler

	key nostr.SecretKey
	say func(who, format string, args ...any)

	listens chan bool // for the demo: whether it hears mentions, if anybody wants to know
}

func newBot(key nostr.SecretKey, say func(who, format string, args ...any)) *Bot {
	return &Bot{key: key, say: say, listens: make(chan bool, 1)}
}

// Init asks for the mentions of the bot, once for all: on every relay, again after
// every outage, and each mention comes once, however many relays bring it.
func (b *Bot) Init(self *gennostr.Self) error {
	return self.Subscribe("mentions", []nostr.Filter{
		nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("p", b.key.PubKey().String()).WithLimit(0),
	})
}

func (b *Bot) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	b.say("bot", "connected to %s (attempt %d)", relay.URL, relay.Attempts)
	return nil
}

// OnEOSE: from here on mentions come as they are published.
func (b *Bot) OnEOSE(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EOSEMessage) error {
	b.say("bot", "listening on %s", relay.URL)
	b.tell(true)
	return nil
}

// OnEvent gets genuine events only: the library has checked id, signature and filter.
func (b *Bot) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	mention := msg.Event
	if msg.Phase == gennostr.PhaseStored {
		return nil // history: some relays send it in spite of the limit
	}
	if mention.PubKey == b.key.PubKey() || strings.HasPrefix(mention.Content, "echo: ") {
		return nil // itself, or another of its kind: they would talk for ever
	}
	b.say("bot", "heard %.200q (%s)", mention.Content, msg.Phase)

	answer := &nostr.Event{
		Kind:    nostr.KindTextNote,
		Content: "echo: " + mention.Content,
		Tags: nostr.Tags{
			{"e", mention.ID.String(), relay.Address, "root"},
			{"p", mention.PubKey.String()},
		},
	}
	if err := answer.Sign(b.key); err != nil {
		return err
	}
	self.Publish(answer, b.answered) // through outages, for a minute
	return nil
}

// answered tells what has become of an answer on each relay.
func (b *Bot) answered(report gennostr.PublishReport) error {
	for _, o := range report.Outcomes {
		b.say("bot", "answer on %v", o)
	}
	return nil
}

// OnDisconnect has nothing to do: the client reconnects by itself, and asks again.
func (b *Bot) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	if !relay.ConnectedAt.IsZero() { // else OnError has told of the dial that failed
		b.say("bot", "disconnected from %s", relay.URL)
	}
	b.tell(false)
	return nil
}

// OnError gets what else goes wrong. A problem is no reason to stop.
func (b *Bot) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	b.say("bot", "problem: %v", err)
	return nil
}

// Terminate is the last callback.
func (b *Bot) Terminate(self *gennostr.Self, reason error) { b.say("bot", "goodbye") }

// tell says what is the case now, over what it said before.
func (b *Bot) tell(listens bool) {
	select {
	case <-b.listens:
	default:
	}
	b.listens <- listens
}
