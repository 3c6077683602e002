package bip340

import "math/bits"

// digits is a signed integer in windowed non-adjacent form: the sum of digits[i]·2ⁱ. Every
// digit is 0 or odd, and of any w in a row at most one is not 0. A half has one digit more
// than its 128 bits, since the last window may carry.
type digits [129]int16

// recode sets d to k with windows of w bits, that is, digits of an absolute value below
// 2^(w−1), and returns how many digits from the lowest there are to look at.
func (d *digits) recode(k half, w uint) int {
	*d = digits{}
	var list [130]nafDigit
	top := 0
	for _, n := range k.sparse(list[:0], w) {
		d[n.at] = n.value
		top = int(n.at) + 1
	}
	return top
}

// nafDigit is a digit other than 0, and its bit.
type nafDigit struct {
	at    uint8
	value int16
}

// sparse appends the digits of k other than 0 to list, the lowest first.
func (k half) sparse(list []nafDigit, w uint) []nafDigit {
	carry := uint64(0)
	for i := uint(0); i < 128; {
		var left uint64 // the bits from i up, at least w of them
		if i < 64 {
			left = k.lo>>i | k.hi<<(64-i) // a shift by 64 gives 0
		} else {
			left = k.hi >> (i - 64)
		}
		// past zeros, or past ones that the carry makes zeros and carries on
		if skip := bits.TrailingZeros64(left ^ -carry); skip > 0 {
			i += uint(skip)
			continue
		}
		window := left&(1<<w-1) + carry
		carry = window >> (w - 1)
		value := int16(window) - int16(carry<<w)
		if k.neg {
			value = -value
		}
		list = append(list, nafDigit{uint8(i), value})
		i += w
	}
	if carry != 0 {
		value := int16(1)
		if k.neg {
			value = -1
		}
		list = append(list, nafDigit{128, value})
	}
	return list
}
