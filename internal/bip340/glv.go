package bip340

import "math/bits"

// The curve has an endomorphism: λ·(x, y) = (β·x, y), with β³ = 1 mod p and λ³ = 1 mod n. A
// multiple k·P is k₁·P + k₂·λP with halves of 128 bits, so half of the doublings go.
var feBeta = fe{0xC1396C28719501EE, 0x9CF0497512F58995, 0x6E64479EAC3434E9, 0x7AE96A2B657C0710}

// The short vectors (a₁, b₁) and (a₂, b₂) with a + b·λ = 0 mod n: b₂ is a₁, minusB1 is −b₁.
// glvG1 and glvG2 are 2³⁸⁴·b₂/n and 2³⁸⁴·(−b₁)/n, rounded.
var (
	glvG1 = [4]uint64{0xE893209A45DBB031, 0x3DAA8A1471E8CA7F, 0xE86C90E49284EB15, 0x3086D221A7D46BCD}
	glvG2 = [4]uint64{0x1571B4AE8AC47F71, 0x221208AC9DF506C6, 0x6F547FA90ABFE4C4, 0xE4437ED6010E8828}
)

const (
	glvA10     = 0xE86C90E49284EB15
	glvA11     = 0x3086D221A7D46BCD
	glvMinusB0 = 0x6F547FA90ABFE4C3
	glvMinusB1 = 0xE4437ED6010E8828
	glvA20     = 0x57C1108D9D44CFD8
	glvA21     = 0x14CA50F7A8E2F3F6
	glvA22     = 1
)

// half is a signed integer of at most 128 bits: a half of a split scalar, or a weight.
type half struct {
	lo, hi uint64 // the magnitude
	neg    bool
}

// split returns k₁ and k₂ with k = k₁ + k₂·λ mod n. The magnitudes are below 2¹²⁸: at most
// (a₁+a₂)/2 and (b₂−b₁)/2, 0.64 and 0.55 of it, plus what the rounding of glvG1 and glvG2 adds, below 3.
func (k *scalar) split() (k1, k2 half) {
	c1l, c1h := k.mulShift(&glvG1)
	c2l, c2h := k.mulShift(&glvG2)

	// The results are known to be small, so 192 bits in two's complement hold them.
	// k₁ = k − c₁·a₁ − c₂·a₂
	p := mul192(c1l, c1h, glvA10, glvA11, 0)
	q := mul192(c2l, c2h, glvA20, glvA21, glvA22)
	r := sub192([3]uint64{k[0], k[1], k[2]}, p)
	k1 = toHalf(sub192(r, q))
	// k₂ = c₁·(−b₁) − c₂·b₂
	p = mul192(c1l, c1h, glvMinusB0, glvMinusB1, 0)
	q = mul192(c2l, c2h, glvA10, glvA11, 0)
	k2 = toHalf(sub192(p, q))
	return k1, k2
}

// mulShift returns k · g / 2³⁸⁴, rounded.
func (k *scalar) mulShift(g *[4]uint64) (lo, hi uint64) {
	var t [8]uint64
	mulWide(&t, (*[4]uint64)(k), g)
	lo, c := bits.Add64(t[6], t[5]>>63, 0)
	return lo, t[7] + c
}

// mul192 returns (c1, c0) · (a2, a1, a0) mod 2¹⁹².
func mul192(c0, c1, a0, a1, a2 uint64) (r [3]uint64) {
	h00, l00 := bits.Mul64(c0, a0)
	h01, l01 := bits.Mul64(c0, a1)
	h10, l10 := bits.Mul64(c1, a0)
	var c uint64
	r[0] = l00
	r[1], c = bits.Add64(h00, l01, 0)
	r[2] = h01 + c0*a2 + c1*a1 + c
	r[1], c = bits.Add64(r[1], l10, 0)
	r[2] += h10 + c
	return r
}

func sub192(a, b [3]uint64) (r [3]uint64) {
	var c uint64
	r[0], c = bits.Sub64(a[0], b[0], 0)
	r[1], c = bits.Sub64(a[1], b[1], c)
	r[2], _ = bits.Sub64(a[2], b[2], c)
	return r
}

func toHalf(a [3]uint64) half {
	if a[2]>>63 == 0 {
		return half{lo: a[0], hi: a[1]}
	}
	lo, b := bits.Sub64(0, a[0], 0)
	hi, _ := bits.Sub64(0, a[1], b)
	return half{lo: lo, hi: hi, neg: true}
}
