package gennostr

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// AUTHs that are sent, by signers and by the program itself, and the relay's answers to them.

// mostOwnAuths is as many as internal/authn waits for.
const mostOwnAuths = 8

// ownAuth is an AUTH of the program's.
type ownAuth struct {
	id  nostr.ID
	key nostr.PubKey
}

// sendAuth writes an AUTH that was signed.
func (s *supervisor) sendAuth(e *relayEntry, id *identity, event nostr.ID) {
	a := e.auth
	last, some := a.sent[id]
	a.sent[id] = event
	if some && !a.hears(last) {
		e.conn.ignore(last)
	}
	e.conn.await(event)
	e.conn.sendFirst(a.signed[id].out)
}

// authOK takes a relay's answer to an AUTH; false if the event is none.
func (s *supervisor) authOK(e *relayEntry, ok wire.OK) bool {
	a := e.auth
	if a == nil {
		return false
	}
	before := a.machine.Accepts()
	if !a.machine.OK(s.client.now(), ok.EventID, ok.Accepted, ok.Message) {
		return false
	}
	key := a.answered(e.conn, ok.EventID)
	s.doAuth(e)
	if a.machine.Accepts() > before {
		a.vain, a.first = false, time.Time{}
		if !slices.Contains(a.accepted, key) {
			a.accepted = append(a.accepted, key)
		}
		s.authenticated(e)
		s.doAuth(e)
	}
	s.authMoved(e)
	return true
}

// answered finds whose AUTH it was. Another answer to one of the program's is nobody's.
func (a *authenticating) answered(c *connection, event nostr.ID) (key nostr.PubKey) {
	a.own = slices.DeleteFunc(a.own, func(o ownAuth) bool {
		if o.id == event {
			key = o.key
		}
		return o.id == event
	})
	for id, sent := range a.sent {
		if sent == event {
			delete(a.told, id)
			key = a.signed[id].event.PubKey
		}
	}
	if !a.hears(event) {
		c.ignore(event)
	}
	return key
}

// hears tells whether an OK about this event is for a signer's AUTH, or one of the program's.
func (a *authenticating) hears(event nostr.ID) bool {
	for _, sent := range a.sent {
		if sent == event {
			return true
		}
	}
	return slices.ContainsFunc(a.own, func(o ownAuth) bool { return o.id == event })
}

// authSent is for an AUTH that the program has sent itself.
func (s *supervisor) authSent(e *relayEntry, auth ownAuth) {
	a := s.authOf(e)
	if len(a.own) == mostOwnAuths {
		oldest := a.own[0].id
		if a.own = a.own[1:]; !a.hears(oldest) {
			e.conn.ignore(oldest)
		}
	}
	a.own = append(a.own, auth)
	a.machine.Sent(s.client.now(), auth.id)
	s.doAuth(e)
}

// acceptedNow is as whom the client has authenticated on the open connection.
func (e *relayEntry) acceptedNow() []nostr.PubKey {
	if e.auth == nil {
		return nil
	}
	return slices.Clone(e.auth.accepted)
}

// accepts counts the AUTHs that the relay has accepted on the open connection.
func (e *relayEntry) accepts() int {
	if e.auth == nil {
		return 0
	}
	return e.auth.machine.Accepts()
}
