package nip44_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr/nip44"
)

// Whatever is decrypted at all is the one payload of its text, key and nonce, but for zeros of
// padding that were none.
// Shows L01.
func FuzzDecrypt(f *testing.F) {
	for _, payload := range []string{
		payloadOfA, "", "#", "#" + payloadOfA, payloadOfA[:131], payloadOfA + "\n", payloadOfA[:128] + "====", strings.Repeat("A", 132), strings.Repeat("=", 132),
		strings.Repeat("Ag", 100), payloadOfA[:60] + "\r\n" + payloadOfA[60:], "AgAAAA==", strings.Repeat("\xff", 140), payloadOfA + payloadOfA,
	} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		text, err := nip44.Decrypt(payload, conversation)
		if err != nil {
			require.Empty(t, text)
			return
		}
		require.NoError(t, nip44.Check(payload))
		require.True(t, utf8.ValidString(text))
		require.NotEmpty(t, text)
	})
}

// The fuzzer cannot make a MAC, so here it makes what is behind one.
func FuzzUnpad(f *testing.F) {
	for _, padded := range []string{
		"\x00\x01a" + strings.Repeat("\x00", 31), "\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536), "", "\x00", "\xff\xff" + strings.Repeat("a", 40),
		"\x00\x00\xff\xff\xff\xff" + strings.Repeat("a", 40), "\x00\x02\xc3\x28" + strings.Repeat("\x00", 30), "\x00\x00\x00\x00\x00\x05hello" + strings.Repeat("\x00", 30),
	} {
		f.Add([]byte(padded))
	}
	f.Fuzz(func(t *testing.T, padded []byte) {
		payload := nip44.Seal(padded, conversation, nonceOne)
		text, err := nip44.Decrypt(payload, conversation)
		if err != nil {
			require.ErrorIs(t, err, nip44.ErrMalformed)
			return
		}
		again, err := nip44.EncryptWithNonce(text, conversation, nonceOne)
		require.NoError(t, err)
		require.Equal(t, len(payload), len(again))
		back, err := nip44.Decrypt(again, conversation)
		require.NoError(t, err)
		require.True(t, text == back)
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{"a", "", "línea 🤙🏽", "\x00", "\xff", strings.Repeat("x", 65535), strings.Repeat("x", 65536)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		payload, err := nip44.Encrypt(text, conversation)
		if text == "" || !utf8.ValidString(text) {
			require.ErrorIs(t, err, nip44.ErrPlaintext)
			return
		}
		require.NoError(t, err)
		back, err := nip44.Decrypt(payload, conversation)
		require.NoError(t, err)
		require.True(t, text == back)
	})
}
