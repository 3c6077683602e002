package nostr

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Latest returns the events that are not superseded by another of them (NIP-01): of each
// author's replaceable events one per kind, of addressable ones one per kind and "d"
// tag, namely the newest, of one second that with the lowest ID. Relays may send
// older versions at any time, and different relays different ones.
//
// The result is in the order in which each such slot appeared first; events of all other kinds
// stay, also when they come twice. Only genuine events may be given (see
// [Event.Verify]): a forged one with a later date would hide the real one. For a list,
// say Latest(slices.Values(list)).
func Latest(events iter.Seq[*Event]) []*Event {
	type slot struct {
		kind       Kind
		author     PubKey
		identifier string
	}
	var out []*Event
	index := make(map[slot]int)
	for e := range events {
		s := slot{kind: e.Kind, author: e.PubKey}
		switch {
		case e.Kind.IsAddressable():
			s.identifier = e.Tags.GetD()
		case !e.Kind.IsReplaceable():
			out = append(out, e)
			continue
		}
		i, taken := index[s]
		switch {
		case !taken:
			index[s] = len(out)
			out = append(out, e)
		case e.Supersedes(out[i]):
			out[i] = e
		}
	}
	return out
}

// ParseAddress reads the value of an "a" tag, "kind:pubkey:d", as [Event.Address] writes
// it. The identifier may be empty and may contain colons. Replaceable kinds end in
// the second colon; kinds that are neither replaceable nor addressable are refused (NIP-01).
func ParseAddress(s string) (kind Kind, author PubKey, identifier string, err error) {
	first, rest, _ := strings.Cut(s, ":")
	second, identifier, complete := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(first, 10, 16)
	kind = Kind(n)
	switch {
	case !complete:
		err = errors.New("want two colons")
	case err != nil || strconv.Itoa(int(kind)) != first:
		err = errors.New("want a kind from 0 to 65535 before the first colon")
	case !kind.IsReplaceable() && !kind.IsAddressable():
		err = errors.New("kind " + first + " is neither replaceable nor addressable")
	case kind.IsReplaceable() && identifier != "":
		err = errors.New("kind " + first + " has no identifier behind the second colon")
	default:
		author, err = PubKeyFromHex(second)
	}
	if err != nil {
		return 0, PubKey{}, "", fmt.Errorf("nostr: address: %w", err)
	}
	return kind, author, identifier, nil
}
