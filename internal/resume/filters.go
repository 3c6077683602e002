package resume

import (
	"math"
	"slices"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// SetFilters sets the filters anew. They are compared by value, lists as sets. Tracks of
// those that are the same go on untouched, with a new index perhaps. Where one list has
// grown, what was added is loaded; where one has shrunk, the rest goes on, and what is
// open for more is gone once a narrower ask has taken over. Anything else is a first load.
//
// What is open may match more than the filters, until it is gone.
func (l *Leg) SetFilters(filters []nostr.Filter) Step {
	var s Step
	old, tracks := l.tracks, make([]*track, len(filters))
	take := func(fit func(i int, t *track) bool) {
		for i := range tracks {
			if tracks[i] != nil {
				continue
			}
			if at := slices.IndexFunc(old, func(t *track) bool { return fit(i, t) }); at >= 0 {
				tracks[i] = old[at]
				old = slices.Delete(slices.Clone(old), at, at+1)
			}
		}
	}
	wanted := make([]nostr.Filter, len(filters))
	for i, f := range filters {
		wanted[i] = paging.Own(f)
	}
	take(func(i int, t *track) bool { return same(t.filter, wanted[i]) })
	take(func(i int, t *track) bool { return changed(t.filter, wanted[i]) != nil })
	for _, t := range old {
		s.Gone = append(s.Gone, t.end()...)
	}
	for i, t := range tracks {
		switch {
		case t == nil:
			tracks[i] = newTrack(i, wanted[i])
			s.Asks = append(s.Asks, l.begin(tracks[i].parts[0])...)
		case t.parts[0].track != i:
			t.renumber(i)
			fallthrough
		default:
			l.change(t, wanted[i], &s)
		}
	}
	l.tracks = tracks
	l.finish(&s)
	return s
}

// same tells whether two filters want the same.
func same(a, b nostr.Filter) bool {
	if !alike(a, b) {
		return false
	}
	for _, x := range paging.Axes(a) {
		if !x.Same(a, b) {
			return false
		}
	}
	return true
}

// changed is the one list in which two filters differ, if they have any of it in common; else nil.
func changed(a, b nostr.Filter) (one paging.Axis) {
	if !alike(a, b) {
		return nil
	}
	for _, x := range paging.Axes(a) {
		switch {
		case x.Same(a, b):
		case one != nil, x.Size(x.Shared(a, b)) == 0:
			return nil
		default:
			one = x
		}
	}
	return one
}

// alike tells whether two filters have the same conditions but for what is in their lists.
func alike(a, b nostr.Filter) bool {
	if !equal(a.Since, b.Since) || !equal(a.Until, b.Until) ||
		a.Limit != b.Limit || a.LimitZero != b.LimitZero || a.Search != b.Search ||
		(a.IDs == nil) != (b.IDs == nil) || (a.Authors == nil) != (b.Authors == nil) || (a.Kinds == nil) != (b.Kinds == nil) ||
		len(a.Tags) != len(b.Tags) {
		return false
	}
	for letter := range a.Tags {
		if _, ok := b.Tags[letter]; !ok {
			return false
		}
	}
	return true
}

func equal(a, b *nostr.Timestamp) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// change makes a track one of another filter, which differs in one list or in none.
func (l *Leg) change(t *track, f nostr.Filter, s *Step) {
	x := changed(t.filter, f)
	if x == nil {
		return
	}
	s.Gone = append(s.Gone, t.disinherit()...)
	added, index := x.Without(f, t.filter), t.parts[0].track
	parts := t.parts[:0]
	for _, p := range t.parts {
		switch left := x.Shared(p.filter, f); {
		case x.Size(left) == x.Size(p.filter):
		case x.Size(left) == 0:
			s.Gone = append(s.Gone, p.clear()...)
			continue
		default:
			p.filter = left
			if l.up && p.complete() {
				t.narrowed = true
			} else {
				s.Gone = append(s.Gone, p.clear()...)
				s.Asks = append(s.Asks, l.begin(p)...)
			}
		}
		parts = append(parts, p)
	}
	if x.Size(added) > 0 {
		p := &part{track: index, filter: added}
		parts = append(parts, p)
		s.Asks = append(s.Asks, l.begin(p)...)
	}
	t.filter, t.parts = f, parts
}

// begin starts a part, if there is a connection.
func (l *Leg) begin(p *part) []*Ask {
	if !l.up {
		return nil
	}
	return p.start(l.cfg, math.MaxInt64)
}

// renumber gives a track another index.
func (t *track) renumber(index int) {
	for _, p := range t.parts {
		p.track = index
		for _, a := range p.asks {
			a.Track = index
		}
	}
	if t.heir != nil {
		t.heir.Track = index
	}
}

// end is the end of a track. It returns all that was open.
func (t *track) end() []*Ask {
	gone := t.disinherit()
	for _, p := range t.parts {
		gone = append(gone, p.clear()...)
	}
	return gone
}
