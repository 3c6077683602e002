package nip77

import (
	"math/bits"
	"slices"
)

// maxVarintSize is the length of the largest number of 64 bits.
const maxVarintSize = 10

func appendVarint(dst []byte, v uint64) []byte {
	for shift := (bits.Len64(v|1) - 1) / 7 * 7; shift > 0; shift -= 7 {
		dst = append(dst, byte(v>>shift)|0x80)
	}
	return append(dst, byte(v)&0x7f)
}

// An encoder writes a message.
type encoder struct {
	set  *Set
	data []byte
	last uint64 // the timestamp of the last bound
}

func newEncoder(set *Set) encoder { return encoder{set: set, data: []byte{Version}} }

// bound writes an upper bound, which is at least as large as the last one, and the mode of
// what follows.
func (e *encoder) bound(b bound, mode byte) {
	if b.at == infinity {
		e.data = append(e.data, 0)
	} else {
		e.data = appendVarint(e.data, b.at-e.last+1)
	}
	e.last = b.at
	e.data = appendVarint(e.data, uint64(len(b.prefix)))
	e.data = append(append(e.data, b.prefix...), mode)
}

func (e *encoder) fingerprint(b bound, lower, upper int) {
	e.bound(b, modeFingerprint)
	f := e.set.fingerprint(lower, upper)
	e.data = append(e.data, f[:]...)
}

func (e *encoder) idList(b bound, lower, upper int) {
	e.bound(b, modeIDList)
	e.data = appendVarint(e.data, uint64(upper-lower))
	e.data = slices.Grow(e.data, (upper-lower)*idSize)
	for _, id := range e.set.ids[lower:upper] {
		e.data = append(e.data, id[:]...)
	}
}

// buckets is into how many parts a range with a difference is split. Fewer than twice as many
// items are listed instead. The protocol leaves both open; these are the numbers of the
// other implementations.
const buckets = 16

// split writes the items of a range: their ids, or fingerprints of parts with equally many.
func (e *encoder) split(b bound, lower, upper int) {
	n := upper - lower
	if n < 2*buckets {
		e.idList(b, lower, upper)
		return
	}
	for i := range buckets {
		next := lower + n/buckets
		if i < n%buckets {
			next++
		}
		end := b
		if next < upper {
			end = e.set.boundAt(next)
		}
		e.fingerprint(end, lower, next)
		lower = next
	}
}
