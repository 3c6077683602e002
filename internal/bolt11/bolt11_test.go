package bolt11_test

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/internal/bolt11"
	"github.com/gennostr/gennostr/internal/vectors"
)

// An invoice of the specification: 2,500 micro-bitcoin for a cup of coffee.
const coffee = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"

func TestAnInvoiceOfTheSpecification(t *testing.T) {
	inv, err := bolt11.Parse(coffee)
	require.NoError(t, err)
	assert.Equal(t, "bc", inv.Network)
	assert.EqualValues(t, 250_000_000, inv.Amount)
	assert.EqualValues(t, 1496314658, inv.Timestamp)
	assert.True(t, inv.HasDescription)
	assert.Equal(t, "1 cup coffee", inv.Description)
	assert.False(t, inv.HasHash)
	assert.True(t, inv.HasPaymentHash)
	assert.Equal(t, "0001020304050607080900010203040506070809000102030405060708090102", hex.EncodeToString(inv.PaymentHash[:]))

	upper, err := bolt11.Parse(strings.ToUpper(coffee))
	require.NoError(t, err)
	assert.Equal(t, inv, upper)
}

func TestWhatIsNoInvoiceIsRefused(t *testing.T) {
	for in, why := range map[string]string{
		"":                                     "no separator",
		"lnbc":                                 "no separator",
		coffee[1:]:                             "checksum",
		coffee + "q":                           "checksum",
		"Lnbc" + coffee[4:]:                    "mixed",
		strings.Repeat("q", 1<<16):             "longer",
		"a12uel5l":                             "known network",
		strings.Replace(coffee, "50", "5o", 1): "checksum",
	} {
		_, err := bolt11.Parse(in)
		assert.ErrorContains(t, err, why, "%.60q", in)
	}
}

type row struct {
	Name     string
	Invoice  string
	Readable string `json:"amount_readable"`
	Why      string
	Expect   json.RawMessage
}

type expected struct {
	Network         *string
	Msat            *string
	Timestamp       *int64
	PaymentHash     string `json:"payment_hash"`
	DescriptionHash string `json:"description_hash"`
	Description     *string
}

// The choices that the data leaves open: an amount of zero and one with a leading zero are
// refused, as writers must not make them; so is what is above 21 million bitcoin.
func TestTheInvoicesOfTheFile(t *testing.T) {
	var file struct{ Cases []row }
	vectors.JSON(t, "bolt11.json", &file)
	require.Len(t, file.Cases, 73)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			inv, err := bolt11.Parse(c.Invoice)
			switch string(c.Expect) {
			case `"choice"`:
				require.Error(t, err)
				return
			case `"reject"`:
				if c.Readable == "" {
					require.Error(t, err)
					return
				}
				require.NoError(t, err) // what is wrong with it is not ours to judge
				assert.Equal(t, c.Readable, strconv.FormatInt(inv.Amount, 10))
				return
			}
			require.NoError(t, err)
			var want expected
			require.NoError(t, json.Unmarshal(c.Expect, &want))
			if want.Msat == nil {
				assert.Zero(t, inv.Amount)
			} else {
				assert.Equal(t, *want.Msat, strconv.FormatInt(inv.Amount, 10))
			}
			if want.Network == nil {
				return // the row is about the amount
			}
			assert.Equal(t, *want.Network, inv.Network)
			assert.Equal(t, *want.Timestamp, inv.Timestamp)
			assert.Equal(t, want.PaymentHash, hexOf(inv.PaymentHash, inv.HasPaymentHash))
			assert.Equal(t, want.DescriptionHash, hexOf(inv.DescriptionHash, inv.HasHash))
			if assert.Equal(t, want.Description != nil, inv.HasDescription) && inv.HasDescription {
				assert.Equal(t, *want.Description, inv.Description)
			}
		})
	}
}

func hexOf(hash [32]byte, there bool) string {
	if !there {
		return ""
	}
	return hex.EncodeToString(hash[:])
}

// Shows L01.
func FuzzParse(f *testing.F) {
	f.Add(coffee)
	f.Add(strings.ToUpper(coffee))
	f.Add("lnbc1")
	f.Add("a12uel5l")
	f.Fuzz(check)
}

// FuzzFields has the checksum made, which a fuzzer does not find by trying.
func FuzzFields(f *testing.F) {
	_, data, err := bech32.DecodeSymbols(coffee)
	require.NoError(f, err)
	f.Add("lnbc2500u", data[:len(data)/8*8])
	f.Add("lnbcrt1p", make([]byte, 70))
	f.Add("lntb18446744073709551616m", make([]byte, 200))
	f.Fuzz(func(t *testing.T, prefix string, data []byte) {
		if s, err := bech32.Encode(prefix, data); err == nil {
			check(t, s)
		}
	})
}

func check(t *testing.T, s string) {
	inv, err := bolt11.Parse(s)
	if err != nil {
		require.Zero(t, inv)
		return
	}
	require.True(t, 0 <= inv.Amount && inv.Amount <= 21_000_000*100_000_000_000)
	require.LessOrEqual(t, len(inv.Description), len(s))
	again, err := bolt11.Parse(strings.ToLower(s))
	require.NoError(t, err)
	require.Equal(t, inv, again)
}
