package resume

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// wrapsBack is how much further back gift wraps are asked for: they lie about their
// dates by up to two days (P65), and their authors' clocks by as much as others do.
const wrapsBack nostr.Timestamp = (2*24 + 1) * 60 * 60

// kindsPart is which kinds of its part an ask is for. On a resume gift wraps are asked
// for apart, so that the other kinds are not asked for two days.
type kindsPart uint8

const (
	allKinds  kindsPart = iota
	butWraps            // without 1059 where kinds are listed
	onlyWraps           // kind 1059
)

// of returns f for these kinds. Of kinds that are not listed nothing can be taken away.
func (k kindsPart) of(f nostr.Filter) nostr.Filter {
	switch {
	case k == onlyWraps && canWrap(f):
		f.Kinds = []nostr.Kind{nostr.KindGiftWrap}
	case k == onlyWraps:
		f.Kinds = []nostr.Kind{} // the filter has shrunk
	case k == butWraps && f.Kinds != nil:
		f.Kinds = slices.DeleteFunc(slices.Clone(f.Kinds), isWrap)
	}
	return f
}

// canWrap tells whether a filter can match gift wraps.
func canWrap(f nostr.Filter) bool { return f.Kinds == nil || slices.ContainsFunc(f.Kinds, isWrap) }

func isWrap(k nostr.Kind) bool { return k == nostr.KindGiftWrap }

// bound is from when on an ask resumes that is for these kinds; ok false: there is no
// bound, everything the filter wants is asked for.
func (m Mark) bound(f nostr.Filter, kinds kindsPart, overlap nostr.Timestamp) (since nostr.Timestamp, ok bool) {
	// Nothing proven: whatever publishers' clocks say, what the filter's own since
	// lets through is missed if it was published; without one, what the first REQ
	// could not have brought.
	if m.Any || f.Since == nil && m.At > 0 {
		since, ok = before(m.At, overlap), true
		if kinds == onlyWraps {
			since = before(since, wrapsBack) // the floor is one of honest dates
		} else {
			since = max(since, m.Floor)
		}
	}
	if f.Since != nil {
		since, ok = max(since, *f.Since), true
	}
	if ok && f.Until != nil {
		since = min(since, *f.Until) // a filter that can match nothing is not sent
	}
	return since, ok
}

// kindsApart says in which parts a filter is resumed from a mark: in one, unless it
// can match gift wraps and these are to be asked for from earlier on.
func (m Mark) kindsApart(f nostr.Filter, overlap nostr.Timestamp) []kindsPart {
	if !canWrap(f) {
		return []kindsPart{allKinds}
	}
	if f.Kinds != nil && len(butWraps.of(f).Kinds) == 0 {
		return []kindsPart{onlyWraps}
	}
	all, _ := m.bound(f, allKinds, overlap)
	wraps, bounded := m.bound(f, onlyWraps, overlap)
	if !bounded || wraps == all {
		return []kindsPart{allKinds}
	}
	return []kindsPart{butWraps, onlyWraps}
}

// resumed is f as it is asked from a mark on.
func (m Mark) resumed(f nostr.Filter, kinds kindsPart, overlap nostr.Timestamp) nostr.Filter {
	since, ok := m.bound(f, kinds, overlap)
	f = kinds.of(f)
	f.Limit, f.LimitZero, f.Since = 0, false, nil
	if ok {
		f.Since = &since
	}
	return f
}

// asOne is f as it is asked from a mark on in one filter, which asks for all kinds from as
// early as gift wraps need it, if they are among them.
func (m Mark) asOne(f nostr.Filter, kinds kindsPart, overlap nostr.Timestamp) nostr.Filter {
	one := m.resumed(f, kinds, overlap)
	if kinds == allKinds && canWrap(f) {
		one.Since = m.resumed(f, onlyWraps, overlap).Since
	}
	return one
}

// least is f with as few stored events as a relay can be asked for: one, since some
// relays answer limit 0 with all they have (Q04, Q05); none where that was asked for.
func least(f nostr.Filter) nostr.Filter {
	if !f.LimitZero {
		f.Limit = 1
	}
	return f
}

// before is t less d, and not before 1970: no filter can say that.
func before(t, d nostr.Timestamp) nostr.Timestamp {
	if t <= d {
		return 0
	}
	return t - d // both are positive
}

// stamp is t in the seconds of filters, which know no time before 1970.
func stamp(t time.Time) nostr.Timestamp { return max(0, nostr.TimestampOf(t)) }

// seconds rounds up.
func seconds(d time.Duration) nostr.Timestamp {
	if d <= 0 {
		return 0
	}
	return nostr.Timestamp((d-1)/time.Second) + 1
}
