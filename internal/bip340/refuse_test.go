package bip340

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No signature can be made that is wrong by nothing but a value out of range, or a point off
// the curve: that takes a discrete logarithm. So the refusals are looked at where they are
// made, and not only by their verdict, which would be the same without them.

var genuine = Item{
	Pub: hex32("f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"),
	Msg: new([32]byte),
	Sig: hex64("e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215" +
		"25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"),
}

func hex32(s string) *[32]byte {
	b, _ := new(big.Int).SetString(s, 16)
	return (*[32]byte)(b.FillBytes(make([]byte, 32)))
}

func hex64(s string) *[64]byte {
	b, _ := new(big.Int).SetString(s, 16)
	return (*[64]byte)(b.FillBytes(make([]byte, 64)))
}

// withSig returns genuine with another half of its signature.
func withSig(at int, half *[32]byte) Item {
	item, sig := genuine, *genuine.Sig
	copy(sig[at:], half[:])
	item.Sig = &sig
	return item
}

func withPub(pub *[32]byte) Item {
	item := genuine
	item.Pub = pub
	return item
}

func bytes32(b *big.Int) *[32]byte { return (*[32]byte)(b.FillBytes(make([]byte, 32))) }

func refused() map[string]Item {
	one := big.NewInt(1)
	most := new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)
	// p+1 and n+1 stand for 1, which is an x of the curve and a fine scalar; 5 is no x.
	return map[string]Item{
		"r = p":                  withSig(0, bytes32(bigP)),
		"r = p + 1":              withSig(0, bytes32(new(big.Int).Add(bigP, one))),
		"r = 2^256 - 1":          withSig(0, bytes32(most)),
		"r off the curve":        withSig(0, bytes32(big.NewInt(5))),
		"r = 0, off the curve":   withSig(0, new([32]byte)),
		"s = n":                  withSig(32, bytes32(bigN)),
		"s = n + 1":              withSig(32, bytes32(new(big.Int).Add(bigN, one))),
		"s = 2^256 - 1":          withSig(32, bytes32(most)),
		"pub = p":                withPub(bytes32(bigP)),
		"pub = p + 1":            withPub(bytes32(new(big.Int).Add(bigP, one))),
		"pub = 2^256 - 1":        withPub(bytes32(most)),
		"pub off the curve":      withPub(bytes32(big.NewInt(5))),
		"pub = 0, off the curve": withPub(new([32]byte)),
	}
}

func TestWhatIsOutOfRangeOrOffTheCurveIsRefusedAtTheDoor(t *testing.T) {
	known := NewKeyCache(10)
	require.True(t, New(known).VerifyOne(genuine.Pub, genuine.Msg, genuine.Sig))
	for _, v := range []*Verifier{New(nil), New(known)} {
		require.True(t, v.admit(new(candidate), genuine.Pub, genuine.Sig))
		for name, bad := range refused() {
			assert.False(t, v.admit(new(candidate), bad.Pub, bad.Sig), name)
			assert.False(t, v.VerifyOne(bad.Pub, bad.Msg, bad.Sig), name)

			// in a batch, on either side of a genuine one: no entry is left of it
			for _, items := range [][]Item{{bad, genuine}, {genuine, bad}, {bad, bad, genuine, bad}, {bad, genuine, genuine}} {
				v.collect(items)
				v.liftAll()
				want := 0
				for i := range items {
					if items[i] == genuine {
						require.Equal(t, int32(i), v.entries[want].at, name)
						want++
					}
				}
				assert.Len(t, v.entries, want, name)
				valid := make([]bool, len(items))
				assert.False(t, v.VerifyBatch(items, valid), name)
				for i := range items {
					assert.Equal(t, items[i] == genuine, valid[i], name)
				}
			}
		}
	}
}

func TestOneIsAnXOfTheCurveSoPPlusOneWouldPass(t *testing.T) {
	v := New(nil)
	for _, item := range []Item{withSig(0, bytes32(big.NewInt(1))), withPub(bytes32(big.NewInt(1))), withSig(32, bytes32(big.NewInt(1)))} {
		assert.True(t, v.admit(new(candidate), item.Pub, item.Sig))
	}
}

// The pairs of errors that cancel under equal weights do so here: the tests that such pairs
// are found test something.
func TestUnderEqualWeightsErrorsCancel(t *testing.T) {
	// The same signature twice, s one more and one less.
	var items [2]Item
	for i := range items {
		var s scalar
		s.setBytes((*[32]byte)(genuine.Sig[32:]))
		d := scalar{1}
		if i == 1 {
			d.neg(&d)
		}
		s.add(&s, &d)
		items[i] = withSig(32, bytes32(s.big()))
	}
	v := New(nil)
	valid := make([]bool, 2)
	require.False(t, v.VerifyBatch(items[:], valid))
	require.Equal(t, []bool{false, false}, valid)

	v.collect(items[:])
	v.liftAll()
	v.weigh(items[:])
	var diff jacobian
	v.difference(&diff, 0, 2)
	require.False(t, diff.isInfinity())
	for i := range v.entries {
		e := &v.entries[i]
		e.z, e.zs, e.ze = half{lo: 1}, e.s, e.e
	}
	v.difference(&diff, 0, 2)
	require.True(t, diff.isInfinity())
}

func TestWeightsAreRandom(t *testing.T) {
	v, w := New(nil), New(nil)
	items := make([]Item, 400)
	for i := range items {
		items[i] = genuine
	}
	seen := make(map[half]bool)
	var bits half
	for _, v := range []*Verifier{v, v, w} {
		v.collect(items)
		v.liftAll()
		v.weigh(items)
		for _, e := range v.entries {
			require.False(t, seen[e.z], "a weight occurs twice")
			seen[e.z] = true
			bits.lo |= e.z.lo
			bits.hi |= e.z.hi
			var want scalar
			want.mul(&scalar{e.z.lo, e.z.hi}, &e.s)
			require.Equal(t, want, e.zs)
			want.mul(&scalar{e.z.lo, e.z.hi}, &e.e)
			require.Equal(t, want, e.ze)
		}
	}
	require.Equal(t, half{lo: ^uint64(0), hi: ^uint64(0)}, bits, "all 128 bits are used")
}

// Sums are numbered within their batch: a Verifier may live for ever.
func TestOldSumsDoNotShowInNewOnes(t *testing.T) {
	v := New(nil)
	items := batchOf(8, func(int) bool { return false })
	valid := make([]bool, len(items))
	for _, mark := range []int32{0, 1, 2, -1, math.MaxInt32, math.MinInt32} {
		v.mark = mark
		require.True(t, v.VerifyBatch(items, valid))
		require.Equal(t, int32(1), v.mark, "one sum")
	}
}

// batchOf returns n items of which those that wrong names are.
func batchOf(n int, wrong func(i int) bool) []Item {
	bad := withSig(32, bytes32(big.NewInt(1)))
	items := make([]Item, n)
	for i := range items {
		items[i] = genuine
		if wrong(i) {
			items[i] = bad
		}
	}
	return items
}

func TestABisectionReusesTheDifferenceOfTheWhole(t *testing.T) {
	v := New(nil)
	const n = 64
	valid := make([]bool, n)
	for bad := range n {
		require.False(t, v.VerifyBatch(batchOf(n, func(i int) bool { return i == bad }), valid))
		for i, ok := range valid {
			require.Equal(t, i != bad, ok)
		}
		// one half of the 64, of the 32, …, of the 4 that have the wrong one
		require.Equal(t, n*bisectionBudget-(32+16+8+4+2), v.budget, "%d", bad)
		require.Equal(t, n, v.settled)
		require.Equal(t, 1, v.wrong)
	}
}

func TestABisectionThatFindsManyWrongOnesIsGivenUp(t *testing.T) {
	v := New(nil)
	const n = 256
	valid := make([]bool, n)
	for name, wrong := range map[string]func(i int) bool{
		"all":       func(int) bool { return true },
		"every 3rd": func(i int) bool { return i%3 == 0 },
		"every 8th": func(i int) bool { return i%8 == 0 },
	} {
		require.False(t, v.VerifyBatch(batchOf(n, wrong), valid))
		for i, ok := range valid {
			require.Equal(t, !wrong(i), ok, name)
		}
		require.Equal(t, n, v.settled, name)
		require.Greater(t, v.budget, n*(bisectionBudget-2), name)
	}
}

func TestTheBudgetOfABisectionIsKept(t *testing.T) {
	v := New(nil)
	const n = 512
	valid := make([]bool, n)
	for every := 3; every < 60; every += 9 {
		wrong := func(i int) bool { return i%every == every/2 }
		require.False(t, v.VerifyBatch(batchOf(n, wrong), valid))
		require.GreaterOrEqual(t, v.budget, 0, "every %dth", every)
		for i, ok := range valid {
			require.Equal(t, !wrong(i), ok, "every %dth", every)
		}
	}
	// with none to go on with
	v.collect(batchOf(n, func(i int) bool { return i == 7 }))
	v.liftAll()
	v.weigh(batchOf(n, func(i int) bool { return i == 7 }))
	var diff jacobian
	v.difference(&diff, 0, n)
	v.budget, v.settled, v.wrong = n, 0, 0
	clear(valid)
	v.bisect(0, n, &diff, valid)
	require.Equal(t, n, v.settled)
	require.Equal(t, 1, v.wrong)
	require.False(t, valid[7])
}
