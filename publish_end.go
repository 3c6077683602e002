package gennostr

import (
	"log/slog"
	"time"
)

// What becomes of publications when the client stops: nothing more is written, and what
// was written is waited for, for half of the time that is left.

// endPublications ends all that is published, and tells who has not been told. What the
// handler is to be told of it is told, unless it is not told anything any more.
func (c *Client) endPublications(deadline time.Time) {
	tell := !isPanic(c.reason) && c.parent.Err() == nil
	if tell && c.network.automatic() {
		c.awaitVerdicts(time.Until(deadline) / 2)
	}
	for range mostRounds {
		c.endPublishing() // so that what the last round has published has been refused
		var thens []*thenLetter
		for l, ok := c.late.Next(); ok; l, ok = c.late.Next() {
			thens = append(thens, l)
		}
		if len(thens) == 0 {
			return
		}
		for _, l := range thens {
			if tell = tell && c.parent.Err() == nil; tell {
				tell = c.tells(l)
			} else {
				c.untold(l)
			}
		}
	}
}

// mostRounds is how often those are told who have begun something when they were told, and
// it was refused since the client stops. Some try again whatever has failed, for ever.
const mostRounds = 8

// endPublishing ends every publication that is open, and those that are to come. Idempotent.
func (c *Client) endPublishing() {
	c.sup.do(func(s *supervisor) { s.unpublishAll(&clientClosedError{c.reason}) })
}

// awaitVerdicts waits until what was written has been answered.
func (c *Client) awaitVerdicts(within time.Duration) {
	answered := make(chan struct{})
	c.sup.do(func(s *supervisor) { s.drainPublications(&clientClosedError{c.reason}, answered) })
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
	case <-c.hard:
	case <-c.parent.Done():
	}
}

// drainPublications writes no more, and closes a channel when nothing is waited for.
func (s *supervisor) drainPublications(reason error, answered chan struct{}) {
	s.unpublishing, s.unawaited = reason, answered
	for _, e := range s.sorted() {
		if e.publishing != nil {
			s.letAllGo(e.publishing, reason)
			e.publishing.relay.Drain(reason)
			s.pump(e)
		}
	}
	s.drainedNow()
}

// drainedNow looks whether the last verdict has come that a stop waits for.
func (s *supervisor) drainedNow() {
	if s.unawaited == nil {
		return
	}
	for _, e := range s.relays {
		if e.publishing != nil && e.publishing.relay.Awaited() > 0 {
			return
		}
	}
	close(s.unawaited)
	s.unawaited = nil
}

// unpublishAll ends every publication, and those that are to come.
func (s *supervisor) unpublishAll(reason error) {
	s.unpublishing, s.unawaited = reason, nil
	s.superviseEarly()
	for _, e := range s.sorted() {
		s.unpublish(e, reason)
	}
}

// publishLast is for what is published when all others have ended: that of Terminate, and
// of what is told before that, is still written, and the connections' end waits for its OKs.
// That of an Init which does not let the client start is not. What became of it nobody
// knows when it is told, if there is a time for that still.
func (s *supervisor) publishLast(p *Publication) {
	sent, writes := 0, p.inside && s.begun
	urls := s.relaysOf(p.cfg.on)
	out := p.outgoing()
	out.own = false // what is not written is logged
	for _, url := range urls {
		if e := s.relays[url]; writes && e != nil && e.stage == connected && e.conn.send(out) == nil {
			sent++
		}
	}
	p.begin(urls)
	s.endPublication(p, s.unpublishing)
	if writes && sent == 0 {
		reason := s.unpublishing
		if len(urls) == 0 {
			reason = ErrNoRelay
		}
		s.log(slog.LevelWarn, "event not published", slog.Any("event", p.event.ID), slog.Any("error", reason))
	}
}
