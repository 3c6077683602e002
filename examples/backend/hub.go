package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// hub keeps the newest of the stream, once for all browsers: each has nothing but its place
// in it. So a browser that does not read costs nothing and holds up nobody. Where it was may be gone
// when it reads on, and then it is told how much it has missed.
type hub struct {
	epoch     string // tells places of this process from those of an earlier one
	most      int    // entries kept
	mostBytes int    // of their data

	mu      sync.Mutex
	entries []entry       // guarded by mu
	first   uint64        // guarded by mu: the place of the first of them; places count from 1
	bytes   int           // guarded by mu
	bell    chan struct{} // guarded by mu: closed by the next entry, and by the end
	over    bool          // guarded by mu
}

// entry is an event, or a gap, which is for everybody.
type entry struct {
	event *nostr.Event // nil: a gap
	data  []byte       // JSON
}

// gap is something that a stream does not have.
type gap struct {
	Reason string          `json:"reason"`
	Missed uint64          `json:"missed,omitempty"` // how many, of whatever kind
	Since  nostr.Timestamp `json:"since,omitempty"`
	Until  nostr.Timestamp `json:"until,omitempty"`
}

func (g gap) entry() entry {
	data, err := json.Marshal(g)
	if err != nil { // there is nothing in it that cannot be written
		panic(err)
	}
	return entry{data: data}
}

func newHub(most, mostBytes int) *hub {
	return &hub{epoch: rand.Text()[:8], most: most, mostBytes: mostBytes, first: 1, bell: make(chan struct{})}
}

func (h *hub) event(e *nostr.Event) { h.add(entry{event: e, data: e.AppendJSON(nil)}) }

func (h *hub) gap(g gap) { h.add(g.entry()) }

// add keeps an entry, the oldest make room for it, and lets those know who wait. After the end,
// when the relays still bring something, nobody does.
func (h *hub) add(e entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	h.entries = append(h.entries, e)
	h.bytes += len(e.data)
	for len(h.entries) > 1 && (len(h.entries) > h.most || h.bytes > h.mostBytes) {
		h.bytes -= len(h.entries[0].data)
		h.entries[0] = entry{} // the array keeps nothing of it
		h.entries = h.entries[1:]
		h.first++
	}
	close(h.bell)
	h.bell = make(chan struct{})
}

// end ends all streams.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.over = true
		close(h.bell)
	}
}

func (h *hub) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// atOnce is how many entries are read at once.
const atOnce = 64

// read returns what comes from a place on, at most atOnce, and how many before that are gone.
// Without any it returns what to wait for; nil: there will be no more.
func (h *hub) read(from uint64) (list []entry, missed uint64, bell <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if from < h.first {
		missed, from = h.first-from, h.first
	}
	rest := h.entries[min(from-h.first, uint64(len(h.entries))):]
	switch {
	case len(rest) > 0:
		return slices.Clone(rest[:min(len(rest), atOnce)]), missed, nil
	case h.over:
		return nil, missed, nil
	}
	return nil, missed, h.bell
}

// next is the place of what comes next.
func (h *hub) next() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first + uint64(len(h.entries))
}

// name makes of a place what a browser sends back as Last-Event-ID.
func (h *hub) name(place uint64) string { return fmt.Sprintf("%s-%d", h.epoch, place) }

// after returns the place behind the one of that name. It reports false if it is none of this
// process's: nobody knows what was missed.
func (h *hub) after(name string) (place uint64, known bool) {
	epoch, number, _ := strings.Cut(name, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if next := h.next(); epoch == h.epoch && err == nil && n < next {
		return n + 1, true
	}
	return 0, false
}
