package gennostr

import (
	"slices"

	"github.com/gennostr/gennostr/internal/outcome"
)

// Publications of one event are written once for all of them, and its OK is for all. An OK
// names the id only. So where two have the same id and different signatures, of which one
// may be bad, the second waits until the relay has given its verdict of the first: what it
// says of one is not taken for the other's.

// hasTwin tells whether another publication is open on the relay with the id and another signature.
func (p *publishing) hasTwin(leg *publishLeg) bool {
	return slices.ContainsFunc(p.legs[leg.pub.event.ID], func(o *publishLeg) bool {
		return o.verdict == outcome.Open && !o.held && o.isTwin(leg)
	})
}

// isTwin tells whether the event of another publication has the same id and another signature.
func (leg *publishLeg) isTwin(o *publishLeg) bool { return o.pub.event.Sig != leg.pub.event.Sig }

// forgetTwins is for a leg that is about to be handed to the relay: what that says of the id from
// here on is not said of those that have their verdicts, and wait for other relays'.
func (p *publishing) forgetTwins(leg *publishLeg) {
	for _, o := range p.legs[leg.pub.event.ID] {
		if o.isTwin(leg) {
			p.relay.Forget(o)
		}
	}
}

// setTwin notes whether a leg waits for that.
func (leg *publishLeg) setTwin(waits bool) {
	if leg.twin == waits {
		return
	}
	if leg.twin = waits; waits {
		leg.at.twins++
	} else {
		leg.at.twins--
	}
}

// openOf is the publication whose event is to be written: not one that has its verdict, for
// what is written then is not its signature.
func openOf(legs []*publishLeg) *publishLeg {
	for _, leg := range legs {
		if leg.verdict == outcome.Open && !leg.held {
			return leg
		}
	}
	return legs[0]
}

// freeTwins lets those go whose twin has its verdict, or is gone.
func (s *supervisor) freeTwins(p *publishing) {
	if p == nil || p.twins == 0 {
		return
	}
	before := p.twins
	s.release(p, func(leg *publishLeg) bool { return leg.twin && !p.hasTwin(leg) })
	if p.twins < before {
		s.pumpSoon(p.entry)
	}
}
