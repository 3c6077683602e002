package socket

import (
	"net/http"
	"time"
)

// clock is what the answer to a handshake says of the peer's clock.
type clock struct {
	ahead time.Duration
	known bool
}

// clockOf reads the Date header, which tells the second (RFC 9110, section 6.6.1): in
// the middle of it the peer is expected to be.
func clockOf(h http.Header) clock {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return clock{}
	}
	return clock{time.Until(date.Add(time.Second / 2)), true}
}

// Ahead tells how far the peer's clock was ahead of ours in the handshake, give or take a
// second and the way of the answer; false if it has not told the time.
func (c *Conn) Ahead() (d time.Duration, known bool) { return c.clock.ahead, c.clock.known }
