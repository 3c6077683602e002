package nip44_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

func TestTheExampleOfTheText(t *testing.T) {
	key, err := nip44.GenerateConversationKey(keyTwo.PubKey(), keyOne)
	require.NoError(t, err)
	require.Equal(t, conversationHex, key.Hex())
	payload, err := nip44.EncryptWithNonce("a", key, nonceOne)
	require.NoError(t, err)
	require.Equal(t, payloadOfA, payload)
	plaintext, err := nip44.Decrypt(payloadOfA, key)
	require.NoError(t, err)
	require.Equal(t, "a", plaintext)
}

// The sums of the text's table for the extended length prefix.
func TestL41LengthsAroundTheExtendedPrefix(t *testing.T) {
	for n, want := range map[int]string{
		65535: "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84",
		65536: "b7b4edb36ba92e267d322d56d9aebc22e7fa96ff52e3c12adc07f07a43cbc616",
		65537: "eeb7c7c5373894ea2c1547cfd3ccb15d5a0b2d619da852e5c79df792dcc9e435",
	} {
		text := strings.Repeat("a", n)
		payload, err := nip44.EncryptWithNonce(text, conversation, nonceOne)
		require.NoError(t, err)
		assert.Equal(t, want, hash(payload), n)
		back, err := nip44.Decrypt(payload, conversation)
		require.NoError(t, err)
		assert.True(t, text == back)
	}
}

func TestPaddingOverTheWholeRange(t *testing.T) {
	for size, want := range map[uint64]uint64{
		1: 32, 32: 32, 33: 64, 64: 64, 65: 96, 256: 256, 257: 320, 320: 320, 383: 384, 384: 384, 400: 448, 500: 512, 512: 512, 515: 640, 700: 768,
		1020: 1024, 1025: 1280, 65536: 65536, 65537: 81920, math.MaxUint32: 1 << 32, 1<<31 + 1: 1<<31 + 1<<29,
	} {
		assert.Equal(t, want, nip44.PaddedLen(size), size)
	}
}

func TestEveryLengthComesBack(t *testing.T) {
	for n := 1; n < 1200; n++ {
		text := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		payload, err := nip44.Encrypt(text, conversation)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(payload), 132)
		require.NoError(t, nip44.Check(payload))
		back, err := nip44.Decrypt(payload, conversation)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
}

func TestNoncesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		payload, err := nip44.Encrypt("x", conversation)
		require.NoError(t, err)
		require.False(t, seen[payload[:46]], "version and nonce")
		seen[payload[:46]] = true
	}
}

func TestWhatCannotBeEncrypted(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "not UTF-8": "a\xffb", "a lone surrogate": "\xed\xa0\x80", "too long": strings.Repeat("x", nip44.MaxPlaintextSize+1),
	} {
		_, err := nip44.Encrypt(text, conversation)
		assert.ErrorIs(t, err, nip44.ErrPlaintext, name)
		assert.Less(t, len(err.Error()), 100)
	}
	_, err := nip44.Encrypt("x", nip44.ConversationKey{})
	assert.ErrorContains(t, err, "no conversation key")
	_, err = nip44.Decrypt(payloadOfA, nip44.ConversationKey{})
	assert.ErrorContains(t, err, "no conversation key")
}

func TestTheLongestText(t *testing.T) {
	text := strings.Repeat("x", 3<<20)
	back, err := nip44.Decrypt(payloadOf(t, text, conversation), conversation)
	require.NoError(t, err)
	assert.True(t, text == back)

	longest := "Ag" + strings.Repeat("A", nip44.MaxPayload-2)
	_, err = nip44.Decrypt(longest, conversation)
	assert.ErrorIs(t, err, nip44.ErrMAC, "long enough for %d bytes and no longer", nip44.MaxPlaintextSize)
	_, err = nip44.Decrypt(longest+"AAAA", conversation)
	assert.ErrorIs(t, err, nip44.ErrMalformed)
	assert.ErrorContains(t, err, "at most")
}

func TestMalformedPayloads(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(payloadOfA)
	require.NoError(t, err)
	with := func(i int, b byte) string {
		c := bytes.Clone(raw)
		c[i] = b
		return base64.StdEncoding.EncodeToString(c)
	}
	longer, err := nip44.EncryptWithNonce(strings.Repeat("a", 33), conversation, nonceOne)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(longer, "=") && !strings.HasSuffix(longer, "=="), "two bits are over in the last character")
	last := strings.IndexByte(alphabet, longer[len(longer)-2])

	for name, c := range map[string]struct {
		payload string
		want    error
		says    string
	}{
		"empty":                         {"", nip44.ErrMalformed, "0 bytes"},
		"short":                         {payloadOfA[:131], nip44.ErrMalformed, "131 bytes"},
		"future":                        {"#" + payloadOfA, nip44.ErrUnsupportedVersion, "not base64"},
		"future, short":                 {"#", nip44.ErrUnsupportedVersion, "not base64"},
		"version 0":                     {with(0, 0), nip44.ErrUnsupportedVersion, "version: 0"},
		"version 1":                     {with(0, 1), nip44.ErrUnsupportedVersion, "version: 1"},
		"version 3":                     {with(0, 3), nip44.ErrUnsupportedVersion, "version: 3"},
		"nonce changed":                 {with(1, 0xff), nip44.ErrMAC, "MAC"},
		"ciphertext changed":            {with(40, raw[40]^1), nip44.ErrMAC, "MAC"},
		"MAC changed":                   {with(len(raw)-1, raw[len(raw)-1]^0x80), nip44.ErrMAC, "MAC"},
		"MAC cut":                       {base64.StdEncoding.EncodeToString(raw[:len(raw)-1]), nip44.ErrMalformed, "98 bytes in base64"},
		"one more block of base64":      {payloadOfA + "AAAA", nip44.ErrMAC, "MAC"},
		"line feed":                     {payloadOfA[:76] + "\n" + payloadOfA[76:], nip44.ErrMalformed, "line feed"},
		"carriage return":               {payloadOfA + "\r", nip44.ErrMalformed, "line feed"},
		"line feeds at the end":         {payloadOfA + "\r\n\r\n", nip44.ErrMalformed, "line feed"},
		"space":                         {payloadOfA + " ", nip44.ErrMalformed, "illegal base64"},
		"not base64":                    {strings.Replace(payloadOfA, "ee0G", "ee?G", 1), nip44.ErrMalformed, "illegal base64"},
		"URL alphabet":                  {strings.ReplaceAll(payloadOfA, "/", "_"), nip44.ErrMalformed, "illegal base64"},
		"no padding":                    {strings.TrimRight(longer, "="), nip44.ErrMalformed, "illegal base64"},
		"too much padding":              {longer + "=", nip44.ErrMalformed, "illegal base64"},
		"stray bits":                    {longer[:len(longer)-2] + alphabet[last|1:last|1+1] + "=", nip44.ErrMalformed, "illegal base64"},
		"NIP-04":                        {strings.Repeat("A", 128) + "?iv=CrMGgjA1Zhu426IcwlNSMQ==", nip44.ErrMalformed, "illegal base64"},
		"NUL":                           {strings.Repeat("\x00", 132), nip44.ErrMalformed, "illegal base64"},
		"not ASCII":                     {strings.Repeat("é", 66), nip44.ErrMalformed, "illegal base64"},
		"many equal signs":              {strings.Repeat("=", 132), nip44.ErrMalformed, "illegal base64"},
		"another conversation's":        {payloadOf(t, "x", nip44.ConversationKeyFromBytes([32]byte{1})), nip44.ErrMAC, "another key"},
		"the other end of the alphabet": {strings.Repeat("/", 132), nip44.ErrUnsupportedVersion, "255"},
	} {
		text, err := nip44.Decrypt(c.payload, conversation)
		assert.ErrorIs(t, err, c.want, name)
		assert.ErrorContains(t, err, c.says, name)
		assert.Empty(t, text, name)
		if c.want != nip44.ErrMAC {
			assert.Equal(t, err, nip44.Check(c.payload), name)
		}
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func payloadOf(t *testing.T, text string, key nip44.ConversationKey) string {
	t.Helper()
	payload, err := nip44.Encrypt(text, key)
	require.NoError(t, err)
	return payload
}

// Right MACs around what no sender should have made.
func TestPaddingIsCheckedBehindTheMAC(t *testing.T) {
	short := func(n uint16, size int) []byte {
		return append(binary.BigEndian.AppendUint16(nil, n), bytes.Repeat([]byte("a"), size)...)
	}
	long := func(n uint32, size int) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0, 0}, n), bytes.Repeat([]byte("a"), size)...)
	}
	for name, padded := range map[string][]byte{
		"length zero":                       short(0, 32),
		"length beyond the end":             short(33, 32),
		"far beyond the end":                short(0xffff, 32),
		"a block too many":                  short(5, 64),
		"a byte too few":                    short(33, 63),
		"a byte too many":                   short(5, 33),
		"smaller steps than the text's":     short(300, 352),
		"short text in the long form":       long(5, 32),
		"65,535 in the long form":           long(65535, 65536),
		"long form beyond the end":          long(65537, 65536),
		"long form of 4 GiB":                long(math.MaxUint32, 64),
		"long form with padding of a short": long(65537, 65540),
		"not UTF-8":                         append([]byte{0, 2, 0xc3, 0x28}, make([]byte, 30)...),
	} {
		text, err := nip44.Decrypt(nip44.Seal(padded, conversation, nonceOne), conversation)
		assert.ErrorIs(t, err, nip44.ErrMalformed, name)
		assert.Empty(t, text, name)
	}
	for name, padded := range map[string][]byte{"control": short(32, 32), "control, long": long(65536, 65536)} {
		_, err := nip44.Decrypt(nip44.Seal(padded, conversation, nonceOne), conversation)
		assert.NoError(t, err, name)
	}
	// As in the text's algorithm nothing is read from the padding.
	text, err := nip44.Decrypt(nip44.Seal(short(3, 32), conversation, nonceOne), conversation)
	assert.NoError(t, err)
	assert.Equal(t, "aaa", text)
}

func TestL20ConversationKeysDoNotPrint(t *testing.T) {
	secret := strings.Repeat("ab", 32)
	key := mustConversation(secret)
	keyer, cipher := nip44.Keyer(keyOne), nip44.Cipher(keyOne)
	_, err := cipher.Encrypt(t.Context(), keyTwo.PubKey(), "x")
	require.NoError(t, err)
	_, err = keyer.Encrypt(t.Context(), keyTwo.PubKey(), "x")
	require.NoError(t, err)
	var out strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{
			key, &key, struct{ K nip44.ConversationKey }{key}, struct{ k nip44.ConversationKey }{key}, map[string]nip44.ConversationKey{"k": key}, []nip44.ConversationKey{key},
			cipher, keyer, struct{ C nostr.Cipher }{cipher}, struct{ c nostr.Cipher }{cipher}, struct{ k nostr.Keyer }{keyer},
		} {
			fmt.Fprintf(&out, format, v)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("", "key", key, "group", struct{ K nip44.ConversationKey }{key}, "cipher", cipher)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("", "key", key, "group", struct{ K nip44.ConversationKey }{key}, "cipher", cipher)
	for _, v := range []any{key, &key, struct{ K nip44.ConversationKey }{key}} {
		_, err := json.Marshal(v)
		assert.ErrorContains(t, err, "not marshalled", "nothing that could not be read again is written either")
	}
	for _, leak := range []string{secret, "171 171", "171,171", "0xab, 0xab", "abababab", "c41c7753", "196 28 119", conversationHex, keyOne.Hex()} {
		assert.NotContains(t, strings.ToLower(out.String()), leak)
	}
	assert.Contains(t, out.String(), "redacted")
}

func TestKeysAreCompared(t *testing.T) {
	a, b := nip44.ConversationKeyFromBytes([32]byte{1}), nip44.ConversationKeyFromBytes([32]byte{1})
	assert.True(t, a.Equal(b))
	assert.False(t, a.Equal(conversation))
	assert.False(t, a.Equal(nip44.ConversationKey{}))
	assert.False(t, nip44.ConversationKey{}.Equal(a))
	assert.True(t, nip44.ConversationKey{}.Equal(nip44.ConversationKey{}))
	assert.True(t, nip44.ConversationKey{}.IsZero())
	copied := a
	assert.True(t, copied == a)
	_, err := nip44.GenerateConversationKey(keyOne.PubKey(), nostr.SecretKey{})
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
}
