package authn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

type (
	auth = authn.Auth[string, int]
	step = authn.Step[string, int]
)

var start = time.Unix(1_750_000_000, 0)

func id(n int) nostr.ID { return nostr.ID{0: byte(n), 1: byte(n >> 8), 31: 1} }

// signed is an Auth whose identity 1 has answered the challenge "c" eagerly, with event 1.
func signed(t *testing.T) *auth {
	a := authn.New[string, int](authn.Config{})
	require.True(t, a.Challenge(start, "c", 1))
	require.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "c"}}, a.Do(start))
	a.Signed(start, 1, "c", id(1))
	require.Equal(t, []step{{Do: authn.Send, Identity: 1, Challenge: "c", ID: id(1)}}, a.Do(start))
	return a
}

// Ten subscriptions and ten publications that need AUTH on a fresh connection: one AUTH,
// and all twenty are done again (L24).
// Shows P40, L24.
func TestOneAuthForAll(t *testing.T) {
	for _, eager := range [][]int{nil, {1}} {
		a := authn.New[string, int](authn.Config{})
		a.Challenge(start, "c", eager...)
		for i := range 20 {
			a.Want(start, fmt.Sprint(i), 1)
		}
		assert.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "c"}}, a.Do(start))
		a.Signed(start, 1, "c", id(1))
		assert.Len(t, a.Do(start), 1)
		assert.True(t, a.OK(start, id(1), true, ""))
		steps := a.Do(start)
		require.Len(t, steps, 20)
		for i, s := range steps {
			assert.Equal(t, step{Do: authn.Redo, Who: fmt.Sprint(i)}, s)
		}
		assert.True(t, a.Accepted(1))
		assert.False(t, a.Accepted(2))
		assert.Zero(t, a.Waiting())
	}
}

// strfry sends its challenge when AUTH is needed, before or behind the refusal (Q01).
func TestTheChallengeComesLate(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	a.Want(start, "sub", 1)
	assert.Empty(t, a.Do(start))
	a.Challenge(start.Add(time.Second), "c")
	assert.Len(t, a.Do(start.Add(time.Second)), 1)
}

// Q05: it wants AUTH and never sends a challenge.
// Shows Q05.
func TestTheChallengeNeverComes(t *testing.T) {
	a := authn.New[string, int](authn.Config{Challenge: 3 * time.Second})
	a.Want(start, "sub", 1)
	assert.Empty(t, a.Do(start))
	at, ok := a.Next()
	require.True(t, ok)
	assert.Equal(t, 3*time.Second, at.Sub(start))
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoChallenge}}, a.Do(at))
}

// P38: the latest counts.
func TestAChallengeDuringTheSignature(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	a.Challenge(start, "old", 1)
	a.Do(start)
	for i := range 10 {
		a.Challenge(start, fmt.Sprint("new", i), 1)
	}
	assert.Empty(t, a.Do(start), "one signature in flight")
	a.Signed(start, 1, "old", id(1))
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "new9"}}, a.Do(start))
	latest, ok := a.Latest()
	assert.True(t, ok)
	assert.Equal(t, "new9", latest)
	assert.False(t, a.OK(start, id(1), true, ""), "it was never sent")
}

func TestAChallengeAfterTheAuthWasSent(t *testing.T) {
	a := signed(t)
	a.Want(start, "sub", 1)
	a.Challenge(start, "newer")
	a.OK(start, id(1), false, "error: wrong challenge")
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "newer"}}, a.Do(start), "that refusal was of an old one")
	a.Signed(start, 1, "newer", id(2))
	a.Do(start)
	a.OK(start, id(2), true, "")
	assert.Equal(t, []step{{Do: authn.Redo, Who: "sub"}}, a.Do(start))
}

func TestARepeatedChallengeIsNothingNew(t *testing.T) {
	a := signed(t)
	a.OK(start, id(1), true, "")
	for i := range 100 {
		a.Challenge(start, "c", 1)
		a.Challenge(start, fmt.Sprint(i), 1)
	}
	assert.Empty(t, a.Do(start), "and one that is new is answered when somebody is refused")
	a.Want(start, "sub", 1)
	assert.Equal(t, []step{{Do: authn.Redo, Who: "sub"}}, a.Do(start), "its refusal may have crossed with the OK")
	a.Want(start, "sub", 1)
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "99"}}, a.Do(start))
}

// L13: bounded work and memory, however many.
// Shows L13, B14.
func TestAStormOfChallenges(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	for i := range 20 {
		a.Want(start, fmt.Sprint(i), 1)
	}
	now, signs, events := start, 0, 0
	for i := range 10_000 {
		now = now.Add(time.Millisecond)
		a.Challenge(now, fmt.Sprint(i), 1)
		for _, s := range a.Do(now) {
			require.NotEqual(t, authn.GiveUp, s.Do)
			switch s.Do {
			case authn.Sign: // a signer that is just too slow, or the relay refuses
				signs++
				if signs%2 == 0 {
					a.Challenge(now, fmt.Sprint("more", i), 1)
				}
				events++
				a.Signed(now, 1, s.Challenge, id(events))
			case authn.Send:
				a.Challenge(now, fmt.Sprint("and more", i), 1)
				a.OK(now, s.ID, false, "invalid: another challenge")
			}
		}
	}
	assert.Equal(t, 8, signs, "in ten seconds")
	assert.Equal(t, 20, a.Waiting())
	at, ok := a.Next()
	require.True(t, ok)
	assert.Equal(t, time.Minute, at.Sub(start.Add(time.Millisecond)))
	steps := a.Do(at)
	require.Len(t, steps, 1, "and when it is over, all is well")
	a.Signed(at, 1, steps[0].Challenge, id(99_999))
	a.Do(at)
	a.OK(at, id(99_999), true, "")
	assert.Len(t, a.Do(at), 20)

	allocated := testing.AllocsPerRun(1000, func() { a.Challenge(at, "the same", 1) })
	assert.Zero(t, allocated)
}

// However the signer's time falls into a storm: it is not over when all that may be signed
// in a minute has been, and whoever waits has AUTH soon behind it.
func TestAShortStormCostsNoMinute(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Millisecond, 7 * time.Millisecond, 40 * time.Millisecond} {
		a := authn.New[string, int](authn.Config{})
		a.Want(start, "sub", 1)
		var sign *step
		signed := start
		for now := start; !a.Accepted(1); now = now.Add(time.Millisecond) {
			require.Less(t, now.Sub(start), 4*time.Second, "%v", takes)
			if n := now.Sub(start).Milliseconds(); n < 1000 && n%5 == 0 {
				a.Challenge(now, fmt.Sprint(n), 1)
			}
			if sign != nil && !now.Before(signed) {
				a.Signed(now, 1, sign.Challenge, id(1))
				sign = nil
			}
			for _, s := range a.Do(now) {
				switch s.Do {
				case authn.Sign:
					sign, signed = &s, now.Add(takes)
				case authn.Send: // a relay that forgets the challenges that it has replaced
					storm := now.Sub(start) < time.Second
					if storm {
						a.Challenge(now, fmt.Sprint("and more", now), 1)
					}
					a.OK(now, s.ID, !storm, "invalid: another challenge")
				}
			}
		}
	}
}

func TestChallengesThatNobodySends(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	assert.False(t, a.Challenge(start, "", 1))
	assert.False(t, a.Challenge(start, strings.Repeat("x", 1<<20), 1))
	assert.Empty(t, a.Do(start))
	assert.Equal(t, 2, a.Ignored())
	_, ok := a.Latest()
	assert.False(t, ok)
}

// P43, Q01: an AUTH that was refused is not tried again; that of another identity is
// not touched by it.
// Shows P43.
func TestARefusedAuthNeverLoops(t *testing.T) {
	a := signed(t)
	a.OK(start, id(1), true, "")
	a.Want(start, "dm", 2)
	a.Do(start)
	a.Signed(start, 2, "c", id(2))
	a.Do(start)
	a.OK(start, id(2), false, "restricted: one is enough")
	want := step{Do: authn.GiveUp, Who: "dm", Err: authn.ErrRefused, Message: "restricted: one is enough"}
	report := step{Do: authn.Report, Identity: 2, Err: authn.ErrRefused, Message: "restricted: one is enough"}
	assert.Equal(t, []step{report, {Do: authn.Redo, Who: "dm"}}, a.Do(start), "the other's may do, once")
	for i := range 100 {
		a.Challenge(start, fmt.Sprint(i), 2)
		a.Want(start, "dm", 2)
		assert.Equal(t, []step{want}, a.Do(start))
	}
	assert.True(t, a.Accepted(1))
	a.OK(start, id(2), true, "on second thoughts")
	a.Want(start, "dm", 2)
	assert.Equal(t, []step{{Do: authn.Redo, Who: "dm"}}, a.Do(start), "the newest answer counts")
}

// A relay that accepts every AUTH, and wants another each time.
func TestARelayThatIsNeverContent(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	now, redone, event := start, 0, 0
	for i := range 1000 {
		now = now.Add(10 * time.Second)
		a.Challenge(now, fmt.Sprint(i))
		a.Want(now, "sub", 1)
		for steps := a.Do(now); len(steps) > 0; steps = a.Do(now) {
			for _, s := range steps {
				switch s.Do {
				case authn.Sign:
					event++
					a.Signed(now, 1, s.Challenge, id(event))
				case authn.Send:
					a.OK(now, s.ID, true, "")
				case authn.Redo:
					redone++
				case authn.GiveUp:
					assert.Equal(t, authn.ErrNotEnough, s.Err)
				}
			}
		}
	}
	assert.Equal(t, 8, redone)
}

func TestAuthThatIsNotEnough(t *testing.T) {
	a := signed(t)
	a.Want(start, "sub", 1)
	a.OK(start, id(1), true, "")
	a.Do(start)
	a.Want(start, "sub", 1)
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNotEnough}}, a.Do(start))
	a.Want(start, "sub", 1, 2)
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 2, Challenge: "c"}}, a.Do(start), "another may help")
}

// A slow signer delays only those who need it.
func TestASignerThatNeverAnswers(t *testing.T) {
	a := authn.New[string, int](authn.Config{Sign: 2 * time.Second})
	a.Challenge(start, "c")
	a.Want(start, "slow", 2)
	a.Want(start, "either", 1, 2)
	a.Want(start, "fast", 1)
	assert.Len(t, a.Do(start), 2)
	a.Signed(start, 1, "c", id(1))
	a.Do(start)
	a.OK(start, id(1), true, "")
	assert.Equal(t, []step{{Do: authn.Redo, Who: "either"}, {Do: authn.Redo, Who: "fast"}}, a.Do(start))
	a.Want(start, "either", 1, 2)
	assert.Empty(t, a.Do(start), "it waits for the other")
	at, _ := a.Next()
	assert.Equal(t, 2*time.Second, at.Sub(start))
	assert.Equal(t, []step{{Do: authn.Report, Identity: 2, Err: authn.ErrSigner}, {Do: authn.Redo, Who: "slow"}, {Do: authn.GiveUp, Who: "either", Err: authn.ErrSigner}}, a.Do(at),
		"the other's may do, once")
	a.Want(at, "slow", 2)
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "slow", Err: authn.ErrSigner}}, a.Do(at))
	a.Signed(at, 2, "c", id(2))
	assert.Empty(t, a.Do(at), "too late")
	a.Want(at, "slow", 2)
	assert.Len(t, a.Do(at), 1, "not at once again")
	_, ok := a.Next()
	assert.False(t, ok)
	a.Want(at.Add(10*time.Second), "slow", 2)
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 2, Challenge: "c"}}, a.Do(at.Add(10*time.Second)))
}

func TestASignerThatFails(t *testing.T) {
	away := errors.New("the bunker is away")
	a := authn.New[string, int](authn.Config{})
	a.Challenge(start, "c", 1)
	a.Want(start, "sub", 1)
	a.Do(start)
	a.Failed(start, 1, away)
	assert.Equal(t, []step{{Do: authn.Report, Identity: 1, Err: away}, {Do: authn.GiveUp, Who: "sub", Err: away}}, a.Do(start))
	a.Failed(start, 1, away)
	a.Failed(start, 7, away)
	a.Challenge(start, "d", 1)
	assert.Empty(t, a.Do(start))
	at, ok := a.Next()
	require.True(t, ok)
	assert.Equal(t, []step{{Do: authn.Sign, Identity: 1, Challenge: "d"}}, a.Do(at), "the challenge still has to be answered")
}

func TestTheRelayNeverAnswersTheAuth(t *testing.T) {
	a := signed(t)
	a.Want(start, "sub", 1)
	at, _ := a.Next()
	assert.Equal(t, 10*time.Second, at.Sub(start))
	assert.Equal(t, []step{{Do: authn.Report, Identity: 1, Err: authn.ErrNoAnswer}, {Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoAnswer}}, a.Do(at))
	assert.True(t, a.OK(at, id(1), true, ""), "late")
	a.Want(at, "sub", 1)
	assert.Equal(t, []step{{Do: authn.Redo, Who: "sub"}}, a.Do(at))
}

func TestWithoutASigner(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	a.Challenge(start, "c")
	a.Want(start, "sub")
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoSigner}}, a.Do(start))
}

// Without a signer everything is left to the program, which may send an AUTH of its own.
func TestTheProgramsOwnAuth(t *testing.T) {
	a := authn.New[string, int](authn.Config{Manual: true})
	a.Challenge(start, "c")
	a.Want(start, "sub")
	a.Want(start, "gone")
	a.Forget("gone")
	assert.Empty(t, a.Do(start))
	a.Sent(start.Add(9*time.Second), id(5))
	assert.Empty(t, a.Do(start.Add(11*time.Second)), "its answer is awaited")
	assert.True(t, a.OK(start.Add(12*time.Second), id(5), true, ""))
	assert.Equal(t, []step{{Do: authn.Redo, Who: "sub"}}, a.Do(start.Add(12*time.Second)))
	a.Want(start, "sub")
	a.Sent(start, id(6))
	assert.True(t, a.OK(start, id(6), false, "restricted: you"))
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Message: "restricted: you", Err: authn.ErrRefused}}, a.Do(start.Add(10*time.Second)))
	a.Sent(start.Add(10*time.Second), id(7))
	a.Want(start.Add(10*time.Second), "sub")
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoAnswer}}, a.Do(start.Add(20*time.Second)))
	a.Challenge(start.Add(20*time.Second), "d")
	a.Want(start.Add(20*time.Second), "sub")
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoSigner}}, a.Do(start.Add(30*time.Second)), "what has become of another challenge is over")
	for i := range 1000 {
		a.Sent(start, id(i))
	}
	assert.False(t, a.OK(start, id(0), true, ""), "it does not grow")
}

// A relay that wants to know every hour who is there is told; one that wants that all the
// time is not, for ever.
func TestHowOftenAUTHIsDoneAgain(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		redos int
	}{"every hour": {time.Hour, 100}, "all the time": {time.Second, 8}} {
		a, now, redos, challenge := authn.New[string, int](authn.Config{}), start, 0, ""
		for i := range 100 {
			challenge = fmt.Sprint(i)
			a.Challenge(now, challenge)
			a.Want(now, "sub", 1)
			for _, s := range a.Do(now) {
				if s.Do == authn.Sign {
					a.Signed(now, 1, s.Challenge, id(i))
				}
			}
			a.OK(now, id(i), true, "")
			for _, s := range a.Do(now) {
				if s.Do == authn.Redo {
					redos++
				}
			}
			now = now.Add(c.every)
		}
		assert.Equal(t, c.redos, redos, name)
	}
}

// The one OK of an event that two have signed as one is for both, and for the program's own.
func TestOneOKForWhatIsSignedTwice(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	a.Challenge(start, "c", 1, 2)
	a.Do(start)
	a.Sent(start, id(1))
	a.Signed(start, 1, "c", id(1))
	a.Signed(start, 2, "c", id(1))
	a.Do(start)
	assert.True(t, a.OK(start, id(1), true, ""))
	assert.Empty(t, a.Do(start.Add(time.Minute)))
	assert.True(t, a.Accepted(1) && a.Accepted(2))
}

// Who knows that its refusal is no older than what was accepted does not try in vain.
func TestWhatWasTriedIsNotTriedAgain(t *testing.T) {
	a := signed(t)
	a.Sent(start, id(2))
	a.OK(start, id(1), true, "")
	a.OK(start, id(2), true, "")
	a.Tried("sub")
	a.Want(start, "sub", 1)
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNotEnough}}, a.Steps())
}

// When it is known that the program does not answer, nobody waits for that.
func TestTheProgramDoesNotAnswer(t *testing.T) {
	a := authn.New[string, int](authn.Config{Manual: true})
	a.Want(start, "sub")
	assert.Empty(t, a.Do(start))
	a.SetManual(start, false)
	assert.Equal(t, []step{{Do: authn.GiveUp, Who: "sub", Err: authn.ErrNoSigner}}, a.Steps())
}

// What a relay accepts is counted, that of the program's own too; what it repeats is not.
func TestAcceptsAreCounted(t *testing.T) {
	a := signed(t)
	for range 3 {
		a.OK(start, id(1), true, "")
		assert.Equal(t, 1, a.Accepts())
	}
	a.Sent(start, id(2))
	a.OK(start, id(2), true, "")
	a.OK(start, id(2), true, "")
	assert.Equal(t, 2, a.Accepts())
}

// A signer that goes on failing is reported once, whatever the relay asks, and again when
// it has worked in between.
func TestAFailureIsReportedOnce(t *testing.T) {
	a := authn.New[string, int](authn.Config{})
	now, reports := start, 0
	count := func() {
		for _, s := range a.Do(now) {
			if s.Do == authn.Report {
				reports++
			}
		}
	}
	for i := range 10 {
		a.Challenge(now, fmt.Sprint(i), 1)
		a.Do(now)
		a.Failed(now, 1, errors.New("no"))
		count()
		now = now.Add(20 * time.Second)
	}
	assert.Equal(t, 1, reports)
	a.Challenge(now, "good", 1)
	a.Do(now)
	a.Signed(now, 1, "good", id(1))
	a.OK(now, id(1), true, "")
	a.Do(now)
	a.Want(now, "sub", 1)
	a.Do(now)
	a.Challenge(now, "another")
	a.Want(now, "sub", 1)
	a.Do(now)
	a.Failed(now, 1, errors.New("no"))
	count()
	assert.Equal(t, 2, reports)
}

// Ten thousand that want AUTH at once cost no more than a moment.
func TestManyThatWant(t *testing.T) {
	const many = 10_000
	a := authn.New[string, int](authn.Config{})
	a.Challenge(start, "c")
	for i := range many {
		a.Want(start, fmt.Sprint(i), 1)
		a.Steps()
		a.Next()
	}
	a.Signed(start, 1, "c", id(1))
	a.OK(start, id(1), true, "")
	redone := 0
	for _, s := range a.Do(start) {
		if s.Do == authn.Redo {
			redone++
		}
	}
	assert.Equal(t, many, redone)
}

// Whoever comes after the time of an identity has run out is not the only one who hears of it:
// nobody looks again for those that came before.
func TestAllWhoWaitForAnIdentityHearThatItsTimeIsOver(t *testing.T) {
	for name, wait := range map[string]func(a *auth){
		"signer": func(*auth) {},
		"relay":  func(a *auth) { a.Signed(start, 1, "c", id(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := authn.New[string, int](authn.Config{})
			a.Challenge(start, "c")
			a.Want(start, "first", 1)
			a.Steps()
			wait(a)
			a.Steps()
			a.Want(start.Add(10*time.Second), "second", 1)
			var told []string
			for _, s := range a.Steps() {
				if s.Do == authn.GiveUp {
					told = append(told, s.Who)
				}
			}
			assert.Equal(t, []string{"first", "second"}, told)
			assert.Zero(t, a.Waiting())
		})
	}
}

// A program that did not run reads what has come meanwhile before it gives anybody up, and
// then gives up who has not answered.
// Shows L30.
func TestWhoSleepsThroughADeadlineJudgesASecondLater(t *testing.T) {
	for name, test := range map[string]struct {
		waits func(a *auth)
		comes func(a *auth, now time.Time)
		wants []step
		fails error
	}{
		"relay": {
			func(a *auth) { a.Challenge(start, "c"); a.Want(start, "sub", 1); a.Signed(start, 1, "c", id(1)) },
			func(a *auth, now time.Time) { a.OK(now, id(1), true, "") },
			[]step{{Do: authn.Redo, Who: "sub"}}, authn.ErrNoAnswer,
		},
		"signer": {
			func(a *auth) { a.Challenge(start, "c"); a.Want(start, "sub", 1) },
			func(a *auth, now time.Time) { a.Signed(now, 1, "c", id(1)) },
			[]step{{Do: authn.Send, Identity: 1, Challenge: "c", ID: id(1)}}, authn.ErrSigner,
		},
		"challenge": {
			func(a *auth) { a.Want(start, "sub", 1) },
			func(a *auth, now time.Time) { a.Challenge(now, "c") },
			[]step{{Do: authn.Sign, Identity: 1, Challenge: "c"}}, authn.ErrNoChallenge,
		},
		"challenge, of the program's own": {
			func(a *auth) { a.Want(start, "sub"); a.SetManual(start, true) },
			func(a *auth, now time.Time) { a.Sent(now, id(1)); a.OK(now, id(1), true, "") },
			[]step{{Do: authn.Redo, Who: "sub"}}, authn.ErrNoSigner,
		},
		"relay, of the program's own": {
			func(a *auth) { a.Sent(start, id(1)); a.Want(start, "sub") },
			func(a *auth, now time.Time) { a.OK(now, id(1), true, "") },
			[]step{{Do: authn.Redo, Who: "sub"}}, authn.ErrNoAnswer,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, answers := range []bool{true, false} {
				a := authn.New[string, int](authn.Config{Manual: true})
				test.waits(a)
				a.Steps()
				woken := start.Add(time.Hour)
				a.Want(woken, "another", 2) // whatever it is that has it look
				for _, s := range a.Do(woken) {
					require.NotEqual(t, "sub", s.Who)
				}
				a.Forget("another")
				at, ok := a.Next()
				require.True(t, ok)
				require.Equal(t, woken.Add(time.Second), at)
				if answers {
					now := woken.Add(time.Millisecond)
					test.comes(a, now)
					assert.Subset(t, a.Do(now), test.wants)
					continue
				}
				assert.Contains(t, a.Do(at), step{Do: authn.GiveUp, Who: "sub", Err: test.fails})
			}
		})
	}
}
