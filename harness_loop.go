package gennostr

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What is behind the verbs of a Harness: the loop, driven by whoever calls them.
// The library knows nothing of it: a client is handed a network, a clock, and
// somebody who sees what OnError is told.

// dialling finds the connection that is not open yet, and starts it if its time has not come.
func (t *Harness) dialling(url string) (conn *connection, err error) {
	if err := t.settle(); err != nil {
		return nil, err
	}
	url, err = nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	t.c.sup.ask(func(s *supervisor) {
		e := s.relays[url]
		if e == nil || !e.known() {
			err = fmt.Errorf("%w: %s", ErrUnknownRelay, url)
			return
		}
		if e.stage == waiting {
			s.dial(e)
		}
		if e.stage != dialing {
			err = fmt.Errorf("gennostr: %s is not dialled: it is %s", url, e.status().State)
			return
		}
		conn = e.conn
	})
	return conn, err
}

// connected finds an open connection.
func (t *Harness) connected(url string) (*connection, error) {
	if t.over {
		return nil, t.c.closedErr()
	}
	normal, err := nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	if conn := t.c.reg.lookup(normal); conn != nil && conn.isOpen() {
		return conn, nil
	}
	return nil, t.c.notConnected(normal)
}

// took notes what was accepted for sending. Any goroutine; conn.mu is held.
func (t *Harness) took(conn *connection, o outgoing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, Sent{URL: conn.url, Message: o.msg, Frame: string(o.frame)})
	if req, ok := o.opens.(wire.Req); ok {
		if t.open[conn.url] == nil {
			t.open[conn.url] = make(map[string]Req)
		}
		t.open[conn.url][req.SubscriptionID] = Req(req)
	}
}

// told notes what OnError is about to be told, but for what the verb has told it.
func (t *Harness) told(problem error) {
	var callback *CallbackError
	if t.fed != nil && errors.Is(problem, t.fed) && !errors.As(problem, &callback) {
		t.fed = nil
		return
	}
	t.problems = append(t.problems, problem)
}

// feed does what tells OnError of a problem.
func (t *Harness) feed(problem error, do func()) error {
	t.fed = problem
	defer func() { t.fed = nil }()
	do()
	return t.settle()
}

// restless is how many steps a client may take until nothing is left to do.
const restless = 100_000

var errRestless = errors.New("gennostr: the handler does not come to rest: something that it does is always followed by more")

// settle lets the client do what there is to do, until there is nothing.
func (t *Harness) settle() error {
	if t.c.self.inside.Load() {
		panic("gennostr: Harness used inside a callback")
	}
	if t.working {
		panic("gennostr: Harness used inside the work of a queue")
	}
	if t.over {
		return t.c.closedErr()
	}
	t.c.running.on(goroutineID()) // the test may have several, one at a time
	for range restless {
		did, e := t.c.step()
		switch {
		case e != nil:
			t.end(e.reason)
			return e.reason
		case did != didNothing:
		case t.ending():
			<-t.c.mail.Wake()
		default:
			t.c.sup.ask(func(*supervisor) {}) // it has done what the callbacks left to it
			if t.c.mail.Len() == 0 && !t.ending() {
				problems := t.problems
				t.problems = nil
				return join(problems)
			}
		}
	}
	return errRestless
}

// ending tells whether some connection has ended and its OnDisconnect is not queued yet.
func (t *Harness) ending() bool {
	return slices.ContainsFunc(t.c.reg.all(), (*connection).isEnding)
}

// end is what the loop does when it is over. It does not wait for work of Go
// that does not end.
func (t *Harness) end(reason error) {
	t.over = true
	func() {
		finished := false
		defer func() {
			if !finished { // a callback has ended the test's goroutine, with t.FailNow: what is left is done behind it
				t.c.spoil(t.c.goexit)
				t.c.finish(t.c.goexit)
				go t.c.close()
			}
		}()
		t.c.finish(reason)
		finished = true
	}()
	go t.c.close() // it waits for work of Go; joined below, as long as it is worth it
	timer := time.NewTimer(time.Until(*t.c.deadline.Load()) + stopGrace)
	defer timer.Stop()
	select {
	case <-t.c.done:
	case <-timer.C:
	}
}
