package gennostr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Publications: an event is handed to relays until each has given its verdict.

// defaultGiveUp is how long a relay has for its verdict.
const defaultGiveUp = time.Minute

// PublishOption configures a publication.
type PublishOption interface{ applyPublish(*publishConfig) error }

type publishOption func(*publishConfig) error

func (f publishOption) applyPublish(c *publishConfig) error { return f(c) }

// publishConfig is what they make. Immutable once the publication exists.
type publishConfig struct {
	on      []string          // normal forms; nil: all relays
	written map[string]string // by normal form: how they were written
	atLeast int               // 0: all verdicts are waited for
	giveUp  time.Duration
}

func (o on) applyPublish(c *publishConfig) (err error) {
	c.on, err = o.add(c.on)
	c.written = o.spell(c.written)
	return err
}

// AtLeast waits until k relays have the event, or so many cannot have it any more,
// rather than for the verdicts of all. The others go on behind, as long as the client
// runs. Default: all verdicts are waited for, and one relay that has it is success.
func AtLeast(k int) PublishOption {
	return publishOption(func(c *publishConfig) error { c.atLeast = k; return positive("AtLeast", k) })
}

// GiveUpAfter says how long a publication goes on: until then the event is sent again
// after a reconnect, after an AUTH, and, more and more slowly, after "rate-limited:".
// Then the relay's last words are the verdict. Default: 1 minute.
func GiveUpAfter(d time.Duration) PublishOption {
	return publishOption(func(c *publishConfig) error { c.giveUp = d; return positive("GiveUpAfter", d) })
}

// Verdict is what became of an event on a relay.
type Verdict uint8

const (
	// Pending: there is no verdict yet.
	Pending = Verdict(outcome.Open)
	// Accepted: the relay has said OK.
	Accepted = Verdict(outcome.Accepted)
	// Duplicate: the relay had the event already.
	Duplicate = Verdict(outcome.Duplicate)
	// Superseded: the relay has a newer version of this replaceable or addressable event,
	// and does not keep this one. Relays say so in many words, some with OK true.
	Superseded = Verdict(outcome.Superseded)
	// Refused: the relay has said no, or the event exceeds a limit of its, which Err tells.
	Refused = Verdict(outcome.Refused)
	// Unanswered: the relay has not answered in time, or there was no connection to it. Err
	// says what was waited for.
	// If Tries is not 0 it may have the event all the same.
	Unanswered = Verdict(outcome.Unanswered)
)

// String is a word for logs.
func (v Verdict) String() string {
	if v == Pending {
		return "pending"
	}
	return outcome.Verdict(v).String()
}

// Has tells whether the relay has the event: Accepted or Duplicate.
func (v Verdict) Has() bool { return outcome.Verdict(v).Has() }

// Outcome is where a publication stands on one relay.
type Outcome struct {
	URL     string // the relay's identity, as in [Relay]
	Verdict Verdict
	Message string // the relay's words, "prefix: text"; at most 1,024 bytes
	Tries   int    // how often the event was sent
	// Err is what the relay has not said itself: *[LimitError], *[ClockError],
	// [ErrUnknownRelay], [ErrNotConnected] with the reason, [ErrRelayRemoved],
	// [ErrClientClosed], why there was no AUTH, context.DeadlineExceeded with what was
	// waited for, …; nil where its words say it all, and never of what is Unanswered.
	Err error

	hint string // of what is Refused: what the relay says of itself that may explain it
}

func (o Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", o.URL, o.Verdict)
	if o.Message != "" {
		fmt.Fprintf(&b, " %q", o.Message)
	}
	if o.Verdict == Unanswered && o.Tries > 0 {
		fmt.Fprintf(&b, " (sent %d times)", o.Tries)
	}
	if o.hint != "" {
		fmt.Fprintf(&b, " (%s)", o.hint)
	}
	if o.Err != nil {
		b.WriteString(": " + inner(o.Err, o.URL))
	}
	return b.String()
}

// PublishReport is where a publication stands on its relays.
type PublishReport struct {
	Event    *nostr.Event // a copy of what was published
	Outcomes []Outcome    // one for each relay, sorted by URL, or in the order of [On]
	AtLeast  int          // as it was asked for ([AtLeast]); 0: all verdicts

	cause error // why there is no more in it, if that is no relay's doing
}

// Count is how many relays have the event.
func (r PublishReport) Count() (n int) {
	for _, o := range r.Outcomes {
		if o.Verdict.Has() {
			n++
		}
	}
	return n
}

// Err is nil if enough relays have the event: as many as [AtLeast] says, or one. Else
// it is a *[PublishError].
func (r PublishReport) Err() error {
	if r.Count() >= max(1, r.AtLeast) {
		return nil
	}
	return &PublishError{r}
}

// PublishError is a publication that too few relays have. errors.Is and As find the Err
// of each [Outcome], and what ended it before there was one: [ErrNoRelay],
// [ErrPublishQueueFull], [ErrClientClosed], what is wrong with the event or an option,
// or the cause of the context of whoever has waited.
type PublishError struct{ Report PublishReport }

// mostOutcomes is of how many relays the text of a PublishError tells.
const mostOutcomes = 5

func (e *PublishError) Error() string {
	var b strings.Builder
	b.WriteString("gennostr: publish")
	if e.Report.Event != nil {
		fmt.Fprintf(&b, " %.8s", e.Report.Event.ID.String())
	}
	sep := ": "
	if n := len(e.Report.Outcomes); n > 0 {
		fmt.Fprintf(&b, ": %d of %d relays have it", e.Report.Count(), n)
		sep = ", "
		if k := e.Report.AtLeast; k > 0 {
			fmt.Fprintf(&b, ", and %d were wanted", k)
		}
	}
	if e.Report.cause != nil {
		b.WriteString(sep + inner(e.Report.cause, ""))
	}
	told := 0
	for _, o := range e.Report.Outcomes {
		if o.Verdict.Has() {
			continue
		}
		if told++; told > mostOutcomes {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %v", o)
	}
	return b.String()
}

// Unwrap gives the causes.
func (e *PublishError) Unwrap() (causes []error) {
	if e.Report.cause != nil {
		causes = append(causes, e.Report.cause)
	}
	for _, o := range e.Report.Outcomes {
		if o.Err != nil {
			causes = append(causes, o.Err)
		}
	}
	return causes
}

// Publish hands an event, which has to be signed, to all relays of the client or those
// of [On], and waits for their verdicts, or as [AtLeast] says. It is a copy that is
// published: the program may change its own at once.
//
// Success is an OK of a relay and nothing else. An event whose connection ends before
// the OK is sent again on the next; after "auth-required:" when an AUTH was accepted;
// after "rate-limited:" later, and the relay gets all others more slowly, too
// (see [WithPublishPace]). All of that until [GiveUpAfter]. What a relay has hung up on
// twice because it is too long (close code 1009) is not sent there again.
//
// What exceeds a limit that a relay states in its information document (NIP-11) is not
// sent there: *[LimitError]. The document is read with the first publication. Most
// events are not held up by that; one of more than 16 KiB or 100 tags, or dated more than
// ten minutes off, waits for it, for five seconds of a connection at most.
//
// The error is nil if one relay has it, or as many as AtLeast says, else a
// *[PublishError]. ctx ends the waiting and not the publication: what was not decided
// is [Pending] then. What is open when the client stops gets [ErrClientClosed], after
// relays have had time to answer what was sent. In a callback it holds up the handler, for
// which there is [Self.Publish]; in Init, with self.Context(), it is [ErrCallingSelf].
func (c *Client) Publish(ctx context.Context, event *nostr.Event, opts ...PublishOption) (PublishReport, error) {
	if c.inInit(ctx) {
		r := unpublished(event, ErrCallingSelf)
		return r, r.Err()
	}
	p, err := c.StartPublish(event, opts...)
	if err != nil {
		var failed *PublishError
		errors.As(err, &failed) // it is one
		return failed.Report, err
	}
	return p.Wait(ctx)
}

// StartPublish is [Client.Publish] for who does not want to wait, or wants to hear of
// each relay. It fails at once with a *[PublishError] if the event is not signed
// ([ErrUnsigned]), its id is not its hash (nostr.ErrBadID) or it is an AUTH
// ([ErrAuthPublished]), an option makes no sense, [WithPublishQueue] publications are
// open ([ErrPublishQueueFull]), or the client has stopped ([ErrClientClosed]).
func (c *Client) StartPublish(event *nostr.Event, opts ...PublishOption) (*Publication, error) {
	p, err := c.newPublication(event, opts)
	if err == nil {
		err = c.beginPublication(p)
	}
	if err != nil {
		return nil, unpublished(event, err).Err()
	}
	return p, nil
}

// Publish is [Client.Publish] for callbacks: it waits for nothing. then runs on the
// client's goroutine, like any callback, when the verdicts are there; what it returns is
// judged like the error of a callback. Without then a failure goes to OnError, as a
// *[PublishError].
//
// What is published in Init begins when Init has returned: then the relays of
// [WithRelays] are the client's, too.
//
// While the client stops, then runs before Terminate. It does not run after a panic, or
// when Start's context has ended. What is published by such a then, or in Terminate, is
// sent to the relays that are connected, and nobody waits to be told what became of it:
// the report is that of [ErrClientClosed], and in Terminate there is none.
func (s *Self) Publish(event *nostr.Event, then func(PublishReport) error, opts ...PublishOption) {
	c := s.c
	p, err := c.newPublication(event, opts)
	if err == nil {
		p.inside, p.then = true, then
		err = c.beginPublication(p)
	}
	if err != nil {
		c.refusePublication(unpublished(event, err), then)
	}
}

// unpublished is the report of what did not become a publication.
func unpublished(event *nostr.Event, why error) PublishReport {
	r := PublishReport{cause: why}
	if event != nil {
		r.Event = event.Clone()
	}
	return r
}

// newPublication checks and encodes what is to be published, once for all relays. The
// hash is checked, for an event that was changed after it was signed is a frequent
// mistake; the signature is not, which takes longer than all the rest together and
// is what every relay checks.
func (c *Client) newPublication(event *nostr.Event, opts []PublishOption) (*Publication, error) {
	cfg := publishConfig{giveUp: defaultGiveUp}
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("gennostr: nil PublishOption")
		}
		if err := o.applyPublish(&cfg); err != nil {
			return nil, err
		}
	}
	if event == nil {
		return nil, errNilEvent
	}
	frame, err := wire.EncodeClient(wire.Publish{Event: event})
	if err == nil {
		err = event.CheckID()
	}
	if err != nil {
		return nil, err
	}
	now := c.now()
	return &Publication{
		c: c, event: event.Clone(), frame: frame, cfg: cfg,
		begun: now, until: now.Add(cfg.giveUp), decided: make(chan struct{}),
	}, nil
}

// beginPublication hands a publication to the supervisor, if there is room for it.
func (c *Client) beginPublication(p *Publication) error {
	if c.publications.Add(1) > int64(c.cfg.publishQueue) {
		c.publications.Add(-1)
		return fmt.Errorf("%w: %d are open", ErrPublishQueueFull, c.cfg.publishQueue)
	}
	if !c.sup.inbox.Put(published{p}) {
		c.publications.Add(-1)
		return c.closedErr()
	}
	return nil
}

// refusePublication tells the handler of one that was not begun, as long as
// WithMailboxLimit allows: a handler that publishes faster than relays take it must not
// fill the memory with what it could not do.
func (c *Client) refusePublication(r PublishReport, then func(PublishReport) error) {
	err := c.post(reportLetter(r, then, &c.posted))
	if errors.Is(err, ErrClientClosed) { // there may be a time for it before Terminate
		l := reportLetter(r, then, nil)
		l.lost = r.Err()
		if c.late.Put(l) {
			return
		}
	}
	if err != nil {
		c.log.Warn("event not published", "error", r.Err())
	}
}

// reportLetter is what the handler is told of a publication; room counts it until then,
// unless it is nil. nil: there is nothing to tell.
func reportLetter(r PublishReport, then func(PublishReport) error, room counter) *thenLetter {
	l := &thenLetter{callback: "the continuation of Publish"}
	if then == nil {
		if l.problem = r.Err(); l.problem == nil {
			return nil
		}
		l.room = room
		return l
	}
	l.room = room
	l.then = func(*Self) error { return then(r) }
	return l
}

// counter is an account of what waits.
type counter interface{ Add(int64) int64 }
