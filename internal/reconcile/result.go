package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// A Why is a reason for which a window was not compared.
type Why uint8

// The reasons.
const (
	// Ended: whoever asked wants no more.
	Ended Why = iota + 1
	// Unreached: there was no connection.
	Unreached
	// Cut: the connection was lost, and not there again in time, or lost again and again.
	Cut
	// Silent: the relay has not answered in time.
	Silent
	// Garbage: what it says cannot be read, or comes to no end.
	Garbage
	// Unsupported: it does not do NIP-77, and nothing was to be paged.
	Unsupported
	// Refused: it would not answer, in its words.
	Refused
	// TooMany: it has listed more than was to be kept, or it took too many sessions.
	TooMany
	// Unpaged: a page is missing.
	Unpaged
)

var whyTexts = [...]string{
	Ended: "ended before its end", Unreached: "not connected", Cut: "connection lost", Silent: "no answer in time",
	Garbage: "answers that nothing can be made of", Unsupported: "no NIP-77", Refused: "refused", TooMany: "more than was to be kept", Unpaged: "not all pages",
}

// String is for the texts of errors.
func (w Why) String() string {
	if int(w) < len(whyTexts) && whyTexts[w] != "" {
		return whyTexts[w]
	}
	return "compared"
}

// A Gap is a window that was not compared.
type Gap struct {
	Window
	Why   Why
	Words string // the relay's, or of an error; empty: there are none
}

// mostGaps is how many gaps are kept one by one; the last is of all that come after it.
const mostGaps = 100

// gap takes note of one. They come the newest first, and join those beside them that are alike.
func (m *Machine) gap(w Window, why Why, words string) {
	m.ours = nil
	if n := len(m.gaps); n > 0 {
		last := &m.gaps[n-1]
		alike := last.Why == why && last.Words == words && last.Since == w.Until+1
		if alike || n >= mostGaps {
			last.Since, last.Until = min(last.Since, w.Since), max(last.Until, w.Until)
			return
		}
	}
	m.gaps = append(m.gaps, Gap{w, why, words})
}

// Gaps are the windows that were not compared, the newest first. There are none if all dates were.
func (m *Machine) Gaps() []Gap { return slices.Clone(m.gaps) }

// Need are the ids that the relay has and we lack, each once, sorted. To be called at the end.
func (m *Machine) Need() []nostr.ID {
	if !m.pruned && len(m.need) > 0 { // a relay may list what lies outside of the window that it was asked for
		for _, id := range m.all.All() {
			if came, listed := m.need[id]; listed && !came {
				delete(m.need, id)
			}
		}
	}
	m.pruned = true
	return slices.SortedFunc(maps.Keys(m.need), nostr.ID.Compare)
}

// Lacks are the ids of ours that the relay lacks, the oldest first.
func (m *Machine) Lacks() []nostr.ID {
	lacks := make([]nostr.ID, 0, len(m.lacks))
	for _, id := range m.cfg.Ours.All() {
		if _, lacking := m.lacks[id]; lacking {
			lacks = append(lacks, id)
		}
	}
	return slices.Compact(lacks)
}

// Saw says that a page has brought an event. Lacking: we do not have it, and it has not come before.
func (m *Machine) Saw(createdAt nostr.Timestamp, id nostr.ID) (lacking bool) {
	if m.state != paging {
		return false
	}
	m.paged++
	if i, ours := m.ours.Index(createdAt, id); ours {
		m.seen[i] = true
		delete(m.lacks, id) // whatever a session has said
		return false
	}
	came, listed := m.need[id]
	if m.full = m.full || !listed && len(m.need) >= m.cfg.Most; came || m.full {
		return false
	}
	m.need[id] = true
	return true
}

// Full tells whether more has come than there is room for: no further page is worth being read.
func (m *Machine) Full() bool { return m.full }

// Came tells whether a page has brought an event that we lack.
func (m *Machine) Came(id nostr.ID) bool {
	return m.need[id]
}

// Paged says how the paging of a window has ended: why is 0 if all its events have come. Again
// tells whether it is worth being repeated. Missing are the dates of which not all have come, the newest first;
// none: it may be any.
func (m *Machine) Paged(now time.Time, why Why, words string, again bool, missing ...Window) []Step {
	if m.state != paging {
		return nil
	}
	switch {
	case m.full:
		m.end(TooMany, "")
		return nil
	case why == 0:
		return m.pagedBut(now, nil, 0, "")
	case why == TooMany && !m.cur.second():
		m.todo = append(m.todo, divide(m.cur, m.ours, 0, nostr.TimestampOf(now))...)
		return m.next(now)
	case again && m.pages < mostPages:
		m.note(why, words)
		if !m.up {
			m.wait(now)
			return nil
		}
		m.pause(now, firstPause)
		return nil
	}
	gaps := m.cur.parts(missing)
	if again || len(missing) == 0 || len(gaps) == 1 && gaps[0] == m.cur {
		return m.giveUp(now, why, words, again)
	}
	return m.pagedBut(now, gaps, why, words)
}

// pagedBut is for a window of which all events have come, but for some of its dates.
func (m *Machine) pagedBut(now time.Time, gaps []Window, why Why, words string) []Step {
	for i, seen := range m.seen {
		at, id := m.ours.At(i)
		unknown := slices.ContainsFunc(gaps, func(w Window) bool { return w.has(at) })
		if !seen && !unknown && m.cur.has(at) {
			m.lacks[id] = struct{}{}
		}
	}
	for _, w := range gaps {
		m.gap(w, why, words)
	}
	m.stats.Paged++
	if m.paged >= enough { // there was much in it; else it was not for that that the relay said no
		m.deep = 0
	}
	return m.done(now)
}
