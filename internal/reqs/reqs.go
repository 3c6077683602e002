// Package reqs is the table of what is open on one connection: REQs, COUNTs
// and NIP-77 sessions. It judges each message of the relay by its subscription
// id, and each event by the filters that asked for it (P12, P13, P26, P30, P66).
//
// What has ended stays in grace for a while: messages that were on their way
// when it ended are dropped silently, because an honest relay is not to be
// accused of them (DESIGN 4). REQs, COUNTs and NIP-77 sessions each have a
// namespace of their own.
//
// What no client can tell, since NIP-01 gives a REQ no generation: when an id is
// used again (P13), the EOSE of the old REQ looks like one of the new. It is taken
// for one of the new: waiting for two EOSEs would wait for ever on a relay that
// sends only one. The same holds for two COUNTs or two NEG-OPENs with one id. A
// CLOSED that may be the old REQ's is told, but does not end the new one. An owner
// that needs to know uses a new id.
//
// A table owns no clock: times are handed in. Any goroutine may use it; filters are
// matched outside of its lock, since a relay chooses what they are asked about.
package reqs

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// Verdict is what a table says about one message of the relay.
type Verdict int

const (
	// Accept: asked for.
	Accept Verdict = iota
	// Late: belongs to what was closed, answered or replaced a moment ago. Drop silently.
	Late
	// Unknown: this connection never asked, or long ago. Drop and count (P26).
	Unknown
	// Mismatch: the REQ is open, but none of its filters asks for this event. Drop and count.
	Mismatch
)

func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Late:
		return "late"
	case Unknown:
		return "unknown"
	case Mismatch:
		return "mismatch"
	}
	return "invalid verdict"
}

// Judgement is what is to be known of one message of the relay.
type Judgement struct {
	Verdict Verdict
	Request *Request // what an accepted message answers; of a CLOSED the REQ, if there is one, else the COUNT
	Live    bool     // of an accepted event: it came after the EOSE (P29)
	Ends    bool     // of an accepted CLOSED: Request is to be finished once it has been handled
}

// space is a namespace of ids.
type space int

const (
	reqSpace space = iota
	countSpace
	negSpace
	spaces
)

// A Table belongs to one connection. Made by New.
type Table struct {
	grace  time.Duration // immutable after New
	graced atomic.Int64  // places in ending

	mu     sync.Mutex                // held for moments only; nothing is called while it is
	byID   [spaces]map[string]*place // guarded by mu; nil while empty: most connections of a crowd ask little
	open   [spaces]int               // guarded by mu: how many are open; of COUNTs at most maxCounts
	asked  uint64                    // guarded by mu: COUNTs so far
	ending graceQueue                // guarded by mu: everything with a part in grace
	kept   int                       // guarded by mu: weight of all filters in grace
}

// A place is what the table knows of one id in one namespace. It is open, or in
// grace, or, after a replacement, both.
type place struct {
	id      string
	space   space
	current *Request // the open one, nil if none is
	filters *Filters // of a REQ that is open; not the Request's, which lives as long as a message of it waits or is held
	last    *Request // the latest REQ, nil once it is over: not before its CLOSED has been handled

	graceState
}

// ended is the verdict on what comes for an id that is not open. Needs mu.
func (p *place) ended() Verdict {
	if p == nil || !p.queued {
		return Unknown
	}
	return Late
}

// finish makes what was asked last late. Needs mu.
func (p *place) finish() {
	if p != nil && p.last != nil {
		p.last.over.Store(true)
		p.last = nil
	}
}

// New returns an empty table. grace is how long the late messages of what has
// ended are dropped silently; with 0 they are Unknown at once.
func New(grace time.Duration) *Table {
	return &Table{grace: grace}
}

// Open records a REQ that is about to be sent, for whom route says. An id that is
// open already is replaced (P13): its old filters stay in grace, so that an event
// that matches only them is Late.
func (t *Table) Open(id string, filters *Filters, route any, now time.Time) *Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, r := t.start(reqSpace, id, now)
	r.route = route
	p.filters, p.last = filters, r
	return r
}

// Close records that a CLOSE is about to be sent. An id that is not open is
// left as it is.
func (t *Table) Close(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID[reqSpace][id].finish()
	if t.end(reqSpace, id, now) {
		t.byID[reqSpace][id].expectClosed()
	}
	t.drop(t.byID[reqSpace][id])
}

// Finish records that the CLOSED of a REQ has been handled.
func (t *Table) Finish(r *Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.over.Store(true)
	if p := t.byID[r.space][r.id]; p != nil && p.last == r {
		p.last = nil
		t.drop(p)
	}
}

// Event judges an event received for the REQ id: whether it is open, and
// whether one of its filters matches, limit and search apart (P23, P58), before
// EOSE and after it (L29). Event does not allocate.
func (t *Table) Event(id string, ev *nostr.Event, now time.Time) Judgement {
	t.mu.Lock()
	t.expire(now)
	p := t.byID[reqSpace][id]
	if p == nil {
		t.mu.Unlock()
		return Judgement{Verdict: Unknown}
	}
	r := p.current
	if r == nil {
		v := p.ended()
		t.mu.Unlock()
		return Judgement{Verdict: v}
	}
	live, filters := r.live, p.filters
	t.mu.Unlock()
	if filters.Match(ev) {
		return Judgement{Verdict: Accept, Request: r, Live: live}
	}

	t.mu.Lock()
	former, n, all := p.inGrace(now)
	t.mu.Unlock()
	if all || slices.ContainsFunc(former[:n], func(f *Filters) bool { return f.Match(ev) }) {
		return Judgement{Verdict: Late}
	}
	r.Refuse()
	return Judgement{Verdict: Mismatch}
}

// Refuse notes that an event for the REQ id was not taken, if that is open; else nil is returned.
func (t *Table) Refuse(id string) *Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[reqSpace][id]
	if p == nil || p.current == nil {
		return nil
	}
	p.current.Refuse()
	return p.current
}

// Timeless reports that nothing is in grace: then it makes no difference to the
// next judgement what time it is.
func (t *Table) Timeless() bool { return t.graced.Load() == 0 }

// EOSE judges an EOSE. The first one for an open REQ is accepted and makes it
// live; another one is Late.
func (t *Table) EOSE(id string, now time.Time) Judgement {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	p := t.byID[reqSpace][id]
	switch {
	case p == nil:
		return Judgement{Verdict: Unknown}
	case p.current == nil:
		return Judgement{Verdict: p.ended()}
	case p.current.live:
		return Judgement{Verdict: Late}
	}
	p.current.live = true
	return Judgement{Request: p.current}
}

// Closed judges a CLOSED, which ends the REQ or the COUNT with that id (P30,
// P55). Where both are open it ends both: the message does not say which, and
// an owner that is told can ask again.
//
// It is accepted and does not end the REQ where that may be served all the same:
// when the relay says that it is a duplicate of what is open, or when a REQ of the
// same id was closed or replaced within the grace time and no CLOSED has come for
// that one yet, which some relays send.
func (t *Table) Closed(id string, duplicate bool, now time.Time) Judgement {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	req, count := t.byID[reqSpace][id], t.byID[countSpace][id]
	j := Judgement{Verdict: min(req.ended(), count.ended())}
	if req != nil {
		doubtful := duplicate || req.answered(now)
		if req.current != nil {
			j = Judgement{Request: req.current, Ends: !doubtful}
		}
		if j.Ends {
			t.end(reqSpace, id, now)
		}
	}
	if count != nil && count.current != nil {
		if j.Verdict = Accept; j.Request == nil {
			j.Request = count.current
		}
		t.end(countSpace, id, now)
	}
	return j
}

// OpenCount records a COUNT that is about to be sent, for whom route says. Beyond 1,024 open ones
// the oldest is taken for one that will not be answered: it ends.
func (t *Table) OpenCount(id string, route any, now time.Time) *Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, r := t.start(countSpace, id, now)
	t.asked++
	r.route = route
	r.asked, r.askedAt = t.asked, now
	if t.open[countSpace] > maxCounts {
		t.endOldestCount(now)
	}
	return r
}

// Count judges a COUNT answer. The first one is accepted and ends the request.
func (t *Table) Count(id string, now time.Time) Judgement {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.judge(countSpace, id, now)
	if j.Verdict == Accept {
		t.end(countSpace, id, now)
	}
	return j
}

// CloseCount records that nobody waits for the answer to a COUNT any more. It
// sends nothing: NIP-45 has no way to call a COUNT off.
func (t *Table) CloseCount(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(countSpace, id, now)
}

// OpenNeg records a NEG-OPEN that is about to be sent, for whom route says. It replaces an open
// session of that id (P66).
func (t *Table) OpenNeg(id string, route any, now time.Time) *Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, r := t.start(negSpace, id, now)
	r.route = route
	return r
}

// CloseNeg records the end of a session: a NEG-CLOSE is about to be sent, or an
// accepted NEG-ERR has arrived.
func (t *Table) CloseNeg(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(negSpace, id, now)
}

// Neg judges a NEG-MSG or NEG-ERR. It ends nothing: after an accepted NEG-ERR
// the owner calls CloseNeg (P68), or goes on where the relay's error was a
// known quirk (Q02).
func (t *Table) Neg(id string, now time.Time) Judgement {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.judge(negSpace, id, now)
}

// Len returns the number of open REQs, as a relay's limit on subscriptions counts them.
func (t *Table) Len() int { return t.number(reqSpace) }

// Counts returns the number of open COUNTs.
func (t *Table) Counts() int { return t.number(countSpace) }

// Negs returns the number of open NIP-77 sessions.
func (t *Table) Negs() int { return t.number(negSpace) }

func (t *Table) number(s space) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[s]
}

// Takes tells whether the table stays within so many open REQs if one of this id is opened.
func (t *Table) Takes(id string, most int) bool { return t.takes(reqSpace, id, most) }

// TakesNeg is Takes for NIP-77 sessions.
func (t *Table) TakesNeg(id string, most int) bool { return t.takes(negSpace, id, most) }

func (t *Table) takes(s space, id string, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[s] < most {
		return true
	}
	p := t.byID[s][id]
	return p != nil && p.current != nil // which it replaces
}

// Subscriptions lists the ids of the open REQs, sorted.
func (t *Table) Subscriptions() (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, p := range t.byID[reqSpace] {
		if p.current != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Trim forgets what is out of grace and gives back memory that a crowd of ids
// has left behind. Every other method forgets too, so that matters only on a
// connection where nothing happens any more. Trim alone ends the COUNTs that
// have waited for longer than ten times the grace, and a minute: relays that do
// not know COUNT leave it unanswered, and nothing else would ever end it. An
// answer within another grace time is Late.
func (t *Table) Trim(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	t.endUnanswered(now)
	for s, old := range t.byID {
		if t.byID[s] = nil; len(old) == 0 {
			continue
		}
		t.byID[s] = make(map[string]*place, len(old))
		for id, p := range old {
			t.byID[s][id] = p
		}
	}
}

// start opens id, and puts what was open under it into grace. Needs mu.
func (t *Table) start(s space, id string, now time.Time) (*place, *Request) {
	t.expire(now)
	replaced := t.end(s, id, now)
	p := t.byID[s][id]
	if p == nil {
		p = &place{id: id, space: s}
		if t.byID[s] == nil {
			t.byID[s] = make(map[string]*place)
		}
		t.byID[s][id] = p
	}
	p.finish()
	if replaced {
		p.expectClosed()
	}
	p.current = &Request{id: id, space: s}
	t.open[s]++
	return p, p.current
}

// end puts an open request into grace and reports whether there was one. Needs mu.
func (t *Table) end(s space, id string, now time.Time) bool {
	t.expire(now)
	p := t.byID[s][id]
	if p == nil || p.current == nil {
		return false
	}
	p.current = nil
	t.open[s]--
	t.retire(p, now)
	return true
}

// judge is the verdict where there are neither filters nor phases. Needs mu.
func (t *Table) judge(s space, id string, now time.Time) Judgement {
	t.expire(now)
	p := t.byID[s][id]
	switch {
	case p == nil:
		return Judgement{Verdict: Unknown}
	case p.current == nil:
		return Judgement{Verdict: p.ended()}
	}
	return Judgement{Request: p.current}
}
