package gennostr

import (
	"time"

	"github.com/gennostr/gennostr/internal/dials"
	"github.com/gennostr/gennostr/internal/keepalive"
)

// How a relay comes to be connected: its turn, its dial, and what is done with a
// connection that is open. Supervisor goroutine.

// dial puts a relay in the queue of those that want to be dialled.
func (s *supervisor) dial(e *relayEntry) {
	e.stage = queued
	s.due.Cancel(alarm{e, alarmDial})
	s.dials.Ask(e, e.kind(), e.aborted, time.Now())
	s.dialNext()
}

// dialNext begins and aborts dials for as long as it is somebody's turn, and sets the alarm for when it may be again.
func (s *supervisor) dialNext() {
	turn := alarm{nil, alarmTurn}
	for !s.stopping && !s.cutting {
		e, do, wake := s.dials.Next(time.Now())
		switch do {
		case dials.Dial:
			e.stage = dialing
			e.aborted = false
			e.conn = newConnection(s.client, e)
			s.reg.register(e.conn)
			s.children.Add(1)
			go e.conn.run() // ends with the connection; joined with the children
			continue
		case dials.Abort:
			e.aborted = true
			e.conn.cut(&DialError{URL: e.url, Err: ErrDialAborted})
			continue
		}
		if wake.IsZero() {
			s.due.Cancel(turn)
		} else {
			s.due.Set(turn, wake)
		}
		return
	}
}

// dialEnded makes room for the next one.
func (s *supervisor) dialEnded(e *relayEntry) {
	s.dials.End(e)
	s.dialNext()
}

// up takes a connection that has been opened: its state and its OnConnect are
// one step, so that the callback finds what it is told. False if the relay was
// removed in the meantime, or its dial aborted.
func (s *supervisor) up(c *connection) bool {
	e := c.entry
	s.dialEnded(e)
	if e.stage != dialing || e.aborted {
		return false
	}
	now := s.client.now()
	e.stage = connected
	e.connects++
	e.failures, e.failed = 0, false
	e.outage.Up(time.Now())
	s.setOutage(e)
	e.backoff.Connected(now)
	if !e.guest {
		s.client.mail.Put(&connectLetter{c})
	}
	s.authFirst(e)
	s.upAgain(e)
	s.publishUp(e)
	s.tellReady()
	if !s.client.network.automatic() {
		return true // there is nothing to ping
	}
	e.keepalive = keepalive.New(e.cfg.ping, now)
	s.checkAlive(e, now)
	return true
}

// kind is what the queue of dials has to know of a relay.
func (e *relayEntry) kind() dials.Kind {
	switch {
	case e.guest:
		return dials.Guest
	case e.failed && e.connects > 0:
		return dials.Known
	case e.failed:
		return dials.Stranger
	case e.connects > 0:
		return dials.Lost
	}
	return dials.New
}
