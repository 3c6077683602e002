package gennostr

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/agenda"
	"github.com/gennostr/gennostr/internal/dials"
	"github.com/gennostr/gennostr/internal/keepalive"
	"github.com/gennostr/gennostr/internal/mailbox"
)

// The supervisor's goroutine owns every relayEntry: which relays there are,
// when each is dialled, pinged and given up. It starts the connections'
// goroutines and joins them. Until its end it waits only on its inbox and one
// bell: never for the client's loop, a socket or user code, so every other
// goroutine may wait for it.
type supervisor struct {
	client   *Client
	reg      *registry
	inbox    *mailbox.Queue[supervisorEvent] // the one way in
	done     chan struct{}                   // closed when the goroutine has ended and joined its children
	children sync.WaitGroup                  // what it joins at its end: connections, writers of log lines, closers of dialers, what signers and policies are asked

	// supervisor goroutine only
	relays     map[string]*relayEntry
	guests     map[*relayEntry]struct{}   // those among them that are none of the client's
	begun      bool                       // Init has returned: guests are let in
	early      []supervisorEvent          // wait for that
	windows    map[string]*mailbox.Window // of relays that are gone, as long as messages of theirs are held
	due        agenda.Agenda[alarm]
	subs       []*subscription           // in the order of their declaration
	lost       []*subscription           // whose relays may all be gone
	places     []placeless               // who waits for room for a guest, in the order in which they came
	later      agenda.Agenda[laterKey]   // what subscriptions and publications have to do, by the client's clock
	dials      *dials.Dials[*relayEntry] // whose turn it is to dial; made by run, by when the configuration is final
	waiters    []*readyWaiter
	stopping   bool             // no more dials; ends when relays is empty
	cutting    bool             // the deadline has passed: nothing is given time any more
	signing    map[signKey]bool // signatures that signers are asked for, and have not returned
	consulting map[string]bool  // by URL: the policy for AUTH is being asked
	slow       slowWatch
	lines      lines // what is to be logged

	publications int                     // begun so far
	soon         []*publishing           // are to be pumped when the inbox is empty
	unpublishing error                   // the client stops: nothing is published any more; nil: it does not
	unawaited    chan struct{}           // closed when no verdict is awaited; nil: nobody waits for that
	queries      map[*openQuery]struct{} // that are open
	asked        int                     // queries begun so far
	syncs        []*openSync             // that are not over
	unquerying   error                   // the client stops: nothing is asked any more; nil: it does not
	toAsk        []*relayEntry           // see askSoon
}

// alarm is what the supervisor's timer can be set for.
type alarm struct {
	entry *relayEntry // nil for those of the whole client
	what  alarmKind
}

type alarmKind uint8

const (
	alarmDial      alarmKind = iota // the reconnect schedule
	alarmKeepalive                  // see whether the peer is alive
	alarmReports                    // hand coalesced refusals to OnError
	alarmAnswers                    // see whether OKs have been waited for long enough
	alarmOutage                     // say that the relay is still away, or back
	alarmTurn                       // of the client: a dial that hangs makes room
	alarmCut                        // of the client: the stop's deadline
	alarmSlow                       // of the client: see how long the running callback has been running
	alarmHolds                      // of the client: see how long messages have been held
)

// supervisorEvent is the sealed type of what the inbox brings.
type supervisorEvent interface{ supervise(*supervisor) }

type (
	request struct { // a verb; the caller waits for done
		run  func(*supervisor)
		done chan struct{}
	}
	connectionEnded struct {
		c   *connection
		err error
	}
	disconnectTold struct{ entry *relayEntry } // OnDisconnect has returned
	reportsPending struct {
		c  *connection
		at time.Time
	}
	stopBy   struct{ at time.Time } // an orderly stop began: cut what is left at this time
	shutdown struct{ at time.Time } // Terminate has returned: close everything, cut at this time
)

func newSupervisor(c *Client) *supervisor {
	return &supervisor{
		client: c, reg: &c.reg,
		inbox:  mailbox.NewQueue[supervisorEvent](),
		done:   make(chan struct{}),
		relays: make(map[string]*relayEntry),
		guests: make(map[*relayEntry]struct{}), queries: make(map[*openQuery]struct{}),
	}
}

// run ends after a shutdown event, when the last connection has ended.
func (s *supervisor) run() {
	defer close(s.done)
	s.dials = dials.Make[*relayEntry](s.client.cfg.maxDials)
	bell := agenda.NewBell()
	defer bell.Stop()
	cancelled := s.client.parent.Done()
	for !s.stopping || len(s.relays) > 0 {
		s.takeInbox()
		if len(s.soon) > 0 && s.client.publications.Load() > 1 {
			// Whoever has just been told of one publication may begin the next: what is
			// written in one piece costs a system call.
			s.client.pool.Yield()
			s.takeInbox()
		}
		s.pumpNow()
		s.askNow()
		s.endLost()
		now := time.Now()
		for a, ok := s.due.PopDue(now); ok; a, ok = s.due.PopDue(now) {
			s.ring(a, now)
		}
		s.ringLater(s.client.now())
		s.askNow()
		if s.stopping && len(s.relays) == 0 {
			break
		}
		if at, ok := s.next(); ok {
			bell.Set(at)
		}
		select {
		case <-s.inbox.Wake():
		case <-bell.C:
			bell.Rung()
		case <-cancelled: // the clock of the stop runs, even if a callback does not notice (R10)
			s.client.setDeadline()
			cancelled = nil
		}
	}
	for _, ev := range s.inbox.Close() {
		switch ev := ev.(type) {
		case request:
			close(ev.done) // run was not called: do reports the end
		case published:
			s.publish(ev.pub) // which says that it is too late
		case queryBegun:
			ev.q.finish(ErrClientClosed)
		case syncBegun:
			ev.o.news.goneFor(ErrClientClosed)
		}
	}
	s.children.Wait()
}

func (s *supervisor) takeInbox() {
	for ev, ok := s.inbox.Next(); ok; ev, ok = s.inbox.Next() {
		ev.supervise(s)
	}
}

// next is when there is something to do again. A Harness sees to its clock itself.
func (s *supervisor) next() (time.Time, bool) {
	at, ok := s.due.Next()
	if later, some := s.later.Next(); some && s.client.network.automatic() {
		return earlier(at, ok, later)
	}
	return at, ok
}

// do runs f on the supervisor's goroutine and waits for it; false after the end.
func (s *supervisor) do(f func(*supervisor)) bool {
	ran := false
	r := request{run: func(s *supervisor) { f(s); ran = true }, done: make(chan struct{})}
	if !s.inbox.Put(r) {
		return false
	}
	<-r.done
	return ran
}

func (r request) supervise(s *supervisor) {
	s.pumpNow() // who waits is to find done what came before
	r.run(s)
	s.pumpNow()
	s.askNow()
	close(r.done)
}

func (s *supervisor) ring(a alarm, now time.Time) {
	e := a.entry
	switch a.what {
	case alarmDial:
		if e.stage == waiting {
			s.dial(e)
		}
	case alarmReports:
		if e.conn != nil {
			e.conn.flushReports()
		}
	case alarmAnswers:
		if e.conn != nil {
			if at, some := e.conn.giveUpAnswers(now); some {
				s.due.Set(a, at)
			}
		}
	case alarmKeepalive:
		if e.stage == connected {
			s.checkAlive(e, now)
		}
	case alarmOutage:
		s.checkOutage(e, now)
	case alarmTurn:
		s.dialNext()
	case alarmSlow:
		s.checkSlow(now)
	case alarmHolds:
		s.checkHolds(now)
	case alarmCut:
		s.cutting = true
		s.client.harden()
		for _, e := range s.relays {
			if e.conn != nil {
				e.conn.cut(ErrClientClosed)
			}
		}
	}
}

func (s *supervisor) checkAlive(e *relayEntry, now time.Time) {
	action, next := e.keepalive.Check(now, e.conn.lastInbound(), e.conn.heldUp())
	if action == keepalive.Wait && e.listens() {
		// What a busy relay sends proves that it lives, but not up to when it has been heard.
		if at := e.pinged.Add(e.cfg.ping.Interval); !now.Before(at) {
			action = keepalive.Ping
		} else if at.Before(next) {
			next = at
		}
	}
	switch action {
	case keepalive.Ping:
		e.pinged = now
		e.conn.ping()
	case keepalive.Dead:
		e.conn.cut(ErrPingTimeout)
		return
	}
	s.due.Set(alarm{e, alarmKeepalive}, next)
}

// supervise takes the end of a connection: unregistering it and queueing its
// OnDisconnect are one step, after everything else that it queued.
func (ev connectionEnded) supervise(s *supervisor) {
	e := ev.c.entry
	s.hear(e)
	s.endAuth(e)
	s.reg.unregister(ev.c)
	s.dialEnded(e)
	s.due.Cancel(alarm{e, alarmKeepalive})
	s.due.Cancel(alarm{e, alarmReports})
	s.due.Cancel(alarm{e, alarmAnswers})
	e.traffic.add(ev.c.traffic())
	s.goneDown(e)
	s.endStudy(e)
	e.conn = nil
	e.lastErr = ev.err
	s.publishDown(e)
	if s.stopping {
		s.forget(e)
		return
	}
	switch {
	case e.guest:
		s.guestEnded(e, ev)
		return
	case e.stage == closing:
		e.gone = true
		s.tell(e, ev.c, ErrRelayRemoved)
		return
	case ev.c.cfg != e.cfg && errors.Is(ev.err, ErrAddressDenied): // to a guest, which it was when it was dialled
		s.dial(e)
		return
	}
	reason := s.weigh(e, ev)
	s.noteLoss(e, reason)
	e.stage = telling // whoever is told may give the relay up
	s.tellUsers(e, relayEnd{err: reason, failed: e.failed, final: e.gone})
	s.tell(e, ev.c, reason)
	s.queriesEnded(e, relayEnd{err: reason, failed: e.failed, final: e.gone})
}

// weigh says why a connection or a dial has ended, and sets when the relay is dialled
// again, or that it is gone.
func (s *supervisor) weigh(e *relayEntry, ev connectionEnded) (reason error) {
	now := s.client.now()
	reason = ev.err
	e.failed = e.stage == dialing
	var panicked *PanicError
	var dial *DialError
	switch {
	case errors.As(reason, &panicked):
		// R45: a recovered panic restarts at once.
		e.delay = 0
		if e.panics.Add(now) {
			reason = because(ErrRestartIntensity, reason)
			e.gone = true
			e.delay = e.backoff.Failed()
		}
	case errors.As(reason, &dial):
		if dial.Err != ErrDialAborted { // which is no fault of the relay's
			e.failures++
		}
		told := *dial // a SendError may be on its way that holds the other one
		told.Failures = e.failures
		reason, e.lastErr = &told, &told
		e.backoff.AtLeast(told.RetryAfter)
		e.delay = e.backoff.Failed()
		if n := e.cfg.maxAttempts; n > 0 && e.failures >= n {
			reason = &dueTo{fmt.Errorf("%w after %d dials", ErrGaveUp, e.failures), reason}
			e.gone = true
		}
	default:
		e.delay = e.backoff.Lost(now, ev.c.useful.Load())
		e.gone = errors.Is(reason, ErrForgeryLimit)
	}
	e.redialAt = now.Add(e.delay)
	return reason
}

// tell queues OnDisconnect. Until it has returned, nothing is dialled.
func (s *supervisor) tell(e *relayEntry, c *connection, reason error) {
	relay := Relay{URL: e.url, Address: e.cfg.address, Attempts: e.backoff.Attempts()}
	if c != nil {
		relay = c.relay
	}
	e.stage = telling
	e.wanted = false
	if !e.known() {
		s.unpublishAdded(e, reason)
	}
	s.client.mail.Put(&disconnectLetter{entry: e, conn: c, relay: relay, reason: reason})
	// A refused letter means that the client is stopping: shutdown follows and forgets the entry.
}

// supervise takes the return of OnDisconnect: what was asked for meanwhile is done now.
func (ev disconnectTold) supervise(s *supervisor) {
	e := ev.entry
	if s.relays[e.url] == e && e.leaving && !s.stopping {
		s.dismissed(e)
		return
	}
	if s.relays[e.url] != e || e.stage != telling || s.stopping {
		return
	}
	switch {
	case e.removed && !e.gone: // RemoveRelay came while another OnDisconnect was on its way
		e.gone = true
		s.tell(e, nil, ErrRelayRemoved)
	case e.again != nil:
		s.revive(e)
	case e.gone && len(e.users) > 0:
		s.becomeGuest(e)
	case e.gone:
		s.forget(e)
	case e.cfg.manual && !e.wanted:
		e.stage = down
		s.setOutage(e)
	default:
		s.wait(e)
	}
}

// wait sets the alarm for the next dial.
func (s *supervisor) wait(e *relayEntry) {
	e.stage = waiting
	if s.client.network.automatic() {
		s.due.Set(alarm{e, alarmDial}, e.redialAt)
	}
}

func (ev reportsPending) supervise(s *supervisor) {
	e := ev.c.entry
	if e.conn != ev.c {
		return
	}
	a := alarm{e, alarmReports}
	if set, ok := s.due.At(a); !ok || ev.at.Before(set) { // each reason has its time, and all are told at the first
		s.due.Set(a, ev.at)
	}
}

func (ev stopBy) supervise(s *supervisor) { s.cutBy(ev.at) }

// cutBy sets the time at which what is left is cut. Of several the earliest
// counts: a Stop that is in a hurry may overtake the shutdown of one that was not.
func (s *supervisor) cutBy(at time.Time) {
	cut := alarm{nil, alarmCut}
	if set, ok := s.due.At(cut); !ok || at.Before(set) {
		s.due.Set(cut, at)
	}
}

// supervise closes all connections at once; those that take longer than the deadline are cut (R48).
func (ev shutdown) supervise(s *supervisor) {
	s.stopping = true
	if !s.cutting {
		s.cutBy(ev.at)
	}
	for _, e := range s.relays {
		switch {
		case e.conn == nil:
			s.forget(e)
		case s.cutting:
			e.conn.cut(ErrClientClosed)
		default:
			e.conn.windDown(ErrClientClosed, time.Until(ev.at))
		}
	}
}

// readyWaiter is a Ready that waits for n open connections.
type readyWaiter struct {
	n     int
	ready chan struct{}
}

func (s *supervisor) await(w *readyWaiter) {
	s.waiters = append(s.waiters, w)
	s.tellReady()
}

func (s *supervisor) giveUp(w *readyWaiter) {
	s.waiters = slices.DeleteFunc(s.waiters, func(o *readyWaiter) bool { return o == w })
}

// tellReady answers those whose number has been reached.
func (s *supervisor) tellReady() {
	if len(s.waiters) == 0 {
		return
	}
	up := 0
	for _, e := range s.relays {
		if e.stage == connected && !e.guest {
			up++
		}
	}
	s.waiters = slices.DeleteFunc(s.waiters, func(w *readyWaiter) bool {
		if up < w.n {
			return false
		}
		close(w.ready)
		return true
	})
}
