// Package seen remembers which subscription has had which event, so that an event
// that several relays send reaches each subscription once.
//
// A Table is for any number of goroutines: every relay's reader asks it, for every
// event that has been proven. It has no lock that all of them share. Events are
// spread over shards by a hash with a secret seed, so nobody can choose ids that
// meet in one of them, and ids are compared whole.
//
// Memory grows with use up to a bound (Bytes); then the oldest events of a shard
// are forgotten first, and one that comes again afterwards is new again.
package seen

import (
	"hash/maphash"
	"math"

	"github.com/gennostr/gennostr/nostr"
)

const (
	maxShards   = 64
	leastEvents = 256     // in a shard, where there is more than one
	mostEvents  = 1 << 30 // what indices of 32 bits can count, words included
)

// An Owner is a subscription, by its number. Those that are the same when divided by
// 32 share a word of memory, so owners are to be numbered one after the other.
type Owner uint32

// A Table knows who has had what. Make it with New.
type Table struct {
	seed   maphash.Seed // immutable
	shards []shard      // the slice is immutable; a power of two
}

// New returns an empty table that remembers at least the last limit events that were new
// to it, limit being between 1 and 2³⁰. In all likelihood, since chance decides which shard
// they fall to; and fewer where most of them were taken by hundreds of owners.
func New(limit int) *Table {
	limit = min(max(limit, 1), mostEvents)
	n := 1
	for 2*n <= maxShards && 2*n*leastEvents <= limit {
		n *= 2
	}
	// What falls to one of several shards is a matter of chance. Six standard
	// deviations of it are room enough.
	each := (limit + n - 1) / n
	if n > 1 {
		each += int(6 * math.Sqrt(float64(each)))
	}
	t := &Table{seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range t.shards {
		t.shards[i].init(t.seed, each)
	}
	return t
}

// Take notes that the owner has the event, and reports whether that is new. Of all
// goroutines that take one event for one owner, one is told true.
func (t *Table) Take(id nostr.ID, owner Owner) bool {
	s, hash := t.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(&id, hash, owner)
}

// Had reports whether the owner has the event, and notes nothing.
func (t *Table) Had(id nostr.ID, owner Owner) bool {
	s, hash := t.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(&id, hash)
	return i != none && s.has(i, owner)
}

// Forget notes that the owner has not had the event after all.
func (t *Table) Forget(id nostr.ID, owner Owner) {
	s, hash := t.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(&id, hash); i != none {
		s.unset(i, owner)
	}
}

// Bytes is how much memory the table takes when it has grown as far as it may.
func (t *Table) Bytes() int {
	total := 0
	for i := range t.shards {
		total += t.shards[i].mostBytes()
	}
	return total
}

// shard returns where the event belongs, and the hash that leads there and further.
func (t *Table) shard(id *nostr.ID) (*shard, uint64) {
	hash := maphash.Bytes(t.seed, id[:])
	return &t.shards[hash>>32&uint64(len(t.shards)-1)], hash
}
