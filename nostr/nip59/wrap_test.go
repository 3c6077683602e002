package nip59_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip13"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

func message() *nostr.Event {
	return &nostr.Event{CreatedAt: when, Kind: nostr.KindDirectMessage, Tags: nostr.Tags{{"p", bob.PubKey().String()}}, Content: "hello"}
}

func TestWhatIsWrappedComesOut(t *testing.T) {
	wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), message(), bob.PubKey())
	require.NoError(t, err)
	require.NoError(t, wrap.Verify())
	assert.Equal(t, nostr.KindGiftWrap, wrap.Kind)
	assert.Equal(t, nostr.Tags{{"p", bob.PubKey().String()}}, wrap.Tags, "a single p tag containing the recipient's public key")
	assert.NotContains(t, wrap.String(), alice.PubKey().String())

	seal, err := nip59.Unwrap(t.Context(), nip44.Cipher(bob), wrap)
	require.NoError(t, err)
	assert.Equal(t, nostr.KindSeal, seal.Kind)
	assert.Equal(t, alice.PubKey(), seal.PubKey)
	assert.Empty(t, seal.Tags, "tags MUST always be empty in a kind 13")

	rumor, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), wrap)
	require.NoError(t, err)
	want := message()
	want.PubKey = alice.PubKey()
	want.ID = want.GetID()
	assert.Equal(t, want, rumor)
}

// What the text's own code does, decrypting by hand: a rumor without the key "sig", in a
// seal that has one.
func TestTheRumorIsWrittenWithoutASignature(t *testing.T) {
	signed := message()
	require.NoError(t, signed.Sign(alice))
	wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), signed, bob.PubKey())
	require.NoError(t, err)
	outer, err := nip44.GenerateConversationKey(wrap.PubKey, bob)
	require.NoError(t, err)
	text, err := nip44.Decrypt(wrap.Content, outer)
	require.NoError(t, err)
	var seal map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &seal))
	assert.Contains(t, seal, "sig")
	assert.Equal(t, []any{}, seal["tags"])
	inner, err := nip44.GenerateConversationKey(alice.PubKey(), bob)
	require.NoError(t, err)
	text, err = nip44.Decrypt(seal["content"].(string), inner)
	require.NoError(t, err)
	var rumor map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &rumor))
	assert.NotContains(t, rumor, "sig")
	assert.Equal(t, signed.ID.String(), rumor["id"])
}

func TestEachWrapHasItsOwnKeyNonceAndDates(t *testing.T) {
	rumor, err := nip59.NewRumor(message(), alice.PubKey())
	require.NoError(t, err)
	seen := map[any]bool{}
	var wraps, seals, together []float64
	latest := nostr.Now()
	for range 60 {
		wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), rumor, bob.PubKey())
		require.NoError(t, err)
		seal, err := nip59.Unwrap(t.Context(), nip44.Cipher(bob), wrap)
		require.NoError(t, err)
		for _, once := range []any{wrap.PubKey, wrap.Content[:46], seal.Content[:46]} {
			require.False(t, seen[once])
			seen[once] = true
		}
		wraps, seals = append(wraps, float64(wrap.CreatedAt-latest)), append(seals, float64(seal.CreatedAt-latest))
		together = append(together, float64(wrap.CreatedAt-seal.CreatedAt))
	}
	for name, dates := range map[string][]float64{"wraps": wraps, "seals": seals} {
		low, high := math.Inf(1), math.Inf(-1)
		for _, d := range dates {
			low, high = min(low, d), max(high, d)
		}
		// Of 60 random dates in 48 hours all lie in the same half once in 2⁵⁹.
		assert.GreaterOrEqual(t, low, -nip59.MaxBackdate.Seconds(), name)
		assert.Less(t, low, -86400.0, name)
		assert.Greater(t, high, -86400.0, name)
		assert.LessOrEqual(t, high, 5.0, "%s: not in the future", name)
	}
	assert.NotEqual(t, make([]float64, 60), together, "independent of each other")
}

// Shows P65.
func TestDatesReachFromNowToTwoDaysBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := nostr.Now()
		for range 60 {
			wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), message(), bob.PubKey())
			require.NoError(t, err)
			require.LessOrEqual(t, wrap.CreatedAt, start)
			require.GreaterOrEqual(t, wrap.CreatedAt, start-nostr.Timestamp(48*time.Hour/time.Second))
		}
	})
}

func TestNewRumor(t *testing.T) {
	e := message()
	e.CreatedAt, e.ID, e.Sig = 0, nostr.ID{1}, nostr.Sig{1}
	rumor, err := nip59.NewRumor(e, alice.PubKey())
	require.NoError(t, err)
	assert.NoError(t, rumor.CheckID())
	assert.Zero(t, rumor.Sig)
	assert.InDelta(t, float64(nostr.Now()), float64(rumor.CreatedAt), 5)
	assert.Zero(t, e.CreatedAt, "a copy")

	again, err := nip59.NewRumor(rumor, alice.PubKey())
	require.NoError(t, err)
	assert.Equal(t, rumor, again)

	_, err = nip59.NewRumor(rumor, bob.PubKey())
	assert.ErrorIs(t, err, nip59.ErrImpersonation)
	for _, kind := range []nostr.Kind{13, 1059, 21059} {
		_, err = nip59.NewRumor(&nostr.Event{Kind: kind}, alice.PubKey())
		assert.ErrorIs(t, err, nip59.ErrInvalid)
	}
	_, err = nip59.NewRumor(&nostr.Event{Content: "\xff"}, alice.PubKey())
	assert.ErrorIs(t, err, nostr.ErrInvalidEvent)
}

func TestOptions(t *testing.T) {
	at := nostr.Now() + 3600
	wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), message(), bob.PubKey(), nip59.Ephemeral(), nip59.WithExpiration(at),
		nip59.WithModify(func(wrap *nostr.Event) error {
			wrap.Tags[0] = append(wrap.Tags[0], "wss://relay.example.com")
			return nip13.Mine(t.Context(), wrap, 8)
		}))
	require.NoError(t, err)
	assert.Equal(t, nostr.KindEphemeralGiftWrap, wrap.Kind)
	expires, ok := wrap.Expiration()
	assert.True(t, ok)
	assert.Equal(t, at, expires)
	assert.Equal(t, nostr.Tag{"p", bob.PubKey().String(), "wss://relay.example.com"}, wrap.Tags[0])
	assert.NoError(t, nip13.Check(wrap, 8), "the work is not lost in signing")
	seal, err := nip59.Unwrap(t.Context(), nip44.Cipher(bob), wrap)
	require.NoError(t, err)
	assert.Empty(t, seal.Tags, "the MUST of NIP-59 is stronger than the SHOULD of NIP-17")

	_, err = nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), wrap, nip59.AsOf(at))
	assert.ErrorIs(t, err, nip59.ErrExpired)
	_, err = nip59.GiftWrap(t.Context(), nip44.Keyer(alice), message(), bob.PubKey(), nip59.WithExpiration(1700000000))
	assert.ErrorIs(t, err, nip59.ErrExpired)

	boom := errors.New("boom")
	for name, modify := range map[string]func(*nostr.Event) error{
		"fails":   func(*nostr.Event) error { return boom },
		"kind":    func(e *nostr.Event) error { e.Kind = 1; return nil },
		"author":  func(e *nostr.Event) error { e.PubKey = alice.PubKey(); return nil },
		"content": func(e *nostr.Event) error { e.Content = "hello"; return nil },
		"invalid": func(e *nostr.Event) error { e.Tags = append(e.Tags, nil); return nil },
	} {
		wrap, err := nip59.GiftWrap(t.Context(), nip44.Keyer(alice), message(), bob.PubKey(), nip59.WithModify(modify))
		assert.Error(t, err, name)
		assert.Nil(t, wrap, name)
	}
}

func TestL42WhatASignerReturnsIsCompared(t *testing.T) {
	other, err := nip44.Encrypt("x", conversation(t))
	require.NoError(t, err)
	for name, r := range map[string]*remote{
		"another author":    {Keyer: nip44.Keyer(alice), spoiled: func(e *nostr.Event) { _ = e.Sign(mallory) }},
		"another date":      {Keyer: nip44.Keyer(alice), changed: func(e *nostr.Event) { e.CreatedAt++ }},
		"another kind":      {Keyer: nip44.Keyer(alice), changed: func(e *nostr.Event) { e.Kind = 1 }},
		"a tag":             {Keyer: nip44.Keyer(alice), changed: tag("client", "x")},
		"another content":   {Keyer: nip44.Keyer(alice), changed: func(e *nostr.Event) { e.Content = other }},
		"not signed":        {Keyer: nip44.Keyer(alice), spoiled: func(e *nostr.Event) { e.Sig = nostr.Sig{} }},
		"wrong id":          {Keyer: nip44.Keyer(alice), spoiled: func(e *nostr.Event) { e.ID[0] ^= 1 }},
		"not encrypted":     {Keyer: nip44.Keyer(alice), cipher: func(text string) string { return text }},
		"encrypted by 04":   {Keyer: nip44.Keyer(alice), cipher: func(text string) string { return nip04Of(t, text) }},
		"encrypted nothing": {Keyer: nip44.Keyer(alice), cipher: func(string) string { return "" }},
	} {
		seal, err := nip59.Seal(t.Context(), r, message(), bob.PubKey())
		assert.ErrorIs(t, err, nip59.ErrSigner, name)
		assert.Nil(t, seal, name)
	}
	_, err = nip59.Seal(t.Context(), &remote{Keyer: nip44.Keyer(alice), away: errAway}, message(), bob.PubKey())
	assert.ErrorIs(t, err, errAway)
	r := &remote{Keyer: nip44.Keyer(alice)}
	_, err = nip59.GiftWrap(t.Context(), r, message(), bob.PubKey())
	require.NoError(t, err)
	assert.Equal(t, 2, r.asked, "once to encrypt, once to sign: the wrap is none of its business")
}

func conversation(t *testing.T) nip44.ConversationKey {
	t.Helper()
	k, err := nip44.GenerateConversationKey(bob.PubKey(), alice)
	require.NoError(t, err)
	return k
}

func TestWhatIsNotWrapped(t *testing.T) {
	ctx, keys := t.Context(), nip44.Keyer(alice)
	_, err := nip59.GiftWrap(ctx, keys, message(), nostr.PubKey{})
	assert.ErrorIs(t, err, nostr.ErrBadPubKey)
	_, err = nip59.GiftWrap(ctx, nip44.Keyer(nostr.SecretKey{}), message(), bob.PubKey())
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	e := message()
	e.PubKey = carol.PubKey()
	_, err = nip59.GiftWrap(ctx, keys, e, bob.PubKey())
	assert.ErrorIs(t, err, nip59.ErrImpersonation)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = nip59.GiftWrap(cancelled, keys, message(), bob.PubKey())
	assert.ErrorIs(t, err, context.Canceled)

	seal, err := nip59.Seal(ctx, keys, message(), bob.PubKey())
	require.NoError(t, err)
	_, err = nip59.Wrap(seal, bob.PubKey())
	assert.NoError(t, err)
	for name, spoil := range map[string]func(*nostr.Event){
		"signature": func(e *nostr.Event) { e.Sig[0] ^= 1 }, "kind": func(e *nostr.Event) { e.Kind = 1 }, "tags": tag("p", "x"),
	} {
		bad := seal.Clone()
		spoil(bad)
		_, err = nip59.Wrap(bad, bob.PubKey())
		assert.ErrorIs(t, err, nip59.ErrInvalid, name)
	}
}
