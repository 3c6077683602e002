package bip340

// msm computes a sum of multiples of points: reset, the add methods, sum. What it holds is
// scratch, kept from one sum to the next, and grows to what the largest one took.
type msm struct {
	points  []affine // the terms are factors[i]·points[i]
	factors []half
	beta    []bool // points[i] is λ times the point before
	gLow    half   // the multiples of G and of 2¹²⁸·G
	gHigh   half

	tables  []affine // of strauss: pSize odd multiples of each point, then those of G in use
	twice   []affine // of strauss: twice the points
	buckets []affine // of pippenger: the sums of the buckets that are not empty
	events  []event  // what goes into which list
	lists   sums
	starts  []int32 // of scatter: where the next point of a list goes
	nafs    []nafDigit
}

// event says that a point, or its negative, belongs to a list.
type event struct {
	list  uint32
	point uint32 // twice its index, and 1 if it is to be negated
}

func (m *msm) reset() {
	m.points, m.factors, m.beta = m.points[:0], m.factors[:0], m.beta[:0]
	m.gLow, m.gHigh = half{}, half{}
}

// addHalf adds k·p.
func (m *msm) addHalf(p *affine, k half) {
	m.points = append(m.points, *p)
	m.factors = append(m.factors, k)
	m.beta = append(m.beta, false)
}

// addScalar adds k·p; betaX is β times p's x.
func (m *msm) addScalar(p *affine, betaX *fe, k *scalar) {
	k1, k2 := k.split()
	m.points = append(m.points, *p, affine{*betaX, p.y})
	m.factors = append(m.factors, k1, k2)
	m.beta = append(m.beta, false, true)
}

// setG sets the multiple of G.
func (m *msm) setG(k *scalar) {
	m.gLow, m.gHigh = half{lo: k[0], hi: k[1]}, half{lo: k[2], hi: k[3]}
}

// Up to so many terms each way is the fastest, measured on amd64. A signature of an author of
// its own brings three.
const (
	plainTerms  = 24  // strauss, one by one
	straussMost = 200 // strauss, batched; beyond it pippenger
)

// sum sets r to the sum of all that was added.
func (m *msm) sum(r *jacobian) {
	switch {
	case len(m.points) <= plainTerms:
		m.strauss(r, false)
	case len(m.points) <= straussMost:
		m.strauss(r, true)
	default:
		m.pippenger(r)
	}
}

// scatter gives each list its points.
func (m *msm) scatter(points []affine, lists int) {
	m.lists.count = resize(m.lists.count, lists)
	m.starts = resize(m.starts, lists)
	clear(m.lists.count)
	for _, e := range m.events {
		m.lists.count[e.list]++
	}
	at := int32(0)
	for i, n := range m.lists.count {
		m.starts[i] = at
		at += n
	}
	m.lists.resize(int(at))
	for _, e := range m.events {
		to := &m.lists.pts[m.starts[e.list]]
		m.starts[e.list]++
		from := &points[e.point>>1]
		if e.point&1 == 0 {
			*to = *from
		} else {
			to.x = from.x
			to.y.neg(&from.y)
		}
	}
}

func (s *sums) resize(points int) {
	s.pts = resize(s.pts, points)
	s.prods = resize(s.prods, points/2+2)
}

// resize returns s with n elements, of any values.
func resize[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n+n/4)[:n]
	}
	return s[:n]
}
