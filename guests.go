package gennostr

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Guests: relays that somebody needs who has named them with On, and that were not
// added. Everybody who needs one shares its connection; when nobody does any more it is
// closed, soon, or at once if it was not open. All of this runs on the supervisor's
// goroutine.
//
// A guest has the stages of any relay (entry.go), with these differences. No callback
// tells of it. When its connection has ended, or a dial has failed, it is telling until
// the loop has handled what had come from it, so that one that comes and goes fills no
// mailbox; nothing is told. One that was connected, and that somebody needs, does not wait
// for that, once: he may be in a callback, for which the loop waits.
//
//	none        engage                              queued
//	queued      its turn to dial                    dialing
//	            nobody needs it                     none
//	dialing     open (up)                           connected
//	            failed, cut or aborted              telling
//	            nobody needs it                     closing
//	connected   ended                               telling
//	            nobody needs it, for a while        closing
//	closing     ended                               telling
//	telling     the loop has come to that, and
//	              AddRelay was called               queued, no guest any more
//	              nobody needs it, or it is gone    none
//	              else                              waiting
//	            somebody needs it, it was connected,
//	            and the loop is one end behind      waiting
//	waiting     the schedule                        queued
//	            nobody needs it                     none; telling, if the loop is behind
//
// AddRelay makes one of the client's of it: connected and dialing it goes on, unless the
// options say that the relay is to be reached in another way, or as somebody else: then
// it is closing, and dialled anew. Queued and waiting it is dialled; closing and telling
// that is done when they are over.
//
// RemoveRelay makes a guest of what somebody needs. A connection that is open stays, and
// its OnDisconnect is told: until that has returned (leaving), AddRelay waits for it.
// In all other stages it takes its way through telling, and is dialled as a guest
// instead of being forgotten.

// relayUser is what a user of a relay is that wants to know how the relay fares.
type relayUser interface {
	// relayEnded tells of each end of a connection, and of each dial that failed.
	relayEnded(s *supervisor, e *relayEntry, end relayEnd)
}

// relayEnd is the end of a connection.
type relayEnd struct {
	err    error
	failed bool // it was a dial; else what was open on the connection is lost
	final  bool // the relay is not dialled any more; that the user needs it is forgotten
}

var (
	errNotNeeded = errors.New("gennostr: nobody needs the guest any more")
	errOtherwise = errors.New("gennostr: dialled anew with the options of AddRelay")
)

// engage finds the entry of a relay, or makes one of a guest, and notes that user needs
// it, until disengage. The entry is the relay's for as long as that holds, whatever
// AddRelay and RemoveRelay do. address is the URL as it was written. Errors:
// ErrTooManyGuests, ErrClientClosed.
func (s *supervisor) engage(url, address string, user any) (*relayEntry, error) {
	if s.stopping {
		return nil, ErrClientClosed
	}
	e := s.relays[url]
	if e == nil {
		if !s.roomForGuest() {
			return nil, fmt.Errorf("%w: %d", ErrTooManyGuests, s.client.cfg.maxGuests)
		}
		e = s.newEntry(url, s.guestSpec(address))
		s.setGuest(e, true)
		s.call(e)
	}
	s.use(e, user)
	return e, nil
}

// disengage ends what engage has begun. A user that needs the relay no longer already is
// nothing to do.
func (s *supervisor) disengage(e *relayEntry, user any) {
	if _, uses := e.users[user]; !uses {
		return
	}
	delete(e.users, user)
	if len(e.users) > 0 || !e.guest {
		return
	}
	switch e.stage {
	case connected:
		s.later.Set(laterKey{entry: e, idle: true}, s.client.now().Add(s.client.cfg.guestIdle))
	case dialing:
		s.closeGuest(e, errNotNeeded)
	case queued, waiting:
		s.dialEnded(e)
		if e.behind == 0 {
			s.forget(e)
		} else {
			s.due.Cancel(alarm{e, alarmDial})
			e.stage = telling
		}
	}
	// closing, telling: it is decided at their end.
}

// use notes that somebody needs a relay.
func (s *supervisor) use(e *relayEntry, user any) {
	if _, uses := e.users[user]; uses {
		return
	}
	if e.users == nil {
		e.users = make(map[any]uint64)
	}
	e.came++
	e.users[user] = e.came
	if e.guest {
		s.later.Cancel(laterKey{entry: e, idle: true})
		s.goAhead(e)
	}
}

// tellUsers tells those who need a relay, in the order in which they came, how it fares.
func (s *supervisor) tellUsers(e *relayEntry, end relayEnd) {
	users := e.users
	if end.final {
		e.users = nil
	}
	if len(users) == 0 {
		return
	}
	order := slices.SortedFunc(maps.Keys(users), func(a, b any) int { return cmp.Compare(users[a], users[b]) })
	for _, user := range order {
		if u, ok := user.(relayUser); ok {
			u.relayEnded(s, e, end)
		}
	}
}

// setGuest says whether a relay is a guest.
func (s *supervisor) setGuest(e *relayEntry, guest bool) {
	e.guest = guest
	if guest {
		s.guests[e] = struct{}{}
	} else {
		delete(s.guests, e)
	}
	if e.conn != nil {
		e.conn.guest.Store(guest)
	}
}

func (s *supervisor) guestSpec(address string) *relaySpec {
	return &relaySpec{relayConfig: &s.client.cfg.guest.relayConfig, address: address}
}

// begun tells that Init has returned, and that the relays of WithRelays are there.
type begun struct{}

// supervise lets guests in. What Init has named is one of the client's relays, perhaps.
func (begun) supervise(s *supervisor) {
	s.begun = true
	for _, e := range s.sorted() {
		if e.guest && e.stage == waiting {
			s.dial(e)
		}
	}
	s.superviseEarly()
}

// superviseEarly takes what was put off until Init has returned, or until it is too late.
func (s *supervisor) superviseEarly() {
	early := s.early
	s.early = nil
	for _, ev := range early {
		ev.supervise(s) // which may put it off again
	}
}

// call dials a guest, once guests are let in.
func (s *supervisor) call(e *relayEntry) {
	if s.begun {
		s.dial(e)
	} else {
		e.stage = waiting
	}
}

// roomForGuest tells whether another guest may come. If need be the one that has been
// needed by nobody for longest has to go. Those that are on their way out, which a
// handler that hangs can make take long, count apart.
func (s *supervisor) roomForGuest() bool {
	most := s.client.cfg.maxGuests
	if len(s.guests) < most {
		return true
	}
	if len(s.guests) >= 2*most {
		return false
	}
	staying := 0
	var idlest *relayEntry
	var since time.Time
	for e := range s.guests {
		at, idle := s.later.At(laterKey{entry: e, idle: true})
		if idle || len(e.users) > 0 {
			staying++
		}
		if idle && (idlest == nil || at.Before(since) || at.Equal(since) && e.url < idlest.url) {
			idlest, since = e, at
		}
	}
	switch {
	case staying < most:
		return true
	case idlest == nil:
		return false
	}
	s.closeGuest(idlest, errNotNeeded)
	return true
}

// closeGuest ends a guest's connection, or its dial.
func (s *supervisor) closeGuest(e *relayEntry, cause error) {
	s.later.Cancel(laterKey{entry: e, idle: true})
	e.stage = closing
	e.conn.windDown(cause, closeTimeout)
}

// guestEnded is for the end of a guest's connection, or of its dial.
func (s *supervisor) guestEnded(e *relayEntry, ev connectionEnded) {
	s.later.Cancel(laterKey{entry: e, idle: true})
	end := relayEnd{err: ev.err}
	if e.stage == closing {
		e.redialAt, e.failed = s.client.now(), false
	} else {
		end.failed = e.stage == dialing
		end.err = s.weigh(e, ev)
		if denied := deniedGuest(end.err); denied != nil { // and will be the next time
			end.err, e.lastErr, e.gone = denied, denied, true
		}
		end.final = e.gone
		s.logPanic("panic in a guest's connection", e, end.err) // no fault of the guest's, and nobody else tells
	}
	e.stage = telling // whoever is told may give the relay up
	if end.err != errNotNeeded {
		s.tellUsers(e, end)
	} // else: who needs it since then has lost nothing
	s.pass(e)
	if end.err != errNotNeeded && end.err != errOtherwise {
		s.queriesEnded(e, end)
	}
	s.goAhead(e)
}

// deniedGuest is the error of a dial that guests' options do not allow; nil: it is none.
func deniedGuest(err error) error {
	var dial *DialError
	if !errors.As(err, &dial) || !errors.Is(dial, ErrAddressDenied) {
		return nil
	}
	denied := *dial
	denied.Err = fmt.Errorf("%w (a guest's, named by On and not added: AddRelay allows it, or WithGuestOptions with a WithDialPolicy)", dial.Err)
	return &denied
}

// pass waits until the loop has handled what has come from a guest.
func (s *supervisor) pass(e *relayEntry) {
	e.stage = telling
	e.behind++
	s.client.mail.Put(&passedLetter{e})
	// A refused letter means that the client is stopping: shutdown follows and forgets the entry.
}

// goAhead has a guest dialled again before the loop has handled what has come from it, if it
// has only the last connection to come to.
func (s *supervisor) goAhead(e *relayEntry) {
	if e.stage == telling && e.behind == 1 && len(e.users) > 0 && !e.failed && !e.gone && !e.removed && !e.leaving && e.again == nil {
		s.wait(e)
	}
}

// passedLetter runs no callback: all that was put before it has been handled.
type passedLetter struct{ entry *relayEntry } // for the supervisor; not looked into here

func (l *passedLetter) handle(c *Client) *exit {
	c.sup.inbox.Put(guestPassed{l.entry})
	return nil
}

type guestPassed struct{ entry *relayEntry }

func (ev guestPassed) supervise(s *supervisor) {
	e := ev.entry
	if e.behind--; s.relays[e.url] != e || !e.guest || e.stage != telling || e.behind > 0 || s.stopping {
		return
	}
	switch {
	case e.leaving: // its OnDisconnect stood behind
		s.pass(e)
	case e.again != nil:
		s.revive(e)
	case len(e.users) == 0:
		s.forget(e)
	default:
		e.gone = false // who has come since then wants to know it again
		s.wait(e)
	}
}

// promote is AddRelay for a guest.
func (s *supervisor) promote(e *relayEntry, cfg *relaySpec) {
	switch e.stage {
	case closing, telling:
		e.again = cfg
		return
	case dialing, connected:
		if e.leaving {
			e.again = cfg
			return
		}
		if cfg.ownTransport || cfg.ownAuth || s.client.cfg.guest.otherwise {
			e.again = cfg
			s.closeGuest(e, errOtherwise)
			return
		}
	}
	s.later.Cancel(laterKey{entry: e, idle: true})
	s.setGuest(e, false)
	s.fit(e, cfg, e.stage == connected)
	switch e.stage {
	case queued, waiting:
		s.dials.End(e)
		s.dial(e)
	case connected:
		s.client.mail.Put(&connectLetter{e.conn})
		s.authPromoted(e)
	}
	s.enlist(e)
	s.ask(e)
	s.tellReady()
}

// demote is RemoveRelay for a relay that is connected, and that somebody needs.
func (s *supervisor) demote(e *relayEntry) {
	s.setGuest(e, true) // first: what OnDisconnect broadcasts is not for it
	s.dismiss(e, e.conn)
	e.outage = nil
	s.setOutage(e)
	s.fit(e, s.guestSpec(e.cfg.address), true)
	s.leave(e)
	s.ask(e)
	s.unpublishAdded(e, ErrRelayRemoved)
}

// takeBack is RemoveRelay for a guest of which AddRelay has not made one of the client's
// yet.
func (s *supervisor) takeBack(e *relayEntry) {
	s.discard(e.again)
	e.again = nil
	s.unpublishAdded(e, ErrRelayRemoved)
	if e.leaving {
		e.removed = true // another OnDisconnect is due
	} else {
		s.dismiss(e, nil)
	}
}

// dismiss queues the OnDisconnect of a relay that stays as a guest.
func (s *supervisor) dismiss(e *relayEntry, c *connection) {
	e.leaving = true
	relay := Relay{URL: e.url, Address: e.cfg.address, Attempts: e.backoff.Attempts()}
	if c != nil {
		relay = c.relay
	}
	s.client.mail.Put(&disconnectLetter{entry: e, conn: c, relay: relay, reason: ErrRelayRemoved, stays: c != nil})
}

// dismissed is told that such an OnDisconnect has returned.
func (s *supervisor) dismissed(e *relayEntry) {
	e.leaving = false
	switch {
	case e.removed:
		e.removed = false
		s.dismiss(e, nil)
	case e.again != nil && e.stage == connected:
		cfg := e.again
		e.again = nil
		s.promote(e, cfg)
	}
}

// becomeGuest is for a relay that is gone, as one of the client's, and that somebody needs.
func (s *supervisor) becomeGuest(e *relayEntry) {
	e.removed, e.gone, e.failed, e.aborted, e.failures, e.panics = false, false, false, false, 0, newIntensity()
	e.outage = nil
	s.setOutage(e)
	s.setGuest(e, true)
	s.fit(e, s.guestSpec(e.cfg.address), false)
	s.call(e)
}

// guestStatuses lists the guests that are needed, or were until a moment ago, sorted by URL.
func (s *supervisor) guestStatuses() []RelayStatus {
	list := make([]RelayStatus, 0, len(s.guests))
	for _, e := range s.sorted() {
		if e.guest && e.again == nil && (e.stage == connected || len(e.users) > 0) {
			list = append(list, e.status())
		}
	}
	return list
}

// endOwn closes what the program has asked of a connection that stays for others.
func (c *connection) endOwn() {
	for _, id := range c.requests.Subscriptions() {
		if !isOwnID(id) {
			c.sendOwn(Close{SubscriptionID: id}, nil)
		}
	}
}

// forCallback is the relay as a callback about its connection is told of it: one of the
// client's between OnConnect and OnDisconnect. Client goroutine.
func (c *connection) forCallback() Relay {
	relay := c.relay
	relay.Guest = !c.greeted
	return relay
}

// current is the relay as it is now. Any goroutine, connection open or over.
func (c *connection) current() Relay {
	relay := c.relay
	relay.Guest = c.guest.Load()
	return relay
}

// Guests lists the relays that subscriptions, queries and publications need and that are
// none of the client's ([On]), sorted by URL. One that nobody needs any more is listed
// while it is connected ([WithGuestIdle]).
func (c *Client) Guests() (list []RelayStatus) {
	c.sup.do(func(s *supervisor) { list = s.guestStatuses() })
	return list
}

// Guests is [Client.Guests].
func (s *Self) Guests() []RelayStatus { return s.c.Guests() }
