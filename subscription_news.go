package gennostr

import "github.com/gennostr/gennostr/nostr"

// What whoever has opened a subscription is told of it, and how much of that may wait.

// maxGaps is how many gaps of a leg are reported one by one for each connection.
const maxGaps = 100

// informGap reports a gap. A relay that makes up more of them than anybody wants to
// read gets one for all the rest.
func (s *supervisor) informGap(l *leg, gap Gap) {
	switch l.gaps++; {
	case l.gaps > maxGaps:
		return
	case l.gaps == maxGaps:
		gap = Gap{Since: 0, Until: max(gap.Until, nostr.TimestampOf(s.client.now())), Possible: true}
	}
	s.inform(l, SubscriptionChange{State: l.state(), Gap: &gap})
}

// inform queues a change for whoever has opened the subscription.
func (s *supervisor) inform(l *leg, change SubscriptionChange) {
	e := l.entry
	if e != nil && e.conn != nil {
		s.news(l, e.conn, e.conn.current(), change)
	}
}

// news queues a change for whoever has opened the subscription. conn is the connection
// that it is about, nil if about none.
func (s *supervisor) news(l *leg, conn *connection, relay Relay, change SubscriptionChange) {
	change.SubscriptionID = l.sub.name
	if l.sub.outside != nil {
		l.sub.outside.changed(relay, change)
		return
	}
	letter := &changeLetter{sub: l.sub, leg: l, conn: conn, relay: relay, change: change}
	if l.mayTell(letter) {
		s.client.mail.Put(letter)
	}
}

// mostUntold is how many changes of a leg wait for the handler, beside its gaps. Of what comes
// beyond that while it hangs, the latest is told, behind all that waits: a relay that changes
// its mind all day takes no more room.
const mostUntold = 64

// mayTell tells whether a change goes to the mailbox now.
func (l *leg) mayTell(letter *changeLetter) bool {
	if letter.change.Gap != nil { // which are bounded for themselves, and each says something else
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.untold == mostUntold {
		l.owed = letter
		return false
	}
	l.untold++
	return true
}

// told takes a change that the mailbox has let go. What it returns is to be put there now; nil: nothing.
func (l *leg) told(letter *changeLetter) (owed *changeLetter) {
	if letter.change.Gap != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if owed, l.owed = l.owed, nil; owed == nil {
		l.untold--
	}
	return owed
}

// changeLetter is news of a subscription for the handler.
type changeLetter struct {
	sub    *subscription
	leg    *leg
	conn   *connection // that it is about, nil if about none: relay says it
	relay  Relay
	change SubscriptionChange
}

// outlived tells whether a change was owed for so long that its connection is gone, and
// the handler has been told. A gap is one all the same.
func (l *changeLetter) outlived() bool {
	return l.conn != nil && l.conn.parted && l.change.Gap == nil
}

func (l *changeLetter) handle(c *Client) *exit {
	if owed := l.leg.told(l); owed != nil {
		c.mail.Put(owed)
	}
	if l.sub.over.Load() || l.outlived() {
		return nil
	}
	if l.conn != nil {
		l.relay = l.conn.forCallback()
	}
	if l.change.State == SubscriptionLive && l.change.Gap == nil {
		m := EOSEMessage{SubscriptionID: l.sub.name}
		if e := c.call("OnEOSE", l.relay, m, func() error { return c.handler.OnEOSE(c.self, l.relay, m) }); e != nil {
			return e
		}
		if e := c.ended(); e != nil {
			return e
		}
		if l.sub.over.Load() { // which many end as soon as they have what is stored
			return nil
		}
	}
	if h, ok := c.handler.(SubscriptionHandler); ok {
		return c.call("OnSubscription", l.relay, l.change, func() error { return h.OnSubscription(c.self, l.relay, l.change) })
	}
	waitsForAuth := l.change.State == SubscriptionRetrying && l.change.RetryAt.IsZero()
	if l.change.Gap != nil || l.change.State == SubscriptionRetrying && !waitsForAuth || l.change.State == SubscriptionRefused {
		return c.onError(l.relay, &SubscriptionError{l.change})
	}
	return nil
}
