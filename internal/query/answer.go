package query

import (
	"fmt"
	"math"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// A Why is a reason for which an answer is not complete, the graver the greater.
type Why uint8

// The reasons.
const (
	// Ended: whoever asked wants no more.
	Ended Why = iota + 1
	// More: one page was asked for, and the relay has more, or may have.
	More
	// Dense: a second holds as many events as the relay gives at once, and the filter
	// leaves nothing to divide it by.
	Dense
	// Withheld: the relay says that it has more, or looks as if, and gives nothing of it; or
	// it does not give again what it gave before.
	Withheld
	// Unread: an event was too long to be read, had too many tags, or the verifier failed on it.
	Unread
	// TooMany: it would have taken more asks than a leg has.
	TooMany
	// Silent: the relay has not answered in time.
	Silent
	// Cut: the connection was lost, and not there again in time.
	Cut
	// Unreached: there was no connection.
	Unreached
	// Refused: the relay would not answer, in its words.
	Refused

	whys = iota + 1
)

var whyTexts = [whys]string{
	Ended: "ended before its end", More: "more than a page", Dense: "a second with a page and more", Withheld: "not all that it seems to have",
	Unread: "an event that could not be read or verified", TooMany: "too many pages", Silent: "no answer in time", Cut: "connection lost", Unreached: "not connected", Refused: "refused",
}

// String is for the texts of errors.
func (w Why) String() string {
	if int(w) < len(whyTexts) && whyTexts[w] != "" {
		return whyTexts[w]
	}
	return "complete"
}

// A Lack is what is missing of an answer, for one reason.
type Lack struct {
	Why Why
	// Words are the relay's, or of the error that kept it from being asked. The last
	// ones, if there are several; empty: there are none.
	Words string
	// Since and Until hold all dates of which something is missing, inclusive.
	Since, Until nostr.Timestamp // math.MaxInt64: up to whatever date
	// Times counts how often it happened.
	Times int
	// Possible: perhaps nothing is missing, nobody can know.
	Possible bool
}

// String is for the texts of errors.
func (l Lack) String() string {
	s := l.Why.String()
	if l.Possible {
		s += ", perhaps"
	}
	if l.Words != "" {
		s += fmt.Sprintf(": %s", l.Words)
	}
	return s
}

// An Answer is what a relay's answer to a query is worth.
type Answer struct {
	// Complete: everything has come that the relay has and the query wants. Else Lacks
	// say what has not, the gravest first, or the query goes on.
	Complete bool
	Lacks    []Lack // one for each Why, at most
	// Missing are the dates of which something has not come, whatever the reason, the newest first.
	Missing []Span
}

// A Span is a stretch of dates, inclusive.
type Span struct{ Since, Until nostr.Timestamp }

// mostSpans is how many stretches are kept apart; the oldest one is of all that come after it.
const mostSpans = 100

// Failed tells whether something kept the relay from answering what it was asked: there is more
// behind a page, or was when nobody wanted any more, is no failure.
func (a Answer) Failed() bool { return len(a.Lacks) > 0 && a.Lacks[0].Why > More }

// NotFound tells whether there is nothing: every relay has answered, completely, and
// nothing has come. Who asked no relay does not know.
func NotFound(events int, answers []Answer) bool {
	for _, a := range answers {
		if !a.Complete {
			return false
		}
	}
	return events == 0 && len(answers) > 0
}

// lacks are those of one leg: a bounded number, whatever a relay does.
type lacks struct {
	by      [whys]Lack
	missing []Span // the newest first; none touches another
}

func (l *lacks) add(why Why, words string, since, until nostr.Timestamp, possible bool) {
	l.miss(Span{since, until})
	k := &l.by[why]
	if k.Times == 0 {
		*k = Lack{Why: why, Since: math.MaxInt64, Possible: true}
	}
	k.Since, k.Until = min(k.Since, since), max(k.Until, until)
	k.Possible = k.Possible && possible
	k.Times++
	if words != "" {
		k.Words = words
	}
}

// miss enters dates among those of which something is missing.
func (l *lacks) miss(s Span) {
	from, _ := slices.BinarySearchFunc(l.missing, s, func(e, s Span) int { // the first that is not newer, and apart
		if s.Until < e.Since-1 {
			return -1
		}
		return 1
	})
	to := from
	for to < len(l.missing) && s.Since-1 <= l.missing[to].Until {
		s = Span{min(s.Since, l.missing[to].Since), max(s.Until, l.missing[to].Until)}
		to++
	}
	l.missing = slices.Replace(l.missing, from, to, s)
	if n := len(l.missing); n > mostSpans {
		l.missing[n-2].Since = l.missing[n-1].Since
		l.missing = l.missing[:n-1]
	}
}

func (l *lacks) list() (list []Lack) {
	for i := len(l.by) - 1; i >= 0; i-- {
		if l.by[i].Times > 0 {
			list = append(list, l.by[i])
		}
	}
	return list
}
