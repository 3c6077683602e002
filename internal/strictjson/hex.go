package strictjson

// Hex reads a string of exactly 2×len(dst) lower-case hexadecimal digits into dst.
// dst is undefined after an error.
func (s *Scanner) Hex(dst []byte) error {
	if s.Peek() != '"' {
		return s.unexpected("a string")
	}
	// Digits are neither quotes nor escapes: if the quote stands where it should and
	// digits fill the space before it, the string needs no other check.
	start, end := s.pos+1, s.pos+1+2*len(dst)
	if end < len(s.data) && s.data[end] == '"' && DecodeHex(dst, s.data[start:end]) {
		s.pos = end + 1
		return nil
	}
	span, err := s.Span()
	if err != nil {
		return err
	}
	if span.Size != 2*len(dst) {
		return s.fail(start, "hex string of the wrong length")
	}
	if !DecodeHex(dst, s.unescaped(nil, span)) {
		return s.fail(start, "not lower-case hex")
	}
	return nil
}

// DecodeHex decodes the lower-case digits of src into dst, which has half its length,
// and reports whether all of src was such digits.
func DecodeHex[T string | []byte](dst []byte, src T) bool {
	if len(src) != 2*len(dst) {
		return false
	}
	var bad byte
	for i := range dst {
		hi, lo := nibble[src[2*i]]-1, nibble[src[2*i+1]]-1
		bad |= hi | lo
		dst[i] = hi<<4 | lo
	}
	return bad < 16
}

// nibble is the value of a digit plus one, 0 for every other byte.
var nibble = [256]byte{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
}
