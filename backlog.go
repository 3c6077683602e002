package gennostr

import "time"

// Answers that stand behind events that nobody has handled. While one is waited for, the
// relay's window is lifted (send.go); where that is not enough, whoever waits is told.

// backlogPatience is how long a reader that has no room may stand still until that is given up.
const backlogPatience = time.Second

// lift makes room in the window for an answer that somebody waits for.
func (s *supervisor) lift(e *relayEntry) {
	e.conn.awaitsEOSE(true)
	if e.conn.in.Waits() { // it may be that this was not enough
		e.conn.noRoom()
	}
}

// noRoom is the intake's: the reader is about to wait for room in the window.
func (c *connection) noRoom() {
	c.mu.Lock()
	waits := c.asked
	c.mu.Unlock()
	if waits && !c.held.Swap(true) {
		c.client.sup.inbox.Put(heldUp{c})
	}
}

type heldUp struct{ c *connection }

func (ev heldUp) supervise(s *supervisor) {
	if e := ev.c.entry; e.conn == ev.c && e.asking != nil {
		e.asking.taken = ev.c.in.Counts().Messages
		s.later.Set(laterKey{entry: e, backlog: true}, s.client.now().Add(backlogPatience))
	} else {
		ev.c.held.Store(false)
	}
}

// checkBacklog ends the queries of a relay whose reader has stood still. One that has
// got on is looked at again.
func (s *supervisor) checkBacklog(e *relayEntry) {
	c := e.conn
	if c == nil {
		return
	}
	if !c.in.Waits() || len(e.asking.queries) == 0 && e.asking.neg == nil {
		c.held.Store(false)
		if c.in.Waits() { // since a moment ago
			c.noRoom()
		}
		return
	}
	if taken := c.in.Counts().Messages; taken != e.asking.taken {
		heldUp{c}.supervise(s)
		return
	}
	c.held.Store(false)
	for _, l := range append([]*queryLeg(nil), e.asking.queries...) {
		if l.waits() {
			s.giveUpQueryLeg(l, ErrBacklog)
		}
	}
	if o := e.asking.neg; o != nil {
		o.news.goneFor(ErrBacklog)
	}
}
