package query

import (
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

const (
	// countsAtOnce is how many COUNTs of one query wait for a relay at a time.
	countsAtOnce = 8
	// noticeWait is how long a COUNT may be unanswered after a NOTICE that may mean it,
	// until it does.
	noticeWait = time.Second
)

// A Count is how many events a relay has that one filter matches (NIP-45).
type Count struct {
	// Counted: the relay has said so. Else Lack says why it has not, once the tally is over.
	Counted bool
	Lack    Lack
	N       int64
	// Approximate: the relay says that it has not counted all, or the filter was too long, was
	// counted in parts by the values of a tag, and an event may be in several: N is then
	// too large, rather.
	Approximate bool
	// HLL are 256 registers, to be merged with those of other relays for the same filter
	// (MergeHLL); nil: the relay gave none, or the filter was counted in parts.
	HLL []byte
}

// A CountAsk is one filter, to be sent in a COUNT of its own. COUNTs with several filters are
// not sent: some relays count the first only (Q02), and nothing in the answer says so.
type CountAsk struct {
	Index  int // of the query's filter
	Filter nostr.Filter

	part     bool // of the filter, which was too long
	over     bool
	refusals int
	words    string
}

// A Tally is the COUNT of a query's filters on one relay. Made by NewTally.
type Tally struct {
	filters []nostr.Filter
	counts  []Count
	left    []int // parts of each filter that are not counted
	waiting []*CountAsk
	open    []*CountAsk
	up      bool
	reached bool
	notice  string // that may mean what was open when it came
	doubted []*CountAsk
	due     time.Time
}

// NewTally makes a tally of a query's filters, which have to be valid. What can match nothing
// is not asked for.
func NewTally(filters []nostr.Filter) *Tally {
	t := &Tally{counts: make([]Count, len(filters)), left: make([]int, len(filters))}
	for i, f := range filters {
		t.filters = append(t.filters, paging.Own(f))
		if f.MatchesNothing() {
			t.counts[i].Counted = true
			continue
		}
		t.left[i]++
		t.waiting = append(t.waiting, &CountAsk{Index: i, Filter: t.filters[i]})
	}
	return t
}

// Up says that a connection is open, on which a filter may have so many bytes of JSON, and
// returns what to ask on it.
func (t *Tally) Up(bytes int) []*CountAsk {
	t.Down()
	t.up, t.reached = true, true
	waiting := t.waiting
	t.waiting = nil
	for _, a := range waiting {
		t.waiting = append(t.waiting, t.inParts(a, parts(a.Filter, bytes))...)
	}
	return t.next()
}

// Down says that the connection has ended: all asks are over.
func (t *Tally) Down() {
	var again []*CountAsk
	for _, a := range t.open {
		again = append(again, a.again())
	}
	t.waiting = append(again, t.waiting...)
	t.up, t.open, t.doubted = false, nil, nil
}

func (a *CountAsk) again() *CountAsk {
	next := *a
	a.over, next.over = true, false
	return &next
}

// inParts is what is asked instead of an ask.
func (t *Tally) inParts(a *CountAsk, filters []nostr.Filter) (asks []*CountAsk) {
	t.left[a.Index] += len(filters) - 1
	for _, f := range filters {
		part := &CountAsk{Index: a.Index, Filter: f, part: a.part || len(filters) > 1}
		if len(filters) == 1 {
			part.refusals, part.words = a.refusals, a.words
		}
		asks = append(asks, part)
	}
	return asks
}

// next are as many as may be open.
func (t *Tally) next() (asks []*CountAsk) {
	n := min(len(t.waiting), countsAtOnce-len(t.open))
	if n <= 0 {
		return nil
	}
	asks, t.waiting = t.waiting[:n:n], t.waiting[n:]
	t.open = append(t.open, asks...)
	return asks
}

// forget takes an ask out of those that are open; false: it was not there.
func (t *Tally) forget(a *CountAsk) bool {
	i := slices.Index(t.open, a)
	if i < 0 {
		return false
	}
	a.over = true
	t.open = slices.Delete(t.open, i, i+1)
	return true
}

// Counted is the relay's answer. Returned is what to ask next.
func (t *Tally) Counted(a *CountAsk, n int64, approximate bool, hll []byte) []*CountAsk {
	if !t.forget(a) {
		return nil
	}
	c, whole := &t.counts[a.Index], t.filters[a.Index]
	if !a.part { // the registers of parts need not mean the same (P57)
		c.HLL = slices.Clone(hll)
	}
	c.N += max(0, min(n, maxCount))
	c.Approximate = c.Approximate || approximate || a.part && (whole.Limit > 0 || overlaps(a.Filter, whole))
	t.counted(a.Index)
	return t.next()
}

// maxCount keeps sums of what relays make up from running over.
const maxCount = 1 << 40

func (t *Tally) counted(i int) {
	if t.left[i]--; t.left[i] == 0 && t.counts[i].Lack.Times == 0 {
		t.counts[i].Counted = true
	}
}

// overlaps tells whether a part of a filter may match what another part does: it was
// divided by the values of a tag, of which an event can have several.
func overlaps(part, whole nostr.Filter) bool {
	for letter, values := range part.Tags {
		if len(values) < len(whole.Tags[letter]) {
			return true
		}
	}
	return false
}

// Lost says that a COUNT will not be answered and is to be sent again.
func (t *Tally) Lost(a *CountAsk) []*CountAsk {
	if t.forget(a) {
		t.waiting = append(t.waiting, a.again())
	}
	return t.next()
}

// Refused says that the relay has closed a COUNT (P55), and why. What to ask in its place
// or next is returned; wait: it may be counted later, then Lost is to be called, or Expire.
func (t *Tally) Refused(a *CountAsk, reason limits.Reason, words string) (asks []*CountAsk, wait bool) {
	if a.over || !slices.Contains(t.open, a) {
		return nil, false
	}
	t.answered(a)
	a.refusals++
	if a.words = words; words == "" {
		a.words = reason.String()
	}
	switch reason {
	case limits.TooLong:
		if parts := shorter(a.Filter, words); len(parts) > 1 {
			t.forget(a)
			t.waiting = append(t.inParts(a, parts), t.waiting...)
			return t.next(), false
		}
	case limits.RateLimited, limits.TooManySubscriptions, limits.Duplicate:
		return nil, true
	case limits.Unknown, limits.Error:
		if a.refusals < patience {
			return nil, true
		}
	}
	t.forget(a)
	t.refuse(a, Refused, a.words)
	return t.next(), false
}

// HeldBack is Leg's.
func (t *Tally) HeldBack(a *CountAsk, words string) {
	t.answered(a)
	if !a.over {
		a.words = words
	}
}

func (t *Tally) refuse(a *CountAsk, why Why, words string) {
	c := &t.counts[a.Index]
	if why >= c.Lack.Why {
		since, until := paging.Window(a.Filter)
		c.Lack = Lack{Why: why, Words: words, Since: since, Until: until, Times: c.Lack.Times + 1}
	}
	c.Counted = false
	t.left[a.Index]--
}

// Noticed says that the relay has sent a NOTICE. Relays that do not know COUNT answer with
// nothing else; but a NOTICE may be about anything (P31). So it has to speak of such a thing, and
// what is open has to stay unanswered for a second. Sent tells which of them the relay has been
// asked: others wait for AUTH, or for another time.
func (t *Tally) Noticed(now time.Time, words string, sent func(*CountAsk) bool) {
	if len(t.doubted) > 0 || !AboutCount(words) {
		return
	}
	for _, a := range t.open {
		if sent(a) {
			t.doubted = append(t.doubted, a)
		}
	}
	t.notice, t.due = words, now.Add(noticeWait)
}

// answered takes an ask out of those that a NOTICE may have refused.
func (t *Tally) answered(a *CountAsk) {
	t.doubted = slices.DeleteFunc(t.doubted, func(o *CountAsk) bool { return o == a })
}

// AboutCount tells whether a NOTICE may say that a relay does not know COUNT.
func AboutCount(words string) bool {
	s := strings.ToLower(words[:min(len(words), 512)])
	for _, w := range []string{
		"count", "unknown", "unrecogni", "unsupported", "not supported", "not implemented", "unexpected", "unhandled",
		"invalid", "bad msg", "bad message", "bad request", "malformed", "failed to parse", "could not parse", "cannot parse", "nip-45", "nip45",
	} {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// Next is when Do has something to do.
func (t *Tally) Next() (time.Time, bool) { return t.due, len(t.doubted) > 0 }

// Do ends what a NOTICE has refused: where a COUNT has stayed unanswered, so would the others.
// Returned are the asks that are over; there is nothing to close.
func (t *Tally) Do(now time.Time) (gone []*CountAsk) {
	if len(t.doubted) == 0 || now.Before(t.due) {
		return nil
	}
	unanswered := slices.ContainsFunc(t.doubted, func(a *CountAsk) bool { return !a.over })
	t.doubted = nil
	if !unanswered {
		return nil
	}
	return t.end(Refused, t.notice)
}

// Expire says that the time is over, or that there will be no connection; words say why it
// could not be asked. Returned are the asks that are over.
func (t *Tally) Expire(words string) (gone []*CountAsk) {
	switch {
	case !t.reached:
		return t.end(Unreached, words)
	case !t.up:
		return t.end(Cut, words)
	}
	return t.end(Silent, words)
}

// Stop says that no more is wanted. Returned are the asks that are over.
func (t *Tally) Stop() (gone []*CountAsk) { return t.end(Ended, "") }

func (t *Tally) end(why Why, words string) (gone []*CountAsk) {
	for _, a := range append(slices.Clone(t.open), t.waiting...) {
		a.over = true
		if a.words != "" && why != Ended {
			t.refuse(a, Refused, a.words)
		} else {
			t.refuse(a, why, words)
		}
	}
	gone, t.open, t.waiting, t.doubted = t.open, nil, nil, nil
	return gone
}

// Done tells whether the tally is over.
func (t *Tally) Done() bool { return len(t.open) == 0 && len(t.waiting) == 0 }

// Counts are those of the filters, in their order. They are of each filter for itself: an event
// that several match is in several. Only where Disjoint says that there is none is
// their sum the number of events.
func (t *Tally) Counts() []Count { return slices.Clone(t.counts) }

// Disjoint tells whether no event can match two of the filters: any two have ids, authors or
// kinds of which they share none, or dates that do not meet.
func Disjoint(filters []nostr.Filter) bool {
	for i, a := range filters {
		for _, b := range filters[:i] {
			if !apart(a, b) {
				return false
			}
		}
	}
	return true
}

func apart(a, b nostr.Filter) bool {
	if a.MatchesNothing() || b.MatchesNothing() {
		return true
	}
	since, until := paging.Window(a)
	otherSince, otherUntil := paging.Window(b)
	return max(since, otherSince) > min(until, otherUntil) ||
		none(a.IDs, b.IDs) || none(a.Authors, b.Authors) || none(a.Kinds, b.Kinds)
}

// none tells whether two lists, if both are conditions, have nothing in common.
func none[T comparable](a, b []T) bool {
	if a == nil || b == nil {
		return false
	}
	has := make(map[T]bool, len(a))
	for _, v := range a {
		has[v] = true
	}
	return !slices.ContainsFunc(b, func(v T) bool { return has[v] })
}

// MergeHLL is the greater of each register, of two relays' answers to one filter (P56).
// One that is nil adds nothing.
func MergeHLL(a, b []byte) []byte {
	merged := make([]byte, max(len(a), len(b)))
	copy(merged, a)
	for i, v := range b {
		merged[i] = max(merged[i], v)
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
}
