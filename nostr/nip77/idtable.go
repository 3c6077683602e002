package nip77

import (
	"hash/maphash"

	"github.com/gennostr/gennostr/nostr"
)

// hashID is seeded, since whoever makes a list chooses its ids.
func hashID(seed maphash.Seed, id *nostr.ID) uint32 { return uint32(maphash.Bytes(seed, id[:])) }

// An idTable finds ids that its owner keeps, by their hash. A slot is 0 if it is free, else the
// hash, and below it the number that the owner has for the id, plus 1. So other ids are hardly ever
// looked at, neither in a search nor when the table grows.
type idTable struct {
	slots []uint64 // a power of two, at most half of them taken
	taken int
}

const minSlots = 64

// reset empties the table and makes it large enough for n ids.
func (t *idTable) reset(n int) {
	size := minSlots
	for size < 2*n {
		size *= 2
	}
	t.taken = 0
	if size > cap(t.slots) {
		t.slots = make([]uint64, size)
		return
	}
	t.slots = t.slots[:size]
	clear(t.slots)
}

// find returns the number of an id with this hash, of which is says that it is the one.
func (t *idTable) find(hash uint32, is func(number int) bool) (number int, found bool) {
	if t.taken == 0 {
		return 0, false
	}
	mask := len(t.slots) - 1
	for i := int(hash) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if number = int(uint32(t.slots[i])) - 1; uint32(t.slots[i]>>32) == hash && is(number) {
			return number, true
		}
	}
	return 0, false
}

// put adds an id that is not there.
func (t *idTable) put(hash uint32, number int) {
	if 2*t.taken >= len(t.slots) {
		t.grow()
	}
	t.taken++
	t.place(uint64(hash)<<32 | uint64(number+1))
}

func (t *idTable) place(slot uint64) {
	mask := len(t.slots) - 1
	i := int(slot>>32) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *idTable) grow() {
	slots := t.slots
	t.slots = make([]uint64, max(minSlots, 2*len(slots)))
	for _, slot := range slots {
		if slot != 0 {
			t.place(slot)
		}
	}
}

// An idSet remembers ids, 48 to 64 bytes for each.
type idSet struct {
	chunks [][]nostr.ID // all but the last are full: what is there is never copied
	table  idTable
}

const chunkSize = 1024

// add reports whether id is new.
func (s *idSet) add(hash uint32, id *nostr.ID) bool {
	if _, found := s.table.find(hash, func(n int) bool { return s.chunks[n/chunkSize][n%chunkSize] == *id }); found {
		return false
	}
	s.table.put(hash, s.table.taken)
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last]) == chunkSize {
		s.chunks = append(s.chunks, make([]nostr.ID, 0, chunkSize))
		last++
	}
	s.chunks[last] = append(s.chunks[last], *id)
	return true
}
