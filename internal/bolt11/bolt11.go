// Package bolt11 reads of a lightning invoice (BOLT-11) what a wallet's client has to compare
// before it pays or believes: the network, the amount, the payment hash and what the
// invoice commits to. It knows nothing of Nostr.
//
// It does not verify the invoice's signature, nor does it look at features, routes and
// the other fields: whoever pays has a node for that. Invoices are strangers' words; what is
// read here is what the text says, and no proof that anybody owes or has paid anything.
package bolt11

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/bech32"
)

// An Invoice is what is read of one. A field that the invoice names twice is the first one
// of a valid length, as the specification demands.
type Invoice struct {
	Network     string // "bc" is bitcoin; "tb", "tbs", "bcrt" and "sb" are for tests, with money that is worth nothing
	Amount      int64  // in millisatoshis, 0 if the invoice names none and the payer chooses
	Timestamp   int64  // seconds since 1970-01-01 UTC at which it was made
	Description string // "" if it has none

	PaymentHash     [32]byte // SHA-256 of the preimage, which the payer learns by paying
	DescriptionHash [32]byte // SHA-256 of a longer description
	HasPaymentHash  bool
	HasDescription  bool
	HasHash         bool // whether there is a DescriptionHash
}

var (
	errNoInvoice = errors.New("bolt11: does not begin with ln and a known network")
	errShort     = errors.New("bolt11: too short for a timestamp and a signature")
	errCutOff    = errors.New("bolt11: a field is longer than the invoice")
	errText      = errors.New("bolt11: the description is not UTF-8")

	errAmount     = errors.New("bolt11: the amount is not a number")
	errZero       = errors.New("bolt11: the amount is zero or begins with one")
	errMultiplier = errors.New("bolt11: unknown multiplier behind the amount")
	errPrecision  = errors.New("bolt11: the amount is no whole number of millisatoshis")
	errTooMuch    = errors.New("bolt11: the amount is above 21 million bitcoin")
)

// networks, of which none is the beginning of one that stands behind it.
var networks = [...]string{"bcrt", "bc", "tbs", "tb", "sb"}

const (
	timestampLen = 35 / 5 // symbols
	signatureLen = (64 + 1) * 8 / 5
	hashLen      = (32*8 + 4) / 5 // of a field with 32 bytes

	msatPerBitcoin = 100_000_000_000
	maxMsat        = 21_000_000 * msatPerBitcoin

	fieldPaymentHash     = 1
	fieldDescription     = 13
	fieldDescriptionHash = 23
)

// Parse reads an invoice, in lower or in upper case. Errors do not repeat it.
func Parse(s string) (Invoice, error) {
	prefix, symbols, err := bech32.DecodeSymbols(s)
	if err != nil {
		return Invoice{}, fmt.Errorf("bolt11: %w", err)
	}
	inv, err := parsePrefix(prefix)
	if err != nil {
		return Invoice{}, err
	}
	if len(symbols) < timestampLen+signatureLen {
		return Invoice{}, errShort
	}
	for _, v := range symbols[:timestampLen] {
		inv.Timestamp = inv.Timestamp<<5 | int64(v)
	}
	if err := inv.readFields(symbols[timestampLen : len(symbols)-signatureLen]); err != nil {
		return Invoice{}, err
	}
	return inv, nil
}

// parsePrefix reads "ln", the network and the amount.
func parsePrefix(prefix string) (Invoice, error) {
	rest, ok := strings.CutPrefix(prefix, "ln")
	if !ok {
		return Invoice{}, errNoInvoice
	}
	for _, network := range networks {
		amount, ok := strings.CutPrefix(rest, network)
		if !ok {
			continue
		}
		msat, err := parseAmount(amount)
		return Invoice{Network: network, Amount: msat}, err
	}
	return Invoice{}, errNoInvoice
}

// parseAmount returns millisatoshis. The amount is in bitcoin, with a multiplier behind it.
func parseAmount(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	factor, divisor := uint64(msatPerBitcoin), uint64(1)
	digits := s[:len(s)-1]
	switch s[len(s)-1] {
	case 'm':
		factor /= 1e3
	case 'u':
		factor /= 1e6
	case 'n':
		factor /= 1e9
	case 'p':
		factor, divisor = 1, 10
	default:
		digits = s
	}
	switch {
	case digits == "" || digits[0] == '-' || digits[0] == '+':
		return 0, errAmount
	case digits[0] == '0':
		return 0, errZero
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errTooMuch
	case err != nil && strings.Trim(digits[:len(digits)-1], "0123456789") == "":
		return 0, errMultiplier
	case err != nil:
		return 0, errAmount
	case n%divisor != 0:
		return 0, errPrecision
	case n/divisor > maxMsat/factor: // no product of these is beyond 64 bits
		return 0, errTooMuch
	}
	return int64(n / divisor * factor), nil
}

// readFields reads the tagged fields: a symbol of type, two of length, so many of data. One
// of another length than its type demands is ignored, as the specification has it.
func (inv *Invoice) readFields(symbols []byte) error {
	for len(symbols) > 0 {
		if len(symbols) < 3 {
			return errCutOff
		}
		kind, size := symbols[0], int(symbols[1])<<5|int(symbols[2])
		if len(symbols)-3 < size {
			return errCutOff
		}
		data := symbols[3 : 3+size]
		symbols = symbols[3+size:]
		switch {
		case kind == fieldPaymentHash && size == hashLen && !inv.HasPaymentHash:
			inv.HasPaymentHash = true
			copy(inv.PaymentHash[:], toBytes(data))
		case kind == fieldDescriptionHash && size == hashLen && !inv.HasHash:
			inv.HasHash = true
			copy(inv.DescriptionHash[:], toBytes(data))
		case kind == fieldDescription && !inv.HasDescription:
			text := toBytes(data)
			if !utf8.Valid(text) {
				return errText
			}
			inv.HasDescription, inv.Description = true, string(text)
		}
	}
	return nil
}

// toBytes drops the last bits that make no whole byte.
func toBytes(symbols []byte) []byte {
	out := make([]byte, 0, len(symbols)*5/8)
	var acc uint32
	bits := 0
	for _, v := range symbols {
		acc = acc<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	return out
}

// The largest amount has to fit with room to spare.
const _ = uint64(math.MaxInt64 - maxMsat)
