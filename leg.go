package gennostr

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// leg is one subscription on one relay, from its first connection on and over all
// that follow. What is to be asked next is decided in internal/resume.
type leg struct {
	sub *subscription
	url string

	// supervisor goroutine only
	track   *resume.Leg
	entry   *relayEntry // nil while the subscription does not live on the relay
	asks    map[*resume.Ask]*legAsk
	filters []uint64  // hashes of the filters, in the order of the tracks
	refused []*legAsk // the relay would not serve them
	authing bool      // some of them wait for AUTH
	words   string    // the relay's, why it wants AUTH

	unchallenged bool      // it has waited for a challenge in vain
	delayed      []*legAsk // further pages, for which there is no room yet
	bytes        int       // how long a REQ may be for which the filters were split
	gaps         int       // reported since the connection began
	within       int       // while asks are made: at most so many others may stand in their REQ, 0: any number
	wentAt       time.Time // when its relay was removed
	retries      int       // since it was live for long enough
	liveAt       time.Time
	denied       bool // nor will they be on this connection
	away         bool // of a guest: it was told that it cannot be reached, or is lost

	crowding atomic.Bool // the supervisor has not dealt with its being overfull yet

	mu          sync.Mutex
	first, last *delivery         // guarded by mu: events that wait or are held, in order
	unfinished  int               // guarded by mu: their number
	status      RelaySubscription // guarded by mu
	gone        bool              // guarded by mu: its relay has been removed, and is not to be listed
	untold      int               // guarded by mu: changes that the mailbox holds, without gaps; at most mostUntold
	owed        *changeLetter     // guarded by mu: the latest change, for which there was no room; nil: none
}

// hashesOf are the hashes of filters, which is how cursors know them.
func hashesOf(filters []nostr.Filter) []uint64 {
	list := make([]uint64, len(filters))
	for i, f := range filters {
		list[i] = cursor.FilterHash(f)
	}
	return list
}

// parts are the filters as they are asked of the relay: lists that are longer than its
// messages may be are split.
func (l *leg) parts(filters []nostr.Filter) (list []nostr.Filter) {
	if l.entry != nil {
		l.bytes = l.entry.lore().limits.MessageBytes()
	}
	if l.bytes == 0 { // it has never lived on the relay
		return slices.Clone(filters)
	}
	for _, f := range filters {
		list = append(list, limits.Split(f, max(1, l.bytes-frameOf))...)
	}
	return list
}

// add puts an event among those that are not finished.
func (l *leg) add(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.prev = l.last; d.prev == nil {
		l.first = d
	} else {
		d.prev.next = d
	}
	l.last = d
	l.unfinished++
}

// remove takes an event out of those that are not finished; false if it is none.
func (l *leg) remove(d *delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.finished {
		return false
	}
	d.finished = true
	if d.prev == nil {
		l.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		l.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.next, d.prev = nil, nil
	l.unfinished--
	return true
}

// forget gives up an ask that is no longer of use. Supervisor goroutine.
func (l *leg) forget(asked *resume.Ask) {
	l.refused = slices.DeleteFunc(l.refused, func(k *legAsk) bool { return k.Ask == asked })
	k := l.asks[asked]
	if k == nil {
		return
	}
	k.gone.Store(true)
	delete(l.asks, asked)
	if e := l.entry; e != nil && e.asking.slots != nil {
		e.asking.slots.Remove(l.sub.c.now(), &k.ask)
	}
}

func (l *leg) unfinishedNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unfinished
}

// each runs f for the events that are not finished, in order.
func (l *leg) each(f func(*delivery)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for d := l.first; d != nil; d = d.next {
		f(d)
	}
}

// marks is where the leg stands, for a cursor. Supervisor goroutine.
func (l *leg) marks() []resume.Mark {
	l.note()
	return l.track.Marks()
}

// note tells the leg's machine what its connection has brought, and that it lives.
func (l *leg) note() {
	for _, a := range l.asks {
		if at := a.newest.Load(); at != math.MinInt64 && a.Track >= 0 {
			l.track.Proven(a.Track, nostr.Timestamp(at))
		}
	}
	if e := l.entry; e != nil && e.conn != nil && len(l.asks) > 0 {
		if at := e.conn.alive(); !at.IsZero() {
			l.track.Alive(at)
		}
	}
}

// down voids what was asked: the connection has ended.
func (l *leg) down() {
	for _, a := range l.asks {
		a.gone.Store(true)
	}
	l.note()
	clear(l.asks)
	l.refused, l.delayed, l.gaps, l.denied = nil, nil, 0, false
	l.authing, l.unchallenged = false, false
	l.track.Down()
}

// setRefusal notes that the relay has refused it, and what explains that.
func (l *leg) setRefusal(state SubscriptionState, message string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.State, l.status.Message, l.status.Err = state, message, err
}

// setStatus notes where the leg stands.
func (l *leg) setStatus(state SubscriptionState, message string) { l.setRefusal(state, message, nil) }

// setUnserved notes that the relay is gone for good, does not come, or has to wait for room.
func (l *leg) setUnserved(state SubscriptionState, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = false
	l.status.State, l.status.Message, l.status.Err = state, err.Error(), err
}

// setProblem notes what is the matter with the relay.
func (l *leg) setProblem(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Message, l.status.Err = err.Error(), err
}

// setGone notes whether the subscription lives on the relay.
func (l *leg) setGone(gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = gone
	l.status = RelaySubscription{URL: l.url}
}

func (l *leg) state() SubscriptionState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status.State
}
