// Package limits is what is known of one relay's limits: what it tells of itself
// (NIP-11), and what its refusals have taught. It outlives connections. It also reads
// the words in which relays refuse, and splits filters that are too long.
//
// Nobody is believed for ever. What a relay tells replaces what it told before, and a
// number learnt from a refusal is tried upwards again after a day.
//
// There is no goroutine and no clock: time is handed in. The owner serialises.
package limits

import (
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// What is assumed of a relay that tells nothing.
const (
	// Many relays serve 20 REQs, and were all written with that number in mind; few
	// serve less.
	DefaultSubscriptions = 20

	// A quarter of what strfry takes. Relays that take less, ten for instance, tell so in
	// NIP-11. It is enough for some thousand filters on a relay that serves 20 REQs.
	DefaultFilters = 50

	// Half of the least that relays take by default. About 970 ids or authors fit, so
	// that lists stay below 1,000, which is another bound that relays have.
	DefaultMessageBytes = 64 << 10

	// NIP-01's.
	DefaultSubIDLength = 64

	// The smallest page cap that is believed of a relay that tells none.
	LeastPage = 50
)

// Bounds of what is believed.
const (
	mostMessageBytes = 1 << 20 // longer filters are split whatever the relay takes
	most             = 1 << 20 // of anything else that is counted
)

// RetryAfter is how long a learnt number stands: a day. A number that is too low costs no
// event, only denser packing, so there is no hurry. One that is tried too high costs a
// refusal for each REQ that is too many, and a while of deafness on relays that refuse
// without a word.
const RetryAfter = 24 * time.Hour

// Limits are those of one relay. The zero value knows nothing.
type Limits struct {
	told struct {
		subscriptions, filters, messageBytes, subIDLength, maxLimit, defaultLimit int // 0: not told
	}
	subscriptions learnt
	filters       learnt
	limit         learnt             // of a filter
	largestPage   int                // events
	ends          [2]nostr.Timestamp // of the dates of the first page of that size
	capped        bool               // other pages were as large, and none was larger
}

// learnt is a number that refusals have taught.
type learnt struct {
	n     int       // 0: nothing
	since time.Time // the first connection since it was learnt; zero: there was none
}

// lower takes note of a number; now is what has been assumed.
func (l *learnt) lower(n, now int) {
	if n = max(n, 1); n < now {
		*l = learnt{n: n}
	}
}

// age doubles a number that has stood for a day. What is no bound any more is forgotten.
func (l *learnt) age(now time.Time, bound int) {
	switch {
	case l.n == 0:
	case l.since.IsZero():
		l.since = now
	case now.Sub(l.since) >= RetryAfter:
		*l = learnt{n: 2 * l.n, since: now}
		if l.n >= bound {
			*l = learnt{}
		}
	}
}

func (l *learnt) or(bound int) int {
	if l.n > 0 {
		return min(l.n, bound)
	}
	return bound
}

// Told takes note of a relay's document, all of it: what it does not state
// is not told. Numbers below one mean nothing and are as if not stated.
func (l *Limits) Told(limitation nip11.Limitation) {
	l.told.subscriptions = stated(limitation.MaxSubscriptions, most)
	l.told.filters = stated(limitation.MaxFilters, most)
	l.told.messageBytes = stated(limitation.MaxMessageLength, mostMessageBytes)
	l.told.subIDLength = stated(limitation.MaxSubidLength, most)
	l.told.maxLimit = stated(limitation.MaxLimit, most)
	l.told.defaultLimit = stated(limitation.DefaultLimit, most)
}

func stated(n *int64, most int) int {
	if n == nil || *n < 1 {
		return 0
	}
	return int(min(*n, int64(most)))
}

// Connected is called when a connection to the relay opens, before the numbers are asked
// for. Only here do learnt ones rise, so none does while REQs are open.
func (l *Limits) Connected(now time.Time) {
	l.subscriptions.age(now, or(l.told.subscriptions, DefaultSubscriptions))
	l.filters.age(now, or(l.told.filters, DefaultFilters))
	l.limit.age(now, most)
}

func or(told, assumed int) int {
	if told > 0 {
		return told
	}
	return assumed
}

// Subscriptions is how many REQs may be open on a connection, raw ones included; 1 at least.
func (l *Limits) Subscriptions() int {
	return l.subscriptions.or(or(l.told.subscriptions, DefaultSubscriptions))
}

// Filters is how many filters a REQ may have; 1 at least.
func (l *Limits) Filters() int { return l.filters.or(or(l.told.filters, DefaultFilters)) }

// LearntFilters takes note that a REQ with more than n filters is refused.
func (l *Limits) LearntFilters(n int) { l.filters.lower(n, l.Filters()) }

// Limit is the most that a filter's limit may be: beyond it this relay refuses the REQ
// rather than answering with less. It is what the relay tells, else half of what it has
// refused.
func (l *Limits) Limit() int { return l.limit.or(most) }

// LimitRefused takes note that a filter with this limit was refused for it, and reports
// whether a lower one is worth trying.
func (l *Limits) LimitRefused(limit int) bool {
	lower := limit / 2
	if told := l.told.maxLimit; told > 0 && told < limit {
		lower = told
	}
	if lower < 1 {
		return false
	}
	l.limit.lower(lower, l.Limit())
	return true
}

// MessageBytes is how long a message to the relay may be, all of it, in bytes.
func (l *Limits) MessageBytes() int { return or(l.told.messageBytes, DefaultMessageBytes) }

// SubIDLength is how long a subscription id may be, in characters: 64 at most, whatever
// is told (NIP-01).
func (l *Limits) SubIDLength() int {
	return min(or(l.told.subIDLength, DefaultSubIDLength), DefaultSubIDLength)
}

// Page is how many stored events the relay sends for a filter without a limit, at
// most: as many, or more, may mean that there are others. Where known is false it is
// a lower bound of that: the largest page seen so far, LeastPage at least.
//
// max_limit alone is no page cap, since relays may send less where no limit is asked
// for, without a word: it is believed once a page of just that size has been seen.
func (l *Limits) Page() (limit int, known bool) {
	told := l.told.defaultLimit
	if l.told.maxLimit > 0 && (told > l.told.maxLimit || told == 0 && l.largestPage == l.told.maxLimit) {
		told = l.told.maxLimit
	}
	if told > 0 {
		return told, true
	}
	return max(l.largestPage, LeastPage), false
}

// SawPage takes note of how many stored events came for a filter without a limit, and
// of the first and the last of their dates. Those that may have come for another filter of
// the REQ are not to be among them.
func (l *Limits) SawPage(events int, oldest, newest nostr.Timestamp) {
	events, ends := min(events, most), [2]nostr.Timestamp{oldest, newest}
	switch {
	case events > l.largestPage:
		l.largestPage, l.ends, l.capped = events, ends, false
	case events == l.largestPage && ends != l.ends:
		l.capped = true
	}
}

// Capped tells whether a page of that size is probably as large as pages of this relay
// become: it has told so, or different pages were exactly as large, and none larger.
func (l *Limits) Capped() bool {
	_, known := l.Page()
	return known || l.capped && l.largestPage >= LeastPage
}

// Refused reads why a REQ was refused, or ended, with CLOSED. Where the words say that
// there are too many, it learns: open is how many of our REQs were open at the relay
// then, raw ones included, without the one that was refused. When several are refused
// one after the other the number goes down with each.
func (l *Limits) Refused(text string, open int) Reason {
	reason := read(text)
	if reason == TooManySubscriptions {
		l.Overloaded(open)
	}
	return reason
}

// Notice reports whether the words of a NOTICE are of too many subscriptions. It learns
// nothing, since a NOTICE may be about anything (P31): only where a REQ stays
// unanswered, too, is it evidence, and Overloaded is to be called.
func (l *Limits) Notice(text string) bool { return read(text) == TooManySubscriptions }

// Overloaded takes note that the relay serves no more than open REQs.
func (l *Limits) Overloaded(open int) { l.subscriptions.lower(open, l.Subscriptions()) }
