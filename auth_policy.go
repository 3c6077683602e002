package gennostr

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

// Who may be asked for AUTH, and when: the policy's decision, and keys.

// mostConsulted is how many calls of the policy there may be in a minute.
const mostConsulted = 8

// mayConsult bounds how often a relay can have the policy asked.
func (s *supervisor) mayConsult(a *authenticating) bool {
	now := s.client.now()
	if a.consulted == 0 || now.Sub(a.since) >= time.Minute {
		a.consulted, a.since = 0, now
	}
	return a.consulted < mostConsulted
}

// authPromoted is for a guest that the program has added: it may be told more.
func (s *supervisor) authPromoted(e *relayEntry) {
	switch a := e.auth; {
	case a == nil || a.deciding || a.challenge == "":
	case e.conn.cfg.authPolicy != nil && s.mayConsult(a):
		s.consult(e)
	default:
		s.challenged(e)
	}
}

// consult asks the policy, when it has answered what it was asked about an earlier
// connection to that relay: one that does not return is not asked again.
func (s *supervisor) consult(e *relayEntry) {
	a, c := e.auth, e.conn
	a.deciding = true
	if s.consulting[e.url] {
		return
	}
	if s.consulting == nil {
		s.consulting = make(map[string]bool)
	}
	s.consulting[e.url] = true
	a.consulted++
	ev := authDecided{c: c, challenge: a.challenge}
	relay, policy := c.current(), c.cfg.authPolicy
	s.beside("auth policy", func() error {
		d := policy(relay, AuthMessage{Challenge: ev.challenge})
		if d.As != nil {
			d.As = append([]nostr.PubKey{}, d.As...)
		}
		ev.decision = d
		return nil
	}, func(err error) {
		ev.err = err
		s.inbox.Put(ev)
	})
}

// authDecided is what the policy has said.
type authDecided struct {
	c         *connection
	challenge string
	decision  AuthDecision
	err       error // it has panicked
}

func (ev authDecided) supervise(s *supervisor) {
	delete(s.consulting, ev.c.entry.url)
	e := s.relays[ev.c.entry.url]
	if e == nil || e.auth == nil || !e.auth.deciding {
		return
	}
	a := e.auth
	if e.conn != ev.c { // its turn has come
		s.consult(e)
		return
	}
	a.deciding = false
	if a.challenge != ev.challenge && s.mayConsult(a) {
		s.consult(e)
		return
	}
	a.decided, a.decision = true, ev.decision
	if ev.err != nil {
		a.decision = AuthDecision{When: AuthNever}
		s.tellAuth(e, nil, &AuthError{Err: ev.err})
	}
	s.challenged(e)
}

// answersAtOnce tells whether challenges are answered before anything is refused.
func (e *relayEntry) answersAtOnce() bool {
	switch e.auth.decision.When {
	case AuthAtOnce:
		return true
	case AuthWhenNeeded, AuthNever:
		return false
	}
	return !e.guest || e.lores != nil && e.lores.told.AuthRequired
}

// candidates lists the identities that may answer, for an author's event only the
// author's where that is one of them. Not known: it depends on keys that are being asked for.
func (s *supervisor) candidates(e *relayEntry, author nostr.PubKey) (list []*identity, known bool) {
	a, signers := e.auth, e.conn.cfg.signers
	if a.decision.When == AuthNever {
		return nil, true
	}
	known = true
	needKeys := a.decision.As != nil || !author.IsZero() && len(signers) > 1
	if needKeys {
		s.askKeys(e)
	}
	for _, id := range signers {
		key, ok := id.keyNow()
		if needKeys && !ok && a.keys[id].pending {
			known = false
		}
		if a.decision.As != nil && !(ok && slices.Contains(a.decision.As, key)) {
			continue
		}
		if ok && key == author {
			return []*identity{id}, true
		}
		list = append(list, id)
	}
	return list, known
}

// noAuth is why there is no AUTH: a signer that cannot say its key is not one that is not there.
func (e *relayEntry) noAuth(err error) error {
	if err != authn.ErrNoSigner || e.auth.decision.As == nil {
		return err
	}
	for _, id := range e.conn.cfg.signers {
		if k := e.auth.keys[id]; k.err != nil {
			return k.err
		}
	}
	return err
}
