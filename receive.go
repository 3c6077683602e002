package gennostr

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The receiving half of a connection, in the order of DESIGN 4: parse, known
// subscription, filter, hash on the reader's goroutine; space in the window; the
// signature in the lane, unless this very pair of id and signature has been
// proven before; then the mailbox. Of frames that are the same byte for byte only
// the first is parsed and hashed, where that pays.

var errBinary = errors.New("binary message: the protocol has text only")

// intake is what a reader works with while it has a message in hand. Those that
// wait have none, so that a thousand idle relays need a few.
type intake struct {
	decoder   wire.Decoder
	frame     []byte
	lone      bool   // nothing is known to wait behind that frame
	canonical []byte // room for what is hashed, so that the reader's stack stays small
}

// keepBuffer is the largest buffer that is kept between messages, in bytes.
const keepBuffer = 64 << 10

func (c *Client) takeIntake() *intake {
	if in, ok := c.intakes.Get().(*intake); ok {
		return in
	}
	return new(intake)
}

func (c *Client) keepIntake(in *intake) {
	if cap(in.frame) <= keepBuffer && cap(in.canonical) <= keepBuffer {
		c.intakes.Put(in)
	}
}

// frame takes one message through the cheap half of DESIGN 4 on the reader's
// goroutine. It waits only for the window; an error ends the connection.
func (c *connection) frame(in *intake, text bool, frame []byte) error {
	if !text {
		c.reject(ErrMalformed, errBinary)
		return nil
	}
	event, twin, msg, err := c.decode(in, frame)
	if err != nil {
		c.reject(ErrMalformed, err)
		return nil
	}
	letter := &dataLetter{conn: c, size: len(frame)}
	var unproven *nostr.Event
	if msg == nil {
		if !c.asked(event, letter) {
			return nil
		}
		weight := weight(event.Event)
		letter.size += weight
		if !c.cfg.trusted {
			if !twin.found && !c.hashed(in, event.Event) {
				return nil
			}
			proven := c.client.pool.Proven(event.Event)
			if !proven {
				unproven = event.Event
			}
			c.client.twins.Saw(proven || twin.found, twin.found)
			if twin.rest != nil && !proven && !twin.found {
				c.client.twins.Add(twin.rest, event.Event, weight)
			}
		}
	} else {
		if !c.expected(msg, letter) {
			return nil
		}
		letter.msg = received(c.relay, msg)
	}
	// Space first, verification after: so the verifier's workers never wait for delivery.
	if !c.reserve(letter.size) {
		return c.endCause()
	}
	switch {
	case in.lone && c.client.cfg.verifier == nil: // a verifier of the user's may take its time, but not the reader's
		c.lane.SubmitLone(letter, unproven)
	case twin.found:
		c.lane.SubmitRepeat(letter, unproven)
	default:
		c.lane.Submit(letter, unproven)
	}
	return nil
}

// twin is what is known of an EVENT frame's bytes beyond what they hold.
type twin struct {
	rest  []byte // the event's, and what follows it; nil if nobody wants to know
	found bool   // they have come before, and their hash was right
}

// decode parses a frame. While other relays send the same events, it knows most
// of them by their bytes: those need not be parsed, nor hashed, a second time.
func (c *connection) decode(in *intake, frame []byte) (e wire.Event, t twin, msg wire.ServerMessage, err error) {
	if !c.cfg.trusted && c.client.twins.Hot() {
		if id, rest, ok := in.decoder.Split(frame); ok {
			if known := c.client.twins.Find(rest); known != nil {
				return wire.Event{SubscriptionID: id, Event: known}, twin{rest, true}, nil, nil
			}
			t.rest = rest
		}
	}
	e, msg, err = in.decoder.Decode(frame)
	return e, t, msg, err
}

// hashed tells whether the event's id is its hash. That is found out for every
// event but those whose very bytes have been through it: it is what makes all
// other copies of an event worthless to a forger.
func (c *connection) hashed(in *intake, e *nostr.Event) bool {
	in.canonical = e.AppendSerialized(in.canonical[:0])
	if sha256.Sum256(in.canonical) == e.ID {
		return true
	}
	c.refused(e, e.CheckID())
	return false
}

// weight is what an event's tags take in memory beside their text, in bytes:
// the window bounds memory, not only frames, and a frame of tiny tags is small.
func weight(e *nostr.Event) int {
	n := 0
	for _, tag := range e.Tags {
		n += 24 + 16*len(tag)
	}
	return n
}

// asked tells whether an event answers a request of this connection, and puts it into the letter.
func (c *connection) asked(m wire.Event, letter *dataLetter) bool {
	if m.Event.Kind == nostr.KindClientAuthentication { // P45: never an event to be delivered
		c.count.unsolicited.Add(1)
		c.reject(ErrUnsolicited, fmt.Errorf("%w: event %s is an AUTH (NIP-42)", ErrUnsolicited, m.Event.ID))
		return false
	}
	verdict, live, ask := c.judge(m)
	switch verdict {
	case reqs.Accept:
		letter.ask = ask
		letter.event = EventMessage{SubscriptionID: m.SubscriptionID, Event: m.Event}
		if live {
			letter.event.Phase = PhaseLive
		}
		return true
	case reqs.Late:
		c.count.late.Add(1)
	case reqs.Unknown:
		c.count.unsolicited.Add(1)
		c.reject(ErrUnsolicited, fmt.Errorf("%w: event %s for subscription %.70q", ErrUnsolicited, m.Event.ID, m.SubscriptionID))
	case reqs.Mismatch:
		c.count.mismatched.Add(1)
		c.reject(ErrFilterMismatch, fmt.Errorf("%w: event %s of subscription %.70q", ErrFilterMismatch, m.Event.ID, m.SubscriptionID))
	}
	return false
}

// judge and judgeOther unlock in a defer: a panic in here is confined to this
// relay (R44), and what ends its connection needs the lock. They say which REQ
// of its id is the current one, too.
func (c *connection) judge(m wire.Event) (v reqs.Verdict, live bool, ask uint64) {
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	var now time.Time
	if !c.reqs.Timeless() { // asking for it costs as much as the judgement
		now = time.Now()
	}
	v, live = c.reqs.Event(m.SubscriptionID, m.Event, now)
	return v, live, c.currentAsk(m.SubscriptionID)
}

func (c *connection) judgeOther(msg wire.ServerMessage) (id string, v reqs.Verdict, ask uint64) {
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	now := time.Now()
	switch m := msg.(type) {
	case wire.EOSE:
		return m.SubscriptionID, c.reqs.EOSE(m.SubscriptionID, now), c.currentAsk(m.SubscriptionID)
	case wire.Closed:
		return m.SubscriptionID, c.reqs.Closed(m.SubscriptionID, now), c.currentAsk(m.SubscriptionID)
	case wire.Count:
		return m.SubscriptionID, c.reqs.Count(m.SubscriptionID, now), 0
	case wire.NegMsg:
		return m.SubscriptionID, c.reqs.Neg(m.SubscriptionID, now), 0
	case wire.NegErr:
		v = c.reqs.Neg(m.SubscriptionID, now)
		c.reqs.CloseNeg(m.SubscriptionID, now)
		return m.SubscriptionID, v, 0
	}
	return "", reqs.Accept, 0
}

func (c *connection) currentAsk(id string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asks[id]
}

// overtaken tells, when a message is about to be handled, whether the handler
// has closed or replaced its request since it arrived: then it is late, like
// one that arrives only now. A CLOSED that is handled ends its request.
func (l *dataLetter) overtaken() bool {
	if l.ask == 0 {
		return false
	}
	id := l.event.SubscriptionID
	c := l.conn
	switch m := l.msg.(type) {
	case EOSEMessage:
		id = m.SubscriptionID
	case ClosedMessage:
		id = m.SubscriptionID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asks[id] != l.ask {
		c.count.late.Add(1)
		return true
	}
	if _, ok := l.msg.(ClosedMessage); ok {
		delete(c.asks, id)
	}
	return false
}

// expected tells whether a message other than EVENT belongs to a request of this connection.
func (c *connection) expected(msg wire.ServerMessage, letter *dataLetter) bool {
	id, verdict, ask := c.judgeOther(msg)
	switch verdict {
	case reqs.Accept:
		letter.ask = ask
		return true
	case reqs.Late:
		c.count.late.Add(1)
	default:
		c.count.unsolicited.Add(1)
		c.reject(ErrUnsolicited, fmt.Errorf("%w: %s for subscription %.70q", ErrUnsolicited, msg.Verb(), id))
	}
	return false
}

// reserve takes space in the window, and waits for it if need be: then the
// reader stands still, and TCP pushes back on this relay. False: the connection was cut.
func (c *connection) reserve(size int) bool {
	if c.window.Reserve(size) {
		return true
	}
	c.lane.Pause()
	c.held.Store(true)
	c.wasHeld.Store(true)
	defer c.held.Store(false)
	for {
		select {
		case <-c.window.Freed():
			if c.window.Reserve(size) {
				return true
			}
		case <-c.ended:
			return false
		}
	}
}

// deliver is the lane's: in order, one at a time, on the reader's goroutine or a verifier's.
func (c *connection) deliver(letter *dataLetter, err error) {
	if err != nil {
		c.window.Release(letter.size)
		c.refused(letter.event.Event, err)
		return
	}
	switch m := letter.msg.(type) {
	case nil:
		c.count.events.Add(1)
		c.served()
	case EOSEMessage:
		c.served()
	case OKMessage:
		if m.Accepted {
			c.served()
		}
	}
	if !c.client.mail.Put(letter) {
		c.window.Release(letter.size) // the client has stopped
	}
}

// served notes that the relay has brought something that was waited for.
func (c *connection) served() {
	if !c.useful.Load() { // which is cheaper, once for every event
		c.useful.Store(true)
	}
}

// refused takes the verdict on an event that was not proven genuine. A
// verifier that fails is no fault of the relay's.
func (c *connection) refused(e *nostr.Event, err error) {
	reason := nostr.ErrBadSignature
	var panicked *verify.PanicError
	switch {
	case errors.As(err, &panicked): // first: no method of what a verifier panicked with is called
		c.reject(ErrVerifierFailed, fmt.Errorf("%w: event %s: %w", ErrVerifierFailed, e.ID, err))
		return
	case errors.Is(err, verify.ErrStopped):
		return // the client has stopped
	case errors.Is(err, nostr.ErrBadID):
		reason = nostr.ErrBadID
	}
	c.count.forged.Add(1)
	c.reject(reason, fmt.Errorf("gennostr: event %s: %w", e.ID, err))
	c.mu.Lock()
	c.forgeries++
	limit := c.cfg.forgeryLimit > 0 && c.forgeries == c.cfg.forgeryLimit
	c.mu.Unlock()
	if limit {
		c.cut(ErrForgeryLimit)
	}
}
