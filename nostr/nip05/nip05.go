// Package nip05 finds out whom a domain knows under a name: bob@example.com is whatever key
// https://example.com/.well-known/nostr.json?name=bob says (NIP-05). It does no I/O: how
// to get a document is handed in, as a [Fetcher].
//
//	profile, err := nip05.Query(ctx, fetch, "bob@example.com")            // whose name is this?
//	profile, err := nip05.Verify(ctx, fetch, "bob@example.com", ev.PubKey) // is it this author's?
//
// The result says who answers to a name on that domain today. It proves nothing about who that
// is, and it may change: keep public keys, and show names.
//
// # What is refused
//
// Redirects, whatever they lead to, as NIP-05 demands, and the body of one. Documents that are
// not strict JSON, that have "names" twice or the wanted name twice (parsers disagree on which
// of the two counts), larger ones than [MaxSize], and answers other than 200. A key has
// to be 64 digits of lower-case hex and a point on the curve: neither an npub nor upper case
// is one. Names are compared byte by byte, and a name is a key of the document's object and
// nothing else: "constructor" is no more than eleven letters here.
//
// # What is not
//
// NIP-05 only recommends the relays: of those, whatever is no relay URL is left out, and a
// wrong shape costs the relays but not the key. The entries of other names may be anything.
// A byte order mark before the document is ignored.
//
// # Coming from elsewhere
//
// [Query] is QueryIdentifier of go-nostr and queryProfile of nostr-tools, [Verify] the isValid of
// the latter. Both had an HTTP client of their own; the example of Query has one to copy. [Parse] is
// ParseIdentifier, and [Identifier.Display] and [Identifier.URL] are NormalizeIdentifier and
// IdentifierToURL.
package nip05

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

var (
	// ErrIdentifier is in the error when a string is no identifier: see [Parse].
	ErrIdentifier = errors.New("nip05: not an identifier")

	// ErrRedirect is in the error when the domain answered with a redirect.
	ErrRedirect = errors.New("nip05: redirects must be ignored")

	// ErrStatus is in the error when the domain answered with another status than 200.
	ErrStatus = errors.New("nip05: the domain did not answer with a document")

	// ErrDocument is in the error when the document is not of the shape that NIP-05 wants.
	ErrDocument = errors.New("nip05: bad document")

	// ErrNotFound is in the error when the document does not have the name.
	ErrNotFound = errors.New("nip05: the domain does not know the name")

	// ErrMismatch is in the error of [Verify] when the name is somebody else's.
	ErrMismatch = errors.New("nip05: the name belongs to another key")
)

// MaxSize bounds a document, in bytes. Servers are asked for one name and may answer with a
// file of all their names: this is room for ten thousand.
const MaxSize = 1 << 20

// A Response is what came from a URL.
type Response struct {
	Status int           // of HTTP
	URL    string        // where Body came from in the end, as asked for; anything else is a redirect that was followed
	Body   io.ReadCloser // read up to [MaxSize] and closed; may be nil
}

// A Fetcher gets what a URL has, with a GET request. It must not follow redirects: set
// CheckRedirect of an [net/http.Client] to return [net/http.ErrUseLastResponse]. Only so
// nobody is led anywhere; if it follows one all the same, URL tells, and the answer is refused.
//
// The domain is a stranger's choice and its DNS may point anywhere: a program inside a network
// that is worth something should refuse to connect to private and loopback addresses in the
// Control function of its [net.Dialer].
type Fetcher func(ctx context.Context, url string) (Response, error)

// Query returns the public key that the identifier's domain has for it, and the relays where
// its owner may be found, normalised and without repetition. The errors of fetch are in
// the error; its others are those of this package.
func Query(ctx context.Context, fetch Fetcher, identifier string) (nip19.Profile, error) {
	id, err := Parse(identifier)
	if err != nil {
		return nip19.Profile{}, err
	}
	url := id.URL()
	resp, err := fetch(ctx, url)
	if resp.Body != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	switch {
	case err != nil:
		return nip19.Profile{}, fmt.Errorf("nip05: %s: %w", id, err)
	case 300 <= resp.Status && resp.Status < 400:
		return nip19.Profile{}, fmt.Errorf("%w: %s: status %d", ErrRedirect, id, resp.Status)
	case resp.Status != 200:
		return nip19.Profile{}, fmt.Errorf("%w: %s: status %d", ErrStatus, id, resp.Status)
	case resp.URL != url:
		return nip19.Profile{}, fmt.Errorf("%w: %s: the answer is from another URL", ErrRedirect, id)
	}
	var doc []byte
	if resp.Body != nil {
		if doc, err = io.ReadAll(io.LimitReader(resp.Body, MaxSize+1)); err != nil {
			return nip19.Profile{}, fmt.Errorf("nip05: %s: %w", id, err)
		}
	}
	profile, err := ParseDocument(doc, id.Name)
	if err != nil {
		return nip19.Profile{}, fmt.Errorf("%w (%s)", err, id)
	}
	return profile, nil
}

// Verify returns nil as its error only if the identifier is pk's: what is to be asked before an
// identifier from a profile (the "nip05" in a kind 0) is shown. It is [Query], and
// [ErrMismatch] if the domain has another key.
func Verify(ctx context.Context, fetch Fetcher, identifier string, pk nostr.PubKey) (nip19.Profile, error) {
	profile, err := Query(ctx, fetch, identifier)
	switch {
	case err != nil:
		return nip19.Profile{}, err
	case profile.PubKey != pk:
		return nip19.Profile{}, fmt.Errorf("%w: %s is %s", ErrMismatch, identifier, profile.PubKey)
	}
	return profile, nil
}
