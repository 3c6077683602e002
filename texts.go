package gennostr

import (
	"errors"
	"strings"
)

// Texts of errors. An error that stands in another's text says neither whose it is nor
// of which relay, where the other has said so.

// textPrefix begins the texts of the library's errors.
const textPrefix = "gennostr: "

// relayError is an error about a relay that can leave its URL out.
type relayError interface {
	// inside is its text without the prefix, and without its relay's URL if that is url.
	inside(url string) string
}

// inner is the text of an error inside of another's that has named the relay with this
// URL; "": none.
func inner(err error, url string) string {
	switch e := err.(type) {
	case relayError:
		return e.inside(url)
	case interface{ Unwrap() []error }: // of errors.Join, which has a line for each
		var lines, list []string
		for _, part := range e.Unwrap() {
			lines, list = append(lines, part.Error()), append(list, inner(part, url))
		}
		if strings.Join(lines, "\n") == err.Error() {
			return strings.Join(list, "; ")
		}
	}
	return strings.ReplaceAll(err.Error(), textPrefix, "")
}

// of is "to URL", say, or nothing if that has been said.
func of(word, url, said string) string {
	if url == said || url == "" {
		return ""
	}
	return word + url
}

// dueTo is an error and what lies behind it. errors.Is and As find both.
type dueTo struct{ err, why error }

func (e *dueTo) Error() string            { return e.err.Error() + ": " + inner(e.why, "") }
func (e *dueTo) inside(url string) string { return inner(e.err, url) + ": " + inner(e.why, url) }
func (e *dueTo) Unwrap() []error          { return []error{e.err, e.why} }

// because is an error with what lies behind it, if that says anything else.
func because(err, why error) error {
	if errors.Is(why, err) {
		return why
	}
	return &dueTo{err, why}
}

// asPart is an error that says where another has come from.
type asPart struct {
	where string // with the prefix
	err   error
}

func (e *asPart) Error() string { return e.where + ": " + inner(e.err, "") }
func (e *asPart) inside(url string) string {
	return strings.TrimPrefix(e.where, textPrefix) + ": " + inner(e.err, url)
}
func (e *asPart) Unwrap() error { return e.err }

// renamed has an error say what users know it as, in the place of what it was in the
// package that it comes from. errors.Is and As find both.
func renamed(err, was, as error) error {
	return &knownAs{strings.Replace(err.Error(), was.Error(), as.Error(), 1), as, err}
}

type knownAs struct {
	text    string
	as, err error
}

func (e *knownAs) Error() string   { return e.text }
func (e *knownAs) Unwrap() []error { return []error{e.as, e.err} }
