package nip59_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

func Example() {
	ctx := context.Background()
	alice, bob := nostr.GenerateSecretKey(), nostr.GenerateSecretKey()

	note := &nostr.Event{Kind: nostr.KindTextNote, Content: "Are you going to the party tonight?"}
	wrap, err := nip59.GiftWrap(ctx, nip44.Keyer(alice), note, bob.PubKey())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the relay sees kind", wrap.Kind, "by alice:", wrap.PubKey == alice.PubKey())

	rumor, err := nip59.GiftUnwrap(ctx, nip44.Keyer(bob), wrap)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("bob sees kind", rumor.Kind, "by alice:", rumor.PubKey == alice.PubKey())
	fmt.Println(rumor.Content)

	_, err = nip59.GiftUnwrap(ctx, nip44.Keyer(nostr.GenerateSecretKey()), wrap)
	fmt.Println("for others:", errors.Is(err, nip44.ErrMAC))
	// Output:
	// the relay sees kind 1059 by alice: false
	// bob sees kind 1 by alice: true
	// Are you going to the party tonight?
	// for others: true
}
