// Package socket is one websocket to a relay: coder/websocket with the rules
// that a long-lived client needs (DESIGN 3.8). A dial ends with its context,
// wherever it stands; a message is read into the caller's buffer, and no
// further than a limit; writes have a deadline; inbound bytes are dated, so
// that liveness can be judged without being in anybody's way; and a cut works
// at once, because it closes the connection underneath the websocket.
package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Config says how relays are dialled and what their connections may do.
// Options compose (L16): with HTTPClient and any of DialContext, Proxy,
// TLSConfig and Policy, the client's *http.Transport is cloned and changed.
type Config struct {
	HTTPClient       *http.Client // nil: a transport of our own
	DialContext      func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy            func(*http.Request) (*url.URL, error) // nil: http.ProxyFromEnvironment
	TLSConfig        *tls.Config
	Header           http.Header // of the handshake
	Policy           Policy      // nil: every address may be dialled
	Compression      bool        // permessage-deflate without context takeover
	ReadLimit        int64       // bytes of one message, decompressed
	HandshakeTimeout time.Duration
	WriteTimeout     time.Duration
}

// Dialer dials relays. It may be used from any goroutine.
type Dialer struct {
	cfg    Config      // immutable
	client http.Client // immutable; its Transport is wrapped anew for each dial
	own    *http.Transport
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// NewDialer checks that the options can be combined.
func NewDialer(cfg Config) (*Dialer, error) {
	d := &Dialer{cfg: cfg}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if cfg.HTTPClient == nil {
		d.own = &http.Transport{Proxy: http.ProxyFromEnvironment}
		d.adapt(d.own)
		d.client.Transport = d.own
	} else {
		d.client = *cfg.HTTPClient
		if d.client.Transport == nil {
			d.client.Transport = http.DefaultTransport
		}
		if option := cfg.transportOption(); option != "" {
			theirs, ok := d.client.Transport.(*http.Transport)
			if !ok {
				d.cancel()
				return nil, fmt.Errorf("socket: %s cannot be combined with an http.Client whose Transport is a %T: set it there", option, d.client.Transport)
			}
			d.own = theirs.Clone()
			if d.own.DialTLSContext != nil && (cfg.DialContext != nil || cfg.TLSConfig != nil || cfg.Policy != nil) {
				d.cancel()
				return nil, fmt.Errorf("socket: %s cannot be combined with an http.Transport that has a DialTLSContext", option)
			}
			d.adapt(d.own)
			d.client.Transport = d.own
		}
	}
	d.client.CheckRedirect = d.checkRedirect(d.client.CheckRedirect)
	return d, nil
}

// transportOption names an option that needs a transport we may change, "" if there is none.
func (c *Config) transportOption() string {
	switch {
	case c.DialContext != nil:
		return "a DialContext"
	case c.Proxy != nil:
		return "a Proxy"
	case c.TLSConfig != nil:
		return "a TLSConfig"
	case c.Policy != nil:
		return "a dial policy"
	}
	return ""
}

// adapt puts the options into a transport that is ours.
func (d *Dialer) adapt(t *http.Transport) {
	t.DisableKeepAlives = true // a connection that did not become a websocket is of no use
	t.MaxResponseHeaderBytes = maxResponseHeader
	if d.cfg.Proxy != nil {
		t.Proxy = d.cfg.Proxy
	}
	if d.cfg.TLSConfig != nil {
		t.TLSClientConfig = d.cfg.TLSConfig.Clone()
	}
	t.DialContext = d.dialContext(t.DialContext)
}

// maxResponseHeader bounds the header of a handshake's answer, in bytes.
const maxResponseHeader = 64 << 10

// Close closes idle connections and ends dials that are left over.
func (d *Dialer) Close() {
	d.cancel()
	if d.own != nil {
		d.own.CloseIdleConnections()
	}
}

var errDowngrade = errors.New("socket: redirect from TLS to plain text refused")

// maxRedirects is how many redirects of a handshake are followed.
const maxRedirects = 5

// checkRedirect never lets a redirect take the encryption away.
func (d *Dialer) checkRedirect(theirs func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" && req.URL.Scheme != "wss" {
			return errDowngrade
		}
		if theirs != nil {
			return theirs(req, via)
		}
		if len(via) > maxRedirects {
			return fmt.Errorf("socket: more than %d redirects", maxRedirects)
		}
		return nil
	}
}
