// Package intake takes what one relay sends from bytes to messages that may be
// handled, in an order that never changes: room to parse, parse, asked for by an
// open request, matching its filters, hash, room among what waits, signature. The
// cheap refusals come first, and nothing is delivered, as an event, that has not
// been proven genuine.
//
// An Intake belongs to one connection, and its reader calls Take. It is the
// reader that waits here for room, so that TCP pushes back on this relay only;
// the workers of the verifier never do.
package intake

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Why a frame was refused, beside nostr.ErrBadID, nostr.ErrOtherSerialization and
// nostr.ErrBadSignature.
var (
	ErrMalformed      = errors.New("gennostr: malformed frame")
	ErrUnsolicited    = errors.New("gennostr: unsolicited message")
	ErrFilterMismatch = errors.New("gennostr: event matches no filter")
	ErrVerifierFailed = errors.New("gennostr: verifier failed")
	ErrTooLarge       = errors.New("gennostr: message over the read limit")
)

var (
	errBinary = errors.New("binary message: the protocol has text only")
	errTags   = errors.New("too many tags")
)

// Letter is a message that may be handled. It holds room in its connection's
// window until Release.
type Letter struct {
	Owner   Owner
	Size    int           // bytes reserved for it
	Request *reqs.Request // what it answers; nil for messages that answer none

	// An event, or, where that is nil, another message.
	SubscriptionID string
	Event          *nostr.Event
	Live           bool // the event came after its EOSE (P29)
	Message        wire.ServerMessage
	Ends           bool // it is the CLOSED that ends Request

	InOrder bool // all that came before it has been delivered or refused: not yet when the reader has just read it

	repeat bool // Event is the twins' until it is delivered: most copies are dropped before that

	Number uint64 // of its message among those of the connection: later ones are larger

	Kept atomic.Int32 // its owner's: who still needs its room
}

// Owner is the connection.
type Owner interface {
	mailbox.LongOwner
	// Ended is closed when the connection is over: nothing waits any more.
	Ended() <-chan struct{}
	// Arrived is told of an accepted message that is no event as soon as it has been
	// read, before what stands in front of it has been handled. Reader's goroutine.
	Arrived(wire.ServerMessage)
	// Had tells whether nobody wants an event any more that is proven genuine and
	// answers letter.Request: another copy of it has been delivered. It is then
	// dropped, and takes no room; neither letter nor event is to be kept or changed.
	// On the reader's goroutine and, as Deliver and InOrder, on a verifier's, maybe at once.
	Had(letter *Letter) bool
	// Deliver takes a letter. In order, one at a time, on the reader's goroutine or
	// a verifier's; it must not block.
	Deliver(*Letter)
	// Unread is told of an event that came for a request and was let go, for no fault of the
	// relay's: it would take too much, or the verifier has failed. Any goroutine.
	Unread(*reqs.Request)
	// Garbled is told of a message of a reconciliation of which nothing can be made, so that nobody waits
	// for it: the frame, which is not to be kept, and what is wrong with it. Reader's goroutine.
	Garbled(frame []byte, err error)
	// Refuse takes a frame's refusal: the reason is one of the errors of this
	// package or of package nostr, err says what was wrong. Any goroutine.
	Refuse(reason, err error)
}

// Config says what an Intake works with.
type Config struct {
	Owner    Owner
	Window   *mailbox.Window
	Long     *mailbox.LongMessages
	Requests *reqs.Table
	Trusted  bool   // events are taken as they are: neither hashed nor verified
	MaxTags  int    // of an event
	Drops    bool   // the reader never waits for room in the window: what finds none is dropped, and whoever sent it sees to that
	NoRoom   func() // called when the reader is about to wait for room in the window; nil: nobody wants to know
}

// Intake is one connection's. Made by New.
type Intake struct {
	Config
	shared *Shared
	lane   *verify.Lane[*Letter]
	long   *mailbox.LongMessage // the reader's: its part of Long, nil until a message needs one
	count  counters

	taken   uint64      // messages; the reader's
	held    atomic.Bool // the reader waits for room: the relay's silence is our doing (DESIGN 3.6)
	wasHeld atomic.Bool // it has waited since HeldUp was last asked
	hurried atomic.Bool // see Hurry
	lacks   atomic.Bool // see Lacks; written by the reader
}

// New makes the intake of a connection.
func New(s *Shared, cfg Config) *Intake {
	in := &Intake{Config: cfg, shared: s}
	in.lane = verify.NewLane(s.Pool, in.deliver)
	return in
}

// Lane is the intake's way through the verifier: the reader tells it when it has
// more at hand and when it is about to wait.
func (in *Intake) Lane() *verify.Lane[*Letter] { return in.lane }

// Drain returns when all that was taken has been delivered or refused, and gives
// up what the reader was waiting for. The reader's last call.
func (in *Intake) Drain() {
	in.Window.Abandon() // room that was promised to this reader is no longer kept from others
	in.release()
	in.lane.Drain()
}

// Take takes one message. It waits only for room; false: the connection has ended.
func (in *Intake) Take(b *Buffers, text, lone bool) bool {
	in.count.messages.Add(1)
	if !text {
		in.refuse(ErrMalformed, errBinary)
		return true
	}
	defer in.release() // of what reading and parsing takes, whatever becomes of the message
	if ok, err := in.roomToParse(b); err != nil {
		in.refuse(ErrTooLarge, err)
		in.unread(b)
		return true
	} else if !ok {
		return false
	}
	in.taken++
	letter := b.newLetter()
	*letter = Letter{Owner: in.Owner, Size: len(b.Frame), Number: in.taken}
	unproven, ok := in.judge(b, letter)
	if !ok || letter.Request != nil && in.lacks.Load() {
		return true
	}
	if letter.Event != nil && unproven == nil && in.Owner.Had(letter) {
		in.count.events.Add(1)
		b.reuse(letter)
		return true
	}
	if letter.repeat && unproven != nil && !in.shared.Ours {
		unproven = unproven.Clone() // whatever is done to it: the twins' is everybody's
	}
	in.parsed(b, letter)
	// Room first, verification after: so the verifier's workers never wait for delivery.
	got := in.reserve(letter.Size)
	if letter.Message != nil && got != ended {
		in.Owner.Arrived(letter.Message)
	}
	switch got {
	case ended:
		return false
	case dropped:
		if letter.Request != nil && !in.Drops {
			in.lacks.Store(true)
		}
		return true
	}
	switch {
	case lone && in.shared.Ours:
		in.lane.SubmitLone(letter, unproven)
	case letter.repeat:
		in.lane.SubmitRepeat(letter, unproven)
	default:
		in.lane.Submit(letter, unproven)
	}
	return true
}

// judge parses a frame and fills in the letter. unproven is the event whose
// signature is still to be checked; not ok: the frame was refused.
func (in *Intake) judge(b *Buffers, letter *Letter) (unproven *nostr.Event, ok bool) {
	event, twin, msg, err := in.decode(b)
	if err != nil {
		in.refuse(ErrMalformed, err)
		switch {
		case errors.Is(err, errTags):
			in.unread(b)
			return nil, false
		case msg == nil:
			in.asEvent(b)
			in.asNeg(b, err)
			return nil, false
		} // else a part of it only: what is good is delivered
	}
	if msg != nil {
		letter.Message = msg
		return nil, in.answers(msg, letter)
	}
	e := event.Event
	if !in.wanted(event, letter) {
		return nil, false
	}
	weight := weight(e)
	letter.Size += weight
	if in.Trusted {
		return nil, true
	}
	if !twin.found && !in.hashed(b, e) {
		letter.Request.Refuse()
		return nil, false
	}
	proven := in.shared.Pool.Proven(e)
	if !proven {
		unproven = e
	}
	in.shared.Twins.Saw(in.shared.Twins.Came(&e.ID) || proven || twin.found, twin.found)
	if twin.rest != nil && !proven && !twin.found {
		in.shared.Twins.Add(twin.rest, e, weight)
	}
	letter.repeat = twin.found
	return unproven, true
}

// asEvent counts a frame among what a page brings, if it is an event's: that of the request returned.
func (in *Intake) asEvent(b *Buffers) *reqs.Request {
	if id, _, ok := b.decoder.Split(b.Frame); ok {
		return in.Requests.Refuse(id)
	}
	return nil
}

// asNeg tells of a frame that is a reconciliation's (NIP-77), and cannot be read.
func (in *Intake) asNeg(b *Buffers, err error) {
	var bad *wire.ParseError
	if errors.As(err, &bad) && (bad.Verb == wire.NegMsg{}.Verb() || bad.Verb == wire.NegErr{}.Verb()) {
		in.Owner.Garbled(b.Frame, err)
	}
}

// unread is for a frame that is let go, and may be an event's.
func (in *Intake) unread(b *Buffers) {
	if r := in.asEvent(b); r != nil {
		in.Owner.Unread(r)
	}
}

// twin is what is known of an EVENT frame's bytes beyond what they hold.
type twin struct {
	rest  []byte // the event's, and what follows it; nil if nobody wants to know
	found bool   // they have come before, and their hash was right
}

// decode parses a frame. While other relays send the same events, it knows most
// of them by their bytes: those need not be parsed, nor hashed, a second time.
func (in *Intake) decode(b *Buffers) (e wire.Event, t twin, msg wire.ServerMessage, err error) {
	if !in.Trusted && in.shared.Twins.Hot() {
		if id, rest, ok := b.decoder.Split(b.Frame); ok {
			if known := in.shared.Twins.Find(rest); known != nil {
				return wire.Event{SubscriptionID: id, Event: known}, twin{rest, true}, nil, nil
			}
			t.rest = rest
		}
	}
	e, msg, err = b.decoder.Decode(b.Frame)
	if err == nil && msg == nil && len(e.Event.Tags) > in.MaxTags {
		err = fmt.Errorf("event %s: %w: %d, at most %d are taken", e.Event.ID, errTags, len(e.Event.Tags), in.MaxTags)
	}
	return e, t, msg, err
}

// hashed tells whether the event's id is its hash. That is found out for every
// event but those whose very bytes have been through it: it is what makes all
// other copies of an event worthless to a forger.
func (in *Intake) hashed(b *Buffers, e *nostr.Event) bool {
	b.canonical = e.AppendSerialized(b.canonical[:0])
	err := e.CheckHash(sha256.Sum256(b.canonical))
	switch {
	case err == nil:
		return true
	case errors.Is(err, nostr.ErrOtherSerialization): // the signer's reading of NIP-01 (P04), and no fault of the relay's
		in.count.malformed.Add(1)
		in.refuse(nostr.ErrOtherSerialization, fmt.Errorf("gennostr: event %s: %w", e.ID, err))
	default:
		in.forged(e, nostr.ErrBadID, err)
	}
	return false
}

// wanted tells whether an event answers a request of this connection, and puts it into the letter.
func (in *Intake) wanted(m wire.Event, letter *Letter) bool {
	if m.Event.Kind == nostr.KindClientAuthentication { // P45: never an event to be delivered
		in.Requests.Refuse(m.SubscriptionID)
		in.unsolicited("event %s is an AUTH (NIP-42)", m.Event.ID)
		return false
	}
	var now time.Time
	if !in.Requests.Timeless() { // asking for it costs as much as the judgement
		now = time.Now()
	}
	j := in.Requests.Event(m.SubscriptionID, m.Event, now)
	switch j.Verdict {
	case reqs.Accept:
		letter.Request, letter.Live = j.Request, j.Live
		letter.SubscriptionID, letter.Event = m.SubscriptionID, m.Event
		return true
	case reqs.Late:
		in.count.late.Add(1)
	case reqs.Unknown:
		in.unsolicited("event %s for subscription %.70q", m.Event.ID, m.SubscriptionID)
	case reqs.Mismatch:
		in.count.mismatched.Add(1)
		in.refuse(ErrFilterMismatch, fmt.Errorf("%w: event %s of subscription %.70q", ErrFilterMismatch, m.Event.ID, m.SubscriptionID))
	}
	return false
}

// answers tells whether a message other than EVENT belongs to a request of this
// connection, and puts that into the letter.
func (in *Intake) answers(msg wire.ServerMessage, letter *Letter) bool {
	id, j := in.judgeOther(msg)
	letter.Request, letter.Ends = j.Request, j.Ends
	switch j.Verdict {
	case reqs.Accept:
		return true
	case reqs.Late:
		in.count.late.Add(1)
	default:
		in.unsolicited("%s for subscription %.70q", msg.Verb(), id)
	}
	return false
}

func (in *Intake) judgeOther(msg wire.ServerMessage) (id string, j reqs.Judgement) {
	table, now := in.Requests, time.Now()
	switch m := msg.(type) {
	case wire.EOSE:
		return m.SubscriptionID, table.EOSE(m.SubscriptionID, now)
	case wire.Closed:
		prefix, _ := wire.SplitPrefix(m.Message)
		return m.SubscriptionID, table.Closed(m.SubscriptionID, prefix == "duplicate", now)
	case wire.Count:
		return m.SubscriptionID, table.Count(m.SubscriptionID, now)
	case wire.NegMsg:
		return m.SubscriptionID, table.Neg(m.SubscriptionID, now)
	case wire.NegErr:
		j = table.Neg(m.SubscriptionID, now)
		table.CloseNeg(m.SubscriptionID, now)
		return m.SubscriptionID, j
	}
	return "", reqs.Judgement{} // it answers no request of an id
}

// deliver is the lane's: in order, one at a time, on the reader's goroutine or a verifier's.
func (in *Intake) deliver(letter *Letter, err error) {
	if err != nil {
		in.Window.Release(letter.Size)
		if letter.Request != nil {
			letter.Request.Refuse()
		}
		in.unverified(letter, err)
		return
	}
	if letter.Event != nil {
		in.count.events.Add(1)
	}
	letter.InOrder = true
	if letter.repeat {
		if in.Owner.Had(letter) { // by now: the first copy was being checked when this one came
			in.Window.Release(letter.Size)
			return
		}
		letter.Event = letter.Event.Clone()
	}
	in.Owner.Deliver(letter)
}

// unverified takes the verdict on an event that was not proven genuine. A
// verifier that fails is no fault of the relay's.
func (in *Intake) unverified(letter *Letter, err error) {
	e := letter.Event
	var panicked *verify.PanicError
	switch {
	case errors.As(err, &panicked): // first: no method of what a verifier panicked with is called
		in.refuse(ErrVerifierFailed, fmt.Errorf("%w: event %s: %w", ErrVerifierFailed, e.ID, err))
		if letter.Request != nil {
			in.Owner.Unread(letter.Request)
		}
	case errors.Is(err, verify.ErrStopped): // and so has the client
	default:
		in.forged(e, nostr.ErrBadSignature, err)
	}
}

func (in *Intake) forged(e *nostr.Event, reason, err error) {
	in.count.forged.Add(1)
	in.refuse(reason, fmt.Errorf("gennostr: event %s: %w", e.ID, err))
}

func (in *Intake) unsolicited(format string, args ...any) {
	in.count.unsolicited.Add(1)
	in.refuse(ErrUnsolicited, fmt.Errorf("%w: %s", ErrUnsolicited, fmt.Sprintf(format, args...)))
}

func (in *Intake) refuse(reason, err error) {
	switch reason {
	case ErrMalformed:
		in.count.malformed.Add(1)
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	case ErrTooLarge:
		in.count.oversized.Add(1)
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	in.Owner.Refuse(reason, err)
}

// Oversized takes note of a message that was over the read limit and skipped.
func (in *Intake) Oversized(err error) {
	in.release()
	in.count.messages.Add(1)
	in.refuse(ErrTooLarge, err)
}
