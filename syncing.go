package gennostr

import (
	"slices"
	"strconv"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What the supervisor does for comparisons (NIP-77). What is to be asked is decided in
// internal/reconcile, on the goroutine of whoever waits for the result, since that
// computes. The supervisor keeps the relay connected, does what is said there, and tells what
// has happened.
//
// One session is open on a connection at a time. It takes one of the relay's places for
// subscriptions, which some count together; others wait for their turn, which ends with a window.

type (
	syncBegun   struct{ o *openSync }
	syncOver    struct{ o *openSync }
	syncRefused struct{ o *openSync } // for want of AUTH
	syncAlarm   struct {
		o  *openSync
		at time.Time
	}
	syncStep struct {
		o *openSync
		reconcile.Step
	}
	negEnded struct { // a session has come to its end: the relay has ended it, or it has to be
		route *negRoute
		why   syncFailure
		open  bool // the relay does not know
	}
	negNotice struct {
		c     *connection
		words string
	}
)

// syncPlace is where a comparison stands. Supervisor goroutine only.
type syncPlace struct {
	entry   *relayEntry // nil: it has none, or is over
	reached bool        // there was a connection
	session int         // that is open, or waits for its turn
	id      string      // under which it is open; empty: it is not
	open    NegOpen     // that waits for its turn
	moved   time.Time   // when it last said something in the session that is open
	conn    *connection // of the last session
	accepts int         // AUTHs that the relay had accepted when it last said something there
}

// negRoute is on whose account a NEG-OPEN is open.
type negRoute struct {
	conn    *connection
	o       *openSync
	session int
}

// supervise begins a comparison.
func (ev syncBegun) supervise(s *supervisor) {
	o := ev.o
	if s.unquerying != nil {
		o.news.goneFor(s.unquerying)
		return
	}
	e, err := s.engage(o.url, o.address, o)
	if err != nil {
		o.news.goneFor(err)
		return
	}
	if e.asking == nil {
		e.asking = &asking{legs: make(map[*subscription]*leg)}
	}
	o.place.entry = e
	s.syncs = append(s.syncs, o)
	e.asking.syncs = append(e.asking.syncs, o)
	if e.stage == connected {
		s.syncUp(e, o)
	} else if err := e.unreachable(s.client.now().Add(o.cfg.patience)); err != nil {
		o.news.goneFor(err)
	}
}

// supervise takes a comparison off its relay.
func (ev syncOver) supervise(s *supervisor) {
	o := ev.o
	s.syncs = slices.DeleteFunc(s.syncs, func(other *openSync) bool { return other == o })
	s.later.Cancel(laterKey{sync: o})
	e := o.place.entry
	if e == nil {
		return
	}
	s.shut(o)
	o.place.entry = nil
	e.asking.syncs = slices.DeleteFunc(e.asking.syncs, func(other *openSync) bool { return other == o })
	if e.auth != nil {
		e.auth.forget(o)
	}
	s.disengage(e, o)
	s.askSoon(e)
}

// syncUp tells a comparison that its relay is connected.
func (s *supervisor) syncUp(e *relayEntry, o *openSync) {
	if e.asking.slots == nil {
		s.open(e)
	}
	o.place.reached = true
	o.news.isUp(e.lore().limits.MessageBytes())
}

// syncsDown is for the end of a connection.
func (s *supervisor) syncsDown(e *relayEntry) {
	for _, o := range e.asking.syncs {
		o.place.session, o.place.id = 0, ""
		o.news.isDown()
	}
	e.asking.neg = nil
	s.later.Cancel(laterKey{entry: e, turn: true})
}

// syncsEnded tells the comparisons of a relay whether it is worth waiting for: one that was
// connected comes back, perhaps.
func (s *supervisor) syncsEnded(e *relayEntry, end relayEnd) {
	for _, o := range e.asking.syncs {
		if end.final || end.failed && !o.place.reached || e.cfg.manual && !e.guest {
			o.news.goneFor(end.err)
		} else {
			o.news.lostFor(end.err)
		}
	}
}

// syncsLeave is for a relay that is removed.
func (s *supervisor) syncsLeave(e *relayEntry) {
	for _, o := range e.asking.syncs {
		if _, needs := e.users[o]; !needs {
			o.news.goneFor(ErrRelayRemoved)
		}
	}
}

// supervise does what the machine says.
func (ev syncStep) supervise(s *supervisor) {
	o := ev.o
	e, p := o.place.entry, &o.place
	if e == nil || e.conn == nil || e.asking.slots == nil {
		return // the news that it is down is on its way
	}
	switch ev.Do {
	case reconcile.Open:
		s.shut(o)
		p.session = ev.Session
		p.open = NegOpen{Filter: o.windowed(ev.Window), Payload: ev.Payload}
		s.askSoon(e)
	case reconcile.Send:
		if p.session == ev.Session && p.id != "" {
			s.lift(e)
			p.moved, p.accepts = s.client.now(), e.accepts()
			o.news.await(ev.Session) // before the answer can come
			s.sendNeg(e, NegMsg{SubscriptionID: p.id, Payload: ev.Payload}, nil, o)
		}
	case reconcile.Shut:
		if p.session == ev.Session {
			s.shut(o)
			s.askSoon(e)
		}
	}
}

// shut closes the session of a comparison, or gives up its turn.
func (s *supervisor) shut(o *openSync) {
	p := &o.place
	e := p.entry
	p.session, p.open = 0, NegOpen{}
	if p.id == "" {
		return
	}
	e.conn.sendOwn(NegClose{SubscriptionID: p.id}, nil)
	s.negOver(o)
}

// negOver lets another have its turn.
func (s *supervisor) negOver(o *openSync) {
	a := o.place.entry.asking
	o.place.session, o.place.id = 0, ""
	a.neg = nil
	i := slices.Index(a.syncs, o)
	a.syncs = append(slices.Delete(a.syncs, i, i+1), o) // the last in turn
}

// sendNegs opens the session whose turn it is, if none is open.
func (s *supervisor) sendNegs(e *relayEntry) {
	a := e.asking
	for _, o := range a.syncs {
		if a.neg != nil {
			break
		}
		p := &o.place
		if p.session == 0 || p.id != "" {
			continue
		}
		a.count++
		p.id = wirePrefix + "s" + strconv.Itoa(a.count)
		a.neg = o
		s.lift(e)
		msg := p.open
		msg.SubscriptionID = p.id
		p.open, p.moved = NegOpen{}, s.client.now()
		p.conn, p.accepts = e.conn, e.accepts()
		o.news.isOpened(p.session, p.moved)
		s.sendNeg(e, msg, &negRoute{e.conn, o, p.session}, o)
	}
	s.watchTurn(e)
}

// turnWithin is for how long the session of a comparison may stand still while others wait. That it
// waits for the relay it notices itself before; so whoever has called Sync is busy with
// something else, in a callback: perhaps with a Sync that waits for this turn.
func (o *openSync) turnWithin() time.Duration { return o.cfg.patience + turnSlack }

// turnSlack is what a comparison has beside its patience, in which it notices that there was no answer.
const turnSlack = 10 * time.Second

// watchTurn looks after a session as long as others wait for its turn.
func (s *supervisor) watchTurn(e *relayEntry) {
	a, key := e.asking, laterKey{entry: e, turn: true}
	waits := func(o *openSync) bool { return o.place.session != 0 && o.place.id == "" }
	if a.neg == nil || !slices.ContainsFunc(a.syncs, waits) {
		s.later.Cancel(key)
		return
	}
	s.later.Set(key, a.neg.place.moved.Add(a.neg.turnWithin()))
}

// ringTurn ends a session that stands still. Its comparison gets another turn when it asks for it.
func (s *supervisor) ringTurn(e *relayEntry, now time.Time) {
	o := e.asking.neg
	if o == nil || now.Before(o.place.moved.Add(o.turnWithin())) {
		return // ask looks again
	}
	session := o.place.session
	s.shut(o)
	o.news.isYielded(session)
}

// sendNeg sends a message and counts it.
func (s *supervisor) sendNeg(e *relayEntry, msg ClientMessage, route any, o *openSync) {
	if frame, _, err := msg.encode(); err == nil {
		o.bytesOut.Add(int64(len(frame)))
	}
	e.conn.sendOwn(msg, route)
}

// deliver takes a relay's answer.
func (r *negRoute) deliver(l *dataLetter) {
	l.keep()
	switch m := l.Message.(type) {
	case wire.NegMsg:
		r.o.bytesIn.Add(int64(l.Size))
		r.conn.served()
		if r.o.news.message(r.session, l) {
			return // whoever waits has it now, and its room in the window
		}
	case wire.NegErr:
		r.end(syncFailure{words: m.Reason, most: m.Max}, false)
	}
	l.leave()
}

// session is the library's open one of that id; nil: there is none.
func (c *connection) session(id string) *negRoute {
	req := c.requests.Neg(id, time.Now()).Request
	if req == nil {
		return nil
	}
	r, _ := req.Route().(*negRoute)
	return r
}

// Garbled is the intake's: an answer that cannot be read is none that is still to come.
func (c *connection) Garbled(frame []byte, err error) {
	if _, id := headOf(frame); id != "" {
		if r := c.session(id); r != nil {
			r.end(syncFailure{words: err.Error(), garbled: true}, true)
		}
	}
}

// end tells that a session is over. Reader's goroutine, or a verifier's.
func (r *negRoute) end(f syncFailure, open bool) {
	f.session, f.words = r.session, heardOf(f.words)
	r.conn.client.sup.inbox.Put(negEnded{r, f, open})
}

func (ev negEnded) supervise(s *supervisor) {
	r := ev.route
	e, o := r.conn.entry, r.o
	if e.conn != r.conn || o.place.entry != e || o.place.session != r.session {
		return
	}
	if !ev.why.garbled && e.lore().limits.Refused(ev.why.words, e.conn.requests.Len()) == limits.TooManySubscriptions {
		e.asking.slots.SetConfig(e.lore().packing())
	}
	if ev.open {
		e.conn.sendOwn(NegClose{SubscriptionID: o.place.id}, nil)
	}
	s.negOver(o)
	o.news.failed(ev.why)
	s.ask(e)
}

// hearNegNotice is for every NOTICE: relays that do not do NIP-77 say nothing else. As
// with COUNT, it is the table that is asked.
func (c *connection) hearNegNotice(words string) {
	if c.requests.Negs() > 0 && reconcile.AboutNegentropy(words) && !c.negHeard.Swap(true) {
		c.client.sup.inbox.Put(negNotice{c, heardOf(words)})
	}
}

func (ev negNotice) supervise(s *supervisor) {
	ev.c.negHeard.Store(false)
	if e := ev.c.entry; e.conn == ev.c && e.asking != nil && e.asking.neg != nil {
		e.asking.neg.news.noticed(ev.words)
	}
}

// supervise has it wait for AUTH, unless the relay did not know yet who asks: the refusal may
// have crossed with an AUTH. How often that is asked again the machine bounds.
func (ev syncRefused) supervise(s *supervisor) {
	o := ev.o
	e, p := o.place.entry, &o.place
	switch {
	case e == nil, e.conn == nil, e.conn != p.conn: // the news that that connection has ended is on its way
	case p.accepts != e.accepts():
		o.news.authenticated(nil)
	default:
		s.authOf(e).machine.Tried(o)
		s.want(e, o, nostr.PubKey{})
		s.authMoved(e)
	}
}

func (o *openSync) authDone(*supervisor, *relayEntry)                     { o.news.authenticated(nil) }
func (o *openSync) authFailed(_ *supervisor, _ *relayEntry, e *AuthError) { o.news.authenticated(e) }

func (ev syncAlarm) supervise(s *supervisor) {
	if o := ev.o; o.place.entry != nil {
		s.later.Set(laterKey{sync: o}, ev.at)
	}
}
