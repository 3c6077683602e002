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
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says how relays are dialled and what their connections may do.
// Options compose (L16): with HTTPClient and any of DialContext, Proxy,
// TLSConfig and Policy, the client's *http.Transport is cloned and changed.
type Config struct {
	HTTPClient  *http.Client // nil: a transport of our own
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy       func(*http.Request) (*url.URL, error) // nil: http.ProxyFromEnvironment, but see Policy
	TLSConfig   *tls.Config
	Header      Header // of the handshake, not sent on to another host; without a User-Agent, ours is sent
	// Policy judges every address that is dialled; nil: all may be. A proxy
	// resolves names itself, out of the policy's sight: of a URL behind it only
	// literal addresses and localhost are judged, beside the proxy's own
	// address. So the environment's proxy is not used with a policy; one that is
	// set here or in HTTPClient's transport was chosen, and is.
	Policy           Policy
	Compression      bool          // permessage-deflate without context takeover
	ReadLimit        int64         // bytes of one message, decompressed
	MessageTimeout   time.Duration // from the first byte of a message to its last, but for what is our own time; 0: none
	HandshakeTimeout time.Duration
	WriteTimeout     time.Duration
}

// Dialer dials relays. It may be used from any goroutine.
type Dialer struct {
	cfg    Config      // immutable
	header Header      // immutable: cfg.Header, and a User-Agent in any case
	client http.Client // immutable; its Transport is wrapped anew for each dial
	own    *http.Transport
	born   time.Time       // the dates of its connections are kept relative to it, on the monotonic clock
	ahead  *sync.Pool      // buffers of the bodies; apart, for the runtime holds on to a pool for a while
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	lastWord time.Duration // immutable: lastWordTimeout, but for tests
}

// NewDialer checks that the options can be combined.
func NewDialer(cfg Config) (*Dialer, error) {
	d := &Dialer{cfg: cfg, header: SecretHeader(withUserAgent(cfg.Header.get())), born: time.Now(), ahead: new(sync.Pool), lastWord: lastWordTimeout}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if err := d.setTransport(); err != nil {
		d.cancel()
		return nil, err
	}
	d.client.CheckRedirect = d.checkRedirect(d.client.CheckRedirect)
	return d, nil
}

// setTransport makes the client: theirs, with a transport that has our options.
func (d *Dialer) setTransport() error {
	if d.cfg.HTTPClient != nil {
		d.client = *d.cfg.HTTPClient
	}
	option := d.cfg.transportOption()
	switch {
	case d.cfg.HTTPClient != nil && option == "":
		if d.client.Transport == nil {
			d.client.Transport = http.DefaultTransport
		}
		return nil
	case d.client.Transport == nil: // http.DefaultTransport's dialer would be somebody else's
		d.own = &http.Transport{}
		if d.cfg.Policy == nil {
			d.own.Proxy = http.ProxyFromEnvironment
		}
	default:
		theirs, ok := d.client.Transport.(*http.Transport)
		if !ok {
			return fmt.Errorf("socket: %s cannot be combined with an http.Client whose Transport is a %T: set it there", option, d.client.Transport)
		}
		if d.cfg.DialContext != nil || d.cfg.TLSConfig != nil || d.cfg.Policy != nil {
			if theirs.DialTLSContext != nil {
				return fmt.Errorf("socket: %s cannot be combined with an http.Transport that has a DialTLSContext", option)
			}
			//lint:ignore SA1019 deprecated, and yet net/http would use it
			if theirs.DialTLS != nil {
				return fmt.Errorf("socket: %s cannot be combined with an http.Transport that has a DialTLS", option)
			}
		}
		d.own = theirs.Clone()
	}
	d.adapt(d.own)
	d.client.Transport = d.own
	return nil
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
	theirs := t.DialContext
	//lint:ignore SA1019 deprecated, and yet in use, for Tor
	if dial := t.Dial; theirs == nil && dial != nil {
		theirs = withContext(dial)
	}
	t.DialContext = d.dialContext(theirs)
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
		d.stripHeader(req, via)
		if theirs != nil {
			return theirs(req, via)
		}
		if len(via) > maxRedirects {
			return fmt.Errorf("socket: more than %d redirects", maxRedirects)
		}
		return nil
	}
}

// stripHeader keeps what is meant for the relay from a host that it redirects
// to, and from all that follow. net/http knows of Authorization and cookies only.
func (d *Dialer) stripHeader(req *http.Request, via []*http.Request) {
	home := via[0].URL.Hostname()
	same := func(r *http.Request) bool { return strings.EqualFold(r.URL.Hostname(), home) }
	if same(req) && !slices.ContainsFunc(via, func(r *http.Request) bool { return !same(r) }) {
		return
	}
	for name := range d.cfg.Header.get() {
		delete(req.Header, name)
		req.Header.Del(name)
	}
	req.Header.Del("Referer") // the relay's URL, its query included
	req.Header.Set("User-Agent", userAgent())
}
