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
func (h *Harness) dialling(url string) (conn *connection, err error) {
	if err := h.settle(); err != nil {
		return nil, err
	}
	url, err = nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	h.c.sup.do(func(s *supervisor) {
		e := s.relays[url]
		if e == nil || !e.known() && !e.guest {
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
func (h *Harness) connected(url string) (*connection, error) {
	if h.over {
		return nil, h.c.closedErr()
	}
	normal, err := nostr.NormalizeURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	if conn := h.c.reg.lookup(normal); conn != nil && conn.isOpen() {
		return conn, nil
	}
	return nil, h.c.notConnected(normal)
}

// took notes what was accepted for sending. Any goroutine; conn.mu is held.
func (h *Harness) took(conn *connection, o outgoing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, Sent{URL: conn.relay.URL, Message: o.msg, Frame: string(o.frame)})
	if req, ok := o.opens.(wire.Req); ok {
		if h.open[conn.relay.URL] == nil {
			h.open[conn.relay.URL] = make(map[string]Req)
		}
		h.open[conn.relay.URL][req.SubscriptionID] = Req(req)
	}
}

// told notes what OnError is about to be told, but for what the verb has told it.
func (h *Harness) told(problem error) {
	var callback *CallbackError
	if h.fed != nil && errors.Is(problem, h.fed) && !errors.As(problem, &callback) {
		h.fed = nil
		return
	}
	h.problems = append(h.problems, problem)
}

// feed does what tells OnError of a problem.
func (h *Harness) feed(problem error, do func()) error {
	h.fed = problem
	defer func() { h.fed = nil }()
	do()
	return h.settle()
}

// restless is how many steps a client may take until nothing is left to do.
const restless = 100_000

var errRestless = errors.New("gennostr: the handler does not come to rest: something that it does is always followed by more")

// settle lets the client do what there is to do, until there is nothing.
func (h *Harness) settle() error {
	if h.c.self.inside.Load() {
		panic("gennostr: Harness used inside a callback")
	}
	if h.working {
		panic("gennostr: Harness used inside the work of a queue")
	}
	if h.over {
		return h.c.closedErr()
	}
	h.c.running.on(goroutineID()) // the test may have several, one at a time
	for range h.restless {
		did, e := h.c.step()
		switch {
		case e != nil:
			h.end(e.reason)
			return e.reason
		case did != didNothing:
		case h.ending():
			<-h.c.mail.Wake()
		default:
			h.c.sup.do(func(*supervisor) {}) // it has done what the callbacks left to it
			if ask := h.nextHelper(); ask != nil {
				ask()
				continue
			}
			if h.c.mail.Len() == 0 && !h.ending() {
				problems := h.problems
				h.problems = nil
				return join(problems)
			}
		}
	}
	return errRestless
}

// help leaves to settle what may take its time. Supervisor goroutine.
func (h *Harness) help(_ *Client, ask func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.helpers = append(h.helpers, ask)
}

func (h *Harness) nextHelper() (ask func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.helpers) > 0 {
		ask, h.helpers = h.helpers[0], h.helpers[1:]
	}
	return ask
}

// ending tells whether some connection has ended and its OnDisconnect is not queued yet.
func (h *Harness) ending() bool {
	return slices.ContainsFunc(h.c.reg.all(), (*connection).isEnding)
}

// end is what the loop does when it is over. It does not wait for work of Go
// that does not end.
func (h *Harness) end(reason error) {
	h.over = true
	func() {
		finished := false
		defer func() {
			if !finished { // a callback has ended the test's goroutine, with t.FailNow: what is left is done behind it
				h.c.spoil(h.c.goexit)
				h.c.finish(h.c.goexit)
				go h.c.close() // ends with work of Go; Done tells, and Stop waits for that as long as it is worth it
			}
		}()
		h.c.finish(reason)
		finished = true
	}()
	go h.c.close() // it waits for work of Go; joined below, as long as it is worth it
	timer := time.NewTimer(time.Until(*h.c.deadline.Load()) + stopGrace)
	defer timer.Stop()
	select {
	case <-h.c.done:
	case <-timer.C:
	}
}
