package nostr

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// Lists of thousands of values are looked through for every event that a relay sends,
// so nothing here allocates, and no event of a stranger's can make it quadratic.

// ContainsAny reports whether a tag with that key has one of the values. As in filters
// (NIP-01) a tag without a value has none of them, not even "". It allocates nothing.
func (tags Tags) ContainsAny(key string, values []string) bool {
	// Comparing is cheaper than hashing while one of the lists is short.
	const short = 6
	if len(values) > short {
		switch n := tags.count(key, fewSlots/2+1); {
		case n > fewSlots/2:
			return tags.meetMany(key, values)
		case n > short:
			return tags.meetFew(key, values)
		}
	}
	for _, t := range tags {
		if len(t) > 1 && t[0] == key && containsString(values, t[1]) {
			return true
		}
	}
	return false
}

// count returns how many tags with that key have a value, at most most.
func (tags Tags) count(key string, most int) (n int) {
	for _, t := range tags {
		if len(t) > 1 && t[0] == key {
			if n++; n == most {
				break
			}
		}
	}
	return n
}

// A tagSlot is one of a table of tags by the hash of their value, at most half full.
type tagSlot struct {
	hash uint32 // the bits that do not choose the slot
	tag  uint32 // index plus one, 0 in an empty slot
}

// The tables are on the stack, which is to stay small where few tags are.
const (
	fewSlots  = 1 << 9  // 4 KiB
	manySlots = 1 << 12 // 32 KiB
)

func (tags Tags) meetFew(key string, values []string) bool {
	var table [fewSlots]tagSlot
	return tags.meet(key, values, table[:])
}

//go:noinline
func (tags Tags) meetMany(key string, values []string) bool {
	var table [manySlots]tagSlot
	return tags.meet(key, values, table[:])
}

// meet hashes the tags' values, so many at a time as fit into the table, and looks the others
// up in it. A seed of its own for each call keeps strangers from aiming at one slot.
func (tags Tags) meet(key string, values []string, table []tagSlot) bool {
	seed, mask := maphash.MakeSeed(), uint64(len(table)-1)
	for len(tags) > 0 {
		end, used := len(tags), 0
		for i, t := range tags {
			if len(t) < 2 || t[0] != key {
				continue
			}
			if used == len(table)/2 {
				end = i
				break
			}
			used++
			h := maphash.String(seed, t[1])
			at := h & mask
			for table[at].tag != 0 {
				at = (at + 1) & mask
			}
			table[at] = tagSlot{uint32(h >> 32), uint32(i + 1)}
		}
		for _, v := range values {
			h := maphash.String(seed, v)
			for at := h & mask; table[at].tag != 0; at = (at + 1) & mask {
				if table[at].hash == uint32(h>>32) && tags[table[at].tag-1][1] == v {
					return true
				}
			}
		}
		clear(table)
		tags = tags[end:]
	}
	return false
}

// containsString is [slices.Contains] for values of one length that differ in their
// first byte mostly, as keys and ids in hex do.
func containsString(values []string, s string) bool {
	if s == "" {
		return slices.Contains(values, "")
	}
	first := s[0]
	for _, v := range values {
		if len(v) == len(s) && v[0] == first && v == s {
			return true
		}
	}
	return false
}

// containsHash is [slices.Contains] for what differs in its first eight bytes.
func containsHash[T ~[32]byte](list []T, x T) bool {
	want := binary.LittleEndian.Uint64(x[:8])
	for i := range list {
		if binary.LittleEndian.Uint64(list[i][:8]) == want && list[i] == x {
			return true
		}
	}
	return false
}
