package bip340

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/stretchr/testify/require"
)

// refMul returns k·a as btcec computes it; ok is false for infinity.
func refMul(a *affine, k *big.Int) (p affine, ok bool) {
	var in, out btcec.JacobianPoint
	x, y := a.x.bytes(), a.y.bytes()
	in.X.SetBytes(&x)
	in.Y.SetBytes(&y)
	in.Z.SetInt(1)
	var s btcec.ModNScalar
	var buf [32]byte
	new(big.Int).Mod(k, bigN).FillBytes(buf[:])
	s.SetBytes(&buf)
	btcec.ScalarMultNonConst(&s, &in, &out)
	out.ToAffine()
	if out.X.IsZero() && out.Y.IsZero() {
		return p, false
	}
	x, y = *out.X.Bytes(), *out.Y.Bytes()
	p.x.setBytes(&x)
	p.y.setBytes(&y)
	return p, true
}

func multipleOfG(k int64) affine {
	p, _ := refMul(&generator, big.NewInt(k))
	return p
}

func (a *affine) minus() affine {
	m := *a
	m.y.neg(&a.y)
	return m
}

// withZ returns a with a denominator other than 1.
func (a *affine) withZ(z uint64) (r jacobian) {
	var zz fe
	r.z = fe{z, z, z}
	zz.sqr(&r.z)
	r.x.mul(&a.x, &zz)
	zz.mul(&zz, &r.z)
	r.y.mul(&a.y, &zz)
	return r
}

// requirePoint checks that r is k·G, by way of equalAffine and toAffine.
func requirePoint(t *testing.T, k *big.Int, r *jacobian, msg ...any) {
	t.Helper()
	want, ok := refMul(&generator, k)
	require.Equal(t, !ok, r.isInfinity(), msg...)
	if !ok {
		return
	}
	require.True(t, r.equalAffine(&want), msg...)
	got := r.toAffine()
	require.True(t, got.x.equal(&want.x) && got.y.equal(&want.y), msg...)
}

func TestPointsAreAddedInEveryCase(t *testing.T) {
	for a := int64(-4); a <= 4; a++ {
		for b := int64(-4); b <= 4; b++ {
			var ra, rb jacobian
			if a != 0 {
				p := multipleOfG(a)
				ra = p.withZ(uint64(3 + a*a))
			}
			if b != 0 {
				p := multipleOfG(b)
				rb = p.withZ(uint64(5 + b*b*b*b))
			}
			sum := ra
			sum.add(&rb)
			requirePoint(t, big.NewInt(a+b), &sum, "%d + %d", a, b)
			sum = ra
			sum.double()
			requirePoint(t, big.NewInt(2*a), &sum, "2 · %d", a)
			if b == 0 {
				continue
			}
			pb := multipleOfG(b)
			sum = ra
			sum.addAffine(&pb)
			requirePoint(t, big.NewInt(a+b), &sum, "%d + affine %d", a, b)
			// on an isomorphic curve: the true z is a multiple of r's
			scale := fe{77, 88, 99, 1 << 63}
			var inv fe
			inv.inv(&scale)
			sum = ra
			sum.z.mul(&sum.z, &inv)
			sum.addScaled(&pb, &scale)
			sum.z.mul(&sum.z, &scale)
			requirePoint(t, big.NewInt(a+b), &sum, "%d + scaled %d", a, b)
		}
	}
}

func TestInfinityHasTwoForms(t *testing.T) {
	// z = p is infinity as z = 0 is
	r := jacobian{generator.x, generator.y, fe{p0, p1, p2, p3}}
	require.True(t, r.isInfinity())
	require.False(t, r.equalAffine(&generator))
	r.addAffine(&generator)
	requirePoint(t, big.NewInt(1), &r)
}

func TestEqualAffineLooksAtBothCoordinates(t *testing.T) {
	g := generator
	r := g.withZ(9)
	require.True(t, r.equalAffine(&g))
	minus := g.minus()
	require.False(t, r.equalAffine(&minus), "the other y")
	other := affine{g.x, g.y}
	other.x.mul(&other.x, &feBeta)
	require.False(t, r.equalAffine(&other), "another x, the same y")
}

func TestTheEndomorphismIsAMultiplication(t *testing.T) {
	p := generator
	p.x.mul(&p.x, &feBeta)
	r := p.withZ(3)
	requirePoint(t, bigLambda, &r)
}

func TestTablesHoldTheOddMultiples(t *testing.T) {
	tables := theGTables()
	shift := new(big.Int).Lsh(big.NewInt(1), 128)
	for i := range gSize {
		k := big.NewInt(int64(2*i + 1))
		low, high := tables.low[i].withZ(2), tables.high[i].withZ(2)
		requirePoint(t, k, &low)
		requirePoint(t, new(big.Int).Mul(k, shift), &high)
	}
}

func TestTwoMultiplesAreSummed(t *testing.T) {
	s := new(straussOne)
	list := scalars(20)
	r := rand.New(rand.NewPCG(15, 16))
	for i := range list {
		for range 4 {
			a, g := list[i], list[r.IntN(len(list))]
			k := new(big.Int)
			switch r.IntN(3) {
			case 0:
				k.SetInt64(1)
			case 1:
				k.SetInt64(int64(1 + r.IntN(40)))
			default:
				k.Set(list[r.IntN(len(list))])
			}
			p, ok := refMul(&generator, k)
			if !ok {
				continue
			}
			sa, sg := bigToScalar(a), bigToScalar(g)
			var got jacobian
			s.multiply(&got, &p, &sa, &sg)
			requirePoint(t, new(big.Int).Add(new(big.Int).Mul(a, k), g), &got, "%x·%x·G + %x·G", a, k, g)
			// so that the sum is infinity
			minus := new(big.Int).Neg(new(big.Int).Mul(a, k))
			sg = bigToScalar(minus)
			s.multiply(&got, &p, &sa, &sg)
			require.True(t, got.isInfinity(), "%x·%x·G less itself", a, k)
		}
	}
}

func TestLiftedPointsAreOnTheCurveAndEven(t *testing.T) {
	for x := range uint64(300) {
		want := big.Jacobi(new(big.Int).SetUint64(x*x*x+7), bigP) == 1
		a, b := affine{x: fe{x}}, affine{x: fe{x}}
		g := affine{x: generator.x}
		require.Equal(t, want, a.lift(), "%d", x)
		okG, okB := liftBoth(&g, &b)
		require.True(t, okG)
		require.Equal(t, want, okB, "%d as second", x)
		b = affine{x: fe{x}}
		okB, okG = liftBoth(&b, &g)
		require.True(t, okG)
		require.Equal(t, want, okB, "%d as first", x)
		if want {
			require.Equal(t, a.y.bytes(), b.y.bytes())
			require.False(t, a.y.isOdd())
			var l, r fe
			l.sqr(&a.y)
			r.curveRHS(&a.x)
			require.True(t, l.equal(&r))
		}
		require.True(t, g.y.equal(&generator.y), "G's y is even")
	}
}
