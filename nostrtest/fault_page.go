package nostrtest

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The faults of this file are of which stored events a REQ gets: pages, bounds, and how
// filters are understood.

// EndlessMore hints "more" at each EOSE and serves the same newest n events, whatever
// until says: who pages by the hint alone never ends.
func EndlessMore(n int) Fault {
	f := answerFault([]string{"REQ"}, func(_ *handling, m wire.ServerMessage) []answer {
		if eose, is := m.(wire.EOSE); is {
			eose.Hints = []string{"more"}
			m = eose
		}
		return []answer{{message: m}}
	}, "EndlessMore(%d)", n)
	return f.alongside(func(h *handling) {
		h.page = n
		h.narrow(func(f nostr.Filter) nostr.Filter {
			f.Until = nil
			return f
		})
	}).atLeastOne(n)
}

// IgnoreLimits sends every stored event that matches, whatever limit a filter has and
// whatever the relay's own Limits say.
func IgnoreLimits() Fault {
	return reqFault(func(h *handling) { h.unlimited = true }, "IgnoreLimits()")
}

// PageCap sends at most n stored events for a filter, and does not say so in the
// information document.
func PageCap(n int) Fault {
	return reqFault(func(h *handling) { h.page = n }, "PageCap(%d)", n).atLeastOne(n)
}

// LimitZeroSends sends stored events although the filter's limit is 0.
func LimitZeroSends() Fault {
	return reqFault(func(h *handling) {
		h.narrow(func(f nostr.Filter) nostr.Filter {
			f.LimitZero = false
			return f
		})
	}, "LimitZeroSends()")
}

// ExclusiveBounds leaves out the stored events of the very seconds that since and until
// name, in reconciliations as well.
func ExclusiveBounds() Fault {
	return messageFault([]string{"REQ", "NEG-OPEN"}, func(h *handling) {
		h.narrow(func(f nostr.Filter) nostr.Filter {
			if f.Since != nil {
				since := *f.Since + 1
				f.Since = &since
			}
			if f.Until != nil {
				until := *f.Until - 1
				f.Until = &until
			}
			return f
		})
	}, "ExclusiveBounds()")
}

// ExclusiveSince leaves out the stored events of the very second that since names, in
// reconciliations as well, and keeps to until.
func ExclusiveSince() Fault {
	return messageFault([]string{"REQ", "NEG-OPEN"}, func(h *handling) {
		h.narrow(func(f nostr.Filter) nostr.Filter {
			if f.Since != nil {
				since := *f.Since + 1
				f.Since = &since
			}
			return f
		})
	}, "ExclusiveSince()")
}

// AnswerCap sends at most n stored events for a whole REQ, the newest of all its
// filters, and does not say so in the information document: a filter without recent
// events gets none.
func AnswerCap(n int) Fault {
	return reqFault(func(h *handling) { h.most = n }, "AnswerCap(%d)", n).atLeastOne(n)
}

// IgnoreUntil sends the newest stored events, whatever until says: every page is
// the first one, and EOSE does not tell.
func IgnoreUntil() Fault {
	return reqFault(func(h *handling) {
		h.narrow(func(f nostr.Filter) nostr.Filter {
			f.Until = nil
			return f
		})
	}, "IgnoreUntil()")
}

// RepeatPage answers a REQ with the stored events that were the answer to an earlier one
// on this connection, if their filters are the same but for until. With Times(n) the
// same page comes n times, and then the one that is due.
func RepeatPage() Fault {
	return reqFault(func(h *handling) { h.samePage = true }, "RepeatPage()")
}

// OncePerFilter sends an event once for each filter of the REQ that it matches, stored
// or live. Filters are answered one after the other: only each one's events
// are newest first.
func OncePerFilter() Fault {
	return reqFault(func(h *handling) { h.perFilter = true }, "OncePerFilter()")
}

// OncePerValue is OncePerFilter, and a filter that repeats a value sends the stored
// events that have it as often.
func OncePerValue() Fault {
	return reqFault(func(h *handling) { h.perFilter, h.perValue = true, true }, "OncePerValue()")
}

// HideKinds leaves events of these kinds out of what is sent and counted, stored and
// live, but for who has authenticated (NIP-42) as their author or as one of those they
// are tagged with by p.
func HideKinds(kinds ...nostr.Kind) Fault {
	kinds = slices.Clone(kinds)
	return messageFault([]string{"REQ", "COUNT", "NEG-OPEN"}, func(h *handling) {
		h.hidden = func(s *session, event *nostr.Event) bool {
			return slices.Contains(kinds, event.Kind) && !s.isInvolved(event)
		}
	}, "HideKinds(%v)", kinds).atLeastOne(len(kinds))
}

// isInvolved reports whether who has authenticated has written the event or is meant by
// it. Caller holds relay.mu.
func (s *session) isInvolved(event *nostr.Event) bool {
	return slices.ContainsFunc(s.record.Authenticated, func(key nostr.PubKey) bool {
		return key == event.PubKey || event.Tags.ContainsAny("p", []string{key.String()})
	})
}

// LooseTags finds stored events by a tag condition wherever its value is a part of any
// item of any tag.
func LooseTags() Fault {
	return messageFault([]string{"REQ", "COUNT", "NEG-OPEN"}, func(h *handling) { h.looseTags = true }, "LooseTags()")
}

// IgnoreUnknown passes over conditions of a filter that the relay does not know, such as
// "&t", and sends what the rest matches. An honest relay answers CLOSED "unsupported:"
// (NIP-01).
func IgnoreUnknown() Fault {
	return messageFault([]string{"REQ", "COUNT", "NEG-OPEN"}, func(h *handling) { h.heedless = true }, "IgnoreUnknown()")
}

// CountLastFilter counts what the last filter of a COUNT matches, and nothing of the
// others (NIP-45).
func CountLastFilter() Fault {
	return messageFault([]string{"COUNT"}, func(h *handling) { h.lastOnly = true }, "CountLastFilter()")
}

// KeepExpired serves and counts stored events whose expiration has passed, and takes
// such (NIP-40).
func KeepExpired() Fault {
	return messageFault([]string{"REQ", "COUNT", "NEG-OPEN", "EVENT"}, func(h *handling) { h.keepExpired = true }, "KeepExpired()")
}

// KeepEphemeral stores ephemeral events, and serves them for so long: whole seconds, at
// least one (NIP-01's kinds 20000 to 29999). It is for all connections and for
// Relay.Publish.
func KeepEphemeral(d time.Duration) Fault {
	f := newFault(always, effect{keep: d}, "KeepEphemeral(%v)", d)
	if d < time.Second {
		return f.broken("want a second or more")
	}
	return f
}
