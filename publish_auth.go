package gennostr

import "github.com/gennostr/gennostr/nostr"

// Events that a relay has refused for want of AUTH (NIP-42).

// wantAuth has an event published again when the relay has accepted an AUTH: of its
// author's where that is one of the signers. It is for pump, which sees to what follows.
func (s *supervisor) wantAuth(e *relayEntry, id nostr.ID, author nostr.PubKey) {
	s.want(e, unauthenticatedEvent{id}, author)
	s.doAuth(e)
	s.ask(e)
}

// unwantAuth is for an event that nobody publishes any more.
func (s *supervisor) unwantAuth(e *relayEntry, id nostr.ID) {
	if e.auth != nil {
		e.auth.forget(unauthenticatedEvent{id})
	}
}

// unauthenticatedEvent waits for AUTH.
type unauthenticatedEvent struct{ id nostr.ID }

func (w unauthenticatedEvent) authDone(s *supervisor, e *relayEntry) {
	e.publishing.relay.AuthDone(s.client.now(), w.id)
}

func (w unauthenticatedEvent) authFailed(_ *supervisor, e *relayEntry, err *AuthError) {
	e.publishing.relay.AuthFailed(w.id, err.Message, err)
}
