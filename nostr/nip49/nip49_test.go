package nip49_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip49"
)

// The example of NIP-49.
const (
	example  = "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
	secret   = "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"
	password = "nostr"
)

// cheap is a log_n for tests that are not about its cost.
const cheap = 4

func TestTheExampleOfTheText(t *testing.T) {
	sk, err := nip49.Decrypt(example, password)
	require.NoError(t, err)
	assert.Equal(t, secret, sk.Hex())
	sk, err = nip49.Decrypt(" "+strings.ToUpper(example)+"\r\n", password)
	require.NoError(t, err, "bech32 may be all in upper case")
	assert.Equal(t, secret, sk.Hex())

	logN, security, err := nip49.Inspect(example)
	require.NoError(t, err)
	assert.Equal(t, uint8(16), logN)
	assert.Equal(t, nip49.KnownToHaveBeenHandledInsecurely, security)
}

func TestTheExampleInTheSharedData(t *testing.T) {
	var file struct {
		Normalization struct{ In, NFKC string }
		Decrypt       struct {
			Ncryptsec, Password, Seckey string
			LogN                        uint8 `json:"log_n"`
		}
	}
	vectors.JSON(t, "nip49.json", &file)
	sk, err := nip49.Decrypt(file.Decrypt.Ncryptsec, file.Decrypt.Password)
	require.NoError(t, err)
	assert.Equal(t, file.Decrypt.Seckey, sk.Hex())
	checkNormalized(t, file.Normalization.In, file.Normalization.NFKC)
}

func TestPasswordsAreNormalized(t *testing.T) {
	checkNormalized(t, "\u212b\u2126\u1e9b\u0323", "\u00c5\u03a9\u1e69") // the pair of the text
	checkNormalized(t, "e\u0301\uff21", "\u00e9A")
}

func checkNormalized(t *testing.T, typed, normal string) {
	t.Helper()
	require.NotEqual(t, typed, normal)
	sk := nostr.GenerateSecretKey()
	for _, pair := range [][2]string{{typed, normal}, {normal, typed}} {
		s, err := nip49.Encrypt(sk, pair[0], cheap, nip49.ClientDoesNotTrackThisData)
		require.NoError(t, err)
		back, err := nip49.Decrypt(s, pair[1])
		require.NoError(t, err)
		require.True(t, sk.Equal(back))
	}
}

func TestEveryCostAndSecurityByteComesBack(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	for logN := uint8(nip49.MinLogN); logN <= 10; logN++ {
		for security := nip49.KnownToHaveBeenHandledInsecurely; security <= nip49.ClientDoesNotTrackThisData; security++ {
			s, err := nip49.Encrypt(sk, "correct horse", logN, security)
			require.NoError(t, err)
			require.Len(t, s, 162)
			gotLogN, gotSecurity, err := nip49.Inspect(s)
			require.NoError(t, err)
			require.Equal(t, logN, gotLogN)
			require.Equal(t, security, gotSecurity)
			back, err := nip49.Decrypt(s, "correct horse")
			require.NoError(t, err)
			require.True(t, sk.Equal(back))
			_, err = nip49.Decrypt(s, "incorrect horse")
			require.ErrorIs(t, err, nip49.ErrWrongPassword)
		}
	}
}

func TestNoTwoEncryptionsAreTheSame(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	a, err := nip49.Encrypt(sk, "x", cheap, nip49.ClientDoesNotTrackThisData)
	require.NoError(t, err)
	b, err := nip49.Encrypt(sk, "x", cheap, nip49.ClientDoesNotTrackThisData)
	require.NoError(t, err)
	_, da, err := bech32.Decode(a)
	require.NoError(t, err)
	_, db, err := bech32.Decode(b)
	require.NoError(t, err)
	assert.NotEqual(t, da[2:18], db[2:18], "salt")
	assert.NotEqual(t, da[18:42], db[18:42], "nonce")
}

// A hostile string names its own price. None of these may allocate what it asks for: the
// test would take all memory there is, or days.
func TestL01TheCostOfAStringIsBounded(t *testing.T) {
	_, data, err := bech32.Decode(example)
	require.NoError(t, err)
	for logN := range 256 {
		if nip49.MinLogN <= logN && logN <= nip49.DefaultMaxLogN {
			continue
		}
		data[1] = byte(logN)
		s, err := bech32.Encode("ncryptsec", data)
		require.NoError(t, err)
		_, err = nip49.Decrypt(s, password)
		require.ErrorIs(t, err, nip49.ErrCost)
		require.ErrorContains(t, err, fmt.Sprintf("%d, want 1 to 18", logN))
		if logN > nip49.MaxLogN {
			_, err = nip49.Decrypt(s, password, nip49.WithMaxLogN(255))
			require.ErrorIs(t, err, nip49.ErrCost, "no option goes beyond MaxLogN")
		}
	}
	_, err = nip49.Decrypt(example, password, nip49.WithMaxLogN(15))
	assert.ErrorIs(t, err, nip49.ErrCost)
	_, err = nip49.Decrypt(example, password, nip49.WithMaxLogN(0))
	assert.ErrorIs(t, err, nip49.ErrCost)
	_, err = nip49.Decrypt(example, password, nip49.WithMaxLogN(16))
	assert.NoError(t, err)
}

func TestEveryByteIsCovered(t *testing.T) {
	s, err := nip49.Encrypt(nostr.GenerateSecretKey(), "x", cheap, nip49.ClientDoesNotTrackThisData)
	require.NoError(t, err)
	_, data, err := bech32.Decode(s)
	require.NoError(t, err)
	for i := range data {
		data[i] ^= 1
		changed, err := bech32.Encode("ncryptsec", data)
		require.NoError(t, err)
		_, err = nip49.Decrypt(changed, "x")
		if i == 0 {
			assert.ErrorIs(t, err, nip49.ErrMalformed)
		} else {
			assert.ErrorIs(t, err, nip49.ErrWrongPassword, "byte %d", i)
		}
		data[i] ^= 1
	}
}

func TestMalformedStrings(t *testing.T) {
	_, data, err := bech32.Decode(example)
	require.NoError(t, err)
	encode := func(prefix string, data []byte) string {
		s, err := bech32.Encode(prefix, data)
		require.NoError(t, err)
		return s
	}
	for name, c := range map[string]struct{ s, says string }{
		"empty":         {"", "bech32"},
		"not bech32":    {"ncryptsec", "bech32"},
		"checksum":      {example[:len(example)-1] + "q", "checksum"},
		"mixed case":    {strings.ToUpper(example[:20]) + example[20:], "case"},
		"nsec":          {encode("nsec", data[:32]), "not encrypted"},
		"npub":          {encode("npub", data[:32]), "another prefix"},
		"no data":       {encode("ncryptsec", nil), "version"},
		"version 1":     {encode("ncryptsec", append([]byte{1}, data[1:]...)), "version"},
		"version 3":     {encode("ncryptsec", append([]byte{3}, data[1:]...)), "version"},
		"a byte short":  {encode("ncryptsec", data[:90]), "90 bytes, want 91"},
		"a byte long":   {encode("ncryptsec", append(data[:91:91], 0)), "92 bytes, want 91"},
		"only a header": {encode("ncryptsec", data[:2]), "2 bytes"},
		"very long":     {"ncryptsec1" + strings.Repeat("q", 10_000), "bech32"},
	} {
		_, err := nip49.Decrypt(c.s, password)
		assert.ErrorIs(t, err, nip49.ErrMalformed, name)
		assert.ErrorContains(t, err, c.says, name)
		_, _, inspected := nip49.Inspect(c.s)
		assert.Equal(t, err, inspected, name)
		if len(c.s) > 20 {
			assert.NotContains(t, err.Error(), c.s[10:20], "errors do not repeat the input")
		}
	}
}

func TestWhatIsNotEncrypted(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	_, err := nip49.Encrypt(nostr.SecretKey{}, "x", cheap, nip49.ClientDoesNotTrackThisData)
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	_, err = nip49.Encrypt(sk, "", cheap, nip49.ClientDoesNotTrackThisData)
	assert.ErrorIs(t, err, nip49.ErrPassword)
	_, err = nip49.Encrypt(sk, "tr\xe8s", cheap, nip49.ClientDoesNotTrackThisData)
	assert.ErrorIs(t, err, nip49.ErrPassword, "Latin-1 from somebody's terminal")
	assert.NotContains(t, err.Error(), "tr")
	_, err = nip49.Encrypt(sk, "x", 0, nip49.ClientDoesNotTrackThisData)
	assert.ErrorIs(t, err, nip49.ErrCost)
	_, err = nip49.Encrypt(sk, "x", nip49.MaxLogN+1, nip49.ClientDoesNotTrackThisData)
	assert.ErrorIs(t, err, nip49.ErrCost)
	_, err = nip49.Encrypt(sk, "x", cheap, 3)
	assert.ErrorContains(t, err, "security byte 3")
	_, err = nip49.Decrypt(example, "tr\xe8s")
	assert.ErrorIs(t, err, nip49.ErrPassword)
}

// Shows L01.
func FuzzDecrypt(f *testing.F) {
	weak, err := nip49.Encrypt(nostr.MustSecretKeyFromHex(secret), password, 1, nip49.ClientDoesNotTrackThisData)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{weak, example, "", "ncryptsec1", "nsec1", strings.ToUpper(weak), " " + weak + "\n", weak[:100]} {
		f.Add(s, password)
	}
	f.Add(weak, "\xff")
	f.Fuzz(func(t *testing.T, s, password string) {
		logN, _, inspected := nip49.Inspect(s)
		sk, err := nip49.Decrypt(s, password, nip49.WithMaxLogN(8))
		if err != nil {
			require.True(t, sk.IsZero())
			return
		}
		require.NoError(t, inspected)
		require.LessOrEqual(t, logN, uint8(8))
		again, err := nip49.Encrypt(sk, password+"x", 1, nip49.ClientDoesNotTrackThisData)
		require.NoError(t, err)
		_, err = nip49.Decrypt(again, password+"x")
		require.NoError(t, err)
	})
}

// The fuzzer makes no checksums, so here it makes what is behind one.
func FuzzDecryptBytes(f *testing.F) {
	_, data, err := bech32.Decode(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:90])
	f.Add([]byte{2, 255})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := bech32.Encode("ncryptsec", data)
		if err != nil {
			return
		}
		_, err = nip49.Decrypt(s, password, nip49.WithMaxLogN(4))
		require.Error(t, err, "nobody guesses a MAC")
	})
}
