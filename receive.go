package gennostr

import (
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/refusals"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The receiving half of a connection: its reader, and where what it has read
// goes. What is judged, and in which order, stands in internal/intake.

// turn is how many messages a reader takes in a row, where a long one counts for
// several: one more for each KiB. Relays that send the same events are read side by
// side then, and what one brings is still known when the next brings it; and a
// stream leaves room for its neighbours.
const turn = 64

// What a read buffer may take without asking is one number in two packages: this does not compile unless they are equal.
var _ = [1]struct{}{}[socket.OwnRoom-intake.Own]

// read reads until the end, and says why it ended.
func (c *connection) read() error {
	shared := c.client.intakes
	for taken, lone := 0, false; ; {
		text, err := c.link.Next()
		if err != nil {
			return readError(err)
		}
		b := shared.TakeBuffers()
		b.Frame, err = c.link.Message(b.Frame)
		if err != nil {
			if c.oversized(err) {
				shared.KeepBuffers(b)
				continue
			}
			return readError(err)
		}
		// Alone, or of a few that came together: then they are known by the first of them.
		lone = c.link.Lone() || lone && !c.link.Ready()
		size := len(b.Frame)
		if !c.in.Take(b, text, lone) {
			return c.endCause()
		}
		shared.KeepBuffers(b)
		c.expect(size)
		switch taken += 1 + size>>10; {
		case lone && !c.expectsOK(): // what it brought is waited for more than what comes next
			c.in.Lane().Yield()
		case taken >= turn:
			taken = 0
			c.in.Lane().Round()
		}
	}
}

// expect tells the verifier when another message is at hand, for which a batch is
// worth waiting. From then on nothing here may wait without Pause. Messages of the
// size of this one must not take long, either: some are megabytes once they are
// decompressed.
func (c *connection) expect(size int) {
	lane := c.in.Lane()
	if size > intake.Tedious {
		lane.Pause()
		return
	}
	if c.link.Ready() {
		lane.Expect()
		if !c.link.Ready() { // a write has begun since, and has found nothing to take back
			lane.Pause()
		}
	}
}

// Arrived is the intake's: who waits for an answer hears of it now. OK and EOSE go through the mailbox as well, to their callbacks.
func (c *connection) Arrived(m wire.ServerMessage) {
	switch m := m.(type) {
	case wire.OK:
		c.gotOK(m)
		if m.Accepted {
			c.served()
		}
	case wire.EOSE:
		c.served()
	case wire.AuthChallenge:
		c.hearChallenge(m.Challenge)
	case wire.Notice:
		if new(limits.Limits).Notice(m.Message) && !c.noticed.Swap(true) {
			c.client.sup.inbox.Put(noticed{c})
		}
		c.hearCountNotice(m.Message)
		c.hearNegNotice(m.Message)
	}
}

// Had is the intake's: only subscriptions want an event no more than once.
func (c *connection) Had(l *intake.Letter) bool {
	if r, ok := l.Request.Route().(*route); ok && r.had(l) {
		c.served()
		return true
	}
	return false
}

// Deliver is the intake's.
func (c *connection) Deliver(l *intake.Letter) {
	if l.Event != nil {
		c.served()
	}
	if l.Request != nil {
		switch r := l.Request.Route().(type) {
		case *route:
			r.deliver((*dataLetter)(l))
			return
		case *countRoute:
			r.deliver((*dataLetter)(l))
			return
		case *negRoute:
			r.deliver((*dataLetter)(l))
			return
		}
	}
	if ok, is := l.Message.(wire.OK); is && ok.Accepted && c.client.plain { // of which nobody is told
		c.window.Release(l.Size)
		return
	}
	if !c.client.mail.Put((*dataLetter)(l)) {
		c.window.Release(l.Size) // the client has stopped
	}
}

// served notes that the relay has brought something that was waited for.
func (c *connection) served() {
	if !c.useful.Load() { // which is cheaper, once for every event
		c.useful.Store(true)
	}
}

// Unread is the intake's: a page that lacks such an event is not whole.
func (c *connection) Unread(req *reqs.Request) {
	if r, ok := req.Route().(*route); ok {
		r.skip()
	}
}

// roomToRead waits for room for the buffer of a long message.
func (c *connection) roomToRead(bytes int) error {
	if c.in.Room(int64(bytes)) {
		return nil
	}
	if err := c.endCause(); err != nil {
		return err
	}
	return ErrGaveWay // the read limit sees to it that it never comes to that
}

// Progress is how the message in hand comes in; mailbox.LongMessages asks. Any goroutine.
func (c *connection) Progress() (took time.Duration, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return 0, 0
	}
	return c.link.Slow()
}

// GiveUp ends a connection whose message came in too slowly while others had no room.
func (c *connection) GiveUp() { c.cut(ErrGaveWay) }

// Refuse is the intake's: it sees to it that OnError learns of a refused frame,
// soon and not often. Any goroutine of the connection.
func (c *connection) Refuse(reason, err error) {
	forged := reason == nostr.ErrBadID || reason == nostr.ErrBadSignature
	c.mu.Lock()
	step, at := c.refused.Add(reason, err, time.Now())
	switch step {
	case refusals.Tell:
		c.client.mail.Put(&rejectLetter{c, reason})
	case refusals.Wait:
		c.client.sup.inbox.Put(reportsPending{c, at})
	}
	if forged {
		c.forgeries++
	}
	limit := forged && c.cfg.forgeryLimit > 0 && c.forgeries == c.cfg.forgeryLimit
	c.mu.Unlock()
	if limit {
		c.cut(ErrForgeryLimit)
	}
}

// flushReports queues the reports that were held back.
func (c *connection) flushReports() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, reason := range c.refused.Flush() {
		c.client.mail.Put(&rejectLetter{c, reason})
	}
}

// takeReport is called on the client's goroutine, when OnError is about to be told.
func (c *connection) takeReport(reason error) *RejectError {
	c.mu.Lock()
	defer c.mu.Unlock()
	count, first := c.refused.Take(reason, time.Now())
	return &RejectError{Reason: reason, Count: count, Err: first}
}
