package pack

import (
	"cmp"
	"slices"
	"time"
)

// openWaiting opens what waits, as far as there is room: suspects and pages before
// those that stay. Where one REQ is all the room, pages and others share it.
func (s *Slots[K]) openWaiting(now time.Time, opened []*req[K]) []*req[K] {
	if len(s.waiting) == 0 {
		return opened
	}
	if now.Before(s.hold.until) {
		s.wake(s.hold.until)
		return opened
	}
	suspects, pages, stay := s.queues()
	open := func(chunks [][]*ask[K]) {
		for _, chunk := range chunks {
			opened = append(opened, s.open(seats(nil, chunk)))
		}
	}
	n := s.free(now)
	if len(pages) > 0 || len(stay) > 0 && s.lasting(now) > 0 {
		n--
	}
	open(s.parts(suspects, n))
	if s.free(now) == 1 && s.lasting(now) == 1 && len(pages) > 0 {
		open(s.deal(append(pages, stay...), 1))
	} else {
		n, normal := s.free(now), s.normal()-len(s.reqs)
		if len(stay) > 0 {
			n -= min(s.lasting(now), 1)
		}
		open(s.deal(pages, n))
		// Pages do not last: what is outside of the reserve is so whatever they take.
		open(s.deal(stay, min(max(s.lasting(now), normal), s.free(now))))
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(a *ask[K]) bool { return a.home != nil })
	return opened
}

// queues sorts what waits, each in the order of its coming.
func (s *Slots[K]) queues() (suspects, pages, stay []*ask[K]) {
	for _, a := range s.waiting {
		switch {
		case a.within > 0:
			suspects = append(suspects, a)
		case a.Once:
			pages = append(pages, a)
		default:
			stay = append(stay, a)
		}
	}
	return suspects, pages, stay
}

// lasting is how many REQs may be opened for asks that stay. Of the reserve they
// take one at a time, and never the last, which is for pages and for handing over;
// where there are only two, the second.
func (s *Slots[K]) lasting(now time.Time) int {
	free, normal := s.free(now), s.normal()-len(s.reqs)
	switch {
	case normal > 0:
		return min(normal, free)
	case free > 1, s.room() <= 2:
		return min(free, 1)
	}
	return 0
}

// deal gives asks at most n REQs: one to each group, or each page, if that is enough,
// else all of them evenly, those of a group side by side. What does not fit
// is left out.
func (s *Slots[K]) deal(asks []*ask[K], n int) (chunks [][]*ask[K]) {
	if n <= 0 || len(asks) == 0 {
		return nil
	}
	var inOrder []*ask[K]
	for _, group := range groups(asks) {
		chunks = append(chunks, s.cut(group, s.filters())...)
		inOrder = append(inOrder, group...)
	}
	if len(chunks) <= n {
		return chunks
	}
	chunks = s.cut(inOrder, min((len(asks)+n-1)/n, s.filters()))
	return chunks[:min(n, len(chunks))]
}

// parts gives suspects at most n REQs, none larger than any in it allows.
func (s *Slots[K]) parts(suspects []*ask[K], n int) (chunks [][]*ask[K]) {
	suspects = slices.Clone(suspects)
	slices.SortStableFunc(suspects, func(a, b *ask[K]) int { return cmp.Compare(a.within, b.within) })
	for n > 0 && len(suspects) > 0 {
		part := s.cut(suspects, min(suspects[0].within, s.filters()))[0]
		chunks = append(chunks, part)
		suspects = suspects[len(part):]
		n--
	}
	return chunks
}

// cut makes runs of at most size asks that fit into a REQ. What is too long by itself
// is a run of its own: the relay will say so.
func (s *Slots[K]) cut(asks []*ask[K], size int) (runs [][]*ask[K]) {
	start, bytes := 0, frameBytes
	for i, a := range asks {
		if i > start && (i-start == size || bytes+a.cost() > s.cfg.Bytes) {
			runs = append(runs, asks[start:i])
			start, bytes = i, frameBytes
		}
		bytes += a.cost()
	}
	if start < len(asks) {
		runs = append(runs, asks[start:])
	}
	return runs
}

// groups puts the asks of a group together, in the order of their first. Pages have
// a group each.
func groups[K comparable](asks []*ask[K]) (groups [][]*ask[K]) {
	index := make(map[any]int)
	for _, a := range asks {
		i, ok := index[a.Group]
		if !ok || a.Once {
			i = len(groups)
			groups = append(groups, nil)
		}
		if !a.Once {
			index[a.Group] = i
		}
		groups[i] = append(groups[i], a)
	}
	return groups
}

// seats are the members of a REQ: those that it takes over, and those that it asks for.
func seats[K comparable](moved, asked []*ask[K]) (seats []seat[K]) {
	for _, a := range moved {
		seats = append(seats, seat[K]{a, true})
	}
	for _, a := range asked {
		seats = append(seats, seat[K]{a, false})
	}
	return seats
}
