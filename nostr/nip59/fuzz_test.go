package nip59_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

// The fuzzer makes neither signatures nor MACs. Here it makes the texts that are in them.
// Shows L01.
func FuzzSealText(f *testing.F) {
	good := gift{}.make(f)
	f.Add(good.String())
	f.Add(rumorJSON)
	f.Add(`{"kind":13,"tags":[["expiration","9"]]}`)
	f.Add("null")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		once := key("once")
		k, err := nip44.GenerateConversationKey(bob.PubKey(), once)
		require.NoError(t, err)
		payload, err := nip44.Encrypt(text, k)
		if err != nil {
			return
		}
		wrap := nostr.Event{CreatedAt: when, Kind: nostr.KindGiftWrap, Content: payload}
		require.NoError(t, wrap.Sign(once))
		seal, err := nip59.Unwrap(t.Context(), nip44.Cipher(bob), &wrap, nip59.AsOf(now))
		if err != nil {
			require.Nil(t, seal)
			return
		}
		require.Equal(t, nostr.KindSeal, seal.Kind)
		require.NoError(t, seal.Verify())
	})
}

func FuzzRumorText(f *testing.F) {
	for _, text := range []string{
		rumorJSON, rumorJSON + " {}", "null", "", `{"pubkey":"` + alice.PubKey().String() + `","created_at":0,"kind":1059,"tags":[],"content":"","sig":""}`,
		`{"id":"","created_at":1,"kind":1,"tags":[["expiration","1"]],"content":"x","pubkey":"` + alice.PubKey().String() + `"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := nip44.GenerateConversationKey(bob.PubKey(), alice)
		require.NoError(t, err)
		payload, err := nip44.Encrypt(text, k)
		if err != nil {
			return
		}
		seal := nostr.Event{CreatedAt: when, Kind: nostr.KindSeal, Content: payload}
		require.NoError(t, seal.Sign(alice))
		rumor, err := nip59.Unseal(t.Context(), nip44.Cipher(bob), &seal, nip59.AsOf(now))
		if err != nil {
			require.Nil(t, rumor)
			return
		}
		require.Equal(t, alice.PubKey(), rumor.PubKey)
		require.NoError(t, rumor.CheckID())
		require.NoError(t, rumor.Validate())
		require.Zero(t, rumor.Sig)
		// What came out can be wrapped and comes out again.
		wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), rumor, bob.PubKey())
		require.NoError(t, err)
		again, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), wrap, nip59.AsOf(now))
		require.NoError(t, err)
		if rumor.CreatedAt != 0 { // zero means now to whoever makes a rumor
			require.Equal(t, rumor, again)
		}
	})
}
