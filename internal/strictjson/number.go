package strictjson

import (
	"math"
	"strings"
)

// number reads a number of any form and returns whether it is an integer: digits
// without a fraction or an exponent, behind an optional minus.
func (s *Scanner) number() (integer bool, err error) {
	if s.data[s.pos] == '-' {
		s.pos++
	}
	switch {
	case s.pos < len(s.data) && s.data[s.pos] == '0':
		s.pos++
	case s.digits() == 0:
		return false, s.fail(s.pos, "number without digits")
	}
	integer = true
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		integer = false
		s.pos++
		if s.digits() == 0 {
			return false, s.fail(s.pos, "number without digits after its point")
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		integer = false
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return false, s.fail(s.pos, "number without digits in its exponent")
		}
	}
	// "01", "1x", "2.5.1": what goes on like a number is one, and malformed.
	if s.pos < len(s.data) && goesOn(s.data[s.pos]) {
		return false, s.fail(s.pos, "malformed number")
	}
	return integer, nil
}

func goesOn(c byte) bool { return isDigit(c) || strings.IndexByte(".+-eExX_", c) >= 0 }

func (s *Scanner) digits() (n int) {
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
		n++
	}
	return n
}

// Int64 reads an integer that fits into 64 bits. A number with a fraction or an
// exponent is refused, whatever its value.
func (s *Scanner) Int64() (int64, error) {
	start, negative, n, err := s.integer()
	switch {
	case err != nil:
		return 0, err
	case !negative && n > math.MaxInt64, negative && n > -math.MinInt64:
		return 0, s.fail(start, "integer too large")
	case negative:
		return -int64(n), nil
	}
	return int64(n), nil
}

// Uint64 reads an integer from 0 to max. A minus sign is refused, before a zero too.
func (s *Scanner) Uint64(max uint64) (uint64, error) {
	start, negative, n, err := s.integer()
	switch {
	case err != nil:
		return 0, err
	case negative:
		return 0, s.fail(start, "negative number")
	case n > max:
		return 0, s.fail(start, "integer too large")
	}
	return n, nil
}

func (s *Scanner) integer() (start int, negative bool, n uint64, err error) {
	c := s.Peek()
	if c != '-' && !isDigit(c) {
		return 0, false, 0, s.unexpected("an integer")
	}
	start = s.pos
	whole, err := s.number()
	if err != nil {
		return start, false, 0, err
	}
	if !whole {
		return start, false, 0, s.fail(start, "expected an integer, found a fraction or an exponent")
	}
	digits := s.data[start:s.pos]
	if negative = c == '-'; negative {
		digits = digits[1:]
	}
	for _, c := range digits {
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return start, false, 0, s.fail(start, "integer too large")
		}
		n = n*10 + d
	}
	return start, negative, n, nil
}
