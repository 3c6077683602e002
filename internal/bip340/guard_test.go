package bip340_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/test/kit"
)

// watch is a Guard with a clock and dice of its own, and a reference that counts and may lie.
type watch struct {
	*bip340.Guard
	now     time.Time
	dice    uint32
	asked   atomic.Int64
	lieFor  atomic.Pointer[[64]byte] // about this signature
	reports []bip340.Disagreement
}

func newWatch() *watch {
	w := &watch{now: time.Unix(1700000000, 0), dice: 1}
	w.Guard = bip340.NewGuard(bip340.GuardConfig{
		Reference: func(pub, msg *[32]byte, sig *[64]byte) bool {
			w.asked.Add(1)
			valid := bip340.Reference(pub, msg, sig)
			if lie := w.lieFor.Load(); lie != nil && *lie == *sig {
				return !valid
			}
			return valid
		},
		OnDisagreement: func(d bip340.Disagreement) { w.reports = append(w.reports, d) },
		Now:            func() time.Time { return w.now },
		Random:         func() uint32 { return w.dice },
	})
	return w
}

func wrong(m *caseMaker) bip340.Item {
	item := m.good()
	item.Msg[0] ^= 1
	return item
}

// Shows D26.
func TestOneAcceptanceIn1024IsConfirmed(t *testing.T) {
	m := newCaseMaker(30, 5)
	item := m.good()
	w := newWatch()
	v := bip340.New(nil)
	hits := 0
	for d := range uint32(3 * bip340.AcceptancesPerCheck) {
		if d%97 != 0 && d%1024 > 1 {
			continue // enough of them
		}
		w.dice = d
		before := w.asked.Load()
		require.True(t, w.VerifyOne(v, item.Pub, item.Msg, item.Sig))
		if w.asked.Load() != before {
			require.Zero(t, d%bip340.AcceptancesPerCheck)
			hits++
		}
	}
	assert.Equal(t, 3, hits)
	assert.False(t, w.Distrusted())
	assert.Empty(t, w.reports)
}

// Shows D26.
func TestAtMost100RefusalsASecondAreConfirmed(t *testing.T) {
	m := newCaseMaker(31, 5)
	bad := wrong(m)
	w := newWatch()
	v := bip340.New(nil)
	items := make([]bip340.Item, 130)
	for i := range items {
		items[i] = bad
	}
	valid := make([]bool, len(items))
	require.False(t, w.VerifyBatch(v, items, valid))
	assert.EqualValues(t, 100, w.asked.Load())
	assert.NotContains(t, valid, true)

	w.now = w.now.Add(time.Second - 1)
	require.False(t, w.VerifyOne(v, bad.Pub, bad.Msg, bad.Sig))
	assert.EqualValues(t, 100, w.asked.Load(), "within a second")
	w.now = w.now.Add(1)
	for range 60 {
		require.False(t, w.VerifyOne(v, bad.Pub, bad.Msg, bad.Sig))
	}
	w.now = w.now.Add(time.Second / 2)
	for range 60 {
		require.False(t, w.VerifyOne(v, bad.Pub, bad.Msg, bad.Sig))
	}
	assert.EqualValues(t, 200, w.asked.Load(), "also within a second that begins in between")
	assert.False(t, w.Distrusted())
}

// Shows D26.
func TestADisagreementOverARefusalSwitchesForGood(t *testing.T) {
	m := newCaseMaker(32, 5)
	good, bad := m.good(), wrong(m)
	w := newWatch()
	v := bip340.New(nil)
	w.lieFor.Store(bad.Sig)
	require.True(t, w.VerifyOne(v, bad.Pub, bad.Msg, bad.Sig), "the reference has the last word")
	require.True(t, w.Distrusted())
	require.Equal(t, []bip340.Disagreement{{Pub: *bad.Pub, Msg: *bad.Msg, Sig: *bad.Sig}}, w.reports)

	before := w.asked.Load()
	for range 3 {
		require.True(t, w.VerifyOne(v, good.Pub, good.Msg, good.Sig))
		valid := make([]bool, 2)
		require.True(t, w.VerifyBatch(v, []bip340.Item{good, bad}, valid))
		require.Equal(t, []bool{true, true}, valid)
	}
	assert.EqualValues(t, 9, w.asked.Load()-before, "all by the reference")
	assert.Len(t, w.reports, 1, "reported once")
}

func TestADisagreementWithinABatchHasAllOfItDoneAgain(t *testing.T) {
	m := newCaseMaker(33, 5)
	w := newWatch()
	v := bip340.New(nil)
	items := m.batch(20, 0)
	items[3] = wrong(m)
	w.lieFor.Store(items[12].Sig)
	valid := make([]bool, 20)
	require.False(t, w.VerifyBatch(v, items, valid))
	require.False(t, w.Distrusted(), "the dice did not ask")

	w.dice = 0
	require.False(t, w.VerifyBatch(v, items, valid))
	require.True(t, w.Distrusted())
	for i, ok := range valid {
		assert.Equal(t, i != 3 && i != 12, ok, "%d", i)
	}
	require.Len(t, w.reports, 1)
	assert.True(t, w.reports[0].Accepted)
	assert.Equal(t, *items[12].Sig, w.reports[0].Sig)
}

func TestAPanicIsADisagreement(t *testing.T) {
	m := newCaseMaker(34, 5)
	good, bad := m.good(), wrong(m)
	w := newWatch()
	require.True(t, w.VerifyOne(nil, good.Pub, good.Msg, good.Sig)) // no Verifier to work with
	require.True(t, w.Distrusted())
	require.Len(t, w.reports, 1)
	require.NotNil(t, w.reports[0].Panic)

	w = newWatch()
	valid := make([]bool, 2)
	require.False(t, w.VerifyBatch(nil, []bip340.Item{good, bad}, valid))
	require.Equal(t, []bool{true, false}, valid)
	require.Len(t, w.reports, 1)
}

func TestAGuardNeedsNoConfig(t *testing.T) {
	m := newCaseMaker(35, 5)
	g := bip340.NewGuard(bip340.GuardConfig{})
	v := bip340.New(nil)
	good, bad := m.good(), wrong(m)
	for range 50 {
		require.True(t, g.VerifyOne(v, good.Pub, good.Msg, good.Sig))
	}
	require.False(t, g.VerifyOne(v, bad.Pub, bad.Msg, bad.Sig))
	require.False(t, g.Distrusted())
}

func TestManyGoroutinesShareAGuardAndAKeyCache(t *testing.T) {
	m := newCaseMaker(36, 60)
	items := m.batch(40, 20)
	want, all := verdicts(items, bip340.Reference)
	for _, lie := range []bool{false, true} {
		var reports atomic.Int64
		g := bip340.NewGuard(bip340.GuardConfig{
			Reference: func(pub, msg *[32]byte, sig *[64]byte) bool {
				return bip340.Reference(pub, msg, sig) != (lie && *sig == *items[0].Sig)
			},
			OnDisagreement: func(bip340.Disagreement) { reports.Add(1) },
			Random:         func() uint32 { return 0 },
		})
		keys := bip340.NewKeyCache(30)
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() {
				v := bip340.New(keys)
				valid := make([]bool, len(items))
				for range 2 {
					got := g.VerifyBatch(v, items, valid)
					if !lie {
						assert.Equal(t, all, got)
						assert.Equal(t, want, valid)
					}
				}
			})
		}
		workers.Wait()
		assert.Equal(t, lie, g.Distrusted())
		if lie {
			assert.EqualValues(t, 1, reports.Load())
		}
	}
}

func TestAGuardAddsNoAllocation(t *testing.T) {
	m := newCaseMaker(37, 5)
	items := m.batch(64, 0)
	g := bip340.NewGuard(bip340.GuardConfig{Random: func() uint32 { return math.MaxUint32 }})
	v := bip340.New(nil)
	valid := make([]bool, 64)
	g.VerifyBatch(v, items, valid)
	g.VerifyBatch(v, items, valid)
	assert.Zero(t, kit.Allocs(3, func() { g.VerifyBatch(v, items, valid) }))
	assert.Zero(t, kit.Allocs(3, func() { g.VerifyOne(v, items[0].Pub, items[0].Msg, items[0].Sig) }))
}
