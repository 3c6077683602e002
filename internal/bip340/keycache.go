package bip340

import (
	"hash/maphash"
	"sync"
)

// A KeyCache keeps the points of public keys whose signatures have been accepted, the least
// recently used of which go first. It spares a square root, a tenth of a verification. Keys
// enter with an accepted signature only: strangers cannot push out what is in use without
// signing for it.
//
// Any number of Verifiers, in any goroutines, may share one.
type KeyCache struct {
	seed   maphash.Seed
	shards []keyShard
}

// keyShards is how many locks a cache of at least 64 times as many keys has.
const keyShards = 16

// KeyCacheBytes is what one key of a KeyCache takes, at most, in bytes.
const KeyCacheBytes = 88

// keyShard is a hash table with chains and a list in the order of use, both threaded through
// one array that never grows.
type keyShard struct {
	mu      sync.Mutex
	entries []keyEntry // guarded by mu, as all below
	heads   []int32    // of the chains, by hash; -1 is none
	newest  int32      // of the order of use; -1 is none
	oldest  int32
	used    int // entries in use, the first ones
}

type keyEntry struct {
	x, y         fe // x as parsed from the key, so below p
	hash         uint32
	next         int32 // in the chain
	newer, older int32 // in the order of use
}

// NewKeyCache returns a cache of about so many keys, at KeyCacheBytes each. With none or less
// it keeps nothing.
func NewKeyCache(keys int) *KeyCache {
	c := &KeyCache{seed: maphash.MakeSeed()}
	if keys <= 0 {
		return c
	}
	n := 1
	if keys >= 64*keyShards {
		n = keyShards
	}
	c.shards = make([]keyShard, n)
	for i := range c.shards {
		s := &c.shards[i]
		s.entries = make([]keyEntry, (keys+n-1)/n)
		heads := 1
		for heads < len(s.entries) {
			heads *= 2
		}
		s.heads = make([]int32, heads)
		for j := range s.heads {
			s.heads[j] = -1
		}
		s.newest, s.oldest = -1, -1
	}
	return c
}

// hash returns what get and put want to know of pub. It is seeded, so nobody can make keys
// that meet in one chain.
func (c *KeyCache) hash(pub *[32]byte) uint64 {
	if c == nil {
		return 0
	}
	return maphash.Bytes(c.seed, pub[:])
}

// get sets y to the even y of the key whose x and hash are given, if it is known.
func (c *KeyCache) get(h uint64, x, y *fe) bool {
	s := c.shard(h)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(uint32(h), x)
	if i < 0 {
		return false
	}
	*y = s.entries[i].y
	s.touch(i)
	return true
}

// put keeps y as the even y of the key whose x and hash are given.
func (c *KeyCache) put(h uint64, x, y *fe) {
	s := c.shard(h)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(uint32(h), x); i >= 0 {
		s.touch(i)
		return
	}
	var i int32
	if s.used < len(s.entries) {
		i = int32(s.used)
		s.used++
	} else {
		i = s.oldest
		s.unlink(i)
		s.unchain(i)
	}
	e := &s.entries[i]
	head := &s.heads[int(uint32(h))&(len(s.heads)-1)]
	*e = keyEntry{x: *x, y: *y, hash: uint32(h), next: *head}
	*head = i
	s.pushNewest(i)
}

func (c *KeyCache) shard(h uint64) *keyShard {
	if c == nil || len(c.shards) == 0 {
		return nil
	}
	return &c.shards[(h>>32)%uint64(len(c.shards))]
}

func (s *keyShard) find(h uint32, x *fe) int32 {
	i := s.heads[int(h)&(len(s.heads)-1)]
	for i >= 0 && (s.entries[i].hash != h || s.entries[i].x != *x) {
		i = s.entries[i].next
	}
	return i
}

func (s *keyShard) touch(i int32) {
	if s.newest == i {
		return
	}
	s.unlink(i)
	s.pushNewest(i)
}

func (s *keyShard) pushNewest(i int32) {
	e := &s.entries[i]
	e.newer, e.older = -1, s.newest
	if s.newest >= 0 {
		s.entries[s.newest].newer = i
	} else {
		s.oldest = i
	}
	s.newest = i
}

// unlink takes i out of the order of use.
func (s *keyShard) unlink(i int32) {
	e := &s.entries[i]
	if e.newer >= 0 {
		s.entries[e.newer].older = e.older
	} else {
		s.newest = e.older
	}
	if e.older >= 0 {
		s.entries[e.older].newer = e.newer
	} else {
		s.oldest = e.newer
	}
}

// unchain takes i out of its chain.
func (s *keyShard) unchain(i int32) {
	at := &s.heads[int(s.entries[i].hash)&(len(s.heads)-1)]
	for *at != i {
		at = &s.entries[*at].next
	}
	*at = s.entries[i].next
}
