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
// from another relay is not checked again. It keeps a print of id and signature,
// whole; the id is the hash of all that was signed. An event that it takes for
// another one is as rare as a forgery that a batch lets pass, whoever made it.
// It forgets: each print has a set of four places to be in, and the oldest one of
// the set makes room. It holds nothing before the first event and grows as
// events come, to mostProven of them.
//
// Prints are made with keys that nobody else knows, so nobody can make events that
// push each other out, either.
type proven struct {
	keys keys // immutable

	mu    sync.Mutex
	sets  []set // guarded by mu: their number is a power of two
	added int   // guarded by mu: since the table has grown

	epoch atomic.Uint64 // changed under mu: how often all has been forgotten
}

// set is the newest four of the prints that belong there, the newest first. The zero print is none.
type set [4]print

const (
	leastProven = 256
	mostProven  = 32768 // events; with 16 bytes each, half a MiB
)

// has tells whether the event with this print has been accepted before.
func (p *proven) has(pr print) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sets) == 0 || pr == (print{}) {
		return false
	}
	s := p.set(pr)
	return s.at(pr) < len(s)
}

// forget forgets all, and what is being checked now will not be remembered.
func (p *proven) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sets, p.added = nil, 0
	p.epoch.Add(1)
}

// add remembers what has no error, unless all has been forgotten since the epoch.
func (p *proven) add(flights []flight, errs []error, epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch.Load() != epoch {
		return
	}
	for i := range flights {
		if errs[i] == nil {
			p.makeRoom()
			p.set(flights[i].print).put(flights[i].print)
			p.added++
		}
	}
}

// at is where a print stands in the set; beyond it: nowhere.
func (s *set) at(pr print) int {
	for i := range s {
		if s[i] == pr {
			return i
		}
	}
	return len(s)
}

// put makes a print the newest.
func (s *set) put(newest print) {
	last := min(s.at(newest), len(s)-1)
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
	p.added = 0
	for i := range old {
		for j := len(old[i]) - 1; j >= 0; j-- { // the oldest first
			if pr := old[i][j]; pr != (print{}) {
				p.set(pr).put(pr)
				p.added++
			}
		}
	}
}

// set is where a print belongs. Needs mu, and sets.
func (p *proven) set(pr print) *set {
	// The halves are linear: those of events whose bits are a progression are one, too. Their product is none.
	h := pr[0] * (pr[1] | 1)
	return &p.sets[h>>bits.LeadingZeros64(uint64(len(p.sets)-1))]
}

// print stands for an id with a signature. Two of them, whatever they are, have the same
// print with a chance of 2⁻¹²⁸ over the keys.
type print [2]uint64

// printed is what it is made of, in words of 64 bits.
const printed = (len(nostr.ID{}) + len(nostr.Sig{})) / 8

// keys are the secret of the prints. Each half of a print is a multilinear hash, the
// upper half of k₀ + Σ kᵢ·mᵢ mod 2¹²⁸ with keys of 128 bits, which is strongly universal
// (Lemire and Kaser, "Strongly universal string hashing is fast"): 2⁻⁶⁴ each, and they
// are independent. That it is no more than that is enough, for nobody sees a print.
type keys [1 + printed][2]struct{ hi, lo uint64 }

func (k *keys) make() {
	for i := range k {
		for j := range k[i] {
			k[i][j].hi, k[i][j].lo = rand.Uint64(), rand.Uint64()
		}
	}
}

// print is an event's. Any goroutine.
func (p *proven) print(ev *nostr.Event) print {
	k := &p.keys
	a, b := k[0][0], k[0][1]
	for i := range printed {
		var m uint64
		if at := 8 * i; at < len(ev.ID) {
			m = binary.LittleEndian.Uint64(ev.ID[at:])
		} else {
			m = binary.LittleEndian.Uint64(ev.Sig[at-len(ev.ID):])
		}
		var carry uint64
		key := &k[1+i]
		hi, lo := bits.Mul64(key[0].lo, m)
		a.lo, carry = bits.Add64(a.lo, lo, 0)
		a.hi += hi + key[0].hi*m + carry
		hi, lo = bits.Mul64(key[1].lo, m)
		b.lo, carry = bits.Add64(b.lo, lo, 0)
		b.hi += hi + key[1].hi*m + carry
	}
	return print{a.hi, b.hi}
}
