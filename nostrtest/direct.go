package nostrtest

import (
	"slices"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Publish stores events and pushes them to the open subscriptions that they
// match, as if a client had published them, but takes them as they are: not
// verified, not held to a limit or policy. Duplicates, outdated versions and
// deleted events are passed over, ephemeral ones pushed only. It works on a
// stopped relay too. The events are copied.
func (r *Relay) Publish(events ...*nostr.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range events {
		event = event.Clone()
		if r.store.add(event, r.admits(admission{})).isNew() {
			r.push(event)
		}
	}
	r.changed.ring()
}

// Push sends events to the open subscriptions that they match and does nothing
// else: nothing is verified, stored, or left out because it is known. So a
// forged or repeated event reaches a client. The events are copied.
func (r *Relay) Push(events ...*nostr.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range events {
		r.push(event.Clone())
	}
}

// Inject sends a text message exactly as given, legal or not, to the
// connections with the given numbers, or to all without a number. Like every
// message of this file it goes out behind what is queued already. It returns
// how many connections it was queued for.
func (r *Relay) Inject(frame string, connections ...int) int {
	raw := []byte(frame)
	return r.each(connections, func(s *session) { s.send(outItem{raw: raw}) })
}

// Notice sends NOTICE to the given connections, or to all, and returns how many.
func (r *Relay) Notice(text string, connections ...int) int {
	return r.each(connections, func(s *session) { s.reply(wire.Notice{Message: text}) })
}

// RequestAuth sends a new AUTH challenge (NIP-42), which replaces earlier
// ones, to the given connections, or to all, and returns how many. Who has
// authenticated stays so.
func (r *Relay) RequestAuth(connections ...int) int {
	return r.each(connections, func(s *session) { s.sendChallenge() })
}

// CloseSubscription ends subscriptions from the relay's side, on every
// connection that has one with this id, and sends CLOSED with the reason, such
// as "error: shutting down". It returns how many.
func (r *Relay) CloseSubscription(id, reason string) int {
	closed := 0
	r.each(nil, func(s *session) {
		if s.takeSubscription(id) != nil {
			s.reply(wire.Closed{SubscriptionID: id, Message: reason})
			closed++
		}
	})
	return closed
}

// CloseReconciliation ends the reconciliation on every connection that has one with this id
// (NIP-77), and sends NEG-ERR with the reason, such as "closed: you took too long". It returns
// how many.
func (r *Relay) CloseReconciliation(id, reason string) int {
	closed := 0
	r.each(nil, func(s *session) {
		open := s.reconciliations[id]
		if open == nil {
			return
		}
		open.record.Refusal = reason
		s.endReconciliation(id)
		s.reply(wire.NegErr{SubscriptionID: id, Reason: reason})
		closed++
	})
	return closed
}

// Disconnect cuts the given connections, as a crash would: without a close
// frame, and what is queued is lost. It returns how many were open, and does
// not wait for them to end; see WaitConnections.
func (r *Relay) Disconnect(connections ...int) int {
	if len(connections) == 0 {
		return 0
	}
	return r.each(connections, func(s *session) { _ = s.peer.Close() })
}

// DisconnectAll is Disconnect for every connection.
func (r *Relay) DisconnectAll() int {
	return r.each(nil, func(s *session) { _ = s.peer.Close() })
}

// CloseConnection ends a connection with a close frame, with a code of RFC
// 6455 such as 1000, 1008 or 4000 and a reason of at most 123 bytes, behind
// what is queued. It does not wait for the client, which has five seconds to
// answer. It reports whether the connection was open.
func (r *Relay) CloseConnection(connection, code int, reason string) bool {
	return r.each([]int{connection}, func(s *session) { s.sendClose(closeFrame{code, reason}) }) > 0
}

// Clear forgets all stored events and deletions. Subscriptions and views stay.
func (r *Relay) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = newStore()
	r.changed.ring()
}

// each calls f for the open connections with the given numbers, or for all
// without a number, with mu held, and returns how many there were.
func (r *Relay) each(connections []int, f func(*session)) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.sessions {
		if len(connections) == 0 || slices.Contains(connections, s.number) {
			f(s)
			n++
		}
	}
	r.changed.ring()
	return n
}
