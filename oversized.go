package gennostr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/internal/socket"
)

// oversized takes note of a message over the read limit that was read past; false
// if err is something else. A stored event that no limit of ours admits stands at
// the head of every answer: it costs a report, not the connection each time.
// The reader's goroutine.
func (c *connection) oversized(err error) bool {
	var long *socket.TooLongError
	if !errors.As(err, &long) {
		return false
	}
	verb, id := headOf(long.Head)
	what := "a message"
	switch {
	case id != "":
		what = fmt.Sprintf("%.20s for %.70q", verb, id)
	case verb != "":
		what = fmt.Sprintf("%.20s", verb)
	}
	if verb == "EVENT" {
		if req := c.requests.Refuse(id); req != nil {
			c.Unread(req)
		}
	}
	if verb == "NEG-MSG" {
		if r := c.session(id); r != nil { // nobody waits for the rest of it
			r.end(syncFailure{words: fmt.Sprintf("a message too large to be read: %d bytes, at most %d are", long.Length, long.Limit)}, true)
		}
	}
	c.in.Oversized(fmt.Errorf("%s of %d bytes, at most %d are read", what, long.Length, long.Limit))
	return true
}

// headOf reads what the first bytes of a message say of it: its verb, and the
// string behind that, which is the id of a subscription, and of an event in an OK.
// Empty: they do not say.
func headOf(head []byte) (verb, id string) {
	d := json.NewDecoder(bytes.NewReader(head))
	if start, _ := d.Token(); start != json.Delim('[') {
		return "", ""
	}
	first, _ := d.Token()
	verb, ok := first.(string)
	if !ok || !isVerb(verb) {
		return "", ""
	}
	if verb == "NOTICE" || verb == "AUTH" {
		return verb, ""
	}
	second, _ := d.Token()
	id, _ = second.(string)
	return verb, id
}

// isVerb tells whether a string may stand in an error as the name of a message.
func isVerb(s string) bool {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}
