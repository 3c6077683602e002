package nip17_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip44"
)

func Example() {
	ctx := context.Background()
	alice, bot := nip44.Keyer(nostr.GenerateSecretKey()), nip44.Keyer(nostr.GenerateSecretKey())
	botKey, err := bot.PublicKey(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}

	// Alice writes to the bot.
	sent, err := nip17.PrepareMessage(ctx, alice, nip17.Message{To: []nostr.PubKey{botKey}, Content: "ping"})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The bot reads it, and answers whoever is in the room: here Alice alone.
	msg, err := nip17.Open(ctx, bot, sent.ToThem[0].Wrap)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(msg.Content, "in a room of", msg.Room().Len())
	answer, err := nip17.PrepareMessage(ctx, bot, msg.Reply("pong"))
	if err != nil {
		fmt.Println(err)
		return
	}

	// Alice reads the answer to her message.
	msg, err = nip17.Open(ctx, alice, answer.ToThem[0].Wrap)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(msg.Content, "in reply to hers:", msg.ReplyTo == sent.Rumor.ID)
	// Output:
	// ping in a room of 2
	// pong in reply to hers: true
}

func ExampleParseRelayList() {
	list := &nostr.Event{Kind: nostr.KindDMRelayList, Tags: nostr.Tags{{"relay", "wss://inbox.nostr.wine"}, {"relay", "https://not.a.relay"}}}
	fmt.Println(nip17.ParseRelayList(list))

	_, err := nip17.ParseRelayList(&nostr.Event{Kind: nostr.KindRelayListMetadata})
	fmt.Println(errors.Is(err, nip17.ErrOtherKind))
	// Output:
	// [wss://inbox.nostr.wine] <nil>
	// true
}
