package nip13_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip13"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// The example of NIP-13: committed to 20 bits, and has 21.
const mined = `{"id":"000006d8c378af1779d2feebc7603a125d99eca0ccf1085959b307f64e5dd358","pubkey":"a48380f4cfcc1ad5378294fcac36439770f9c878dd880ffa94bb74ea54a6f243","created_at":1651794653,"kind":1,"tags":[["nonce","776797","20"]],"content":"It's just me mining my own business","sig":"284622fc0a3f4f1303455d5175f7ba962a3300d136085b9566801bc2e0699de0c7e31e44c81fb40ad9049173742e904713c3594a1da0fc5d2382a25c11aba977"}`

func example(t testing.TB) *nostr.Event {
	t.Helper()
	var e nostr.Event
	require.NoError(t, json.Unmarshal([]byte(mined), &e))
	return &e
}

func TestP63DifficultyCountsLeadingZeroBits(t *testing.T) {
	for id, want := range map[string]int{
		"000000000e9d97a1ab09fc381030b346cdd7a142ad57e6df0b46dc9bef6c7e2d": 36, // of NIP-13
		"000006d8c378af1779d2feebc7603a125d99eca0ccf1085959b307f64e5dd358": 21,
		"ff" + strings.Repeat("0", 62):                                     0, "80" + strings.Repeat("0", 62): 0, "7f" + strings.Repeat("f", 62): 1, "01" + strings.Repeat("f", 62): 7, "00ff" + strings.Repeat("0", 60): 8,
		strings.Repeat("0", 63) + "1": 255, strings.Repeat("0", 64): 256,
	} {
		assert.Equal(t, want, nip13.Difficulty(nostr.MustIDFromHex(id)), id)
	}
}

func TestP63TheThirdItemOfTheNonceTagIsTheCommittedTarget(t *testing.T) {
	for text, want := range map[string]int{
		`[["nonce","776797","20"]]`: 20, `[["t","x"],["nonce","","0","more"]]`: 0, `[["nonce","1","256"]]`: 256, `[["nonce","1","007"]]`: 7,
		`[["nonce","1","10"],["nonce","1","20"]]`: 10,
		`[]`: -1, `[["nonce"]]`: -1, `[["nonce","20"]]`: -1, `[["nonce","1",""]]`: -1, `[["nonce","1","257"]]`: -1, `[["nonce","1","-1"]]`: -1, `[["nonce","1","+20"]]`: -1,
		`[["nonce","1"," 20"]]`: -1, `[["nonce","1","20.0"]]`: -1, `[["nonce","1","99999999999999999999"]]`: -1, `[["Nonce","1","20"]]`: -1, `[["nonce","1"],["nonce","1","20"]]`: -1,
	} {
		var e nostr.Event
		require.NoError(t, json.Unmarshal([]byte(text), &e.Tags))
		target, ok := nip13.Committed(&e)
		assert.Equal(t, want >= 0, ok, text)
		assert.Equal(t, max(want, 0), target, text)
	}
}

func TestP63CheckWantsDifficultyAndCommitment(t *testing.T) {
	e := example(t)
	for _, min := range []int{math.MinInt, -1, 0, 1, 19, 20} {
		assert.NoError(t, nip13.Check(e, min))
	}
	assert.ErrorIs(t, nip13.Check(e, 21), nip13.ErrNotCommitted, "21 zero bits, but by luck")
	assert.ErrorContains(t, nip13.Check(e, 21), "committed to 20 bits, want 21")
	assert.ErrorIs(t, nip13.Check(e, math.MaxInt), nip13.ErrNotCommitted)

	tags := e.Tags
	e.Tags = nostr.Tags{{"nonce", "776797"}}
	assert.ErrorIs(t, nip13.Check(e, 1), nip13.ErrNotCommitted)
	assert.NoError(t, nip13.Check(e, 0))
	e.Tags = nostr.Tags{{"nonce", "776797", "30"}}
	assert.ErrorIs(t, nip13.Check(e, 22), nip13.ErrTooEasy)
	assert.ErrorContains(t, nip13.Check(e, 22), "21 leading zero bits, want 22")
	assert.ErrorIs(t, nip13.Check(e, 20), nostr.ErrBadID, "the commitment is part of the hash")

	e.Tags = tags
	e.ID = nostr.ID{31: 1}
	assert.ErrorIs(t, nip13.Check(e, 20), nostr.ErrBadID, "an ID is a claim")
}

func TestMinedEventsPassAndKeepTheirIDWhenSigned(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	for _, workers := range []int{-1, 0, 1, 2, 7} {
		for _, target := range []int{1, 8, 12} {
			e := nostr.Event{PubKey: sk.PubKey(), CreatedAt: 1700000000, Kind: 1, Content: "hello \"\u00fc\"\n", Tags: nostr.Tags{{"t", "x"}}}
			require.NoError(t, nip13.Mine(t.Context(), &e, target, nip13.WithWorkers(workers)))
			require.NoError(t, nip13.Check(&e, target))
			require.GreaterOrEqual(t, nip13.Difficulty(e.ID), target)
			require.Equal(t, nostr.Timestamp(1700000000), e.CreatedAt)
			require.Len(t, e.Tags, 2)
			require.Equal(t, strconv.Itoa(target), e.Tags[1][2])

			id := e.ID
			require.NoError(t, e.Sign(sk))
			require.Equal(t, id, e.ID)
			require.NoError(t, e.Verify())
		}
	}
}

// The midstate begins at every place of a block, and nonces grow by a digit.
func TestMiningFindsTheHashOfTheCanonicalForm(t *testing.T) {
	for n := range 140 {
		e := &nostr.Event{PubKey: nostr.PubKey{1}, CreatedAt: nostr.Timestamp(n + 1), Content: strings.Repeat("c", 139-n), Tags: nostr.Tags{{"t", strings.Repeat("0", n)}, {"1"}}}
		m := nip13.NewMiner(e, 5)
		for _, nonce := range []uint64{0, 1, 9, 10, 99, 100, 3, 12345678, math.MaxUint64} {
			id, good := m.Try(nonce)
			e.Tags = append(e.Tags[:2:2], nostr.Tag{"nonce", strconv.FormatUint(nonce, 10), "5"})
			require.Equal(t, e.GetID(), id)
			require.Equal(t, nip13.Difficulty(id) >= 5, good)
			e.Tags = e.Tags[:2]
		}
	}
}

func TestMiningReplacesEveryNonceTag(t *testing.T) {
	tags := nostr.Tags{{"nonce", "1", "40"}, {"e", "x"}, {"nonce"}, {"p", "y"}}
	e := nostr.Event{PubKey: nostr.PubKey{1}, CreatedAt: 1, Tags: tags, Sig: nostr.Sig{1}, ID: nostr.ID{1}}
	require.NoError(t, nip13.Mine(t.Context(), &e, 4))
	require.Len(t, e.Tags, 3)
	assert.Equal(t, nostr.Tags{{"e", "x"}, {"p", "y"}}, e.Tags[:2])
	assert.NoError(t, nip13.Check(&e, 4))
	assert.Zero(t, e.Sig, "the old signature does not fit")
	assert.Equal(t, nostr.Tags{{"nonce", "1", "40"}, {"e", "x"}, {"nonce"}, {"p", "y"}}, tags, "the caller's list is his")

	again := e
	require.NoError(t, nip13.Mine(t.Context(), &again, 6))
	assert.Len(t, again.Tags, 3)
	assert.NoError(t, nip13.Check(&again, 6))
}

func TestCreatedAtMovesOnWhileMiningOnlyIfItWasZero(t *testing.T) {
	var now nostr.Timestamp = 1000
	clock := func() nostr.Timestamp { now++; return now } // a second for each look at it
	e := nostr.Event{PubKey: nostr.PubKey{1}}
	require.NoError(t, nip13.Mine(t.Context(), &e, 15, nip13.WithWorkers(1), nip13.WithClock(clock)))
	assert.Equal(t, now, e.CreatedAt)
	assert.Greater(t, now, nostr.Timestamp(1002), "2^15 tries are more than one look")
	assert.NoError(t, nip13.Check(&e, 15))

	e = nostr.Event{PubKey: nostr.PubKey{1}, CreatedAt: 77}
	require.NoError(t, nip13.Mine(t.Context(), &e, 10, nip13.WithWorkers(1), nip13.WithClock(clock)))
	assert.Equal(t, nostr.Timestamp(77), e.CreatedAt)
}

func TestMiningRefusals(t *testing.T) {
	good := nostr.Event{PubKey: nostr.PubKey{1}, CreatedAt: 5, ID: nostr.ID{1}, Sig: nostr.Sig{2}, Tags: nostr.Tags{{"t", "x"}}}
	with := func(change func(*nostr.Event)) *nostr.Event {
		e := good.Clone()
		change(e)
		return e
	}
	for _, v := range []struct {
		e      *nostr.Event
		target int
		want   error
	}{
		{good.Clone(), 0, nip13.ErrTarget}, {good.Clone(), -1, nip13.ErrTarget}, {good.Clone(), 65, nip13.ErrTarget}, {good.Clone(), math.MaxInt, nip13.ErrTarget},
		{with(func(e *nostr.Event) { e.PubKey = nostr.PubKey{} }), 1, nip13.ErrNoPubKey},
		{with(func(e *nostr.Event) { e.Content = "\xff" }), 1, nostr.ErrInvalidEvent},
		{with(func(e *nostr.Event) { e.Tags[0] = nil }), 1, nostr.ErrInvalidEvent},
		{with(func(e *nostr.Event) { e.CreatedAt = -1 }), 1, nostr.ErrInvalidEvent},
	} {
		before := v.e.Clone()
		assert.ErrorIs(t, nip13.Mine(t.Context(), v.e, v.target), v.want)
		assert.Equal(t, before, v.e, "untouched")
	}
}

func TestCancelledMiningLeavesTheEventAndNoGoroutine(t *testing.T) {
	cause := fmt.Errorf("the user went home")
	for _, content := range []string{"", strings.Repeat("x", 1<<20)} {
		for _, workers := range []int{1, 4} {
			ctx, cancel := context.WithCancelCause(t.Context())
			running := make(chan struct{}, 1<<20)
			clock := func() nostr.Timestamp { // a look at it shows that the search is on
				select {
				case running <- struct{}{}:
				default:
				}
				return 1
			}
			e := &nostr.Event{PubKey: nostr.PubKey{1}, Content: content, Tags: nostr.Tags{{"nonce", "1", "2"}}, Sig: nostr.Sig{1}}
			before := e.Clone()
			done := make(chan error)
			go func() {
				done <- nip13.Mine(ctx, e, nip13.MaxTarget, nip13.WithWorkers(workers), nip13.WithClock(clock))
			}() // ends with ctx, joined below
			for range 3 * workers {
				<-running
			}
			cancel(cause)
			assert.ErrorIs(t, <-done, cause)
			assert.Equal(t, before, e)

			assert.ErrorIs(t, nip13.Mine(ctx, e, 1), cause, "done before it began")
			assert.Equal(t, before, e)
		}
	}
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	assert.ErrorIs(t, nip13.Mine(expired, &nostr.Event{PubKey: nostr.PubKey{1}}, 1), context.DeadlineExceeded)
}

func TestTryingANonceDoesNotAllocate(t *testing.T) {
	m := nip13.NewMiner(example(t), 64)
	nonce := uint64(1000)
	assert.Zero(t, testing.AllocsPerRun(100, func() { m.Try(nonce); nonce++ }))
}

func FuzzCheck(f *testing.F) {
	f.Add("776797", "20", 20)
	f.Add("", "-1", 300)
	f.Fuzz(func(t *testing.T, nonce, target string, min int) {
		e := example(t)
		e.Tags = nostr.Tags{{"nonce", nonce, target}}
		if err := nip13.Check(e, min); err == nil && min > 0 {
			committed, ok := nip13.Committed(e)
			require.True(t, ok && committed >= min)
			require.GreaterOrEqual(t, nip13.Difficulty(e.ID), min)
			require.NoError(t, e.CheckID())
		}
	})
}

// One core's tries; a second on the clock has as many as tries/s says.
func BenchmarkTry(b *testing.B) {
	for _, size := range []int{0, 40, 280, 4096} {
		e := example(b)
		e.Content = strings.Repeat("x", size)
		b.Run(fmt.Sprintf("content=%d", size), func(b *testing.B) {
			m := nip13.NewMiner(e, 64)
			nonce := uint64(0)
			for b.Loop() {
				m.Try(nonce)
				nonce++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tries/s")
		})
	}
}

// What a miner does that hashes the whole canonical form for each try.
func BenchmarkTryWithoutMidstate(b *testing.B) {
	e := example(b)
	for i := 0; b.Loop(); i++ {
		e.Tags[0][1] = strconv.Itoa(i)
		_ = e.GetID()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tries/s")
}

func BenchmarkMine16Bits(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		e := &nostr.Event{PubKey: nostr.PubKey{1}, CreatedAt: nostr.Timestamp(i + 1), Kind: 1, Content: "It's just me mining my own business"}
		if err := nip13.Mine(b.Context(), e, 16); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleMine() {
	sk := nostr.GenerateSecretKey()
	e := nostr.Event{PubKey: sk.PubKey(), Kind: nostr.KindTextNote, Content: "not spam"}
	if err := nip13.Mine(context.Background(), &e, 12); err != nil {
		fmt.Println(err)
		return
	}
	if err := e.Sign(sk); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("genuine:", e.Verify() == nil)
	fmt.Println("worth 12 bits:", nip13.Check(&e, 12) == nil)
	fmt.Println("worth 13 bits:", nip13.Check(&e, 13) == nil) // even if the ID has them by luck
	// Output:
	// genuine: true
	// worth 12 bits: true
	// worth 13 bits: false
}
