package bip340

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var bigP, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", 16)

func limbsToBig(x []uint64) *big.Int {
	r := new(big.Int)
	for i := len(x) - 1; i >= 0; i-- {
		r.Lsh(r, 64)
		r.Or(r, new(big.Int).SetUint64(x[i]))
	}
	return r
}

// big returns the residue of x.
func (x *fe) big() *big.Int {
	r := limbsToBig(x[:])
	return r.Mod(r, bigP)
}

func bigToFe(b *big.Int) (z fe) {
	var buf [32]byte
	new(big.Int).Mod(b, bigP).FillBytes(buf[:])
	z.setBytes(&buf)
	return z
}

// edges are the values at which limbs carry and folds carry again.
func edges() []fe {
	const m = ^uint64(0)
	list := []fe{
		{}, {1}, {2}, {3}, {7}, {fieldFold - 1}, {fieldFold}, {fieldFold + 1}, {2 * fieldFold},
		{m}, {m - 1}, {0, m}, {m, m}, {0, 0, m}, {m, m, m}, {0, 0, 0, m}, {m, 0, 0, m}, {0, m, m, m},
		{1, 0, 0, 1 << 63}, {0, 0, 0, 1 << 63}, {m, m, m, 1<<63 - 1},
		{p0 - 2, m, m, m}, {p0 - 1, m, m, m}, // p−2, p−1
		{p0, m, m, m},                        // p, which is 0
		{p0 + 1, m, m, m}, {p0 + 2, m, m, m}, // p+1, p+2
		{m - fieldFold, m, m, m}, {m - 2*fieldFold, m, m, m},
		{m - 2, m, m, m}, {m - 1, m, m, m}, {m, m, m, m}, // 2²⁵⁶−1
		// ±2³² mod p, close to 2²⁵⁶: their squares end with a carry out of the lowest limb, too
		{p0 + 1<<32, m, m, m}, {p0 - 1<<32, m, m, m},
		{p0/2 + 1, m, m, m >> 1}, {p0 / 2, m, m, m >> 1}, // about half of p
		{m - fieldFold + 1, m - 1, m, m}, {0, 1, 0, m}, {m, 0, m, 0}, {0, m, 0, m},
		{1 << 32, 1 << 32, 1 << 32, 1 << 32}, {m &^ 0xFFFFFFFF, m &^ 0xFFFFFFFF, m &^ 0xFFFFFFFF, m &^ 0xFFFFFFFF},
	}
	// every limb at a bound
	bounds := []uint64{0, 1, m, m - fieldFold + 1}
	for i := range 256 {
		list = append(list, fe{bounds[i&3], bounds[i>>2&3], bounds[i>>4&3], bounds[i>>6&3]})
	}
	return list
}

// someFe returns an edge, a neighbour of p or of 2²⁵⁶, or just any value.
func someFe(r *rand.Rand, e []fe) fe {
	switch r.IntN(4) {
	case 0:
		return fe{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
	case 1:
		return fe{r.Uint64N(1 << 40)}
	case 2:
		return fe{-r.Uint64N(1 << 34), p1, p2, p3}
	default:
		return e[r.IntN(len(e))]
	}
}

// binaryOps are the operations of two operands, with what they should do.
var binaryOps = []struct {
	name string
	do   func(z, x, y *fe)
	want func(x, y *big.Int) *big.Int
}{
	{"add", (*fe).add, func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }},
	{"sub", (*fe).sub, func(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) }},
	{"mul", (*fe).mul, func(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) }},
	{"neg", func(z, x, _ *fe) { z.neg(x) }, func(x, _ *big.Int) *big.Int { return new(big.Int).Neg(x) }},
	{"sqr", func(z, x, _ *fe) { z.sqr(x) }, func(x, _ *big.Int) *big.Int { return new(big.Int).Mul(x, x) }},
	{"first of a pair squared", func(z, x, y *fe) {
		p := fePair{*x, *y}
		p.sqrn(1)
		*z = p[0]
	}, func(x, _ *big.Int) *big.Int { return new(big.Int).Mul(x, x) }},
	{"second of a pair squared", func(z, x, y *fe) {
		p := fePair{*y, *x}
		p.sqrn(1)
		*z = p[1]
	}, func(x, _ *big.Int) *big.Int { return new(big.Int).Mul(x, x) }},
	{"half", func(z, x, _ *fe) { z.half(x) }, func(x, _ *big.Int) *big.Int {
		return new(big.Int).Mul(x, new(big.Int).ModInverse(big.NewInt(2), bigP))
	}},
	{"threeHalves", func(z, x, _ *fe) { z.threeHalves(x) }, func(x, _ *big.Int) *big.Int {
		return new(big.Int).Mul(x, new(big.Int).Mul(big.NewInt(3), new(big.Int).ModInverse(big.NewInt(2), bigP)))
	}},
	{"curveRHS", func(z, x, _ *fe) { z.curveRHS(x) }, func(x, _ *big.Int) *big.Int {
		return new(big.Int).Add(new(big.Int).Exp(x, big.NewInt(3), nil), big.NewInt(7))
	}},
	{"normalize", func(z, x, _ *fe) {
		t := *x
		t.normalize()
		*z = t
	}, func(x, _ *big.Int) *big.Int { return x }},
}

func checkBinary(t *testing.T, x, y *fe) {
	bx, by := x.big(), y.big()
	for _, op := range binaryOps {
		want := op.want(bx, by)
		want.Mod(want, bigP)
		var z fe
		op.do(&z, x, y)
		if z.big().Cmp(want) != 0 {
			t.Fatalf("%s(%#x, %#x) = %#x, want %x", op.name, *x, *y, z, want)
		}
		// the result over an operand
		ax, ay := *x, *y
		op.do(&ax, &ax, y)
		op.do(&ay, x, &ay)
		if ax != z || ay != z {
			t.Fatalf("%s(%#x, %#x) differs when the result takes an operand's place", op.name, *x, *y)
		}
	}
	if got, want := x.equal(y), bx.Cmp(by) == 0; got != want {
		t.Fatalf("equal(%#x, %#x) = %v", *x, *y, got)
	}
	if got, want := x.isZero(), bx.Sign() == 0; got != want {
		t.Fatalf("isZero(%#x) = %v", *x, got)
	}
	if got, want := x.isOdd(), bx.Bit(0) == 1; got != want {
		t.Fatalf("isOdd(%#x) = %v", *x, got)
	}
}

func checkFused(t *testing.T, a, b, y, e *fe) {
	ba, bb, by, be := a.big(), b.big(), y.big(), e.big()
	check := func(name string, z *fe, want *big.Int) {
		if z.big().Cmp(want.Mod(want, bigP)) != 0 {
			t.Fatalf("%s(%#x, %#x, %#x, %#x) = %#x, want %x", name, *a, *b, *y, *e, *z, want)
		}
	}
	diff := new(big.Int).Sub(ba, bb)
	var z fe
	zero := z.mulDiff(a, b, y)
	check("mulDiff", &z, new(big.Int).Mul(diff, by))
	if want := ba.Cmp(bb) == 0; zero != want {
		t.Fatalf("mulDiff(%#x, %#x) reports zero: %v", *a, *b, zero)
	}
	z.mulDiffSub(a, b, y, e)
	want := new(big.Int).Mul(diff, by)
	check("mulDiffSub", &z, want.Sub(want, be))
	z.mulSub(a, y, e)
	want = new(big.Int).Mul(ba, by)
	check("mulSub", &z, want.Sub(want, be))
	z.sqrSub(a, b, e)
	want = new(big.Int).Mul(ba, ba)
	check("sqrSub", &z, want.Sub(want, bb).Sub(want, be))
	// all operands and the result in one place
	z = *a
	z.mulDiffSub(&z, b, &z, &z)
	want = new(big.Int).Mul(diff, ba)
	check("mulDiffSub in place", &z, want.Sub(want, ba))
	z = *a
	z.sqrSub(&z, &z, &z)
	want = new(big.Int).Mul(ba, ba)
	check("sqrSub in place", &z, want.Sub(want, ba).Sub(want, ba))
}

func TestFieldOperationsAreExactAtTheBoundsOfLimbs(t *testing.T) {
	e := edges()
	for i := range e {
		for j := range 40 {
			checkBinary(t, &e[i], &e[j%len(e)])
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 12000 {
		x, y := someFe(r, e), someFe(r, e)
		checkBinary(t, &x, &y)
	}
}

func TestFusedOperationsAreExactAtTheBoundsOfLimbs(t *testing.T) {
	e := edges()
	for i := range e {
		for j := range 20 {
			checkFused(t, &e[i], &e[j], &e[j*7%40], &e[(i+j)%len(e)])
			checkFused(t, &e[j], &e[j*11%40], &e[i], &e[(i+3*j)%len(e)])
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 12000 {
		a, b, y, d := someFe(r, e), someFe(r, e), someFe(r, e), someFe(r, e)
		checkFused(t, &a, &b, &y, &d)
	}
}

// A product whose residue is a little above fieldFold ends, after two folds, a little above
// 2²⁵⁶: only such products take the last carry, and random ones never are.
func TestTheLastCarryOfAProductIsFolded(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 3000 {
		x := fe{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
		small := new(big.Int).SetUint64(fieldFold + r.Uint64()>>(i%32))
		y := bigToFe(new(big.Int).Mul(small, new(big.Int).ModInverse(x.big(), bigP)))
		checkBinary(t, &x, &y)
		d := someFe(r, edgeList)
		var a fe
		a.add(&x, &d)
		checkFused(t, &a, &d, &y, &fe{r.Uint64N(1 << 36)})
		checkFused(t, &x, &d, &y, &fe{fieldFold})
		// squares: of roots of such residues
		if root := new(big.Int).ModSqrt(small, bigP); root != nil {
			s := bigToFe(root)
			checkBinary(t, &s, &s)
			checkFused(t, &s, &d, &s, &fe{r.Uint64N(1 << 36)})
			checkFused(t, &s, &fe{}, &s, &fe{})
		}
	}
}

var edgeList = edges()

func TestBytesAreReadAndWritten(t *testing.T) {
	for _, c := range []struct {
		x     *big.Int
		below bool
	}{
		{big.NewInt(0), true},
		{big.NewInt(1), true},
		{new(big.Int).Sub(bigP, big.NewInt(1)), true},
		{bigP, false},
		{new(big.Int).Add(bigP, big.NewInt(1)), false},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), new(big.Int).Lsh(big.NewInt(1), 64)), true},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), new(big.Int).Lsh(big.NewInt(1), 128)), true},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), new(big.Int).Lsh(big.NewInt(1), 192)), true},
		{new(big.Int).Lsh(big.NewInt(1), 255), true},
	} {
		var buf [32]byte
		c.x.FillBytes(buf[:])
		var z fe
		assert.Equal(t, c.below, z.setBytes(&buf), "%x", c.x)
		require.Zero(t, z.big().Cmp(new(big.Int).Mod(c.x, bigP)), "%x", c.x)
		back := z.bytes()
		require.Zero(t, new(big.Int).SetBytes(back[:]).Cmp(new(big.Int).Mod(c.x, bigP)), "%x", c.x)
	}
}

func TestInversesAndRoots(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	e := edges()
	list := e
	for range 200 {
		list = append(list, fe{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()})
	}
	for i := range list {
		x := list[i]
		b := x.big()
		t.Run(fmt.Sprintf("%x", b), func(t *testing.T) {
			var z fe
			z.inv(&x)
			want := new(big.Int)
			if b.Sign() != 0 {
				want.ModInverse(b, bigP)
			}
			require.Zero(t, z.big().Cmp(want), "inverse")
			z = x
			z.inv(&z)
			require.Zero(t, z.big().Cmp(want), "inverse in place")

			isSquare := big.Jacobi(b, bigP) >= 0
			z = fe{}
			require.Equal(t, isSquare, z.sqrt(&x))
			single := z.big()
			if isSquare {
				z.sqr(&z)
				require.True(t, z.equal(&x), "root")
			}
			// two at a time, beside any other, on either side
			other := list[r.IntN(len(list))]
			otherSquare := big.Jacobi(other.big(), bigP) >= 0
			var p fePair
			ok0, ok1 := p.sqrt(&fePair{x, other})
			require.Equal(t, isSquare, ok0)
			require.Equal(t, otherSquare, ok1)
			require.Zero(t, p[0].big().Cmp(single), "first of a pair")
			ok0, ok1 = p.sqrt(&fePair{other, x})
			require.Equal(t, isSquare, ok1)
			require.Equal(t, otherSquare, ok0)
			require.Zero(t, p[1].big().Cmp(single), "second of a pair")
		})
	}
}
