package wire

import (
	"encoding/hex"
	"slices"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// The functions of this file are for whoever answers as a relay: what a client waits for
// after a message that was refused, and what a REQ says beyond what a filter can hold.

// Salvage reads of a client's frame, sound or not, to whom an answer to it has to go:
// the subscription id of REQ, COUNT, CLOSE and NIP-77's verbs, the event id of EVENT and
// AUTH in lower-case hex. It reports false if that cannot be read, or if the verb has no
// such.
//
// NIP-01 demands CLOSED for a REQ and OK for an EVENT that the relay does not take, and
// a client that gets neither waits for ever: a NOTICE names nothing.
func Salvage(frame []byte) (verb, id string, ok bool) {
	p := parser{s: strictjson.New(frame)}
	name, err := p.open()
	if err != nil {
		return "", "", false
	}
	switch verb = string(name); verb {
	case verbReq, verbCount, verbClose, verbNegOpen, verbNegMsg, verbNegClose:
		id, err := p.subscriptionID()
		return verb, id, err == nil
	case verbEvent, verbAuth:
		if p.element("event") != nil {
			return verb, "", false
		}
		id, ok := salvageEventID(&p.s)
		return verb, id, ok
	}
	return verb, "", false
}

// salvageEventID looks for an event's id among the members that can be read. Of two that
// differ neither is taken: who has sent them knows which event by neither.
func salvageEventID(s *strictjson.Scanner) (id string, ok bool) {
	if s.Object() != nil {
		return "", false
	}
	for n := 0; ; n++ {
		key, more, err := s.NextKey(n, nil)
		if err != nil || !more {
			return id, ok
		}
		if string(key) != "id" || s.Peek() != '"' {
			if s.Skip() != nil {
				return id, ok
			}
			continue
		}
		text, err := s.String(nil)
		if err != nil {
			return id, ok
		}
		var raw nostr.ID
		if len(text) != hex.EncodedLen(len(raw)) {
			continue
		}
		if _, err := hex.Decode(raw[:], text); err != nil {
			continue
		}
		if ok && raw.String() != id {
			return "", false
		}
		id, ok = raw.String(), true
	}
}

// MaxUnknownConditions bounds what UnknownConditions returns.
const MaxUnknownConditions = 16

// UnknownConditions returns the keys in the filters of a REQ, COUNT or NEG-OPEN that no
// [nostr.Filter] holds, such as "&t" or "#proxy", each once and in their order. The
// parsed filters are wider than what was asked for by just these: a relay that answers
// by them sends what nobody has asked for. A client needs not mind: what it then gets is
// its own message's doing. Of a frame that is none of the three, or broken, it returns
// what it met.
func UnknownConditions(frame []byte) (keys []string) {
	p := parser{s: strictjson.New(frame)}
	verb, err := p.open()
	if err != nil {
		return nil
	}
	filters := MaxFilters
	switch string(verb) {
	case verbReq, verbCount:
	case verbNegOpen:
		filters = 1
	default:
		return nil
	}
	if _, err := p.subscriptionID(); err != nil {
		return nil
	}
	for range filters {
		if more, err := p.more(); err != nil || !more || p.s.Object() != nil {
			return keys
		}
		for n := 0; ; n++ {
			key, more, err := p.s.NextKey(n, nil)
			if err != nil || more && p.s.Skip() != nil {
				return keys
			}
			if !more {
				break
			}
			if !isCondition(key) && len(keys) < MaxUnknownConditions && !slices.Contains(keys, string(key)) {
				keys = append(keys, string(key))
			}
		}
	}
	return keys
}

// isCondition reports whether a filter's key is one that [nostr.Filter] has a place for.
func isCondition(key []byte) bool {
	switch string(key) {
	case "ids", "authors", "kinds", "since", "until", "limit", "search":
		return true
	}
	return len(key) == 2 && key[0] == '#' && (key[1]|0x20 >= 'a' && key[1]|0x20 <= 'z')
}
