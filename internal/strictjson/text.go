package strictjson

import "unicode/utf8"

// Text reads a string that is meant for people, and takes it where it is not quite
// JSON: what [Scanner.String] would refuse between the quotes, such as a text that was
// cut in the middle of a character, is replaced by U+FFFD, and control bytes stay.
// problem says what that was, nil if nothing. What is no string, and a string
// without its closing quote, is an error all the same.
func (s *Scanner) Text() (text string, problem, err error) {
	span, err := s.Span()
	if err == nil {
		return string(s.unescaped(nil, span)), nil, nil
	}
	start := s.pos + 1 // Span has moved to the quote, if there is one
	if s.Peek() != '"' {
		return "", nil, err
	}
	end := start
	for ; end < len(s.data) && s.data[end] != '"'; end++ {
		if s.data[end] == '\\' {
			end++ // whatever is escaped, it does not end the string
		}
	}
	if end >= len(s.data) {
		return "", nil, s.fail(len(s.data), "string without its closing quote")
	}
	s.pos = end + 1
	return string(repaired(s.data[start:end])), err, nil
}

// repaired unescapes what stands between quotes as far as it can be.
func repaired(raw []byte) []byte {
	dst := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] != '\\' {
			r, n := utf8.DecodeRune(raw) // U+FFFD and 1 for a byte that is not UTF-8
			dst, raw = utf8.AppendRune(dst, r), raw[n:]
			continue
		}
		r, n := decodeEscape(raw)
		switch {
		case n > 0:
		case hex4(raw) >= 0: // half a surrogate pair
			r, n = utf8.RuneError, 6
		default:
			r, n = utf8.RuneError, min(2, len(raw))
		}
		dst, raw = utf8.AppendRune(dst, r), raw[n:]
	}
	return dst
}
