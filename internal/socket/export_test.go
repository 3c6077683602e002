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
	return &body{ReadWriteCloser: rwc, began: time.Now(), buffers: buffers}
}

// Holds tells whether the body holds a buffer.
func (b *body) Holds() bool { return b.buffer != nil }

// Ended tells whether a Read has found nothing more.
func (b *body) Ended() bool { return b.ended.Load() }

const ReadAhead = readAhead
