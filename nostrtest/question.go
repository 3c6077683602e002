package nostrtest

import (
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// question is what a store is asked. But for the first four fields it is how relays in
// the wild answer otherwise than NIP-01 has it.
type question struct {
	filters []nostr.Filter
	now     nostr.Timestamp
	page    func(nostr.Filter) int // how many a filter gets at most, -1 for all (P23); nil for all
	hint    bool                   // the answer's more is wanted

	whole   bool                                  // a page goes on to the end of its last second
	most    int                                   // of the whole answer; 0 for any number
	expired bool                                  // expired events are found too
	hidden  func(*nostr.Event) bool               // nil: none
	matches func(nostr.Filter, *nostr.Event) bool // nil: as NIP-01 has it
	copies  func(nostr.Filter, *nostr.Event) int  // how often a filter sends an event; nil: all filters together send it once
	amend   func([]*nostr.Event) []*nostr.Event   // what is sent in the end; nil: what was found
}

// finding is a filter's part of an answer.
type finding struct {
	filter nostr.Filter
	rest   []*nostr.Event // the ordered events that were not looked at any more, the newest last
}

// query returns the events that match, each once, newest first, ties by lowest id (P17,
// P24). more reports, if it is asked for, that some that match are not among them (P36).
func (s *store) query(q question) (events []*nostr.Event, more bool) {
	s.forgetKept(q.now)
	s.sort()
	taken := make(map[nostr.ID]struct{})
	var cut []finding
	for _, f := range q.filters {
		found, rest := s.find(q, f)
		for _, event := range found {
			times := 1
			if q.copies != nil {
				times = q.copies(f, event)
			} else if _, known := taken[event.ID]; known {
				continue
			}
			taken[event.ID] = struct{}{}
			for range times + s.twice[event.ID] {
				events = append(events, event)
			}
		}
		if len(rest) > 0 {
			cut = append(cut, finding{f, rest})
		}
	}
	if len(q.filters) > 1 && q.copies == nil {
		slices.SortStableFunc(events, func(a, b *nostr.Event) int { return compareEvents(b, a) })
	}
	if q.most > 0 && len(events) > q.most {
		events, more = events[:q.most], true
	}
	if q.hint && !more {
		more = slices.ContainsFunc(cut, func(c finding) bool {
			return slices.ContainsFunc(c.rest, func(event *nostr.Event) bool {
				_, known := taken[event.ID]
				return !known && q.finds(c.filter, event)
			})
		})
	}
	if q.amend != nil {
		events = q.amend(events)
	}
	return events, more
}

// find returns a filter's page, and what lies behind it.
func (s *store) find(q question, f nostr.Filter) (found, rest []*nostr.Event) {
	left, own := -1, -1
	if q.page != nil {
		left = q.page(f)
	}
	if f.Limit > 0 || f.LimitZero {
		own = f.Limit // never exceeded: it is the client's, and not the relay's
	}
	for i, event := range slices.Backward(s.ordered) {
		if f.Since != nil && event.CreatedAt < *f.Since {
			break
		}
		if !q.finds(f, event) {
			continue
		}
		if left >= 0 && len(found) >= left {
			open := q.whole && left > 0 && event.CreatedAt == found[len(found)-1].CreatedAt && (own < 0 || len(found) < own)
			if !open {
				return found, s.ordered[:i+1]
			}
		}
		found = append(found, event)
	}
	return found, nil
}

// matching returns the stored events that match, newest first, as query does, but without the
// relay's own limits: only that of the filter counts.
func (s *store) matching(q question, f nostr.Filter) []*nostr.Event {
	s.forgetKept(q.now)
	s.sort()
	q.page = Limits{}.page
	found, _ := s.find(q, f)
	return found
}

// finds reports whether a filter's answer has an event, were it not for limits.
func (q question) finds(f nostr.Filter, event *nostr.Event) bool {
	match := q.matches
	if match == nil {
		match = matches
	}
	return match(f, event) && (q.expired || !event.Expired(q.now)) && (q.hidden == nil || !q.hidden(event))
}
