package nip57_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip57"
)

const relay = "wss://relay.example.com/"

var (
	alice    = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1") // pays
	bob      = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "2") // is paid
	provider = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "3") // of bob
	preimage = [32]byte{1, 2, 3}
)

var bobsLNURL, _ = nip57.EncodeLNURL("https://example.com/.well-known/lnurlp/bob")

// request is alice's zap request with these tags on top of what is needed, as JSON.
func request(t testing.TB, tags ...nostr.Tag) string {
	t.Helper()
	ev, err := nip57.NewRequest(nip57.Zap{Recipient: bob.PubKey(), Relays: []string{relay}, Comment: "Zap!"})
	require.NoError(t, err)
	ev.Tags = append(ev.Tags, tags...)
	return signed(t, alice, ev).String()
}

func signed(t testing.TB, sk nostr.SecretKey, ev nostr.Event) *nostr.Event {
	t.Helper()
	ev.CreatedAt = 1700000000
	require.NoError(t, ev.Sign(sk))
	return &ev
}

// invoice is one with that amount, as "lnbc21u", for a description.
func invoice(t testing.TB, prefix, description string) string {
	t.Helper()
	symbols := make([]byte, 7) // timestamp
	field := func(kind byte, hash [32]byte) {
		symbols = append(symbols, kind, 52>>5, 52&31)
		symbols = append(symbols, toSymbols(hash[:])...)
	}
	field(1, sha256.Sum256(preimage[:]))
	field(23, sha256.Sum256([]byte(description)))
	symbols = append(symbols, 5, 0, 0)                // an empty field, for a whole number of bytes
	symbols = append(symbols, make([]byte, 104)...)   // signature
	s, err := bech32.Encode(prefix, toBytes(symbols)) // a multiple of eight of them
	require.NoError(t, err)
	return s
}

func toSymbols(data []byte) (out []byte) {
	acc, bits := 0, 0
	for _, b := range data {
		acc, bits = acc<<8|int(b), bits+8
		for ; bits >= 5; bits -= 5 {
			out = append(out, byte(acc>>(bits-5)&31))
		}
		acc &= 31
	}
	if bits > 0 {
		out = append(out, byte(acc<<(5-bits)&31))
	}
	return out
}

func toBytes(symbols []byte) (out []byte) {
	acc, bits := 0, 0
	for _, v := range symbols {
		acc, bits = acc<<5|int(v), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out
}

// receipt is the provider's for that request and invoice, unsigned.
func receipt(t testing.TB, request, invoice string) nostr.Event {
	t.Helper()
	ev, err := nip57.NewReceipt(request, invoice, hex.EncodeToString(preimage[:]), 1700000000)
	require.NoError(t, err)
	return ev
}

// with returns a copy of the event in which the tags of a key are replaced.
func with(ev nostr.Event, key string, tags ...nostr.Tag) *nostr.Event {
	out := ev.Clone()
	out.Tags = nil
	for _, t := range ev.Tags {
		if t.Key() != key {
			out.Tags = append(out.Tags, t)
		}
	}
	out.Tags = append(out.Tags, tags...)
	return out
}
