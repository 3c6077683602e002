package nip77

import (
	"bytes"
	"iter"
	"math"
	"sort"

	"github.com/gennostr/gennostr/nostr"
)

// infinity is the timestamp beyond all items, which no item may have (P70).
const infinity uint64 = math.MaxUint64

// A Set is what one side of a reconciliation has: dates and ids, in order. It is made by a
// [Builder] and never changes, so any number of clients and servers may share it, in any
// goroutines. The zero Set is empty.
//
// An item takes 42 bytes.
type Set struct {
	dates []uint64   // ascending
	ids   []nostr.ID // ids[i] is of dates[i]; ascending where the dates are equal
	sums  []sum      // sums[k] is that of ids[:k*blockSize]
}

// Len returns the number of items.
func (s *Set) Len() int { return len(s.ids) }

// All yields the items, oldest first, those of one second by id.
func (s *Set) All() iter.Seq2[nostr.Timestamp, nostr.ID] {
	return func(yield func(nostr.Timestamp, nostr.ID) bool) {
		for i, id := range s.ids {
			if !yield(nostr.Timestamp(s.dates[i]), id) {
				return
			}
		}
	}
}

// A bound lies between items: before all that are at least as large.
type bound struct {
	at     uint64
	prefix []byte // of an id, the rest being zeros; at most 32 bytes
}

// compare returns -1, 0 or 1. Zeros at the end of a prefix make no difference.
func (b bound) compare(other bound) int {
	switch {
	case b.at < other.at:
		return -1
	case b.at > other.at:
		return 1
	}
	var x, y nostr.ID
	copy(x[:], b.prefix)
	copy(y[:], other.prefix)
	return x.Compare(y)
}

// before reports whether item i lies before b.
func (s *Set) before(i int, b bound) bool {
	if s.dates[i] != b.at {
		return s.dates[i] < b.at
	}
	return bytes.Compare(s.ids[i][:len(b.prefix)], b.prefix) < 0
}

// search returns the index of the first item from lower on that does not lie before b, given
// that those below lower do. Most ranges are small, so it takes longer and longer
// steps first.
func (s *Set) search(lower int, b bound) int {
	if b.at == infinity {
		return len(s.ids)
	}
	upper, step := lower, 1
	for upper < len(s.ids) && s.before(upper, b) {
		lower = upper + 1
		upper += step
		step *= 2
	}
	upper = min(upper, len(s.ids))
	return lower + sort.Search(upper-lower, func(i int) bool { return !s.before(lower+i, b) })
}

// boundAt returns the shortest bound between item i and the one before it, of which there is one.
func (s *Set) boundAt(i int) bound {
	if s.dates[i] != s.dates[i-1] {
		return bound{at: s.dates[i]}
	}
	id, previous, n := &s.ids[i], &s.ids[i-1], 0
	for n < len(id)-1 && id[n] == previous[n] {
		n++
	}
	return bound{s.dates[i], id[:n+1]}
}

// itemBound returns the bound right before item i.
func (s *Set) itemBound(i int) bound { return bound{s.dates[i], s.ids[i][:]} }
