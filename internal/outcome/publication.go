package outcome

import "slices"

// A Publication is one event on its relays R, which are those of the call: a relay that
// is added later gets nothing. Made by NewPublication.
type Publication[R comparable] struct {
	order   []R
	reports []Report // in that order: most publications have few relays
	atLeast int      // relays that are to have it for the waiter to be told; 0: all verdicts
	settled bool
}

// NewPublication returns a Publication without verdicts. A relay that is named twice
// counts once. With atLeast 0 or less the waiter waits for all verdicts.
func NewPublication[R comparable](relays []R, atLeast int) *Publication[R] {
	p := &Publication[R]{order: make([]R, 0, len(relays)), atLeast: max(atLeast, 0)}
	for _, r := range relays {
		if !slices.Contains(p.order, r) {
			p.order = append(p.order, r)
		}
	}
	p.reports = make([]Report, len(p.order))
	p.settle()
	return p
}

// Tell takes what a relay's verdict is, the first or another; false if it is none of
// its relays. Whether the waiter is to be told now, for the first time, is the second.
func (p *Publication[R]) Tell(relay R, report Report) (ok, settled bool) {
	i := slices.Index(p.order, relay)
	if i < 0 || report.Verdict == Open {
		return false, false
	}
	p.reports[i] = report
	return true, p.settle()
}

// settle looks whether the waiter is to be told: all relays have answered, or so many
// have it, or so many cannot have it any more.
func (p *Publication[R]) settle() (now bool) {
	if p.settled {
		return false
	}
	has, open := p.Count()
	p.settled = open == 0 || p.atLeast > 0 && (has >= p.atLeast || has+open < p.atLeast)
	return p.settled
}

// Settled tells whether the waiter has been told, or is to be. It stays so.
func (p *Publication[R]) Settled() bool { return p.settled }

// Over tells whether there is a verdict of every relay.
func (p *Publication[R]) Over() bool {
	_, open := p.Count()
	return open == 0
}

// Succeeded tells whether enough relays have the event: so many as were asked for, one
// at least.
func (p *Publication[R]) Succeeded() bool {
	has, _ := p.Count()
	return has >= max(p.atLeast, 1)
}

// Count is how many relays have it, and of how many there is no verdict.
func (p *Publication[R]) Count() (has, open int) {
	for _, r := range p.reports {
		switch {
		case r.Verdict.Has():
			has++
		case r.Verdict == Open:
			open++
		}
	}
	return has, open
}

// Heard tells whether somebody may have seen the event, or may yet: whoever waits for
// a reply to it waits in vain if not. Refused, nobody has, with Mute even though the
// relay had understood it (P33). Written and unanswered, somebody may.
func (p *Publication[R]) Heard() bool {
	for _, r := range p.reports {
		if r.Verdict == Open || r.Verdict.Has() || r.Verdict == Unanswered && r.Tries > 0 {
			return true
		}
	}
	return false
}

// Relays are the relays, in the order in which they were named; Report is what a relay
// has last told, Open if nothing.
func (p *Publication[R]) Relays() []R { return p.order }
func (p *Publication[R]) Report(relay R) Report {
	if i := slices.Index(p.order, relay); i >= 0 {
		return p.reports[i]
	}
	return Report{}
}
