package bip340

import (
	"encoding/binary"
	"math/bits"
)

// fe is an element of the field of p = 2²⁵⁶ − 2³² − 977 in four limbs, the lowest first.
//
// It is lazy: every 256-bit value is allowed and stands for its residue, so each of the
// fieldFold lowest residues has two forms (v and v+p). All operations take and return such
// values; only normalize, and what compares or serialises, gives the one below p.
type fe [4]uint64

// fieldFold is 2²⁵⁶ mod p: a carry out of the top limb is worth so much at the bottom.
const fieldFold = 1<<32 + 977

// The limbs of p.
const (
	p0 = 0xFFFFFFFEFFFFFC2F
	p1 = 0xFFFFFFFFFFFFFFFF
	p2 = 0xFFFFFFFFFFFFFFFF
	p3 = 0xFFFFFFFFFFFFFFFF
)

var feOne = fe{1}

// setBytes sets z to the big-endian b and reports whether b is below p. It sets z all the
// same if b is not.
func (z *fe) setBytes(b *[32]byte) bool {
	z[3] = binary.BigEndian.Uint64(b[0:])
	z[2] = binary.BigEndian.Uint64(b[8:])
	z[1] = binary.BigEndian.Uint64(b[16:])
	z[0] = binary.BigEndian.Uint64(b[24:])
	return z[3]&z[2]&z[1] != p3 || z[0] < p0
}

// bytes returns x, below p and big-endian.
func (x *fe) bytes() (b [32]byte) {
	n := *x
	n.normalize()
	binary.BigEndian.PutUint64(b[0:], n[3])
	binary.BigEndian.PutUint64(b[8:], n[2])
	binary.BigEndian.PutUint64(b[16:], n[1])
	binary.BigEndian.PutUint64(b[24:], n[0])
	return b
}

// normalize makes z the form of its residue that is below p. One subtraction is enough,
// since 2²⁵⁶ < 2p.
func (z *fe) normalize() {
	if z[3]&z[2]&z[1] == p3 && z[0] >= p0 {
		*z = fe{z[0] - p0}
	}
}

// isZero reports whether x is 0 mod p, in either form.
func (x *fe) isZero() bool {
	return x[0]|x[1]|x[2]|x[3] == 0 || (x[0] == p0 && x[1]&x[2]&x[3] == p3)
}

// isOdd reports whether the residue, as an integer below p, is odd.
func (x *fe) isOdd() bool {
	n := *x
	n.normalize()
	return n[0]&1 == 1
}

// equal reports whether x and y stand for the same residue.
func (x *fe) equal(y *fe) bool {
	a, b := *x, *y
	a.normalize()
	b.normalize()
	return a == b
}

// add sets z to x + y.
func (z *fe) add(x, y *fe) {
	z0, c := bits.Add64(x[0], y[0], 0)
	z1, c := bits.Add64(x[1], y[1], c)
	z2, c := bits.Add64(x[2], y[2], c)
	z3, c := bits.Add64(x[3], y[3], c)
	// A carry is worth fieldFold. That the fold carries too takes a lowest limb within
	// fieldFold of 2⁶⁴: hence a branch, never taken on random values. A second carry out of
	// the top leaves a value below fieldFold, which has room for one more.
	z0, c = bits.Add64(z0, -c&fieldFold, 0)
	if c != 0 {
		z1, c = bits.Add64(z1, 0, c)
		z2, c = bits.Add64(z2, 0, c)
		z3, c = bits.Add64(z3, 0, c)
		z0 += -c & fieldFold
	}
	z[0], z[1], z[2], z[3] = z0, z1, z2, z3
}

// sub sets z to x − y.
func (z *fe) sub(x, y *fe) {
	z0, b := bits.Sub64(x[0], y[0], 0)
	z1, b := bits.Sub64(x[1], y[1], b)
	z2, b := bits.Sub64(x[2], y[2], b)
	z3, b := bits.Sub64(x[3], y[3], b)
	z0, b = bits.Sub64(z0, -b&fieldFold, 0)
	if b != 0 {
		z1, b = bits.Sub64(z1, 0, b)
		z2, b = bits.Sub64(z2, 0, b)
		z3, b = bits.Sub64(z3, 0, b)
		z0 -= -b & fieldFold
	}
	z[0], z[1], z[2], z[3] = z0, z1, z2, z3
}

// neg sets z to −x.
func (z *fe) neg(x *fe) {
	// p − x; for an x at or above p it borrows, and the borrow is worth −fieldFold: what is
	// left is then p − (x − p), as it should.
	z0, b := bits.Sub64(p0, x[0], 0)
	z1, b := bits.Sub64(p1, x[1], b)
	z2, b := bits.Sub64(p2, x[2], b)
	z3, b := bits.Sub64(p3, x[3], b)
	if b != 0 {
		z0, b = bits.Sub64(z0, fieldFold, 0)
		z1, b = bits.Sub64(z1, 0, b)
		z2, b = bits.Sub64(z2, 0, b)
		z3, _ = bits.Sub64(z3, 0, b)
	}
	z[0], z[1], z[2], z[3] = z0, z1, z2, z3
}

// half sets z to x / 2.
func (z *fe) half(x *fe) {
	odd := -(x[0] & 1) // an odd x becomes the even x + p first
	z0, c := bits.Add64(x[0], odd&p0, 0)
	z1, c := bits.Add64(x[1], odd, c)
	z2, c := bits.Add64(x[2], odd, c)
	z3, c := bits.Add64(x[3], odd, c)
	z[0] = z0>>1 | z1<<63
	z[1] = z1>>1 | z2<<63
	z[2] = z2>>1 | z3<<63
	z[3] = z3>>1 | c<<63
}
