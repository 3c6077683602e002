package nip04_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip04"
)

// A test key is the hash of "test key: " and a name.
func key(name string) nostr.SecretKey {
	sum := sha256.Sum256([]byte("test key: " + name))
	return nostr.MustSecretKeyFromHex(hex.EncodeToString(sum[:]))
}

var alice, bob = key("alice"), key("bob")

// "hello", from alice to bob, as three other implementations read it too.
const hello = "olPGVTiVmxTdU35OZy3yQw==?iv=CrMGgjA1Zhu426IcwlNSMQ=="

func TestTheFormOfTheText(t *testing.T) {
	text, err := nip04.Decrypt(hello, alice.PubKey(), bob)
	require.NoError(t, err)
	assert.Equal(t, "hello", text)
	text, err = nip04.Decrypt(hello, bob.PubKey(), alice)
	require.NoError(t, err)
	assert.Equal(t, "hello", text)

	iv, err := base64.StdEncoding.DecodeString("CrMGgjA1Zhu426IcwlNSMQ==")
	require.NoError(t, err)
	content, err := nip04.EncryptWithIV("hello", bob.PubKey(), alice, (*[16]byte)(iv))
	require.NoError(t, err)
	assert.Equal(t, hello, content)
}

func TestEveryLengthComesBack(t *testing.T) {
	for n := range 100 {
		text := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		content, err := nip04.Encrypt(text, bob.PubKey(), alice)
		require.NoError(t, err)
		back, err := nip04.Decrypt(content, alice.PubKey(), bob)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
}

// Shows L44.
func TestL01MalformedContentsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, says string }{
		"empty":               {"", "no ?iv="},
		"no iv":               {"olPGVTiVmxTdU35OZy3yQw==", "no ?iv="},
		"iv of 0 bytes":       {"olPGVTiVmxTdU35OZy3yQw==?iv=", "iv of 0 bytes"},
		"iv of 15 bytes":      {"olPGVTiVmxTdU35OZy3yQw==?iv=CrMGgjA1Zhu426IcwlNS", "iv of 15 bytes"},
		"iv of 17 bytes":      {"olPGVTiVmxTdU35OZy3yQw==?iv=CrMGgjA1Zhu426IcwlNSMQE=", "iv of 17 bytes"},
		"iv in hex":           {"olPGVTiVmxTdU35OZy3yQw==?iv=0ab306823035661bb8dba21cc2535231", "iv of 24 bytes"},
		"two ivs":             {hello + "?iv=CrMGgjA1Zhu426IcwlNSMQ==", "iv: illegal base64"},
		"more behind the iv":  {hello + "&x=1", "iv: illegal base64"},
		"stray bits in iv":    {strings.TrimSuffix(hello, "Q==") + "R==", "iv: illegal base64"},
		"line feed in iv":     {hello + "\n", "iv: line feed"},
		"line feed":           {"olPGVTiV\nmxTdU35OZy3yQw==?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext: line feed"},
		"carriage return":     {"\r" + hello, "ciphertext: line feed"},
		"stray bits":          {"olPGVTiVmxTdU35OZy3yQx==?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext: illegal base64"},
		"no ciphertext":       {"?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext of 0 bytes"},
		"15 bytes":            {"olPGVTiVmxTdU35OZy3y?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext of 15 bytes"},
		"17 bytes":            {"olPGVTiVmxTdU35OZy3yQwA=?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext of 17 bytes"},
		"URL alphabet":        {"-vKS-Wkhay6Oqg_13LSx6Q==?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext: illegal base64"},
		"no padding":          {"olPGVTiVmxTdU35OZy3yQw?iv=CrMGgjA1Zhu426IcwlNSMQ==", "ciphertext: illegal base64"},
		"upper case":          {"olPGVTiVmxTdU35OZy3yQw==?IV=CrMGgjA1Zhu426IcwlNSMQ==", "no ?iv="},
		"spaces around":       {" " + hello, "ciphertext: illegal base64"},
		"a payload of NIP-44": {"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb", "no ?iv="},
	} {
		text, err := nip04.Decrypt(c.content, alice.PubKey(), bob)
		assert.ErrorIs(t, err, nip04.ErrMalformed, name)
		assert.ErrorContains(t, err, c.says, name)
		assert.Empty(t, text, name)
	}
}

// content encrypts data that is padded already, or wrongly, from alice to bob.
func content(t testing.TB, padded string) string {
	t.Helper()
	shared, err := alice.ECDH(bob.PubKey())
	require.NoError(t, err)
	block, err := aes.NewCipher(shared[:])
	require.NoError(t, err)
	data, iv := []byte(padded), make([]byte, 16)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data) + "?iv=" + base64.StdEncoding.EncodeToString(iv)
}

func TestL44PaddingIsPKCS7AndNothingElse(t *testing.T) {
	for name, c := range map[string]struct{ padded, want string }{
		"one byte":               {"fifteen bytes..\x01", "fifteen bytes.."},
		"a block":                {strings.Repeat("\x10", 16), ""},
		"a text that ends in 01": {"fourteen bytes\x01\x01", "fourteen bytes\x01"},
		"a text full of 02":      {strings.Repeat("\x02", 16), strings.Repeat("\x02", 14)},
	} {
		text, err := nip04.Decrypt(content(t, c.padded), alice.PubKey(), bob)
		assert.NoError(t, err, name)
		assert.Equal(t, c.want, text, name)
	}
	for name, padded := range map[string]string{
		"zeros":                   "hello" + strings.Repeat("\x00", 11),
		"one zero":                "fifteen bytes..\x00",
		"17":                      strings.Repeat("\x11", 32),
		"255":                     strings.Repeat("\xff", 16),
		"the first byte differs":  "hello\x0a" + strings.Repeat("\x0b", 10),
		"the middle byte differs": "hello" + strings.Repeat("\x0b", 5) + "\x00" + strings.Repeat("\x0b", 5),
		"random with a length":    "hello..........\x0b",
		"not UTF-8":               "\xc3\x28............\x02\x02",
		"a lone surrogate":        "\xed\xa0\x80" + strings.Repeat("\x0d", 13),
	} {
		text, err := nip04.Decrypt(content(t, padded), alice.PubKey(), bob)
		assert.Equal(t, nip04.ErrDecrypt, err, "%s: the same error for all, for one that told padding from text would decrypt", name)
		assert.Empty(t, text, name)
	}
}

func TestPaddingAgreesWithItsDefinition(t *testing.T) {
	for claim := range 256 {
		for other := range 17 { // how many bytes from the end differ first; 16: none does
			block := []byte(strings.Repeat(string([]byte{byte(claim)}), 16))
			if other < 16 {
				block[15-other] = byte(claim) ^ 0x55
			}
			last := int(block[15])
			want := last >= 1 && last <= 16
			for i := range last {
				want = want && i < 16 && block[15-i] == byte(last)
			}
			n, good := nip04.Padding(block)
			require.Equal(t, want, good == 1)
			require.Equal(t, map[bool]int{true: last}[want], n)
		}
	}
}

// There is no MAC: the test says so, lest somebody relies on one.
func TestAFlippedBitOfTheIVIsAFlippedBitOfTheText(t *testing.T) {
	text, err := nip04.Decrypt(strings.Replace(hello, "?iv=C", "?iv=D", 1), alice.PubKey(), bob)
	require.NoError(t, err)
	assert.NotEqual(t, "hello", text)
}

func TestWhatCannotBeEncrypted(t *testing.T) {
	_, err := nip04.Encrypt("\xff", bob.PubKey(), alice)
	assert.ErrorIs(t, err, nip04.ErrNotUTF8)
	_, err = nip04.Encrypt("x", nostr.PubKey{}, alice)
	assert.ErrorIs(t, err, nostr.ErrBadPubKey)
	_, err = nip04.Encrypt("x", bob.PubKey(), nostr.SecretKey{})
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	_, err = nip04.Decrypt(hello, bob.PubKey(), nostr.SecretKey{})
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
}

func TestTheCipher(t *testing.T) {
	var c nostr.Cipher = nip04.Cipher(alice)
	payload, err := c.Encrypt(t.Context(), bob.PubKey(), "hello")
	require.NoError(t, err)
	text, err := nip04.Cipher(bob).Decrypt(t.Context(), alice.PubKey(), payload)
	require.NoError(t, err)
	assert.Equal(t, "hello", text)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Encrypt(cancelled, bob.PubKey(), "hello")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = c.Decrypt(cancelled, bob.PubKey(), payload)
	assert.ErrorIs(t, err, context.Canceled)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		assert.NotContains(t, fmt.Sprintf(format, c), alice.Hex())
	}
}
