package socket

import (
	"context"
	"net"
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
