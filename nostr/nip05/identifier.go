package nip05

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/internal/domain"
)

// root is the name that stands for its domain.
const root = "_"

// MaxName bounds the name in an identifier, in bytes: that of the local part of an e-mail
// address (RFC 5321).
const MaxName = 64

// An Identifier is a name at a domain, such as bob@example.com. It is made by [Parse].
type Identifier struct {
	Name   string // of a-z, 0-9, hyphen, underscore and dot; "_" for the domain itself
	Domain string // in lower case, without a dot at its end
}

// Parse reads an identifier. A domain alone stands for _@domain, which is how clients show it.
// Everything that NIP-05 does not allow is refused with [ErrIdentifier]: upper case or
// other characters in the name, white space, ports, paths, IP addresses; so are domains that are
// none in public (localhost, local, internal, home.arpa and all below). A domain is taken in any
// case; an international one has to be in its xn-- form.
//
// The identifier in a profile is its author's words. Refusing what cannot be a public domain
// keeps it from naming a host inside the network of whoever looks it up, but for
// domains that lead there: see [Fetcher].
func Parse(s string) (Identifier, error) {
	name, host, found := strings.Cut(s, "@")
	if !found {
		name, host = root, s
	}
	if err := checkName(name); err != nil {
		return Identifier{}, fmt.Errorf("%w: %w", ErrIdentifier, err)
	}
	host, err := domain.Parse(host)
	if err != nil {
		return Identifier{}, fmt.Errorf("%w: %w", ErrIdentifier, err)
	}
	return Identifier{Name: name, Domain: host}, nil
}

// IsValid reports whether [Parse] takes s.
func IsValid(s string) bool {
	_, err := Parse(s)
	return err == nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("no name before the @")
	case len(name) > MaxName:
		return errors.New("the name is longer than 64 bytes")
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return errors.New("the name has a character other than a-z, 0-9, hyphen, underscore and dot")
		}
	}
	return nil
}

// String returns "name@domain", and "_@domain" for the domain itself: what stands in
// a profile.
func (id Identifier) String() string { return id.Name + "@" + id.Domain }

// Display returns what people are shown: the domain alone for "_@domain", otherwise
// [Identifier.String].
func (id Identifier) Display() string {
	if id.Name == root {
		return id.Domain
	}
	return id.String()
}

// URL returns where the domain says whose the name is.
func (id Identifier) URL() string {
	return "https://" + id.Domain + "/.well-known/nostr.json?name=" + id.Name // neither needs an escape
}
