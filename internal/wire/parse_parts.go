package wire

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// One bad part never costs the rest of a relay's message: an OK is waited for, and so is
// the end of a subscription. So what stands beside that is read as it can only be
// meant, or left out, and reported; and where a message cannot be given to
// anybody, its text is told all the same.

// MaxText is how many bytes of the relay's words an error keeps.
const MaxText = 1024

// leave notes that a part of the message was left out or repaired. The first one is told.
func (p *parser) leave(field string, offset int, err error) {
	if p.partial != nil {
		return
	}
	if e, ok := err.(*strictjson.SyntaxError); ok {
		offset = e.Offset
	}
	p.partial = p.fail(field, offset, err)
}

// text reads a string for people, repaired if need be.
func (p *parser) text(field string) (string, error) {
	text, problem, err := p.s.Text()
	if err != nil {
		return "", p.syntax(field, err)
	}
	if problem != nil {
		p.leave(field, p.s.Pos(), problem)
	}
	return text, nil
}

// eventID reads the id in an OK, with digits of either case: it names something that is
// known, and is not hashed.
func (p *parser) eventID(id *nostr.ID) error {
	start, ahead := p.s, p.s
	err := p.s.Hex(id[:])
	if err == nil {
		return nil
	}
	if b, bad := ahead.String(nil); bad == nil && len(b) == 2*len(id) {
		if _, bad := hex.Decode(id[:], b); bad == nil {
			p.s = ahead
			return nil
		}
	}
	p.s, *id = start, nostr.ID{}
	return p.syntax("event id", err)
}

var errNumberForm = errors.New("an integer that is not written as one")

// number reads an integer from 0 to 2⁶³-1, also one in quotes ("12") or with an empty fraction or an
// exponent (12.0, 1e3), as languages without integers write it. Where the value is
// no such integer it is passed over, and problem says why; err is for what is no JSON.
func (p *parser) number(field string) (n int64, problem, err error) {
	p.s.SkipSpace()
	start, ahead := p.s.Pos(), p.s
	if err := p.s.Skip(); err != nil {
		return 0, nil, p.syntax(field, err)
	}
	whole, problem := ahead.Uint64(math.MaxInt64)
	if problem == nil {
		return int64(whole), nil, nil
	}
	value := string(p.s.Since(start))
	if quoted, err := strconv.Unquote(value); err == nil && value[0] == '"' {
		value = quoted
	}
	n, ok := integer(value)
	if !ok {
		return 0, problem, nil
	}
	p.leave(field, start, errNumberForm)
	return n, nil, nil
}

// integer reads digits, or a float that is an integer and exact.
func integer(s string) (int64, bool) {
	if len(s) > 32 || s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return 0, false // hexadecimal floats and underscores are Go's, not a relay's
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || f > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// withText adds to the error of an OK, CLOSED or NEG-ERR what the relay says in it.
func withText(err error, frame []byte) error {
	var refused *ParseError
	if errors.As(err, &refused) {
		refused.Text = clip(textOf(frame, refused.Verb), MaxText)
	}
	return err
}

// textOf finds the text of a message that could not be read: the element where it should
// be, or of an OK the one before, should the verdict be missing. It needs no sound
// frame, only what stands before the text.
func textOf(frame []byte, verb string) (text string) {
	want := 2
	if verb == verbOK {
		want = 3
	}
	s := strictjson.New(frame)
	if s.Array() != nil {
		return ""
	}
	for n := 0; n <= want; n++ {
		if more, err := s.NextElement(n); err != nil || !more {
			return text
		}
		if s.Peek() != '"' {
			if s.Skip() != nil {
				return text
			}
			continue
		}
		words, _, err := s.Text()
		if err != nil {
			return text
		}
		if n >= 2 && (n == want || words != "true" && words != "false") {
			text = words
		}
	}
	return text
}
