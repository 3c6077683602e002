package gennostr

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// registry maps a relay's URL to its one connection (R49), so that any
// goroutine can find the connection to send on. Only the supervisor's goroutine
// writes; everybody reads. What a relay's state is, and whether it is known at
// all, is the supervisor's to say: here stands only what can be sent on.
type registry struct {
	mu     sync.RWMutex
	conns  map[string]*connection // guarded by mu
	sorted []*connection          // guarded by mu: by URL, made anew by each change that somebody looks at; nil when it is due
}

// register enters a connection. The supervisor starts an attempt only after
// the one before has been unregistered, so a taken place is a bug, not a race.
func (r *registry) register(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = make(map[string]*connection)
	}
	if r.conns[c.relay.URL] != nil {
		panic("gennostr: two connections to " + c.relay.URL)
	}
	r.conns[c.relay.URL] = c
	r.sorted = nil
}

func (r *registry) unregister(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns[c.relay.URL] == c {
		delete(r.conns, c.relay.URL)
		r.sorted = nil
	}
}

// lookup finds the connection or dial of a normalised URL, nil if there is none.
func (r *registry) lookup(url string) *connection {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.conns[url]
}

// all returns the registered connections in the order of their URLs. The list is
// everybody's: it is not to be changed.
func (r *registry) all() []*connection {
	r.mu.RLock()
	list := r.sorted
	r.mu.RUnlock()
	if list != nil {
		return list
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sorted == nil {
		r.sorted = slices.SortedFunc(maps.Values(r.conns), func(a, b *connection) int { return strings.Compare(a.relay.URL, b.relay.URL) })
	}
	return r.sorted
}
