package gennostr

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/attend"
	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

// What the supervisor does for AUTH (NIP-42). It feeds the machine that says which
// challenge is signed as whom, and what is done again (internal/authn), and does what it
// says. Who may be asked stands in auth_policy.go, what becomes of an AUTH in auth_sent.go.

// authenticating is AUTH on one connection, from its first challenge or refusal on.
// Supervisor goroutine only.
type authenticating struct {
	machine *authn.Auth[authWaiter, *identity]
	ctx     context.Context // of signers: ends with the connection
	cancel  context.CancelFunc

	challenge string // the latest
	begun     bool   // it has been said who answers the first
	decision  AuthDecision
	decided   bool      // it is the policy's, or there is none to ask
	deciding  bool      // the policy is being asked
	consulted int       // how often, since
	since     time.Time //

	first    time.Time                // until when nothing is asked or published before an AUTH; zero: no longer
	waiting  []authWanting            // until it is known who may be asked
	grace    attend.Grace             // for who is to say so, if the program did not run
	keys     map[*identity]keyAsked   // those that were asked for
	unsigned map[*identity]string     // challenges that wait for the last signature to come back
	signed   map[*identity]authSigned // the last of each
	sent     map[*identity]nostr.ID   // the last of each, whose OK is heard
	own      []ownAuth                // the program's, whose OK is heard
	told     map[*identity]bool       // OnError knows that it has failed
	accepted []nostr.PubKey           // in that order
	vain     bool                     // somebody has given up since the last of them
}

// authWaiter is what a relay has refused for want of AUTH, to be told what came of it.
// What it has to send, whoever tells it sends afterwards (authMoved). Comparable.
type authWaiter interface {
	authDone(s *supervisor, e *relayEntry)
	authFailed(s *supervisor, e *relayEntry, err *AuthError)
}

// authWanting is one that waits until it is known who may be asked.
type authWanting struct {
	who    authWaiter
	author nostr.PubKey // as whom it needs AUTH, if that is possible; zero: anybody
	until  time.Time
}

// authOf makes room for what has to do with AUTH on an open connection.
func (s *supervisor) authOf(e *relayEntry) *authenticating {
	if e.auth == nil {
		ctx, cancel := context.WithCancel(context.WithValue(s.client.parent, onLoop{}, inTask{s.client}))
		e.auth = &authenticating{
			machine: authn.New[authWaiter, *identity](authn.Config{Manual: !s.client.leavesAuth.Load()}),
			ctx:     ctx, cancel: cancel,
			decided: e.conn.cfg.authPolicy == nil || len(e.conn.cfg.signers) == 0,
			keys:    make(map[*identity]keyAsked), unsigned: make(map[*identity]string), signed: make(map[*identity]authSigned),
			sent: make(map[*identity]nostr.ID), told: make(map[*identity]bool),
		}
	}
	return e.auth
}

// endAuth is for the end of a connection: the next begins unauthenticated.
func (s *supervisor) endAuth(e *relayEntry) {
	if e.auth != nil {
		e.auth.cancel()
		e.auth = nil
		s.later.Cancel(laterKey{entry: e, auth: true})
	}
}

// gotChallenge is for the latest challenge. Without a signer it is left to OnAuth.
func (s *supervisor) gotChallenge(e *relayEntry, challenge string) {
	if len(e.conn.cfg.signers) == 0 || challenge == "" || len(challenge) > authn.LongestChallenge {
		return
	}
	a := s.authOf(e)
	another := challenge != a.challenge
	a.challenge = challenge
	a.machine.Challenge(s.client.now(), challenge) // before anything else that the relay has said is judged
	if !a.first.IsZero() {
		a.first = s.client.now().Add(2 * signPatience) // of the signer, and of the relay
	}
	switch {
	case a.deciding: // and then it is looked at
	case e.conn.cfg.authPolicy != nil && another && s.mayConsult(a):
		s.consult(e)
	default:
		s.challenged(e)
	}
}

// challenged hands the latest challenge to the machine, with those that answer at once.
// Again with each key that is known now: a challenge that is repeated is nothing new.
func (s *supervisor) challenged(e *relayEntry) {
	a, now := e.auth, s.client.now()
	if a.decided && a.challenge != "" {
		if e.answersAtOnce() {
			eager, known := s.candidates(e, nostr.PubKey{})
			a.machine.Challenge(now, a.challenge, eager...)
			if known && len(eager) == 0 {
				a.first = time.Time{}
			}
		} else {
			a.first = time.Time{}
		}
		if !a.begun {
			a.begun = true
			s.challengeAtLast(e)
		}
	}
	s.authMoved(e)
}

// want is for what a relay has refused for want of AUTH.
func (s *supervisor) want(e *relayEntry, who authWaiter, author nostr.PubKey) {
	a := s.authOf(e)
	a.waiting = append(a.waiting, authWanting{who, author, s.client.now().Add(signPatience)})
}

// forget is for one that wants nothing any more.
func (a *authenticating) forget(who authWaiter) {
	a.waiting = slices.DeleteFunc(a.waiting, func(w authWanting) bool { return w.who == who })
	a.machine.Forget(who)
}

// awaits tells whether somebody waits for AUTH.
func (a *authenticating) awaits(who authWaiter) bool {
	return a != nil && (slices.ContainsFunc(a.waiting, func(w authWanting) bool { return w.who == who }) || a.machine.Awaits(who))
}

// resolve hands to the machine what waits until it is known who may be asked.
func (s *supervisor) resolve(e *relayEntry) {
	a, now := e.auth, s.client.now()
	if len(a.waiting) > 0 {
		a.grace.Look(now, a.waiting[0].until)
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(w authWanting) bool {
		late := a.grace.Over(now, w.until)
		if !a.decided {
			if late {
				err := authn.ErrNoChallenge
				if a.challenge != "" {
					err = errUndecided
				}
				s.giveUpAuth(e, w.who, "", err)
			}
			return late
		}
		list, known := s.candidates(e, w.author)
		if known || late {
			a.machine.Want(now, w.who, list...)
		}
		return known || late
	})
}

// authMoved does what is to be done now, and sends what is sent again, or at last.
func (s *supervisor) authMoved(e *relayEntry) {
	s.doAuth(e)
	s.ask(e)
	if e.stage == connected {
		s.publishUp(e)
	}
}

// challengeWithin is how long a relay may take to challenge that says that it serves
// nobody else. Some do so only when they refuse something.
const challengeWithin = time.Second

// authFirst is called when a connection is up. What a relay serves nobody without AUTH,
// as it says itself, is neither asked nor published before that (NIP-11).
func (s *supervisor) authFirst(e *relayEntry) {
	if e.lores != nil && e.lores.told.AuthRequired && len(e.conn.cfg.signers) > 0 {
		s.authOf(e).first = s.client.now().Add(challengeWithin)
		s.doAuth(e)
	}
}

// awaitsAuth tells whether nothing is asked or published yet.
func (e *relayEntry) awaitsAuth() bool { return e.auth != nil && !e.auth.first.IsZero() }

// doAuth does what the machine says.
func (s *supervisor) doAuth(e *relayEntry) {
	a := e.auth
	if a == nil {
		return
	}
	s.resolve(e)
	for steps := a.machine.Steps(); len(steps) > 0; steps = a.machine.Steps() {
		for _, step := range steps {
			switch step.Do {
			case authn.Sign:
				s.signAuth(e, step.Identity, step.Challenge)
			case authn.Send:
				s.sendAuth(e, step.Identity, step.ID)
			case authn.Redo:
				step.Who.authDone(s, e)
			case authn.GiveUp:
				s.giveUpAuth(e, step.Who, step.Message, e.noAuth(step.Err))
			case authn.Report:
				s.tellAuth(e, step.Identity, &AuthError{Message: step.Message, Err: step.Err})
			}
		}
	}
	at, some := a.machine.Next()
	for _, w := range a.waiting[:min(1, len(a.waiting))] { // the first is the first that has waited for long enough
		at, some = earlier(at, some, a.grace.Next(w.until))
	}
	at, some = earlier(at, some, a.first)
	if some {
		s.later.Set(laterKey{entry: e, auth: true}, at)
	} else {
		s.later.Cancel(laterKey{entry: e, auth: true})
	}
}

// ringAuth is for the time that doAuth has set.
func (s *supervisor) ringAuth(e *relayEntry) {
	a, now := e.auth, s.client.now()
	if a == nil {
		return
	}
	if !now.Before(a.first) {
		a.first = time.Time{}
	}
	a.machine.Look(now)
	s.authMoved(e)
}

func (s *supervisor) giveUpAuth(e *relayEntry, who authWaiter, message string, err error) {
	e.auth.vain = true
	failed := &AuthError{URL: e.url, Message: message, Err: err}
	e.explainAuth(failed, s.client.now())
	who.authFailed(s, e, failed)
}

// tellAuth tells OnError why there is no AUTH, once for each identity.
func (s *supervisor) tellAuth(e *relayEntry, id *identity, err *AuthError) {
	if id != nil {
		if e.auth.told[id] {
			return
		}
		e.auth.told[id] = true
		e.auth.first = time.Time{}
		err.PubKey, _ = id.keyNow()
	}
	err.URL = e.url
	e.explainAuth(err, s.client.now())
	s.client.mail.Put(&errorLetter{conn: e.conn, err: err})
}

// authLeft tells that the handler does not answer challenges: nobody waits for that.
type authLeft struct{}

func (authLeft) supervise(s *supervisor) {
	for _, e := range s.sorted() {
		if e.auth != nil {
			e.auth.machine.SetManual(s.client.now(), false)
			s.authMoved(e)
		}
	}
}
