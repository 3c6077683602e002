package nostrtest

import (
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// handling is one message of a client on its way through the relay, and what
// the faults have to say about it. An honest relay leaves all but the first
// five fields alone. It belongs to the session's reader until the answer is queued.
type handling struct {
	session *session
	verb    string // "" if bad
	frame   []byte
	message wire.ClientMessage
	bad     error

	ignore      bool          // not handled at all
	later       time.Duration // handled so much later, while others go on
	wait        time.Duration // handled so much later, and with it all that follow
	refusal     string        // of EVENT, REQ, COUNT and AUTH
	notice      string        // sent in answer, and nothing else
	noChallenge bool          // "auth-required:" comes without a challenge
	forget      bool          // an event is accepted and neither stored nor sent on
	trustKnown  bool          // an event whose id is stored is not verified

	unlimited   bool                                // no limit of filters, the client's or the relay's
	page        int                                 // stored events per REQ at most; 0 for the relay's own limits
	filter      func(nostr.Filter) nostr.Filter     // what the relay reads in place of a filter, for stored events
	keepExpired bool                                // NIP-40 is not heard of
	maxOpen     int                                 // subscriptions open at once; 0 for the relay's own limit
	maxNotice   string                              // one more is answered with this NOTICE; "" for CLOSED
	answers     []func(wire.ServerMessage) []answer // what becomes of each answer, in this order
}

// answer is what a fault makes of a message from the relay.
type answer struct {
	message wire.ServerMessage
	raw     []byte        // in its stead: a message exactly as given
	after   time.Duration // held back, while others go on
}

// faulty lets the faults strike that are for this message. It reports whether
// the message is to be handled.
func (s *session) faulty(h *handling) bool {
	o := Occasion{Connection: s.number, Verb: h.verb, Frame: string(h.frame)}
	for _, a := range s.relay.faults.due(atMessage, o) {
		switch {
		case a.effect.message != nil:
			s.note(a)
			a.effect.message(h)
		case a.effect.answer != nil:
			s.note(a)
			if a.effect.also != nil {
				a.effect.also(h)
			}
			h.answers = append(h.answers, func(m wire.ServerMessage) []answer { return a.effect.answer(h, m) })
		case a.effect.link != nil:
			s.strike(a, false)
		}
	}
	return !h.ignore && !s.peer.tap.isEnding()
}

// reply sends an answer to the message, or what the faults make of it.
func (h *handling) reply(message wire.ServerMessage) {
	for _, a := range h.rewrite(message) {
		h.session.answer(a)
	}
}

func (h *handling) rewrite(message wire.ServerMessage) []answer {
	out := []answer{{message: message}}
	for _, fault := range h.answers {
		var next []answer
		for _, a := range out {
			if a.message == nil {
				next = append(next, a)
				continue
			}
			for _, b := range fault(a.message) {
				b.after += a.after
				next = append(next, b)
			}
		}
		out = next
	}
	return out
}

// answer queues what a fault has made of an answer.
func (s *session) answer(a answer) {
	item := outItem{message: a.message, raw: a.raw}
	if a.message != nil {
		item.raw = nil
	}
	if a.after <= 0 {
		s.send(item)
		return
	}
	s.after(a.after, func() { s.send(item) })
}

// timers are what a session has to do later. They end with it.
type timers struct {
	mu      sync.Mutex // guards the two below; never held while waiting
	waiting []*time.Timer
	over    bool
	running sync.WaitGroup // a timer that waits, or runs
}

// after calls f on a goroutine of its own after d, unless the session ends before.
func (s *session) after(d time.Duration, f func()) {
	t := &s.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.running.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer t.running.Done()
		t.mu.Lock()
		t.waiting = slices.DeleteFunc(t.waiting, func(other *time.Timer) bool { return other == timer })
		over := t.over
		t.mu.Unlock()
		if !over {
			f()
		}
	})
	t.waiting = append(t.waiting, timer)
}

// end takes back what still waits, and waits for what runs.
func (t *timers) end() {
	t.mu.Lock()
	t.over = true
	for _, timer := range t.waiting {
		if timer.Stop() {
			t.running.Done()
		}
	}
	t.waiting = nil
	t.mu.Unlock()
	t.running.Wait()
}
