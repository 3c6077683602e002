package nip44_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// The conversation of the secret keys 1 and 2, and the example of NIP-44.
const (
	conversationHex = "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d"
	payloadOfA      = "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb"
)

var (
	keyOne       = nostr.MustSecretKeyFromHex("0000000000000000000000000000000000000000000000000000000000000001")
	keyTwo       = nostr.MustSecretKeyFromHex("0000000000000000000000000000000000000000000000000000000000000002")
	conversation = mustConversation(conversationHex)
	nonceOne     = &[32]byte{31: 1}
)

func mustConversation(s string) nip44.ConversationKey {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return nip44.ConversationKeyFromBytes([32]byte(b))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// load reads a file of the shared test data.
func load(t *testing.T, name string, into any) {
	t.Helper()
	vectors.JSON(t, name, into)
}
