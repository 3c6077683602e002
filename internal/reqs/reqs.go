// Package reqs is the table of what is open on one connection: REQs, COUNTs
// and NIP-77 sessions. It judges each message of the relay by its subscription
// id, and each event by the filters that asked for it (P12, P13, P26, P30, P66).
//
// What has ended stays in grace for a while: messages that were on their way
// when it ended are dropped silently, because an honest relay is not to be
// accused of them (DESIGN 4). REQs, COUNTs and NIP-77 sessions each have a
// namespace of their own.
//
// What no client can tell, since NIP-01 gives a REQ no generation: after a
// replacement (P13) the EOSE or CLOSED of the old REQ looks like one of the
// new. It is taken for one of the new. Waiting for two EOSEs instead would wait
// for ever on a relay that sends only one. The same holds for two COUNTs or two
// NEG-OPENs with one id. An owner that needs to know uses a new id.
//
// A table owns no clock: times are handed in and must not run backwards. It is
// not safe for concurrent use: its owner serialises.
package reqs

import (
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
	grace  time.Duration               // immutable after New
	byID   [spaces]map[string]*request // nil while empty: most connections of a crowd ask little
	open   int                         // open REQs
	counts int                         // open COUNTs, at most maxCounts
	asked  uint64                      // COUNTs so far
	ending graceQueue                  // everything with a part in grace
	kept   int                         // weight of all filters in grace
}

// A request is what the table knows of one id in one namespace. It is open, or
// in grace, or, after a replacement, both.
type request struct {
	id    string
	space space
	open  bool
	live  bool // open, and its EOSE has been seen

	asked   uint64    // of a COUNT: which one it is
	askedAt time.Time // of a COUNT

	filters []nostr.Filter // of the open REQ, the table's own copy
	weight  int            // of filters

	graceState
}

// New returns an empty table. grace is how long the late messages of what has
// ended are dropped silently; with 0 they are Unknown at once.
func New(grace time.Duration) *Table {
	return &Table{grace: grace}
}

// Open records a REQ that is about to be sent. An id that is open already is
// replaced (P13): its old filters stay in grace, so that an event that matches
// only them is Late. The filters are copied deeply (L28).
func (t *Table) Open(id string, filters []nostr.Filter, now time.Time) {
	r := t.start(reqSpace, id, now)
	r.filters = make([]nostr.Filter, len(filters))
	for i, f := range filters {
		r.filters[i] = f.Clone()
	}
	r.weight = weigh(filters)
}

// Close records that a CLOSE is about to be sent. An id that is not open is
// left as it is.
func (t *Table) Close(id string, now time.Time) { t.end(reqSpace, id, now) }

// Event judges an event received for the REQ id: whether it is open, and
// whether one of its filters matches, limit and search apart (P23, P58), before
// EOSE and after it (L29). live tells an accepted event that came after the
// EOSE from a stored one (P29). Event does not allocate.
func (t *Table) Event(id string, ev *nostr.Event, now time.Time) (v Verdict, live bool) {
	t.expire(now)
	r := t.byID[reqSpace][id]
	switch {
	case r == nil:
		return Unknown, false
	case !r.open:
		return Late, false
	case matchesAny(r.filters, ev):
		return Accept, r.live
	case r.covers(ev, now):
		return Late, false
	}
	return Mismatch, false
}

// Timeless reports that nothing is in grace: then it makes no difference to the
// next judgement what time it is.
func (t *Table) Timeless() bool { return t.ending.oldest == nil }

// EOSE judges an EOSE. The first one for an open REQ is accepted and makes it
// live; another one is Late.
func (t *Table) EOSE(id string, now time.Time) Verdict {
	t.expire(now)
	r := t.byID[reqSpace][id]
	switch {
	case r == nil:
		return Unknown
	case !r.open || r.live:
		return Late
	}
	r.live = true
	return Accept
}

// Closed judges a CLOSED, which ends the REQ or the COUNT with that id (P30,
// P55). Where both are open it ends both: the message does not say which, and
// an owner that is told can ask again.
func (t *Table) Closed(id string, now time.Time) Verdict {
	t.expire(now)
	req, count := t.byID[reqSpace][id], t.byID[countSpace][id]
	if req == nil && count == nil {
		return Unknown
	}
	endedReq := t.end(reqSpace, id, now)
	endedCount := t.end(countSpace, id, now)
	if endedReq || endedCount {
		return Accept
	}
	return Late
}

// OpenCount records a COUNT that is about to be sent. Beyond 1,024 open ones
// the oldest is taken for one that will not be answered: it ends.
func (t *Table) OpenCount(id string, now time.Time) {
	r := t.start(countSpace, id, now)
	t.asked++
	r.asked, r.askedAt = t.asked, now
	if t.counts > maxCounts {
		t.endOldestCount(now)
	}
}

// Count judges a COUNT answer. The first one is accepted and ends the request.
func (t *Table) Count(id string, now time.Time) Verdict {
	v := t.judge(countSpace, id, now)
	if v == Accept {
		t.end(countSpace, id, now)
	}
	return v
}

// CloseCount records that nobody waits for the answer to a COUNT any more. It
// sends nothing: NIP-45 has no way to call a COUNT off.
func (t *Table) CloseCount(id string, now time.Time) { t.end(countSpace, id, now) }

// OpenNeg records a NEG-OPEN that is about to be sent. It replaces an open
// session of that id (P66).
func (t *Table) OpenNeg(id string, now time.Time) { t.start(negSpace, id, now) }

// CloseNeg records the end of a session: a NEG-CLOSE is about to be sent, or an
// accepted NEG-ERR has arrived.
func (t *Table) CloseNeg(id string, now time.Time) { t.end(negSpace, id, now) }

// Neg judges a NEG-MSG or NEG-ERR. It ends nothing: after an accepted NEG-ERR
// the owner calls CloseNeg (P68), or goes on where the relay's error was a
// known quirk (Q02).
func (t *Table) Neg(id string, now time.Time) Verdict { return t.judge(negSpace, id, now) }

// Len returns the number of open REQs, as a relay's limit on subscriptions counts them.
func (t *Table) Len() int { return t.open }

// Canonical returns the table's own string for an id that it knows, open or in
// grace and of any namespace. A decoder that asks here need not allocate the
// id of each event. Canonical does not allocate.
func (t *Table) Canonical(id []byte) (string, bool) {
	for s := range t.byID {
		if r := t.byID[s][string(id)]; r != nil {
			return r.id, true
		}
	}
	return "", false
}

// Trim forgets what is out of grace and gives back memory that a crowd of ids
// has left behind. Every other method forgets too, so that matters only on a
// connection where nothing happens any more. Trim alone ends the COUNTs that
// have waited for longer than ten times the grace, and a minute: relays that do
// not know COUNT leave it unanswered, and nothing else would ever end it. An
// answer within another grace time is Late.
func (t *Table) Trim(now time.Time) {
	t.expire(now)
	t.endUnanswered(now)
	for s, old := range t.byID {
		if t.byID[s] = nil; len(old) == 0 {
			continue
		}
		t.byID[s] = make(map[string]*request, len(old))
		for id, r := range old {
			t.byID[s][id] = r
		}
	}
}

// start opens id, and puts what was open under it into grace.
func (t *Table) start(s space, id string, now time.Time) *request {
	t.expire(now)
	t.end(s, id, now)
	r := t.byID[s][id]
	if r == nil {
		r = &request{id: id, space: s}
		if t.byID[s] == nil {
			t.byID[s] = make(map[string]*request)
		}
		t.byID[s][id] = r
	}
	r.open = true
	switch s {
	case reqSpace:
		t.open++
	case countSpace:
		t.counts++
	}
	return r
}

// end puts an open request into grace and reports whether there was one.
func (t *Table) end(s space, id string, now time.Time) bool {
	t.expire(now)
	r := t.byID[s][id]
	if r == nil || !r.open {
		return false
	}
	r.open, r.live = false, false
	switch s {
	case reqSpace:
		t.open--
	case countSpace:
		t.counts--
	}
	t.retire(r, now)
	return true
}

// judge is the verdict where there are neither filters nor phases.
func (t *Table) judge(s space, id string, now time.Time) Verdict {
	t.expire(now)
	r := t.byID[s][id]
	switch {
	case r == nil:
		return Unknown
	case !r.open:
		return Late
	}
	return Accept
}

func matchesAny(filters []nostr.Filter, ev *nostr.Event) bool {
	for i := range filters {
		if filters[i].Matches(ev) {
			return true
		}
	}
	return false
}
