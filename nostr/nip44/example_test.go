package nip44_test

import (
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

func Example() {
	alice, bob := nostr.GenerateSecretKey(), nostr.GenerateSecretKey()

	key, err := nip44.GenerateConversationKey(bob.PubKey(), alice)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := nip44.Encrypt("meet me at noon", key)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(payload), "bytes for 15, as for any other text up to 32")

	same, err := nip44.GenerateConversationKey(alice.PubKey(), bob)
	if err != nil {
		fmt.Println(err)
		return
	}
	plaintext, err := nip44.Decrypt(payload, same)
	fmt.Println(plaintext, err)

	eve, err := nip44.GenerateConversationKey(alice.PubKey(), nostr.GenerateSecretKey())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = nip44.Decrypt(payload, eve)
	fmt.Println(errors.Is(err, nip44.ErrMAC))
	fmt.Println(key)
	// Output:
	// 132 bytes for 15, as for any other text up to 32
	// meet me at noon <nil>
	// true
	// ConversationKey(redacted)
}
