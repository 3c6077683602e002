package nip44_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

type vector struct {
	Sec1, Sec2, Pub2 string
	ConversationKey  string `json:"conversation_key"`
	Nonce            string
	Plaintext        string
	Payload          string
	Pattern          string
	Repeat           int
	PlaintextSHA256  string `json:"plaintext_sha256"`
	PayloadSHA256    string `json:"payload_sha256"`
	Note             string
	Keys             []struct {
		Nonce       string
		ChachaKey   string `json:"chacha_key"`
		ChachaNonce string `json:"chacha_nonce"`
		HMACKey     string `json:"hmac_key"`
	}
}

// The official vectors, whose hash is in NIP-44.
func official(t *testing.T) (v struct {
	V2 struct {
		Valid struct {
			GetConversationKey    []vector    `json:"get_conversation_key"`
			GetMessageKeys        vector      `json:"get_message_keys"`
			CalcPaddedLen         [][2]uint64 `json:"calc_padded_len"`
			EncryptDecrypt        []vector    `json:"encrypt_decrypt"`
			EncryptDecryptLongMsg []vector    `json:"encrypt_decrypt_long_msg"`
		}
		Invalid struct {
			EncryptMsgLengths  []int    `json:"encrypt_msg_lengths"`
			GetConversationKey []vector `json:"get_conversation_key"`
			Decrypt            []vector
		}
	}
}) {
	t.Helper()
	load(t, "nip44.vectors.json", &v)
	return v
}

func TestOfficialConversationKeys(t *testing.T) {
	for _, v := range official(t).V2.Valid.GetConversationKey {
		key, err := nip44.GenerateConversationKey(nostr.MustPubKeyFromHex(v.Pub2), nostr.MustSecretKeyFromHex(v.Sec1))
		require.NoError(t, err, v.Note)
		require.Equal(t, v.ConversationKey, key.Hex(), v.Note)
	}
}

func TestOfficialBadKeysAreRefused(t *testing.T) {
	for _, v := range official(t).V2.Invalid.GetConversationKey {
		sk, err := nostr.SecretKeyFromHex(v.Sec1)
		if err != nil {
			assert.Contains(t, v.Note, "sec1", "%s", err)
			continue
		}
		_, err = nip44.GenerateConversationKey(nostr.MustPubKeyFromHex(v.Pub2), sk)
		assert.ErrorIs(t, err, nostr.ErrBadPubKey, v.Note)
	}
}

func TestOfficialMessageKeys(t *testing.T) {
	v := official(t).V2.Valid.GetMessageKeys
	for _, want := range v.Keys {
		chachaKey, chachaNonce, hmacKey, err := nip44.MessageKeys(mustConversation(v.ConversationKey), unhex(t, want.Nonce))
		require.NoError(t, err)
		assert.Equal(t, want.ChachaKey, hex.EncodeToString(chachaKey))
		assert.Equal(t, want.ChachaNonce, hex.EncodeToString(chachaNonce))
		assert.Equal(t, want.HMACKey, hex.EncodeToString(hmacKey))
	}
	assert.NotEmpty(t, v.Keys)
}

func TestOfficialPaddedLengths(t *testing.T) {
	for _, v := range official(t).V2.Valid.CalcPaddedLen {
		assert.Equal(t, v[1], nip44.PaddedLen(v[0]), v[0])
	}
}

func TestOfficialPayloadsBothWays(t *testing.T) {
	for _, v := range official(t).V2.Valid.EncryptDecrypt {
		one, two := nostr.MustSecretKeyFromHex(v.Sec1), nostr.MustSecretKeyFromHex(v.Sec2)
		mine, err := nip44.GenerateConversationKey(two.PubKey(), one)
		require.NoError(t, err)
		theirs, err := nip44.GenerateConversationKey(one.PubKey(), two)
		require.NoError(t, err)
		require.True(t, mine.Equal(theirs))
		require.Equal(t, v.ConversationKey, mine.Hex())

		payload, err := nip44.EncryptWithNonce(v.Plaintext, mine, (*[32]byte)(unhex(t, v.Nonce)))
		require.NoError(t, err)
		require.Equal(t, v.Payload, payload)
		plaintext, err := nip44.Decrypt(v.Payload, theirs)
		require.NoError(t, err)
		require.Equal(t, v.Plaintext, plaintext)
	}
	for _, v := range official(t).V2.Valid.EncryptDecryptLongMsg {
		checkLong(t, v, strings.Repeat(v.Pattern, v.Repeat))
	}
}

func TestL41PayloadsWithTheExtendedLengthPrefix(t *testing.T) {
	var file struct {
		ConversationKey string `json:"conversation_key"`
		Nonce           string
		Vectors         []struct {
			vector
			PlaintextLen int    `json:"plaintext_len"`
			PaddedLen    uint64 `json:"padded_len"`
		}
	}
	load(t, "nip44-extended.json", &file)
	for _, v := range file.Vectors {
		v.ConversationKey, v.Nonce = file.ConversationKey, file.Nonce
		checkLong(t, v.vector, strings.Repeat("a", v.PlaintextLen))
		assert.Equal(t, v.PaddedLen, nip44.PaddedLen(uint64(v.PlaintextLen)))
	}
	assert.Len(t, file.Vectors, 3)
}

func checkLong(t *testing.T, v vector, plaintext string) {
	t.Helper()
	require.Equal(t, v.PlaintextSHA256, hash(plaintext))
	payload, err := nip44.EncryptWithNonce(plaintext, mustConversation(v.ConversationKey), (*[32]byte)(unhex(t, v.Nonce)))
	require.NoError(t, err)
	require.Equal(t, v.PayloadSHA256, hash(payload))
	back, err := nip44.Decrypt(payload, mustConversation(v.ConversationKey))
	require.NoError(t, err)
	require.True(t, plaintext == back)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestOfficialBadPayloadsAreRefused(t *testing.T) {
	for _, v := range official(t).V2.Invalid.Decrypt {
		want := nip44.ErrMalformed
		switch {
		case strings.Contains(v.Note, "version"):
			want = nip44.ErrUnsupportedVersion
		case strings.Contains(v.Note, "MAC"):
			want = nip44.ErrMAC
		}
		plaintext, err := nip44.Decrypt(v.Payload, mustConversation(v.ConversationKey))
		assert.ErrorIs(t, err, want, v.Note)
		assert.Empty(t, plaintext, v.Note)
	}
}

// Of the lengths that the official file calls invalid only 0 still is: it is older than the
// extended prefix.
func TestOfficialBadLengths(t *testing.T) {
	for _, n := range official(t).V2.Invalid.EncryptMsgLengths {
		payload, err := nip44.Encrypt(strings.Repeat("x", n), conversation)
		if n == 0 {
			assert.ErrorIs(t, err, nip44.ErrPlaintext)
			continue
		}
		require.NoError(t, err)
		back, err := nip44.Decrypt(payload, conversation)
		require.NoError(t, err)
		assert.Len(t, back, n)
	}
}

// What clients, signers and wallets on other libraries wrote to each other.
func TestSessionsOfOtherImplementations(t *testing.T) {
	type session struct {
		Name     string
		ClientSK string `json:"client_sk"`
		SignerSK string `json:"signer_sk"`
		WalletSK string `json:"wallet_sk"`
		Messages []struct {
			Enc, Plain string
			Event      *nostr.Event
		}
	}
	for file, least := range map[string]int{"nip46.json": 189, "nip47.json": 75} {
		var data struct{ Sessions []session }
		load(t, file, &data)
		n := 0
		for _, s := range data.Sessions {
			client, server := nostr.MustSecretKeyFromHex(s.ClientSK), nostr.MustSecretKeyFromHex(s.SignerSK+s.WalletSK)
			ciphers := map[nostr.SecretKey]nostr.Cipher{client: nip44.Cipher(client), server: nip44.Cipher(server)}
			for _, m := range s.Messages {
				if !strings.HasPrefix(m.Enc, "nip44") {
					continue
				}
				n++
				require.NoError(t, m.Event.Verify())
				receiver := server
				if m.Event.Tags.FindWithValue("p", client.PubKey().String()) != nil {
					receiver = client
				}
				plain, err := ciphers[receiver].Decrypt(t.Context(), m.Event.PubKey, m.Event.Content)
				require.NoError(t, err, s.Name)
				require.Equal(t, m.Plain, plain, s.Name)
			}
		}
		assert.GreaterOrEqual(t, n, least, file)
	}
}
