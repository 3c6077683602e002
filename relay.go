package gennostr

import (
	"context"
	"net/netip"
	"time"

	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// Relay names the connection a callback is about. It is small and comparable.
type Relay struct {
	URL         string    // normalised, as nostr.NormalizeURL makes it
	ConnectedAt time.Time // when this connection was opened, zero if it never was
	Attempts    int       // dials since the last stable connection, this one included
}

func (r Relay) String() string { return r.URL }

// RelayState is where a relay stands in its life.
type RelayState uint8

const (
	// RelayDialing: being dialled, or waiting for its turn (WithMaxDials).
	RelayDialing RelayState = iota
	// RelayConnected: the connection is open.
	RelayConnected
	// RelayWaiting: between two attempts, until RelayStatus.NextAttempt.
	RelayWaiting
	// RelayDown: lost, and with WithManualReconnect nobody asked for it back yet.
	RelayDown
)

func (s RelayState) String() string {
	switch s {
	case RelayDialing:
		return "dialing"
	case RelayConnected:
		return "connected"
	case RelayWaiting:
		return "waiting"
	case RelayDown:
		return "down"
	}
	return "unknown"
}

// RelayStatus is a snapshot of one relay of a client.
type RelayStatus struct {
	URL         string
	State       RelayState
	Attempts    int       // dials since the last stable connection
	Connects    int       // connections opened since the relay was added
	ConnectedAt time.Time // of the open connection, else zero
	NextAttempt time.Time // in RelayWaiting: when it is dialled again
	LastError   error     // why the last attempt or connection ended, nil before the first end
	Traffic     Traffic   // since the relay was added
}

// Traffic counts what went over a relay's connections since it was added.
type Traffic struct {
	BytesIn, BytesOut uint64 // inside TLS: frames, headers of frames, pings
	MessagesIn        uint64 // frames of text and binary received
	MessagesOut       uint64 // messages written
	Events            uint64 // events queued for OnEvent: proven genuine, or of a trusted relay
	Late              uint64 // messages of requests closed or replaced a moment before, dropped
	Malformed         uint64 // frames refused, or parts of them: ErrMalformed, nostr.ErrOtherSerialization
	Oversized         uint64 // messages read past: ErrFrameTooLarge
	Unsolicited       uint64 // refused: ErrUnsolicited
	Mismatched        uint64 // refused: ErrFilterMismatch
	Forged            uint64 // refused: nostr.ErrBadID, nostr.ErrBadSignature
	Undelivered       int    // messages received and not yet handled, or held
}

// add sums the counters of an ended connection into those of its relay.
func (t *Traffic) add(u Traffic) {
	t.BytesIn += u.BytesIn
	t.BytesOut += u.BytesOut
	t.MessagesIn += u.MessagesIn
	t.MessagesOut += u.MessagesOut
	t.Events += u.Events
	t.Late += u.Late
	t.Malformed += u.Malformed
	t.Oversized += u.Oversized
	t.Unsolicited += u.Unsolicited
	t.Mismatched += u.Mismatched
	t.Forged += u.Forged
}

// DenyPrivateNetworks is a dial policy for URLs that strangers supplied: it
// refuses loopback, private, link-local and other addresses that are not on
// the public internet, after name resolution, for redirects too. Its error is
// ErrAddressDenied.
func DenyPrivateNetworks(network string, addr netip.AddrPort) error {
	return socket.DenyPrivate(network, addr)
}

// RelayInformation reads a relay's NIP-11 document (P47, P48): a GET on the
// relay's own URL with "Accept: application/nostr+json". Transport options
// (WithHTTPClient, WithHeader, WithDialPolicy, …) apply; the answer is capped
// at nip11.MaxSize and the time at the handshake timeout.
func RelayInformation(ctx context.Context, url string, opts ...RelayOption) (nip11.Document, error) {
	url, err := nostr.NormalizeURL(url)
	if err != nil {
		return nip11.Document{}, err
	}
	cfg := defaultRelayConfig()
	if err := cfg.with(opts); err != nil {
		return nip11.Document{}, err
	}
	dialer, err := socket.NewDialer(cfg.socket)
	if err != nil {
		return nip11.Document{}, err
	}
	defer dialer.Close()
	request, err := nip11.RequestURL(url)
	if err != nil {
		return nip11.Document{}, err
	}
	body, err := dialer.Get(ctx, request, nip11.ContentType, nip11.MaxSize)
	if err != nil {
		return nip11.Document{}, err
	}
	return nip11.Parse(body)
}
