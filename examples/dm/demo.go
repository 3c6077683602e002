package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostrtest"
)

// anywhere lets the relays that others have named be on this machine.
var anywhere = gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil))

// demo is a conversation of the bot with a visitor who lives on another relay.
// Each of these relays gives private messages to nobody but their receiver.
func demo(ctx context.Context, key nostr.SecretKey, say func(who, format string, args ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()

	ours, err := nostrtest.StartRelay(nostrtest.Strfry())
	if err != nil {
		return err
	}
	defer ours.Close()
	theirs, err := nostrtest.StartRelay(nostrtest.Strfry())
	if err != nil {
		return err
	}
	defer theirs.Close()
	say("relays", "the bot's is %s, the visitor's is %s", ours.URL(), theirs.URL())

	bot := newMail(settings{name: "bot", key: key, inbox: []string{ours.URL()}, onMessage: answer, say: say})
	serving, err := gennostr.Start(ctx, bot, bot.options(anywhere)...)
	if err != nil {
		return err
	}
	defer serving.Stop(ctx)

	answers := make(chan string, 8)
	visitor := newMail(settings{
		name: "visitor", key: nostr.GenerateSecretKey(), inbox: []string{theirs.URL()}, lists: []string{ours.URL()}, say: say,
		onMessage: func(_ *gennostr.Self, _ *mail, msg *nip17.Message, _ string) {
			if msg.From == bot.me { // proven
				answers <- msg.Content
			}
		},
	})
	visiting, err := gennostr.Start(ctx, visitor, visitor.options(anywhere)...)
	if err != nil {
		return err
	}
	defer visiting.Stop(ctx)

	for _, person := range []*mail{bot, visitor} { // they find each other by their lists
		if _, err := ours.WaitEvent(ctx, nip17.RelayListFilter(person.me)); err != nil {
			return err
		}
	}
	for _, text := range []string{"hello, is anybody there?", "can others read this?"} {
		say("visitor", "says %q", text)
		if err := visiting.Notify(nip17.Message{To: []nostr.PubKey{bot.me}, Content: text}); err != nil {
			return err
		}
		if err := await(ctx, answers, answerPrefix+text); err != nil {
			return err
		}
		say("visitor", "gets %q", answerPrefix+text)
	}
	showWraps(say, ours, theirs)
	return errors.Join(visiting.Stop(ctx), serving.Stop(ctx))
}

// showWraps tells what relays have seen of a conversation.
func showWraps(say func(who, format string, args ...any), relays ...*nostrtest.Relay) {
	for _, relay := range relays {
		for _, wrap := range relay.Events(nostr.Filter{}.WithKinds(nostr.KindGiftWrap)) {
			say("relays", "have seen this: a wrap for %.12s…, by %s, who never wrote before or after, dated %s, %d bytes",
				wrap.Tags.Find("p").Value(), short(wrap.PubKey), wrap.CreatedAt.Time().Format(time.DateTime), len(wrap.Content))
		}
	}
}

// await waits for an answer.
func await(ctx context.Context, answers <-chan string, want string) error {
	select {
	case got := <-answers:
		if got != want {
			return fmt.Errorf("the bot answered %q, want %q", got, want)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
