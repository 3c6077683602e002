package nip77

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// maxItems keeps indices within 32 bits: 90 GB of items.
const maxItems = math.MaxInt32

// A Builder collects the items of a [Set], in any order. Newest first, as relays and most
// stores give them, and oldest first are the cheapest; other orders are sorted, for which
// there is room for twice the items for a moment. The zero Builder is ready. It is for
// one goroutine.
type Builder struct {
	dates []uint64
	ids   []nostr.ID
}

// Grow makes room for n more items.
func (b *Builder) Grow(n int) {
	b.dates = slices.Grow(b.dates, n)
	b.ids = slices.Grow(b.ids, n)
}

// Add adds what an event is known by here. It fails with [ErrCreatedAt] for dates before 1970,
// which the protocol cannot express, and with [ErrTooManyItems] beyond 2³¹-1: the item is
// then left out.
//
// What is added twice is there once. An id is the hash of its date too, so one id
// with two dates is a mistake of the caller; it counts as two items.
func (b *Builder) Add(createdAt nostr.Timestamp, id nostr.ID) error {
	switch {
	case createdAt < 0:
		return fmt.Errorf("%w: %d", ErrCreatedAt, createdAt)
	case len(b.ids) == maxItems:
		return ErrTooManyItems
	}
	b.dates = append(b.dates, uint64(createdAt))
	b.ids = append(b.ids, id)
	return nil
}

// Build returns the set of what was added, and leaves the builder empty.
func (b *Builder) Build() *Set {
	dates, ids := b.dates, b.ids
	*b = Builder{}
	switch {
	case slices.IsSorted(dates):
	case slices.IsSortedFunc(dates, func(x, y uint64) int { return cmp.Compare(y, x) }):
		slices.Reverse(dates)
		slices.Reverse(ids)
	default:
		dates, ids = sortByDate(dates, ids)
	}
	n := tidySeconds(dates, ids)
	return &Set{dates: dates[:n], ids: ids[:n], sums: blockSums(ids[:n])}
}

// tidySeconds sorts the ids of each date and drops repeated ones. It returns how many are left.
func tidySeconds(dates []uint64, ids []nostr.ID) (n int) {
	for start := 0; start < len(ids); {
		end := start + 1
		for end < len(ids) && dates[end] == dates[start] {
			end++
		}
		second := ids[start:end]
		if !slices.IsSortedFunc(second, nostr.ID.Compare) {
			slices.SortFunc(second, nostr.ID.Compare)
		}
		date := dates[start]
		for i := range second {
			if i > 0 && second[i] == second[i-1] {
				continue
			}
			dates[n], ids[n] = date, second[i]
			n++
		}
		start = end
	}
	return n
}

// sortByDate returns both sorted by date. It sorts numbers that are made of a date and an
// index, eight bytes instead of forty, and moves each item once, when it is known where to.
func sortByDate(dates []uint64, ids []nostr.ID) ([]uint64, []nostr.ID) {
	oldest, newest := slices.Min(dates), slices.Max(dates)
	indexBits := bits.Len(uint(len(dates)))
	keys, spare := make([]uint64, len(dates)), make([]uint64, len(dates))
	if dateBits := bits.Len64(newest - oldest); dateBits+indexBits <= 64 {
		for i, date := range dates {
			keys[i] = (date-oldest)<<indexBits | uint64(i)
		}
		keys, spare = radixSort(keys, spare, indexBits, indexBits+dateBits)
	} else { // a date in a far future among many: rare, so it may be slower
		for i := range keys {
			keys[i] = uint64(i)
		}
		slices.SortFunc(keys, func(i, j uint64) int { return cmp.Compare(dates[i], dates[j]) })
	}
	index := uint64(1)<<indexBits - 1
	sorted := make([]nostr.ID, len(ids))
	for i, key := range keys {
		spare[i], sorted[i] = dates[key&index], ids[key&index]
	}
	return spare, sorted
}

// radixSort sorts keys by the bits from low to high, with the help of spare. It returns
// the sorted ones first.
func radixSort(keys, spare []uint64, low, high int) (sorted, rest []uint64) {
	const digit = 11 // bits: three or four rounds for real dates, counters that stay in the cache
	for ; low < high; low += digit {
		var starts [1 << digit]int
		for _, key := range keys {
			starts[key>>low%(1<<digit)]++
		}
		total := 0
		for i, n := range starts {
			starts[i] = total
			total += n
		}
		for _, key := range keys {
			d := key >> low % (1 << digit)
			spare[starts[d]] = key
			starts[d]++
		}
		keys, spare = spare, keys
	}
	return keys, spare
}
