package socket

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// HasProxy tells whether the dialer's own transport asks for a proxy.
func (d *Dialer) HasProxy() bool { return d.own != nil && d.own.Proxy != nil }

// HearFor sets how long a peer that takes nothing more is heard, in place of lastWordTimeout.
func (d *Dialer) HearFor(long time.Duration) { d.lastWord = long }

// TransportDial dials as the dialer's own transport does.
func (d *Dialer) TransportDial(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.own.DialContext(ctx, network, addr)
}

// Read is Next and Message.
func (c *Conn) Read(buf []byte) (text bool, msg []byte, err error) {
	if text, err = c.Next(); err != nil {
		return false, nil, err
	}
	msg, err = c.Message(buf)
	return text, msg, err
}

// Body is what lies underneath a websocket.
type Body = body

// NewBody returns one that reads from rwc and shares buffers with others.
func NewBody(rwc io.ReadWriteCloser, buffers *sync.Pool) *Body {
	c := &Conn{dialer: &Dialer{ahead: buffers, born: time.Now()}}
	c.body.ReadWriteCloser, c.body.conn = rwc, c
	return &c.body
}

// Holds tells whether the body holds a buffer.
func (b *body) Holds() bool { return b.buffer != nil }

// Ended tells whether a Read has found nothing more.
func (b *body) Ended() bool { return b.ended.Load() }

const ReadAhead = readAhead

// HasTimer tells whether a message has ever had to be waited for.
func (c *Conn) HasTimer() bool { return c.body.deadline.Load() != nil }

// FireLate is the message's timer, which fires so much later than it should have.
// Somebody has to be waiting for the rest of a message.
func (c *Conn) FireLate(by time.Duration) {
	d := c.body.deadline.Load()
	d.mu.Lock()
	d.timer.Stop()
	d.due = d.now() - by
	d.mu.Unlock()
	d.fire()
}

// After cuts the connection after d, unless that is stopped; late is its timer that
// fires so much too late.
func (c *Conn) After(d time.Duration, cause error) (stop func(), late func(by time.Duration)) {
	a := c.after(d, cause)
	return a.stop, func(by time.Duration) {
		a.mu.Lock()
		a.timer.Stop()
		a.due = time.Now().Add(-by)
		a.mu.Unlock()
		a.ring()
	}
}

// Frames follows a stream.
type Frames struct{ frames }

func (f *Frames) Pass(p []byte) { f.pass(p) }
func (f *Frames) Inside() bool  { return f.inside() }
func (f *Frames) Count() uint32 { return f.count }

// AgentOf is our User-Agent in a program that was built so.
var AgentOf = agentOf

// WhenDone is context.AfterFunc whose stop waits.
var WhenDone = whenDone

// WriteLate is the timer of writes, which fires so much later than it should have.
// Somebody has to be writing.
func (c *Conn) WriteLate(by time.Duration) {
	w := &c.writing
	w.mu.Lock()
	w.timer.Stop()
	w.due = time.Now().Add(-by)
	w.mu.Unlock()
	w.ring()
}

// WriteTimer tells whether it runs.
func (c *Conn) WriteTimer() bool {
	c.writing.mu.Lock()
	defer c.writing.mu.Unlock()
	return c.writing.armed
}
