package socket

import "net/http"

// Header is a header whose values are nobody's business: tokens, passwords. It is behind a
// function, since fmt reaches whatever stands in the fields of what it is given, and asks
// no method there.
type Header func() http.Header

// SecretHeader puts h, which nobody may change any more, behind a Header.
func SecretHeader(h http.Header) Header { return func() http.Header { return h } }

// Empty tells whether nothing is in it.
func (h Header) Empty() bool { return len(h.get()) == 0 }

func (h Header) get() http.Header {
	if h == nil {
		return nil
	}
	return h()
}
