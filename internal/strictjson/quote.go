package strictjson

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
