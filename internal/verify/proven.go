package verify

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/gennostr/gennostr/nostr"
)

// proven remembers events whose signature was accepted, so that the same event
// from another relay is not checked again. It is sure of what it says: id and
// signature are compared whole, and the id is the hash of all that was signed.
// It forgets: each id has a set of four places to be in, and the oldest one of
// the set makes room. It holds nothing before the first event and grows as
// events come, to mostProven of them.
//
// Which set an id belongs to depends on a secret of this table, so nobody can
// make events that push each other out.
type proven struct {
	mu    sync.Mutex
	seed  uint64 // guarded by mu: odd, once there are sets
	sets  []set  // guarded by mu: their number is a power of two
	added int    // guarded by mu: since the table has grown

	epoch atomic.Uint64 // changed under mu: how often all has been forgotten
}

// set is the newest four of the events that belong there, the newest first. The zero pair is none: no event has that id.
type set [4]pair

type pair struct {
	id  nostr.ID
	sig nostr.Sig
}

const (
	leastProven = 256
	mostProven  = 32768 // events; with 96 bytes each, 3 MiB
)

// has tells whether the event's signature has been accepted before.
func (p *proven) has(ev *nostr.Event) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sets) == 0 {
		return false
	}
	for i, s := 0, p.set(&ev.ID); i < len(s); i++ {
		if s[i].id == ev.ID {
			return s[i].sig == ev.Sig
		}
	}
	return false
}

// forget forgets all, and what is being checked now will not be remembered.
func (p *proven) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sets, p.added = nil, 0
	p.epoch.Add(1)
}

// add remembers the events that have no error, unless all has been forgotten since the epoch.
func (p *proven) add(events []*nostr.Event, errs []error, epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch.Load() != epoch {
		return
	}
	for i, ev := range events {
		if errs[i] == nil {
			p.makeRoom()
			s := p.set(&ev.ID)
			s.put(pair{ev.ID, ev.Sig})
			p.added++
		}
	}
}

// put takes the newest; one of the same id, with another signature, is replaced.
func (s *set) put(newest pair) {
	last := len(s) - 1
	for i := range s {
		if s[i].id == newest.id {
			last = i
			break
		}
	}
	copy(s[1:last+1], s[:last])
	s[0] = newest
}

// makeRoom grows the table when half of its places may be taken. Needs mu.
func (p *proven) makeRoom() {
	places := len(p.sets) * len(set{})
	if places > 0 && (places >= mostProven || p.added < places/2) {
		return
	}
	old := p.sets
	p.sets = make([]set, max(leastProven/len(set{}), 2*len(old)))
	p.seed = rand.Uint64() | 1
	p.added = 0
	for i := range old {
		for j := len(old[i]) - 1; j >= 0; j-- { // the oldest first
			if pair := old[i][j]; pair.id != (nostr.ID{}) {
				p.set(&pair.id).put(pair)
				p.added++
			}
		}
	}
}

// set is where an id belongs. Needs mu, and sets.
func (p *proven) set(id *nostr.ID) *set {
	// The highest bits of the product depend on all bits of the id's first half.
	h := (binary.LittleEndian.Uint64(id[:]) ^ binary.LittleEndian.Uint64(id[8:])) * p.seed
	return &p.sets[h>>bits.LeadingZeros64(uint64(len(p.sets)-1))]
}
