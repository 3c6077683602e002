package nip04_test

import (
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip04"
)

func Example() {
	alice, bob := nostr.GenerateSecretKey(), nostr.GenerateSecretKey()
	content, err := nip04.Encrypt("an old friend calls", bob.PubKey(), alice)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(content), "characters")
	fmt.Println(nip04.Decrypt(content, alice.PubKey(), bob))

	_, err = nip04.Decrypt("olPGVTiVmxTdU35OZy3yQw==?iv=AAAA", alice.PubKey(), bob)
	fmt.Println(err)
	// Output:
	// 72 characters
	// an old friend calls <nil>
	// nip04: malformed content: iv of 3 bytes, want 16
}
