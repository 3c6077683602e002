package gennostr

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
)

// The sending half of a connection: a bounded queue, and a writer that exists
// only while there is something in it.

// send accepts a message for this connection; it never waits. What the message
// opens or closes is entered in the same step, so that an answer cannot arrive
// before its request is known.
func (c *connection) send(msg ClientMessage, frame []byte, opens wire.ClientMessage) error {
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return ErrNotConnected
	}
	if len(c.out) >= c.cfg.sendQueue {
		return ErrSendQueueFull
	}
	now := time.Now()
	switch m := opens.(type) {
	case wire.Req:
		c.reqs.Open(m.SubscriptionID, m.Filters, now)
		if c.asks == nil {
			c.asks = make(map[string]uint64)
		}
		c.lastAsk++
		c.asks[m.SubscriptionID] = c.lastAsk
	case wire.Close:
		c.reqs.Close(m.SubscriptionID, now)
		delete(c.asks, m.SubscriptionID)
	case wire.CountReq:
		c.reqs.OpenCount(m.SubscriptionID, now)
	case wire.NegOpen:
		c.reqs.OpenNeg(m.SubscriptionID, now)
	case wire.NegClose:
		c.reqs.CloseNeg(m.SubscriptionID, now)
	}
	if h := c.client.harness; h != nil {
		h.took(c, msg, frame, opens)
		return nil
	}
	c.out = append(c.out, outgoing{frame, msg})
	if !c.writing {
		c.writing = c.spawnLocked(c.write)
	}
	return nil
}

// write empties the queue and ends. A write that fails ends the connection;
// what was not written stays in the queue for reportUnsent.
func (c *connection) write() {
	for {
		c.mu.Lock()
		if len(c.out) == 0 {
			c.out = nil // a queue's memory is not kept while there is nothing to write
			c.writing = false
			if c.drained != nil {
				close(c.drained)
			}
			c.mu.Unlock()
			return
		}
		frame := c.out[0].frame
		c.mu.Unlock()
		if err := c.sock.Write(frame); err != nil {
			c.cut(readError(err))
			return
		}
		c.count.messagesOut.Add(1)
		c.mu.Lock()
		c.out[0] = outgoing{}
		c.out = c.out[1:]
		c.mu.Unlock()
	}
}

// reportUnsent tells OnError of every message that was accepted and not
// written: nothing is lost silently (L04). The one that was being written is among them.
func (c *connection) reportUnsent(reason error) {
	c.mu.Lock()
	unsent := c.out
	c.out = nil
	c.mu.Unlock()
	lost := 0
	for _, o := range unsent {
		err := &SendError{URL: c.url, Message: o.msg, Err: fmt.Errorf("%w: %w", ErrNotConnected, reason)}
		if !c.client.mail.Put(&errorLetter{relay: c.relay, err: err}) {
			lost++
		}
	}
	if lost > 0 { // the client has stopped: there is no OnError any more
		c.client.log.Warn("accepted messages were not sent", "relay", c.url, "count", lost, "reason", reason)
	}
}

// report counts the refusals of one reason until OnError is told.
type report struct {
	count  int
	first  error
	queued bool      // a rejectLetter is in the mailbox
	armed  bool      // the supervisor was asked to flush
	last   time.Time // when OnError was last told
}

// reportEvery spaces the reports of one reason: a flood of bad frames costs one callback a second.
const reportEvery = time.Second

// reject counts a refused frame and sees to it that OnError learns of it, soon
// and not often. Any goroutine of the connection.
func (c *connection) reject(reason, err error) {
	if reason == ErrMalformed {
		c.count.malformed.Add(1)
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.reports[reason]
	if r == nil {
		if c.reports == nil {
			c.reports = make(map[error]*report)
		}
		r = new(report)
		c.reports[reason] = r
	}
	r.count++
	if r.first == nil {
		r.first = err
	}
	if r.queued || r.armed {
		return
	}
	if next := r.last.Add(reportEvery); time.Now().Before(next) {
		r.armed = true
		c.sup.inbox.Put(reportsPending{c, next})
		return
	}
	r.queued = c.client.mail.Put(&rejectLetter{c, reason})
}

// flushReports queues the reports that were held back.
func (c *connection) flushReports() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for reason, r := range c.reports {
		if r.armed {
			r.armed = false
			r.queued = c.client.mail.Put(&rejectLetter{c, reason})
		}
	}
}

// takeReport is called on the client's goroutine, when OnError is about to be told.
func (c *connection) takeReport(reason error) *RejectError {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.reports[reason]
	e := &RejectError{Reason: reason, Count: r.count, Err: r.first}
	*r = report{last: time.Now()}
	return e
}
