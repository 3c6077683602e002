package nostrtest

import (
	"github.com/gennostr/gennostr/internal/wire"
)

// The faults of this file are of subscriptions: how many and how large they may be, and
// how they begin and end.

// SubscriptionCap allows n open subscriptions on a connection; one more is answered with
// CLOSED "rate-limited:", without a word in the information document. The three that
// follow tell it in another way, or not.
func SubscriptionCap(n int) Fault {
	return subscriptionCap(n, capClosed, "SubscriptionCap")
}

// SubscriptionCapNotice is SubscriptionCap with a NOTICE that names no subscription, and
// nothing else.
func SubscriptionCapNotice(n int) Fault {
	return subscriptionCap(n, capNotice, "SubscriptionCapNotice")
}

// SubscriptionCapEOSE is SubscriptionCap with the stored events, EOSE, and behind it a
// NOTICE that names no subscription: nothing live ever comes.
func SubscriptionCapEOSE(n int) Fault { return subscriptionCap(n, capEOSE, "SubscriptionCapEOSE") }

// SubscriptionCapSilence is SubscriptionCap without any answer.
func SubscriptionCapSilence(n int) Fault {
	return subscriptionCap(n, capSilence, "SubscriptionCapSilence")
}

func subscriptionCap(n int, how capAnswer, name string) Fault {
	return reqFault(func(h *handling) { h.maxOpen, h.maxAnswer = n, how }, "%s(%d)", name, n).atLeastOne(n)
}

// FilterCap refuses a REQ or COUNT of more than n filters with CLOSED "invalid:",
// without a word in the information document. See Limits.Filters for a relay that says
// so.
func FilterCap(n int) Fault {
	return messageFault([]string{"REQ", "COUNT"}, func(h *handling) { h.filterCap = n }, "FilterCap(%d)", n).atLeastOne(n)
}

// FirstFilters heeds the first n filters of a REQ or COUNT, stored and live, and passes
// over the others without a word.
func FirstFilters(n int) Fault {
	return messageFault([]string{"REQ", "COUNT"}, func(h *handling) { h.firstOnly = n }, "FirstFilters(%d)", n).atLeastOne(n)
}

// ValueCap refuses a REQ or COUNT with CLOSED "invalid:", and a NEG-OPEN with NEG-ERR, when
// a list in one of its filters, such as authors, has more than n values. No field of the information document
// is for that.
func ValueCap(n int) Fault {
	return messageFault([]string{"REQ", "COUNT", "NEG-OPEN"}, func(h *handling) { h.valueCap = n }, "ValueCap(%d)", n).atLeastOne(n)
}

// RefuseOpenIDs answers a REQ whose id is open already with CLOSED "duplicate:", and the
// open subscription goes on (NIP-01: it should be replaced).
func RefuseOpenIDs() Fault {
	return reqFault(func(h *handling) { h.openIDs = true }, "RefuseOpenIDs()")
}

// AddToOpenIDs adds the filters of a REQ whose id is open already to that subscription,
// in place of replacing it: live events go on coming for the old ones.
func AddToOpenIDs() Fault {
	return reqFault(func(h *handling) { h.addToOpen = true }, "AddToOpenIDs()")
}

// DeafToIDs sends nothing live for a filter that has ids, whatever else it has.
func DeafToIDs() Fault {
	return reqFault(func(h *handling) { h.deafToIDs = true }, "DeafToIDs()")
}

// CrossedListeners sends an event to nobody who has asked for its author alone or for its
// kind alone, while somebody listens to the author and somebody to the kind: whichever
// connections these are of, and whatever else they ask for. Who has asked for both hears it,
// and who has asked for neither.
func CrossedListeners() Fault {
	return reqFault(func(h *handling) { h.crossed = true }, "CrossedListeners()")
}

// AnswerClose answers CLOSE with CLOSED and this text, which may be empty, whether there
// was such a subscription or not.
func AnswerClose(text string) Fault {
	return messageFault([]string{"CLOSE"}, func(h *handling) { h.closeText = &text }, "AnswerClose(%q)", text)
}

// EndSubscriptions ends the subscription behind its EOSE with CLOSED and this text, such
// as "error: shutting down idle subscription".
func EndSubscriptions(text string) Fault {
	return answerFault([]string{"REQ"}, func(h *handling, m wire.ServerMessage) []answer {
		eose, is := m.(wire.EOSE)
		if !is {
			return []answer{{message: m}}
		}
		h.session.forget(eose.SubscriptionID)
		return []answer{{message: m}, {message: wire.Closed{SubscriptionID: eose.SubscriptionID, Message: text}}}
	}, "EndSubscriptions(%q)", text)
}

// EventsAfterClosed goes on sending live events for a subscription after its CLOSED,
// whatever that was for, until the client asks anew under its id.
func EventsAfterClosed() Fault {
	return sentFault("CLOSED", func(m *outgoing) {
		if closed, ok := m.message.(wire.Closed); ok {
			m.session.revive(closed.SubscriptionID)
		}
	}, "EventsAfterClosed()")
}
