package bip340

// sqrn sets z to x^(2ⁿ), n at least 1.
func (z *fe) sqrn(x *fe, n int) {
	z.sqr(x)
	for range n - 1 {
		z.sqr(z)
	}
}

// Both p−2 and (p+1)/4 begin with 223 ones in binary, then a zero, then 22 ones. powers
// returns x to the powers of 2, 22 and 223 ones.
func (x *fe) powers() (x2, x22, x223 fe) {
	var x3, x6, x9, x11, x44, x88, x176, x220 fe
	x2.sqr(x)
	x2.mul(&x2, x)
	x3.sqr(&x2)
	x3.mul(&x3, x)
	step := func(z, base *fe, n int, by *fe) {
		z.sqrn(base, n)
		z.mul(z, by)
	}
	step(&x6, &x3, 3, &x3)
	step(&x9, &x6, 3, &x3)
	step(&x11, &x9, 2, &x2)
	step(&x22, &x11, 11, &x11)
	step(&x44, &x22, 22, &x22)
	step(&x88, &x44, 44, &x44)
	step(&x176, &x88, 88, &x88)
	step(&x220, &x176, 44, &x44)
	step(&x223, &x220, 3, &x3)
	return x2, x22, x223
}

// inv sets z to 1/x, and to 0 if x is 0: x^(p−2).
func (z *fe) inv(x *fe) {
	a := *x
	x2, x22, t := a.powers()
	t.sqrn(&t, 23)
	t.mul(&t, &x22)
	t.sqrn(&t, 5)
	t.mul(&t, &a)
	t.sqrn(&t, 3)
	t.mul(&t, &x2)
	t.sqrn(&t, 2)
	z.mul(&t, &a)
}

// sqrt sets z to a square root of x, x^((p+1)/4), and reports whether x has one.
func (z *fe) sqrt(x *fe) bool {
	a := *x
	x2, x22, t := a.powers()
	t.sqrn(&t, 23)
	t.mul(&t, &x22)
	t.sqrn(&t, 6)
	t.mul(&t, &x2)
	t.sqrn(&t, 2)
	*z = t
	t.sqr(&t)
	return t.equal(&a)
}
