package wire

import (
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// Bounds on what a received frame may hold; its own length is the reader's to bound.
const (
	MaxVerb       = 64   // bytes of a verb
	MaxReceivedID = 1024 // bytes of a received subscription id: beyond P12's 64, since refusing those is for whoever keeps the table
	MaxChallenge  = 4096 // bytes of an AUTH challenge, which ends up in an event
	MaxHints      = 16   // hints kept of an EOSE, the others are ignored
	MaxHint       = 64   // bytes of a hint that is kept
	MaxFilters    = 4096 // filters of a REQ or COUNT
)

// fieldID names the second element of most messages.
const fieldID = "subscription id"

var (
	errVerbLength = errors.New("longer than " + strconv.Itoa(MaxVerb) + " bytes")
	errIDLength   = errors.New("longer than " + strconv.Itoa(MaxReceivedID) + " bytes")
	errChallenge  = errors.New("longer than " + strconv.Itoa(MaxChallenge) + " bytes")
	errFilters    = errors.New("more than " + strconv.Itoa(MaxFilters) + " filters")
	errMissing    = errors.New("missing")
	errRepeated   = errors.New("repeated")
	errNotHex     = errors.New("not pairs of hexadecimal digits")
)

// ParseServer parses a frame from a relay. The error is a *ParseError. A reader of
// many frames is better off with a [Decoder].
func ParseServer(frame []byte) (ServerMessage, error) {
	var d Decoder
	return d.ParseServer(frame)
}

// ParseClient parses a frame from a client. The error is a *ParseError.
// Subscription ids are not held to P12 and filters may match nothing: that is for the
// relay to answer.
func ParseClient(frame []byte) (ClientMessage, error) {
	p := parser{s: strictjson.New(frame)}
	m, err := p.client(frame)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// parser reads the elements of one frame.
type parser struct {
	s    strictjson.Scanner
	ids  *Decoder // remembers subscription ids, may be nil
	verb string
	n    int // elements reached

	partial error // the first part of a message that was left out or repaired, nil if none
}

func (p *parser) fail(field string, offset int, err error) error {
	return &ParseError{Verb: p.verb, Field: field, Offset: offset, Err: err}
}

// syntax reports an error of the scanner.
func (p *parser) syntax(field string, err error) error {
	offset := p.s.Pos()
	if e, ok := err.(*strictjson.SyntaxError); ok {
		offset = e.Offset
	}
	return p.fail(field, offset, err)
}

// open reads the start of the frame, up to its verb.
func (p *parser) open() (verb []byte, err error) {
	if err := p.s.Array(); err != nil {
		return nil, p.syntax("", err)
	}
	if err := p.element("verb"); err != nil {
		return nil, err
	}
	start := p.s.Pos()
	verb, err = p.s.String(nil)
	if err != nil {
		return nil, p.syntax("verb", err)
	}
	if len(verb) > MaxVerb {
		return nil, p.fail("verb", start, errVerbLength)
	}
	return verb, nil
}

// more moves to the next element, if there is one.
func (p *parser) more() (bool, error) {
	more, err := p.s.NextElement(p.n)
	if err != nil {
		return false, p.syntax("", err)
	}
	if more {
		p.n++
	}
	return more, nil
}

// element moves to the next element, which has to be there.
func (p *parser) element(field string) error {
	more, err := p.more()
	if err == nil && !more {
		err = p.fail(field, p.s.Pos()-1, errMissing)
	}
	return err
}

// end checks that the frame ends here.
func (p *parser) end() error {
	if err := p.s.End(); err != nil {
		return p.syntax("", err)
	}
	return nil
}

// rest checks the elements that the verb does not have, and ignores them (P34).
func (p *parser) rest() error {
	for {
		more, err := p.more()
		if err != nil {
			return err
		}
		if !more {
			return p.end()
		}
		if err := p.s.Skip(); err != nil {
			return p.syntax("["+strconv.Itoa(p.n-1)+"]", err)
		}
	}
}

// unknown checks the rest of a frame whose verb means nothing here, and copies it.
func (p *parser) unknown(frame []byte) (Unknown, error) {
	if err := p.rest(); err != nil {
		return Unknown{}, err
	}
	return Unknown{Name: p.verb, Raw: append([]byte(nil), frame...)}, nil
}

// optional reads the next element, a string, "" if there is none or it is something
// else: an explanation that is null must not cost what it explains (L06). closed reports
// that the frame's array has ended.
func (p *parser) optional(field string) (text string, closed bool, err error) {
	more, err := p.more()
	if err != nil || !more {
		return "", true, err
	}
	if p.s.Peek() != '"' {
		if err := p.s.Skip(); err != nil {
			return "", false, p.syntax(field, err)
		}
		return "", false, nil
	}
	text, err = p.text(field)
	return text, false, err
}

func (p *parser) subscriptionID() (string, error) {
	const field = fieldID
	if err := p.element(field); err != nil {
		return "", err
	}
	start := p.s.Pos()
	var buf [64]byte
	b, err := p.s.String(buf[:])
	if err != nil {
		return "", p.syntax(field, err)
	}
	if len(b) > MaxReceivedID {
		return "", p.fail(field, start, errIDLength)
	}
	if p.ids != nil {
		return p.ids.intern(b), nil
	}
	return string(b), nil
}

func (p *parser) event() (*nostr.Event, error) {
	if err := p.element("event"); err != nil {
		return nil, err
	}
	start := p.s.Pos()
	ev, n, err := nostr.ParseEvent(p.s.Rest())
	if err != nil {
		return nil, p.nested("event", start, err)
	}
	p.s.Advance(n)
	return ev, nil
}

func (p *parser) filter() (nostr.Filter, error) {
	if err := p.element("filter"); err != nil {
		return nostr.Filter{}, err
	}
	start := p.s.Pos()
	f, n, err := nostr.ParseFilter(p.s.Rest())
	if err != nil {
		return nostr.Filter{}, p.nested("filter", start, err)
	}
	p.s.Advance(n)
	return f, nil
}

// nested reports an error of package nostr, which counts from start.
func (p *parser) nested(field string, start int, err error) error {
	var inner *nostr.ParseError
	if errors.As(err, &inner) {
		start += inner.Offset
		if inner.Field != "" {
			field += "." + inner.Field
		}
	}
	return p.fail(field, start, err)
}

// filters reads all remaining elements, at least one.
func (p *parser) filters() ([]nostr.Filter, error) {
	if err := p.element("filters[0]"); err != nil {
		return nil, err
	}
	var filters []nostr.Filter
	for {
		if len(filters) == MaxFilters {
			return nil, p.fail("filters", p.s.Pos(), errFilters)
		}
		start := p.s.Pos()
		f, n, err := nostr.ParseFilter(p.s.Rest())
		if err != nil {
			return nil, p.nested("filters["+strconv.Itoa(len(filters))+"]", start, err)
		}
		p.s.Advance(n)
		filters = append(filters, f)
		more, err := p.more()
		if err != nil {
			return nil, err
		}
		if !more {
			return filters, p.end()
		}
	}
}

// hex reads the next element, a string of pairs of hexadecimal digits of either case.
func (p *parser) hex(field string) ([]byte, error) {
	if err := p.element(field); err != nil {
		return nil, err
	}
	return p.hexString(field)
}

func (p *parser) hexString(field string) ([]byte, error) {
	start := p.s.Pos()
	b, err := p.s.String(nil)
	if err != nil {
		return nil, p.syntax(field, err)
	}
	decoded := make([]byte, hex.DecodedLen(len(b)))
	if _, err := hex.Decode(decoded, b); err != nil {
		return nil, p.fail(field, start, errNotHex)
	}
	return decoded, nil
}

// negMsg reads the elements of a NEG-MSG, which is the same in both directions.
func (p *parser) negMsg() (m NegMsg, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	if m.Payload, err = p.hex("payload"); err != nil {
		return m, err
	}
	return m, p.rest()
}
