package gennostr

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/pack"
	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// What the supervisor asks of relays for subscriptions. It feeds two machines and
// does what they say: what a subscription wants to know next of one relay
// (internal/resume), and which REQs carry that (internal/pack).

// asking is what subscriptions have to do with one relay. Supervisor goroutine only.
type asking struct {
	legs    map[*subscription]*leg
	outside int           // how many of them are of subscriptions that were opened from outside
	limits  limits.Limits // kept from connection to connection
	asked   time.Time     // when its NIP-11 document came

	// of the open connection, else nil
	slots  *pack.Slots[*ask]
	routes map[int]*route

	trouble time.Time // when the relay first spoke of trouble of its own, on this connection
	authed  time.Time // when the relay has accepted an AUTH; zero: it has not
	noticed time.Time // when a NOTICE has spoken of too many subscriptions; zero: none has
}

// wirePrefix begins the subscription ids of REQs that the library sends.
const wirePrefix = "gn:"

// wireID is the subscription id of a REQ. Ids are not used again on a connection,
// but where a relay takes one REQ only: late messages of one are not taken for
// another's.
func wireID(req int) string { return wirePrefix + strconv.Itoa(req) }

// laterKey is what the supervisor's second agenda can be set for: what has to do
// with subscriptions goes by the client's clock, which a Harness has in its hand.
type laterKey struct {
	entry  *relayEntry
	leg    *leg // nil: the relay's slots
	notice bool // what a NOTICE was about
	silent bool // REQs that are not answered
}

// subscribe declares a subscription. Supervisor goroutine.
func (s *supervisor) subscribe(sub *subscription) {
	s.subs = append(s.subs, sub)
	for _, e := range s.sorted() {
		s.join(e, sub)
		s.ask(e)
	}
}

// unsubscribe ends one.
func (s *supervisor) unsubscribe(sub *subscription) {
	s.subs = slices.DeleteFunc(s.subs, func(o *subscription) bool { return o == sub })
	for _, e := range s.sorted() {
		if a := e.asking; a != nil && a.legs[sub] != nil {
			s.part(e, a.legs[sub])
			s.ask(e)
		}
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

// join makes a relay one of a subscription's, and asks it if it is connected.
func (s *supervisor) join(e *relayEntry, sub *subscription) {
	if !sub.livesOn(e.url) || !e.known() {
		return
	}
	if e.asking == nil {
		e.asking = &asking{legs: make(map[*subscription]*leg)}
	}
	if e.asking.legs[sub] != nil {
		return
	}
	l := sub.legOn(e)
	l.entry = e
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
			a.slots.Remove(s.client.now(), k)
		}
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
// of which none of their relays is left: nobody will ever serve them. A relay that is
// removed and added again in one step is not lost.
func (s *supervisor) endLost() {
	for _, sub := range s.lost {
		if left := sub.forgetLegs(); left == 0 && sub.outside != nil && sub.on != nil {
			sub.outside.end(ErrNoRelay)
		}
	}
	s.lost = nil
}

// upAgain asks a relay that has just been connected what its subscriptions want to know.
func (s *supervisor) upAgain(e *relayEntry) {
	a := e.asking
	if a == nil || len(a.legs) == 0 {
		return
	}
	s.open(e)
	for _, l := range a.sorted() {
		s.begin(e, l)
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

// open makes the slots of a new connection.
func (s *supervisor) open(e *relayEntry) {
	a := e.asking
	a.limits.Connected(s.client.now())
	a.slots, a.routes = pack.New[*ask](a.config()), make(map[int]*route)
	a.noticed, a.authed, a.trouble = time.Time{}, time.Time{}, time.Time{}
	s.learn(e)
}

func (a *asking) config() pack.Config {
	return pack.Config{Subscriptions: a.limits.Subscriptions(), Filters: a.limits.Filters(), Bytes: a.limits.MessageBytes()}
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
	a.slots, a.routes = nil, nil
}

// leave takes a relay that is gone out of all subscriptions.
func (s *supervisor) leave(e *relayEntry) {
	if e.asking == nil {
		return
	}
	for _, l := range e.asking.legs {
		s.part(e, l)
	}
}

// begin asks what a leg wants to know at the beginning of a connection.
func (s *supervisor) begin(e *relayEntry, l *leg) {
	if e.asking.slots == nil {
		s.open(e)
	}
	if l.state() == SubscriptionParked {
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
		s.put(e, k)
	}
	for _, asked := range step.Gone { // after what takes their place
		l.forget(asked)
	}
	for _, gap := range step.Gaps {
		if gap.Possible && gap.Since == gap.Until && !e.asking.limits.Capped() {
			continue // a second with many events, of a relay that nothing says has a cap
		}
		s.informGap(l, Gap{gap.Since, gap.Until, gap.Possible})
	}
	s.advance(l)
}

// maxGaps is how many gaps of a leg are reported one by one for each connection.
const maxGaps = 100

// informGap reports a gap. A relay that makes up more of them than anybody wants to
// read gets one for all the rest.
func (s *supervisor) informGap(l *leg, gap Gap) {
	switch l.gaps++; {
	case l.gaps > maxGaps:
		return
	case l.gaps == maxGaps:
		gap = Gap{Since: 0, Until: max(gap.Until, nostr.Now()), Possible: true}
	}
	s.inform(l, SubscriptionChange{State: l.state(), Gap: &gap})
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
	case !caughtUp && (state == SubscriptionLive || state == SubscriptionPending && len(l.asks) > 0):
		l.setStatus(SubscriptionOpen, "")
	}
}

// put hands an ask to the slots.
func (s *supervisor) put(e *relayEntry, k *ask) {
	e.asking.slots.Add(s.client.now(), pack.Ask[*ask]{
		Key: k, Group: k.leg, Filter: k.Filter, Moved: k.Moved, Once: k.Once, Bytes: len(k.Filter.AppendJSON(nil)), Within: k.leg.within,
	})
}

// swapLimit is how many of its newest events a filter asks for that was live in a REQ
// which is replaced under its own id: the relay may end the old one before it begins
// the new one, and what it stores in that moment is among them.
const swapLimit = 3

// ask sends what the slots say.
func (s *supervisor) ask(e *relayEntry) {
	a := e.asking
	if a == nil || a.slots == nil || e.conn == nil {
		return
	}
	now := s.client.now()
	a.slots.Others(max(0, e.conn.requests.Len()-len(a.routes)))
	for _, op := range a.slots.Do(now) {
		if op.Close {
			delete(a.routes, op.Req)
			e.conn.sendOwn(Close{SubscriptionID: wireID(op.Req)}, nil)
			continue
		}
		r := &route{conn: e.conn, number: op.Req, sent: now}
		filters := make([]nostr.Filter, len(op.Members))
		for i, m := range op.Members {
			if filters[i] = m.Filter; m.Moved && op.Replace && !m.Filter.LimitZero {
				filters[i].Limit = swapLimit
			}
			r.members = append(r.members, newMember(m.Key, filters[i], m.Moved, now))
		}
		a.routes[op.Req] = r
		if e.conn.crowded() { // what is asked for stands behind what others have not handled
			e.conn.awaitsEOSE(true)
		}
		if key := (laterKey{entry: e, silent: true}); !s.isSet(key) {
			s.later.Set(key, now.Add(answerWithin))
		}
		e.conn.sendOwn(Req{SubscriptionID: wireID(op.Req), Filters: filters}, r)
	}
	if at, ok := a.slots.Next(); ok {
		s.later.Set(laterKey{entry: e}, at)
	} else {
		s.later.Cancel(laterKey{entry: e})
	}
}

// ringLater does what was set for now.
func (s *supervisor) ringLater(now time.Time) {
	for k, ok := s.later.PopDue(now); ok; k, ok = s.later.PopDue(now) {
		switch {
		case k.leg != nil:
			s.retry(k.entry, k.leg)
		case k.notice:
			s.heedNotice(k.entry)
		case k.silent:
			s.checkSilent(k.entry)
		}
		s.ask(k.entry)
	}
}

// reqAnswer is an EOSE or a CLOSED of a REQ of ours.
type reqAnswer struct {
	route   *route
	eose    bool
	pages   []resume.Page // what came before it for the members, in order
	slipped []int         // how many of them were published meanwhile
	message string        // of a CLOSED
	ends    bool          // it has ended the REQ
}

// answerOf is made where the message is delivered.
func answerOf(r *route, l *dataLetter) reqAnswer {
	ev := reqAnswer{route: r, ends: l.Ends}
	switch m := l.Message.(type) {
	case wire.EOSE:
		ev.eose = true
		refused := l.Request.Refused()
		for _, member := range r.members {
			p := member.page
			p.Hint, p.Refused, p.Total = hintOf(m.Hints), refused, r.total+refused
			ev.pages, ev.slipped = append(ev.pages, p), append(ev.slipped, member.slipped)
		}
	case wire.Closed:
		ev.message = m.Message
		if l.Ends {
			r.conn.requests.Finish(l.Request)
		}
	}
	return ev
}

func hintOf(hints []string) resume.Hint {
	switch {
	case slices.Contains(hints, "finish"):
		return resume.Finish
	case slices.Contains(hints, "more"):
		return resume.More
	}
	return resume.None
}

func (ev reqAnswer) supervise(s *supervisor) {
	e, r := ev.route.conn.entry, ev.route
	a := e.asking
	if e.conn != r.conn || a == nil || a.routes[r.number] != r {
		return
	}
	if ev.eose {
		s.answered(e, ev)
	} else {
		s.closed(e, ev)
	}
	s.ask(e)
}

// answered is for the EOSE of a REQ: each ask of it learns what came.
func (s *supervisor) answered(e *relayEntry, ev reqAnswer) {
	a, r := e.asking, ev.route
	r.eose = true
	if !slices.ContainsFunc(slices.Collect(maps.Values(a.routes)), func(r *route) bool { return !r.eose }) {
		e.conn.awaitsEOSE(false)
	}
	for i, m := range r.members {
		if p := ev.pages[i]; m.unlimited && ev.slipped[i] == 0 { // what slips in is no measure of a page
			a.limits.SawPage(p.Events, p.Oldest, p.Newest)
		}
	}
	n, known := a.limits.Page()
	caps := resume.Caps{Page: n, Known: known}
	a.slots.EOSE(s.client.now(), r.number)
	for i, m := range r.members {
		l := m.leg
		if m.gone.Load() || l.asks[m.Ask] != m.ask {
			continue
		}
		if m.Once {
			delete(l.asks, m.Ask)
		}
		s.take(e, l, l.track.Answered(m.Ask, ev.pages[i], caps, r.sent))
	}
}

// closed is for the CLOSED of a REQ, by what the relay says is the reason.
func (s *supervisor) closed(e *relayEntry, ev reqAnswer) {
	a, r, now := e.asking, ev.route, s.client.now()
	reason := a.limits.Refused(ev.message, max(0, e.conn.requests.Len()-unended(ev)))
	if !ev.ends && reason != limits.Duplicate {
		return // it may be of a REQ that was closed before
	}
	switch reason {
	case limits.TooManySubscriptions:
		a.slots.SetConfig(a.config())
		s.again(e, a.slots.Refused(now, r.number), 0)
	case limits.Duplicate: // under another id
		if !ev.ends {
			e.conn.sendOwn(Close{SubscriptionID: wireID(r.number)}, nil)
		}
		s.again(e, a.slots.Refused(now, r.number), 0)
	case limits.RateLimited, limits.AuthRequired: // whatever it was that was asked
		a.slots.Refused(now, r.number) // and what is not asked again by us is not by the slots
		for _, m := range r.members {
			a.slots.Remove(now, m.ask)
			switch {
			case m.gone.Load():
			case reason == limits.AuthRequired && !r.sent.After(a.authed): // it did not know yet who asks
				s.again(e, []*ask{m.ask}, 0)
			default:
				s.refused(e, m.ask, reason, ev.message)
			}
		}
	case limits.Error: // the relay's trouble, of the moment it seems
		if a.trouble.IsZero() {
			a.trouble = now
		}
		if now.Sub(a.trouble) < settled && len(r.members) > 1 {
			s.again(e, a.slots.Refused(now, r.number), 0)
			break
		}
		fallthrough
	default:
		verdict := a.slots.Closed(now, r.number)
		if n := a.slots.Learnt(); n > 0 {
			a.limits.LearntFilters(n)
		}
		s.again(e, verdict.Lost, verdict.Within)
		for _, k := range verdict.Guilty {
			s.refused(e, k, reason, ev.message)
		}
	}
	delete(a.routes, r.number)
}

// again makes asks anew that have lost their REQ.
func (s *supervisor) again(e *relayEntry, lost []*ask, within int) {
	for _, k := range lost {
		if k.gone.Swap(true) {
			continue
		}
		k.leg.note()
		delete(k.leg.asks, k.Ask)
		k.leg.within = within
		s.take(e, k.leg, k.leg.track.Lost(k.Ask))
		k.leg.within = 0
	}
}

// refused is for an ask that the relay would not serve: it is asked again later, if
// that makes sense, else with the next connection.
func (s *supervisor) refused(e *relayEntry, k *ask, reason limits.Reason, message string) {
	l := k.leg
	l.note()
	delete(l.asks, k.Ask)
	k.gone.Store(true)
	l.refused = append(l.refused, k)
	state := SubscriptionRetrying
	if final(reason) {
		state = SubscriptionRefused
	}
	change := SubscriptionChange{State: state, Message: message}
	if state == SubscriptionRetrying {
		at, set := s.later.At(laterKey{entry: e, leg: l})
		if !set {
			at = s.client.now().Add(l.patience(s.client.now()))
			s.later.Set(laterKey{entry: e, leg: l}, at)
		}
		change.RetryAt = at
	}
	l.setStatus(state, message)
	s.inform(l, change)
}

// final tells the refusals that asking again does not help against.
func final(reason limits.Reason) bool {
	switch reason {
	case limits.Unknown, limits.Error, limits.RateLimited:
		return false
	}
	return true
}

// unended is 1 while a REQ that was refused counts as open.
func unended(ev reqAnswer) int {
	if ev.ends {
		return 0
	}
	return 1
}

const (
	// firstRetry and longestRetry are the least and the most that is waited before an
	// ask is repeated that a relay has refused, and which it may serve later.
	firstRetry   = 2 * time.Second
	longestRetry = 5 * time.Minute
	// settled is how long a subscription has to be live for its retries to begin anew.
	settled = time.Minute
)

// patience is how long to wait before the next retry: twice as long each time, give or take a fifth.
func (l *leg) patience(now time.Time) time.Duration {
	if !l.liveAt.IsZero() && now.Sub(l.liveAt) >= settled {
		l.retries = 0
	}
	d := min(longestRetry, firstRetry<<min(l.retries, 16))
	l.retries++
	l.liveAt = time.Time{}
	return time.Duration(float64(d) * (1 + l.entry.cfg.schedule.Jitter*(2*rand.Float64()-1)))
}

// retry asks again what was refused.
func (s *supervisor) retry(e *relayEntry, l *leg) {
	refused := l.refused
	l.refused = nil
	if l.entry != e || e.asking.slots == nil || len(refused) == 0 {
		return
	}
	l.setStatus(SubscriptionPending, "")
	l.within = 1 // it may have been its fault
	for _, k := range refused {
		s.take(e, l, l.track.Lost(k.Ask))
	}
	l.within = 0
}

// authenticated asks again, at once, what was refused before the relay knew who we are.
func (s *supervisor) authenticated(e *relayEntry) {
	if e.asking == nil {
		return
	}
	e.asking.authed = s.client.now()
	for _, l := range e.asking.sorted() {
		if len(l.refused) > 0 {
			s.later.Cancel(laterKey{entry: e, leg: l})
			s.retry(e, l)
		}
	}
	s.ask(e)
}

// inform queues a change for whoever has opened the subscription.
func (s *supervisor) inform(l *leg, change SubscriptionChange) {
	e := l.entry
	if e == nil || e.conn == nil {
		return
	}
	change.SubscriptionID = l.sub.name
	if l.sub.outside != nil {
		l.sub.outside.changed(e.conn.relay, change)
		return
	}
	s.client.mail.Put(&changeLetter{sub: l.sub, relay: e.conn.relay, change: change})
}

// learn asks for a relay's NIP-11 document, beside everything else, once an hour at most.
func (s *supervisor) learn(e *relayEntry) {
	const every = time.Hour
	a, c := e.asking, e.conn
	if !s.client.network.automatic() || !a.asked.IsZero() && time.Since(a.asked) < every {
		return
	}
	c.spawn(func() {
		ctx, cancel := context.WithCancel(context.Background())
		answered := make(chan struct{})
		go func() { // ends with this function
			defer cancel()
			select {
			case <-c.Ended():
			case <-answered:
			}
		}()
		doc, err := information(ctx, c.cfg.dialer, target(c.relay.URL, c.relay.Address))
		close(answered)
		<-ctx.Done()
		if err == nil {
			c.client.sup.inbox.Put(learnt{c, doc})
		}
	})
}

// learnt is what a relay says of itself.
type learnt struct {
	c   *connection
	doc nip11.Document
}

func (ev learnt) supervise(s *supervisor) {
	e := ev.c.entry
	if e.asking == nil {
		return
	}
	e.asking.limits.Told(ev.doc.Limitation)
	e.asking.asked = time.Now()
	if e.conn != ev.c || e.asking.slots == nil {
		return
	}
	e.asking.slots.SetConfig(e.asking.config())
	for _, l := range e.asking.sorted() {
		if l.bytes > e.asking.limits.MessageBytes() {
			l.note()
			s.refilter(l, l.sub.filtersNow())
		}
	}
	s.ask(e)
}

// listens tells whether subscriptions have something open on a relay.
func (e *relayEntry) listens() bool {
	return e.cfg.ping.Interval > 0 && e.asking != nil && len(e.asking.routes) > 0
}

// noticed is told of a NOTICE that speaks of too many subscriptions.
type noticed struct{ c *connection }

// noticePatience is how long a REQ may be unanswered after such a NOTICE until it is
// the one that was too many. A NOTICE alone says nothing (NIP-01).
const noticePatience = time.Second

func (ev noticed) supervise(s *supervisor) {
	ev.c.noticed.Store(false)
	e := ev.c.entry
	if e.conn != ev.c || e.asking == nil || e.asking.slots == nil {
		return
	}
	now := s.client.now()
	e.asking.noticed = now
	key := laterKey{entry: e, notice: true}
	if _, set := s.later.At(key); !set {
		s.later.Set(key, now.Add(noticePatience))
	}
}

// heedNotice looks whether a REQ is unanswered that was sent before the NOTICE.
func (s *supervisor) heedNotice(e *relayEntry) {
	a := e.asking
	if a.slots == nil {
		return
	}
	var unanswered []*route
	for _, r := range a.routes {
		if !r.eose && !r.sent.After(a.noticed) {
			unanswered = append(unanswered, r)
		}
	}
	if len(unanswered) == 0 {
		return
	}
	a.limits.Overloaded(max(0, e.conn.requests.Len()-len(unanswered)))
	a.slots.SetConfig(a.config())
	s.closeLost(e, unanswered)
}

// answerWithin is how long a REQ may go without bringing anything until it is closed
// and asked anew: the relay may have lost it.
const answerWithin = 2 * time.Minute

// checkSilent looks for such REQs. While we make the relay wait it is not judged.
func (s *supervisor) checkSilent(e *relayEntry) {
	a, now := e.asking, s.client.now()
	if a.slots == nil {
		return
	}
	var silent []*route
	held, waits := e.conn.in.Waits(), false
	for _, r := range a.routes {
		if r.eose {
			continue
		}
		switch stored := r.stored(); {
		case held || stored != r.looked || now.Sub(r.sent) < answerWithin:
			r.looked, waits = stored, true
		default:
			silent = append(silent, r)
		}
	}
	s.closeLost(e, silent)
	if waits {
		s.later.Set(laterKey{entry: e, silent: true}, now.Add(answerWithin))
	}
}

// closeLost closes REQs that nothing comes of, and has what they ask for asked anew.
func (s *supervisor) closeLost(e *relayEntry, routes []*route) {
	slices.SortFunc(routes, func(x, y *route) int { return x.number - y.number })
	for _, r := range routes {
		e.conn.sendOwn(Close{SubscriptionID: wireID(r.number)}, nil)
		delete(e.asking.routes, r.number)
		s.again(e, e.asking.slots.Refused(s.client.now(), r.number), 0)
	}
}

func (s *supervisor) isSet(key laterKey) bool {
	_, set := s.later.At(key)
	return set
}
