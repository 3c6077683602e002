package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

const (
	subscription = "tail"
	overlap      = 5 * time.Minute  // how far before a loss is asked again: clocks differ, and authors date their events
	patience     = 5 * time.Second  // how long stored events are held back for the relay's EOSE
	askAgain     = 30 * time.Second // after a relay has closed the subscription for a reason that may pass
)

// Tail is the whole handler. Its fields need no locks: every callback runs on
// the client's goroutine.
type Tail struct {
	gennostr.BaseHandler

	filter nostr.Filter
	line   func(*nostr.Event) []byte
	out    io.Writer
	say    func(format string, args ...any)

	feeds  map[string]*feed // by URL
	seen   *memory
	shown  int
	report func(any) // for the demo: what has been done, nil if nobody wants to know
}

func newTail(opts options, out io.Writer, say func(string, ...any)) *Tail {
	t := &Tail{
		filter: opts.filter, line: readableLine, out: out, say: say,
		feeds: make(map[string]*feed), seen: newMemory(rememberIDs),
		report: func(any) {},
	}
	if opts.json {
		t.line = jsonLine
	}
	for _, address := range opts.relays {
		t.feeds[identity(address)] = new(feed)
	}
	return t
}

// What report tells, beside the ID of an event that was shown.
type (
	caughtUp struct{} // a relay has sent what it had stored, and it is shown
	lost     struct{} // a relay is gone
)

// What the timers bring to HandleInfo. request tells whether it is still that one.
type (
	waitedForEOSE struct {
		url     string
		request int
	}
	mayAskAgain struct {
		url     string
		request int
	}
)

// OnConnect asks. A connection that comes back starts with nothing, so this is the place for it.
func (t *Tail) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	t.say("connected to %s", relay.URL)
	t.feeds[relay.URL].connected = true
	t.ask(self, relay.URL)
	return nil
}

func (t *Tail) ask(self *gennostr.Self, url string) {
	f := t.feeds[url]
	f.begin()
	self.Send(url, gennostr.Req{SubscriptionID: subscription, Filters: f.filters(t.filter)})
	self.SendAfter(patience, waitedForEOSE{url, f.request})
}

// OnEvent gets genuine events only: the library has checked id, signature and
// filter. Stored ones come newest first and are held back until all are there.
func (t *Tail) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	if !t.seen.add(msg.Event.ID) {
		return nil // another relay was faster, or it came before the outage
	}
	f := t.feeds[relay.URL]
	if msg.Phase == gennostr.PhaseLive || !f.holding {
		return t.show(msg.Event.ID, t.line(msg.Event))
	}
	if full := f.hold(msg.Event, t.line(msg.Event)); full {
		return t.release(f)
	}
	return nil
}

func (t *Tail) OnEOSE(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EOSEMessage) error {
	f := t.feeds[relay.URL]
	f.complete()
	err := t.release(f)
	f.holding = false
	t.report(caughtUp{})
	return err
}

func (t *Tail) HandleInfo(self *gennostr.Self, msg any) error {
	switch m := msg.(type) {
	case waitedForEOSE: // some relays never send it
		if f := t.feeds[m.url]; f.open && f.request == m.request {
			f.holding = false
			return t.release(f)
		}
	case mayAskAgain:
		if f := t.feeds[m.url]; f.connected && f.request == m.request {
			t.ask(self, m.url)
		}
	}
	return nil
}

// OnDisconnect has only to remember when it was: the client reconnects by itself.
func (t *Tail) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	f := t.feeds[relay.URL]
	if f.connected {
		t.say("disconnected from %s: %s", relay.URL, why(reason))
	} else {
		t.say("cannot reach %s (attempt %d): %s", relay.URL, relay.Attempts, why(reason))
	}
	f.connected = false
	err := t.end(f)
	t.report(lost{})
	if errors.Is(reason, gennostr.ErrRestartIntensity) { // the one of its kind that can come to us
		f.refused = true
		err = errors.Join(err, t.stopIfAllRefused())
	}
	return err
}

// OnClosed: the relay ended the subscription. That passes, or the relay will never have us.
func (t *Tail) OnClosed(self *gennostr.Self, relay gennostr.Relay, msg gennostr.ClosedMessage) error {
	f := t.feeds[relay.URL]
	err := t.end(f)
	switch msg.Prefix() {
	case "auth-required", "restricted", "blocked", "invalid", "unsupported", "pow":
		t.say("%s refuses the subscription: %s", relay.URL, msg.Message)
		f.refused = true
		return errors.Join(err, t.stopIfAllRefused())
	}
	t.say("%s has closed the subscription, asking again in %v: %s", relay.URL, askAgain, msg.Message)
	self.SendAfter(askAgain, mayAskAgain{relay.URL, f.request})
	return err
}

func (t *Tail) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	t.say("%s says: %s", relay.URL, msg.Message)
	return nil
}

// OnError gets what else goes wrong. A problem is no reason to stop. The end of
// a connection comes here and to OnDisconnect, which tells it.
func (t *Tail) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var (
		callback *gennostr.CallbackError
		rejected *gennostr.RejectError
		unsent   *gennostr.SendError
	)
	switch {
	case errors.As(err, &unsent) && errors.Is(err, gennostr.ErrNotConnected): // OnConnect will ask again
	case errors.As(err, &unsent), errors.As(err, &rejected), errors.As(err, &callback):
		t.say("problem with %s: %s", relay.URL, why(err))
	}
	return nil
}

// Terminate is the last callback: what was held back is shown.
func (t *Tail) Terminate(self *gennostr.Self, reason error) {
	for _, f := range t.feeds {
		if t.release(f) != nil {
			return // nobody reads any more
		}
	}
	t.say("%d events shown", t.shown)
}

// end is the end of a subscription, however it came.
func (t *Tail) end(f *feed) error {
	f.end(nostr.Now())
	return t.release(f)
}

// release shows what was held back, the oldest first.
func (t *Tail) release(f *feed) error {
	for _, h := range f.take() {
		if err := t.show(h.id, h.line); err != nil {
			return err
		}
	}
	return nil
}

// show writes one line. Where nobody reads any more there is nothing left to do.
func (t *Tail) show(id nostr.ID, line []byte) error {
	if _, err := t.out.Write(line); err != nil {
		return gennostr.Stop(fmt.Errorf("cannot write events: %w", err))
	}
	t.shown++
	t.report(id)
	return nil
}

// stopIfAllRefused ends the program when nothing can come any more.
func (t *Tail) stopIfAllRefused() error {
	for _, f := range t.feeds {
		if !f.refused {
			return nil
		}
	}
	return gennostr.Stop(errors.New("no relay serves this subscription"))
}
