package pack

import (
	"time"
)

// EOSE says that the relay has answered a REQ. One that is not open is nothing.
// Asks of one time are over with it, and what the REQ has taken over is closed
// where it was.
func (s *Slots[K]) EOSE(now time.Time, number int) {
	r := s.find(number)
	if r == nil {
		return
	}
	r.answered = true
	s.taken = max(s.taken, len(r.wire))
	s.hold.stood(now)
	if s.moving == r {
		s.moving = nil
		s.merges.worked()
		s.soft = max(s.soft, 2*len(r.wire))
	}
	for _, seat := range r.wire {
		switch a := seat.ask; {
		case a.next == r:
			old := a.home
			a.home, a.next = r, nil
			s.leave(old)
		case a.home == r && !seat.moved:
			s.caughtUp(now, a, r)
		}
	}
}

// caughtUp: the REQ that asked for it has been taken.
func (s *Slots[K]) caughtUp(now time.Time, a *ask[K], r *req[K]) {
	if part := a.split; part != nil {
		a.split = nil
		if part.left--; part.left == 0 {
			s.tooMany(part.size, 1)
		}
	}
	if a.within > 0 {
		a.within = 0
		r.provenAt = now.Add(probation)
	}
	if a.Once {
		s.forget(a)
	}
}

// Closed says that the relay has ended a REQ because of what it asks for. Of one
// filter, that is guilty. Of several, those that had been caught up are lost and to
// be made anew; those that had not are asked again by themselves, in smaller REQs.
// What a pack that is refused was to take over is open still where it was.
func (s *Slots[K]) Closed(now time.Time, number int) (v Verdict[K]) {
	r := s.find(number)
	if r == nil {
		return v
	}
	s.touched = now
	living := r.living()
	s.ended(r)
	if r.answered {
		v.Within = half(len(r.wire))
		for _, a := range living {
			if len(r.wire) == 1 {
				v.Guilty = append(v.Guilty, a.Key)
			} else {
				v.Lost = append(v.Lost, a.Key)
			}
			s.forget(a)
		}
		return v
	}
	v.Lost = s.keepHome(r, living)
	v.Guilty = s.suspect(r)
	if r.blamed() == 0 { // all that was in it is taken, elsewhere
		s.uncarried(now)
		s.soft = half(len(r.wire))
		s.tooMany(len(r.wire), 2)
	}
	return v
}

// Refused says that the relay has not opened a REQ, or has ended it, for a reason
// that is not in what it asks for: there were too many, or too many of late. What is
// lost was caught up and is to be made anew; the rest is asked again by itself when
// there is room, further REQs not before a second, and later each time.
func (s *Slots[K]) Refused(now time.Time, number int) (lost []K) {
	r := s.find(number)
	if r == nil {
		return nil
	}
	s.touched = now
	s.hold.failed(now)
	living := r.living()
	s.ended(r)
	if r.answered {
		for _, a := range living {
			lost = append(lost, a.Key)
			s.forget(a)
		}
		return lost
	}
	if r.blamed() == 0 {
		s.uncarried(now)
	}
	lost = s.keepHome(r, living)
	for _, seat := range r.wire {
		if seat.home == r {
			s.requeue(seat.ask)
		}
	}
	return lost
}

// Ended says that the relay has ended a REQ, and that it is neither what it asks for nor
// how many there are: who asks, say. What it asked for is forgotten; when it is added
// again is the owner's.
func (s *Slots[K]) Ended(now time.Time, number int) {
	r := s.find(number)
	if r == nil {
		return
	}
	s.touched = now
	s.ended(r)
	if !r.answered && r.blamed() == 0 {
		s.uncarried(now)
	}
	for _, a := range r.living() {
		s.forget(a)
	}
}

// ended drops what the relay has ended. A CLOSED that crosses with a replacement may
// mean what was replaced: then the relay opens the REQ anew when it reads that.
func (s *Slots[K]) ended(r *req[K]) {
	s.drop(r)
	if r.replaces && !r.answered {
		s.closing = append(s.closing, r.number)
	}
}

// keepHome calls a hand-over off. What was at home in the REQ that was replaced is
// lost, since the relay has ended that too.
func (s *Slots[K]) keepHome(r *req[K], living []*ask[K]) (lost []K) {
	for _, seat := range r.wire {
		switch a := seat.ask; {
		case a.next == r:
			a.next = nil
		case a.home == r && seat.moved:
			lost = append(lost, a.Key)
			s.forget(a)
		}
	}
	return lost
}

// suspect has those that a REQ asked for the first time asked for again, in REQs of
// at most half as many. One that is alone is guilty; also one that has been added to
// what the relay had taken, where there is no room to try it alone.
func (s *Slots[K]) suspect(r *req[K]) (guilty []K) {
	blamed := r.blamed()
	alone := blamed == 1 && (len(r.wire) == 1 || r.replaces)
	part := &split{size: len(r.wire), left: blamed}
	for _, seat := range r.wire {
		if seat.moved {
			continue
		}
		a := seat.ask
		if a.home != r { // dead; it may have been the one
			continue
		}
		if alone {
			guilty = append(guilty, a.Key)
			s.forget(a)
			continue
		}
		a.split = part
		a.within = half(blamed)
		s.requeue(a)
	}
	return guilty
}

// blamed is how many filters of a REQ the relay had not taken before.
func (r *req[K]) blamed() (n int) {
	for _, seat := range r.wire {
		if !seat.moved {
			n++
		}
	}
	return n
}

// uncarried: a REQ that was only to take others over has failed. The next one
// waits; what was only to be tidied stays as it is.
func (s *Slots[K]) uncarried(now time.Time) {
	s.merges.failed(now)
	s.touched = time.Time{}
}

func (s *Slots[K]) requeue(a *ask[K]) {
	a.home = nil
	s.waiting = append(s.waiting, a)
}

// tooMany: a REQ of n filters was refused, and all of them in smaller ones taken.
// Where one of as many has been taken before, their number was not the reason.
func (s *Slots[K]) tooMany(n, least int) {
	if n > s.taken {
		s.learnt = max(min(n-1, s.filters()), least)
	}
}

func half(n int) int { return (n + 1) / 2 }
