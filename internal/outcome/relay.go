package outcome

import (
	"cmp"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/agenda"
	"github.com/gennostr/gennostr/nostr"
)

// An Action is what a Step says.
type Action uint8

const (
	Send Action = iota // write the event ID now
	Auth               // the event ID needs AUTH: AuthDone or AuthFailed is to follow
	Tell               // Report is the verdict for Key, the first or another
)

// A Step is what is to be done.
type Step[K comparable] struct {
	Do     Action
	ID     nostr.ID
	Author nostr.PubKey // of ID
	Key    K            // of Tell
	Report Report       // of Tell
}

// A Relay is what is to be published on one relay. Whoever publishes an event there is a
// waiter K; an event with several is written once for all of them, and all of them are
// told (L24). It outlives connections. Made by NewRelay.
type Relay[K comparable] struct {
	pace      *Pace[nostr.ID, nostr.PubKey]
	items     map[nostr.ID]*item[K]
	waiters   map[K]*waiter[K]
	rests     agenda.Agenda[nostr.ID]
	ends      agenda.Agenda[K]
	last      uint64 // number of the newest item
	awaited   int    // items that are
	connected bool
	draining  bool
	reason    error // of draining
	steps     []Step[K]
	spare     []Step[K]
}

// An item is an event that somebody has published.
type item[K comparable] struct {
	Outcome
	id      nostr.ID
	author  nostr.PubKey
	number  uint64 // in the order of Add
	waiters []*waiter[K]
	open    int  // of waiters: not told yet
	asked   bool // for AUTH, since it NeedsAuth
	awaited bool // counted as such
}

type waiter[K comparable] struct {
	key    K
	item   *item[K]
	before int    // tries before it came
	told   Report // Open: nothing
}

// NewRelay returns a Relay that is not connected.
func NewRelay[K comparable](pace PaceConfig) *Relay[K] {
	return &Relay[K]{
		pace: NewPace[nostr.ID, nostr.PubKey](pace), items: make(map[nostr.ID]*item[K]), waiters: make(map[K]*waiter[K]),
	}
}

// SetPace changes rate and burst.
func (r *Relay[K]) SetPace(cfg PaceConfig) { r.pace.Set(cfg) }

// Len is how many waiters there are, Forget not called.
func (r *Relay[K]) Len() int { return len(r.waiters) }

// Add has an event published for key until some time, then the verdict is told; with the
// zero time it never ends. One that is done already is done again. A key that is known
// changes nothing.
func (r *Relay[K]) Add(now time.Time, key K, id nostr.ID, author nostr.PubKey, until time.Time) {
	if r.waiters[key] != nil {
		return
	}
	it := r.items[id]
	if it == nil {
		r.last++
		it = &item[K]{id: id, author: author, number: r.last}
		r.items[id] = it
		if r.connected {
			it.Connected(now)
		}
	}
	it.Again(now)
	w := &waiter[K]{key: key, item: it, before: it.Tries()}
	if it.State() == Written {
		w.before--
	}
	r.waiters[key] = w
	it.waiters = append(it.waiters, w)
	it.open++
	if !until.IsZero() {
		r.ends.Set(key, until)
	}
	it.Due(now)
	r.sync(it)
}

// Forget ends a waiter, told or not: nothing more is told to it. What nobody waits for
// is not written any more, and another answer to it is nobody's.
func (r *Relay[K]) Forget(key K) {
	w := r.waiters[key]
	if w == nil {
		return
	}
	delete(r.waiters, key)
	r.ends.Cancel(key)
	it := w.item
	it.waiters = slices.DeleteFunc(it.waiters, func(other *waiter[K]) bool { return other == w })
	if w.told.Verdict == Open {
		it.open--
	}
	if len(it.waiters) == 0 {
		r.count(it)
		delete(r.items, it.id)
		r.rests.Cancel(it.id)
		r.pace.Remove(it.id)
		return
	}
	r.sync(it)
}

// Connected says that events can be written. A relay that wants AUTH before everything
// (P53) may be called connected when that is done.
func (r *Relay[K]) Connected(now time.Time) {
	if r.connected {
		return
	}
	r.connected = true
	r.pace.Connected(now)
	for _, it := range r.inOrder() {
		it.Connected(now)
		r.sync(it)
	}
}

// Lost says that the connection has ended: after its last OK.
func (r *Relay[K]) Lost() {
	r.connected = false
	r.pace.Lost()
	r.steps = slices.DeleteFunc(r.steps, func(s Step[K]) bool { return s.Do == Auth })
	for _, it := range r.inOrder() {
		it.Outcome.Lost()
		r.sync(it)
	}
}

// alwaysTaken is how long a message may be for every relay that is known, in bytes: what
// was too long for one that hung up over less was another.
const alwaysTaken = 16 << 10

// TooLong goes before Lost: the relay has hung up on a message that is too long for it, and
// does not say on which. The longest of the events that it has not answered is taken for
// it, if it was written before and is long at all: it is not written again, and who waits
// for it is told err. Else it would end each connection, until there is no time left for it.
func (r *Relay[K]) TooLong(size func(nostr.ID) int, err error) {
	var longest *item[K]
	for _, it := range r.inOrder() {
		if it.State() == Written && (longest == nil || size(it.id) > size(longest.id)) {
			longest = it
		}
	}
	if longest != nil && longest.Tries() > 1 && size(longest.id) > alwaysTaken {
		r.end(longest, err)
		r.sync(longest)
	}
}

// inOrder are the items as they came.
func (r *Relay[K]) inOrder() []*item[K] {
	all := make([]*item[K], 0, len(r.items))
	for _, it := range r.items {
		all = append(all, it)
	}
	slices.SortFunc(all, func(a, b *item[K]) int { return cmp.Compare(a.number, b.number) })
	return all
}

// Unsent says that what a Step said to Send has found no room in the connection's
// queue: soon again.
func (r *Relay[K]) Unsent(now time.Time, id nostr.ID) {
	if it := r.items[id]; it != nil && it.State() == Written {
		it.Unsent()
		r.pace.Unsent(now, id, it.author)
		r.sync(it)
	}
}

// OK takes a relay's answer; false if nobody waits for one about that event.
func (r *Relay[K]) OK(now time.Time, id nostr.ID, accepted bool, message string) bool {
	it := r.items[id]
	if it == nil {
		return false
	}
	if it.OK(now, accepted, message) {
		r.pace.Limited(now, id)
	} else {
		r.pace.Answered(now, id)
	}
	r.sync(it)
	return true
}

// AuthDone says that the AUTH that a Step has asked for was accepted.
func (r *Relay[K]) AuthDone(now time.Time, id nostr.ID) {
	if it := r.items[id]; it != nil {
		it.AuthDone(now)
		r.sync(it)
	}
}

// AuthFailed says that there will be no AUTH for an event; see Outcome.AuthFailed.
func (r *Relay[K]) AuthFailed(id nostr.ID, message string, err error) {
	if it := r.items[id]; it != nil {
		it.AuthFailed(message, err)
		r.sync(it)
	}
}

// Drain says that nothing is written any more. Only what was written is waited for; the
// rest is told now, with err.
func (r *Relay[K]) Drain(err error) {
	r.draining, r.reason = true, err
	for _, it := range r.inOrder() {
		r.sync(it)
	}
}

// Awaited is how many events were written and are not answered, with somebody waiting.
func (r *Relay[K]) Awaited() int { return r.awaited }

// count sees to it that an event is counted among those if it is one.
func (r *Relay[K]) count(it *item[K]) {
	awaited := it.State() == Written && it.open > 0
	switch {
	case awaited && !it.awaited:
		r.awaited++
	case !awaited && it.awaited:
		r.awaited--
	}
	it.awaited = awaited
}

// End tells all who have not been told, with err, and what was refused before.
func (r *Relay[K]) End(err error) {
	for _, it := range r.inOrder() {
		r.end(it, err)
		r.sync(it)
	}
}

// Give tells one, if it has not been told, with err and what was refused before.
func (r *Relay[K]) Give(key K, err error) {
	w := r.waiters[key]
	if w == nil || w.told.Verdict != Open {
		return
	}
	report := w.item.Report()
	report.Err = err
	r.tell(w, report)
	r.sync(w.item)
}

func (r *Relay[K]) end(it *item[K], err error) {
	report := it.Report()
	report.Err = err
	for _, w := range it.waiters {
		if w.told.Verdict == Open {
			r.tell(w, report)
		}
	}
}

// mostSends is how many events Do says to send, at most. Where the connection's queue is
// full all of them are Unsent, so that thousands would be taken out and put back each time
// that it is tried.
const mostSends = 32

// Do says what is to be done now. It is to be called after everything else, and at
// Next, until it says nothing more. What it returns is good until the next call.
func (r *Relay[K]) Do(now time.Time) []Step[K] {
	for key, ok := r.ends.PopDue(now); ok; key, ok = r.ends.PopDue(now) {
		w := r.waiters[key]
		r.tell(w, w.item.Report())
		r.sync(w.item)
	}
	for id, ok := r.rests.PopDue(now); ok; id, ok = r.rests.PopDue(now) {
		it := r.items[id]
		it.Due(now)
		r.sync(it)
	}
	for range mostSends {
		id, ok := r.pace.Next(now)
		if !ok {
			break
		}
		it := r.items[id]
		it.Write()
		r.count(it)
		r.steps = append(r.steps, Step[K]{Do: Send, ID: id, Author: it.author})
	}
	steps := r.steps
	r.steps, r.spare = r.spare[:0], steps
	if cap(steps) > 1024 {
		r.spare = nil
	}
	return steps
}

// Next is when Do is to be called again, unless something happens before.
func (r *Relay[K]) Next() (at time.Time, ok bool) {
	for _, next := range []func() (time.Time, bool){r.ends.Next, r.rests.Next, r.pace.When} {
		if t, due := next(); due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// sync does what follows from where an event stands.
func (r *Relay[K]) sync(it *item[K]) {
	state := it.State()
	if state == Done {
		for _, w := range it.waiters {
			r.tell(w, it.Report())
		}
	} else if r.draining && state != Written {
		r.end(it, r.reason)
	}
	r.count(it)
	wanted := it.open > 0
	if state == Queued && wanted {
		r.pace.Put(it.id, it.author)
	} else if state != Written {
		r.pace.Remove(it.id)
	}
	if state == Resting && wanted {
		r.rests.Set(it.id, it.At())
	} else {
		r.rests.Cancel(it.id)
	}
	if state != NeedsAuth || !wanted {
		it.asked = false
	} else if !it.asked {
		it.asked = true
		r.steps = append(r.steps, Step[K]{Do: Auth, ID: it.id, Author: it.author})
	}
}

// tell tells a verdict, the first or another. That a relay which has the event has it is
// no news.
func (r *Relay[K]) tell(w *waiter[K], report Report) {
	old := w.told.Verdict
	if old == report.Verdict || old.Has() && report.Verdict.Has() {
		return
	}
	if old == Open {
		w.item.open--
		r.ends.Cancel(w.key)
	}
	report.Tries -= w.before
	w.told = report
	r.steps = append(r.steps, Step[K]{Do: Tell, ID: w.item.id, Author: w.item.author, Key: w.key, Report: report})
}
