package authn_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"

	"github.com/gennostr/gennostr/test/seed"
)

type signing struct {
	identity  int
	challenge string
	at        time.Time
}

type sent struct {
	identity  int
	challenge string
	id        nostr.ID
	at        time.Time
}

// A world is an Auth, its owner, signers, and a relay that may do anything.
type world struct {
	*rapid.T
	auth     *auth
	now      time.Time
	last     int // number of the last challenge and event
	latest   string
	calm     bool // the relay and the signers are good from now on
	waiting  map[string]time.Time
	redone   map[string]int
	yes      int                 // AUTHs accepted
	signing  []signing           // at the signers
	sent     []sent              // at the relay
	signs    map[int][]time.Time // by identity
	refused  map[int]bool        // for good
	answered []sent
}

func (w *world) challenge() {
	if w.last++; rapid.IntRange(0, 3).Draw(w.T, "repeated") > 0 || w.latest == "" {
		w.latest = fmt.Sprint("c", w.last)
	}
	w.auth.Challenge(w.now, w.latest, w.some("eager")...)
}

func (w *world) some(label string) (identities []int) {
	for i := range 3 {
		if rapid.Bool().Draw(w.T, label) {
			identities = append(identities, i)
		}
	}
	return identities
}

func (w *world) want() {
	who := fmt.Sprint(rapid.IntRange(0, 5).Draw(w.T, "who"))
	if _, ok := w.waiting[who]; !ok {
		w.waiting[who] = w.now
	}
	w.auth.Want(w.now, who, w.some("identity")...)
}

// sign lets a signer answer.
func (w *world) sign() {
	if len(w.signing) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.signing)-1).Draw(w.T, "signer")
	s := w.signing[i]
	w.signing = slices.Delete(w.signing, i, i+1)
	if !w.calm && rapid.IntRange(0, 3).Draw(w.T, "fails") == 0 {
		w.auth.Failed(w.now, s.identity, errors.New("fails"))
		return
	}
	w.last++
	w.auth.Signed(w.now, s.identity, s.challenge, id(w.last))
}

// answer lets the relay answer an AUTH, or answer it again.
func (w *world) answer() {
	if n := len(w.answered); n > 0 && !w.calm && rapid.IntRange(0, 3).Draw(w.T, "again") == 0 {
		s := w.answered[rapid.IntRange(0, n-1).Draw(w.T, "which")]
		w.auth.OK(w.now, s.id, false, "no")
		return
	}
	if len(w.sent) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.sent)-1).Draw(w.T, "answered")
	s := w.sent[i]
	w.sent = slices.Delete(w.sent, i, i+1)
	yes := w.calm || rapid.Bool().Draw(w.T, "accepted")
	if !w.auth.OK(w.now, s.id, yes, "no") {
		return // of an AUTH that another has followed
	}
	w.answered = append(w.answered, s)
	switch {
	case yes:
		w.yes++
		w.refused[s.identity] = false
	case s.challenge == w.latest && w.now.Before(s.at.Add(10*time.Second)):
		w.refused[s.identity] = true
	}
}

func (w *world) do() {
	do, looked := w.auth.Steps, w.calm || rapid.Bool().Draw(w.T, "looks")
	if looked {
		do = func() []step { return w.auth.Do(w.now) }
	}
	for _, s := range do() {
		switch s.Do {
		case authn.Sign:
			require.False(w, slices.ContainsFunc(w.signing, func(o signing) bool { return o.identity == s.Identity && w.now.Before(o.at.Add(10*time.Second)) }),
				"one signature in flight")
			require.Equal(w, w.latest, s.Challenge)
			require.False(w, w.refused[s.Identity], "a refused AUTH is not tried again")
			w.signing = slices.DeleteFunc(w.signing, func(o signing) bool { return o.identity == s.Identity })
			w.signing = append(w.signing, signing{s.Identity, s.Challenge, w.now})
			signs := append(w.signs[s.Identity], w.now)
			w.signs[s.Identity] = signs
			if n := len(signs); n > 16 {
				require.Greater(w, w.now.Sub(signs[n-17]), time.Minute, "8 in each of two minutes")
			}
		case authn.Send:
			require.Equal(w, w.latest, s.Challenge)
			w.sent = append(w.sent, sent{s.Identity, s.Challenge, s.ID, w.now})
		case authn.Redo:
			require.Contains(w, w.waiting, s.Who)
			delete(w.waiting, s.Who)
			w.redone[s.Who]++
			require.LessOrEqual(w, w.redone[s.Who], min(w.yes, 8), "once for one AUTH that was accepted")
		case authn.GiveUp:
			require.Contains(w, w.waiting, s.Who)
			require.Error(w, s.Err)
			delete(w.waiting, s.Who)
		}
	}
	require.Len(w, w.waiting, w.auth.Waiting())
	if at, ok := w.auth.Next(); ok {
		require.True(w, !looked || at.After(w.now), "it is not called in vain")
	} else {
		require.Empty(w, w.waiting, "nobody waits without an end")
	}
}

func (w *world) step() {
	switch rapid.IntRange(0, 9).Draw(w.T, "step") {
	case 0:
		w.challenge()
	case 1, 2:
		w.want()
	case 3, 4:
		w.sign()
	case 5, 6:
		w.answer()
	case 7:
		who := fmt.Sprint(rapid.IntRange(0, 5).Draw(w.T, "forgotten"))
		w.auth.Forget(who)
		delete(w.waiting, who)
		w.redone[who] = 0
	case 8:
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(w.T, "ms")) * time.Millisecond)
	case 9:
		if at, ok := w.auth.Next(); ok && at.After(w.now) {
			w.now = at
		}
	}
	w.do()
}

// Challenges, signatures and answers in any order, late, twice, never.
func everybodyIsTold(t *rapid.T) {
	w := &world{
		T: t, auth: authn.New[string, int](authn.Config{}), now: start,
		waiting: map[string]time.Time{}, redone: map[string]int{}, signs: map[int][]time.Time{}, refused: map[int]bool{},
	}
	for range 150 {
		w.step()
	}
	w.calm = true
	end := w.now.Add(2 * time.Minute)
	for len(w.waiting) > 0 {
		w.sign()
		w.answer()
		w.do()
		if at, ok := w.auth.Next(); ok && len(w.signing)+len(w.sent) == 0 {
			w.now = at
		}
		require.False(t, w.now.After(end), "everybody is told within two minutes")
		w.do()
	}
}

func TestEverybodyIsToldInAnyWorld(t *testing.T) { rapid.Check(t, everybodyIsTold) }

func FuzzEverybodyIsToldInAnyWorld(f *testing.F) { seed.Fuzz(f, everybodyIsTold) }
