// Package domain judges the host in an internet identifier such as bob@example.com, which a
// stranger wrote and which a program is about to connect to.
package domain

import (
	"errors"
	"strings"
)

const (
	maxName  = 253 // bytes, RFC 1035 in the spelling without the root's dot
	maxLabel = 63  // bytes
)

var (
	errEmpty   = errors.New("the domain is empty")
	errTooLong = errors.New("the domain is longer than 253 bytes")
	errDots    = errors.New("the domain has no dot: want example.com")
	errLabel   = errors.New("the domain has an empty label, or one longer than 63 bytes")
	errHyphen  = errors.New("the domain has a label that starts or ends with a hyphen")
	errByte    = errors.New("the domain has a character other than a-z, 0-9, hyphen and dot (of international names the xn-- form is wanted)")
	errAddress = errors.New("an IP address instead of a domain")
	errInside  = errors.New("the domain is one that exists inside a network only")
)

// inside are the domains that public DNS does not have, and that machines and networks
// answer themselves: RFC 6761, RFC 6762, ICANN's for private use (where clouds keep their
// metadata), RFC 8375.
var inside = [...]string{"localhost", "local", "internal", "home.arpa"}

// Parse returns a public domain name in lower case. It wants at least two labels of letters,
// digits and inner hyphens, the last of which is no number: neither "localhost" nor any
// spelling of an IP address is one, nor is what has a port, a path or a user in it. What is
// reserved for use inside networks, such as .local and .internal, is not public. Errors
// begin with the word "the" or "an" and do not repeat the name.
func Parse(s string) (string, error) {
	switch {
	case s == "":
		return "", errEmpty
	case len(s) > maxName:
		return "", errTooLong
	}
	s = lower(s)
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if err := check(label); err != nil {
			return "", err
		}
	}
	last := labels[len(labels)-1]
	switch {
	case isNumber(last):
		return "", errAddress
	case len(labels) < 2:
		return "", errDots
	case isInside(s):
		return "", errInside
	}
	return s, nil
}

func isInside(s string) bool {
	for _, name := range inside {
		if rest, ok := strings.CutSuffix(s, name); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			return true
		}
	}
	return false
}

func check(label string) error {
	if label == "" || len(label) > maxLabel {
		return errLabel
	}
	for i := range len(label) {
		if c := label[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return errByte
		}
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return errHyphen
	}
	return nil
}

// lower changes ASCII only: the Kelvin sign, say, is no k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// isNumber reports whether resolvers might take a name that ends in this label for an IPv4
// address, of which some read 127.1, 2130706433 and 0x7f000001.
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
