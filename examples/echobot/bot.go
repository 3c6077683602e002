package main

import (
	"strings"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Bot is the whole bot. Its fields need no locks: every callback runs on the
// client's goroutine.
type Bot struct {
	gennostr.BaseHandler

	key      nostr.SecretKey
	since    nostr.Timestamp
	answered map[nostr.ID]time.Time // mentions of the last hour: several relays bring the same one
	say      func(who, format string, args ...any)

	changed chan bool // for the demo: connected or not, if anybody listens
}

func newBot(key nostr.SecretKey, say func(who, format string, args ...any)) *Bot {
	return &Bot{
		key: key, say: say,
		since:    nostr.Now(),
		answered: make(map[nostr.ID]time.Time),
		changed:  make(chan bool, 1),
	}
}

// memory is how long a mention is remembered, and how far back the bot asks after an outage.
const memory = time.Hour

// OnConnect asks for the mentions of the bot. A connection that comes back
// starts with nothing, so this is the place for it.
func (b *Bot) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	b.say("bot", "connected to %s (attempt %d)", relay.URL, relay.Attempts)
	since := max(b.since, nostr.TimestampOf(time.Now().Add(-memory)))
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "mentions", Filters: []nostr.Filter{
		nostr.Filter{}.WithKinds(nostr.KindTextNote).WithTag("p", b.key.PubKey().String()).WithSince(since),
	}})
	b.tell(true)
	return nil
}

// OnEvent gets genuine events only: the library has checked id, signature and filter.
func (b *Bot) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	mention := msg.Event
	if mention.PubKey == b.key.PubKey() || strings.HasPrefix(mention.Content, "echo: ") {
		return nil // itself, or another of its kind: they would talk for ever
	}
	if _, seen := b.answered[mention.ID]; seen {
		return nil
	}
	b.remember(mention.ID)
	b.say("bot", "heard %.200q", mention.Content)

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
	self.Broadcast(gennostr.PublishEvent{Event: answer})
	return nil
}

// OnOK is each relay's verdict on the answer.
func (b *Bot) OnOK(self *gennostr.Self, relay gennostr.Relay, msg gennostr.OKMessage) error {
	if msg.Accepted {
		b.say("bot", "answer accepted by %s", relay.URL)
	} else {
		b.say("bot", "answer refused by %s: %.200q", relay.URL, msg.Message)
	}
	return nil
}

// OnAuth proves to a relay who the bot is (NIP-42). Some relays compare their
// URL byte for byte: the event names the one that was written when it was added.
func (b *Bot) OnAuth(self *gennostr.Self, relay gennostr.Relay, msg gennostr.AuthMessage) error {
	auth := &nostr.Event{Kind: nostr.KindClientAuthentication, Tags: nostr.Tags{
		{"relay", relay.Address}, {"challenge", msg.Challenge},
	}}
	if err := auth.Sign(b.key); err != nil {
		return err
	}
	self.Send(relay.URL, gennostr.AuthResponse{Event: auth})
	return nil
}

// OnDisconnect has nothing to do: the client reconnects by itself.
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

// remember notes a mention as answered, and forgets those of more than an hour ago.
func (b *Bot) remember(id nostr.ID) {
	now := time.Now()
	for old, at := range b.answered {
		if now.Sub(at) > memory {
			delete(b.answered, old)
		}
	}
	b.answered[id] = now
}

// tell says what is the case now, over what it said before.
func (b *Bot) tell(connected bool) {
	select {
	case <-b.changed:
	default:
	}
	b.changed <- connected
}
