package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

const (
	subscription = "webhook"
	overlap      = 5 * time.Minute  // how far before a loss is asked again: clocks differ, and authors date their events
	askAgain     = 30 * time.Second // after a relay has closed the subscription
)

// delivery is a note on its way. Its worker has it, and then the hook.
type delivery struct {
	event *nostr.Event
	tries int
}

// Hook is the whole handler. Its fields need no locks: every callback runs on the
// client's goroutine, and so does what comes of a delivery.
type Hook struct {
	gennostr.BaseHandler

	opts    options
	deliver func(context.Context, *delivery) error // off the client's goroutine
	out     io.Writer
	say     func(format string, args ...any)
	queue   *gennostr.Queue[*delivery]

	sources   map[string]*source // by URL
	seen      *memory
	delivered int
	refused   int
	left      []*nostr.Event // not delivered before the end
	report    func()         // for the demo: another one is done, nil if nobody wants to know
}

func newHook(opts options, p *poster, out io.Writer, say func(string, ...any)) *Hook {
	return &Hook{
		opts: opts, deliver: p.deliver, out: out, say: say, report: func() {},
		sources: make(map[string]*source), seen: newMemory(rememberIDs),
	}
}

// source is one relay's stream, and from when it has to be asked for.
type source struct {
	from     nostr.Timestamp
	newest   nostr.Timestamp // of the notes that it has brought
	complete bool            // what it had stored has come
	request  int             // counts what was asked, so that a timer knows its own
}

// lost is the end of a connection. What waited at the relay behind notes that we
// had no room for is older than the loss, so the newest note that has come counts
// too. Stored notes come newest first: before they are complete nothing is certain.
func (s *source) lost(now nostr.Timestamp) {
	if s.complete && s.newest > 0 {
		s.from = max(s.from, nostr.TimestampOf(min(now, s.newest).Time().Add(-overlap)))
	}
	s.complete = false
	s.request++
}

func (h *Hook) Init(self *gennostr.Self) error {
	h.queue = gennostr.NewQueue(self, gennostr.QueueConfig[*delivery]{
		Name:    "deliveries",
		Workers: h.opts.parallel,
		Key:     func(d *delivery) string { return string(d.event.PubKey[:]) },
		Work:    h.deliver,
		Then:    h.done,
	})
	for _, url := range h.opts.relays {
		h.sources[url] = &source{from: h.opts.since}
	}
	return nil
}

func (h *Hook) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	h.say("connected to %s", relay.URL)
	h.ask(self, relay.URL)
	return nil
}

func (h *Hook) ask(self *gennostr.Self, url string) {
	filter := h.opts.filter.WithSince(h.sources[url].from)
	self.Send(url, gennostr.Req{SubscriptionID: subscription, Filters: []nostr.Filter{filter}})
}

// OnEvent hands the note to the queue, which holds it in its relay's window until
// it is delivered: a relay that brings more than the endpoint takes has to wait.
func (h *Hook) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	s := h.sources[relay.URL]
	s.newest = max(s.newest, msg.Event.CreatedAt)
	if !h.seen.add(msg.Event.ID) {
		return nil // another relay was faster, or it came before the outage
	}
	return h.queue.Put(&delivery{event: msg.Event})
}

func (h *Hook) OnEOSE(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EOSEMessage) error {
	h.sources[relay.URL].complete = true
	return nil
}

func cannotWrite(err error) error { return fmt.Errorf("cannot write: %w", err) }

// done is what has come of a delivery. After Ctrl-C it is also called for those
// that have not begun.
func (h *Hook) done(self *gennostr.Self, d *delivery, err error) error {
	defer h.report()
	switch {
	case err == nil:
		h.delivered++
		if _, err := fmt.Fprintf(h.out, "%s delivered%s\n", d.event.ID, afterTries(d.tries)); err != nil {
			return gennostr.Stop(cannotWrite(err))
		}
	case errors.Is(err, gennostr.ErrClientClosed), errors.Is(err, context.Canceled):
		h.left = append(h.left, d.event)
	default:
		h.refused++
		h.say("%s not delivered%s: %v", d.event.ID, afterTries(d.tries), err)
	}
	return nil
}

func afterTries(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" after %d tries", n)
}

func (h *Hook) HandleInfo(self *gennostr.Self, msg any) error {
	if again, ok := msg.(mayAskAgain); ok && h.sources[again.url].request == again.request {
		h.ask(self, again.url)
	}
	return nil
}

type mayAskAgain struct {
	url     string
	request int
}

// OnClosed: a relay has ended the subscription, for a reason that may pass.
func (h *Hook) OnClosed(self *gennostr.Self, relay gennostr.Relay, msg gennostr.ClosedMessage) error {
	h.say("%s has closed the subscription, asking again in %v: %s", relay.URL, askAgain, msg.Message)
	s := h.sources[relay.URL]
	s.lost(nostr.Now())
	self.SendAfter(askAgain, mayAskAgain{relay.URL, s.request})
	return nil
}

// OnDisconnect has only to remember from when to ask: the client reconnects by itself.
func (h *Hook) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	h.say("no connection to %s (attempt %d): %v", relay.URL, relay.Attempts, reason)
	h.sources[relay.URL].lost(nostr.Now())
	return nil
}

func (h *Hook) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	h.say("%s says: %s", relay.URL, msg.Message)
	return nil
}

// OnError gets what else goes wrong. The end of a connection comes here and to
// OnDisconnect, which tells it.
func (h *Hook) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var rejected *gennostr.RejectError
	var unsent *gennostr.SendError
	if errors.As(err, &rejected) || errors.As(err, &unsent) && !errors.Is(err, gennostr.ErrNotConnected) {
		h.say("problem with %s: %v", relay.URL, err)
	}
	return nil
}

// Terminate is the last callback: by now every delivery has ended, or never will.
func (h *Hook) Terminate(self *gennostr.Self, reason error) {
	h.say("%d delivered, %d refused, %d left", h.delivered, h.refused, len(h.left))
	if len(h.left) == 0 {
		return
	}
	from := h.left[0].CreatedAt
	for _, event := range h.left {
		from = min(from, event.CreatedAt)
	}
	h.say("to go on with what is left: -since %d", from)
}

// rememberIDs is how many notes are remembered as taken: some 6 MB.
const rememberIDs = 1 << 16

// memory knows the notes that came last.
type memory struct {
	ids  map[nostr.ID]struct{}
	ring []nostr.ID // in the order they came; next is the oldest once it is full
	next int
	size int
}

func newMemory(size int) *memory { return &memory{ids: make(map[nostr.ID]struct{}), size: size} }

// add reports whether the note is new, and remembers it in the place of the oldest.
func (m *memory) add(id nostr.ID) bool {
	if _, known := m.ids[id]; known {
		return false
	}
	m.ids[id] = struct{}{}
	if len(m.ring) < m.size {
		m.ring = append(m.ring, id)
		return true
	}
	delete(m.ids, m.ring[m.next])
	m.ring[m.next] = id
	m.next = (m.next + 1) % m.size
	return true
}
