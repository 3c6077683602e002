package wire

import (
	"bytes"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// Decoder parses the frames of one relay. It remembers the last few subscription
// ids, so that a stream of events does not allocate them again and again. The zero
// value is ready; a Decoder is for one goroutine at a time.
type Decoder struct {
	ids  [8]string
	next int // the slot that the next new id takes
}

// intern returns b as a string, one of those remembered if it can.
func (d *Decoder) intern(b []byte) string {
	for _, id := range &d.ids {
		if id == string(b) {
			return id
		}
	}
	id := string(b)
	if len(id) <= MaxSubscriptionID {
		d.ids[d.next] = id
		d.next = (d.next + 1) % len(d.ids)
	}
	return id
}

// ParseServer is the function of that name.
func (d *Decoder) ParseServer(frame []byte) (ServerMessage, error) {
	event, other, err := d.Decode(frame)
	switch {
	case other != nil:
		return other, nil
	case err != nil:
		return nil, err
	}
	return event, nil
}

// Decode is ParseServer for a reader of many frames: an EVENT, of which there
// are the most, is returned as it is, and costs no allocation beyond those of
// nostr.ParseEvent. For any other message event is zero and other is not nil.
//
// One bad part does not cost the rest: with both other and err the message is good, but
// for what err names, which was left out or repaired. With err alone there is no message; what the
// relay says in it to people is in the error's Text.
func (d *Decoder) Decode(frame []byte) (event Event, other ServerMessage, err error) {
	p := parser{s: strictjson.New(frame), ids: d}
	verb, err := p.open()
	if err != nil {
		return Event{}, nil, err
	}
	if string(verb) == verbEvent {
		p.verb = verbEvent
		event, err = p.serverEvent()
	} else {
		other, err = p.server(verb, frame)
	}
	if err != nil {
		return Event{}, nil, err
	}
	return event, other, p.partial
}

// Split takes an EVENT frame apart without looking into the event: rest is the
// event and what follows it, but for the frame's last bracket. Two frames with
// the same rest hold the same event, or are refused for the same reason. ok is
// false where that is not plain to see; then Decode knows what the frame is.
func (d *Decoder) Split(frame []byte) (subscriptionID string, rest []byte, ok bool) {
	p := parser{s: strictjson.New(frame), ids: d}
	verb, err := p.open()
	if err != nil || string(verb) != verbEvent {
		return "", nil, false
	}
	p.verb = verbEvent
	if subscriptionID, err = p.subscriptionID(); err != nil || p.element("event") != nil {
		return "", nil, false
	}
	rest, ok = bytes.CutSuffix(p.s.Rest(), []byte("]"))
	return subscriptionID, rest, ok
}

// server parses what follows a verb other than EVENT.
func (p *parser) server(verb, frame []byte) (ServerMessage, error) {
	switch string(verb) {
	case verbOK:
		p.verb = verbOK
		m, err := p.ok()
		return m, withText(err, frame)
	case verbEOSE:
		p.verb = verbEOSE
		return p.eose()
	case verbClosed:
		p.verb = verbClosed
		m, err := p.closed()
		return m, withText(err, frame)
	case verbNotice:
		p.verb = verbNotice
		return p.notice()
	case verbAuth:
		p.verb = verbAuth
		return p.challenge()
	case verbCount:
		p.verb = verbCount
		return p.count()
	case verbNegMsg:
		p.verb = verbNegMsg
		return p.negMsg()
	case verbNegErr, verbNegError:
		p.verb = verbNegErr
		m, err := p.negErr()
		return m, withText(err, frame)
	}
	p.verb = string(verb)
	return p.unknown(frame)
}

func (p *parser) serverEvent() (m Event, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	if m.Event, err = p.event(); err != nil {
		return m, err
	}
	return m, p.rest()
}

// ok takes an OK without its message too (P27).
func (p *parser) ok() (m OK, err error) {
	if err := p.element("event id"); err != nil {
		return m, err
	}
	if err := p.eventID(&m.EventID); err != nil {
		return m, err
	}
	if err := p.element("accepted"); err != nil {
		return m, err
	}
	if m.Accepted, err = p.s.Bool(); err != nil { // a verdict is never guessed (L04)
		return m, p.syntax("accepted", err)
	}
	m.Message, err = p.lastText("message")
	return m, err
}

// lastText reads a text that may be missing, or no text at all, and then the rest of the frame. CLOSED and
// NEG-ERR end something, and what they end must not stay open for want of a reason (L06).
func (p *parser) lastText(field string) (string, error) {
	text, closed, err := p.optional(field)
	switch {
	case err != nil:
		return "", err
	case closed:
		return "", p.end()
	}
	return text, p.rest()
}

// eose takes as hints what NIP-67 may mean by them (P36); anything else in their
// place is a trailing element like any other.
func (p *parser) eose() (m EOSE, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	more, err := p.more()
	if err != nil {
		return m, err
	}
	if !more {
		return m, p.end()
	}
	if p.s.Peek() != '[' {
		if err := p.s.Skip(); err != nil {
			return m, p.syntax("hints", err)
		}
	} else if m.Hints, err = p.hints(); err != nil {
		return m, err
	}
	return m, p.rest()
}

func (p *parser) hints() ([]string, error) {
	if err := p.s.Array(); err != nil {
		return nil, p.syntax("hints", err)
	}
	hints := []string{}
	for n := 0; ; n++ {
		more, err := p.s.NextElement(n)
		if err != nil {
			return nil, p.syntax("hints", err)
		}
		if !more {
			return hints, nil
		}
		if p.s.Peek() != '"' {
			if err := p.s.Skip(); err != nil {
				return nil, p.syntax("hints["+strconv.Itoa(n)+"]", err)
			}
			continue
		}
		hint, problem, err := p.s.Text()
		if err != nil {
			return nil, p.syntax("hints["+strconv.Itoa(n)+"]", err)
		}
		if problem == nil && len(hint) <= MaxHint && len(hints) < MaxHints {
			hints = append(hints, hint)
		}
	}
}

func (p *parser) closed() (m Closed, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	m.Message, err = p.lastText("message")
	return m, err
}

func (p *parser) notice() (m Notice, err error) {
	if err := p.element("message"); err != nil {
		return m, err
	}
	if m.Message, err = p.text("message"); err != nil {
		return m, err
	}
	return m, p.rest()
}

func (p *parser) challenge() (m AuthChallenge, err error) {
	if err := p.element("challenge"); err != nil {
		return m, err
	}
	start := p.s.Pos()
	b, err := p.s.String(nil)
	if err != nil {
		return m, p.syntax("challenge", err)
	}
	if len(b) > MaxChallenge {
		return m, p.fail("challenge", start, errChallenge)
	}
	m.Challenge = string(b)
	return m, p.rest()
}

// negErr takes a fourth element as the cap if it is one, and ignores it if it is not (P68).
func (p *parser) negErr() (m NegErr, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	var closed bool
	if m.Reason, closed, err = p.optional("reason"); err != nil {
		return m, err
	}
	if closed {
		return m, p.end()
	}
	more, err := p.more()
	if err != nil {
		return m, err
	}
	if !more {
		return m, p.end()
	}
	if m.Max, _, err = p.number("max"); err != nil {
		return m, err
	}
	return m, p.rest()
}
