package strictjson

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A Span is where a checked string stands in the data: between the quotes.
type Span struct {
	Start, End int // offsets of the first byte and of the closing quote
	Size       int // length in bytes of what the string stands for, once unescaped
}

// Escaped reports whether the string has escapes. Each makes it shorter, so that
// lengths tell.
func (p Span) Escaped() bool { return p.Size != p.End-p.Start }

// Span reads a string without unescaping it.
func (s *Scanner) Span() (Span, error) {
	if s.Peek() != '"' {
		return Span{}, s.unexpected("a string")
	}
	start := s.pos + 1
	i, saved := start, 0
	for {
		i += plainLen(s.data[i:])
		if i >= len(s.data) {
			return Span{}, s.fail(len(s.data), "string without its closing quote")
		}
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return Span{Start: start, End: i, Size: i - start - saved}, nil
		case c == '\\':
			r, n := decodeEscape(s.data[i:])
			if n == 0 {
				return Span{}, s.fail(i, escapeProblem(s.data[i:]))
			}
			saved += n - utf8.RuneLen(r)
			i += n
		case c < ' ':
			return Span{}, s.fail(i, "control byte in a string")
		default:
			for i < len(s.data) && s.data[i] >= utf8.RuneSelf {
				_, n := utf8.DecodeRune(s.data[i:])
				if n == 1 {
					return Span{}, s.fail(i, "bytes that are not UTF-8 in a string")
				}
				i += n
			}
		}
	}
}

// RawString reads a string and returns what stands between its quotes, checked but
// not unescaped. raw aliases the data.
func (s *Scanner) RawString() (raw []byte, escaped bool, err error) {
	span, err := s.Span()
	if err != nil {
		return nil, false, err
	}
	return s.data[span.Start:span.End], span.Escaped(), nil
}

// String reads a string and unescapes it. The result aliases the data when the string
// has no escapes; otherwise it is written over buf from its start (buf may be nil).
func (s *Scanner) String(buf []byte) ([]byte, error) {
	span, err := s.Span()
	if err != nil {
		return nil, err
	}
	return s.unescaped(buf, span), nil
}

func (s *Scanner) unescaped(buf []byte, p Span) []byte {
	raw := s.data[p.Start:p.End:p.End]
	if !p.Escaped() {
		return raw
	}
	return AppendUnescaped(buf[:0], raw)
}

// AppendUnescaped appends what raw stands for. raw is a string that the scanner has
// checked; what it would have refused is appended as it is.
func AppendUnescaped(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		r, n := decodeEscape(raw[i:])
		if n == 0 {
			return append(dst, raw[i:]...)
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+n:]
	}
}

// WriteUnescaped is [AppendUnescaped] into a builder.
func WriteUnescaped(b *strings.Builder, raw []byte) {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			b.Write(raw)
			return
		}
		b.Write(raw[:i])
		r, n := decodeEscape(raw[i:])
		if n == 0 {
			b.Write(raw[i:])
			return
		}
		b.WriteRune(r)
		raw = raw[i+n:]
	}
}

// decodeEscape decodes the escape that b starts with into a character and the length
// of its text: 2, 6, or 12 for a surrogate pair. The length is 0 for a bad escape.
func decodeEscape(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = hex4(b)
	default:
		return 0, 0
	}
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if r = utf16.DecodeRune(r, hex4(b[6:])); r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex4 is the value of the \uXXXX that b starts with, -1 if there is none.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

func escapeProblem(b []byte) string {
	if r := hex4(b); utf16.IsSurrogate(r) {
		return "surrogate escape without its other half in a string"
	}
	return "bad escape in a string"
}

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
