package gennostr

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/nostr"
)

// What is known of a relay before something is published there, and what explains its
// refusals: the limits of its information document (NIP-11), and its clock (clocks.go).

// LimitError is an event that a relay would refuse, as it says itself in its information
// document (NIP-11). Nothing was sent. It is the Err of an [Outcome].
type LimitError struct {
	URL   string // the relay's identity, as in [Relay]
	Limit string // as the document names it: "max_message_length" (bytes), "max_event_tags", "max_content_length" (characters), "created_at_lower_limit", "created_at_upper_limit" (seconds from now), "min_pow_difficulty" (bits)
	Bound int64  // what the relay states: the most, but of min_pow_difficulty the least
	Value int64  // what the event has
}

func (e *LimitError) Error() string { return textPrefix + e.inside("") }
func (e *LimitError) inside(url string) string {
	who := e.URL
	if who == url {
		who = "it"
	}
	return fmt.Sprintf("%s states a %s of %d, and the event has %d", who, e.Limit, e.Bound, e.Value)
}

// heldPatience is how long an event that a relay may well refuse waits for the relay's
// document, and a request for its subscription to be live, from the beginning of a
// connection on. Some relays have no document, and some never send EOSE.
const heldPatience = 5 * time.Second

// admit has an event published on a relay, unless the relay has stated that it takes no
// such event. If nothing is known of the relay yet, most events are sent all the same;
// one that is large, or dated off, waits for what the relay says of itself.
func (s *supervisor) admit(p *publishing, leg *publishLeg) {
	e, pub, now := p.entry, leg.pub, s.client.now()
	theirs := nostr.TimestampOf(now.Add(e.ahead()))
	switch {
	case pub.replies != nil && e.deaf(pub.replies):
		s.verdict(leg, outcome.Report{Verdict: outcome.Unanswered, Err: leg.unheard()})
		return
	case pub.replies != nil && !e.hears(pub.replies, leg.waited):
		s.hold(p, leg)
		return
	case p.hasTwin(leg):
		leg.setTwin(true)
		s.hold(p, leg)
		return
	case e.lores != nil && !e.lores.at.IsZero():
		if x, exceeds := limits.Exceeds(e.lores.told, pub.event, len(pub.frame), theirs); exceeds {
			err := error(&LimitError{URL: e.url, Limit: x.Limit, Bound: x.Bound, Value: x.Value})
			if clock := leg.wrongClock(); clock != nil && limits.Dates(x.Limit) {
				err = &dueTo{err, clock}
			}
			s.verdict(leg, outcome.Report{Verdict: outcome.Refused, Err: err})
			return
		}
	case !p.blind && !leg.waited && s.client.network.automatic() && !limits.Plain(pub.event, len(pub.frame), theirs):
		s.hold(p, leg)
		return
	}
	p.forgetTwins(leg)
	p.relay.Add(now, leg, pub.event.ID, pub.event.PubKey, pub.until)
}

// hold keeps an event from a relay for a while.
func (s *supervisor) hold(p *publishing, leg *publishLeg) {
	leg.held = true
	p.held = append(p.held, leg)
	leg.holdUntil = time.Time{}
	if p.entry.stage == connected && !leg.twin {
		leg.holdUntil = s.client.now().Add(heldPatience)
	}
}

// documented is told that the relay's document has come, or will not.
func (s *supervisor) documented(e *relayEntry) {
	p := e.publishing
	if p == nil {
		return
	}
	p.blind = e.stage == connected
	s.release(p, func(*publishLeg) bool { return true })
	s.pump(e)
}

// release lets go what is held, if it need not be held any more.
func (s *supervisor) release(p *publishing, which func(*publishLeg) bool) {
	held := p.held
	p.held = nil
	for _, leg := range held {
		switch {
		case !leg.held: // it is over by what was said of another
		case which(leg):
			leg.held = false
			leg.setTwin(false)
			s.admit(p, leg)
		default:
			p.held = append(p.held, leg)
		}
	}
}

// tendHeld ends what has waited for long enough, and tells when the next one will have.
func (s *supervisor) tendHeld(p *publishing, now time.Time) (next time.Time, some bool) {
	if len(p.held) == 0 {
		return next, false
	}
	s.freeTwins(p)
	s.release(p, func(leg *publishLeg) bool {
		due := !leg.holdUntil.IsZero() && !now.Before(leg.holdUntil)
		leg.waited = leg.waited || due
		p.blind = p.blind || due
		return due
	})
	for _, leg := range slices.Clone(p.held) {
		switch until := leg.pub.until; {
		case !leg.held: // it is over by what was said of another
		case !now.Before(until):
			s.letGo(leg, leg.unheard())
		default:
			next, some = earlier(next, some, until)
			next, some = earlier(next, some, leg.holdUntil)
		}
	}
	return next, some
}

// letGo ends a leg that has not been handed to its relay.
func (s *supervisor) letGo(leg *publishLeg, reason error) {
	leg.unhold()
	s.verdict(leg, outcome.Report{Verdict: outcome.Unanswered, Err: reason})
}

// letAllGo ends all of them.
func (s *supervisor) letAllGo(p *publishing, reason error) {
	held := p.held
	p.held = nil
	for _, leg := range held {
		if leg.held {
			leg.held = false
			leg.setTwin(false)
			s.verdict(leg, outcome.Report{Verdict: outcome.Unanswered, Err: reason})
		}
	}
}

// unhold takes a leg out of those that are held, if it is one.
func (leg *publishLeg) unhold() {
	if leg.held {
		leg.held = false
		leg.setTwin(false)
		leg.at.held = slices.DeleteFunc(leg.at.held, func(other *publishLeg) bool { return other == leg })
	}
}

// wrongClock tells that our clock is wrong, if it is, and the event was dated by it.
func (leg *publishLeg) wrongClock() error {
	return leg.at.entry.wrongClock(leg.pub.begun, leg.pub.event.CreatedAt)
}

// explain says what a relay has not said itself: what explains a refusal, and what was
// waited for until it was given up.
func (leg *publishLeg) explain(r outcome.Report) (hint string, err error) {
	e := leg.at.entry
	refused, wantsAuth := r.Verdict == outcome.Refused, r.Reason == outcome.AuthRequired
	switch {
	case refused && limits.Dates(r.Message):
		return e.hint(), leg.wrongClock()
	case refused && !wantsAuth:
		return e.hint(), nil
	case !refused && r.Verdict != outcome.Unanswered:
		return "", nil
	case e.stage != connected && e.lastErr != nil:
		return "", because(ErrNotConnected, e.lastErr)
	case e.stage != connected:
		return "", ErrNotConnected
	case refused && !e.auth.awaits(unauthenticatedEvent{leg.pub.event.ID}):
		return e.hint(), errNoOK // after the AUTH
	case refused, r.Tries == 0 && e.awaitsAuth():
		return e.hint(), &AuthError{URL: e.url, Err: errAuthLate}
	case r.Tries == 0:
		return "", errNotSent
	}
	return "", errNoOK
}

// What was waited for when a publication was given up, on a relay that is connected.
var (
	errAuthLate   = inTime("the relay wants AUTH first, and has not accepted one")
	errNotSent    = inTime("its turn to be sent has not come")
	errNoOK       = inTime("the relay has not answered")
	errNoDocument = inTime("the relay has not told its limits, for which this event waits")
	errTwin       = inTime("the relay has not answered another event with its id, whose signature differs")
	errNotLive    = inTime("the subscription to the replies is not live")
)

func inTime(what string) error {
	return fmt.Errorf("gennostr: %s in time: %w", what, context.DeadlineExceeded)
}

// hint is what a relay says of itself that may explain a refusal.
func (e *relayEntry) hint() string {
	switch l := e.lores; {
	case l == nil:
		return ""
	case l.told.PaymentRequired:
		return "it says that it demands payment"
	case l.told.RestrictedWrites:
		return "it says that it takes events under conditions only"
	}
	return ""
}
