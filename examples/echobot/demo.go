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

// visitor is whoever mentions the bot. It is silent: the outage is part of the show.
type visitor struct{ gennostr.BaseHandler }

func (*visitor) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

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
	if err := await(ctx, bot.listens, true); err != nil {
		return err
	}

	if err := visit(ctx, relay, bot, say, "good morning"); err != nil {
		return err
	}
	say("relay", "stopped")
	relay.Stop()
	if err := await(ctx, bot.listens, false); err != nil {
		return err
	}
	if err := relay.Restart(); err != nil {
		return err
	}
	say("relay", "back on %s", relay.URL())
	if err := await(ctx, bot.listens, true); err != nil {
		return err
	}
	if err := visit(ctx, relay, bot, say, "are you still there?"); err != nil {
		return err
	}
	return client.Stop(ctx)
}

// visit mentions the bot as somebody new, and returns when the answer is there.
func visit(ctx context.Context, relay *nostrtest.Relay, bot *Bot, say func(string, string, ...any), text string) error {
	client, err := gennostr.Start(ctx, &visitor{}, gennostr.WithRelays(relay.URL()))
	if err != nil {
		return err
	}
	defer client.Stop(ctx)
	key, echo := nostr.GenerateSecretKey(), bot.key.PubKey()
	answers, err := client.Subscribe(ctx, []nostr.Filter{nostr.Filter{}.WithAuthors(echo).WithTag("p", key.PubKey().String())})
	if err != nil {
		return err
	}
	if err := answers.CaughtUp(ctx, 1); err != nil {
		return err
	}
	mention := &nostr.Event{Kind: nostr.KindTextNote, Content: text, Tags: nostr.Tags{{"p", echo.String()}}}
	if err := mention.Sign(key); err != nil {
		return err
	}
	say("visitor", "says %q", text)
	if _, err := client.Publish(ctx, mention); err != nil {
		return err
	}
	for answer := range answers.Events() {
		say("visitor", "gets %q", answer.Event.Content)
		if want := "echo: " + text; answer.Event.Content != want {
			return fmt.Errorf("the bot should have answered %q", want)
		}
		return nil
	}
	return answers.Err()
}

// await waits until the bot says what is wanted.
func await(ctx context.Context, listens <-chan bool, want bool) error {
	for {
		select {
		case is := <-listens:
			if is == want {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
