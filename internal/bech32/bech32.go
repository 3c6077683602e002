// Package bech32 turns bytes into bech32 strings and back, as BIP-173 defines them (with
// the checksum constant 1, not that of bech32m) and NIP-19 uses them: without the limit of
// 90 characters. It knows nothing of Nostr.
//
// Errors never repeat the input, nor any character of it: it may be a secret key.
package bech32

import (
	"errors"
	"strings"
)

// MaxLength bounds a bech32 string, in characters: the 5,000 that NIP-19 recommends.
const MaxLength = 5000

const (
	maxHRP      = 83 // characters, BIP-173
	checksumLen = 6
	charset     = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// ErrChecksum is returned by [Decode] when all is well-formed but the checksum: a typing
// error, most likely.
var ErrChecksum = errors.New("bech32: wrong checksum")

var (
	errTooLong   = errors.New("bech32: longer than 5,000 characters")
	errByte      = errors.New("bech32: not printable ASCII")
	errMixedCase = errors.New("bech32: mixed upper and lower case")
	errSeparator = errors.New("bech32: no separator")
	errHRP       = errors.New("bech32: want a prefix of 1 to 83 characters")
	errHRPCase   = errors.New("bech32: upper case in the prefix")
	errShort     = errors.New("bech32: too short for a checksum")
	errData      = errors.New("bech32: character outside the alphabet")
	errPadding   = errors.New("bech32: not a whole number of bytes")
)

// Encode returns data in bech32, in lower case, with the human-readable part hrp: 1 to 83
// characters of printable ASCII that are not upper-case letters.
func Encode(hrp string, data []byte) (string, error) {
	if err := checkHRP(hrp); err != nil {
		return "", err
	}
	if len(data) > MaxLength { // keeps the sum below from overflowing
		return "", errTooLong
	}
	size := len(hrp) + 1 + (len(data)*8+4)/5 + checksumLen
	if size > MaxLength {
		return "", errTooLong
	}
	out := make([]byte, 0, size)
	out = append(out, hrp...)
	out = append(out, '1')
	sum := expandHRP(hrp)
	emit := func(v byte) {
		sum = polymod(sum, v)
		out = append(out, charset[v])
	}
	var acc uint32
	bits := 0
	for _, b := range data {
		acc = acc<<8 | uint32(b)
		for bits += 8; bits >= 5; {
			bits -= 5
			emit(byte(acc>>bits) & 31)
		}
	}
	if bits > 0 {
		emit(byte(acc<<(5-bits)) & 31)
	}
	for range checksumLen {
		sum = polymod(sum, 0)
	}
	sum ^= 1
	for i := range checksumLen {
		out = append(out, charset[sum>>(5*(checksumLen-1-i))&31])
	}
	return string(out), nil
}

// Decode returns the human-readable part of s, in lower case, and the bytes of its data.
// A string is all in lower case or all in upper case; its last bits, which make
// no whole byte, are fewer than five and zero. Thus s, in lower case, is the one
// encoding of the result.
func Decode(s string) (hrp string, data []byte, err error) {
	hrp, symbols, err := split(s)
	if err != nil {
		return "", nil, err
	}
	payload := len(symbols) - checksumLen
	data = make([]byte, 0, payload*5/8)
	sum := expandHRP(hrp)
	var acc uint32
	bits := 0
	for i := range len(symbols) {
		v := values[symbols[i]&127] - 1
		if v > 31 {
			clear(data)
			return "", nil, errData
		}
		sum = polymod(sum, v)
		if i >= payload {
			continue
		}
		acc = acc<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			data = append(data, byte(acc>>bits))
		}
	}
	switch {
	case sum != 1:
		err = ErrChecksum
	case bits >= 5 || acc&(1<<bits-1) != 0:
		err = errPadding
	default:
		return hrp, data, nil
	}
	clear(data)
	return "", nil, err
}

// DecodeSymbols is [Decode] for formats whose data is no whole number of bytes, as that of
// lightning invoices (BOLT-11): it returns the symbols themselves, each 0 to 31, without the
// checksum.
func DecodeSymbols(s string) (hrp string, data []byte, err error) {
	hrp, symbols, err := split(s)
	if err != nil {
		return "", nil, err
	}
	data = make([]byte, len(symbols))
	sum := expandHRP(hrp)
	for i := range data {
		v := values[symbols[i]&127] - 1
		if v > 31 {
			return "", nil, errData
		}
		sum = polymod(sum, v)
		data[i] = v
	}
	if sum != 1 {
		return "", nil, ErrChecksum
	}
	return hrp, data[:len(data)-checksumLen], nil
}

// split cuts s, in lower case, at its last "1" into the human-readable part and the
// characters behind it, of which there are enough for a checksum.
func split(s string) (hrp, symbols string, err error) {
	if len(s) > MaxLength {
		return "", "", errTooLong
	}
	if s, err = toLower(s); err != nil {
		return "", "", err
	}
	sep := strings.LastIndexByte(s, '1')
	switch {
	case sep < 0:
		return "", "", errSeparator
	case sep == 0 || sep > maxHRP:
		return "", "", errHRP
	case len(s)-sep-1 < checksumLen:
		return "", "", errShort
	}
	return s[:sep], s[sep+1:], nil
}

func checkHRP(hrp string) error {
	if len(hrp) == 0 || len(hrp) > maxHRP {
		return errHRP
	}
	for i := range len(hrp) {
		switch c := hrp[i]; {
		case c < 33 || c > 126:
			return errByte
		case 'A' <= c && c <= 'Z':
			return errHRPCase
		}
	}
	return nil
}

// toLower refuses what has both cases, and what is no printable ASCII.
func toLower(s string) (string, error) {
	var lower, upper bool
	for i := range len(s) {
		switch c := s[i]; {
		case c < 33 || c > 126:
			return "", errByte
		case 'a' <= c && c <= 'z':
			lower = true
		case 'A' <= c && c <= 'Z':
			upper = true
		}
	}
	switch {
	case lower && upper:
		return "", errMixedCase
	case upper:
		return strings.ToLower(s), nil
	}
	return s, nil
}

// expandHRP begins a checksum with the human-readable part: the high bits of its
// characters, a zero, the low bits (BIP-173).
func expandHRP(hrp string) uint32 {
	sum := uint32(1)
	for i := range len(hrp) {
		sum = polymod(sum, hrp[i]>>5)
	}
	sum = polymod(sum, 0)
	for i := range len(hrp) {
		sum = polymod(sum, hrp[i]&31)
	}
	return sum
}

// polymod takes one more symbol into the BCH checksum of BIP-173.
func polymod(sum uint32, v byte) uint32 {
	return sum&(1<<25-1)<<5 ^ uint32(v) ^ reduce[sum>>25]
}

// reduce[n] is the sum (XOR) of the generator's rows 3b6a57b2, 26508e6d, 1ea119fa, 3d4233dd
// and 2a1462b3, of which bit i of n chooses row i.
var reduce = [32]uint32{
	0x00000000, 0x3b6a57b2, 0x26508e6d, 0x1d3ad9df, 0x1ea119fa, 0x25cb4e48, 0x38f19797, 0x039bc025,
	0x3d4233dd, 0x0628646f, 0x1b12bdb0, 0x2078ea02, 0x23e32a27, 0x18897d95, 0x05b3a44a, 0x3ed9f3f8,
	0x2a1462b3, 0x117e3501, 0x0c44ecde, 0x372ebb6c, 0x34b57b49, 0x0fdf2cfb, 0x12e5f524, 0x298fa296,
	0x1756516e, 0x2c3c06dc, 0x3106df03, 0x0a6c88b1, 0x09f74894, 0x329d1f26, 0x2fa7c6f9, 0x14cd914b,
}

// values has the value of a character of the alphabet plus one, 0 for all others.
var values = [128]byte{
	'q': 1, 'p': 2, 'z': 3, 'r': 4, 'y': 5, '9': 6, 'x': 7, '8': 8,
	'g': 9, 'f': 10, '2': 11, 't': 12, 'v': 13, 'd': 14, 'w': 15, '0': 16,
	's': 17, '3': 18, 'j': 19, 'n': 20, '5': 21, '4': 22, 'k': 23, 'h': 24,
	'c': 25, 'e': 26, '6': 27, 'm': 28, 'u': 29, 'a': 30, '7': 31, 'l': 32,
}
