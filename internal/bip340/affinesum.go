package bip340

// sums adds up many lists of points, all at once: in each round the points of every list are
// added in pairs, and all pairs of all lists share one inversion. An addition of two affine
// points costs five multiplications and a square this way, less than any other.
//
// The points of list i lie side by side in pts, lists in order; count[i] says how many. A sum
// that is infinity leaves its list without the point: nothing here needs a form of infinity.
type sums struct {
	pts   []affine // the lists, one after the other
	count []int32  // how many points each has
	prods []fe     // scratch: products of denominators, half as many as pts, and two
}

// reduce adds until no list has more than one point: then the points of the non-empty lists
// are the first of pts, in order.
func (s *sums) reduce() {
	for s.round() {
	}
}

// round adds the points of every list in pairs, and reports whether there was a pair.
func (s *sums) round() bool {
	// Every pair's denominator is multiplied into the product of those behind it, from the
	// last to the first; with the inverse of it all each gets its own inverse, from the first
	// to the last, and the sum takes a place whose points have been used. There are two
	// products, in turns, so that neither waits for itself.
	total := 0
	for _, n := range s.count {
		total += int(n)
	}
	pairs := 0
	prods := s.prods
	prods[0], prods[1] = feOne, feOne
	at := total
	var d fe
	for i := len(s.count) - 1; i >= 0; i-- {
		n := int(s.count[i])
		at -= n
		for k := at + n&^1 - 2; k >= at; k -= 2 {
			a, b := &s.pts[k], &s.pts[k+1]
			if prods[pairs+2].mulDiff(&b.x, &a.x, &prods[pairs]) {
				denominator(&d, a, b)
				prods[pairs+2].mul(&prods[pairs], &d)
			}
			pairs++
		}
	}
	if pairs == 0 {
		return false
	}
	inv := invertProducts(prods, pairs)
	read, write := 0, 0
	for i, n := range s.count {
		end := read + int(n)
		start := write
		for ; read+1 < end; read += 2 {
			pairs--
			a, b := &s.pts[read], &s.pts[read+1]
			chain := &inv[pairs&1]
			d.mul(chain, &prods[pairs])
			var next fe
			if next.mulDiff(&b.x, &a.x, chain) {
				if s.special(a, b, chain, &d, write) {
					write++
				}
				continue
			}
			*chain = next
			s.pts[write].addWith(a, b, &d)
			write++
		}
		if read < end {
			s.pts[write] = s.pts[read]
			write++
			read++
		}
		s.count[i] = int32(write - start)
	}
	return true
}

// invertProducts returns the inverses of two products, of the factors with even numbers and of
// those with odd ones: there are n factors, and prods[k+2] is the product of factor k and those
// before it that it is in turns with.
func invertProducts(prods []fe, n int) (inv [2]fe) {
	last, other := &prods[n+1], &prods[n]
	var both fe
	both.mul(last, other)
	both.inv(&both)
	inv[(n-1)&1].mul(&both, other)
	inv[n&1].mul(&both, last)
	return inv
}

// special adds a and b, whose x are the same, to the place write, if there is a sum. q is the
// inverse of their denominator, chain what it is to be multiplied with.
func (s *sums) special(a, b *affine, chain, q *fe, write int) bool {
	var d fe
	twice := denominator(&d, a, b)
	chain.mul(chain, &d)
	if twice {
		s.pts[write].doubleWith(a, q)
	}
	return twice
}

// denominator sets d to what the slope between a and b, whose x are the same, is to be divided
// by: 2y of both for the tangent, if they are the same. If they cancel it is 1, which changes nothing.
func denominator(d *fe, a, b *affine) (twice bool) {
	if !a.y.equal(&b.y) {
		*d = feOne
		return false
	}
	d.add(&a.y, &a.y)
	return true
}

// addWith sets z to a + b, where q is 1/(b.x − a.x). z may be a or b.
func (z *affine) addWith(a, b *affine, q *fe) {
	var l, x fe
	l.mulDiff(&b.y, &a.y, q)
	x.sqrSub(&l, &a.x, &b.x)
	z.y.mulDiffSub(&a.x, &x, &l, &a.y)
	z.x = x
}

// doubleWith sets z to 2a, where q is 1/(2·a.y). z may be a.
func (z *affine) doubleWith(a *affine, q *fe) {
	var l, x, t fe
	l.sqr(&a.x)
	t.add(&l, &l)
	l.add(&t, &l)
	l.mul(&l, q)
	x.sqrSub(&l, &a.x, &a.x)
	z.y.mulDiffSub(&a.x, &x, &l, &a.y)
	z.x = x
}
