package main

import (
	"strings"
	"testing"

	gonostr44 "github.com/nbd-wtf/go-nostr/nip44"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// The lengths of a short message, a long one, and a list of follows.
var nip44Lengths = map[string]int{"60 B": 60, "1 KB": 1_000, "60 KB": 60_000}

// What both sides of the comparison are given: the secret keys 1 and 2.
const (
	nip44Alice = "0000000000000000000000000000000000000000000000000000000000000001"
	nip44Bob   = "0000000000000000000000000000000000000000000000000000000000000002"
)

func nip44Keys(tb testing.TB) (nip44.ConversationKey, [32]byte) {
	tb.Helper()
	alice, bob := nostr.MustSecretKeyFromHex(nip44Alice), nostr.MustSecretKeyFromHex(nip44Bob)
	a, err := nip44.GenerateConversationKey(bob.PubKey(), alice)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := gonostr44.GenerateConversationKey(bob.PubKey().String(), nip44Alice)
	if err != nil {
		tb.Fatal(err)
	}
	return a, b
}

func BenchmarkNIP44ConversationKey(b *testing.B) {
	// A random key: to multiply by 1 is a shortcut.
	sk, bob := nostr.GenerateSecretKey(), nostr.GenerateSecretKey().PubKey()
	skHex, bobHex := sk.Hex(), bob.String()
	b.Run("gennostr", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := nip44.GenerateConversationKey(bob, sk); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-nostr", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := gonostr44.GenerateConversationKey(bobHex, skHex); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNIP44Encrypt(b *testing.B) {
	a, c := nip44Keys(b)
	for name, n := range nip44Lengths {
		text := strings.Repeat("x", n)
		b.Run(name+"/gennostr", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nip44.Encrypt(text, a); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/go-nostr", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := gonostr44.Encrypt(text, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNIP44Decrypt(b *testing.B) {
	a, c := nip44Keys(b)
	for name, n := range nip44Lengths {
		payload, err := nip44.Encrypt(strings.Repeat("x", n), a)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/gennostr", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nip44.Decrypt(payload, a); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/go-nostr", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := gonostr44.Decrypt(payload, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Each reads what the other wrote.
func TestBothNIP44Agree(t *testing.T) {
	a, b := nip44Keys(t)
	for name, n := range nip44Lengths {
		text := strings.Repeat("x", n)
		mine, err := nip44.Encrypt(text, a)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := gonostr44.Decrypt(mine, b); err != nil || got != text {
			t.Errorf("%s: theirs read ours as %.20q, %v", name, got, err)
		}
		other, err := gonostr44.Encrypt(text, b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := nip44.Decrypt(other, a); err != nil || got != text {
			t.Errorf("%s: ours read theirs as %.20q, %v", name, got, err)
		}
	}
}
