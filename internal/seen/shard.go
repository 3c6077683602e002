package seen

import (
	"hash/maphash"
	"sync"
	"unsafe"

	"github.com/gennostr/gennostr/nostr"
)

const (
	leastRing = 16 // entries or words, at first
	moreWords = 4  // further words, for each event there is room for
	perWord   = 32 // owners
	none      = -1 // no index

	entrySize = int(unsafe.Sizeof(entry{}))
	wordSize  = int(unsafe.Sizeof(word{}))
)

// shard is a ring of events in the order of their coming, with a hash table whose
// chains run through it. Neither has pointers, so the garbage collector has nothing
// to look through.
type shard struct {
	mu sync.Mutex // guards all below but what is immutable

	seed     maphash.Seed // immutable
	max      int          // immutable: entries
	maxWords int          // immutable: words

	ring   []entry // grows up to max
	oldest int     // index in ring
	count  int     // entries in use, from oldest on
	heads  []int32 // of the chains, by hash; a power of two

	words []word // further owners of events in the ring; grows up to maxWords
	spare int32  // the first of words that is not in use, linked by next
	used  int    // words in use

	_ [64]byte // keeps the next shard's lock off this one's cache line
}

// entry is an event and who has had it: an owner is a bit of the word that its number
// divided by 32 names. The first word is inside, so a program of few subscriptions
// needs no other.
type entry struct {
	id         nostr.ID
	next       int32 // in the chain
	more       int32 // the first of its further words
	base, bits uint32
}

type word struct {
	base, bits uint32
	next       int32
}

func (s *shard) init(seed maphash.Seed, most int) {
	s.seed, s.max, s.maxWords = seed, most, moreWords*most
	s.spare = none
}

// headsFor is how many chains so many events have: the next power of two.
func headsFor(events int) int {
	heads := leastRing
	for heads < events {
		heads *= 2
	}
	return heads
}

// mostBytes is what the shard takes when it has grown.
func (s *shard) mostBytes() int {
	return s.max*entrySize + headsFor(s.max)*4 + s.maxWords*wordSize
}

// take is Table.Take. Needs mu.
func (s *shard) take(id *nostr.ID, hash uint64, owner Owner) bool {
	i := s.find(id, hash)
	if i == none {
		i = s.add(id, hash)
		s.ring[i].base, s.ring[i].bits = bit(owner)
		return true
	}
	e := &s.ring[i]
	base, mask := bit(owner)
	if e.base == base {
		first := e.bits&mask == 0
		e.bits |= mask
		return first
	}
	for w := e.more; w != none; w = s.words[w].next {
		if s.words[w].base == base {
			first := s.words[w].bits&mask == 0
			s.words[w].bits |= mask
			return first
		}
	}
	s.addWord(i, hash, base, mask)
	return true
}

// has reports whether the owner has had the event at i. Needs mu.
func (s *shard) has(i int32, owner Owner) bool {
	e := &s.ring[i]
	base, mask := bit(owner)
	if e.base == base {
		return e.bits&mask != 0
	}
	for w := e.more; w != none; w = s.words[w].next {
		if s.words[w].base == base {
			return s.words[w].bits&mask != 0
		}
	}
	return false
}

// unset undoes what take has done for one owner. Needs mu.
func (s *shard) unset(i int32, owner Owner) {
	e := &s.ring[i]
	base, mask := bit(owner)
	if e.base == base {
		e.bits &^= mask
	}
	for w := e.more; w != none; w = s.words[w].next {
		if s.words[w].base == base {
			s.words[w].bits &^= mask
		}
	}
}

func bit(owner Owner) (base, mask uint32) {
	return uint32(owner) / perWord, 1 << (owner % perWord)
}

// find returns the index of an event in the ring, or none. Needs mu.
func (s *shard) find(id *nostr.ID, hash uint64) int32 {
	if len(s.heads) == 0 {
		return none
	}
	i := *s.head(hash)
	for i != none && s.ring[i].id != *id {
		i = s.ring[i].next
	}
	return i
}

// head is the chain of a hash. Needs mu, and heads.
func (s *shard) head(hash uint64) *int32 { return &s.heads[hash&uint64(len(s.heads)-1)] }

// add makes an event the latest. It has no owner yet. Needs mu.
func (s *shard) add(id *nostr.ID, hash uint64) int32 {
	switch {
	case s.count == s.max:
		s.forget()
	case s.count == len(s.ring):
		s.grow()
	}
	i := (s.oldest + s.count) % len(s.ring)
	s.count++
	s.ring[i] = entry{id: *id, more: none}
	s.link(int32(i), hash)
	return int32(i)
}

// link puts the event at i into its chain. Needs mu.
func (s *shard) link(i int32, hash uint64) {
	head := s.head(hash)
	s.ring[i].next, *head = *head, i
}

// grow doubles the ring, up to max. Needs mu.
func (s *shard) grow() {
	old, oldest := s.ring, s.oldest
	size := min(max(2*len(old), leastRing), s.max)
	s.ring, s.oldest = make([]entry, size), 0
	s.heads = make([]int32, headsFor(size))
	for i := range s.heads {
		s.heads[i] = none
	}
	for n := range s.count {
		s.ring[n] = old[(oldest+n)%len(old)]
		s.link(int32(n), maphash.Bytes(s.seed, s.ring[n].id[:]))
	}
}

// forget drops the oldest event. Needs mu, and one event at least.
func (s *shard) forget() {
	i := int32(s.oldest)
	e := &s.ring[i]
	at := s.head(maphash.Bytes(s.seed, e.id[:]))
	for *at != i {
		at = &s.ring[*at].next
	}
	*at = e.next
	for w := e.more; w != none; {
		next := s.words[w].next
		s.words[w].next, s.spare = s.spare, w
		s.used--
		w = next
	}
	s.oldest = (s.oldest + 1) % len(s.ring)
	s.count--
}

// addWord gives the event at i a further word. Where all are in use, the oldest events
// are forgotten for it. Where this one is the oldest, it starts anew with the newcomer:
// its earlier owners may get it again, but memory stays bounded. Needs mu.
func (s *shard) addWord(i int32, hash uint64, base, bits uint32) {
	for s.used == s.maxWords {
		id, itself := s.ring[i].id, s.oldest == int(i)
		s.forget()
		if itself {
			i = s.add(&id, hash)
			s.ring[i].base, s.ring[i].bits = base, bits
			return
		}
	}
	w := s.spare
	if w != none {
		s.spare = s.words[w].next
	} else {
		w = s.newWord()
	}
	s.used++
	s.words[w] = word{base: base, bits: bits, next: s.ring[i].more}
	s.ring[i].more = w
}

// newWord returns the index of a word that has never been used. append would take
// more memory than maxWords. Needs mu, and fewer than maxWords.
func (s *shard) newWord() int32 {
	n := len(s.words)
	if n == cap(s.words) {
		words := make([]word, n, min(max(2*n, leastRing), s.maxWords))
		copy(words, s.words)
		s.words = words
	}
	s.words = s.words[:n+1]
	return int32(n)
}
