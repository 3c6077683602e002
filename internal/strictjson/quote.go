package strictjson

import "math/bits"

// AppendQuote appends s as a JSON string in the canonical form of NIP-01: seven
// characters have two-letter escapes, other bytes below 0x20 are written \u00xx in
// lower case, everything else stands as it is (so s must be UTF-8 for the result to be JSON).
func AppendQuote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := unescapedLen(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, s[n])
		s = s[n+1:]
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// Strings are looked at eight bytes at a time. Subtracting c from each byte sets the top
// bit of those below c; xor with a character first, and then 1, finds that character. The top
// bit of other bytes may be set by a borrow from a hit below them, so the lowest hit is exact,
// and it is the only one used.
const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// suspects marks control bytes, quotes and backslashes among the bytes of x that are ASCII;
// what it says of the others is noise.
func suspects(x uint64) uint64 {
	return (x - ' '*ones) | (x ^ '"'*ones - ones) | (x ^ '\\'*ones - ones)
}

func load64[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainLen is the length of the longest prefix of b that is ASCII without control bytes, quotes and backslashes.
func plainLen(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		x := load64(b[i:])
		if hits := (suspects(x) | x) & tops; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			break
		}
	}
	return i
}

// unescapedLen is the length of the longest prefix of s without control bytes, quotes and backslashes.
func unescapedLen(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		x := load64(s[i:])
		if hits := suspects(x) &^ x & tops; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}
