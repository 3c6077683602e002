package bip340_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/test/kit"
)

func verdicts(items []bip340.Item, verify func(pub, msg *[32]byte, sig *[64]byte) bool) ([]bool, bool) {
	valid := make([]bool, len(items))
	all := true
	for i, item := range items {
		valid[i] = verify(item.Pub, item.Msg, item.Sig)
		all = all && valid[i]
	}
	return valid, all
}

// requireAgreement checks that v comes to the reference's verdicts, one by one and as a batch.
// It returns how many are genuine.
func requireAgreement(t testing.TB, v *bip340.Verifier, items []bip340.Item) int {
	t.Helper()
	want, all := verdicts(items, bip340.Reference)
	valid := make([]bool, len(items))
	require.Equal(t, all, v.VerifyBatch(items, valid))
	one, _ := verdicts(items, v.VerifyOne)
	genuine := 0
	for i, item := range items {
		if want[i] {
			genuine++
		}
		if valid[i] != want[i] || one[i] != want[i] {
			t.Fatalf("pub %x msg %x sig %x: reference %v, single %v, batch of %d %v",
				*item.Pub, *item.Msg, *item.Sig, want[i], one[i], len(items), valid[i])
		}
	}
	return genuine
}

// TestAgreesWithTheReference goes over 1,500 cases, or as many as the environment variable BIP340_CASES
// says. More than a third of
// them are tampered with or crafted.
// Shows D26.
func TestAgreesWithTheReference(t *testing.T) {
	cases := 1500
	if s := os.Getenv("BIP340_CASES"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		cases = n
	}
	m := newCaseMaker(uint64(cases), min(2000, cases/20))
	verifiers := []*bip340.Verifier{
		bip340.New(nil),
		bip340.New(bip340.NewKeyCache(64)), // full soon
		bip340.New(bip340.NewKeyCache(8192)),
	}
	total, genuine, crafted, batches := 0, 0, 0, 0
	sizes := []int{1, 2, 3, 4, 6, 8, 9, 12, 20, 33, 64, 90, 150, 300, 512, 600}
	percents := []int{0, 2, 25, 60, 100}
	for total < cases {
		n := sizes[m.IntN(len(sizes))]
		percent := percents[m.IntN(len(percents))]
		items := m.batch(n, percent)
		genuine += requireAgreement(t, verifiers[m.IntN(len(verifiers))], items)
		total += n
		crafted += n * percent / 100
		batches++
	}
	t.Logf("%d cases in %d batches, about %d tampered with or crafted, %d genuine", total, batches, crafted, genuine)
}

func TestEveryKindOfCaseAgreesInSmallAndLargeBatches(t *testing.T) {
	m := newCaseMaker(22, 10)
	v := bip340.New(nil)
	for range 25 {
		requireAgreement(t, v, m.batch(5, 100))
	}
	requireAgreement(t, v, m.batch(200, 100))
}

func TestErrorsThatCancelAreFound(t *testing.T) {
	m := newCaseMaker(23, 50)
	v := bip340.New(nil)
	for _, n := range []int{2, 3, 10, 64, 200, 512} {
		items := m.batch(n, 0)
		two := m.cancelling()
		items[0], items[n-1] = two[0], two[1]
		valid := make([]bool, n)
		require.False(t, v.VerifyBatch(items, valid), "%d", n)
		for i, ok := range valid {
			require.Equal(t, i != 0 && i != n-1, ok, "%d of %d", i, n)
		}
	}
}

func TestWrongOnesAreFoundWhereverTheyAre(t *testing.T) {
	m := newCaseMaker(24, 40)
	for _, keys := range []int{0, 1000} {
		v := bip340.New(bip340.NewKeyCache(keys))
		for _, n := range []int{2, 3, 5, 16, 101, 513} {
			genuine := m.batch(n, 0)
			wrong := m.good()
			wrong.Msg[0] ^= 1
			patterns := map[string]func(i int) bool{
				"none":       func(int) bool { return false },
				"the first":  func(i int) bool { return i == 0 },
				"the last":   func(i int) bool { return i == n-1 },
				"the middle": func(i int) bool { return i == n/2 },
				"every 50th": func(i int) bool { return i%50 == 49 },
				"half":       func(i int) bool { return i >= n/2 },
				"all":        func(int) bool { return true },
				"all but 1":  func(i int) bool { return i != n/3 },
				"every 3rd":  func(i int) bool { return i%3 == 0 },
			}
			for name, bad := range patterns {
				items := append([]bip340.Item(nil), genuine...)
				want := make([]bool, n)
				all := true
				for i := range items {
					want[i] = !bad(i)
					if bad(i) {
						items[i] = wrong
						all = false
					}
				}
				valid := make([]bool, n)
				assert.Equal(t, all, v.VerifyBatch(items, valid), "%s of %d", name, n)
				assert.Equal(t, want, valid, "%s of %d", name, n)
			}
		}
	}
}

func TestAnEmptyBatchIsAllGenuine(t *testing.T) {
	assert.True(t, bip340.New(nil).VerifyBatch(nil, nil))
}

func TestTheSameSignatureManyTimes(t *testing.T) {
	m := newCaseMaker(25, 5)
	v := bip340.New(nil)
	for _, n := range []int{2, 5, 30, 100, 512} {
		items := make([]bip340.Item, n)
		one := m.good()
		for i := range items {
			items[i] = one
		}
		valid := make([]bool, n)
		require.True(t, v.VerifyBatch(items, valid), "%d", n)
		bad := one
		sig := *one.Sig
		sig[63] ^= 1
		bad.Sig = &sig
		for i := range items {
			items[i] = bad
		}
		require.False(t, v.VerifyBatch(items, valid), "%d", n)
		require.Equal(t, make([]bool, n), valid)
	}
}

func TestOldVerdictsDoNotRemain(t *testing.T) {
	m := newCaseMaker(26, 5)
	v := bip340.New(nil)
	bad := m.good()
	bad.Pub = new([32]byte) // 0 is no x of the curve
	items := []bip340.Item{bad, m.good(), bad}
	valid := []bool{true, false, true}
	require.False(t, v.VerifyBatch(items, valid))
	require.Equal(t, []bool{false, true, false}, valid)
	valid = []bool{true}
	require.False(t, v.VerifyBatch(items[:1], valid))
	require.Equal(t, []bool{false}, valid)
}

// What a Verifier takes is said in its doc comment, and adds up in a client's.
// Shows B27.
func TestAVerifierTakesAMegabyte(t *testing.T) {
	items, valid := distinct(bip340.MaxBatch, bip340.MaxBatch), make([]bool, bip340.MaxBatch)
	bip340.New(nil) // with what all share
	before := kit.Heap()
	v := bip340.New(nil)
	require.True(t, v.VerifyBatch(items, valid))
	took := kit.Heap() - before
	runtime.KeepAlive(v)
	assert.InDelta(t, 1.05e6, took, 0.15e6)
}

// Shows B27.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	m := newCaseMaker(27, 700)
	for _, keys := range []int{0, 50, 4096} {
		v := bip340.New(bip340.NewKeyCache(keys))
		for _, n := range []int{1, 2, 8, 64, 512} {
			for _, percent := range []int{0, 5} {
				if percent > 0 && n > 100 && keys > 0 {
					continue
				}
				items := m.batch(n, percent)
				valid := make([]bool, n)
				t.Run(fmt.Sprintf("%d keys, %d at once, %d%% crafted", keys, n, percent), func(t *testing.T) {
					v.VerifyBatch(items, valid)
					runs := 1 + 20/n
					// weights differ from run to run, and so may sizes: what grows is over soon
					for range 2 {
						v.VerifyBatch(items, valid)
					}
					assert.Zero(t, kit.Allocs(runs, func() { v.VerifyBatch(items, valid) }))
					item := items[0]
					assert.Zero(t, kit.Allocs(runs, func() { v.VerifyOne(item.Pub, item.Msg, item.Sig) }))
				})
			}
		}
	}
}
