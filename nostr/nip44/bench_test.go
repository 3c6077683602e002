package nip44_test

import (
	"strings"
	"testing"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// A message of 1,000 bytes, with a key that is known, and with one that has to be derived first.
func BenchmarkCipher(b *testing.B) {
	text := strings.Repeat("x", 1000)
	b.Run("known peer", func(b *testing.B) {
		c, peer := nip44.Cipher(keyOne), keyTwo.PubKey()
		for b.Loop() {
			if _, err := c.Encrypt(b.Context(), peer, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new peer", func(b *testing.B) {
		sk, peer := nostr.GenerateSecretKey(), nostr.GenerateSecretKey().PubKey()
		for b.Loop() {
			if _, err := nip44.Cipher(sk).Encrypt(b.Context(), peer, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
