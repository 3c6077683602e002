package gennostr

import (
	"time"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

// Events that a relay has refused for want of an AUTH (NIP-42).

// authPatience is how long an event waits for an AUTH that the program sends itself.
const authPatience = 10 * time.Second

// wantAuth has an event published again when the relay has accepted an AUTH.
func (s *supervisor) wantAuth(e *relayEntry, id nostr.ID, _ nostr.PubKey) {
	p, now := e.publishing, s.client.now()
	if e.authed {
		p.relay.AuthDone(now, id)
		return
	}
	if p.wants == nil {
		p.wants = make(map[nostr.ID]time.Time)
	}
	p.wants[id] = now.Add(authPatience)
}

// publishAuthenticated is for an AUTH that the relay has accepted.
func (s *supervisor) publishAuthenticated(e *relayEntry) {
	e.authed = true
	p := e.publishing
	if p == nil {
		return
	}
	now := s.client.now()
	for id := range p.wants {
		p.relay.AuthDone(now, id)
	}
	clear(p.wants)
	s.pump(e)
}

// endWants gives up what has waited for long enough.
func (s *supervisor) endWants(p *publishing, now time.Time) {
	for id, until := range p.wants {
		if !now.Before(until) {
			delete(p.wants, id)
			p.relay.AuthFailed(id, "", authn.ErrNoSigner)
		}
	}
}
