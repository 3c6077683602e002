package bip340

import (
	"encoding/binary"
	"math/bits"
)

// scalar is an integer modulo n, the order of the curve, in four limbs, the lowest first.
// Unlike an fe it is always below n.
type scalar [4]uint64

// The limbs of n, and of 2²⁵⁶ − n, what a carry out of the top is worth.
const (
	n0 = 0xBFD25E8CD0364141
	n1 = 0xBAAEDCE6AF48A03B
	n2 = 0xFFFFFFFFFFFFFFFE
	n3 = 0xFFFFFFFFFFFFFFFF

	nFold0 = 0x402DA1732FC9BEBF
	nFold1 = 0x4551231950B75FC4
	nFold2 = 1
)

// setBytes sets s to the big-endian b modulo n and reports whether b was below n.
func (s *scalar) setBytes(b *[32]byte) bool {
	s[3] = binary.BigEndian.Uint64(b[0:])
	s[2] = binary.BigEndian.Uint64(b[8:])
	s[1] = binary.BigEndian.Uint64(b[16:])
	s[0] = binary.BigEndian.Uint64(b[24:])
	return s.subtractOnce() != 0
}

// subtractOnce makes a value below 2n, as 2²⁵⁶ is, one below n. It returns 1 if there was
// nothing to subtract.
func (s *scalar) subtractOnce() uint64 {
	d0, b := bits.Sub64(s[0], n0, 0)
	d1, b := bits.Sub64(s[1], n1, b)
	d2, b := bits.Sub64(s[2], n2, b)
	d3, b := bits.Sub64(s[3], n3, b)
	if b == 0 {
		*s = scalar{d0, d1, d2, d3}
	}
	return b
}

func (s *scalar) isZero() bool { return s[0]|s[1]|s[2]|s[3] == 0 }

// neg sets s to −a.
func (s *scalar) neg(a *scalar) {
	if a.isZero() {
		*s = scalar{}
		return
	}
	var b uint64
	s[0], b = bits.Sub64(n0, a[0], 0)
	s[1], b = bits.Sub64(n1, a[1], b)
	s[2], b = bits.Sub64(n2, a[2], b)
	s[3], _ = bits.Sub64(n3, a[3], b)
}

// add sets s to a + b.
func (s *scalar) add(a, b *scalar) {
	var c uint64
	s[0], c = bits.Add64(a[0], b[0], 0)
	s[1], c = bits.Add64(a[1], b[1], c)
	s[2], c = bits.Add64(a[2], b[2], c)
	s[3], c = bits.Add64(a[3], b[3], c)
	if c != 0 { // a + b − 2²⁵⁶ + nFold is a + b − n, below n
		s[0], c = bits.Add64(s[0], nFold0, 0)
		s[1], c = bits.Add64(s[1], nFold1, c)
		s[2], c = bits.Add64(s[2], nFold2, c)
		s[3] += c
		return
	}
	s.subtractOnce()
}

// mul sets s to a · b.
func (s *scalar) mul(a, b *scalar) {
	var t [8]uint64
	mulWide(&t, (*[4]uint64)(a), (*[4]uint64)(b))
	s.reduce(&t)
}

// mulWide sets t to the integer x · y.
func mulWide(t *[8]uint64, x, y *[4]uint64) {
	y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
	var t0, t1, t2, t3 uint64
	for i, xi := range x {
		h0, l0 := bits.Mul64(xi, y0)
		h1, l1 := bits.Mul64(xi, y1)
		h2, l2 := bits.Mul64(xi, y2)
		h3, l3 := bits.Mul64(xi, y3)
		var c uint64
		t0, c = bits.Add64(t0, l0, 0)
		t1, c = bits.Add64(t1, l1, c)
		t2, c = bits.Add64(t2, l2, c)
		t3, c = bits.Add64(t3, l3, c)
		h3 += c
		t[i] = t0
		t0, c = bits.Add64(t1, h0, 0)
		t1, c = bits.Add64(t2, h1, c)
		t2, c = bits.Add64(t3, h2, c)
		t3 = h3 + c
	}
	t[4], t[5], t[6], t[7] = t0, t1, t2, t3
}

// mulFold returns x · (2²⁵⁶ − n) + low in five limbs, into which it must fit: x is below 2¹⁹⁰.
func mulFold(x0, x1, x2 uint64, low *[4]uint64) (r [5]uint64) {
	h00, l00 := bits.Mul64(x0, nFold0)
	h01, l01 := bits.Mul64(x0, nFold1)
	h10, l10 := bits.Mul64(x1, nFold0)
	h11, l11 := bits.Mul64(x1, nFold1)
	h20, l20 := bits.Mul64(x2, nFold0)
	h21, l21 := bits.Mul64(x2, nFold1)
	var c uint64
	r[0], c = bits.Add64(low[0], l00, 0)
	r[1], c = bits.Add64(low[1], l01, c)
	r[2], c = bits.Add64(low[2], l11, c)
	r[3], c = bits.Add64(low[3], l21, c)
	r[4] = c
	r[1], c = bits.Add64(r[1], h00, 0)
	r[2], c = bits.Add64(r[2], h01, c)
	r[3], c = bits.Add64(r[3], h11, c)
	r[4] += h21 + c
	r[1], c = bits.Add64(r[1], l10, 0)
	r[2], c = bits.Add64(r[2], l20, c)
	r[3], c = bits.Add64(r[3], h20, c)
	r[4] += c
	r[2], c = bits.Add64(r[2], h10, 0)
	r[3], c = bits.Add64(r[3], 0, c)
	r[4] += c
	r[2], c = bits.Add64(r[2], x0, 0) // times nFold2, which is 1
	r[3], c = bits.Add64(r[3], x1, c)
	r[4] += x2 + c
	return r
}

// reduce sets s to t modulo n.
func (s *scalar) reduce(t *[8]uint64) {
	// What is at 2²⁵⁶ and above is worth nFold times as much at the bottom. First the three
	// topmost limbs are folded to the limbs from 1 up, then what is left above limb 3, below
	// 2¹³⁰, then the last few bits.
	lo := [4]uint64{t[1], t[2], t[3], t[4]}
	h := foldTop(t[5], t[6], t[7], &lo) // limbs 1 to 6
	lo = [4]uint64{t[0], h[0], h[1], h[2]}
	r := mulFold(h[3], h[4], h[5], &lo)
	lo = [4]uint64{r[0], r[1], r[2], r[3]}
	r = mulFold(r[4], 0, 0, &lo)
	*s = scalar{r[0], r[1], r[2], r[3]}
	if r[4] != 0 { // at most 1, and then what is left is small
		var c uint64
		s[0], c = bits.Add64(s[0], nFold0, 0)
		s[1], c = bits.Add64(s[1], nFold1, c)
		s[2], c = bits.Add64(s[2], nFold2, c)
		s[3] += c
	}
	s.subtractOnce()
}

// foldTop is mulFold for any x of three limbs, in six limbs.
func foldTop(x0, x1, x2 uint64, low *[4]uint64) (r [6]uint64) {
	// x = x2·2¹²⁸ + (x1·2⁶⁴ + x0); x2's part is added two limbs further up.
	a := mulFold(x0, x1, 0, low)
	mid := [4]uint64{a[2], a[3], a[4], 0}
	b := mulFold(x2, 0, 0, &mid)
	return [6]uint64{a[0], a[1], b[0], b[1], b[2], b[3]}
}
