package bip340

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lists of all lengths, of points that are random, the same, or the negatives of others.
func TestSumsOfListsComeOutInEveryCase(t *testing.T) {
	small := make(map[int64]affine)
	for k := int64(-40); k <= 40; k++ {
		if k != 0 {
			small[k] = multipleOfG(k)
		}
	}
	r := rand.New(rand.NewPCG(17, 18))
	for round := range 400 {
		var s sums
		var want []int64
		lists := r.IntN(12)
		for l := range lists {
			var sum int64
			n := 0
			switch {
			case round < 12*12: // short lists
				n = round / 12
			case r.IntN(3) > 0:
				n = r.IntN(9)
			default:
				n = r.IntN(40)
			}
			span := int64(1 + r.IntN(3)*r.IntN(14)) // ±1 only: all pairs double or cancel
			for range n {
				k := 1 + r.Int64N(span)
				if r.IntN(2) == 0 {
					k = -k
				}
				if l%4 == 3 {
					k = span // all the same
				}
				p := small[k]
				if r.IntN(4) == 0 { // in the other form, where there is one
					p.y.neg(&p.y)
					p.y.neg(&p.y)
				}
				s.pts = append(s.pts, p)
				sum += k
			}
			s.count = append(s.count, int32(n))
			want = append(want, sum)
		}
		s.resize(len(s.pts))
		s.reduce()
		at := 0
		for l, sum := range want {
			if sum == 0 {
				require.Zero(t, s.count[l], "round %d, list %d is infinity", round, l)
				continue
			}
			require.Equal(t, int32(1), s.count[l], "round %d, list %d", round, l)
			got := s.pts[at]
			at++
			p := multipleOfG(sum)
			require.True(t, got.x.equal(&p.x) && got.y.equal(&p.y), "round %d, list %d", round, l)
		}
	}
}

var methods = []struct {
	name string
	sum  func(m *msm, r *jacobian)
}{
	{"strauss one by one", func(m *msm, r *jacobian) { m.strauss(r, false) }},
	{"strauss batched", func(m *msm, r *jacobian) { m.strauss(r, true) }},
	{"buckets", func(m *msm, r *jacobian) { m.pippenger(r) }},
	{"the chosen one", func(m *msm, r *jacobian) { m.sum(r) }},
}

// work is a sum of multiples to compute: of halves, of whole scalars, and of G.
type work struct {
	halves  []half
	scalars []*big.Int
	points  []*big.Int // the points as multiples of G, for halves first, then for scalars
	g       *big.Int
}

func (w *work) total() *big.Int {
	sum := new(big.Int).Set(w.g)
	for i, k := range w.halves {
		sum.Add(sum, new(big.Int).Mul(k.big(), w.points[i]))
	}
	for i, k := range w.scalars {
		sum.Add(sum, new(big.Int).Mul(k, w.points[len(w.halves)+i]))
	}
	return sum
}

func (w *work) check(t *testing.T, m *msm) {
	points := make([]affine, len(w.points))
	for i, k := range w.points {
		var ok bool
		points[i], ok = refMul(&generator, k)
		require.True(t, ok)
	}
	for _, method := range methods {
		m.reset()
		for i, k := range w.halves {
			m.addHalf(&points[i], k)
		}
		for i, k := range w.scalars {
			p := &points[len(w.halves)+i]
			var betaX fe
			betaX.mul(&p.x, &feBeta)
			s := bigToScalar(k)
			m.addScalar(p, &betaX, &s)
		}
		g := bigToScalar(w.g)
		m.setG(&g)
		var r jacobian
		method.sum(m, &r)
		requirePoint(t, w.total(), &r, "%s, %d halves, %d scalars", method.name, len(w.halves), len(w.scalars))
	}
}

func TestSumsOfMultiplesComeOutByEveryMethod(t *testing.T) {
	m := new(msm)
	r := rand.New(rand.NewPCG(19, 20))
	halves, all := edgeHalves(), scalars(50)
	for _, n := range []int{0, 1, 2, 3, 5, 9, 17, 40, 300} {
		for _, spread := range []int64{1, 3, 1 << 40} { // few points: many pairs double or cancel
			w := work{g: all[r.IntN(len(all))]}
			for range n {
				w.halves = append(w.halves, halves[r.IntN(len(halves))])
				if r.IntN(2) == 0 {
					w.scalars = append(w.scalars, all[r.IntN(len(all))])
				}
			}
			for range len(w.halves) + len(w.scalars) {
				k := 1 + r.Int64N(spread)
				if r.IntN(2) == 0 {
					k = -k
				}
				w.points = append(w.points, big.NewInt(k))
			}
			w.check(t, m)
			w.g = new(big.Int).Sub(w.g, w.total()) // the sum is infinity
			w.g.Mod(w.g, bigN)
			w.check(t, m)
		}
	}
}

func TestEveryEdgeScalarComesOutByEveryMethod(t *testing.T) {
	m := new(msm)
	for i, k := range scalars(3) {
		w := work{
			g:       scalars(0)[i%30],
			halves:  edgeHalves()[3*i : 3*i+3],
			scalars: []*big.Int{k},
			points:  []*big.Int{big.NewInt(1), bigLambda, big.NewInt(-1), big.NewInt(7)},
		}
		w.check(t, m)
	}
}

// A digit that only the topmost window has lands in the upper half of its buckets.
func TestTheTopmostWindowHasBucketsForAllItsDigits(t *testing.T) {
	m := new(msm)
	top := ^uint64(0)
	for _, terms := range []int{1, 300, 700} {
		w := work{g: new(big.Int)}
		for i := range terms {
			w.halves = append(w.halves, half{top, top - uint64(i)<<58, i%3 == 1})
			w.points = append(w.points, big.NewInt(int64(i+1)))
		}
		w.check(t, m)
	}
}
