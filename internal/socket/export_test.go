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
