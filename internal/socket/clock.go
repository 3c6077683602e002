package socket

import (
	"net/http"
	"time"
)

// clock is what the answer to a handshake says of the peer's clock.
type clock struct {
	ahead time.Duration // of ours, when the answer came
	read  time.Time     // when that was
	known bool
}

// clockOf reads the Date header, which tells the second (RFC 9110, section 6.6.1): in
// the middle of it the peer is expected to be.
func clockOf(h http.Header) clock {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return clock{}
	}
	now := time.Now()
	return clock{date.Add(time.Second / 2).Sub(now), now, true}
}

// Ahead tells how far the peer's clock is ahead of ours, give or take a second and the
// way of the handshake's answer; false if it has not told the time, or nobody knows any more.
func (c *Conn) Ahead() (d time.Duration, known bool) {
	now := time.Now()
	return c.clock.after(now.Sub(c.clock.read), now.Round(0).Sub(c.clock.read.Round(0)))
}

// sleepTolerance is how much longer a time may be by the machine's clock than by its
// counter, as it is where the clock is slewed, without the machine having slept.
const sleepTolerance = 2 * time.Second

// after is how far the peer is ahead when so much time has passed, by the counter that
// nobody sets and by the clock that is asked what time it is. A clock that was set moves
// away from the peer's by as much. But while a machine sleeps the counter stands still:
// if the clock has gained, nobody knows which of the two it was.
func (c clock) after(counted, told time.Duration) (ahead time.Duration, known bool) {
	gained := told - counted
	if !c.known || gained > sleepTolerance {
		return 0, false
	}
	return c.ahead - gained, true
}
