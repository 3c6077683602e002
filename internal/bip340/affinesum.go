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
			denominator(&d, &s.pts[k], &s.pts[k+1])
			prods[pairs+2].mul(&prods[pairs], &d)
			pairs++
		}
	}
	if pairs == 0 {
		return false
	}
	var inv [2]fe
	last, other := &prods[pairs+1], &prods[pairs]
	d.mul(last, other)
	d.inv(&d)
	inv[(pairs-1)&1].mul(&d, other)
	inv[pairs&1].mul(&d, last)

	read, write := 0, 0
	for i, n := range s.count {
		end := read + int(n)
		start := write
		for ; read+1 < end; read += 2 {
			pairs--
			a, b := &s.pts[read], &s.pts[read+1]
			kind := denominator(&d, a, b)
			var q fe
			chain := &inv[pairs&1]
			q.mul(chain, &prods[pairs])
			chain.mul(chain, &d)
			if kind == cancelling {
				continue
			}
			s.pts[write].addWith(a, b, &q, kind)
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

type pairKind uint8

const (
	different  pairKind = iota // the slope is (b.y − a.y) / (b.x − a.x)
	same                       // the slope of the tangent is 3x² / 2y
	cancelling                 // b is −a: the sum is infinity
)

// denominator sets d to the denominator of the slope between a and b, never 0.
func denominator(d *fe, a, b *affine) pairKind {
	d.sub(&b.x, &a.x)
	if !d.isZero() {
		return different
	}
	if a.y.equal(&b.y) {
		d.add(&a.y, &a.y)
		return same
	}
	*d = feOne
	return cancelling
}

// addWith sets z to a + b, where q is the inverse of their denominator. z may be a or b.
func (z *affine) addWith(a, b *affine, q *fe, kind pairKind) {
	var l, x, t fe
	if kind == same {
		l.sqr(&a.x)
		t.add(&l, &l)
		l.add(&t, &l)
	} else {
		l.sub(&b.y, &a.y)
	}
	l.mul(&l, q)
	x.sqr(&l)
	x.sub(&x, &a.x)
	x.sub(&x, &b.x)
	t.sub(&a.x, &x)
	t.mul(&t, &l)
	z.y.sub(&t, &a.y)
	z.x = x
}
