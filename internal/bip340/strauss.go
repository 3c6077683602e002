package bip340

// pWindow is the width of the windows of a point that is met for the first time, pSize how
// many odd multiples of it that takes.
const (
	pWindow = 5
	pSize   = 1 << (pWindow - 2)
)

// straussOne computes a·P + g·G for a single P: four interleaved sums of 128-bit multiples
// that share their doublings. Its fields are scratch.
type straussOne struct {
	odd    [pSize]affine // P, 3P, …, 15P, on the curve in which z of all is 1
	betaX  [pSize]fe     // their x times β: λ times the same
	ratio  [pSize]fe     // z of odd[i] over z of the one before, while they are made
	d1, d2 digits        // of the halves of a
	gl, gh digits        // of the halves of g
	z      fe            // what z = 1 of odd is on the true curve
}

// multiply sets r to a·P + g·G.
func (s *straussOne) multiply(r *jacobian, p *affine, a, g *scalar) {
	tables := theGTables()
	s.setPoint(p)
	k1, k2 := a.split()
	top := max(
		s.d1.recode(k1, pWindow),
		s.d2.recode(k2, pWindow),
		s.gl.recode(half{lo: g[0], hi: g[1]}, gWindow),
		s.gh.recode(half{lo: g[2], hi: g[3]}, gWindow),
	)
	r.setInfinity()
	var q affine
	for i := top - 1; i >= 0; i-- {
		r.double()
		if d := s.d1[i]; d != 0 {
			q.pick(s.odd[:], d)
			r.addAffine(&q)
		}
		if d := s.d2[i]; d != 0 {
			q.pick(s.odd[:], d)
			q.x = s.betaX[index(d)]
			r.addAffine(&q)
		}
		if d := s.gl[i]; d != 0 {
			q.pick(tables.low[:], d)
			r.addScaled(&q, &s.z)
		}
		if d := s.gh[i]; d != 0 {
			q.pick(tables.high[:], d)
			r.addScaled(&q, &s.z)
		}
	}
	r.z.mul(&r.z, &s.z)
}

// index returns where in a table of odd multiples the one for ±d is.
func index(d int16) int {
	if d < 0 {
		d = -d
	}
	return int(d >> 1)
}

// pick sets q to d times the point of whose odd multiples t is a table.
func (q *affine) pick(t []affine, d int16) {
	if d < 0 {
		e := &t[-d>>1]
		q.x = e.x
		q.y.neg(&e.y)
		return
	}
	*q = t[d>>1]
}

// setPoint fills odd, betaX and z.
//
// The multiples are made by adding 2P on the isomorphic curve in which 2P has z = 1. All but
// the last then differ from it in z by a product of ratios, and are brought to its z: no
// inversion, and all additions of multiples of P find z = 1.
func (s *straussOne) setPoint(p *affine) {
	var two jacobian
	two.setAffine(p)
	two.double()
	twice := affine{two.x, two.y}

	// P on the curve in which two.z is 1
	var zz fe
	zz.sqr(&two.z)
	s.odd[0].x.mul(&p.x, &zz)
	zz.mul(&zz, &two.z)
	s.odd[0].y.mul(&p.y, &zz)

	acc := jacobian{s.odd[0].x, s.odd[0].y, feOne}
	for i := 1; i < pSize; i++ {
		acc.addRatio(&twice, &s.ratio[i])
		s.odd[i].x, s.odd[i].y = acc.x, acc.y
	}
	s.z.mul(&acc.z, &two.z)

	t := feOne // z of the last over z of odd[i]
	for i := pSize - 2; i >= 0; i-- {
		if i == pSize-2 {
			t = s.ratio[i+1]
		} else {
			t.mul(&t, &s.ratio[i+1])
		}
		zz.sqr(&t)
		s.odd[i].x.mul(&s.odd[i].x, &zz)
		zz.mul(&zz, &t)
		s.odd[i].y.mul(&s.odd[i].y, &zz)
	}
	for i := range s.odd {
		s.betaX[i].mul(&s.odd[i].x, &feBeta)
	}
}

// addRatio is addAffine for an r and an a that are known to differ and not to cancel; ratio
// becomes the new z of r over the old.
func (r *jacobian) addRatio(a *affine, ratio *fe) {
	var zz, i fe
	zz.sqr(&r.z)
	ratio.mulSub(&a.x, &zz, &r.x)
	zz.mul(&zz, &r.z)
	i.mulSub(&a.y, &zz, &r.y)
	r.addFinish(ratio, &i)
}
