package resume

import (
	"math"
	"slices"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// maxParts is up to how many parts a track that grows bit by bit is left in: a list of
// thousands that grows by one is not sent anew each time.
const maxParts = 8

// A track is one filter of the leg. It has one part, unless its filter has grown on this
// connection: then what was added is loaded, and is live, as a part of its own.
type track struct {
	filter   nostr.Filter
	parts    []*part
	narrowed bool // asks are open for more than the filter wants
	heir     *Ask // of the whole filter; takes over from all parts when it is answered
}

func newTrack(index int, f nostr.Filter) *track {
	return &track{filter: f, parts: []*part{{track: index, filter: f}}}
}

func (t *track) complete() bool {
	for _, p := range t.parts {
		if !p.complete() {
			return false
		}
	}
	return true
}

// loaded tells whether all parts are.
func (t *track) loaded() bool {
	for _, p := range t.parts {
		if !p.mark.Loaded {
			return false
		}
	}
	return true
}

// mark is that of the whole filter: what a cursor has to know to lose nothing.
func (t *track) mark() Mark {
	var loaded []*part
	proven, blind := false, false
	for _, p := range t.parts {
		if p.mark.Loaded {
			loaded = append(loaded, p)
			proven, blind = proven || p.mark.Any, blind || p.blind()
		}
	}
	// A part that is not loaded makes a first load of the whole, if that asks for all there is.
	// Else what was published meanwhile is worth more than a choice of what was before.
	if len(loaded) == 0 || len(loaded) < len(t.parts) && wholly(t.filter) {
		return Mark{}
	}
	m := Mark{Loaded: true, Any: proven && !blind, At: math.MaxInt64, Floor: math.MaxInt64}
	for _, p := range loaded {
		at := p.mark.At
		if m.Any && !p.mark.Any {
			at = p.sure
		}
		m.At, m.Floor = min(m.At, at), min(m.Floor, p.mark.Floor) // no floor is the lowest
	}
	return m
}

// join makes one part of several, before a connection, if none of them has its own way to go.
func (t *track) join(cfg Config) {
	t.narrowed = false
	if len(t.parts) < 2 || !cfg.LiveOnly && (!t.loaded() || slices.ContainsFunc(t.parts, (*part).blind)) {
		return
	}
	m := t.mark()
	t.parts = []*part{{track: t.parts[0].track, filter: t.filter, mark: m, sure: m.At}}
}

// succeed makes an heir when there is reason to: an ask for the whole filter that has next
// to nothing replayed, since what it takes over stays open until it is answered.
func (t *track) succeed() *Ask {
	if t.heir != nil || !t.narrowed && len(t.parts) < maxParts {
		return nil
	}
	for _, p := range t.parts {
		if !p.complete() || !p.whole() {
			return nil
		}
	}
	t.heir = &Ask{Track: t.parts[0].track, Ask: paging.Ask{Filter: least(t.filter)}, Moved: least(t.filter), heirOf: t}
	return t.heir
}

// inherit is the answer to the heir. It returns what is gone: all others, or the heir
// itself if one of them was lost meanwhile. Then there will be another.
func (t *track) inherit(heir *Ask, page Page, sent nostr.Timestamp, cfg Config) []*Ask {
	if !t.complete() {
		return t.disinherit()
	}
	one := &part{track: heir.Track, filter: t.filter, asks: []*Ask{heir}}
	var gone []*Ask
	for _, p := range t.parts {
		p.settle(cfg)
		if p.any {
			one.proven(p.newest)
		}
		gone = append(gone, p.clear()...)
	}
	if !cfg.LiveOnly {
		one.mark = t.mark()
	}
	heir.part, heir.heirOf, heir.answered = one, nil, true
	t.parts, t.heir, t.narrowed = []*part{one}, nil, false
	one.see(page)
	one.lives(sent)
	one.settle(cfg)
	return gone
}

// disinherit gives up the heir, and returns it if there was one.
func (t *track) disinherit() []*Ask {
	heir := t.heir
	t.heir = nil
	if heir == nil {
		return nil
	}
	heir.over = true
	return []*Ask{heir}
}
