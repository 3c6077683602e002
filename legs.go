package gennostr

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/internal/resume"
)

// What becomes of subscriptions on relays, as these come and go. The supervisor feeds
// the machine that says what a subscription wants to know next of one relay
// (internal/resume), and does what it says.

// subscribe declares a subscription. Supervisor goroutine.
func (s *supervisor) subscribe(sub *subscription) {
	s.subs = append(s.subs, sub)
	for _, url := range slices.Sorted(maps.Keys(sub.on)) {
		_, err := s.engage(url, sub.cfg.written[url], sub)
		switch {
		case errors.Is(err, ErrTooManyGuests):
			s.awaitPlace(sub, url, err)
		case err != nil:
			s.refuse(sub.legOn(url, nil), Relay{URL: url, Address: sub.cfg.written[url], Guest: true}, err)
			s.lost = append(s.lost, sub)
		}
	}
	for _, e := range s.sorted() {
		s.join(e, sub)
		s.ask(e)
	}
}

// unsubscribe ends one.
func (s *supervisor) unsubscribe(sub *subscription) {
	s.subs = slices.DeleteFunc(s.subs, func(o *subscription) bool { return o == sub })
	s.forgetPlaces(sub)
	for _, e := range s.sorted() {
		if a := e.asking; a != nil && a.legs[sub] != nil {
			s.part(e, a.legs[sub])
			s.ask(e)
		}
		s.disengage(e, sub)
	}
}

// sorted lists the entries in the order of their URLs, so that what is done to all
// of them is done in an order that can be foretold.
func (s *supervisor) sorted() []*relayEntry {
	list := make([]*relayEntry, 0, len(s.relays))
	for _, e := range s.relays {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *relayEntry) int { return strings.Compare(a.url, b.url) })
	return list
}

// enlist gives a relay that is new the legs of all subscriptions.
func (s *supervisor) enlist(e *relayEntry) {
	for _, sub := range s.subs {
		s.join(e, sub)
	}
}

// serves tells whether a subscription lives on a relay: those without On on all of the
// client's, those with On on the ones that are named there.
func (e *relayEntry) serves(sub *subscription) bool {
	if sub.on == nil {
		return e.known() && !e.guest
	}
	_, needs := e.users[sub]
	return needs || e.known() && sub.on[e.url]
}

// join makes a relay one of a subscription's, and asks it if it is connected.
func (s *supervisor) join(e *relayEntry, sub *subscription) {
	if !e.serves(sub) {
		return
	}
	if sub.on != nil {
		s.use(e, sub)
	}
	if e.asking == nil {
		e.asking = &asking{legs: make(map[*subscription]*leg)}
	}
	if e.asking.legs[sub] != nil {
		return
	}
	l := sub.legOn(e.url, e)
	l.entry, l.away = e, false
	l.setGone(false)
	e.asking.legs[sub] = l
	if sub.outside != nil {
		e.asking.outside++
	}
	if e.stage == connected {
		s.begin(e, l)
	}
}

// part takes a leg off its relay, and closes what it has open there.
func (s *supervisor) part(e *relayEntry, l *leg) {
	a := e.asking
	s.later.Cancel(laterKey{entry: e, leg: l})
	for _, k := range l.asks {
		if a.slots != nil {
			a.slots.Remove(s.client.now(), &k.ask)
		}
	}
	if e.auth != nil {
		e.auth.forget(l)
	}
	l.down()
	l.entry, l.wentAt = nil, s.client.now()
	l.setGone(true)
	delete(a.legs, l.sub)
	if l.sub.outside != nil {
		a.outside--
	}
	s.lost = append(s.lost, l.sub)
}

// endLost forgets the legs of relays that are gone, and ends the outside subscriptions
// with On of which all relays are gone for good: nobody will ever serve them. A relay
// that is removed and added again in one step is not lost.
func (s *supervisor) endLost() {
	for _, sub := range s.lost {
		if left := sub.forgetLegs(); left == 0 && sub.outside != nil && sub.on != nil && !s.awaitsPlace(sub) {
			sub.outside.end(sub.unserved())
		}
	}
	s.lost = nil
}

// upAgain asks a relay that has just been connected what its subscriptions want to know.
func (s *supervisor) upAgain(e *relayEntry) {
	a := e.asking
	if a == nil || len(a.legs)+len(a.queries)+len(a.syncs) == 0 {
		return
	}
	s.open(e)
	for _, l := range a.sorted() {
		s.begin(e, l)
	}
	for _, l := range slices.Clone(a.queries) {
		s.queryUp(e, l)
	}
	for _, o := range a.syncs {
		s.syncUp(e, o)
	}
	s.ask(e)
}

// sorted lists the legs in the order in which they were declared.
func (a *asking) sorted() []*leg {
	list := make([]*leg, 0, len(a.legs))
	for _, l := range a.legs {
		list = append(list, l)
	}
	slices.SortFunc(list, func(x, y *leg) int { return int(x.sub.owner) - int(y.sub.owner) })
	return list
}

// gone is told of the end of a connection.
func (s *supervisor) goneDown(e *relayEntry) {
	a := e.asking
	if a == nil {
		return
	}
	s.later.Cancel(laterKey{entry: e})
	s.later.Cancel(laterKey{entry: e, notice: true})
	s.later.Cancel(laterKey{entry: e, silent: true})
	for _, l := range a.legs {
		s.later.Cancel(laterKey{entry: e, leg: l})
		l.down()
		if l.state() != SubscriptionParked {
			l.setStatus(SubscriptionPending, "")
		}
	}
	s.queriesDown(e)
	s.syncsDown(e)
	s.later.Cancel(laterKey{entry: e, backlog: true})
	a.slots, a.routes, a.counts = nil, nil, nil
}

// leave takes a relay that is gone, or a guest, out of all subscriptions that do not need it.
func (s *supervisor) leave(e *relayEntry) {
	if e.asking == nil {
		return
	}
	for _, l := range e.asking.legs {
		if _, needs := e.users[l.sub]; !needs {
			s.part(e, l)
		}
	}
	s.queriesLeave(e)
	s.syncsLeave(e)
}

// relayEnded lets whoever has opened the subscription know how one of its relays fares:
// that it is gone for good, and of a guest, of which no callback tells, that it cannot
// be reached or is lost, once until it is back.
func (sub *subscription) relayEnded(s *supervisor, e *relayEntry, end relayEnd) {
	if e.asking == nil || e.asking.legs[sub] == nil {
		return
	}
	l := e.asking.legs[sub]
	relay := Relay{URL: e.url, Address: e.cfg.address, Attempts: e.backoff.Attempts(), Guest: e.guest}
	switch {
	case end.final:
		s.part(e, l)
		s.refuse(l, relay, end.err)
	case e.guest:
		l.setProblem(end.err)
		if !l.away {
			l.away = true
			s.news(l, nil, relay, SubscriptionChange{State: l.state(), Message: end.err.Error(), Err: end.err})
		}
	}
}

// refuse is for a leg of a relay that is gone for good, or does not come.
func (s *supervisor) refuse(l *leg, relay Relay, err error) {
	l.setUnserved(SubscriptionRefused, err)
	l.sub.why = err
	s.news(l, nil, relay, SubscriptionChange{State: SubscriptionRefused, Message: err.Error(), Err: err})
}

// unserved says why nobody serves a subscription with On.
func (sub *subscription) unserved() error {
	if sub.why == nil {
		return ErrNoRelay
	}
	return because(ErrNoRelay, sub.why)
}

// begin asks what a leg wants to know at the beginning of a connection.
func (s *supervisor) begin(e *relayEntry, l *leg) {
	if e.asking.slots == nil {
		s.open(e)
	}
	l.away = false
	if l.state() == SubscriptionParked {
		l.setStatus(SubscriptionParked, "")
		return
	}
	if e.asking.outside > 0 && e.conn.crowded() { // one that had the socket for itself may have filled it
		s.makeRoom(e)
	}
	l.setStatus(SubscriptionPending, "")
	s.take(e, l, l.track.Up(s.client.now()))
}

// take does what a leg's machine says.
func (s *supervisor) take(e *relayEntry, l *leg, step resume.Step) {
	for _, asked := range step.Asks {
		k := newAsk(l, asked)
		l.asks[asked] = k
		if o := l.sub.outside; o != nil && k.Once && o.full(l) { // served page by page
			l.delayed = append(l.delayed, k)
			o.tellWhenDrained(l)
			continue
		}
		s.putFor(e, k)
	}
	for _, asked := range step.Gone { // after what takes their place
		l.forget(asked)
	}
	for _, gap := range step.Gaps {
		if gap.Possible && gap.Since == gap.Until && !e.lore().limits.Capped() {
			continue // a second with many events, of a relay that nothing says has a cap
		}
		s.informGap(l, Gap{gap.Since, gap.Until, gap.Possible})
	}
	s.advance(l)
}

// putFor hands an ask of a leg to the slots.
func (s *supervisor) putFor(e *relayEntry, k *legAsk) {
	k.within = k.leg.within
	s.put(e, &k.ask)
}

// advance says where a leg has come to: live once all that it has asked for has been
// answered, and again when it has had to ask for something anew.
func (s *supervisor) advance(l *leg) {
	state, caughtUp := l.state(), l.track.CaughtUp() && len(l.refused) == 0
	switch {
	case caughtUp && state != SubscriptionLive:
		l.liveAt = s.client.now()
		l.setStatus(SubscriptionLive, "")
		s.inform(l, SubscriptionChange{State: SubscriptionLive})
		s.nowHeard(l)
	case !caughtUp && (state == SubscriptionLive || state == SubscriptionPending && len(l.asks) > 0):
		l.setStatus(SubscriptionOpen, "")
	}
}
