package gennostr

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/agenda"
)

// timers are the letters that the loop sends to itself later: SendAfter and
// the recurring tasks. There is no goroutine and no time.Timer behind them but
// the loop's own, so they end with it (R33). Any goroutine may set and cancel.
type timers struct {
	mu     sync.Mutex
	agenda agenda.Agenda[uint64] // guarded by mu
	queued map[uint64]letter     // guarded by mu
	lastID uint64                // guarded by mu
}

// after sets a letter for an instant and returns its id, never 0.
func (t *timers) after(at time.Time, l letter) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queued == nil {
		t.queued = make(map[uint64]letter)
	}
	t.lastID++
	t.queued[t.lastID] = l
	t.agenda.Set(t.lastID, at)
	return t.lastID
}

// cancel forgets a letter that is not due yet.
func (t *timers) cancel(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.agenda.Cancel(id) {
		delete(t.queued, id)
	}
}

// due hands over the letters whose time has come, in order. The clock is asked only if there are any at all.
func (t *timers) due(clock func() time.Time, put func(letter)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.agenda.Len() == 0 {
		return
	}
	now := clock()
	for id, ok := t.agenda.PopDue(now); ok; id, ok = t.agenda.PopDue(now) {
		put(t.queued[id])
		delete(t.queued, id)
	}
}

// scheduled lists what SendAfter has set, in the order of time.
func (t *timers) scheduled(now time.Time) (list []Scheduled) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(t.queued)) { // of one instant, the one set first is first
		if l, ok := t.queued[id].(*infoLetter); ok {
			at, _ := t.agenda.At(id)
			list = append(list, Scheduled{After: at.Sub(now), Message: l.msg})
		}
	}
	slices.SortStableFunc(list, func(a, b Scheduled) int { return cmp.Compare(a.After, b.After) })
	return list
}

// trim gives back what a burst of timers has left behind: a map does not shrink.
func (t *timers) trim() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queued = copied(t.queued)
}

// copied is the map in as much memory as it needs; maps.Clone keeps the size.
func copied[K comparable, V any](m map[K]V) map[K]V {
	small := make(map[K]V, len(m))
	for k, v := range m {
		small[k] = v
	}
	return small
}

func (t *timers) next() (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.agenda.Next()
}
