package pack

import (
	"cmp"
	"slices"
	"time"
)

// Beyond the asks' own bytes: the frame of a REQ with an id of 64 characters, and a comma
// and what a Moved filter may have more than Filter (a limit, a since).
const (
	frameBytes  = 80
	memberBytes = 48
)

// An ask waits (home is nil), is open in one REQ (home), or is handed over: open in
// home, and asked for in next, whose EOSE makes that its home.
type ask[K comparable] struct {
	Ask[K]
	home, next *req[K]
	within     int    // most filters of the REQ that opens it; 0: any number
	split      *split // it is part of a REQ that was refused
}

// A split is a REQ that was refused as a whole. When all its parts have been taken,
// it was too long. Who ends, or is refused again, is never taken.
type split struct {
	size int // filters
	left int // filters whose part has not been taken yet
}

func (a *ask[K]) cost() int { return a.Bytes + memberBytes }

// A req is open at the relay, as far as the relay has not said otherwise.
type req[K comparable] struct {
	number   int
	wire     []seat[K] // as sent: what is dead there is still part of it
	alive    int       // asks whose home or next this is
	rank     int       // how often its asks have been moved at most
	answered bool      // with an EOSE, since it was sent last
	replaces bool      // what was sent last has replaced another
	provenAt time.Time // suspects in it are free of suspicion then
}

// A seat is an ask's place in a REQ as it was sent.
type seat[K comparable] struct {
	*ask[K]
	moved bool
}

// living are the asks of a REQ that are still its own.
func (r *req[K]) living() (asks []*ask[K]) {
	for _, seat := range r.wire {
		if seat.home == r || seat.next == r {
			asks = append(asks, seat.ask)
		}
	}
	return asks
}

func (r *req[K]) op() Op[K] {
	op := Op[K]{Replace: r.replaces, Req: r.number}
	for _, seat := range r.wire {
		m := Member[K]{Key: seat.Key, Filter: seat.Filter, Moved: seat.moved}
		if seat.moved {
			m.Filter = seat.Moved
		}
		op.Members = append(op.Members, m)
	}
	return op
}

// open makes a REQ under a new number.
func (s *Slots[K]) open(seats []seat[K]) *req[K] {
	s.last++
	r := &req[K]{number: s.last, wire: seats}
	s.reqs = append(s.reqs, r)
	s.settle(r)
	return r
}

// settle gives those who come with a REQ their place in it.
func (s *Slots[K]) settle(r *req[K]) {
	for _, seat := range r.wire {
		switch {
		case seat.home == r:
		case seat.moved:
			seat.next = r
			r.alive++
		default:
			seat.home = r
			r.alive++
		}
	}
}

// find returns an open REQ, nil if there is none.
func (s *Slots[K]) find(number int) *req[K] {
	i, ok := slices.BinarySearchFunc(s.reqs, number, func(r *req[K], n int) int { return cmp.Compare(r.number, n) })
	if !ok {
		return nil
	}
	return s.reqs[i]
}

// leave takes one ask out of a REQ, nil if it is in none. A REQ that is empty by
// that is closed.
func (s *Slots[K]) leave(r *req[K]) {
	if r == nil {
		return
	}
	if r.alive--; r.alive == 0 && s.find(r.number) == r {
		s.drop(r)
		s.closing = append(s.closing, r.number)
	}
}

// drop is for a REQ that is open no longer.
func (s *Slots[K]) drop(r *req[K]) {
	s.reqs = slices.DeleteFunc(s.reqs, func(open *req[K]) bool { return open == r })
	if s.moving == r {
		s.moving = nil
	}
}

// forget ends an ask, wherever it is open. If it waits, the caller takes it
// out of the queue.
func (s *Slots[K]) forget(a *ask[K]) {
	delete(s.asks, a.Key)
	home, next := a.home, a.next
	a.home, a.next = nil, nil
	s.leave(home)
	s.leave(next)
}

// room is how many REQs may be open; normal leaves the reserve out.
func (s *Slots[K]) room() int { return max(s.cfg.Subscriptions-s.others, 1) }

func (s *Slots[K]) normal() int {
	room := s.room()
	if room == 1 {
		return 1
	}
	return room - max(room/10, 1)
}

// free is how many REQs may be opened now.
func (s *Slots[K]) free(now time.Time) int {
	if now.Before(s.hold.until) {
		return 0
	}
	return max(s.room()-len(s.reqs), 0)
}

// filters is how many of them one REQ may have.
func (s *Slots[K]) filters() int {
	if s.learnt > 0 {
		return min(s.learnt, s.cfg.Filters)
	}
	return s.cfg.Filters
}
