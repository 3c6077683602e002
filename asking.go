package gennostr

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/pack"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// The REQs of subscriptions on one relay. The supervisor feeds the machine that says
// which asks share a REQ (internal/pack), and does what it says.

// asking is what subscriptions have to do with one relay. Supervisor goroutine only.
type asking struct {
	legs    map[*subscription]*leg
	outside int // how many of them are of subscriptions that were opened from outside
	queries []*queryLeg
	syncs   []*openSync // the one whose turn it is first
	soon    bool        // it is among the supervisor's toAsk

	// of the open connection, else nil
	slots  *pack.Slots[*ask]
	routes map[int]*route
	counts []*queryAsk // to be sent
	count  int         // number of the last COUNT or NEG-OPEN
	neg    *openSync   // whose NIP-77 session is open; nil: none is

	trouble time.Time // when the relay first spoke of trouble of its own, on this connection
	taken   uint64    // messages of the connection, when its reader was found to stand still
	noticed time.Time // when a NOTICE has spoken of too many subscriptions; zero: none has
}

// ask is one filter as it is asked for on one connection.
type ask struct {
	asker  asker        // on whose account
	group  any          // those of one share a REQ while there is room
	filter nostr.Filter // what is asked for
	moved  nostr.Filter // what a REQ asks for that takes it over from another
	once   bool         // over with its EOSE
	within int          // at most so many stand in the REQ that opens it, 0: any number
	gone   atomic.Bool  // nobody wants to know any more
	auth   bool         // supervisor goroutine only: refused for want of AUTH
	shared bool         // supervisor goroutine only: in a REQ with others
}

// asker is on whose account something is asked for. The first ones are for deliveries: of
// one connection one at a time, under the lock of the route. The others are for the supervisor.
type asker interface {
	// begin makes it a member of a REQ that is about to be sent. Supervisor goroutine.
	begin(*member)
	// had tells whether an event is nothing new. Readers of several connections at once.
	had(*intake.Letter) bool
	// copied counts an event that was had; shared: other members of the REQ ask for it as well.
	copied(m *member, l *intake.Letter, shared bool)
	// take hands one on, and counts it.
	take(m *member, l *dataLetter, shared bool)
	// pageOf is what has been counted at the EOSE.
	pageOf(m *member, total, refused int, hint paging.Hint) paging.Page

	// answered is for the EOSE.
	answered(s *supervisor, e *relayEntry, p paging.Page, caps paging.Caps, sent time.Time)
	// lost is for an ask that is gone, for nobody's fault: it is to be made anew.
	lost(s *supervisor, e *relayEntry, within int)
	// refused is for one that the relay would not serve, for what it asks for or for now.
	refused(s *supervisor, e *relayEntry, reason limits.Reason, message string)
	// needsAuth is for one that it would not serve for want of AUTH; shared: or it was
	// another in the same REQ.
	needsAuth(s *supervisor, e *relayEntry, message string, shared bool)
}

// wirePrefix begins the subscription ids of REQs that the library sends.
const wirePrefix = "gn:"

// isOwnID tells the ids of such REQs.
func isOwnID(id string) bool { return strings.HasPrefix(id, wirePrefix) }

// wireID is the subscription id of a REQ. Ids are not used again on a connection,
// but where a relay takes one REQ only: late messages of one are not taken for
// another's.
func wireID(req int) string { return wirePrefix + strconv.Itoa(req) }

// laterKey is what the supervisor's second agenda can be set for: what has to do
// with subscriptions, publications and AUTH goes by the client's clock, which a Harness has in
// its hand.
type laterKey struct {
	entry    *relayEntry
	leg      *leg       // nil: the relay's slots
	query    *openQuery // its deadline
	sync     *openSync  // what it waits for
	queryLeg *queryLeg  // what was refused for now, or, with notice, what a NOTICE may have refused
	backlog  bool       // answers that stand behind what is not handled
	notice   bool       // what a NOTICE was about
	silent   bool       // REQs that are not answered
	lore     bool       // its NIP-11 document
	idle     bool       // a guest that nobody needs
	places   bool       // of no entry: subscriptions that wait for room for a guest
	publish  bool       // what is published there
	auth     bool       // its AUTH
	turn     bool       // a NIP-77 session for whose end others wait
}

// open makes the slots of a new connection.
func (s *supervisor) open(e *relayEntry) {
	a := e.asking
	s.study(e)
	a.slots, a.routes = pack.New[*ask](e.lore().packing()), make(map[int]*route)
	a.counts = nil
	a.noticed, a.trouble = time.Time{}, time.Time{}
}

// put hands an ask to the slots.
func (s *supervisor) put(e *relayEntry, k *ask) {
	e.asking.slots.Add(s.client.now(), pack.Ask[*ask]{
		Key: k, Group: k.group, Filter: k.filter, Moved: k.moved, Once: k.once, Bytes: len(k.filter.AppendJSON(nil)), Within: k.within,
	})
}

// swapLimit is how many of its newest events a filter asks for that was live in a REQ
// which is replaced under its own id: the relay may end the old one before it begins
// the new one, and what it stores in that moment is among them.
const swapLimit = 3

// ask sends what the slots say.
func (s *supervisor) ask(e *relayEntry) {
	a := e.asking
	if a == nil || a.slots == nil || e.conn == nil || e.awaitsAuth() {
		return
	}
	now := s.client.now()
	a.slots.Others(max(0, e.conn.requests.Len()-len(a.routes)) + a.negs())
	for _, op := range a.slots.Do(now) {
		if op.Close {
			delete(a.routes, op.Req)
			e.conn.sendOwn(Close{SubscriptionID: wireID(op.Req)}, nil)
			continue
		}
		r := &route{conn: e.conn, number: op.Req, sent: now, accepts: e.accepts()}
		filters := make([]nostr.Filter, len(op.Members))
		for i, m := range op.Members {
			if filters[i] = m.Filter; m.Moved && op.Replace && !m.Filter.LimitZero {
				filters[i].Limit = swapLimit
			}
			if _, query := m.Key.asker.(*queryAsk); !query { // which has to know what it asks for
				filters[i].Limit = min(filters[i].Limit, e.lore().limits.Limit())
			}
			r.members = append(r.members, newMember(r, m.Key, filters[i], m.Moved))
		}
		a.routes[op.Req] = r
		switch { // what is asked for stands behind what others have not handled
		case r.queries > 0:
			s.lift(e)
		case e.conn.crowded():
			e.conn.awaitsEOSE(true)
		}
		if key := (laterKey{entry: e, silent: true}); !s.isSet(key) {
			s.later.Set(key, now.Add(answerWithin))
		}
		e.conn.sendOwn(Req{SubscriptionID: wireID(op.Req), Filters: filters}, r)
	}
	s.sendCounts(e)
	s.sendNegs(e)
	if !a.waits() { // also where the last one was refused
		e.conn.awaitsEOSE(false)
	}
	if at, ok := a.slots.Next(); ok {
		s.later.Set(laterKey{entry: e}, at)
	} else {
		s.later.Cancel(laterKey{entry: e})
	}
}

// negs is how many NIP-77 sessions are open: relays may count them among subscriptions.
func (a *asking) negs() int {
	if a.neg != nil {
		return 1
	}
	return 0
}

// waits tells whether a REQ waits for its EOSE, a COUNT or a NEG-MSG for its answer.
func (a *asking) waits() bool {
	if a.neg != nil || a.counting() {
		return true
	}
	for _, r := range a.routes {
		if !r.eose {
			return true
		}
	}
	return false
}

// ringLater does what was set for now.
func (s *supervisor) ringLater(now time.Time) {
	for k, ok := s.later.PopDue(now); ok; k, ok = s.later.PopDue(now) {
		switch {
		case k.query != nil:
			s.expireQuery(k.query)
			continue
		case k.places:
			s.seekPlaces()
			continue
		case k.sync != nil:
			k.sync.news.ring()
			continue
		case k.queryLeg != nil && k.notice:
			s.heedCountNotice(k.entry, k.queryLeg)
		case k.queryLeg != nil:
			k.queryLeg.askAgain(s, k.entry, func(a *queryAsk) bool { return !a.auth })
		case k.backlog:
			s.checkBacklog(k.entry)
		case k.leg != nil:
			s.retry(k.entry, k.leg)
		case k.notice:
			s.heedNotice(k.entry)
		case k.silent:
			s.checkSilent(k.entry)
		case k.lore:
			s.readDocument(k.entry)
		case k.idle:
			s.closeGuest(k.entry, errNotNeeded)
		case k.auth:
			s.ringAuth(k.entry)
		case k.publish:
			s.pump(k.entry)
		case k.turn:
			s.ringTurn(k.entry, now)
		}
		s.ask(k.entry)
	}
}

// listens tells whether subscriptions have something open on a relay.
func (e *relayEntry) listens() bool {
	return e.cfg.ping.Interval > 0 && e.asking != nil && len(e.asking.routes) > 0
}

func (s *supervisor) isSet(key laterKey) bool {
	_, set := s.later.At(key)
	return set
}
