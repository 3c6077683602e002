package wire

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrMatchesNothing is in the error of EncodeClient when no filter of the
	// message could match an event: it must not be sent (P18).
	ErrMatchesNothing = errors.New("the filters match nothing")
	// ErrNoFilter is in the error of EncodeClient for a REQ or COUNT without a filter.
	ErrNoFilter = errors.New("no filter")
	// ErrTooManyFilters is in the error of EncodeClient for more than MaxFilters.
	ErrTooManyFilters = errors.New("too many filters")
	// ErrSubscriptionID is in the errors of ValidateSubscriptionID and EncodeClient (P12).
	ErrSubscriptionID = errors.New("bad subscription id")
	// ErrNilEvent is in the error of EncodeClient for a message without its event.
	ErrNilEvent = errors.New("no event")
	// ErrUnsigned is in the error of EncodeClient for an event without id or signature.
	ErrUnsigned = errors.New("the event is not signed")
	// ErrNotAuth is in the error of EncodeClient for an Auth whose event is no answer
	// to a challenge (P39).
	ErrNotAuth = errors.New("not an authentication event")
	// ErrAuthPublished is in the error of EncodeClient for the Publish of an
	// authentication event (P45).
	ErrAuthPublished = errors.New("an AUTH (kind 22242) answers its relay and is never published")
)

// ParseError is why a frame was refused. It repeats no more than a few bytes of
// the frame, and the relay's words where those are all that could be read; it keeps no reference to it.
type ParseError struct {
	Verb   string // the frame's, at most MaxVerb bytes; "" if it was not reached
	Field  string // such as "event.tags[3][1]"; "" for the frame itself
	Offset int    // in bytes from the start of the frame
	Err    error  // a *strictjson.SyntaxError, a *nostr.ParseError (their offsets count from the field's start) or a plain one
	Text   string // what the relay says to people in an OK, CLOSED or NEG-ERR that could not be read, at most MaxText bytes
}

func (e *ParseError) Error() string {
	msg := "wire: "
	if e.Verb != "" {
		msg += presentable(e.Verb) + ": "
	}
	if e.Field != "" {
		msg += e.Field + ": "
	}
	msg += reason(e.Err) + " (byte " + strconv.Itoa(e.Offset) + ")"
	if e.Text != "" {
		msg += "; the relay says " + strconv.Quote(clip(e.Text, shownText))
	}
	return msg
}

// shownText is how many bytes of a relay's words an error message repeats.
const shownText = 160

// clip cuts a text to so many bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

func (e *ParseError) Unwrap() error { return e.Err }

// reason is the text of err without the place, which ParseError gives for the whole frame.
func reason(err error) string {
	switch err := err.(type) {
	case *strictjson.SyntaxError:
		return err.Msg
	case *nostr.ParseError:
		return err.Reason
	}
	return err.Error()
}

// presentable cuts a stranger's verb, and quotes it unless it looks like one.
func presentable(verb string) string {
	verb = verb[:min(len(verb), MaxVerb)]
	for _, c := range []byte(verb) {
		if c != '-' && (c < 'A' || c > 'Z') {
			return strconv.QuoteToASCII(verb)
		}
	}
	return verb
}

// EncodeError is why a message was not encoded.
type EncodeError struct {
	Verb  string
	Field string // such as "filters[2]"
	Err   error
}

func (e *EncodeError) Error() string {
	msg := "wire: " + e.Verb + ": "
	if e.Field != "" {
		msg += e.Field + ": "
	}
	return msg + e.Err.Error()
}

func (e *EncodeError) Unwrap() error { return e.Err }
