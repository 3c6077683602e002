package nip77

import "github.com/gennostr/gennostr/nostr"

// Fingerprint is that of the items from lower to upper.
func (s *Set) Fingerprint(lower, upper int) [16]byte { return s.fingerprint(lower, upper) }

// Search is where a bound lies.
func (s *Set) Search(lower int, at uint64, prefix []byte) int {
	return s.search(lower, bound{at, prefix})
}

// BoundAt is the shortest bound before item i.
func (s *Set) BoundAt(i int) (at uint64, prefix []byte) {
	b := s.boundAt(i)
	return b.at, b.prefix
}

// AppendVarint and Varint are the two directions of a number.
var AppendVarint = appendVarint

func Varint(data []byte) (v uint64, n int, err error) {
	d := decoder{data: data}
	v, err = d.varint()
	return v, d.offset, err
}

// An IDSet is what a client remembers.
type IDSet struct {
	set  idSet
	Hash func(nostr.ID) uint32
}

func (s *IDSet) Add(id nostr.ID) bool { return s.set.add(s.Hash(id), &id) }
