package nip04_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr/nip04"
)

// Shows L01.
func FuzzDecrypt(f *testing.F) {
	for _, c := range []string{hello, "", "?iv=", "?iv=?iv=", hello + "\n", "olPGVTiVmxTdU35OZy3yQw==?iv=AAAA", "AAAA?iv=CrMGgjA1Zhu426IcwlNSMQ==", "\xff?iv=\xff", hello + hello} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, content string) {
		text, err := nip04.Decrypt(content, alice.PubKey(), bob)
		if err != nil {
			require.Empty(t, text)
			return
		}
		// Whatever decrypts is the only content of its text and iv.
		_, vector, _ := strings.Cut(content, "?iv=")
		iv, err := base64.StdEncoding.DecodeString(vector)
		require.NoError(t, err)
		again, err := nip04.EncryptWithIV(text, bob.PubKey(), alice, (*[16]byte)(iv))
		require.NoError(t, err)
		require.Equal(t, content, again)
	})
}

// The fuzzer finds no padding behind a cipher, so here it makes what is encrypted.
func FuzzPadding(f *testing.F) {
	f.Add([]byte("fifteen bytes..\x01"))
	f.Add([]byte("hello\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"))
	f.Add([]byte(strings.Repeat("\x10", 16)))
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, padded []byte) {
		if len(padded) == 0 || len(padded)%16 != 0 {
			return
		}
		text, err := nip04.Decrypt(content(t, string(padded)), alice.PubKey(), bob)
		if err != nil {
			require.Equal(t, nip04.ErrDecrypt, err)
			return
		}
		again, err := nip04.EncryptWithIV(text, bob.PubKey(), alice, new([16]byte))
		require.NoError(t, err)
		require.Equal(t, content(t, string(padded)), again)
	})
}
