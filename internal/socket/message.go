package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/coder/websocket"
)

// The reading half of a Conn: one message after the other, each into the caller's
// buffer, within the read limit, the room there is and the message's time.

// OwnRoom is how large a read buffer may become without asking for room, in bytes.
const OwnRoom = 8 << 10

const (
	minRead     = 2048                        // bytes of a fresh read buffer
	maxSkip     = 8                           // times the read limit: how much of a message is read past
	headKept    = 1024                        // bytes of such a message that are kept
	mostAllowed = math.MaxInt64 / maxSkip / 2 // bytes of a read limit, so that sums do not overflow

	tooBigTimeout = time.Second // for telling the peer why
)

// Next waits for the next message, which Message reads: a connection needs no
// buffer while it waits. Errors: *CloseError, the cause of a Cut, or what the
// network said.
func (c *Conn) Next() (text bool, err error) {
	c.reads = c.body.reads.Load()
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil && c.mayReadOn(err) {
		kind, r, err = c.ws.Reader(context.Background())
	}
	if err != nil {
		return false, c.readEnded(err)
	}
	c.message = r
	return kind == websocket.MessageText, nil
}

// Message reads the message that Next has announced into buf's storage, which
// grows as bytes arrive and never by what a header announces.
//
// One that is over the read limit, by a factor of eight at most, is read past:
// Message returns a *TooLongError, and Next goes on behind it. After all other
// errors nothing more is to be read: those of Next, ErrTooLarge,
// ErrMessageTimeout, and what Room said.
func (c *Conn) Message(buf []byte) (msg []byte, err error) {
	msg = buf[:0]
	for {
		if len(msg) == cap(msg) {
			if msg, err = c.grow(msg); err != nil {
				return nil, err
			}
		}
		space := msg[len(msg):cap(msg)]
		if left := c.limit() + 1 - int64(len(msg)); int64(len(space)) > left {
			space = space[:left]
		}
		n, err := c.read(space)
		msg = msg[:len(msg)+n]
		switch {
		case int64(len(msg)) > c.limit():
			return buf[:0], c.skip(buf, msg)
		case err == io.EOF:
			c.messageRead()
			return msg, nil
		case err != nil:
			return nil, c.readEnded(err)
		}
	}
}

func (c *Conn) limit() int64 { return min(c.dialer.cfg.ReadLimit, mostAllowed) }

// messageRead is for the end of a message.
func (c *Conn) messageRead() {
	if d := c.body.deadline.Load(); d != nil {
		d.forget()
	}
}

// read reads of the message that Next has announced; io.EOF is its end.
func (c *Conn) read(p []byte) (int, error) {
	n, err := c.message.Read(p)
	if err != nil && err != io.EOF && c.mayReadOn(err) {
		err = nil
	}
	if err == io.EOF && c.body.ended.Load() {
		// coder/websocket takes the end of the stream for the end of the
		// message; a whole message needs no byte beyond its own.
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// grow makes a larger buffer of msg, by doubling, and by half of it once that is
// much: less is held that is not needed, at the end and while it is copied.
func (c *Conn) grow(msg []byte) ([]byte, error) {
	size := len(msg) + max(minRead, len(msg))
	if size > OwnRoom {
		size = max(OwnRoom, len(msg)+len(msg)/2)
	}
	// The last step is made from below two thirds of the limit, so that it takes, with what is
	// copied, less than five thirds of it: that is what intake.MostRead counts on.
	if size > OwnRoom && int64(size) >= c.limit()/3*2 {
		size = int(c.limit()) + 1 // it does not take more to see that it is too long
	}
	if size <= OwnRoom {
		return append(make([]byte, 0, size), msg...), nil
	}
	if err := c.needs(size + cap(msg)); err != nil { // while it is copied there are both
		return nil, err
	}
	grown := append(make([]byte, 0, size), msg...)
	_ = c.needs(size) // less than before
	return grown, nil
}

func (c *Conn) needs(bytes int) error {
	if h := c.body.hooks.Load(); h != nil && h.room != nil {
		return h.room(bytes)
	}
	return nil
}

// skip reads past a message that is too long, and says so.
func (c *Conn) skip(buf, msg []byte) error {
	e := &TooLongError{Length: int64(len(msg)), Limit: c.limit(), Head: append([]byte(nil), msg[:min(headKept, len(msg))]...)}
	if len(msg) > OwnRoom {
		_ = c.needs(0) // less than before: the message has no buffer of its own any more
	}
	scratch := buf[:cap(buf)]
	if len(scratch) < minRead {
		scratch = make([]byte, 2*minRead)
	}
	for {
		n, err := c.read(scratch)
		e.Length += int64(n)
		switch {
		case e.Length > maxSkip*c.limit():
			err := fmt.Errorf("%w of %d bytes, %d times and more", ErrTooLarge, c.limit(), maxSkip)
			c.closeFor(err, int(websocket.StatusMessageTooBig), "", tooBigTimeout)
			return err
		case err == io.EOF:
			c.messageRead()
			return e
		case err != nil:
			return c.readEnded(err)
		}
	}
}

// mayReadOn tells, of an error of reading, whether it is only a pong that could
// not be written: the peer may have said why before it stopped listening, and is
// heard for a moment longer. That happens once, for no more pongs are written then.
func (c *Conn) mayReadOn(err error) bool {
	if c.dying != nil || !c.body.broken.Load() || c.body.ended.Load() || isCloseFrame(err) {
		return false
	}
	err = c.ended(err)
	c.dying = &dying{err, c.after(c.dialer.lastWord, err)}
	return true
}

// dying is a connection on which nothing can be written, but something may be read.
type dying struct {
	err   error  // why not
	alarm *alarm // the end of the time for which it is read
}

// readEnded says why reading has ended, and tells it to a writer that waits for it.
func (c *Conn) readEnded(err error) error {
	if c.dying != nil {
		c.dying.alarm.stop()
		if !isCloseFrame(err) {
			err = c.dying.err
		}
	}
	err = c.ended(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.endLocked()
	errors.As(err, &end.word)
	end.told()
	return err
}

func isCloseFrame(err error) bool {
	var frame websocket.CloseError
	return errors.As(err, &frame)
}

// OnRoom has f called before a message's buffer grows beyond OwnRoom, with all the
// bytes that it will take, copying included, and with fewer when part of them
// was given back; what it took at last counts until the caller has let go of the
// message. f may wait, which the message's time does not suffer from, but must return when
// the connection is cut. Its error is Message's, unless it was told of fewer. It
// runs on the reading goroutine. To be called once, before the first Next.
func (c *Conn) OnRoom(f func(bytes int) error) { c.hook(func(h *hooks) { h.room = f }) }

// Slow tells how long the network has been waited for in the middle of the message
// that is being read, and how many bytes came meanwhile; zeros if it was not.
func (c *Conn) Slow() (waited time.Duration, arrived int64) {
	if d := c.body.deadline.Load(); d != nil {
		return d.slow()
	}
	return 0, 0
}

// Lone tells, of a message that has been read, whether more is unlikely to wait
// behind it: it had to be waited for, and nothing is known to have come after it.
func (c *Conn) Lone() bool {
	return c.reads != c.body.reads.Load() && c.body.supply.Load() == caughtUp
}

// OnWait has f called before every read from the network and every write to it, on
// the goroutine that does it: such a call may take long. To be called once,
// before the first Next.
func (c *Conn) OnWait(f func()) { c.hook(func(h *hooks) { h.wait = f }) }

func (c *Conn) hook(set func(*hooks)) {
	var h hooks
	if had := c.body.hooks.Load(); had != nil {
		h = *had
	}
	set(&h)
	c.body.hooks.Store(&h)
}

// Ready tells whether reading goes on without the network: something is known to
// have come behind what was read last, and nobody is writing, whom a pong would
// have to wait for. It stays so until f of OnWait is called.
func (c *Conn) Ready() bool {
	return c.body.supply.Load() == inHand && c.body.writers.Load() == 0
}
