// Package nip42 checks what a client answers to a relay's challenge: an event of kind 22242
// that proves whose connection it is (NIP-42). It is for whoever runs a relay; clients make
// such an event by [nostr.NewAuthEvent].
//
//	if err := nip42.Check(ev, challenge, "wss://relay.example.com", nostr.Now()); err != nil {
//		reply(ok(ev.ID, false, err.Error()))
//	}
//	authenticated(ev.PubKey) // one of many, perhaps: all of them count
//
// # What NIP-42 demands
//
// The kind, a created_at near the present ([Window]), the challenge that was sent last on this
// connection, and this relay's URL. Of the URL it says that the right domain is enough in most
// cases, and so the host is compared here, and the port if one is named: a relay that
// stands behind another server does not always know which scheme and path it was reached by.
// Relays that share a host and a port but not an operator must compare the rest themselves.
//
// # What it leaves open
//
// Two "relay" or "challenge" tags are refused: which of them counts is anybody's guess, and a
// relay in the middle would be glad to be the other one. So is every event when no challenge was
// sent. Content and further tags may be anything. Remembering the challenge, dropping it
// with the connection, and never handing such an event to anybody is the relay's part.
//
// # Coming from go-nostr
//
// [Check] is ValidateAuthEvent with an error that says what was wrong; it looks at the event's ID
// too, and of the URL not at scheme and path. CreateUnsignedAuthEvent is [nostr.NewAuthEvent], which
// takes the relay first and the challenge second.
package nip42

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrKind is in the error when the event is not of kind 22242.
	ErrKind = errors.New("nip42: not an authentication event")

	// ErrStale is in the error when created_at is more than [Window] from now, either way.
	ErrStale = errors.New("nip42: created_at is not near the present")

	// ErrChallenge is in the error when the event does not answer the challenge.
	ErrChallenge = errors.New("nip42: wrong challenge")

	// ErrRelay is in the error when the event is for another relay.
	ErrRelay = errors.New("nip42: wrong relay")
)

// Window is how far created_at may be from the relay's clock, in seconds, either way: the ten
// minutes of NIP-42.
const Window nostr.Timestamp = 600

// Check returns nil if the event proves that whoever sent it has the key ev.PubKey: it answers
// this challenge, for the relay at that URL, at the time now, and is genuine. The errors
// are those of this package, and those of [nostr.Event.Verify].
func Check(e *nostr.Event, challenge, relayURL string, now nostr.Timestamp) error {
	if e.Kind != nostr.KindClientAuthentication {
		return fmt.Errorf("%w: kind %d, want %d", ErrKind, e.Kind, nostr.KindClientAuthentication)
	}
	if e.CreatedAt < now-Window || e.CreatedAt > now+Window {
		return fmt.Errorf("%w: %d, now %d", ErrStale, e.CreatedAt, now)
	}
	given, err := only(e, "challenge")
	switch {
	case challenge == "":
		return fmt.Errorf("%w: none was sent", ErrChallenge)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrChallenge, err)
	case given != challenge:
		return fmt.Errorf("%w: not the one that was sent last", ErrChallenge)
	}
	given, err = only(e, "relay")
	if err == nil {
		err = sameHost(given, relayURL)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRelay, err)
	}
	return e.Verify()
}

// only returns the value of the one tag with that key.
func only(e *nostr.Event, key string) (value string, err error) {
	n := 0
	for t := range e.Tags.FindAll(key) {
		value = t.Value()
		n++
	}
	if n != 1 {
		return "", fmt.Errorf("%d %s tags, want one", n, key)
	}
	return value, nil
}

func sameHost(given, own string) error {
	ours, err := nostr.NormalizeURL(own)
	if err != nil {
		return fmt.Errorf("this relay's own URL: %w", err)
	}
	theirs, err := nostr.NormalizeURL(given)
	if err != nil {
		return err
	}
	if host(theirs) != host(ours) {
		return fmt.Errorf("%.200q, want %s", given, ours)
	}
	return nil
}

// host returns host and port of a normalised URL, which has no port where it is the scheme's.
func host(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
