package bech32_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
)

// The strings of BIP-173 whose only flaw is not their length.
var (
	valid = []string{
		"A12UEL5L", "a12uel5l",
		"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
		"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
		"11" + strings.Repeat("q", 82) + "c8247j",
		"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
		"?1ezyfcl",
	}
	invalid = map[string]string{
		" 1nwldj5":      "not printable ASCII",
		"\x7f1axkwrx":   "not printable ASCII",
		"\u00801eym55h": "not printable ASCII",
		"an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx": "prefix of 1 to 83 characters",
		"pzry9x0s0muk":       "no separator",
		"1pzry9x0s0muk":      "prefix of 1 to 83 characters",
		"x1b4n0q5v":          "outside the alphabet",
		"li1dgmt3":           "too short",
		"de1lg7wt\xff":       "not printable ASCII",
		"A1G7SGD8":           "wrong checksum",
		"10a06t8":            "prefix of 1 to 83 characters",
		"1qzzfhee":           "prefix of 1 to 83 characters",
		"a12UEL5L":           "mixed",
		"A12uEL5L":           "mixed",
		"":                   "no separator",
		"npub":               "no separator",
		"npub1":              "too short",
		"npub1qqqqq":         "too short",
		"a1lqfn3a":           "wrong checksum", // a bech32m string of BIP-350
		"a12uel5\n":          "not printable ASCII",
		"\uff41\uff1112uel5": "not printable ASCII",
	}
)

func TestBIP173ValidStringsSurviveTheRoundTrip(t *testing.T) {
	for _, s := range valid {
		checkValid(t, s)
	}
}

func checkValid(t *testing.T, s string) {
	t.Helper()
	hrp, data, err := bech32.Decode(s)
	require.NoError(t, err, s)
	assert.Equal(t, strings.ToLower(s[:strings.LastIndexByte(s, '1')]), hrp)
	back, err := bech32.Encode(hrp, data)
	require.NoError(t, err)
	assert.Equal(t, strings.ToLower(s), back)
	checkSymbols(t, s, hrp, data)
}

// checkSymbols holds DecodeSymbols to what Decode makes of the same string.
func checkSymbols(t *testing.T, s, hrp string, data []byte) {
	t.Helper()
	hrp2, symbols, err := bech32.DecodeSymbols(s)
	require.NoError(t, err, s)
	assert.Equal(t, hrp, hrp2)
	assert.Len(t, symbols, (8*len(data)+4)/5)
	for i, v := range symbols {
		for bit := range 5 {
			at, want := 5*i+bit, byte(0)
			if at/8 < len(data) {
				want = data[at/8] >> (7 - at%8) & 1
			}
			require.Equal(t, want, v>>(4-bit)&1, "bit %d of %s", at, s)
		}
	}
}

func TestBIP173InvalidStringsAreRefused(t *testing.T) {
	for s, why := range invalid {
		hrp, data, err := bech32.Decode(s)
		require.ErrorContains(t, err, why, "%q", s)
		assert.Empty(t, hrp)
		assert.Nil(t, data)
		hrp, data, err = bech32.DecodeSymbols(s)
		require.ErrorContains(t, err, why, "%q", s)
		assert.Empty(t, hrp)
		assert.Nil(t, data)
	}
}

func TestBIP173StringsOfTheFile(t *testing.T) {
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	text, err := os.ReadFile(filepath.Join(dir, "bech32-bip173.json"))
	if err != nil {
		t.Skip("no shared test data: set GENNOSTR_TESTDATA to its folder")
	}
	var file struct {
		Valid   []string
		Invalid []struct{ String, Why string }
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Valid, 7)
	require.Len(t, file.Invalid, 12)
	for _, s := range file.Valid {
		checkValid(t, s)
	}
	for _, v := range file.Invalid {
		_, _, err := bech32.Decode(v.String)
		assert.Error(t, err, v.Why)
	}
}

func TestKnownBytes(t *testing.T) {
	for hrp, v := range map[string][2]string{
		"abcdef": {"00443214c74254b635cf84653a56d7c675be77df", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"},
		"split":  {"c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"},
		"npub":   {"7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"},
	} {
		data, err := hex.DecodeString(v[0])
		require.NoError(t, err)
		got, err := bech32.Encode(hrp, data)
		require.NoError(t, err)
		assert.Equal(t, v[1], got)
		_, back, err := bech32.Decode(v[1])
		require.NoError(t, err)
		assert.Equal(t, data, back)
	}
}

// BIP-173 promises that up to four wrong characters are found in 90; this tries every single one.
func TestEveryWrongCharacterIsFound(t *testing.T) {
	const s = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	for i := 5; i < len(s); i++ {
		for _, c := range "qpzry9x8gf2tvdw0s3jn54khce6mua7l" {
			if byte(c) == s[i] {
				continue
			}
			_, _, err := bech32.Decode(s[:i] + string(c) + s[i+1:])
			require.ErrorIs(t, err, bech32.ErrChecksum)
		}
	}
}

func TestLastBitsMustBeZeroAndFewerThanFive(t *testing.T) {
	for _, v := range []struct {
		symbols []byte
		ok      bool
	}{
		{nil, true}, {[]byte{0}, false}, {[]byte{0, 0}, true}, {[]byte{0, 1}, false}, {[]byte{0, 2}, false}, {[]byte{0, 4}, true}, {[]byte{0, 0, 0}, false},
		{make([]byte, 4), true}, {append(make([]byte, 3), 1), false}, {make([]byte, 5), true}, {make([]byte, 6), false}, {make([]byte, 7), true}, {make([]byte, 8), true},
	} {
		_, _, err := bech32.Decode(fromSymbols("x", v.symbols))
		if v.ok {
			require.NoError(t, err, v.symbols)
		} else {
			require.ErrorContains(t, err, "not a whole number of bytes", v.symbols)
		}
	}
}

func TestLengthIsBounded(t *testing.T) {
	most := (bech32.MaxLength - len("x1") - 6) * 5 / 8
	s, err := bech32.Encode("x", make([]byte, most))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(s), bech32.MaxLength)
	checkValid(t, s)

	for _, n := range []int{most + 1, bech32.MaxLength, 1 << 20} {
		_, err = bech32.Encode("x", make([]byte, n))
		assert.ErrorContains(t, err, "longer than 5,000")
	}
	_, _, err = bech32.Decode("x1" + strings.Repeat("q", bech32.MaxLength-1))
	assert.ErrorContains(t, err, "longer than 5,000")
}

func TestEncodeRefusesABadPrefix(t *testing.T) {
	for hrp, why := range map[string]string{
		"": "1 to 83", strings.Repeat("a", 84): "1 to 83", "Npub": "upper case", "n pub": "printable", "n\u00fc": "printable", "\x7f": "printable",
	} {
		_, err := bech32.Encode(hrp, nil)
		assert.ErrorContains(t, err, why, "%q", hrp)
	}
}

func TestDecodeOfAKeyAllocatesOnce(t *testing.T) {
	const s = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _, _ = bech32.Decode(s) }), 1.0)
}

// Shows L01.
func FuzzDecode(f *testing.F) {
	for _, s := range valid {
		f.Add(s)
	}
	for s := range invalid {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		hrp, data, err := bech32.Decode(s)
		if err != nil {
			require.Nil(t, data)
			return
		}
		back, err := bech32.Encode(hrp, data)
		require.NoError(t, err)
		require.Equal(t, strings.ToLower(s), back)
		checkSymbols(t, s, hrp, data)
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("npub", []byte("0123456789abcdef0123456789abcdef"))
	f.Add("1", []byte{})
	f.Fuzz(func(t *testing.T, hrp string, data []byte) {
		s, err := bech32.Encode(hrp, data)
		if err != nil {
			return
		}
		for _, spelling := range []string{s, strings.ToUpper(s)} {
			gotHRP, got, err := bech32.Decode(spelling)
			require.NoError(t, err)
			require.Equal(t, hrp, gotHRP)
			require.True(t, bytes.Equal(data, got))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = bech32.Decode("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg")
	}
}

func BenchmarkEncode(b *testing.B) {
	data := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = bech32.Encode("npub", data)
	}
}

// fromSymbols is bech32 as BIP-173 writes it, symbol by symbol: an encoder of strings
// that Encode never makes.
func fromSymbols(hrp string, symbols []byte) string {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	values := []byte{}
	for _, c := range []byte(hrp) {
		values = append(values, c>>5)
	}
	values = append(values, 0)
	for _, c := range []byte(hrp) {
		values = append(values, c&31)
	}
	values = append(values, symbols...)
	sum := uint32(1)
	for _, v := range append(values, 0, 0, 0, 0, 0, 0) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, row := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= row
			}
		}
	}
	sum ^= 1
	var b strings.Builder
	b.WriteString(hrp + "1")
	for _, v := range symbols {
		b.WriteByte(charset[v])
	}
	for i := range 6 {
		b.WriteByte(charset[sum>>(5*(5-i))&31])
	}
	return b.String()
}
