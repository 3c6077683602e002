package gennostr

import (
	"math"
	"time"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The sending half of a connection: a bounded queue, and a writer that exists
// only while there is something in it.

// outgoing is a message on its way out.
type outgoing struct {
	msg     ClientMessage
	frame   []byte
	opens   wire.ClientMessage // what it says to the table of requests, nil if nothing
	filters *reqs.Filters      // of a REQ
	route   any                // of a REQ, COUNT or NEG-OPEN: on whose account it is open; nil: the program's
	own     bool               // the library sees itself to what was not written
	event   nostr.ID           // of a publication
	first   bool               // it goes before what waits
}

// outgoingOf encodes a message.
func outgoingOf(msg ClientMessage) (outgoing, error) {
	frame, opens, err := msg.encode()
	o := outgoing{msg: msg, frame: frame, opens: opens}
	if req, ok := opens.(wire.Req); ok {
		o.filters = reqs.Compile(req.Filters) // here, and not under a lock: it may be of thousands
	}
	return o, err
}

// send accepts a message for this connection; it never waits. What the message
// opens or closes is entered in the same step, so that an answer cannot arrive
// before its request is known.
func (c *connection) send(o outgoing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.open:
		return ErrNotConnected
	case c.out.Full():
		return ErrSendQueueFull
	case !c.takes(o):
		return ErrTooManySubscriptions
	}
	c.put(o)
	return nil
}

// takes tells whether the program may have another request open here. A COUNT takes the
// place of the oldest.
func (c *connection) takes(o outgoing) bool {
	most := c.client.cfg.maxSubscriptions
	switch m := o.opens.(type) {
	case wire.Req:
		return c.requests.Takes(m.SubscriptionID, most)
	case wire.NegOpen:
		return c.requests.TakesNeg(m.SubscriptionID, most)
	}
	return true
}

// sendOwn sends what the library has to say for subscriptions, queries and comparisons. Its number is bounded
// by the relay's slots, how many COUNTs a query sends at once, and the one NIP-77 session, so that it needs no room in the queue. On a connection that
// is ending it does nothing.
func (c *connection) sendOwn(msg ClientMessage, route any) {
	out, err := outgoingOf(msg)
	if err != nil {
		c.client.log.Error("a message of the library's own cannot be sent", "relay", c.relay.URL, "error", err) // filters have been checked
		return
	}
	out.route = route
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		c.put(out)
	}
}

// sendFirst sends an AUTH before whatever waits. On a connection that is ending it does
// nothing.
func (c *connection) sendFirst(o outgoing) {
	o.own, o.first = true, true
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		c.put(o)
	}
}

// put enters a message and hands it to the writer. Needs mu.
func (c *connection) put(o outgoing) {
	c.enter(o)
	if auth, ok := o.msg.(AuthResponse); ok && !o.own {
		c.noteSent(ownAuth{auth.Event.ID, auth.Event.PubKey})
	}
	published := o.own && !o.event.IsZero()
	if published {
		c.awaitLocked(o.event)
	}
	if c.link.takes(o) {
		c.written.Add(1)
		return
	}
	if published {
		c.owe(o.event)
	} else {
		c.expectOK(o)
	}
	queued, place := o.msg, c.out.Own // whether there is room has been asked
	if o.own {
		queued = nil
	}
	if o.first {
		place = c.out.First
	}
	if place(o.frame, queued) {
		c.spawnLocked(c.write)
	}
}

const (
	// maxUnanswered is how many events of a connection may wait for their OK; what
	// is published beyond that is not waited for.
	maxUnanswered = 4_096
	// liftFactor is how many windows of bytes a relay may bring while an OK of its
	// is waited for, which may stand behind events that nobody has handled yet.
	liftFactor = 4
	// answerPatience is how long an OK is waited for. Some relays never send it.
	answerPatience = time.Minute
)

// expectOK takes note of an event that the relay is going to answer. Needs mu.
func (c *connection) expectOK(o outgoing) {
	var event *nostr.Event
	switch m := o.msg.(type) {
	case PublishEvent:
		event = m.Event
	case AuthResponse:
		event = m.Event
	default:
		return
	}
	if len(c.unanswered) >= maxUnanswered {
		return
	}
	until := time.Now().Add(answerPatience)
	if len(c.unanswered) == 0 {
		c.unanswered = make(map[nostr.ID]time.Time) // a map does not shrink
		c.client.sup.inbox.Put(answersPending{c, until})
	}
	c.unanswered[event.ID] = until
	c.lift()
}

// answersPending is the supervisor's order to look at that time what has not been answered.
type answersPending struct {
	c  *connection
	at time.Time
}

func (ev answersPending) supervise(s *supervisor) {
	if e := ev.c.entry; e.conn == ev.c {
		s.due.Set(alarm{e, alarmAnswers}, ev.at)
	}
}

// giveUpAnswers forgets the OKs that have been waited for long enough, and tells
// when the next one will have been; false: there is none.
func (c *connection) giveUpAnswers(now time.Time) (next time.Time, some bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, until := range c.unanswered {
		if !now.Before(until) {
			c.unexpect(id)
		} else if !some || until.Before(next) {
			next, some = until, true
		}
	}
	return next, some
}

// awaitsEOSE says whether a REQ of a subscription waits for its EOSE, which may stand
// behind events that nobody has handled yet.
func (c *connection) awaitsEOSE(waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != waits {
		c.asked = waits
		c.lift()
	}
}

// lift makes room in the window, which is the relay's from connection to connection, while
// something of this one is waited for. Needs mu.
func (c *connection) lift() {
	if !c.ended && (c.asked || len(c.unanswered) > 0 || c.owes()) {
		c.window.Lift(liftFactor * min(c.cfg.windowBytes, math.MaxInt64/liftFactor))
	} else {
		c.window.Lift(0)
	}
}

// gotOK is called for every OK as it arrives.
func (c *connection) gotOK(ok wire.OK) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unexpect(ok.EventID)
	c.hearOK(ok)
}

// unexpect needs mu.
func (c *connection) unexpect(id nostr.ID) {
	if len(c.unanswered) == 0 {
		return
	}
	if delete(c.unanswered, id); len(c.unanswered) == 0 {
		c.nothingOwed()
	}
}

// nothingOwed is for the last of the OKs that are waited for, of one kind. Needs mu.
func (c *connection) nothingOwed() {
	c.lift()
	if c.answered != nil && len(c.unanswered) == 0 && !c.owes() {
		close(c.answered)
		c.answered = nil
	}
}

// awaitOKs returns a channel that is closed when nothing is unanswered. Once.
func (c *connection) awaitOKs() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	if len(c.unanswered) == 0 && !c.owes() {
		close(done)
	} else {
		c.answered = done
	}
	return done
}

// enter notes what a message that is about to be sent opens or closes. Needs mu.
func (c *connection) enter(o outgoing) {
	now := time.Now()
	switch m := o.opens.(type) {
	case wire.Req:
		c.requests.Open(m.SubscriptionID, o.filters, o.route, now)
	case wire.Close:
		c.requests.Close(m.SubscriptionID, now)
	case wire.CountReq:
		c.requests.OpenCount(m.SubscriptionID, o.route, now)
	case wire.NegOpen:
		c.requests.OpenNeg(m.SubscriptionID, o.route, now)
	case wire.NegClose:
		c.requests.CloseNeg(m.SubscriptionID, now)
	}
}

// write empties the queue and ends. A write that fails ends the connection;
// what was not written stays in the queue for reportUnsent.
func (c *connection) write() {
	var frames [][]byte
	for {
		c.mu.Lock()
		c.out.Written(len(frames))
		frames = c.out.Next(frames[:0], atOnce)
		c.mu.Unlock()
		if len(frames) == 0 {
			return
		}
		if err := c.link.WriteAll(frames); err != nil {
			c.cut(readError(err))
			return
		}
		c.written.Add(uint64(len(frames)))
	}
}

// atOnce is how much is written without looking at the queue again, in bytes: what goes
// out in one piece.
const atOnce = 16 << 10

// reportUnsent tells OnError of every message of the program's that was accepted and not
// written: nothing is lost silently (L04). The one that was being written is among them.
func (c *connection) reportUnsent(reason error) {
	c.mu.Lock()
	unsent := c.out.Unsent()
	c.mu.Unlock()
	lost := 0
	for _, o := range unsent {
		if o.Message == nil {
			continue // the library sees to it itself
		}
		err := &SendError{URL: c.relay.URL, Message: o.Message, Err: because(ErrNotConnected, reason)}
		if !c.client.mail.Put(&errorLetter{conn: c, err: err}) {
			lost++
		}
	}
	if lost > 0 { // the client has stopped: there is no OnError any more
		c.client.log.Warn("accepted messages were not sent", "relay", c.relay.URL, "count", lost, "reason", reason)
	}
}
