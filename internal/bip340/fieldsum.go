package bip340

import "math/bits"

// mulSum sets z to a · b + c · d with one reduction. The sum of the two products may carry
// into a ninth limb; that bit is worth fieldFold in the limb above the first fold.
func (z *fe) mulSum(a, b, c, d *fe) {
	y0, y1, y2, y3 := b[0], b[1], b[2], b[3]

	xi := a[0]
	t1, t0 := bits.Mul64(xi, y0)
	t2, l1 := bits.Mul64(xi, y1)
	t3, l2 := bits.Mul64(xi, y2)
	t4, l3 := bits.Mul64(xi, y3)
	t1, k := bits.Add64(t1, l1, 0)
	t2, k = bits.Add64(t2, l2, k)
	t3, k = bits.Add64(t3, l3, k)
	t4, _ = bits.Add64(t4, 0, k)

	xi = a[1]
	h0, l0 := bits.Mul64(xi, y0)
	h1, l1 := bits.Mul64(xi, y1)
	h2, l2 := bits.Mul64(xi, y2)
	t5, l3 := bits.Mul64(xi, y3)
	t1, k = bits.Add64(t1, l0, 0)
	t2, k = bits.Add64(t2, l1, k)
	t3, k = bits.Add64(t3, l2, k)
	t4, k = bits.Add64(t4, l3, k)
	t5, _ = bits.Add64(t5, 0, k)
	t2, k = bits.Add64(t2, h0, 0)
	t3, k = bits.Add64(t3, h1, k)
	t4, k = bits.Add64(t4, h2, k)
	t5, _ = bits.Add64(t5, 0, k)

	xi = a[2]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t6, l3 := bits.Mul64(xi, y3)
	t2, k = bits.Add64(t2, l0, 0)
	t3, k = bits.Add64(t3, l1, k)
	t4, k = bits.Add64(t4, l2, k)
	t5, k = bits.Add64(t5, l3, k)
	t6, _ = bits.Add64(t6, 0, k)
	t3, k = bits.Add64(t3, h0, 0)
	t4, k = bits.Add64(t4, h1, k)
	t5, k = bits.Add64(t5, h2, k)
	t6, _ = bits.Add64(t6, 0, k)

	xi = a[3]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t7, l3 := bits.Mul64(xi, y3)
	t3, k = bits.Add64(t3, l0, 0)
	t4, k = bits.Add64(t4, l1, k)
	t5, k = bits.Add64(t5, l2, k)
	t6, k = bits.Add64(t6, l3, k)
	t7, _ = bits.Add64(t7, 0, k)
	t4, k = bits.Add64(t4, h0, 0)
	t5, k = bits.Add64(t5, h1, k)
	t6, k = bits.Add64(t6, h2, k)
	t7, _ = bits.Add64(t7, 0, k)

	// The second product is added row by row; a row's end carries into the limb above, which
	// is what t8 and the carries up to it are for.
	y0, y1, y2, y3 = d[0], d[1], d[2], d[3]

	xi = c[0]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	h3, l3 := bits.Mul64(xi, y3)
	t0, k = bits.Add64(t0, l0, 0)
	t1, k = bits.Add64(t1, l1, k)
	t2, k = bits.Add64(t2, l2, k)
	t3, k = bits.Add64(t3, l3, k)
	h3, _ = bits.Add64(h3, 0, k)
	t1, k = bits.Add64(t1, h0, 0)
	t2, k = bits.Add64(t2, h1, k)
	t3, k = bits.Add64(t3, h2, k)
	t4, k4 := bits.Add64(t4, h3, k)

	xi = c[1]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	h3, l3 = bits.Mul64(xi, y3)
	t1, k = bits.Add64(t1, l0, 0)
	t2, k = bits.Add64(t2, l1, k)
	t3, k = bits.Add64(t3, l2, k)
	t4, k = bits.Add64(t4, l3, k)
	h3, _ = bits.Add64(h3, k4, k)
	t2, k = bits.Add64(t2, h0, 0)
	t3, k = bits.Add64(t3, h1, k)
	t4, k = bits.Add64(t4, h2, k)
	t5, k4 = bits.Add64(t5, h3, k)

	xi = c[2]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	h3, l3 = bits.Mul64(xi, y3)
	t2, k = bits.Add64(t2, l0, 0)
	t3, k = bits.Add64(t3, l1, k)
	t4, k = bits.Add64(t4, l2, k)
	t5, k = bits.Add64(t5, l3, k)
	h3, _ = bits.Add64(h3, k4, k)
	t3, k = bits.Add64(t3, h0, 0)
	t4, k = bits.Add64(t4, h1, k)
	t5, k = bits.Add64(t5, h2, k)
	t6, k4 = bits.Add64(t6, h3, k)

	xi = c[3]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	h3, l3 = bits.Mul64(xi, y3)
	t3, k = bits.Add64(t3, l0, 0)
	t4, k = bits.Add64(t4, l1, k)
	t5, k = bits.Add64(t5, l2, k)
	t6, k = bits.Add64(t6, l3, k)
	h3, _ = bits.Add64(h3, k4, k)
	t4, k = bits.Add64(t4, h0, 0)
	t5, k = bits.Add64(t5, h1, k)
	t6, k = bits.Add64(t6, h2, k)
	t7, t8 := bits.Add64(t7, h3, k)

	h0, l0 = bits.Mul64(t4, fieldFold)
	h1, l1 = bits.Mul64(t5, fieldFold)
	h2, l2 = bits.Mul64(t6, fieldFold)
	h3, l3 = bits.Mul64(t7, fieldFold)
	h3 += t8 * fieldFold // below 2³⁵
	t0, k = bits.Add64(t0, l0, 0)
	t1, k = bits.Add64(t1, l1, k)
	t2, k = bits.Add64(t2, l2, k)
	t3, k = bits.Add64(t3, l3, k)
	h3, _ = bits.Add64(h3, 0, k)
	t1, k = bits.Add64(t1, h0, 0)
	t2, k = bits.Add64(t2, h1, k)
	t3, k = bits.Add64(t3, h2, k)
	h3, _ = bits.Add64(h3, 0, k)
	h0, l0 = bits.Mul64(h3, fieldFold)
	t0, k = bits.Add64(t0, l0, 0)
	t1, k = bits.Add64(t1, h0, k)
	t2, k = bits.Add64(t2, 0, k)
	t3, k = bits.Add64(t3, 0, k)
	if k != 0 {
		t0, k = bits.Add64(t0, fieldFold, 0)
		t1, _ = bits.Add64(t1, 0, k)
	}
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}
