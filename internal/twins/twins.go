// Package twins recognises an event by the bytes of its JSON, when several
// relays send the same ones.
//
// Most relays hand on an event's JSON as they got it. So of a bot that listens
// to five relays, four out of five frames hold bytes that have been parsed and
// hashed a moment ago, and what comes out of the same bytes is the same event.
// A Table keeps the bytes of the latest events together with what came out.
// It trusts nobody and proves nothing: bytes are compared whole, and whether the
// signature is good is not its business.
//
// It costs nothing where there are no twins: a Table keeps events only while
// duplicates come, and its memory grows only when it forgets too early.
package twins

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/gennostr/gennostr/nostr"
)

// Bounds of a Table.
const (
	MaxBytes = 2 << 20 // of JSON; the events that came out of it take four times as much again at most, and seldom more than it
	MaxJSON  = 8 << 10 // bytes of an event that is kept: longer ones are rare

	leastBytes  = 64 << 10 // of JSON, at first
	leastEvent  = 256      // bytes: none is shorter, with its keys, id, author and signature
	tooManyTags = 2        // an event is not kept if its tags take more than so many times its JSON

	duplicateCounts = 3    // a duplicate makes up for so many new events
	hot             = 64   // from here on events are kept
	hottest         = 1024 // new events in a row, at most, until all is forgotten
	tooEarly        = 64   // duplicates that had been forgotten until the table grows
)

// Table is for any number of goroutines. Make it with New.
type Table struct {
	seed maphash.Seed // immutable
	heat atomic.Int64 // goes up with duplicates and down with new events

	recent atomic.Pointer[recent] // nil when all is forgotten

	mu     sync.Mutex
	json   []byte            // guarded by mu: a ring that events are written to, each in one piece; nil when all is forgotten
	free   int               // guarded by mu: where in json the next one goes
	twins  []twin            // guarded by mu: a ring, too, with room for as many as json has
	oldest uint64            // guarded by mu: the number of the oldest twin
	next   uint64            // guarded by mu: the number of the next one
	latest map[uint64]uint64 // guarded by mu: from a hash of the JSON to the number of the latest twin that has it
	missed int               // guarded by mu: duplicates that were not here, since the table has grown
}

type twin struct {
	hash       uint64
	start, end int // in json
	event      *nostr.Event
}

// New returns an empty table.
func New() *Table { return &Table{seed: maphash.MakeSeed()} }

// Hot tells whether it is worth asking.
func (t *Table) Hot() bool { return t.heat.Load() >= hot }

// Saw takes note of an event: whether it was a duplicate of an earlier one, and
// whether Find had found it.
func (t *Table) Saw(duplicate, found bool) {
	heat := t.heat.Load()
	switch {
	case !duplicate:
		if heat > 0 && t.heat.Add(-1) <= 0 {
			t.Forget()
		}
		return
	case heat < hottest:
		t.heat.Add(duplicateCounts)
	}
	if !found && heat >= hot {
		t.miss()
	}
}

// Forget gives all memory back.
func (t *Table) Forget() {
	t.heat.Store(0)
	t.recent.Store(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resize(0)
}

// Find returns the event that came out of the very same bytes; nil if there is none.
// It is the table's and never changes: who hands it on makes a copy.
func (t *Table) Find(json []byte) *nostr.Event {
	if len(json) > MaxJSON {
		return nil
	}
	hash := maphash.Bytes(t.seed, json)
	t.mu.Lock()
	defer t.mu.Unlock()
	if tw := t.lookup(hash, json); tw != nil {
		return tw.event
	}
	return nil
}

// lookup returns the twin of these bytes, nil if there is none. Needs mu.
func (t *Table) lookup(hash uint64, json []byte) *twin {
	n, ok := t.latest[hash]
	if !ok {
		return nil
	}
	tw := t.at(n)
	if !bytes.Equal(t.json[tw.start:tw.end], json) {
		return nil
	}
	return tw
}

// Add keeps an event that came out of these bytes, if it is not too large;
// weight is how many bytes its lists of tags take in memory. Both are copied, but
// for the event's strings.
func (t *Table) Add(json []byte, e *nostr.Event, weight int) {
	if len(json) < leastEvent || len(json) > MaxJSON || weight > tooManyTags*len(json) {
		return
	}
	e = e.Clone()
	hash := maphash.Bytes(t.seed, json)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json == nil {
		t.resize(leastBytes)
	}
	if t.lookup(hash, json) != nil {
		return // another reader was faster
	}
	t.put(hash, json, e)
}

// put makes a twin the latest. Needs mu.
func (t *Table) put(hash uint64, json []byte, e *nostr.Event) {
	start := t.makeRoom(len(json))
	t.free = start + copy(t.json[start:], json)
	*t.at(t.next) = twin{hash, start, t.free, e}
	t.latest[hash] = t.next
	t.next++
}

// makeRoom returns where n bytes in one piece are free. Needs mu, and json.
func (t *Table) makeRoom(n int) (start int) {
	start = t.free
	if start+n > len(t.json) {
		for t.oldest != t.next && t.at(t.oldest).start >= start {
			t.drop()
		}
		start = 0
	}
	for t.oldest != t.next {
		if at := t.at(t.oldest).start; at < start || at >= start+n {
			break
		}
		t.drop()
	}
	return start
}

// drop forgets the oldest twin. Needs mu.
func (t *Table) drop() {
	tw := t.at(t.oldest)
	if t.latest[tw.hash] == t.oldest {
		delete(t.latest, tw.hash)
	}
	*tw = twin{}
	t.oldest++
}

// at is where twin n is, or will be. Needs mu, and json. They are never more
// than fit into json, and twins has room for as many.
func (t *Table) at(n uint64) *twin { return &t.twins[n%uint64(len(t.twins))] }

// miss takes note of a duplicate that the table does not have.
func (t *Table) miss() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.missed++; t.missed >= tooEarly && t.json != nil && len(t.json) < MaxBytes {
		t.grow()
	}
}

// grow doubles the memory. Needs mu.
func (t *Table) grow() {
	json, twins, oldest, next := t.json, t.twins, t.oldest, t.next
	t.resize(2 * len(json))
	for n := oldest; n != next; n++ {
		tw := twins[n%uint64(len(twins))]
		t.put(tw.hash, json[tw.start:tw.end], tw.event)
	}
}

// resize begins anew with so many bytes. Needs mu.
func (t *Table) resize(size int) {
	t.json, t.twins, t.latest = nil, nil, nil
	if size > 0 {
		t.json, t.twins, t.latest = make([]byte, size), make([]twin, size/leastEvent), make(map[uint64]uint64)
	}
	t.free, t.oldest, t.next, t.missed = 0, 0, 0, 0
}
