package nip04_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip04"
)

// What other implementations wrote, and what they should have refused.
func TestMessagesOfOtherImplementations(t *testing.T) {
	n := 0
	for _, line := range vectors.Lines(t, "nip04.jsonl")[1:] { // the first line is about the others
		n++
		var row struct {
			Name, SK, PK, Payload, Expect, Plaintext string
			PlaintextSHA256                          string `json:"plaintext_sha256"`
			Event                                    *nostr.Event
		}
		require.NoError(t, json.Unmarshal(line, &row))
		if row.Event != nil {
			require.NoError(t, row.Event.Verify())
			row.Payload = row.Event.Content
		}
		text, err := nip04.Decrypt(row.Payload, key(row.PK).PubKey(), key(row.SK))
		if row.Expect == "reject" {
			assert.Error(t, err, row.Name)
			assert.Empty(t, text, row.Name)
			continue
		}
		require.Equal(t, "plaintext", row.Expect)
		require.NoError(t, err, row.Name)
		if row.PlaintextSHA256 != "" {
			assert.Equal(t, row.PlaintextSHA256, fmt.Sprintf("%x", sha256.Sum256([]byte(text))), row.Name)
		} else {
			assert.Equal(t, row.Plaintext, text, row.Name)
		}
		// The other way: with its iv, what was read is written as it was.
		_, vector, _ := strings.Cut(row.Payload, "?iv=")
		iv, err := base64.StdEncoding.DecodeString(vector)
		require.NoError(t, err)
		again, err := nip04.EncryptWithIV(text, key(row.PK).PubKey(), key(row.SK), (*[16]byte)(iv))
		require.NoError(t, err)
		assert.Equal(t, row.Payload, again, row.Name)
	}
	assert.Equal(t, 64, n)
}

// Requests, responses and notifications between wallets and clients on other libraries.
func TestSessionsOfWallets(t *testing.T) {
	var file struct {
		Sessions []struct {
			Name     string
			WalletSK string `json:"wallet_sk"`
			ClientSK string `json:"client_sk"`
			Messages []struct {
				Enc, Plain string
				Event      *nostr.Event
			}
		}
	}
	vectors.JSON(t, "nip47.json", &file)
	n := 0
	for _, s := range file.Sessions {
		receiver := nostr.MustSecretKeyFromHex(s.WalletSK)
		client := nostr.MustSecretKeyFromHex(s.ClientSK)
		for _, m := range s.Messages {
			if m.Enc != "nip04" {
				continue
			}
			n++
			to := receiver
			if m.Event.Tags.FindWithValue("p", client.PubKey().String()) != nil {
				to = client
			}
			text, err := nip04.Decrypt(m.Event.Content, m.Event.PubKey, to)
			require.NoError(t, err, s.Name)
			require.Equal(t, m.Plain, text, s.Name)
		}
	}
	assert.Equal(t, 78, n)
}

// AES-256-CBC with PKCS#7 as Wycheproof tests it, iv and padding included.
func TestPaddingOfWycheproof(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID                     int
				Key, IV, Msg, Ct, Result string
			}
		}
	}
	vectors.JSON(t, "wycheproof/aes_cbc_pkcs5_test.json", &file)
	n := 0
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			ct, iv := unhex(t, c.Ct), unhex(t, c.IV)
			if len(ct) == 0 || len(ct)%aes.BlockSize != 0 || len(iv) != aes.BlockSize {
				require.Equal(t, "invalid", c.Result)
				continue
			}
			n++
			block, err := aes.NewCipher(unhex(t, c.Key))
			require.NoError(t, err)
			cipher.NewCBCDecrypter(block, iv).CryptBlocks(ct, ct)
			size, good := nip04.Padding(ct)
			require.Equal(t, c.Result == "valid", good == 1, c.TcID)
			if good == 1 {
				require.Equal(t, c.Msg, hex.EncodeToString(ct[:len(ct)-size]), c.TcID)
			}
		}
	}
	assert.Greater(t, n, 150)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
