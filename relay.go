package gennostr

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/socket"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// Relay names the connection that a callback is about. It is small and comparable,
// but another value for each connection of the same relay, and another one while it is
// a guest's: the key for a map of relays is URL, which is also what statuses,
// [SendError] and [DialError] carry.
type Relay struct {
	// URL is the relay's identity: the one normal form of all its spellings, as
	// nostr.NormalizeURL makes it. Verbs take any spelling.
	URL string
	// Address is the relay's URL as it was written when the relay was added, or named by [On]. It is
	// what is dialled, what the relay tag of an AUTH event has to be (some relays
	// compare it byte for byte), and what to tell others who shall find the relay.
	// It is "" for a relay that is neither the client's nor a guest.
	Address     string
	ConnectedAt time.Time // when this connection was opened, zero if it never was
	Attempts    int       // dials since the last stable connection, this one included
	// Guest: the relay was not added, but named by [On]. No OnConnect and no OnDisconnect
	// tells of its connection. For a callback a relay is a guest until its OnConnect and from its
	// OnDisconnect on.
	Guest bool
}

func (r Relay) String() string { return r.URL }

// identify gives the two faces of a relay's URL: the normal form is its identity,
// by which it is found; the spelling as given is its address, for there are relays
// that answer under /ws/ and not under /ws, that sign their query, or that compare
// an AUTH byte for byte.
func identify(raw string) (url, address string, err error) {
	if url, err = nostr.NormalizeURL(raw); err != nil {
		return "", "", err
	}
	return url, strings.Trim(raw, " \t\r\n"), nil // as NormalizeURL does
}

// target is what is dialled: the address, but for scheme and host, of which all
// spellings lead to the same place: a host in Unicode is judged and resolved in
// punycode.
func target(url, address string) string {
	_, written, _ := strings.Cut(address, "//")
	path := ""
	if i := strings.IndexAny(written, "/?"); i >= 0 {
		path = written[i:]
	}
	scheme, rest, _ := strings.Cut(url, "//") // a normal form always has a path
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "//" + host + path
}

// RelayState is where a relay stands in its life.
type RelayState uint8

const (
	// RelayDialing: being dialled, or waiting for its turn ([WithMaxDials]).
	RelayDialing RelayState = iota
	// RelayConnected: the connection is open.
	RelayConnected
	// RelayWaiting: between two attempts, until NextAttempt of [RelayStatus].
	RelayWaiting
	// RelayDown: lost, and with [WithManualReconnect] nobody asked for it back yet.
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
	URL         string // its identity, as in [Relay]
	Address     string // its URL as it was written when it was added, as in [Relay]
	State       RelayState
	Attempts    int       // dials since the last stable connection
	Connects    int       // connections opened since the relay was added, or named by [On]
	ConnectedAt time.Time // of the open connection, else zero
	NextAttempt time.Time // in RelayWaiting: when it is dialled again
	// Authenticated lists as whom the relay has accepted an AUTH (NIP-42) on the open
	// connection, the first one first, those of the program's own included.
	Authenticated []nostr.PubKey
	LastError     error   // why the last attempt or connection ended, nil before the first end
	Traffic       Traffic // since the relay was added, or named by [On]
}

// Traffic counts what went over a relay's connections since it was added.
type Traffic struct {
	BytesIn, BytesOut uint64 // inside TLS: frames, headers of frames, pings
	MessagesIn        uint64 // frames of text and binary received
	MessagesOut       uint64 // messages written
	Events            uint64 // events proven genuine, or of a trusted relay; copies that nobody wants again among them
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

// RelayInformation reads a relay's NIP-11 document: a GET on the relay's own URL,
// as it is written, with "Accept: application/nostr+json". Transport options
// ([WithHTTPClient], [WithHeader], [WithDialPolicy], …) apply. The answer is capped
// at [nip11.MaxSize] ([nip11.ErrTooLarge]) and the time at [WithHandshakeTimeout].
func RelayInformation(ctx context.Context, url string, opts ...RelayOption) (nip11.Document, error) {
	url, address, err := identify(url)
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
	return information(ctx, dialer, target(url, address))
}

// information is RelayInformation over a dialer that is there.
func information(ctx context.Context, dialer *socket.Dialer, target string) (nip11.Document, error) {
	request, err := nip11.RequestURL(target)
	if err != nil {
		return nip11.Document{}, err
	}
	body, err := dialer.Get(ctx, request, nip11.ContentType, nip11.MaxSize)
	if errors.Is(err, socket.ErrTooLarge) {
		return nip11.Document{}, nip11.ErrTooLarge
	}
	if err != nil {
		return nip11.Document{}, err
	}
	return nip11.Parse(body)
}
