// Package authn is NIP-42 on one connection (DESIGN 5: Auth): which challenge is signed,
// by which identity, when, and what is done again after it.
//
// Identities answer a challenge when it comes (eager), or when somebody was refused for
// want of AUTH (Want). An identity has one signature in flight, and one AUTH whose OK is
// awaited; all who want it wait for the same one (L24). The latest challenge counts (P38).
// A signer is somebody else's: it may be slow, fail, or never answer, which delays only
// those who need it.
//
// Nothing loops. An AUTH that was refused is refused until the connection ends (P43);
// nobody is told to try again twice for one acceptance of one identity, nor many times at
// short intervals; and whatever a relay sends, an identity signs only so often in a minute. Only the latest challenge is
// kept: a storm of them costs neither memory nor signatures (L13). What has wanted AUTH is
// known until Forget, so that it cannot start over.
//
// A connection starts unauthenticated (P46), so an Auth is thrown away with it. There is
// no goroutine, no lock and no clock here. The owner serialises, hands the time in, and
// does the Steps that Do says.
package authn

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/attend"
	"github.com/gennostr/gennostr/nostr"
)

// Config is how long is waited, and for whom.
type Config struct {
	// Sign is how long a signer may take; Answer, the relay to an AUTH; Challenge, the
	// relay to its challenge when it has said that it wants AUTH. 10 s each if 0.
	Sign, Answer, Challenge time.Duration
	// Manual: the program may send an AUTH of its own, so whoever wants AUTH and has no
	// identity waits for that, as long as for a challenge.
	Manual bool
}

const wait = 10 * time.Second

// LongestChallenge is how long a challenge may be, in bytes; deployed relays send 16 to 100.
const LongestChallenge = 1024

// Bounds.
const (
	mostSigned = 8 // signatures of an identity in a minute
	perMinute  = time.Minute
	firstRest  = 50 * time.Millisecond // after the second signature in vain; twice as long after each more: 3 s in all
	mostRedone = 8                     // times that one party tries again, until it has not had to for so long:
	content    = 10 * time.Minute
	mostManual = 8 // AUTHs of the program's own that are awaited
	failedFor  = 10 * time.Second
)

// Why AUTH was given up.
var (
	ErrNoSigner    = errors.New("the relay wants AUTH, and there is no signer for it")
	ErrNoChallenge = errors.New("the relay wants AUTH and has sent no challenge")
	ErrRefused     = errors.New("the relay has refused the AUTH")
	ErrNoAnswer    = errors.New("the relay has not answered the AUTH")
	ErrNotEnough   = errors.New("the relay wants AUTH although it has accepted one")
	ErrSigner      = errors.New("the signer has not answered in time")
)

// An Action is what a Step says.
type Action uint8

const (
	Sign   Action = iota // have Challenge signed as Identity: Signed or Failed is to follow
	Send                 // send the AUTH event ID of Identity, which Signed has told
	Redo                 // what Who had sent is to be sent again
	GiveUp               // Who is refused for good, for Err; Message is what the relay says of the AUTH
	Report               // Identity could not authenticate, for Err and Message, whoever waits for that
)

// A Step is what is to be done.
type Step[W, I comparable] struct {
	Do        Action
	Identity  I
	Challenge string
	ID        nostr.ID
	Who       W
	Message   string
	Err       error
}

// An Auth is the state of one connection. W are those who want AUTH, requests and
// publications; I are the identities. Made by New.
type Auth[W, I comparable] struct {
	cfg        Config
	challenge  string
	number     int // of challenges that were taken; 0: there is none
	ignored    int
	identities map[I]*identity[I]
	order      []*identity[I] // as they came: so is what is said
	wants      map[W]*want[W, I]
	waiting    []*want[W, I] // those that wait, in order
	alone      int           // of waiting: those that have no identity
	manual     []manual      // AUTHs of the program's own, unanswered
	// what has become of the last of those that the relay has not accepted
	manualErr     error
	manualMessage string
	accepted      int          // of those
	accepts       int          // of all
	grace         attend.Grace // for relays and signers, if the program did not run
	steps         []Step[W, I]
}

type manual struct {
	id nostr.ID
	at time.Time
}

// A want is somebody who was refused for want of AUTH.
type want[W, I comparable] struct {
	who        W
	identities []I
	since      time.Time
	waits      bool
	redone     int
	tried      map[I]int // by which acceptance of each identity it has tried again
	manual     int       // and by which of the program's own
}

// New returns the state of a fresh connection.
func New[W, I comparable](cfg Config) *Auth[W, I] {
	for _, d := range []*time.Duration{&cfg.Sign, &cfg.Answer, &cfg.Challenge} {
		if *d <= 0 {
			*d = wait
		}
	}
	return &Auth[W, I]{cfg: cfg, identities: make(map[I]*identity[I]), wants: make(map[W]*want[W, I])}
}

// Challenge takes a challenge. The latest counts; one that is repeated is nothing new.
// Each of eager that was never accepted nor refused answers it, the others when they
// are needed. False if it is too long, or empty: then it is ignored.
func (a *Auth[W, I]) Challenge(now time.Time, challenge string, eager ...I) bool {
	if challenge == "" || len(challenge) > LongestChallenge {
		a.ignored++
		return false
	}
	if a.number == 0 || challenge != a.challenge {
		a.challenge = strings.Clone(challenge) // it may be part of a frame
		a.manualErr, a.manualMessage = nil, ""
		a.number++
	}
	for _, name := range eager {
		id := a.identity(name)
		id.needed = id.needed || id.accepted == 0
	}
	a.look(now)
	return true
}

// Latest is the challenge that counts, if there is one.
func (a *Auth[W, I]) Latest() (challenge string, ok bool) { return a.challenge, a.number > 0 }

// Ignored counts challenges that no relay needs to send.
func (a *Auth[W, I]) Ignored() int { return a.ignored }

// Want says that the relay has refused what who has sent, for want of AUTH, and which
// identities may help. A Redo or a GiveUp for who follows, unless it is forgotten or the
// connection ends. After a Redo, Want may come again: then the identities that were not
// accepted before are waited for, or it is given up.
func (a *Auth[W, I]) Want(now time.Time, who W, identities ...I) {
	w := a.want(who)
	if w.waits {
		return
	}
	if now.Sub(w.since) >= content { // a relay that wants AUTH every hour is no loop
		w.redone = 0
	}
	ended := a.ended(now)
	w.identities, w.since, w.waits = slices.Clone(identities), now, true
	if !ended && a.told(now, w) {
		return
	}
	a.waiting = append(a.waiting, w)
	a.count(w, 1)
	if ended { // others may have waited for that
		a.look(now)
	} else { // nothing changes for the others, of whom there may be thousands
		a.sign(now)
	}
}

func (a *Auth[W, I]) want(who W) *want[W, I] {
	w := a.wants[who]
	if w == nil {
		w = &want[W, I]{who: who, tried: make(map[I]int)}
		a.wants[who] = w
	}
	return w
}

// Tried says that the relay has refused what was sent after all that it has accepted so
// far: the next Want of who is not for what has crossed with that.
func (a *Auth[W, I]) Tried(who W) {
	w := a.want(who)
	w.manual = a.accepted
	for _, id := range a.order {
		w.tried[id.name] = id.accepted
	}
}

// SetManual changes what Config.Manual said, when it is known whether the program answers.
func (a *Auth[W, I]) SetManual(now time.Time, manual bool) {
	a.cfg.Manual = manual
	a.look(now)
}

// Forget is for who wants nothing any more, or is over.
func (a *Auth[W, I]) Forget(who W) {
	if w := a.wants[who]; w != nil {
		delete(a.wants, who)
		if w.waits {
			a.waiting = slices.DeleteFunc(a.waiting, func(other *want[W, I]) bool { return other == w })
			a.count(w, -1)
		}
	}
}

// Signed says that a Step to Sign was done: the AUTH event has this id. A Step to Send
// follows if its challenge still counts.
func (a *Auth[W, I]) Signed(now time.Time, name I, challenge string, event nostr.ID) {
	id := a.identities[name]
	if id == nil || id.state != signing || id.challenge != challenge {
		return // too late
	}
	if challenge != a.challenge {
		id.wasted(now) // the latest is signed, if anybody still needs it
	} else {
		id.state, id.event, id.until = sent, event, now.Add(a.cfg.Answer)
		a.steps = append(a.steps, Step[W, I]{Do: Send, Identity: name, ID: event, Challenge: challenge})
	}
	a.look(now)
}

// Failed says that a Step, to Sign or to Send, could not be done.
func (a *Auth[W, I]) Failed(now time.Time, name I, err error) {
	if id := a.identities[name]; id != nil && (id.state == signing || id.state == sent) {
		a.fail(now, id, err)
		a.look(now)
	}
}

// clip is what is kept of a relay's words.
func clip(message string) string { return strings.Clone(message[:min(len(message), LongestChallenge)]) }

// Sent says that the program has sent an AUTH of its own.
func (a *Auth[W, I]) Sent(now time.Time, event nostr.ID) {
	if len(a.manual) == mostManual {
		a.manual = a.manual[1:]
	}
	a.manual = append(a.manual, manual{event, now})
}

// OK takes the relay's answer to an AUTH; false if the event is none that is known here.
func (a *Auth[W, I]) OK(now time.Time, event nostr.ID, accepted bool, message string) bool {
	known := false
	if i := slices.IndexFunc(a.manual, func(m manual) bool { return m.id == event }); i >= 0 {
		known = true
		a.manual = slices.Delete(a.manual, i, i+1)
		a.answerManual(accepted, message)
	}
	for _, id := range a.order { // what two have signed as one, within one second, is one event
		if id.event == event && id.event != (nostr.ID{}) {
			known = true
			a.answer(now, id, accepted, message)
		}
	}
	if known {
		a.look(now)
	}
	return known
}

func (a *Auth[W, I]) answerManual(accepted bool, message string) {
	if accepted {
		a.accepted++
		a.accepts++
		a.manualErr, a.manualMessage = nil, ""
		return
	}
	a.manualErr, a.manualMessage = ErrRefused, clip(message)
}

// Accepted tells whether the relay has accepted an AUTH of this identity.
func (a *Auth[W, I]) Accepted(name I) bool {
	id := a.identities[name]
	return id != nil && id.accepted > 0
}

// Accepts counts the AUTHs that the relay has accepted, those of the program's own among
// them. What was sent before the last of them may be refused for want of it still.
func (a *Auth[W, I]) Accepts() int { return a.accepts }

// Awaits tells whether who waits for AUTH.
func (a *Auth[W, I]) Awaits(who W) bool {
	w := a.wants[who]
	return w != nil && w.waits
}

// Waiting is how many wait for AUTH.
func (a *Auth[W, I]) Waiting() int { return len(a.waiting) }

// Look says what time it is: at Next.
func (a *Auth[W, I]) Look(now time.Time) { a.look(now) }

// Do says what is to be done now. It is to be called after everything else, and at Next.
func (a *Auth[W, I]) Do(now time.Time) (steps []Step[W, I]) {
	a.look(now)
	return a.Steps()
}

// Steps is Do where no time has passed since something else was called.
func (a *Auth[W, I]) Steps() (steps []Step[W, I]) {
	steps, a.steps = a.steps, nil
	return steps
}
