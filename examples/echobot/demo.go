package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// visitor mentions the bot and waits for its answer.
type visitor struct {
	gennostr.BaseHandler
	key     nostr.SecretKey
	bot     nostr.PubKey
	answers chan string
}

func (v *visitor) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "answers", Filters: []nostr.Filter{
		nostr.Filter{}.WithAuthors(v.bot).WithTag("p", v.key.PubKey().String()),
	}})
	return nil
}

func (v *visitor) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	select {
	case v.answers <- msg.Event.Content:
	default: // an old answer, which the relay still has
	}
	return nil
}

// OnError is silent: the outage is part of the show.
func (v *visitor) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

// demo is the outage, from the first mention to the second answer.
func demo(ctx context.Context, bot *Bot, say func(who, format string, args ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("the demo took longer than 15 seconds"))
	defer cancel()

	relay, err := nostrtest.StartRelay()
	if err != nil {
		return err
	}
	defer relay.Close()
	say("relay", "listening on %s", relay.URL())

	client, err := gennostr.Start(ctx, bot, gennostr.WithRelays(relay.URL()))
	if err != nil {
		return err
	}
	defer client.Stop(ctx)
	if err := await(ctx, bot.changed, true); err != nil {
		return err
	}

	if err := visit(ctx, relay, bot, say, "good morning"); err != nil {
		return err
	}
	say("relay", "stopped")
	relay.Stop()
	if err := await(ctx, bot.changed, false); err != nil {
		return err
	}
	if err := relay.Restart(); err != nil {
		return err
	}
	say("relay", "back on %s", relay.URL())
	if err := await(ctx, bot.changed, true); err != nil {
		return err
	}
	if err := visit(ctx, relay, bot, say, "are you still there?"); err != nil {
		return err
	}
	return client.Stop(ctx)
}

// visit mentions the bot as somebody new, and returns when the answer is there.
func visit(ctx context.Context, relay *nostrtest.Relay, bot *Bot, say func(string, string, ...any), text string) error {
	v := &visitor{key: nostr.GenerateSecretKey(), bot: bot.key.PubKey(), answers: make(chan string, 1)}
	client, err := gennostr.Start(ctx, v, gennostr.WithRelays(relay.URL()))
	if err != nil {
		return err
	}
	defer client.Stop(ctx)
	if err := client.Ready(ctx, 1); err != nil {
		return err
	}
	mention := &nostr.Event{Kind: nostr.KindTextNote, Content: text, Tags: nostr.Tags{{"p", v.bot.String()}}}
	if err := mention.Sign(v.key); err != nil {
		return err
	}
	say("visitor", "says %q", text)
	if err := client.Send(relay.URL(), gennostr.PublishEvent{Event: mention}); err != nil {
		return err
	}
	select {
	case answer := <-v.answers:
		if want := "echo: " + text; answer != want {
			return fmt.Errorf("the bot answered %q, want %q", answer, want)
		}
		say("visitor", "gets %q", answer)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await waits until the bot says what is wanted.
func await(ctx context.Context, changed <-chan bool, want bool) error {
	for {
		select {
		case connected := <-changed:
			if connected == want {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
