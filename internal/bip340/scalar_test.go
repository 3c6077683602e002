package bip340

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var bigN, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
var bigLambda, _ = new(big.Int).SetString("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72", 16)

func (s *scalar) big() *big.Int { return limbsToBig(s[:]) }

func bigToScalar(b *big.Int) (s scalar) {
	var buf [32]byte
	new(big.Int).Mod(b, bigN).FillBytes(buf[:])
	s.setBytes(&buf)
	return s
}

func (k half) big() *big.Int {
	r := limbsToBig([]uint64{k.lo, k.hi})
	if k.neg {
		r.Neg(r)
	}
	return r
}

func edgeScalars() []*big.Int {
	one := big.NewInt(1)
	list := []*big.Int{
		big.NewInt(0), one, big.NewInt(2), big.NewInt(3),
		new(big.Int).Sub(bigN, one), new(big.Int).Sub(bigN, big.NewInt(2)),
		new(big.Int).Rsh(bigN, 1), new(big.Int).Add(new(big.Int).Rsh(bigN, 1), one),
		bigLambda, new(big.Int).Sub(bigN, bigLambda), new(big.Int).Add(bigLambda, one),
		new(big.Int).Mod(new(big.Int).Mul(bigLambda, bigLambda), bigN),
		new(big.Int).Sub(new(big.Int).Lsh(one, 256), bigN),
	}
	for _, bit := range []uint{63, 64, 65, 127, 128, 129, 191, 192, 255} {
		p := new(big.Int).Lsh(one, bit)
		list = append(list, p, new(big.Int).Sub(p, one), new(big.Int).Add(p, one), new(big.Int).Sub(bigN, p))
	}
	return list
}

// scalars are the edges and some others.
func scalars(n int) []*big.Int {
	r := rand.New(rand.NewPCG(9, 10))
	list := edgeScalars()
	for range n {
		s := limbsToBig([]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()})
		list = append(list, s.Mod(s, bigN), new(big.Int).Rsh(s, uint(r.IntN(256))))
	}
	return list
}

func TestScalarsAreReadBelowTheOrder(t *testing.T) {
	one := big.NewInt(1)
	for _, c := range []struct {
		x     *big.Int
		below bool
	}{
		{new(big.Int), true},
		{one, true},
		{new(big.Int).Sub(bigN, one), true},
		{bigN, false},
		{new(big.Int).Add(bigN, one), false},
		{bigP, false},
		{new(big.Int).Sub(new(big.Int).Lsh(one, 256), one), false},
		{new(big.Int).Lsh(one, 255), true},
		// one limb above n's, those below it not, and the other way round
		{new(big.Int).Sub(bigN, new(big.Int).Lsh(one, 64)), true},
		{new(big.Int).Sub(bigN, new(big.Int).Lsh(one, 128)), true},
		{new(big.Int).Add(bigN, new(big.Int).Lsh(one, 64)), false},
		{new(big.Int).Add(bigN, new(big.Int).Lsh(one, 128)), false},
	} {
		var buf [32]byte
		c.x.FillBytes(buf[:])
		var s scalar
		assert.Equal(t, c.below, s.setBytes(&buf), "%x", c.x)
		require.Zero(t, s.big().Cmp(new(big.Int).Mod(c.x, bigN)), "%x", c.x)
	}
}

func TestScalarArithmetic(t *testing.T) {
	list := scalars(60)
	for _, x := range list {
		a := bigToScalar(x)
		var s scalar
		s.neg(&a)
		want := new(big.Int).Neg(x)
		require.Zero(t, s.big().Cmp(want.Mod(want, bigN)), "−%x", x)
		require.Equal(t, x.Sign() == 0, a.isZero())
		for _, y := range list {
			b := bigToScalar(y)
			s.add(&a, &b)
			want := new(big.Int).Add(x, y)
			require.Zero(t, s.big().Cmp(want.Mod(want, bigN)), "%x + %x", x, y)
			s.mul(&a, &b)
			want.Mul(x, y)
			require.Zero(t, s.big().Cmp(want.Mod(want, bigN)), "%x · %x", x, y)
		}
	}
}

func TestAny512BitsAreReduced(t *testing.T) {
	const m = ^uint64(0)
	bounds := []uint64{0, 1, m, m - 1, n0, n1, nFold0, nFold1, 1 << 63}
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 50000 {
		var w [8]uint64
		for j := range w {
			if i%3 == 0 {
				w[j] = r.Uint64()
			} else {
				w[j] = bounds[r.IntN(len(bounds))]
			}
		}
		var s scalar
		s.reduce(&w)
		want := limbsToBig(w[:])
		require.Zero(t, s.big().Cmp(want.Mod(want, bigN)), "%x", w)
	}
}

func TestASplitScalarIsTheSumOfItsHalves(t *testing.T) {
	bound := new(big.Int).Lsh(big.NewInt(0xA4), 120) // 0.64 · 2¹²⁸
	for _, x := range scalars(5000) {
		k := bigToScalar(x)
		k1, k2 := k.split()
		sum := new(big.Int).Mul(k2.big(), bigLambda)
		sum.Add(sum, k1.big()).Mod(sum, bigN)
		require.Zero(t, sum.Cmp(k.big()), "%x", x)
		require.Negative(t, k1.big().CmpAbs(bound), "%x", x)
		require.Negative(t, k2.big().CmpAbs(bound), "%x", x)
	}
}

func edgeHalves() []half {
	const m = ^uint64(0)
	var list []half
	for _, lo := range []uint64{0, 1, 15, 16, 17, 31, m, m - 1, 1 << 63, m >> 1, 0xF0F0F0F0F0F0F0F0, 0x5555555555555555} {
		for _, hi := range []uint64{0, 1, m, m - 1, 1 << 63, m >> 1, 1 << 58, m &^ 31, 0xF0F0F0F0F0F0F0F0, 0xAAAAAAAAAAAAAAAA} {
			list = append(list, half{lo, hi, false}, half{lo, hi, true})
		}
	}
	r := rand.New(rand.NewPCG(13, 14))
	for range 500 {
		list = append(list, half{r.Uint64(), r.Uint64(), r.IntN(2) == 0})
	}
	return list
}

func TestWindowsAddUpToTheScalar(t *testing.T) {
	for _, k := range edgeHalves() {
		for _, w := range []uint{pWindow, gWindow} {
			var d digits
			top := d.recode(k, w)
			sum := new(big.Int)
			last := -int(w)
			for i := range d {
				if d[i] == 0 {
					continue
				}
				require.Less(t, i, top)
				require.GreaterOrEqual(t, i-last, int(w))
				require.Equal(t, int16(1), d[i]&1)
				require.Less(t, index(d[i]), 1<<(w-2))
				last = i
				sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(d[i])), uint(i)))
			}
			require.Zero(t, sum.Cmp(k.big()), "%v, windows of %d", k, w)
		}
		for c := 5; c <= 9; c++ {
			sum := new(big.Int)
			for at := 0; at < 128; at += c {
				d := k.digit(at, c)
				most := 1 << (c - 1)
				if at+c >= 128 {
					most = 1 << c
				}
				require.LessOrEqual(t, max(d, -d), most)
				sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(d)), uint(at)))
			}
			require.Zero(t, sum.Cmp(k.big()), "%v, digits of %d", k, c)
		}
	}
}
