package gennostr

import "github.com/gennostr/gennostr/nostr"

// Events that a relay has refused for want of AUTH (NIP-42).

// unwantAuth is for an event that nobody publishes any more.
func (s *supervisor) unwantAuth(e *relayEntry, id nostr.ID) {
	if e.auth != nil {
		e.auth.forget(unauthenticatedEvent{id})
	}
}

// unauthenticatedEvent waits for AUTH, to be published again when the relay has accepted
// one: of its author's where that is one of the signers.
type unauthenticatedEvent struct{ id nostr.ID }

func (w unauthenticatedEvent) authDone(s *supervisor, e *relayEntry) {
	e.publishing.relay.AuthDone(s.client.now(), w.id)
}

func (w unauthenticatedEvent) authFailed(_ *supervisor, e *relayEntry, err *AuthError) {
	e.publishing.relay.AuthFailed(w.id, err.Message, err)
}
