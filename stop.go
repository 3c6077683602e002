package gennostr

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/foreign"
)

// How a client ends, in the order in which it happens.
//
// Somebody asks for it: Stop, the end of Start's context, or a callback that
// returns a stop or panics. The loop comes to its end (serve): what Stop found queued
// is handled first, and nothing does that but the place of its letter in the mailbox,
// behind it all. Then, all on the client's goroutine, finish tells what was begun to
// end, hears what came of it, and runs Terminate; close closes the connections and
// joins what is left. One deadline holds for all of it, whoever asked first.

// Stop stops the client in good order:
//
//   - What was queued before is handled.
//   - Tasks of [Go] are cancelled. Work of a [Queue] that has begun may end, as
//     long as there is time. Both are joined, and what came of them is told.
//   - Queries that are open end with [ErrClientClosed].
//   - Publications ([Client.Publish]) that have not been sent end with [ErrClientClosed].
//     Relays get half of the time that is left to answer the others. Then all that is
//     open ends, and is told.
//   - Terminate runs.
//   - What was accepted for sending is written, and relays get half of the time that
//     is left to answer the events among it with an OK.
//   - All connections are closed, at the same time.
//
// It returns nil when Done is closed, however the client came to stop:
// [Client.Wait] tells how.
//
// All of that shares one deadline: [WithShutdownTimeout] after the first Stop, or
// the end of ctx, whichever is first. At the deadline sockets are cut. If user
// code is still running then, the error is a *[ShutdownError] that names it, and
// Done closes when that code returns.
//
// With the context of a callback or a task of this client the error is
// [ErrCallingSelf], for they would wait for themselves.
func (c *Client) Stop(ctx context.Context) error {
	if c.onLoop(ctx) || ctx.Value(onLoop{}) == any(inTask{c}) {
		return ErrCallingSelf
	}
	c.stopOnce.Do(func() {
		c.setDeadline()
		c.mail.Put(&stopLetter{})
	})
	deadline := c.deadline.Load()
	timer := time.NewTimer(time.Until(*deadline))
	defer timer.Stop()
	cause := context.DeadlineExceeded
	select {
	case <-c.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	c.sup.inbox.Put(stopBy{time.Now()}) // cut what is left
	// Cut sockets end as soon as their goroutines get a processor. Only user code can
	// take longer, and it is given a moment: a callback that happens to be ending is not
	// to blame. Where none is known to run, a busy machine is the likelier reason.
	for _, grace := range []time.Duration{stopGrace, busyGrace} {
		timer.Reset(grace)
		select {
		case <-c.done:
			return nil
		case <-timer.C:
		}
		if what, _ := c.userCode(); what != "" {
			break
		}
	}
	return c.stillRunning(cause)
}

// setDeadline starts the clock of the one shared deadline. Idempotent.
func (c *Client) setDeadline() time.Time {
	at := time.Now().Add(c.cfg.shutdownTimeout)
	if c.deadline.CompareAndSwap(nil, &at) {
		c.sup.inbox.Put(stopBy{at})
	}
	return *c.deadline.Load()
}

// harden drops what is queued: the running callback is the last one before
// Terminate. It also ends self.Context(), the hint to user code that waits.
func (c *Client) harden() {
	c.hardOnce.Do(func() {
		close(c.hard)
		c.cancel(context.DeadlineExceeded)
		c.tasks.cancelWork() // a callback may keep the stop from beginning
	})
}

// cancelled is the reason of an end that no callback asked for: the deadline of
// an orderly stop, or Start's ctx (R10).
func (c *Client) cancelled() error {
	if err := context.Cause(c.parent); err != nil {
		return err
	}
	return ErrShutdown
}

// finish ends what the client has begun: from the last message that it handles to
// the end of Terminate. A callback that ends its goroutine meanwhile has it called
// again (unwound), where it goes on with what is next.
func (c *Client) finish(reason error) {
	deadline := c.setDeadline()
	if c.ending < endingWork {
		c.ending, c.reason = endingWork, reason
		c.endWork(deadline)
	}
	if c.ending < endingPublications {
		c.ending = endingPublications
		c.endQueries()
		c.endPublications(deadline)
	}
	if c.ending < endingTerminate {
		c.ending = endingTerminate
		c.endQueries()
		c.endPublishing() // also where a continuation has cut that short
		c.terminate()
	}
	c.bury()
}

// ending is how far finish has come. Client goroutine only.
type ending uint8

const (
	notEnding ending = iota
	endingWork
	endingPublications
	endingTerminate
)

// endWork takes nothing more, and waits for the tasks of Go, which are told to
// end, and for the work of queues, which may end by itself as long as there is
// time. What came of them is told, but for after a panic, which leaves the handler
// in nobody knows what state, and at a cancelled context, which is in a hurry.
func (c *Client) endWork(deadline time.Time) {
	tell := !isPanic(c.reason) && c.parent.Err() == nil
	defer c.tasks.cancelWork() // however this ends: close waits for all work
	c.tasks.cancel()
	refused := c.queues.close() // after cancel: nothing begins any more; told last, so that Then keeps the order of a key
	thens := c.shut()

	enough := time.NewTimer(time.Until(deadline) - c.cfg.shutdownTimeout/10)
	defer enough.Stop()
	over := time.NewTimer(time.Until(deadline))
	defer over.Stop()
	for last, cancelled, hard := false, false, c.hard; ; {
		for l, ok := c.late.Next(); ok; l, ok = c.late.Next() {
			if l.refused { // told last, or who tries again would be busy with it for as long as others take
				refused = append(refused, l)
			} else {
				thens = append(thens, l)
			}
		}
		if last {
			thens, refused = append(thens, refused...), nil
		}
		for _, l := range thens {
			if tell = tell && c.parent.Err() == nil; tell {
				tell = c.tells(l)
			} else {
				c.untold(l)
			}
		}
		thens = nil
		if last {
			return
		}
		select {
		case <-c.late.Wake():
		case <-c.tasks.empty:
			last = true // and look once more for what the last of them has left
		case <-enough.C:
			if cancelled { // and some has not ended: nobody waits for it
				thens, refused = refused, nil
				break
			}
			cancelled = true
			c.tasks.cancelWork()
			enough.Reset(c.cfg.shutdownTimeout / 20)
		case <-hard: // a Stop that is in a hurry
			hard = nil
			c.tasks.cancelWork()
			over.Reset(min(stopGrace, time.Until(deadline)))
		case <-over.C:
			last = true
		}
	}
}

// tells runs one then, and tells whether another may run. It is too late to stop
// the client, but not to say why.
func (c *Client) tells(l *thenLetter) bool {
	e := l.handle(c)
	if e == nil || quiet(e.reason) {
		return true
	}
	c.spoil(e.reason)
	return !isPanic(e.reason)
}

// untold is for what nobody is told of: a panic is never silent, nor is an event that
// was not published.
func (c *Client) untold(l *thenLetter) {
	if l.lost != nil {
		c.log.Warn("event not published", "error", l.lost)
	}
	var panicked *PanicError
	if errors.As(foreign.Confine(l.err), &panicked) {
		c.log.Error("task panicked while the client stopped", "error", panicked, "stack", string(panicked.Stack))
	}
	l.letGo()
}

// shut closes the mailbox: from here on nothing gets in, and readers drop what
// they have. Calls among what was left fail at once (R14). What tasks and queues
// have left in it is returned.
func (c *Client) shut() (thens []*thenLetter) {
	left := c.mail.Close()
	c.posted.Store(0) // a mailbox that was full is now closed, and says so (R15)
	if c.taken != nil {
		left, c.taken = slices.Insert(left, 0, c.taken), nil
	}
	for _, l := range left {
		switch l := l.(type) {
		case *dataLetter:
			l.conn().window.Release(l.Size) // a reader that stands still has to see the closing handshake
		case *delivery:
			l.dataLetter.leave() // as well; no cursor passes it
		case *callLetter:
			_ = l.from.fail(&clientClosedError{c.reason})
		case *thenLetter:
			thens = append(thens, l)
		}
	}
	return thens
}

func (c *Client) terminate() {
	h, ok := c.handler.(Terminator)
	if !ok {
		return
	}
	reason := c.reason
	panicked, _ := c.protect("Terminate", reason, func() error { h.Terminate(c.self, reason); return nil })
	if panicked != nil {
		c.spoil(panicked)
	}
}

// spoil adds what went wrong at the end to the reason (R41).
func (c *Client) spoil(err error) {
	c.spoilt = true
	if quiet(c.reason) && !isPanic(err) {
		c.reason = err
	} else {
		c.reason = errors.Join(c.reason, err)
	}
}

func isPanic(err error) bool {
	var panicked *PanicError
	return errors.As(err, &panicked)
}

// bury logs a reason that is a problem, once (R34), and lets everybody know.
func (c *Client) bury() {
	expected := quiet(c.reason) || c.parent.Err() != nil && errors.Is(c.reason, context.Cause(c.parent))
	if !expected || c.spoilt {
		log := c.log
		var panicked *PanicError
		if errors.As(c.reason, &panicked) {
			log = log.With("stack", string(panicked.Stack))
		}
		log.Error("client stopped", "reason", c.reason)
	}
	close(c.dead)
	c.endSubscriptions()
}

// close closes the connections and joins whatever is left. Done is its last word.
func (c *Client) close() {
	c.pool.Abandon() // relays may have brought seconds' work, of which nobody would hear
	c.sup.inbox.Put(shutdown{*c.deadline.Load()})
	<-c.sup.done
	c.pool.Stop()
	c.cfg.relay.dialer.Close()
	c.cfg.guest.close()
	c.tasks.cancelWork() // endWork has, but if it was cut short by a Then that ended its goroutine
	<-c.tasks.empty
	for _, l := range c.late.Close() {
		c.untold(l)
	}
	c.cancel(&clientClosedError{c.reason})
	c.releaseName()
	close(c.done)
}

// abort ends a client whose Init did not let it start: no Terminate (R03, R04).
func (c *Client) abort(err error) {
	c.reason = err
	c.setDeadline()
	c.tasks.cancel()
	c.tasks.cancelWork()
	c.endQueries()
	c.endPublishing()
	for _, l := range append(c.queues.close(), c.shut()...) {
		l.letGo()
	}
	close(c.dead)
	c.endSubscriptions()
	c.close()
}

// unwound carries on where a callback has ended this goroutine with
// runtime.Goexit, as t.FailNow does: such a client stops like any other (R36).
func (c *Client) unwound(started chan<- error) {
	switch e := c.goexit; {
	case e == nil: // nothing to do
	case e.Where == "Init":
		c.abort(e)
		started <- e
	default:
		if c.ending > notEnding {
			c.spoil(e)
		}
		c.finish(e)
		c.close()
	}
}

// Done is closed when nothing of the client is running: every goroutine has
// exited, every socket is closed, the name is free. Only what somebody
// else's transport does is beyond it: the deprecated Dial of an http.Transport,
// which knows no context, and a Close of its connections that blocks.
func (c *Client) Done() <-chan struct{} { return c.done }

// Wait blocks until Done and returns why the client stopped:
//
//   - nil after [ErrStop], [ErrShutdown] or [Client.Stop]
//   - the reason of [Stop]
//   - a *[PanicError] of a callback; one of Terminate joins whatever else it was
//   - the error that OnError returned
//   - context.Cause of Start's ctx
func (c *Client) Wait() error {
	<-c.done
	if quiet(c.reason) {
		return nil
	}
	return c.reason
}

// closedErr is ErrClientClosed with the reason, once it is known (R14).
func (c *Client) closedErr() error {
	select {
	case <-c.dead:
		return &clientClosedError{c.reason}
	default:
		return ErrClientClosed
	}
}

// What is still running, when the deadline has passed.

// stopGrace is how long user code may take, after the deadline, to notice it.
const stopGrace = 100 * time.Millisecond

// busyGrace is how long the library's own goroutines may take, beyond that, on a
// machine that has no time for them.
const busyGrace = 2 * time.Second

// userCode names the callback, the task or the work that is running, "" if none is.
func (c *Client) userCode() (what string, since time.Duration) {
	if call := c.running.get(); call.name != "" {
		return call.name, time.Since(call.since)
	}
	return c.tasks.oldest()
}

func (c *Client) stillRunning(cause error) error {
	if what, since := c.userCode(); what != "" {
		return &ShutdownError{Running: what, Since: since, Err: cause}
	}
	// What is left is a function of an option, called by the library.
	running := "a DialContext, a Signer, a Verifier, a logger or the like"
	if urls := c.left(); len(urls) > 0 {
		running += " for " + strings.Join(urls, ", ")
	}
	return &ShutdownError{Running: running, Since: time.Since(*c.deadline.Load()) + c.cfg.shutdownTimeout, Err: cause}
}

// left lists the relays whose connections have not ended.
func (c *Client) left() (urls []string) {
	c.sup.do(func(s *supervisor) {
		for url, e := range s.relays {
			if e.conn != nil {
				urls = append(urls, url)
			}
		}
	})
	slices.Sort(urls)
	return urls
}
