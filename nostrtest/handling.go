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
// six fields alone. It belongs to the session's reader until the answer is queued.
type handling struct {
	session *session
	verb    string // "" if bad
	frame   []byte
	message wire.ClientMessage
	bad     error
	unknown []string // conditions of the filters that message does not hold

	ignore      bool                                // not handled at all
	later       time.Duration                       // handled so much later, while others go on
	wait        time.Duration                       // handled so much later, and with it all that follow
	refusal     string                              // of EVENT, REQ, COUNT, AUTH, NEG-OPEN and NEG-MSG
	notice      string                              // sent in answer, and nothing else
	badNotice   bool                                // what cannot be parsed is answered with NOTICE, whomever it names
	noChallenge bool                                // "auth-required:" comes without a challenge
	exactURL    bool                                // AUTH names the relay byte for byte
	answers     []func(wire.ServerMessage) []answer // what becomes of each answer, in this order

	// Of EVENT.
	forget     bool                // it is accepted and neither stored nor sent on
	trustKnown bool                // one whose id is stored is not verified
	outcomes   map[verdict]outcome // what OK says in place of the honest text
	admission  admission           // how the store takes it in
	mute       bool                // OK of an ephemeral one says who has heard it
	liveFirst  bool                // subscriptions get it before its OK is sent
	liveOld    bool                // subscriptions get it although a newer version is known

	// Of REQ, and most of COUNT and NEG-OPEN.
	unlimited   bool                              // no limit of filters, the client's or the relay's
	page        int                               // stored events per filter at most; 0 for the relay's own limits
	most        int                               // stored events per REQ at most; 0 for any number
	filter      func(nostr.Filter) nostr.Filter   // what the relay reads in place of a filter, for stored events
	heedless    bool                              // unknown conditions are passed over
	keepExpired bool                              // NIP-40 is not heard of
	looseTags   bool                              // tag conditions are looked for anywhere in the tags of stored events
	perFilter   bool                              // an event comes once for each filter that it matches
	perValue    bool                              // and a stored one for each time that the filter repeats what it matches
	firstOnly   int                               // so many filters are heeded; 0 for all
	lastOnly    bool                              // only the last filter is heeded
	deafToIDs   bool                              // a filter with ids gets nothing live
	crossed     bool                              // see CrossedListeners
	samePage    bool                              // the next page is the first one again
	hidden      func(*session, *nostr.Event) bool // events that this client is not shown; asked with Relay.mu held
	filterCap   int                               // more filters are refused; 0 for the relay's own limit
	valueCap    int                               // longer lists in a filter are refused; 0 for any length
	addToOpen   bool                              // a REQ whose id is open adds to it
	openIDs     bool                              // a REQ whose id is open is refused
	maxOpen     int                               // subscriptions open at once; 0 for the relay's own limit
	maxAnswer   capAnswer                         // how one more is told
	closeText   *string                           // CLOSE is answered with CLOSED and this text

	// Of NEG-OPEN and NEG-MSG.
	negentropyCap      int                          // more events are refused, without a number; 0 for the relay's own limit
	loseReconciliation bool                         // it is forgotten once its first message is answered
	idle               time.Duration                // after which it is forgotten; 0 for never
	payload            func(*Reconciliation) []byte // what the answer says
}

// answer is what a fault makes of a message from the relay: another message, or
// one that is only a text.
type answer struct {
	message wire.ServerMessage
	raw     []byte        // the text; nil for that of message
	after   time.Duration // held back, while others go on
	spoilt  bool          // has met the faults of what is sent, and does not meet them again
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
			if a.message == nil { // beyond recognition
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

// answer queues what a fault has made of an answer, or of a message on its way.
func (s *session) answer(a answer) {
	item := outItem{message: a.message}
	if a.raw != nil {
		item = outItem{raw: a.raw, spoilt: a.spoilt}
	}
	if a.after <= 0 {
		s.send(item)
		return
	}
	s.after(a.after, func() { s.send(item) })
}

// timers are what a session has to do later. They end with it.
type timers struct {
	turn    chan struct{}  // full while somebody does what is due, so that the order is kept
	running sync.WaitGroup // timers that have not fired, or are at it

	mu      sync.Mutex // guards the two below; never held while waiting
	waiting []*later   // by when they are due, and of one instant in the order of after
	over    bool
}

// later is something to be done.
type later struct {
	due   time.Time
	do    func()
	timer *time.Timer
}

// after calls f on another goroutine after d, unless the session ends before.
func (s *session) after(d time.Duration, f func()) {
	t := &s.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.running.Add(1)
	l := &later{due: time.Now().Add(d), do: f}
	at, _ := slices.BinarySearchFunc(t.waiting, l, func(other, l *later) int {
		if other.due.After(l.due) {
			return 1
		}
		return -1 // equal ones come before
	})
	t.waiting = slices.Insert(t.waiting, at, l)
	l.timer = time.AfterFunc(d, s.doWhatIsDue)
}

// doWhatIsDue is what a timer calls: it need not be the one that fires first
// whose goroutine runs first.
func (s *session) doWhatIsDue() {
	t := &s.timers
	defer t.running.Done()
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	for {
		t.mu.Lock()
		if t.over || len(t.waiting) == 0 || t.waiting[0].due.After(time.Now()) {
			t.mu.Unlock()
			return
		}
		next := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.mu.Unlock()
		s.do(next.do)
	}
}

// do calls f. A policy may panic in it, which ends the connection as it does on
// the session's reader.
func (s *session) do(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.report(p)
			_ = s.peer.Close()
		}
	}()
	f()
}

// end takes back what still waits, and waits for what runs.
func (t *timers) end() {
	t.mu.Lock()
	t.over = true
	for _, l := range t.waiting {
		if l.timer.Stop() {
			t.running.Done()
		}
	}
	t.waiting = nil
	t.mu.Unlock()
	t.running.Wait()
}
