package pack

import (
	"cmp"
	"slices"
	"time"
)

// relieve makes room when it has been wanting for a while: it makes a pack of REQs
// that are caught up or, where none fit together, has what waits join one.
func (s *Slots[K]) relieve(now time.Time, opened []*req[K]) []*req[K] {
	if !s.wanting(now) {
		s.lack = time.Time{}
		return opened
	}
	if s.lack.IsZero() {
		s.lack = now
	}
	if s.moving != nil {
		return opened // its answer is awaited
	}
	if due := s.lack.Add(debounce); now.Before(due) {
		s.wake(due)
		return opened
	}
	settled := s.settled(now)
	parts := s.together(settled)
	if parts != nil && !now.Before(s.merges.until) {
		return append(opened, s.handOver(now, parts, nil))
	}
	if host, guests := s.joining(now, settled, parts == nil); host != nil {
		return append(opened, s.handOver(now, []*req[K]{host}, guests))
	}
	if parts != nil {
		s.wake(s.merges.until)
		return opened
	}
	if len(s.waiting) > 0 && len(settled) > 0 && s.learnt > 0 {
		s.doubt(now)
	}
	return opened
}

// doubt is for when somebody is deaf because of what refusals have taught: relays also
// refuse for no reason. A little more is tried, and refused again if it is so.
func (s *Slots[K]) doubt(now time.Time) {
	if now.Before(s.doubts.until) {
		s.wake(s.doubts.until)
		return
	}
	s.doubts.failed(now)
	if s.learnt++; s.learnt >= s.cfg.Filters {
		s.learnt = 0
	}
	s.lack = now
	s.wake(now.Add(debounce))
}

// wanting: asks wait though it is not only for the end of a hold, or the reserve is
// not as it should be.
func (s *Slots[K]) wanting(now time.Time) bool {
	if len(s.reqs) > s.normal() {
		return true
	}
	return len(s.waiting) > 0 && (len(s.reqs) >= s.room() || !now.Before(s.hold.until))
}

// settled are the REQs that can be taken over, the least moved and smallest first.
func (s *Slots[K]) settled(now time.Time) (settled []*req[K]) {
	for _, r := range s.reqs {
		if !r.answered {
			continue
		}
		if now.Before(r.provenAt) {
			s.wake(r.provenAt)
			continue
		}
		settled = append(settled, r)
	}
	slices.SortStableFunc(settled, func(a, b *req[K]) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.alive, b.alive))
	})
	return settled
}

// together are the REQs to make a pack of: all of those that have been moved least
// that fit, and of those moved more only as many as it takes to have two. So few are moved
// more than once, as in a log-structured store. nil: no two fit.
func (s *Slots[K]) together(settled []*req[K]) []*req[K] {
	most := min(s.filters(), max(s.soft, 2))
	for i, first := range settled {
		parts, n, bytes := []*req[K]{first}, first.alive, frameBytes+first.bytes()
		for _, r := range settled[i+1:] {
			if len(parts) >= 2 && r.rank > parts[len(parts)-1].rank {
				break
			}
			if n+r.alive <= most && bytes+r.bytes() <= s.cfg.Bytes {
				parts, n, bytes = append(parts, r), n+r.alive, bytes+r.bytes()
			}
		}
		if len(parts) >= 2 {
			return parts
		}
	}
	return nil
}

// bytes of its asks.
func (r *req[K]) bytes() (n int) {
	for _, a := range r.living() {
		n += a.cost()
	}
	return n
}

// joining finds a REQ that has room for some of what waits: pages at once, others when
// no pack can be made, suspects only when no slot will be free for them by itself.
func (s *Slots[K]) joining(now time.Time, settled []*req[K], stuck bool) (host *req[K], guests []*ask[K]) {
	suspects, pages, stay := s.queues()
	switch {
	case len(pages) > 0:
		guests = pages
	case !stuck:
		return nil, nil
	case len(suspects) > 0 && s.free(now) == 0 && len(settled) == len(s.reqs):
		guests = s.parts(suspects, 1)[0]
	default:
		guests = stay
	}
	for _, r := range settled {
		if n := s.fitting(r, guests); n > 0 {
			return r, guests[:n]
		}
	}
	return nil, nil
}

// fitting is how many of the guests a REQ has room for.
func (s *Slots[K]) fitting(r *req[K], guests []*ask[K]) (n int) {
	room, bytes := s.filters()-r.alive, frameBytes+r.bytes()
	for n < min(room, len(guests)) && bytes+guests[n].cost() <= s.cfg.Bytes {
		bytes += guests[n].cost()
		n++
	}
	return n
}

// handOver opens a REQ that takes over all of parts, and asks for guests. Without
// a slot for it, it takes the place of the largest of them.
func (s *Slots[K]) handOver(now time.Time, parts []*req[K], guests []*ask[K]) *req[K] {
	var moved []*ask[K]
	rank := 0
	for _, r := range parts {
		moved = append(moved, r.living()...)
		rank = max(rank, r.rank+1)
	}
	wire := seats(moved, guests)
	var r *req[K]
	if s.free(now) > 0 {
		r = s.open(wire)
	} else {
		r = slices.MaxFunc(parts, func(a, b *req[K]) int { return cmp.Compare(a.alive, b.alive) })
		r.wire, r.answered, r.replaces = wire, false, true
		s.settle(r)
	}
	r.rank = rank
	s.moving, s.lack = r, time.Time{}
	s.waiting = slices.DeleteFunc(s.waiting, func(a *ask[K]) bool { return a.home != nil })
	return r
}

// tidy makes packs smaller again, one step at a time, once nothing has happened for a
// while: it leaves behind what is dead in them and, where every group can have
// a REQ of its own with half the room to spare, takes groups out.
func (s *Slots[K]) tidy(now time.Time, opened []*req[K]) []*req[K] {
	if s.touched.IsZero() || s.moving != nil || len(s.waiting) > 0 || len(s.reqs) > s.normal() {
		return opened
	}
	if due := s.touched.Add(quiet); now.Before(due) {
		s.wake(due)
		return opened
	}
	if s.free(now) == 0 || s.unsettled() {
		return opened
	}
	moved, rank := s.untidy()
	if moved == nil {
		s.touched = time.Time{}
		return opened
	}
	r := s.open(seats(moved, nil))
	r.rank = rank
	s.moving = r
	return append(opened, r)
}

func (s *Slots[K]) unsettled() bool {
	return slices.ContainsFunc(s.reqs, func(r *req[K]) bool { return !r.answered })
}

// untidy finds asks that should have a REQ to themselves, and how often
// they have been moved; nil if there are none.
func (s *Slots[K]) untidy() (moved []*ask[K], rank int) {
	for _, r := range s.reqs {
		if len(r.wire) >= 2*r.alive {
			return r.living(), r.rank
		}
	}
	all := make(map[any]bool)
	for _, a := range s.asks {
		all[a.Group] = true
	}
	if len(all) > s.normal()/2 {
		return nil, 0
	}
	for _, r := range s.reqs {
		if packed := groups(r.living()); len(packed) > 1 {
			return packed[0], 0
		}
	}
	return nil, 0
}
