package resume

import (
	"math"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// A Leg is one subscription on one relay. Made by New.
type Leg struct {
	cfg     Config // immutable
	tracks  []*track
	fetches []*part // ids that have not been answered yet
	up      bool    // a connection is open
	live    bool    // and Live was said of it
}

// New makes a leg of a subscription's filters, and of marks where it stood before, in the
// order of the filters; those that are missing are zero.
func New(filters []nostr.Filter, marks []Mark, cfg Config) *Leg {
	l := &Leg{cfg: cfg}
	for i, f := range filters {
		t := newTrack(i, paging.Own(f))
		if i < len(marks) {
			t.parts[0].mark = valid(marks[i])
			t.parts[0].sure = t.parts[0].mark.At
		}
		l.tracks = append(l.tracks, t)
	}
	return l
}

// valid is a mark that may come from somewhere else, with nothing in it that was never meant.
func valid(m Mark) Mark {
	if !m.Loaded {
		return Mark{}
	}
	m.At, m.Floor = max(0, m.At), max(0, m.Floor)
	return m
}

// Up says that a connection is open, and returns what to ask on it.
func (l *Leg) Up(now time.Time) Step {
	l.Down()
	l.up = true
	var s Step
	for _, t := range l.tracks {
		t.join(l.cfg)
		for _, p := range t.parts {
			s.Asks = append(s.Asks, p.start(l.cfg, stamp(now))...)
		}
	}
	for _, p := range l.fetches {
		s.Asks = append(s.Asks, p.start(l.cfg, stamp(now))...)
	}
	l.finish(&s)
	return s
}

// Answered says that the REQ that carried the ask, and was sent at sent, has got its
// EOSE. An ask that is over is ignored. A live ask can be answered again, when another
// REQ has taken it over while the former was still open.
func (l *Leg) Answered(a *Ask, p Page, caps Caps, sent time.Time) Step {
	var s Step
	switch {
	case a.over:
		return s
	case a.heirOf != nil:
		s.Gone = a.heirOf.inherit(a, p, stamp(sent), l.cfg)
	case a.answered:
		a.part.see(p)
		a.part.lives(stamp(sent))
	default:
		s.Asks, s.Gaps = a.part.answer(a, p, caps, stamp(sent))
		a.part.settle(l.cfg)
		l.fetches = slices.DeleteFunc(l.fetches, (*part).complete)
	}
	l.finish(&s)
	return s
}

// Lost says that an ask is not open any more and has to be asked again: the relay has
// closed it, or it was one too many. Returned are the asks in its place: the same one if
// it had not been answered, else what it may have missed since the link was last known
// to be alive.
func (l *Leg) Lost(a *Ask) Step {
	var s Step
	switch {
	case a.over:
	case a.heirOf != nil: // finish makes another
		a.over, a.heirOf.heir = true, nil
		l.finish(&s)
	case a.answered:
		a.part.settle(l.cfg)
		a.part.drop(a)
		s.Asks = a.part.takeUp(a.kinds, l.cfg)
	default:
		again := *a
		a.part.drop(a)
		s.Asks = []*Ask{a.part.add(&again)}
	}
	return s
}

// Fresh is for a REQ that is replaced under its own id, so that what it had is not open
// while the new one is answered: it returns the filter with which the ask is to be asked
// now, and takes it for unanswered until Answered.
func (l *Leg) Fresh(a *Ask) nostr.Filter {
	if a.over || !a.answered {
		return a.Filter
	}
	p := a.part
	p.settle(l.cfg)
	a.answered, a.first, a.Rest = false, false, 0
	p.waits++
	p.behind = true
	if l.cfg.LiveOnly {
		return a.Filter
	}
	a.Filter, a.Resumed, a.whole = p.head().asOne(p.filter, a.kinds, seconds(l.cfg.Overlap)), true, true
	return a.Filter
}

// Alive says that a ping or a REQ that was sent at that time has been answered, and that
// everything that came before the answer has been handed over.
func (l *Leg) Alive(at time.Time) {
	for _, t := range l.tracks {
		for _, p := range t.parts {
			p.lives(stamp(at))
		}
	}
}

// Proven tells the newest date that was proven of a track's live events. To be called
// before Down, Lost, Fresh and Marks, as often as one likes.
func (l *Leg) Proven(track int, newest nostr.Timestamp) {
	if !l.up || track < 0 || track >= len(l.tracks) {
		return
	}
	for _, p := range l.tracks[track].parts {
		p.proven(newest)
	}
}

// Down says that the connection has ended: all asks are over.
func (l *Leg) Down() {
	for _, t := range l.tracks {
		t.disinherit()
		for _, p := range t.parts {
			p.settle(l.cfg)
			p.clear()
		}
	}
	for _, p := range l.fetches {
		p.clear()
	}
	l.up, l.live = false, false
}

// Marks says where the tracks stand, in the order of the filters. One moves only when
// nothing is missing. Those of LiveOnly are zero.
func (l *Leg) Marks() []Mark {
	marks := make([]Mark, len(l.tracks))
	for i, t := range l.tracks {
		for _, p := range t.parts {
			p.settle(l.cfg)
		}
		marks[i] = t.mark()
	}
	return marks
}

// CaughtUp tells whether every track is loaded or resumed at this moment.
func (l *Leg) CaughtUp() bool {
	for _, t := range l.tracks {
		if !t.complete() {
			return false
		}
	}
	return l.up
}

// fetchAtOnce is how many ids are asked for in one filter.
const fetchAtOnce = 256

// Fetch asks for events by their ids, once, apart from the tracks. What is not answered
// on this connection is asked for on the next one.
func (l *Leg) Fetch(ids []nostr.ID) Step {
	seen := make(map[nostr.ID]bool)
	for _, p := range l.fetches {
		for _, id := range p.filter.IDs {
			seen[id] = true
		}
	}
	var wanted []nostr.ID
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			wanted = append(wanted, id)
		}
	}
	var s Step
	for some := range slices.Chunk(wanted, fetchAtOnce) {
		p := &part{track: -1, filter: nostr.Filter{IDs: slices.Clone(some)}}
		l.fetches = append(l.fetches, p)
		if l.up {
			s.Asks = append(s.Asks, p.start(l.cfg, math.MaxInt64)...)
		}
	}
	return s
}

// finish adds to a step what follows from the whole leg's state.
func (l *Leg) finish(s *Step) {
	if !l.up {
		return
	}
	for _, t := range l.tracks {
		if heir := t.succeed(); heir != nil {
			s.Asks = append(s.Asks, heir)
		}
	}
	if !l.live && l.CaughtUp() {
		l.live, s.Live = true, true
	}
}
