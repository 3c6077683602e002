package gennostr

import (
	"errors"
	"fmt"
)

// Subscriptions under a Harness: their names in what is delivered, and a program
// that dies and is started again.

// named puts the id of a REQ in the place of a subscription's name.
func (h *Harness) named(url string, msg RelayMessage) (RelayMessage, error) {
	var name string
	switch m := msg.(type) {
	case EventMessage:
		name = m.SubscriptionID
	case EOSEMessage:
		name = m.SubscriptionID
	case ClosedMessage:
		name = m.SubscriptionID
	default:
		return msg, nil
	}
	sub := h.c.subs.get(name)
	if sub == nil {
		return msg, nil
	}
	conn, err := h.connected(url)
	if err != nil {
		return nil, err
	}
	id := ""
	h.c.sup.do(func(s *supervisor) { id = conn.entry.reqFor(sub, msg) })
	if id == "" {
		return nil, fmt.Errorf("gennostr: nothing is open on %s for the subscription %q", conn.relay.URL, name)
	}
	switch m := msg.(type) {
	case EventMessage:
		m.SubscriptionID = id
		return m, nil
	case EOSEMessage:
		m.SubscriptionID = id
		return m, nil
	case ClosedMessage:
		m.SubscriptionID = id
		return m, nil
	}
	return msg, nil
}

// reqFor finds the REQ that a message for a subscription answers: the first one that
// waits for its EOSE, else the first that is open, in both cases of those that ask
// for the event, if it is one. Supervisor goroutine.
func (e *relayEntry) reqFor(sub *subscription, msg RelayMessage) string {
	if e.asking == nil {
		return ""
	}
	event, isEvent := msg.(EventMessage)
	best, waits := 0, false
	for n, r := range e.asking.routes {
		asks, asksFor := false, false
		for _, m := range r.members {
			if k, ok := m.asker.(*legAsk); ok && k.leg.sub == sub && !m.gone.Load() {
				asks = true
				asksFor = asksFor || isEvent && m.filter.Match(event.Event)
			}
		}
		if !asks || isEvent && !asksFor {
			continue
		}
		if best == 0 || !r.eose && !waits || r.eose == !waits && n < best {
			best, waits = n, !r.eose
		}
	}
	if best == 0 {
		return ""
	}
	return wireID(best)
}

// Restart is a crash: the client ends at once, without Terminate and with whatever
// waits, and another one begins with this handler, which may be the same, and the
// same options. Its Init finds what the program has saved, such as a [Cursor]. Relays
// are being dialled again; what was sent and scheduled before is forgotten.
func (h *Harness) Restart(handler Handler) error {
	if !h.over {
		h.over = true
		h.c.abort(errCrash)
	}
	return h.begin(handler)
}

var errCrash = errors.New("gennostr: crash")
