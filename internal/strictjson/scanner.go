// Package strictjson reads JSON that strangers wrote: a cursor over a byte slice
// that hands out one token at a time and allocates nothing by itself.
//
// It accepts RFC 8259 and refuses three things that the RFC leaves open: bytes that
// are not UTF-8, surrogate escapes without their other half, and nesting beyond
// [MaxDepth]. Numbers are read as integers or skipped, never rounded.
//
// Every method that reads a value skips the white space before it. After an error
// a [Scanner] is to be thrown away.
package strictjson

import "strconv"

// MaxDepth is how many arrays and objects may be open at once.
const MaxDepth = 64

// A SyntaxError says what was wrong with the input and where.
type SyntaxError struct {
	Offset int    // bytes from the start of the scanned data
	Msg    string // what was expected or refused
}

func (e *SyntaxError) Error() string {
	return e.Msg + " at byte " + strconv.Itoa(e.Offset)
}

// A Scanner is a cursor over one JSON text. It keeps a reference to the data and
// never writes to it.
type Scanner struct {
	data  []byte
	pos   int
	depth int
}

// New returns a scanner at the start of data.
func New(data []byte) Scanner { return Scanner{data: data} }

// Pos is the offset of the next unread byte.
func (s *Scanner) Pos() int { return s.pos }

// Advance moves the cursor n bytes on, over something that was read by other means.
// It stops at the end of the data.
func (s *Scanner) Advance(n int) { s.pos = min(s.pos+n, len(s.data)) }

// Rest is the data from the cursor on. It aliases the scanned data.
func (s *Scanner) Rest() []byte { return s.data[s.pos:] }

// Since is the data between an earlier Pos and the cursor. It aliases the scanned data.
func (s *Scanner) Since(pos int) []byte { return s.data[pos:s.pos] }

// SkipSpace moves the cursor over white space.
func (s *Scanner) SkipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// Peek skips white space and returns the byte that the next token starts with,
// 0 at the end of the data.
func (s *Scanner) Peek() byte {
	if s.pos < len(s.data) && s.data[s.pos] > ' ' {
		return s.data[s.pos]
	}
	s.SkipSpace()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// Expect reads the single byte c, one of the punctuation marks of JSON.
// Containers are better opened with [Scanner.Array] and [Scanner.Object], which count depth.
func (s *Scanner) Expect(c byte) error {
	if s.Peek() != c || s.pos == len(s.data) {
		return s.unexpected(quoted[c])
	}
	s.pos++
	return nil
}

// End reports an error unless only white space follows.
func (s *Scanner) End() error {
	s.SkipSpace()
	if s.pos < len(s.data) {
		return s.fail(s.pos, "trailing data after the value")
	}
	return nil
}

// Array reads the opening bracket of an array. Its elements follow [Scanner.NextElement].
func (s *Scanner) Array() error { return s.open('[', "an array") }

// Object reads the opening brace of an object. Its members follow [Scanner.NextKey].
func (s *Scanner) Object() error { return s.open('{', "an object") }

func (s *Scanner) open(c byte, what string) error {
	if s.Peek() != c {
		return s.unexpected(what)
	}
	if s.depth == MaxDepth {
		return s.fail(s.pos, "nested too deeply")
	}
	s.pos++
	s.depth++
	return nil
}

// NextElement moves to the element of the open array that follows the n already read,
// and reports false when the array ended instead.
func (s *Scanner) NextElement(n int) (bool, error) {
	return s.next(n, ']', "',' or ']'")
}

// NextKey moves to the member of the open object that follows the n already read: it
// returns the unescaped key (as [Scanner.String] does) with the cursor before the value.
// It reports false when the object ended instead.
func (s *Scanner) NextKey(n int, buf []byte) (key []byte, more bool, err error) {
	span, more, err := s.nextKey(n)
	if !more || err != nil {
		return nil, false, err
	}
	return s.unescaped(buf, span), true, nil
}

func (s *Scanner) nextKey(n int) (span Span, more bool, err error) {
	if more, err = s.next(n, '}', "',' or '}'"); !more || err != nil {
		return Span{}, false, err
	}
	if s.Peek() != '"' {
		return Span{}, false, s.unexpected("a key in quotes")
	}
	if span, err = s.Span(); err != nil {
		return Span{}, false, err
	}
	return span, true, s.Expect(':')
}

func (s *Scanner) next(n int, closer byte, want string) (bool, error) {
	switch c := s.Peek(); {
	case c == closer:
		s.pos++
		s.depth--
		return false, nil
	case n == 0:
		return true, nil
	case c == ',':
		s.pos++
		if s.Peek() == closer {
			return false, s.fail(s.pos, "nothing after a comma")
		}
		return true, nil
	}
	return false, s.unexpected(want)
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	switch s.Peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.unexpected("true or false")
}

// Null reads null.
func (s *Scanner) Null() error {
	if s.Peek() != 'n' {
		return s.unexpected("null")
	}
	return s.literal("null")
}

func (s *Scanner) literal(word string) error {
	if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
		s.pos = end
		return nil
	}
	return s.fail(s.pos, "not a JSON value")
}

// Skip reads any one value and checks all of it.
func (s *Scanner) Skip() error {
	switch c := s.Peek(); c {
	case '"':
		_, err := s.Span()
		return err
	case '[':
		return s.skipArray()
	case '{':
		return s.skipObject()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			_, err := s.number()
			return err
		}
	}
	return s.unexpected("a value")
}

// The recursion of skipArray and skipObject is bounded by MaxDepth.

func (s *Scanner) skipArray() error {
	if err := s.Array(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := s.NextElement(n)
		if !more || err != nil {
			return err
		}
		if err := s.Skip(); err != nil {
			return err
		}
	}
}

func (s *Scanner) skipObject() error {
	if err := s.Object(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		_, more, err := s.nextKey(n)
		if !more || err != nil {
			return err
		}
		if err := s.Skip(); err != nil {
			return err
		}
	}
}

func (s *Scanner) fail(offset int, msg string) error {
	return &SyntaxError{Offset: offset, Msg: msg}
}

// unexpected names what stands at the cursor by its kind: the bytes themselves are
// a stranger's and do not belong in a log.
func (s *Scanner) unexpected(want string) error {
	s.SkipSpace()
	if s.pos == len(s.data) {
		return s.fail(s.pos, "expected "+want+", found the end of the data")
	}
	found := "a byte that starts no JSON value"
	switch c := s.data[s.pos]; {
	case c == '"':
		found = "a string"
	case c == '[':
		found = "an array"
	case c == '{':
		found = "an object"
	case c == 't' || c == 'f':
		found = "a boolean"
	case c == 'n':
		found = "null"
	case c == '-' || isDigit(c):
		found = "a number"
	case quoted[c] != "":
		found = quoted[c]
	}
	return s.fail(s.pos, "expected "+want+", found "+found)
}

var quoted = [256]string{'[': "'['", ']': "']'", '{': "'{'", '}': "'}'", ',': "','", ':': "':'", '"': `'"'`}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
