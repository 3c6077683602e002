package main

import (
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// feed is what one relay sends, and how far it has come. One relay's outage
// changes nothing for the others.
type feed struct {
	connected bool
	open      bool // asked for, and neither closed nor lost
	refused   bool // the relay will not have us
	request   int  // counts what was asked, so that a timer knows its own

	from   *nostr.Timestamp // since when events may have been missed, nil if none were
	loaded bool             // what the very first request asked for has been sent
	ready  bool             // and what this one did

	holding bool // stored events are held back
	held    []held
	bytes   int // of the lines in held
}

// held is an event that waits for older ones.
type held struct {
	at   nostr.Timestamp
	id   nostr.ID
	line []byte
}

// What is held back at most. Beyond it the order is that of the relay, in parts.
const (
	maxHeld      = 1_000
	maxHeldBytes = 8 << 20
)

// begin is a new request.
func (f *feed) begin() {
	f.request++
	f.open, f.refused, f.ready, f.holding = true, false, false, true
}

// complete is its EOSE: nothing that was stored is missing any more.
func (f *feed) complete() { f.loaded, f.ready = true, true }

// end is the end of a request. If it had not caught up, what was missed before
// is missed still: stored events come newest first, so there is no telling how
// far it came, and the next request starts where this one did.
func (f *feed) end(now nostr.Timestamp) {
	if !f.open {
		return // a dial that failed: nothing was lost by it
	}
	f.open = false
	if f.ready || f.from == nil {
		from := nostr.TimestampOf(now.Time().Add(-overlap))
		f.from = &from
	}
}

// filters are what to ask for: at first what the user wants, after a loss all
// that came since. Where the first answer was cut short it is both.
func (f *feed) filters(wanted nostr.Filter) []nostr.Filter {
	if f.from == nil {
		return []nostr.Filter{wanted}
	}
	since := *f.from
	if wanted.Since != nil {
		since = max(since, *wanted.Since)
	}
	missed := wanted.WithSince(since)
	missed.Limit, missed.LimitZero = 0, false // however many there are
	if f.loaded {
		return []nostr.Filter{missed}
	}
	return []nostr.Filter{wanted, missed}
}

// hold keeps a line back, and reports whether it is time to take what there is.
func (f *feed) hold(ev *nostr.Event, line []byte) (full bool) {
	f.held = append(f.held, held{ev.CreatedAt, ev.ID, line})
	f.bytes += len(line)
	return len(f.held) >= maxHeld || f.bytes >= maxHeldBytes
}

// take returns what was held back, the oldest first.
func (f *feed) take() []held {
	list := f.held
	f.held, f.bytes = nil, 0
	slices.SortFunc(list, func(a, b held) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		return -a.id.Compare(b.id) // the reverse of NIP-01's order
	})
	return list
}

// rememberIDs is how many events are remembered as shown: some 6 MB.
const rememberIDs = 1 << 16

// memory knows the events that were shown last.
type memory struct {
	ids  map[nostr.ID]struct{}
	ring []nostr.ID // in the order they came; next is the oldest once it is full
	next int
	size int
}

func newMemory(size int) *memory {
	return &memory{ids: make(map[nostr.ID]struct{}), size: size}
}

// add reports whether the event is new, and remembers it in the place of the oldest.
func (m *memory) add(id nostr.ID) bool {
	if _, known := m.ids[id]; known {
		return false
	}
	m.ids[id] = struct{}{}
	if len(m.ring) < m.size {
		m.ring = append(m.ring, id)
		return true
	}
	delete(m.ids, m.ring[m.next])
	m.ring[m.next] = id
	m.next = (m.next + 1) % m.size
	return true
}
