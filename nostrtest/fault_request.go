package nostrtest

import (
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The faults of this file are of how the relay answers REQ.

// eoseFault changes the EOSE of a REQ.
func eoseFault(change func(wire.EOSE) []answer, format string, args ...any) Fault {
	return answerFault([]string{"REQ"}, func(_ *handling, m wire.ServerMessage) []answer {
		if eose, is := m.(wire.EOSE); is {
			return change(eose)
		}
		return []answer{{message: m}}
	}, format, args...)
}

// NoEOSE sends the stored events and never says that they were all.
func NoEOSE() Fault { return eoseFault(func(wire.EOSE) []answer { return nil }, "NoEOSE()") }

// LateEOSE sends EOSE so much later than the stored events; live events overtake it.
func LateEOSE(d time.Duration) Fault {
	return eoseFault(func(m wire.EOSE) []answer { return []answer{{message: m, after: d}} }, "LateEOSE(%v)", d)
}

// TwoEOSEs sends EOSE twice.
func TwoEOSEs() Fault {
	return eoseFault(func(m wire.EOSE) []answer { return []answer{{message: m}, {message: m}} }, "TwoEOSEs()")
}

// EOSEHints puts these hints in EOSE (NIP-67), true or not: "finish",
// "more", or what nobody knows. Without any, EOSE has an empty list.
func EOSEHints(hints ...string) Fault {
	if hints == nil {
		hints = []string{}
	}
	return eoseFault(func(m wire.EOSE) []answer {
		m.Hints = hints
		return []answer{{message: m}}
	}, "EOSEHints(%s)", quoted(hints))
}

// alongside makes an answer fault change how the message is handled too.
func (f Fault) alongside(change func(*handling)) Fault {
	f.effect.also = change
	return f
}

func (f Fault) atLeastOne(n int) Fault {
	if n < 1 {
		return f.broken("want at least 1")
	}
	return f
}

// narrow adds a change to how the relay reads filters.
func (h *handling) narrow(change func(nostr.Filter) nostr.Filter) {
	if earlier := h.filter; earlier != nil {
		h.filter = func(f nostr.Filter) nostr.Filter { return change(earlier(f)) }
		return
	}
	h.filter = change
}

// reqFault returns a fault of how the relay handles REQ.
func reqFault(change func(*handling), format string, args ...any) Fault {
	return messageFault([]string{"REQ"}, change, format, args...)
}

// AuthStorm sends n challenges in a row (NIP-42). Only the last one counts.
func AuthStorm(n int) Fault {
	return linkFault(func(a *act) {
		s := a.session
		s.relay.mu.Lock()
		defer s.relay.mu.Unlock()
		for range n {
			s.sendChallenge()
		}
	}, "AuthStorm(%d)", n).atLeastOne(n)
}

// LateChallenge sends a challenge so much later, and an earlier one stops
// counting then: late after the connection has opened, or a re-challenge
// after what On and After name.
func LateChallenge(d time.Duration) Fault {
	return linkFault(func(a *act) {
		s := a.session
		challenge := func() {
			s.relay.mu.Lock()
			defer s.relay.mu.Unlock()
			s.sendChallenge()
		}
		if d <= 0 {
			challenge()
			return
		}
		s.after(d, challenge)
	}, "LateChallenge(%v)", d)
}

// NoChallenge refuses with "auth-required:" where that is due, and sends no
// challenge with it.
func NoChallenge() Fault {
	return messageFault([]string{"EVENT", "REQ", "COUNT", "NEG-OPEN"}, func(h *handling) { h.noChallenge = true }, "NoChallenge()")
}

// RejectAuth answers AUTH, right or wrong, with OK false and this text, such as
// "restricted: not for you".
func RejectAuth(text string) Fault {
	return messageFault([]string{"AUTH"}, func(h *handling) { h.refusal = text }, "RejectAuth(%q)", text).withText(text)
}

// OneKeyOnly refuses to authenticate a second key on a connection.
func OneKeyOnly() Fault {
	return messageFault([]string{"AUTH"}, func(h *handling) {
		if m, ok := h.message.(wire.Auth); ok && h.session.hasAuthenticated() && !h.session.isAuthenticated(m.Event.PubKey) {
			h.refusal = "error: already authenticated"
		}
	}, "OneKeyOnly()")
}

// ExactAuthURL compares the relay tag of AUTH byte for byte with Relay.URL, as
// strfry does with its service URL (NIP-42): another spelling of it is refused.
func ExactAuthURL() Fault {
	return messageFault([]string{"AUTH"}, func(h *handling) { h.exactURL = true }, "ExactAuthURL()")
}
