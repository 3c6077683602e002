package bip340

// affine is a point of the curve y² = x³ + 7 other than infinity, which has no form here.
// Neither coordinate of a point is ever 0 mod p: 7 is no square, −7 no cube, mod p.
type affine struct{ x, y fe }

// jacobian is the point (x/z², y/z³), or infinity if z is 0 mod p.
type jacobian struct{ x, y, z fe }

var generator = affine{
	x: fe{0x59F2815B16F81798, 0x029BFCDB2DCE28D9, 0x55A06295CE870B07, 0x79BE667EF9DCBBAC},
	y: fe{0x9C47D08FFB10D4B8, 0xFD17B448A6855419, 0x5DA4FBFC0E1108A8, 0x483ADA7726A3C465},
}

// curveRHS sets z to x³ + 7.
func (z *fe) curveRHS(x *fe) {
	var t fe
	t.sqr(x)
	t.mul(&t, x)
	z.add(&t, &fe{7})
}

// makeEven makes y the one of y and −y that is even.
func (y *fe) makeEven() {
	if y.isOdd() {
		y.neg(y)
	}
}

func (r *jacobian) isInfinity() bool { return r.z.isZero() }

func (r *jacobian) setInfinity() { *r = jacobian{} }

func (r *jacobian) setAffine(a *affine) { r.x, r.y, r.z = a.x, a.y, feOne }

func (r *jacobian) neg() { r.y.neg(&r.y) }

// equalAffine reports whether r is the point a, without an inversion.
func (r *jacobian) equalAffine(a *affine) bool {
	if r.isInfinity() {
		return false
	}
	var zz, t fe
	zz.sqr(&r.z)
	t.mul(&a.x, &zz)
	if !t.equal(&r.x) {
		return false
	}
	zz.mul(&zz, &r.z)
	t.mul(&a.y, &zz)
	return t.equal(&r.y)
}

// double sets r to 2r. No point has order two, so infinity is the only special case, and z
// stays 0 then.
//
// With L = 3x²/2, S = y², T = x·S: x' = L² − 2T, y' = L·(T − x') − S², z' = y·z.
func (r *jacobian) double() {
	var l, s, t fe
	l.sqr(&r.x)
	s.sqr(&r.y)
	r.z.mul(&r.z, &r.y)
	l.threeHalves(&l)
	t.mul(&r.x, &s)
	s.sqr(&s)
	r.x.sqrSub(&l, &t, &t)
	r.y.mulDiffSub(&t, &r.x, &l, &s)
}

// threeHalves sets z to 3x/2.
func (z *fe) threeHalves(x *fe) {
	var t fe
	t.half(x)
	z.add(x, &t)
}

// addAffine sets r to r + a.
func (r *jacobian) addAffine(a *affine) {
	if r.isInfinity() {
		r.setAffine(a)
		return
	}
	var zz, u, i fe
	zz.sqr(&r.z)
	u.mulSub(&a.x, &zz, &r.x)
	zz.mul(&zz, &r.z)
	i.mulSub(&a.y, &zz, &r.y)
	r.addFinish(&u, &i)
}

// addScaled sets r to r + a, where r is on the isomorphic curve in which scale is 1: the true
// z of r is z·scale, a is a point of the true curve.
func (r *jacobian) addScaled(a *affine, scale *fe) {
	if r.isInfinity() {
		// a as it is on the isomorphic curve
		var zz fe
		zz.sqr(scale)
		r.x.mul(&a.x, &zz)
		zz.mul(&zz, scale)
		r.y.mul(&a.y, &zz)
		r.z = feOne
		return
	}
	var z, zz, u, i fe
	z.mul(&r.z, scale)
	zz.sqr(&z)
	u.mulSub(&a.x, &zz, &r.x)
	zz.mul(&zz, &z)
	i.mulSub(&a.y, &zz, &r.y)
	r.addFinish(&u, &i)
}

// add sets r to r + b.
func (r *jacobian) add(b *jacobian) {
	if b.isInfinity() {
		return
	}
	if r.isInfinity() {
		*r = *b
		return
	}
	// r to the common denominator first
	var zz, zzr, u, i fe
	zz.sqr(&b.z)
	zzr.sqr(&r.z)
	r.x.mul(&r.x, &zz)
	u.mulSub(&b.x, &zzr, &r.x)
	zz.mul(&zz, &b.z)
	r.y.mul(&r.y, &zz)
	zzr.mul(&zzr, &r.z)
	i.mulSub(&b.y, &zzr, &r.y)
	r.z.mul(&r.z, &b.z)
	r.addFinish(&u, &i)
}

// addFinish ends an addition: u and i are x and y of what is added, brought to the denominators
// of r, less those of r. With them z' = z·u, x' = i² − u³ − 2·x·u², y' = i·(x·u² − x') − y·u³.
func (r *jacobian) addFinish(u, i *fe) {
	if u.isZero() {
		if i.isZero() {
			r.double()
		} else {
			r.setInfinity()
		}
		return
	}
	var uu, t, t2 fe
	uu.sqr(u)
	r.z.mul(&r.z, u)
	t.mul(&r.x, &uu)
	uu.mul(&uu, u) // u³
	t2.add(&t, &t)
	r.x.sqrSub(i, &uu, &t2)
	uu.mul(&uu, &r.y)
	r.y.mulDiffSub(&t, &r.x, i, &uu)
}

// toAffine returns r, which must not be infinity, as an affine point.
func (r *jacobian) toAffine() (a affine) {
	var zi, zz fe
	zi.inv(&r.z)
	zz.sqr(&zi)
	a.x.mul(&r.x, &zz)
	zz.mul(&zz, &zi)
	a.y.mul(&r.y, &zz)
	return a
}
