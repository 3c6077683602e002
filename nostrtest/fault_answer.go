package nostrtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The faults of this file are of how the relay answers EVENT, and of answers in
// general. They strike at the client's message; On moves them to other verbs.

// Prefixes returns the words that OK and CLOSED may start with: those of
// NIP-01 and NIP-42, "unsupported", which is seen, and one that nobody knows.
//
//	for _, prefix := range nostrtest.Prefixes() {
//		mend := relay.Break(nostrtest.RefuseEvents(prefix + ": not today"))
func Prefixes() []string {
	return []string{wire.PrefixDuplicate, wire.PrefixPoW, wire.PrefixBlocked, wire.PrefixRateLimited, wire.PrefixInvalid,
		wire.PrefixRestricted, wire.PrefixMute, wire.PrefixError, wire.PrefixAuthRequired, wire.PrefixUnsupported, "x-unheard-of"}
}

// messageFault returns a fault of how the relay handles messages of some verbs.
func messageFault(verbs []string, change func(*handling), format string, args ...any) Fault {
	f := newFault(atMessage, effect{message: change}, format, args...)
	f.verbs = verbs
	return f
}

// answerFault returns a fault of how the relay answers messages of some verbs.
// The answer may be asked for with Relay.mu held.
func answerFault(verbs []string, change func(*handling, wire.ServerMessage) []answer, format string, args ...any) Fault {
	f := newFault(atMessage, effect{answer: change}, format, args...)
	f.verbs = verbs
	return f
}

// withText demands a text: the empty one would stand for no fault at all.
func (f Fault) withText(text string) Fault {
	if text == "" {
		return f.broken("want a text")
	}
	return f
}

// okFault changes the OK of EVENT, or with On that of AUTH.
func okFault(change func(wire.OK) []answer, format string, args ...any) Fault {
	return answerFault([]string{"EVENT"}, func(_ *handling, m wire.ServerMessage) []answer {
		if ok, is := m.(wire.OK); is {
			return change(ok)
		}
		return []answer{{message: m}}
	}, format, args...)
}

// NoOK stores an event and does not say so.
func NoOK() Fault { return okFault(func(wire.OK) []answer { return nil }, "NoOK()") }

// LateOK sends OK so much later; other answers overtake it.
func LateOK(d time.Duration) Fault {
	return okFault(func(ok wire.OK) []answer { return []answer{{message: ok, after: d}} }, "LateOK(%v)", d)
}

// TwoOKs sends every OK twice.
func TwoOKs() Fault {
	return okFault(func(ok wire.OK) []answer { return []answer{{message: ok}, {message: ok}} }, "TwoOKs()")
}

// OKForAnotherID sends OK true for an event that nobody has published, in
// place of the OK that is due.
func OKForAnotherID() Fault {
	return okFault(func(ok wire.OK) []answer {
		ok.EventID[0] ^= 0xFF
		return []answer{{message: ok}}
	}, "OKForAnotherID()")
}

// ShortOK sends OK without its fourth element.
func ShortOK() Fault {
	return okFault(func(ok wire.OK) []answer {
		return []answer{{raw: fmt.Appendf(nil, `["OK","%s",%v]`, ok.EventID, ok.Accepted)}}
	}, "ShortOK()")
}

// OKSays sends OK with this text, such as "duplicate: already have this event",
// and leaves it true or false as it is.
func OKSays(text string) Fault {
	return okFault(func(ok wire.OK) []answer {
		ok.Message = text
		return []answer{{message: ok}}
	}, "OKSays(%q)", text)
}

// RefuseEvents answers EVENT with OK false and this text, which should start with
// one of Prefixes: "rate-limited: slow down". With "auth-required:" the relay
// sends a challenge before it, if this connection has had none.
func RefuseEvents(text string) Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.refusal = text }, "RefuseEvents(%q)", text).withText(text)
}

// RefuseRequests answers REQ and COUNT with CLOSED and this text, as
// RefuseEvents does with EVENT.
func RefuseRequests(text string) Fault {
	return messageFault([]string{"REQ", "COUNT"}, func(h *handling) { h.refusal = text }, "RefuseRequests(%q)", text).withText(text)
}

// ForgetEvents answers EVENT with OK true and loses the event.
func ForgetEvents() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.forget = true }, "ForgetEvents()")
}

// TrustKnownIDs does not verify an event whose id the relay has stored: a
// tampered copy of it gets OK true.
func TrustKnownIDs() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.trustKnown = true }, "TrustKnownIDs()")
}

// NoticeInstead answers with NOTICE and nothing else, and does not handle the
// message. It is for every verb; see On.
func NoticeInstead(text string) Fault {
	return messageFault(nil, func(h *handling) { h.notice = text }, "NoticeInstead(%q)", text).withText(text)
}

// NoticeForBadEvents answers an event that does not verify with NOTICE, and
// never with OK.
func NoticeForBadEvents() Fault {
	f := messageFault([]string{"EVENT"}, func(h *handling) {
		if m, ok := h.message.(wire.Publish); ok && m.Event.Verify() != nil {
			h.notice = "bad signature"
		}
	}, "NoticeForBadEvents()")
	return f
}

// NoAnswer makes the relay deaf: it hears the client's messages and does nothing
// about them. It is for every verb; see On. Pings are answered.
func NoAnswer() Fault { return messageFault(nil, func(h *handling) { h.ignore = true }, "NoAnswer()") }

// PrefixClosed puts "ERROR: " before the text of every CLOSED, as strfry does.
func PrefixClosed() Fault {
	return sentFault("CLOSED", func(m *outgoing) {
		if closed, ok := m.message.(wire.Closed); ok {
			closed.Message = "ERROR: " + closed.Message
			m.replace(answer{message: closed})
		}
	}, "PrefixClosed()")
}

// ClockSkew puts the relay's clock wrong, by so much ahead or, if negative,
// behind: created_at of events (Limits.Past and Future), expirations and AUTH are
// held against it, and it dates the relay's HTTP answers. It is for all connections.
func ClockSkew(d time.Duration) Fault {
	return newFault(always, effect{skew: d}, "ClockSkew(%v)", d)
}

// sentFault returns a fault of what the relay sends with this verb.
func sentFault(verb string, change func(*outgoing), format string, args ...any) Fault {
	f := newFault(beforeSend, effect{sending: change}, format, args...)
	if verb != "" {
		f.verbs = []string{verb}
	}
	return f
}

// Lose does not send a message. It is for every verb; see Of.
func Lose() Fault { return sentFault("", func(m *outgoing) { m.replace() }, "Lose()") }

// Late sends a message so much later, while others overtake it. It is for every
// verb; see Of.
func Late(d time.Duration) Fault {
	return sentFault("", func(m *outgoing) {
		late := m.same()
		late.after = d
		m.replace(late)
	}, "Late(%v)", d)
}

// Repeat sends a message n times. It is for every verb; see Of.
func Repeat(n int) Fault {
	return sentFault("", func(m *outgoing) { m.replace(slices.Repeat([]answer{m.same()}, n)...) }, "Repeat(%d)", n).atLeastOne(n)
}

// LineFeeds ends every message with a line feed.
func LineFeeds() Fault {
	return sentFault("", func(m *outgoing) { m.replace(answer{raw: append(m.same().raw, '\n')}) }, "LineFeeds()")
}

// Rewrite sends what rewrite makes of a message: other texts in its place, the
// same and more, or none. It is for every verb; see Of. A panic in rewrite is
// logged and ends the connection.
func Rewrite(rewrite func(message string) []string) Fault {
	f := sentFault("", func(m *outgoing) {
		var out []answer
		for _, text := range rewrite(string(m.frame)) {
			out = append(out, answer{raw: []byte(text)})
		}
		m.replace(out...)
	}, "Rewrite(…)")
	if rewrite == nil {
		return f.broken("want a function")
	}
	return f
}

// stranger signs the events that a relay makes up.
func stranger() nostr.SecretKey { return Key(666) }
