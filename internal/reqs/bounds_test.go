package reqs_test

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// What a churny client and an adversarial relay can do to a table is bounded.
// These are the bounds of grace.go as its users see them.
const (
	maxGrace  = 1024
	maxFormer = 8
)

// Shows B09.
func TestGraceHoldsAtMost1024IDsAndForgetsTheOldestFirst(t *testing.T) {
	table := newTable(grace)
	table.Open("open", kinds(1), at(0))
	for i := range maxGrace + 1 {
		id := strconv.Itoa(i)
		table.Open(id, kinds(1), at(0))
		table.Close(id, at(0))
	}
	assert.Equal(t, reqs.Unknown, judge(table, "0", 1, 1), "forgotten")
	for i := range maxGrace {
		require.Equal(t, reqs.Late, judge(table, strconv.Itoa(i+1), 1, 1))
	}
	assert.Equal(t, reqs.Accept, judge(table, "open", 1, 1), "what is open is never forgotten")
}

func TestTheBoundIsOnAllNamespacesTogether(t *testing.T) {
	table := newTable(grace)
	table.OpenCount("c", nil, at(0))
	table.Count("c", at(0))
	for i := range maxGrace {
		id := strconv.Itoa(i)
		table.OpenNeg(id, nil, at(0))
		table.CloseNeg(id, at(0))
	}
	assert.Equal(t, reqs.Unknown, table.Count("c", at(0)))
	assert.Equal(t, reqs.Late, table.Neg("0", at(0)))
}

func TestAnIDThatEndsAgainIsTheYoungestAgain(t *testing.T) {
	table := newTable(grace)
	for i := range maxGrace {
		id := strconv.Itoa(i)
		table.Open(id, kinds(1), at(0))
		table.Close(id, at(0))
	}
	table.Open("0", kinds(1), at(0))
	table.Close("0", at(0))
	table.Open("new", kinds(1), at(0))
	table.Close("new", at(0))
	assert.Equal(t, reqs.Late, judge(table, "0", 1, 0))
	assert.Equal(t, reqs.Unknown, judge(table, "1", 1, 0))
}

// Where a bound made the table forget the old filters of an open id, an honest
// relay is still not accused: what matches nothing is Late until their time is over.
func TestForgettingOldFiltersNeverAccusesARelay(t *testing.T) {
	heavy := []nostr.Filter{{Kinds: []nostr.Kind{1}, Authors: make([]nostr.PubKey, 40_000)}}
	for name, forget := range map[string]func(table){
		"replaced too often": func(table table) {
			for i := range maxFormer {
				table.Open("a", kinds(nostr.Kind(100+i)), at(1))
			}
			table.Open("a", kinds(2), at(1))
		},
		"too many ids": func(table table) {
			table.Open("a", kinds(2), at(0))
			for i := range maxGrace {
				id := strconv.Itoa(i)
				table.OpenNeg(id, nil, at(1))
				table.CloseNeg(id, at(1))
			}
		},
		"filters too heavy": func(table table) {
			table.Open("a", heavy, at(0))
			table.Open("a", kinds(2), at(0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(grace)
			table.Open("a", kinds(1), at(0))
			forget(table)
			assert.Equal(t, reqs.Late, judge(table, "a", 1, 9))
			assert.Equal(t, reqs.Late, judge(table, "a", 99, 9), "the filters that could tell are gone")
			assert.Equal(t, reqs.Accept, judge(table, "a", 2, 9))
			assert.Equal(t, reqs.Mismatch, judge(table, "a", 99, 11), "and so is their time")
		})
	}
}

func TestAREQReplacedForEverStaysExactAboutTheLastOnes(t *testing.T) {
	table := newTable(grace)
	for i := range 1_000 { // more often than maxFormer within grace
		table.Open("a", kinds(nostr.Kind(i)), at(float64(i)/2))
	}
	assert.Equal(t, reqs.Accept, judge(table, "a", 999, 499.5))
	assert.Equal(t, reqs.Late, judge(table, "a", 998, 499.5))
	// The youngest of those whose filters are gone is 990, replaced at 495.5.
	assert.Equal(t, reqs.Late, judge(table, "a", 5, 505.4))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 5, 505.5))
	assert.Equal(t, reqs.Late, judge(table, "a", 991, 505.9))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 991, 506))
	assert.Equal(t, reqs.Late, judge(table, "a", 998, 509.4))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 998, 509.5))
	assert.Equal(t, 1, table.Len())
}

// The bound on weight is a bound on what is in grace now, not on what ever was.
func TestHeavyFiltersReplacedSlowlyStayExact(t *testing.T) {
	table := newTable(grace)
	heavy := func(kind nostr.Kind) []nostr.Filter { // 0.4 of the 1 MiB
		return []nostr.Filter{{Kinds: []nostr.Kind{kind}}, {Kinds: []nostr.Kind{}, Authors: make([]nostr.PubKey, 13_000)}}
	}
	for i := range 30 {
		now := float64(6 * i)
		table.Open("a", heavy(nostr.Kind(i+1)), at(now))
		require.Equal(t, reqs.Accept, judge(table, "a", nostr.Kind(i+1), now))
		require.Equal(t, reqs.Mismatch, judge(table, "a", 99, now))
		if i > 0 {
			require.Equal(t, reqs.Late, judge(table, "a", nostr.Kind(i), now))
		}
		if i > 1 {
			require.Equal(t, reqs.Mismatch, judge(table, "a", nostr.Kind(i-1), now+5))
		}
	}
}

// The youngest of the forgotten REQs decides how long nothing is a mismatch,
// also when an older one is forgotten after it.
func TestForgettingAnOlderREQLaterShortensNothing(t *testing.T) {
	table := newTable(grace)
	for i := range maxFormer {
		table.Open("a", kinds(nostr.Kind(100+i)), at(0))
	}
	table.Open("a", []nostr.Filter{{Kinds: []nostr.Kind{1}, Authors: make([]nostr.PubKey, 40_000)}}, at(0))
	table.Open("a", kinds(2), at(5)) // too heavy to keep
	table.Open("a", kinds(3), at(6)) // an old one makes room
	table.Open("a", kinds(4), at(7))
	assert.Equal(t, reqs.Late, judge(table, "a", 1, 14.9))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 1, 15))
}

// Shows B09.
func TestEndlessOpensAndClosesCostNoMemory(t *testing.T) {
	table := newTable(grace)
	filters := kinds(1)
	churn := func(n int, seconds float64) {
		for i := range n {
			id := strconv.Itoa(i)
			table.Open(id, filters, at(seconds))
			table.Close(id, at(seconds))
		}
	}
	churn(10_000, 0)
	before := heapInUse()
	churn(200_000, 1)
	assert.Less(t, heapInUse()-before, int64(256<<10))
	assert.Zero(t, table.Len())
	runtime.KeepAlive(table)
}

// Shows B09.
func TestHeavyFiltersInGraceAreBounded(t *testing.T) {
	table := newTable(grace)
	filters := []nostr.Filter{{
		Authors: make([]nostr.PubKey, 1_000), IDs: make([]nostr.ID, 100),
		Tags: nostr.TagMap{"t": {"a", "b"}}, Search: "x",
	}}
	before := heapInUse()
	for i := range 20_000 { // 700 MB of filters
		id := strconv.Itoa(i % 2_000)
		table.Open(id, filters, at(0))
		if i%2 == 0 {
			table.Close(id, at(0))
		}
	}
	for i := range 2_000 {
		table.Close(strconv.Itoa(i), at(0))
	}
	assert.Less(t, heapInUse()-before, int64(3<<20))
	runtime.KeepAlive(table)
}

func TestAllOfItIsForgottenAfterTheGraceTime(t *testing.T) {
	table := newTable(grace)
	before := heapInUse()
	for i := range 50_000 {
		table.Open(strconv.Itoa(i), kinds(1), at(0))
	}
	peak := heapInUse() - before
	for i := range 50_000 {
		table.Close(strconv.Itoa(i), at(1))
	}
	for i := range 50_000 { // replaced ones too, in the same heavy budget
		table.Open("a", kinds(nostr.Kind(i%9)), at(1))
	}
	table.Close("a", at(1))
	table.Trim(at(11))
	assert.Less(t, heapInUse()-before, peak/20)
	assert.False(t, table.Known("a"))

	// The budget is free again: filters are kept, and so mismatches are told.
	table.Open("b", kinds(1), at(12))
	table.Open("b", kinds(2), at(12))
	assert.Equal(t, reqs.Late, judge(table, "b", 1, 12))
	assert.Equal(t, reqs.Mismatch, judge(table, "b", 3, 12))
}

func TestEventDoesNotAllocate(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Open("a", kinds(2), at(0))
	table.Open("b", kinds(2), at(0))
	table.Close("b", at(0))
	evs, now := []*nostr.Event{event(1), event(2), event(3)}, at(1)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, ev := range evs {
			table.Event("a", ev, now)
			table.Event("b", ev, now)
			table.Event("c", ev, now)
		}
	}))
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkEvent(b *testing.B) {
	authors := make([]nostr.PubKey, 100)
	for i := range authors {
		authors[i][0] = byte(i)
	}
	now := start.Add(time.Minute)
	ev := event(1)
	ev.PubKey = authors[99]
	for name, prepare := range map[string]func(table){
		"accept":         func(t table) { t.Open("a", kinds(1), start) },
		"accept/authors": func(t table) { t.Open("a", []nostr.Filter{{Authors: authors}}, start) },
		"late/replaced":  func(t table) { t.Open("a", kinds(1), now); t.Open("a", kinds(2), now) },
		"mismatch":       func(t table) { t.Open("a", kinds(2), start) },
		"unknown":        func(t table) { t.Open("b", kinds(1), start) },
	} {
		b.Run(name, func(b *testing.B) {
			table := newTable(grace)
			prepare(table)
			b.ReportAllocs()
			for b.Loop() {
				table.Event("a", ev, now)
			}
		})
	}
}

func BenchmarkOpenClose(b *testing.B) {
	table, filters, n := newTable(grace), kinds(1), 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		id := strconv.Itoa(n)
		table.Open(id, filters, start)
		table.Close(id, start)
	}
}
