package nip44_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

func TestACipherReadsWhatAnotherWrote(t *testing.T) {
	one, two, three := nip44.Cipher(keyOne), nip44.Cipher(keyTwo), nip44.Cipher(nostr.GenerateSecretKey())
	for range 3 { // the first time the keys are derived, then they are known
		payload, err := one.Encrypt(t.Context(), keyTwo.PubKey(), "hello")
		require.NoError(t, err)
		text, err := two.Decrypt(t.Context(), keyOne.PubKey(), payload)
		require.NoError(t, err)
		require.Equal(t, "hello", text)
		text, err = one.Decrypt(t.Context(), keyTwo.PubKey(), payload)
		require.NoError(t, err, "who wrote it can read it")
		require.Equal(t, "hello", text)
		_, err = three.Decrypt(t.Context(), keyOne.PubKey(), payload)
		require.ErrorIs(t, err, nip44.ErrMAC)
	}
}

func TestAKeyerSignsAndEncryptsWithOneKey(t *testing.T) {
	k := nip44.Keyer(keyOne)
	pk, err := k.PublicKey(t.Context())
	require.NoError(t, err)
	assert.Equal(t, keyOne.PubKey(), pk)
	payload, err := k.Encrypt(t.Context(), pk, "to myself")
	require.NoError(t, err)
	e := nostr.Event{Kind: 1, Content: payload}
	require.NoError(t, k.SignEvent(t.Context(), &e))
	require.NoError(t, e.Verify())
	text, err := k.Decrypt(t.Context(), e.PubKey, e.Content)
	require.NoError(t, err)
	assert.Equal(t, "to myself", text)
	assert.Contains(t, fmt.Sprint(k), pk.String())
}

func TestWhatACipherRefuses(t *testing.T) {
	c := nip44.Cipher(keyOne)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Encrypt(cancelled, keyTwo.PubKey(), "x")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = c.Decrypt(cancelled, keyTwo.PubKey(), payloadOfA)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = c.Encrypt(t.Context(), nostr.PubKey{}, "x")
	assert.ErrorIs(t, err, nostr.ErrBadPubKey)
	_, err = nip44.Cipher(nostr.SecretKey{}).Encrypt(t.Context(), keyTwo.PubKey(), "x")
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	_, err = c.Decrypt(t.Context(), nostr.GenerateSecretKey().PubKey(), "junk")
	assert.ErrorIs(t, err, nip44.ErrMalformed)
	assert.Zero(t, nip44.Kept(c), "junk derives no key")
}

// Shows B19.
func TestACipherKeepsABoundedNumberOfKeysAndThosePeersThatComeBack(t *testing.T) {
	c := nip44.Cipher(keyOne)
	friend := keyTwo.PubKey()
	var payload string
	for i := range 3 * nip44.Generation {
		stranger := nostr.GenerateSecretKey()
		_, err := c.Encrypt(t.Context(), stranger.PubKey(), "x")
		require.NoError(t, err)
		if i%100 == 0 {
			payload, err = c.Encrypt(t.Context(), friend, "hello")
			require.NoError(t, err)
		}
		require.LessOrEqual(t, nip44.Kept(c), 2*nip44.Generation)
	}
	text, err := nip44.Cipher(keyTwo).Decrypt(t.Context(), keyOne.PubKey(), payload)
	require.NoError(t, err)
	assert.Equal(t, "hello", text)
	assert.True(t, nip44.Knows(c, friend))
}

func TestACipherServesManyGoroutines(t *testing.T) {
	c := nip44.Cipher(keyOne)
	peers := make([]nostr.SecretKey, 5)
	for i := range peers {
		peers[i] = nostr.GenerateSecretKey()
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				peer := peers[(i+j)%len(peers)]
				payload, err := c.Encrypt(t.Context(), peer.PubKey(), "x")
				if !assert.NoError(t, err) {
					return
				}
				_, err = c.Decrypt(t.Context(), peer.PubKey(), payload)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}
