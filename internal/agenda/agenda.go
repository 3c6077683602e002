// Package agenda keeps what is due when: keyed deadlines, for a loop that owns
// one timer instead of a timer and a goroutine for each of them.
//
// The owner sets its timer, a Bell, to Next, and when it rings calls PopDue until it
// says no. An Agenda does not read a clock. All times of one Agenda come from one
// clock, time.Now or that of a synctest bubble, so that the monotonic reading
// decides and a step of the wall clock moves nothing.
//
// An Agenda is not safe for concurrent use: its owner serialises.
package agenda

import "time"

const (
	// shrinkAbove is the size, in entries, from which memory is given back.
	// Below it the few kilobytes are not worth the copying.
	shrinkAbove = 1024
	// shrinkAt is how many times larger than its content the heap must be.
	// Growth doubles, so at 8 a copy is paid for by the entries that left.
	shrinkAt = 8
)

// An Agenda holds at most one deadline per key. The zero value is empty and
// ready. Set, Cancel and PopDue take logarithmic time, the rest constant time;
// memory is allocated only to grow and to shrink.
type Agenda[K comparable] struct {
	heap  []entry[K] // a binary heap, the earliest entry first
	index map[K]int  // where in heap each key stands; nil while empty
	seq   uint64     // of the entry set last: orders entries of the same instant
}

type entry[K comparable] struct {
	at  time.Time
	seq uint64
	key K
}

// Set makes key due at the given time, in place of any earlier entry of that
// key. Entries due at the same time leave in the order in which they were set;
// setting a key again counts as new, also with an unchanged time.
func (a *Agenda[K]) Set(key K, at time.Time) {
	a.seq++
	if i, ok := a.index[key]; ok {
		a.heap[i].at, a.heap[i].seq = at, a.seq
		a.fix(i)
		return
	}
	if a.index == nil {
		a.index = make(map[K]int)
	}
	a.heap = append(a.heap, entry[K]{at: at, seq: a.seq, key: key})
	a.index[key] = len(a.heap) - 1
	a.up(len(a.heap) - 1)
}

// Cancel removes the entry of key and reports whether there was one.
func (a *Agenda[K]) Cancel(key K) bool {
	i, ok := a.index[key]
	if ok {
		a.remove(i)
	}
	return ok
}

// At returns when key is due. It reports false if key has no entry.
func (a *Agenda[K]) At(key K) (time.Time, bool) {
	i, ok := a.index[key]
	if !ok {
		return time.Time{}, false
	}
	return a.heap[i].at, true
}

// Next returns the time of the earliest entry, which may have passed. It
// reports false if there is no entry.
func (a *Agenda[K]) Next() (time.Time, bool) {
	if len(a.heap) == 0 {
		return time.Time{}, false
	}
	return a.heap[0].at, true
}

// PopDue removes the earliest entry and returns its key, if that entry is due
// at now or before. Otherwise it removes nothing and reports false.
//
// A loop that sets new entries while it pops must take now only once: with a
// new now each time, an entry that sets itself again could keep it for ever.
func (a *Agenda[K]) PopDue(now time.Time) (K, bool) {
	if len(a.heap) == 0 || a.heap[0].at.After(now) {
		var none K
		return none, false
	}
	key := a.heap[0].key
	a.remove(0)
	return key, true
}

// Len returns the number of entries.
func (a *Agenda[K]) Len() int { return len(a.heap) }

// Clear removes all entries and gives their memory back.
func (a *Agenda[K]) Clear() { a.heap, a.index = nil, nil }

func (a *Agenda[K]) less(i, j int) bool {
	x, y := &a.heap[i], &a.heap[j]
	if c := x.at.Compare(y.at); c != 0 {
		return c < 0
	}
	return x.seq < y.seq
}

func (a *Agenda[K]) swap(i, j int) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.index[a.heap[i].key] = i
	a.index[a.heap[j].key] = j
}

func (a *Agenda[K]) remove(i int) {
	last := len(a.heap) - 1
	if i != last {
		a.swap(i, last)
	}
	delete(a.index, a.heap[last].key)
	a.heap[last] = entry[K]{} // whatever the key points to may be collected
	a.heap = a.heap[:last]
	if i != last {
		a.fix(i)
	}
	a.shrink()
}

// fix restores the heap after the entry at i has changed.
func (a *Agenda[K]) fix(i int) {
	if !a.up(i) {
		a.down(i)
	}
}

// up moves the entry at i towards the root and reports whether it moved.
func (a *Agenda[K]) up(i int) bool {
	start := i
	for i > 0 {
		parent := (i - 1) / 2
		if !a.less(i, parent) {
			break
		}
		a.swap(i, parent)
		i = parent
	}
	return i != start
}

func (a *Agenda[K]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(a.heap) {
			return
		}
		if right := child + 1; right < len(a.heap) && a.less(right, child) {
			child = right
		}
		if !a.less(child, i) {
			return
		}
		a.swap(i, child)
		i = child
	}
}

// shrink gives back what a burst has left behind: neither a slice nor a map
// does so by itself, and the owner may live for months.
func (a *Agenda[K]) shrink() {
	if cap(a.heap) <= shrinkAbove || cap(a.heap) < shrinkAt*len(a.heap) {
		return
	}
	heap := make([]entry[K], len(a.heap), 2*len(a.heap)+1)
	copy(heap, a.heap)
	index := make(map[K]int, len(heap))
	for i := range heap {
		index[heap[i].key] = i
	}
	a.heap, a.index = heap, index
}
