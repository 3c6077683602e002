package bip340

import "math/bits"

// Multiplications and squares with a subtraction before or behind, in one go: calls, loads and
// stores are a quarter of what a chain of small operations costs. Each is sub and mul, or sqr
// and sub, one after the other.

// mulDiff sets z to (a − b) · y and reports whether a − b is 0, since no product that is to be
// inverted may take that in.
func (z *fe) mulDiff(a, b, y *fe) (zero bool) {
	d0, c := bits.Sub64(a[0], b[0], 0)
	d1, c := bits.Sub64(a[1], b[1], c)
	d2, c := bits.Sub64(a[2], b[2], c)
	d3, c := bits.Sub64(a[3], b[3], c)
	d0, c = bits.Sub64(d0, -c&fieldFold, 0)
	if c != 0 {
		d1, c = bits.Sub64(d1, 0, c)
		d2, c = bits.Sub64(d2, 0, c)
		d3, c = bits.Sub64(d3, 0, c)
		d0 -= -c & fieldFold
	}
	y0, y1, y2, y3 := y[0], y[1], y[2], y[3]

	xi := d0
	t1, t0 := bits.Mul64(xi, y0)
	t2, l1 := bits.Mul64(xi, y1)
	t3, l2 := bits.Mul64(xi, y2)
	t4, l3 := bits.Mul64(xi, y3)
	t1, c = bits.Add64(t1, l1, 0)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, _ = bits.Add64(t4, 0, c)

	xi = d1
	h0, l0 := bits.Mul64(xi, y0)
	h1, l1 := bits.Mul64(xi, y1)
	h2, l2 := bits.Mul64(xi, y2)
	t5, l3 := bits.Mul64(xi, y3)
	t1, c = bits.Add64(t1, l0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, l2, c)
	t4, c = bits.Add64(t4, l3, c)
	t5, _ = bits.Add64(t5, 0, c)
	t2, c = bits.Add64(t2, h0, 0)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, h2, c)
	t5, _ = bits.Add64(t5, 0, c)

	xi = d2
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t6, l3 := bits.Mul64(xi, y3)
	t2, c = bits.Add64(t2, l0, 0)
	t3, c = bits.Add64(t3, l1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, l3, c)
	t6, _ = bits.Add64(t6, 0, c)
	t3, c = bits.Add64(t3, h0, 0)
	t4, c = bits.Add64(t4, h1, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, _ = bits.Add64(t6, 0, c)

	xi = d3
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t7, l3 := bits.Mul64(xi, y3)
	t3, c = bits.Add64(t3, l0, 0)
	t4, c = bits.Add64(t4, l1, c)
	t5, c = bits.Add64(t5, l2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7, _ = bits.Add64(t7, 0, c)
	t4, c = bits.Add64(t4, h0, 0)
	t5, c = bits.Add64(t5, h1, c)
	t6, c = bits.Add64(t6, h2, c)
	t7, _ = bits.Add64(t7, 0, c)

	h0, l0 = bits.Mul64(t4, fieldFold)
	h1, l1 = bits.Mul64(t5, fieldFold)
	h2, l2 = bits.Mul64(t6, fieldFold)
	h3, l3 := bits.Mul64(t7, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	h3, _ = bits.Add64(h3, 0, c)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, h1, c)
	t3, c = bits.Add64(t3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	h0, l0 = bits.Mul64(h3, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, h0, c)
	t2, c = bits.Add64(t2, 0, c)
	t3, c = bits.Add64(t3, 0, c)
	if c != 0 {
		t0, c = bits.Add64(t0, fieldFold, 0)
		t1, _ = bits.Add64(t1, 0, c)
	}
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
	return d0|d1|d2|d3 == 0 || (d0 == p0 && d1&d2&d3 == p3)
}

// mulDiffSub sets z to (a − b) · y − e.
func (z *fe) mulDiffSub(a, b, y, e *fe) {
	d0, c := bits.Sub64(a[0], b[0], 0)
	d1, c := bits.Sub64(a[1], b[1], c)
	d2, c := bits.Sub64(a[2], b[2], c)
	d3, c := bits.Sub64(a[3], b[3], c)
	d0, c = bits.Sub64(d0, -c&fieldFold, 0)
	if c != 0 {
		d1, c = bits.Sub64(d1, 0, c)
		d2, c = bits.Sub64(d2, 0, c)
		d3, c = bits.Sub64(d3, 0, c)
		d0 -= -c & fieldFold
	}
	y0, y1, y2, y3 := y[0], y[1], y[2], y[3]

	xi := d0
	t1, t0 := bits.Mul64(xi, y0)
	t2, l1 := bits.Mul64(xi, y1)
	t3, l2 := bits.Mul64(xi, y2)
	t4, l3 := bits.Mul64(xi, y3)
	t1, c = bits.Add64(t1, l1, 0)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, _ = bits.Add64(t4, 0, c)

	xi = d1
	h0, l0 := bits.Mul64(xi, y0)
	h1, l1 := bits.Mul64(xi, y1)
	h2, l2 := bits.Mul64(xi, y2)
	t5, l3 := bits.Mul64(xi, y3)
	t1, c = bits.Add64(t1, l0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, l2, c)
	t4, c = bits.Add64(t4, l3, c)
	t5, _ = bits.Add64(t5, 0, c)
	t2, c = bits.Add64(t2, h0, 0)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, h2, c)
	t5, _ = bits.Add64(t5, 0, c)

	xi = d2
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t6, l3 := bits.Mul64(xi, y3)
	t2, c = bits.Add64(t2, l0, 0)
	t3, c = bits.Add64(t3, l1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, l3, c)
	t6, _ = bits.Add64(t6, 0, c)
	t3, c = bits.Add64(t3, h0, 0)
	t4, c = bits.Add64(t4, h1, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, _ = bits.Add64(t6, 0, c)

	xi = d3
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t7, l3 := bits.Mul64(xi, y3)
	t3, c = bits.Add64(t3, l0, 0)
	t4, c = bits.Add64(t4, l1, c)
	t5, c = bits.Add64(t5, l2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7, _ = bits.Add64(t7, 0, c)
	t4, c = bits.Add64(t4, h0, 0)
	t5, c = bits.Add64(t5, h1, c)
	t6, c = bits.Add64(t6, h2, c)
	t7, _ = bits.Add64(t7, 0, c)

	h0, l0 = bits.Mul64(t4, fieldFold)
	h1, l1 = bits.Mul64(t5, fieldFold)
	h2, l2 = bits.Mul64(t6, fieldFold)
	h3, l3 := bits.Mul64(t7, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	h3, _ = bits.Add64(h3, 0, c)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, h1, c)
	t3, c = bits.Add64(t3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	h0, l0 = bits.Mul64(h3, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, h0, c)
	t2, c = bits.Add64(t2, 0, c)
	t3, c = bits.Add64(t3, 0, c)
	if c != 0 {
		t0, c = bits.Add64(t0, fieldFold, 0)
		t1, _ = bits.Add64(t1, 0, c)
	}
	t0, c = bits.Sub64(t0, e[0], 0)
	t1, c = bits.Sub64(t1, e[1], c)
	t2, c = bits.Sub64(t2, e[2], c)
	t3, c = bits.Sub64(t3, e[3], c)
	t0, c = bits.Sub64(t0, -c&fieldFold, 0)
	if c != 0 {
		t1, c = bits.Sub64(t1, 0, c)
		t2, c = bits.Sub64(t2, 0, c)
		t3, c = bits.Sub64(t3, 0, c)
		t0 -= -c & fieldFold
	}
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}

// mulSub sets z to x · y − e.
func (z *fe) mulSub(x, y, e *fe) {
	y0, y1, y2, y3 := y[0], y[1], y[2], y[3]

	xi := x[0]
	t1, t0 := bits.Mul64(xi, y0)
	t2, l1 := bits.Mul64(xi, y1)
	t3, l2 := bits.Mul64(xi, y2)
	t4, l3 := bits.Mul64(xi, y3)
	t1, c := bits.Add64(t1, l1, 0)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4, _ = bits.Add64(t4, 0, c)

	xi = x[1]
	h0, l0 := bits.Mul64(xi, y0)
	h1, l1 := bits.Mul64(xi, y1)
	h2, l2 := bits.Mul64(xi, y2)
	t5, l3 := bits.Mul64(xi, y3)
	t1, c = bits.Add64(t1, l0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, l2, c)
	t4, c = bits.Add64(t4, l3, c)
	t5, _ = bits.Add64(t5, 0, c)
	t2, c = bits.Add64(t2, h0, 0)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, h2, c)
	t5, _ = bits.Add64(t5, 0, c)

	xi = x[2]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t6, l3 := bits.Mul64(xi, y3)
	t2, c = bits.Add64(t2, l0, 0)
	t3, c = bits.Add64(t3, l1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, l3, c)
	t6, _ = bits.Add64(t6, 0, c)
	t3, c = bits.Add64(t3, h0, 0)
	t4, c = bits.Add64(t4, h1, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, _ = bits.Add64(t6, 0, c)

	xi = x[3]
	h0, l0 = bits.Mul64(xi, y0)
	h1, l1 = bits.Mul64(xi, y1)
	h2, l2 = bits.Mul64(xi, y2)
	t7, l3 := bits.Mul64(xi, y3)
	t3, c = bits.Add64(t3, l0, 0)
	t4, c = bits.Add64(t4, l1, c)
	t5, c = bits.Add64(t5, l2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7, _ = bits.Add64(t7, 0, c)
	t4, c = bits.Add64(t4, h0, 0)
	t5, c = bits.Add64(t5, h1, c)
	t6, c = bits.Add64(t6, h2, c)
	t7, _ = bits.Add64(t7, 0, c)

	h0, l0 = bits.Mul64(t4, fieldFold)
	h1, l1 = bits.Mul64(t5, fieldFold)
	h2, l2 = bits.Mul64(t6, fieldFold)
	h3, l3 := bits.Mul64(t7, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	h3, _ = bits.Add64(h3, 0, c)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, h1, c)
	t3, c = bits.Add64(t3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	h0, l0 = bits.Mul64(h3, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, h0, c)
	t2, c = bits.Add64(t2, 0, c)
	t3, c = bits.Add64(t3, 0, c)
	if c != 0 {
		t0, c = bits.Add64(t0, fieldFold, 0)
		t1, _ = bits.Add64(t1, 0, c)
	}
	t0, c = bits.Sub64(t0, e[0], 0)
	t1, c = bits.Sub64(t1, e[1], c)
	t2, c = bits.Sub64(t2, e[2], c)
	t3, c = bits.Sub64(t3, e[3], c)
	t0, c = bits.Sub64(t0, -c&fieldFold, 0)
	if c != 0 {
		t1, c = bits.Sub64(t1, 0, c)
		t2, c = bits.Sub64(t2, 0, c)
		t3, c = bits.Sub64(t3, 0, c)
		t0 -= -c & fieldFold
	}
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}

// sqrSub sets z to x² − d − e.
func (z *fe) sqrSub(x, d, e *fe) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]

	// The products of different limbs, once,
	t2, t1 := bits.Mul64(x0, x1)
	t3, l2 := bits.Mul64(x0, x2)
	t4, l3 := bits.Mul64(x0, x3)
	h1, l1 := bits.Mul64(x1, x2)
	t5, l4 := bits.Mul64(x1, x3)
	t6, l5 := bits.Mul64(x2, x3)
	t2, c := bits.Add64(t2, l2, 0)
	t3, c = bits.Add64(t3, l3, c)
	t4, c = bits.Add64(t4, l4, c)
	t5, c = bits.Add64(t5, l5, c)
	t6, _ = bits.Add64(t6, 0, c)
	t3, c = bits.Add64(t3, l1, 0)
	t4, c = bits.Add64(t4, h1, c)
	t5, c = bits.Add64(t5, 0, c)
	t6, _ = bits.Add64(t6, 0, c)

	// doubled,
	t1, c = bits.Add64(t1, t1, 0)
	t2, c = bits.Add64(t2, t2, c)
	t3, c = bits.Add64(t3, t3, c)
	t4, c = bits.Add64(t4, t4, c)
	t5, c = bits.Add64(t5, t5, c)
	t6, c = bits.Add64(t6, t6, c)
	t7, _ := bits.Add64(0, 0, c)

	// and the squares.
	h0, t0 := bits.Mul64(x0, x0)
	h1, l1 = bits.Mul64(x1, x1)
	h2, l2 := bits.Mul64(x2, x2)
	h3, l3 := bits.Mul64(x3, x3)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7, _ = bits.Add64(t7, h3, c)

	h0, l0 := bits.Mul64(t4, fieldFold)
	h1, l1 = bits.Mul64(t5, fieldFold)
	h2, l2 = bits.Mul64(t6, fieldFold)
	h3, l3 = bits.Mul64(t7, fieldFold)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, l1, c)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	h3, _ = bits.Add64(h3, 0, c)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, h1, c)
	t3, c = bits.Add64(t3, h2, c)
	h3, _ = bits.Add64(h3, 0, c)
	// h3 is below 2³⁴: a single product and a shift do
	l0, c = bits.Add64(h3*977, h3<<32, 0)
	h0, _ = bits.Add64(h3>>32, 0, c)
	t0, c = bits.Add64(t0, l0, 0)
	t1, c = bits.Add64(t1, h0, c)
	if c != 0 {
		t2, c = bits.Add64(t2, 0, c)
		t3, c = bits.Add64(t3, 0, c)
		t0, c = bits.Add64(t0, -c&fieldFold, 0)
		t1, _ = bits.Add64(t1, 0, c)
	}
	t0, c = bits.Sub64(t0, d[0], 0)
	t1, c = bits.Sub64(t1, d[1], c)
	t2, c = bits.Sub64(t2, d[2], c)
	t3, c = bits.Sub64(t3, d[3], c)
	t0, c = bits.Sub64(t0, -c&fieldFold, 0)
	if c != 0 {
		t1, c = bits.Sub64(t1, 0, c)
		t2, c = bits.Sub64(t2, 0, c)
		t3, c = bits.Sub64(t3, 0, c)
		t0 -= -c & fieldFold
	}
	t0, c = bits.Sub64(t0, e[0], 0)
	t1, c = bits.Sub64(t1, e[1], c)
	t2, c = bits.Sub64(t2, e[2], c)
	t3, c = bits.Sub64(t3, e[3], c)
	t0, c = bits.Sub64(t0, -c&fieldFold, 0)
	if c != 0 {
		t1, c = bits.Sub64(t1, 0, c)
		t2, c = bits.Sub64(t2, 0, c)
		t3, c = bits.Sub64(t3, 0, c)
		t0 -= -c & fieldFold
	}
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}
