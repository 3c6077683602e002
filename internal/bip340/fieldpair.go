package bip340

import "math/bits"

// A fePair is two elements that go the same way, interleaved: a square root is one long
// chain, in which each square waits for the one before; two chains fill the gaps.
type fePair [2]fe

// sqrn squares both of z n times. It is fe.sqr, twice in a loop, since a call for each would
// cost a tenth more.
func (z *fePair) sqrn(n int) {
	a, b := &z[0], &z[1]
	for range n {
		{
			x0, x1, x2, x3 := a[0], a[1], a[2], a[3]
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
			t1, c = bits.Add64(t1, t1, 0)
			t2, c = bits.Add64(t2, t2, c)
			t3, c = bits.Add64(t3, t3, c)
			t4, c = bits.Add64(t4, t4, c)
			t5, c = bits.Add64(t5, t5, c)
			t6, c = bits.Add64(t6, t6, c)
			t7, _ := bits.Add64(0, 0, c)
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
			a[0], a[1], a[2], a[3] = t0, t1, t2, t3
		}
		{
			x0, x1, x2, x3 := b[0], b[1], b[2], b[3]
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
			t1, c = bits.Add64(t1, t1, 0)
			t2, c = bits.Add64(t2, t2, c)
			t3, c = bits.Add64(t3, t3, c)
			t4, c = bits.Add64(t4, t4, c)
			t5, c = bits.Add64(t5, t5, c)
			t6, c = bits.Add64(t6, t6, c)
			t7, _ := bits.Add64(0, 0, c)
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
			b[0], b[1], b[2], b[3] = t0, t1, t2, t3
		}
	}
}

// sqrnMul sets z to x^(2ⁿ) · y.
func (z *fePair) sqrnMul(x *fePair, n int, y *fePair) {
	by := *y
	*z = *x
	z.sqrn(n)
	z[0].mul(&z[0], &by[0])
	z[1].mul(&z[1], &by[1])
}

// sqrt sets z to square roots of x, as fe.sqrt does, and reports which of x have one.
func (z *fePair) sqrt(x *fePair) (ok0, ok1 bool) {
	a := *x
	var x2, x3, x22, x44, t, u fePair
	x2.sqrnMul(&a, 1, &a)
	x3.sqrnMul(&x2, 1, &a)
	t.sqrnMul(&x3, 3, &x3)  // 6
	t.sqrnMul(&t, 3, &x3)   // 9
	t.sqrnMul(&t, 2, &x2)   // 11
	x22.sqrnMul(&t, 11, &t) // 22
	x44.sqrnMul(&x22, 22, &x22)
	t.sqrnMul(&x44, 44, &x44) // 88
	u.sqrnMul(&t, 88, &t)     // 176
	t.sqrnMul(&u, 44, &x44)   // 220
	t.sqrnMul(&t, 3, &x3)     // 223
	t.sqrnMul(&t, 23, &x22)
	t.sqrnMul(&t, 6, &x2)
	t.sqrn(2)
	*z = t
	t.sqrn(1)
	return t[0].equal(&a[0]), t[1].equal(&a[1])
}
