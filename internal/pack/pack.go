package pack

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

const (
	// debounce is how long a lack of room lasts before anything is moved, so that
	// those who come together are moved once.
	debounce = 200 * time.Millisecond
	// probation is how long a REQ of suspects has to stand after its EOSE. Some relays
	// answer first, and refuse then.
	probation = 10 * time.Second
	// quiet is how long nothing has been added, removed or refused before packs are tidied.
	quiet = 30 * time.Second

	firstHold = time.Second // after a refusal that was nobody's fault; doubled each time
	maxHold   = time.Minute
)

// Config is what the relay takes. Numbers below one count as one.
type Config struct {
	Subscriptions int // REQs open at a time
	Filters       int // filters in one REQ
	Bytes         int // of a whole REQ message
}

// Ask is one filter that is to be open on the connection.
type Ask[K comparable] struct {
	Key    K
	Group  any          // comparable; the asks of a group share a REQ, while there is room
	Filter nostr.Filter // what is asked
	Moved  nostr.Filter // what a REQ says that takes a caught-up ask over
	Once   bool         // over with its EOSE
	Bytes  int          // of Filter's JSON; an ask that is too large by itself is sent alone
	// Within, unless 0, bounds the filters of the REQ that opens this ask: it is under
	// suspicion. From a Verdict, or 1 for a guilty one that is tried again.
	Within int
}

// Op is a message to be sent: a CLOSE, or a REQ.
type Op[K comparable] struct {
	Close bool
	// Replace: the REQ is open, and sent again under its id with other members. Its
	// Moved members lose what the relay stores within that moment, unless the relay swaps
	// at once or the owner asks for a little more than their Moved filters.
	Replace bool
	Req     int // number of the REQ, never used for another one
	Members []Member[K]
}

// Member is one filter of a REQ. One that is Moved has been caught up before: the
// EOSE says nothing of it.
type Member[K comparable] struct {
	Key    K
	Filter nostr.Filter
	Moved  bool
}

// Verdict is what a CLOSED means. All these asks are forgotten.
type Verdict[K comparable] struct {
	Guilty []K // it was theirs; whether and when they are tried again is the owner's
	Lost   []K // were caught up and are no longer: to be made anew and added with Within
	Within int
}

// Slots are the REQs of one connection. Made by New.
type Slots[K comparable] struct {
	cfg     Config
	others  int
	asks    map[K]*ask[K]
	waiting []*ask[K] // open nowhere, in the order of their coming
	reqs    []*req[K] // open at the relay, by number
	closing []int     // numbers to be closed by the next Do
	last    int       // number given last

	moving *req[K]   // the REQ that takes over or takes in others, until it is answered; one at a time
	lack   time.Time // since when room has been wanting; zero: it is not
	soft   int       // at most so many filters in a pack, of late
	taken  int       // most filters of a REQ that has been answered
	learnt int       // most filters of a REQ, as refusals say; 0: unknown

	paused  time.Time // no REQ at all before
	hold    backoff   // no further REQ under a new number
	merges  backoff   // no merging
	doubts  backoff   // no doubting what has been learnt
	touched time.Time // something was added, removed, refused; zero once all is tidy

	wakeAt time.Time // when Do has something to do again; zero: not by itself
}

// New returns slots with nothing in them.
func New[K comparable](cfg Config) *Slots[K] {
	s := &Slots[K]{asks: make(map[K]*ask[K])}
	s.SetConfig(cfg)
	return s
}

// Add opens asks as soon as there is room. One whose key is there already is left
// as it is.
func (s *Slots[K]) Add(now time.Time, asks ...Ask[K]) {
	for _, a := range asks {
		if s.asks[a.Key] != nil {
			continue
		}
		added := &ask[K]{Ask: a, within: max(a.Within, 0)}
		s.asks[a.Key] = added
		s.waiting = append(s.waiting, added)
		s.touched = now
	}
}

// Remove ends asks. Keys that are unknown are nothing. A REQ in which others
// are alive stays as it is, since to send it again would cost more.
func (s *Slots[K]) Remove(now time.Time, keys ...K) {
	waited := false
	for _, key := range keys {
		if a := s.asks[key]; a != nil {
			waited = waited || a.home == nil
			s.forget(a)
			s.touched = now
		}
	}
	if waited {
		s.waiting = slices.DeleteFunc(s.waiting, func(a *ask[K]) bool { return s.asks[a.Key] != a })
	}
}

// Others says how many REQs are open beside these. One is for these at least,
// whatever others take.
func (s *Slots[K]) Others(n int) { s.others = n }

// SetConfig says what the relay takes, which may be less than what is open: that is
// merged then. A new number of filters replaces what has been learnt.
func (s *Slots[K]) SetConfig(cfg Config) {
	cfg.Subscriptions, cfg.Filters, cfg.Bytes = max(cfg.Subscriptions, 1), max(cfg.Filters, 1), max(cfg.Bytes, 1)
	if cfg.Filters != s.cfg.Filters {
		s.learnt, s.soft = 0, cfg.Filters
	}
	s.cfg = cfg
}

// Learnt is how many filters of one REQ the relay takes, as far as its refusals
// say; 0: nothing was learnt.
func (s *Slots[K]) Learnt() (filters int) { return s.learnt }

// Pause sends no REQ before that time. A time that has passed ends a pause.
func (s *Slots[K]) Pause(until time.Time) { s.paused = until }

// Len returns how many REQs are open, and how many asks are open in none.
func (s *Slots[K]) Len() (reqs, waiting int) { return len(s.reqs), len(s.waiting) }

// Next is when Do has something to do again though nothing else is called. It
// holds from one Do to the next call.
func (s *Slots[K]) Next() (time.Time, bool) { return s.wakeAt, !s.wakeAt.IsZero() }

// Do returns what is to be sent now, in that order. It is to be called after every
// other call, or several of them.
func (s *Slots[K]) Do(now time.Time) (ops []Op[K]) {
	s.wakeAt = time.Time{}
	if now.Before(s.paused) {
		ops = s.closes(ops)
		if len(s.asks) > 0 {
			s.wake(s.paused)
		}
		return ops
	}
	var opened []*req[K]
	opened = s.openWaiting(now, opened)
	opened = s.relieve(now, opened)
	opened = s.tidy(now, opened)
	ops = s.closes(ops) // first: they make the room
	for _, r := range opened {
		ops = append(ops, r.op())
	}
	return ops
}

func (s *Slots[K]) closes(ops []Op[K]) []Op[K] {
	for _, number := range s.closing {
		ops = append(ops, Op[K]{Close: true, Req: number})
	}
	s.closing = nil
	return ops
}

// wake has Do called at that time.
func (s *Slots[K]) wake(at time.Time) {
	if s.wakeAt.IsZero() || at.Before(s.wakeAt) {
		s.wakeAt = at
	}
}

// A backoff keeps from doing again what has just failed.
type backoff struct {
	until time.Time
	last  time.Duration
}

// failed counts what fails together once.
func (b *backoff) failed(now time.Time) {
	if !now.Before(b.until) {
		b.last = min(max(2*b.last, firstHold), maxHold)
		b.until = now.Add(b.last)
	}
}

// worked ends the doubling, and no hold that lasts still.
func (b *backoff) worked() { b.last = 0 }
