package wire

import (
	"hash/maphash"
	"maps"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// What stands in a request twice asks for nothing more, and some relays answer it twice
// (Q02: an event for each repeated value of a list and for each repeated filter). So repeats are not
// sent. Where there are none, which is nearly always, nothing is copied.

// withoutRepeats returns the filter with each value of its lists once, in their order.
func withoutRepeats(f nostr.Filter) nostr.Filter {
	f.IDs, _ = unique(f.IDs)
	f.Authors, _ = unique(f.Authors)
	f.Kinds, _ = unique(f.Kinds)
	copied := false
	for letter, values := range f.Tags {
		values, changed := unique(values)
		if !changed {
			continue
		}
		if !copied {
			f.Tags, copied = maps.Clone(f.Tags), true // the map is the caller's
		}
		f.Tags[letter] = values
	}
	return f
}

// fewValues is how many are compared with each other; more are hashed.
const fewValues = 64

// unique returns the list with each value once. The list itself is not changed.
func unique[T comparable](list []T) (once []T, changed bool) {
	i := firstRepeat(list)
	if i == len(list) {
		return list, false
	}
	seen := make(map[T]struct{}, len(list))
	for _, v := range list[:i] {
		seen[v] = struct{}{}
	}
	once = slices.Clone(list[:i])
	for _, v := range list[i:] {
		if _, again := seen[v]; !again {
			seen[v] = struct{}{}
			once = append(once, v)
		}
	}
	return once, true
}

// firstRepeat is the index of the first value that stands in the list before, the list's
// length if there is none. Up to 4,096 values it allocates nothing.
func firstRepeat[T comparable](list []T) int {
	if len(list) <= fewValues {
		for i := range list {
			if slices.Contains(list[:i], list[i]) {
				return i
			}
		}
		return len(list)
	}
	// An open table of indices plus one, at most half full.
	var stack [1 << 13]int32
	table := stack[:]
	for len(table) < 2*len(list) {
		table = make([]int32, 2*len(table))
	}
	seed, mask := maphash.MakeSeed(), uint64(len(table)-1)
	for i, v := range list {
		slot := maphash.Comparable(seed, v) & mask
		for table[slot] != 0 {
			if list[table[slot]-1] == v {
				return i
			}
			slot = (slot + 1) & mask
		}
		table[slot] = int32(i + 1)
	}
	return len(list)
}

// uniqueFilters returns the filters with each once, in their order; it may reuse the list.
func uniqueFilters(filters []nostr.Filter) []nostr.Filter {
	if len(filters) < 2 {
		return filters
	}
	if len(filters) <= fewValues {
		once := filters[:1]
		for _, f := range filters[1:] {
			if !slices.ContainsFunc(once, func(g nostr.Filter) bool { return sameFilter(&f, &g) }) {
				once = append(once, f)
			}
		}
		return once
	}
	seen := make(map[string]struct{}, len(filters))
	once := filters[:0]
	var text []byte
	for _, f := range filters {
		text = f.AppendJSON(text[:0])
		if _, again := seen[string(text)]; !again {
			seen[string(text)] = struct{}{}
			once = append(once, f)
		}
	}
	return once
}

// sameFilter tells whether both would be written alike.
func sameFilter(f, g *nostr.Filter) bool {
	return f.Limit == g.Limit && f.LimitZero == g.LimitZero && f.Search == g.Search &&
		sameTime(f.Since, g.Since) && sameTime(f.Until, g.Until) &&
		sameList(f.Kinds, g.Kinds) && sameList(f.Authors, g.Authors) && sameList(f.IDs, g.IDs) &&
		maps.EqualFunc(f.Tags, g.Tags, slices.Equal)
}

func sameList[T comparable](a, b []T) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

func sameTime(a, b *nostr.Timestamp) bool {
	return a == b || a != nil && b != nil && *a == *b
}
