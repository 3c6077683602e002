package reconcile

import (
	"math"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// A Window is a span of dates, both of which belong to it.
type Window struct{ Since, Until nostr.Timestamp }

// Forever is the Until of a window without an end, and 0 the Since of one without a beginning.
const Forever = nostr.Timestamp(math.MaxInt64)

// Earliest is when there were no events yet, but for some that bear a wrong date: 2020.
const Earliest nostr.Timestamp = 1_577_836_800

const (
	day = nostr.Timestamp(24 * 60 * 60)
	// mostParts is into how many parts a window is divided at once, where it is known what is too many.
	mostParts = 64
	// enough is how many items of ours in a window are taken for a sample of what the relay has there.
	enough = 64
)

// second tells whether a window cannot be divided.
func (w Window) second() bool { return w.Since >= w.Until }

func (w Window) has(at nostr.Timestamp) bool { return w.Since <= at && at <= w.Until }

// parts are those of other windows that lie in it.
func (w Window) parts(of []Window) (parts []Window) {
	for _, p := range of {
		if p.Since, p.Until = max(p.Since, w.Since), min(p.Until, w.Until); p.Since <= p.Until {
			parts = append(parts, p)
		}
	}
	return parts
}

// asked is what a relay is asked for so that it says all about a window: where that ends inside of
// the dates of the filter, it is one second more, since some relays leave out the very seconds of since and
// until (Q03, Q07).
func (c *Config) asked(w Window) Window {
	if w.Since > c.Since {
		w.Since--
	}
	if w.Until < c.Until {
		w.Until++
	}
	return w
}

// divide makes parts of a window in which the relay has too much, the oldest first. most is
// how many items it reconciles at once; 0: it has not said so. The dates of our own
// items tell where there are many, else it is halved by time.
func divide(w Window, ours *nip77.Set, most int64, now nostr.Timestamp) (parts []Window) {
	n, pieces := ours.Len(), 2
	if most > 0 {
		pieces = int(max(2, min(mostParts, int64(n)*4/(3*most)+1)))
	}
	since := w.Since
	for i := 1; i < pieces && n >= enough; i++ {
		if at, _ := ours.At(n * i / pieces); at > since && at <= w.Until {
			parts = append(parts, Window{since, at - 1})
			since = at
		}
	}
	if len(parts) > 0 {
		return append(parts, Window{since, w.Until})
	}
	lower, upper := w.Since, w.Until
	if upper > Earliest { // where there can be something
		lower = max(lower, Earliest)
	}
	if tomorrow := now + day; lower < tomorrow {
		upper = min(upper, tomorrow)
	}
	if lower >= upper {
		lower, upper = w.Since, w.Until
	}
	middle := lower + (upper-lower)/2
	return []Window{{w.Since, middle}, {middle + 1, w.Until}}
}

// newest cuts a window that is longer than a span of seconds in two, of which the newer one is not.
// 0 is any span.
func newest(w Window, span, now nostr.Timestamp) (rest, part Window, cut bool) {
	if span <= 0 || w.Until <= Earliest {
		return Window{}, w, false
	}
	last := min(w.Until, max(now, w.Since)) // what is dated ahead belongs to the newest
	first := last - span + 1
	if first <= w.Since || last-w.Since < span {
		return Window{}, w, false
	}
	return Window{w.Since, first - 1}, Window{first, w.Until}, true
}
