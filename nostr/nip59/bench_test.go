package nip59_test

import (
	"testing"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

func BenchmarkGiftWrap(b *testing.B) {
	keys := nip44.Keyer(alice)
	for b.Loop() {
		if _, err := nip59.GiftWrap(b.Context(), keys, message(), bob.PubKey()); err != nil {
			b.Fatal(err)
		}
	}
}

// Two signatures to verify, a conversation key to derive for a key used once; the author's is known.
func BenchmarkGiftUnwrap(b *testing.B) {
	var wraps []*nostr.Event
	for range 50 {
		wrap, err := nip59.GiftWrap(b.Context(), nip44.Keyer(alice), message(), bob.PubKey())
		if err != nil {
			b.Fatal(err)
		}
		wraps = append(wraps, wrap)
	}
	keys := nip44.Keyer(bob)
	for i := 0; b.Loop(); i++ {
		if i%len(wraps) == 0 {
			keys = nip44.Keyer(bob) // so that no wrap's key is known
		}
		if _, err := nip59.GiftUnwrap(b.Context(), keys, wraps[i%len(wraps)]); err != nil {
			b.Fatal(err)
		}
	}
}
