package nostr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Address names a replaceable or addressable event whatever its version (NIP-01). The
// values of "a" tags are addresses. Two are == if they name the same.
type Address struct {
	Kind       Kind
	PubKey     PubKey // the author's
	Identifier string // value of the "d" tag, may be empty; "" for replaceable kinds
}

// String returns "kind:pubkey:d", the value of an "a" tag, and "kind:pubkey:" for replaceable
// kinds; kinds that are neither replaceable nor addressable have no address: "" (NIP-01).
func (a Address) String() string {
	d := a.Identifier
	switch {
	case a.Kind.IsAddressable():
	case a.Kind.IsReplaceable():
		d = ""
	default:
		return ""
	}
	return strings.Join([]string{strconv.Itoa(int(a.Kind)), a.PubKey.String(), d}, ":")
}

// Address returns the text of the event's [Address], the value of an "a" tag that refers to
// it. Events of kinds that are neither replaceable nor addressable have none: "".
func (e *Event) Address() string {
	a := Address{Kind: e.Kind, PubKey: e.PubKey}
	if e.Kind.IsAddressable() {
		a.Identifier = e.Tags.GetD()
	}
	return a.String()
}

// ParseAddress reads the value of an "a" tag, "kind:pubkey:d", as [Address.String] writes
// it. The identifier may be empty and may contain colons. Replaceable kinds end in
// the second colon; kinds that are neither replaceable nor addressable are refused (NIP-01).
func ParseAddress(s string) (Address, error) {
	first, rest, _ := strings.Cut(s, ":")
	second, identifier, complete := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(first, 10, 16)
	a := Address{Kind: Kind(n), Identifier: identifier}
	switch {
	case !complete:
		err = errors.New("want two colons")
	case err != nil || strconv.Itoa(int(a.Kind)) != first:
		err = errors.New("want a kind from 0 to 65535 before the first colon")
	case !a.Kind.IsReplaceable() && !a.Kind.IsAddressable():
		err = errors.New("kind " + first + " is neither replaceable nor addressable")
	case a.Kind.IsReplaceable() && identifier != "":
		err = errors.New("kind " + first + " has no identifier behind the second colon")
	default:
		a.PubKey, err = PubKeyFromHex(second)
	}
	if err != nil {
		return Address{}, fmt.Errorf("nostr: address: %w", err)
	}
	return a, nil
}
