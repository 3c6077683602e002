package query

import (
	"slices"
	"strings"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

const (
	// patience is how often an ask is refused without a reason that says it may be served
	// later, until that is taken for the relay's answer.
	patience = 3
	// leastLimit is the least limit that is tried where a relay says that one is too high.
	leastLimit = 1
	// firstLimit is tried where a relay says so of a filter that has none.
	firstLimit = 500
)

// Refused says that the relay has closed an ask, or the REQ that it had for itself, and why. If
// there is something else to ask in its place, that is returned: parts of what was
// too long, a smaller limit. Else wait says that it may be served later: then Lost is to be
// called, when the owner finds it right, or Expire. Else it is missing.
//
// What is the relay's business with the connection, too many REQs, too many filters in one, AUTH, is
// the owner's to see to, and comes here when that has failed.
func (l *Leg) Refused(a *Ask, reason limits.Reason, words string) (asks []*Ask, wait bool) {
	if a.over {
		return nil, false
	}
	a.refusals++
	a.words = words
	if words == "" {
		a.words = reason.String()
	}
	switch reason {
	case limits.TooLong:
		if parts := shorter(a.page.Filter, words); len(parts) > 1 {
			return l.inParts(a, parts), false
		}
	case limits.LimitTooHigh:
		if l.lower(a.Filter.Limit) {
			a.words = ""
			return l.Lost(a), false
		}
	case limits.RateLimited, limits.TooManySubscriptions, limits.TooManyFilters, limits.Duplicate:
		return nil, true
	case limits.Unknown, limits.Error:
		if a.refusals < patience {
			return nil, true
		}
	}
	l.forget(a)
	l.answeredPart(a, true) // who knows
	l.lack(Refused, a.words, a, false)
	return nil, false
}

// HeldBack says that the relay has closed an ask for want of something that the owner sees to, and
// in which words: if it is not asked again in time, they are why. Empty: it is about to be asked again.
func (l *Leg) HeldBack(a *Ask, words string) {
	if !a.over {
		a.words = words
	}
}

// shorter divides a filter that a relay finds too long: along the list that it speaks of, else
// along what takes most of the message, else along any. One part: there is nothing to divide.
func shorter(f nostr.Filter, words string) []nostr.Filter {
	halves, ok := paging.HalveAlong(f, func(x paging.Axis) bool { return speaksOf(words, x.Name()) })
	if ok {
		return halves[:]
	}
	if parts := limits.Split(f, len(f.AppendJSON(nil))*3/5); len(parts) > 1 {
		return parts
	}
	if halves, ok = paging.Halve(f); ok {
		return halves[:]
	}
	return []nostr.Filter{f}
}

// listWords are what relays call a list when it is too long.
var listWords = map[string][]string{
	"ids": {"event ids", "too many ids", ".ids"}, "authors": {"author", "pubkey"}, "kinds": {"kinds"},
}

// speaksOf tells whether the words of a refusal are of a list.
func speaksOf(words, list string) bool {
	names := listWords[list]
	if names == nil {
		names = []string{"tag", list}
	}
	words = strings.ToLower(words[:min(len(words), 512)])
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(words, name) })
}

// inParts asks for a filter in parts.
func (l *Leg) inParts(a *Ask, filters []nostr.Filter) (asks []*Ask) {
	if !l.forget(a) {
		return nil
	}
	a.of.add(len(filters) - 1)
	for _, f := range filters {
		part := a.again()
		part.page.Filter, part.words = f, ""
		part.expects, part.tie, part.edge = false, false, false // an event of which of them?
		asks = append(asks, part)
	}
	return l.hand(asks, 0)
}

// lower has smaller limits asked for than one that the relay finds too high; false: there is none.
func (l *Leg) lower(n int) bool {
	switch {
	case n == 0:
		n = 2 * firstLimit
	case n <= leastLimit:
		return false
	}
	if l.most == 0 || n <= l.most {
		l.most = n / 2
	}
	return true
}
