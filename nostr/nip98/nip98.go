// Package nip98 signs HTTP requests with Nostr keys and checks such signatures (NIP-98): an
// event of kind 27235 in the Authorization header says who asks for what.
//
//	ev := nip98.NewEvent(http.MethodPost, url, body, nostr.Now()) // client
//	err := ev.Sign(key)
//	header, err := nip98.Header(&ev)
//	req.Header.Set("Authorization", header)
//
//	ev, err := nip98.Check(req.Header.Get("Authorization"), nip98.Request{ // server
//		Method: req.Method, URL: "https://api.example.com" + req.URL.RequestURI(), Body: body,
//	}, nostr.Now())
//	if err != nil { … 401 … }
//
// # What NIP-98 demands
//
// The kind, a created_at near the present ([Window]), the "u" tag exactly the request's
// absolute URL with its query, and the "method" tag its method; both are compared byte by byte.
// A server behind a proxy has to know the URL that its clients see.
//
// # What it leaves open
//
// A "payload" tag (SHA-256 of the body) that is there has to be right, whether the server cares
// or not, in hex of either case; that one is missing is an error only if Request.NeedPayload
// says so. Two tags of a kind that counts are refused. Content may be anything. The header's
// base64 may be the usual or that for URLs, padded or not, for the example in NIP-98 has no
// padding; line feeds in it, which some decoders skip, are refused.
//
// Within the window the same header works again: for whoever saw it, too. A server for which that
// matters remembers the IDs of the events it has accepted for two windows.
//
// # Coming from nostr-tools
//
// getToken is [NewEvent], which has the method first as net/http does, and [Header], validateToken
// [Check], unpackEventFromToken [Parse].
package nip98

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrHeader is in the error when a header is not "Nostr" and an event in base64.
	ErrHeader = errors.New("nip98: bad Authorization header")

	// ErrKind is in the error when the event is not of kind 27235.
	ErrKind = errors.New("nip98: not an HTTP authentication event")

	// ErrStale is in the error when created_at is more than [Window] from now, either way.
	ErrStale = errors.New("nip98: created_at is not near the present")

	// ErrURL is in the error when the event is for another URL.
	ErrURL = errors.New("nip98: wrong URL")

	// ErrMethod is in the error when the event is for another method.
	ErrMethod = errors.New("nip98: wrong method")

	// ErrPayload is in the error when the event is for another body, or for none in
	// particular where that is demanded.
	ErrPayload = errors.New("nip98: wrong payload")
)

const (
	// Window is how far created_at may be from the server's clock, in seconds, either way:
	// what NIP-98 suggests.
	Window nostr.Timestamp = 60

	// MaxHeader bounds a header, in bytes.
	MaxHeader = 16 << 10

	scheme = "Nostr"
)

// NewEvent returns the event for a request, to be signed. The URL is the absolute one that the
// request goes to, with its query. A body that is not empty gets a "payload" tag.
func NewEvent(method, url string, body []byte, now nostr.Timestamp) nostr.Event {
	e := nostr.Event{Kind: nostr.KindHTTPAuth, CreatedAt: now, Tags: nostr.Tags{{"u", url}, {"method", method}}}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		e.Tags = append(e.Tags, nostr.Tag{"payload", hex.EncodeToString(sum[:])})
	}
	return e
}

// Header returns the value of the Authorization header for a signed event. It fails with
// [ErrKind], and with [nostr.ErrInvalidEvent] when [nostr.Event.Validate] does; whether the
// event is signed is not looked at.
func Header(e *nostr.Event) (string, error) {
	if err := checkKind(e); err != nil {
		return "", err
	}
	if err := e.Validate(); err != nil {
		return "", fmt.Errorf("nip98: %w", err)
	}
	return scheme + " " + base64.StdEncoding.EncodeToString(e.AppendJSON(nil)), nil
}

// A Request is what a server knows of a request.
type Request struct {
	Method string // as it came: "GET"
	URL    string // the absolute one, as the client sees it, with its query
	Body   []byte // nil is an empty body

	// BodyUnread says that the body has not been read, so that a payload tag is not checked
	// here. [Payload] returns what the body has to hash to.
	BodyUnread bool

	// NeedPayload refuses a request with a body whose event has no payload tag. Together
	// with BodyUnread it refuses every event without one.
	NeedPayload bool
}

// Check returns the event in an Authorization header if it is genuine and made for this request,
// at the time now: the request is that of e.PubKey. The errors are those of this package,
// and those of [nostr.Event.Verify]; a server answers 401 to all of them.
func Check(header string, r Request, now nostr.Timestamp) (*nostr.Event, error) {
	e, err := Parse(header)
	if err != nil {
		return nil, err
	}
	if err := check(e, r, now); err != nil {
		return nil, err
	}
	if err := e.Verify(); err != nil { // last, for it takes a hundred times as long as the rest
		return nil, fmt.Errorf("nip98: %w", err)
	}
	return e, nil
}

// Parse reads the event in an Authorization header and checks nothing of it. It fails with
// [ErrHeader].
func Parse(header string) (*nostr.Event, error) {
	if len(header) > MaxHeader {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrHeader, MaxHeader)
	}
	given, token, found := strings.Cut(header, " ")
	token = strings.TrimLeft(token, " ") // RFC 9110: one or more
	switch {
	case len(given) != len(scheme) || !strings.EqualFold(given, scheme): // EqualFold takes a long s for an s
		return nil, fmt.Errorf("%w: the scheme is not %q", ErrHeader, scheme)
	case !found || token == "":
		return nil, fmt.Errorf("%w: nothing behind the scheme", ErrHeader)
	}
	data, err := decode(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	e := new(nostr.Event)
	if err := e.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return e, nil
}

// decode takes base64 with or without padding, in the usual alphabet or in that for URLs.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which encoding/base64 skips
		return nil, errors.New("a line break in the base64")
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	if strings.HasSuffix(s, "=") {
		encoding = encoding.WithPadding(base64.StdPadding)
	}
	data, err := encoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return data, nil
}

func check(e *nostr.Event, r Request, now nostr.Timestamp) error {
	if err := checkKind(e); err != nil {
		return err
	}
	if e.CreatedAt < now-Window || e.CreatedAt > now+Window {
		return fmt.Errorf("%w: %d, now %d", ErrStale, e.CreatedAt, now)
	}
	if err := checkTag(e, "u", r.URL); err != nil {
		return fmt.Errorf("%w: %w", ErrURL, err)
	}
	if err := checkTag(e, "method", r.Method); err != nil {
		return fmt.Errorf("%w: %w", ErrMethod, err)
	}
	sum, stated, err := Payload(e)
	switch {
	case err != nil:
		return err
	case !stated && r.NeedPayload && (r.BodyUnread || len(r.Body) > 0):
		return fmt.Errorf("%w: no payload tag", ErrPayload)
	case stated && !r.BodyUnread && sum != sha256.Sum256(r.Body):
		return fmt.Errorf("%w: the body has another hash", ErrPayload)
	}
	return nil
}

func checkKind(e *nostr.Event) error {
	if e.Kind != nostr.KindHTTPAuth {
		return fmt.Errorf("%w: kind %d, want %d", ErrKind, e.Kind, nostr.KindHTTPAuth)
	}
	return nil
}

// checkTag wants one tag with the key, and this value in it.
func checkTag(e *nostr.Event, key, want string) error {
	value, n := "", 0
	for t := range e.Tags.FindAll(key) {
		value = t.Value()
		n++
	}
	switch {
	case n != 1:
		return fmt.Errorf("%d %s tags, want one", n, key)
	case want == "":
		return errors.New("the request has none")
	case value != want:
		return fmt.Errorf("the %s tag is %.200q, the request's %.200q", key, value, want)
	}
	return nil
}

// Payload returns the SHA-256 hash of the body that the event was made for, and false if it has no
// payload tag. It fails with [ErrPayload] for a tag that is no hash, and for two.
func Payload(e *nostr.Event) (sum [32]byte, stated bool, err error) {
	for t := range e.Tags.FindAll("payload") {
		if stated {
			return [32]byte{}, false, fmt.Errorf("%w: two payload tags", ErrPayload)
		}
		stated = true
		digest, err := hex.DecodeString(t.Value())
		if err != nil || len(digest) != len(sum) {
			return [32]byte{}, false, fmt.Errorf("%w: the payload tag is not 64 hex digits", ErrPayload)
		}
		sum = [32]byte(digest)
	}
	return sum, stated, nil
}
