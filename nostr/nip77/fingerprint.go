package nip77

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/gennostr/gennostr/nostr"
)

const fingerprintSize = 16

// blockSize is the number of ids between two kept sums: at most half of it has to be added on
// either side of a range, which is less work than the hash, and the sums are two bytes an item.
const blockSize = 16

// A sum is one of ids taken as little-endian integers, modulo 2²⁵⁶ (P70).
type sum [4]uint64

func (s *sum) add(id *nostr.ID) {
	var carry uint64
	s[0], carry = bits.Add64(s[0], binary.LittleEndian.Uint64(id[0:]), 0)
	s[1], carry = bits.Add64(s[1], binary.LittleEndian.Uint64(id[8:]), carry)
	s[2], carry = bits.Add64(s[2], binary.LittleEndian.Uint64(id[16:]), carry)
	s[3], _ = bits.Add64(s[3], binary.LittleEndian.Uint64(id[24:]), carry)
}

func (s *sum) sub(id *nostr.ID) {
	s.subSum(&sum{
		binary.LittleEndian.Uint64(id[0:]), binary.LittleEndian.Uint64(id[8:]),
		binary.LittleEndian.Uint64(id[16:]), binary.LittleEndian.Uint64(id[24:]),
	})
}

func (s *sum) subSum(other *sum) {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], other[i], borrow)
	}
}

// blockSums returns the sums of a set with these ids.
func blockSums(ids []nostr.ID) []sum {
	sums := make([]sum, 1, len(ids)/blockSize+1)
	var s sum
	for i := range ids {
		s.add(&ids[i])
		if (i+1)%blockSize == 0 {
			sums = append(sums, s)
		}
	}
	return sums
}

// sumUpTo returns the sum of ids[:i], from the nearest one that is kept.
func (s *Set) sumUpTo(i int) sum {
	k := (i + blockSize/2) / blockSize
	if k == len(s.sums) {
		k--
	}
	total := s.sums[k]
	for j := k * blockSize; j < i; j++ {
		total.add(&s.ids[j])
	}
	for j := i; j < k*blockSize; j++ {
		total.sub(&s.ids[j])
	}
	return total
}

// fingerprint returns that of the items from lower to upper, without the latter (P70).
func (s *Set) fingerprint(lower, upper int) [fingerprintSize]byte {
	var total sum
	if upper-lower <= blockSize {
		for i := lower; i < upper; i++ {
			total.add(&s.ids[i])
		}
	} else {
		below := s.sumUpTo(lower)
		total = s.sumUpTo(upper)
		total.subSum(&below)
	}
	data := make([]byte, 0, len(nostr.ID{})+maxVarintSize)
	for _, word := range total {
		data = binary.LittleEndian.AppendUint64(data, word)
	}
	hash := sha256.Sum256(appendVarint(data, uint64(upper-lower)))
	return [fingerprintSize]byte(hash[:])
}

// ofNothing is the fingerprint of a range without items.
var ofNothing = (&Set{}).fingerprint(0, 0)
