package nostr_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestASecretKeyIsASigner(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	s := sk.Signer()
	pk, err := s.PublicKey(t.Context())
	require.NoError(t, err)
	assert.Equal(t, sk.PubKey(), pk)

	e := nostr.Event{Kind: nostr.KindTextNote, Content: "hello"}
	require.NoError(t, s.SignEvent(t.Context(), &e))
	assert.Equal(t, pk, e.PubKey)
	assert.NoError(t, e.Verify())
	assert.NotZero(t, e.CreatedAt)
}

func TestASignerThatFailsLeavesTheEventAsItWas(t *testing.T) {
	good := nostr.GenerateSecretKey().Signer()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		signer nostr.Signer
		event  nostr.Event
		want   error
	}{
		"no key":        {t.Context(), nostr.SecretKey{}.Signer(), nostr.Event{Content: "x"}, nostr.ErrNoSecretKey},
		"invalid event": {t.Context(), good, nostr.Event{Content: "\xff"}, nostr.ErrInvalidEvent},
		"cancelled":     {cancelled, good, nostr.Event{Content: "x"}, context.Canceled},
	} {
		before := c.event
		assert.ErrorIs(t, c.signer.SignEvent(c.ctx, &c.event), c.want, name)
		assert.Equal(t, before, c.event, name)
	}
	_, err := nostr.SecretKey{}.Signer().PublicKey(t.Context())
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	_, err = good.PublicKey(cancelled)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestL20ASignerDoesNotPrintItsKey(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{sk.Signer(), struct{ S nostr.Signer }{sk.Signer()}, struct{ s nostr.Signer }{sk.Signer()}} {
			assert.NotContains(t, fmt.Sprintf(format, v), sk.Hex())
		}
	}
	assert.Contains(t, fmt.Sprint(sk.Signer()), sk.PubKey().String())
}
