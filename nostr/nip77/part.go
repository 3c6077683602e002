package nip77

import (
	"math"
	"sort"

	"github.com/gennostr/gennostr/nostr"
)

// Between returns the part of the set that a filter with this since and until asks for (NIP-01):
// both dates belong to it. It shares the items' memory and takes two bytes an item of its own.
//
// A relay that does not reconcile so many events as a filter matches, and says "blocked:", is
// asked for one part after another.
func (s *Set) Between(since, until nostr.Timestamp) *Set {
	lower, upper := s.from(since), len(s.ids)
	switch {
	case until < 0:
		upper = 0
	case until < math.MaxInt64:
		upper = s.from(until + 1)
	}
	switch {
	case lower >= upper:
		return &Set{}
	case lower == 0 && upper == len(s.ids):
		return s
	}
	ids := s.ids[lower:upper:upper]
	return &Set{dates: s.dates[lower:upper:upper], ids: ids, sums: blockSums(ids)}
}

// from returns the index of the first item that is dated at or after a time.
func (s *Set) from(at nostr.Timestamp) int {
	if at < 0 {
		return 0
	}
	return sort.Search(len(s.dates), func(i int) bool { return s.dates[i] >= uint64(at) })
}

// At returns item i, from 0 for the first to Len()-1, in the order of [Set.All].
func (s *Set) At(i int) (createdAt nostr.Timestamp, id nostr.ID) {
	return nostr.Timestamp(s.dates[i]), s.ids[i]
}

// Index returns at which place an item is, for [Set.At]; false: it is not in the set.
func (s *Set) Index(createdAt nostr.Timestamp, id nostr.ID) (i int, found bool) {
	if createdAt < 0 {
		return 0, false
	}
	at := bound{uint64(createdAt), id[:]}
	i = sort.Search(len(s.ids), func(i int) bool { return !s.before(i, at) })
	return i, i < len(s.ids) && s.dates[i] == uint64(createdAt) && s.ids[i] == id
}
