package outcome_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/nostr"
)

var minute = start.Add(time.Minute)

// one is a relay that is connected, with one event that was written for "a".
func one(t *testing.T) *outcome.Relay[string] {
	r := outcome.NewRelay[string](outcome.PaceConfig{})
	r.Add(start, "a", id(1), author(1), minute)
	assert.Empty(t, r.Do(start), "no connection")
	r.Connected(start)
	require.Equal(t, []nostr.ID{id(1)}, sends(r.Do(start)))
	return r
}

func TestAnOKIsSuccess(t *testing.T) {
	r := one(t)
	assert.True(t, r.OK(start, id(1), true, "pow: fine"))
	assert.Equal(t, map[string]outcome.Report{"a": {Verdict: outcome.Accepted, Message: "pow: fine", Tries: 1}}, tells(r.Do(start)))
	assert.False(t, r.OK(start, id(2), true, ""), "nobody's")
	r.Forget("a")
	assert.Zero(t, r.Len())
	assert.False(t, r.OK(start, id(1), false, "blocked: on second thoughts"))
	_, ok := r.Next()
	assert.False(t, ok)
}

// L04: never success without an OK.
// Shows L04.
func TestALinkThatIsCutBeforeTheOKDecidesNothing(t *testing.T) {
	r := one(t)
	r.Lost()
	assert.Empty(t, r.Do(start))
	r.Connected(start.Add(10 * time.Second))
	require.Equal(t, []nostr.ID{id(1)}, sends(r.Do(start.Add(10*time.Second))))
	r.OK(start, id(1), true, "duplicate: have this event")
	assert.Equal(t, outcome.Report{Verdict: outcome.Duplicate, Message: "duplicate: have this event", Tries: 2}, tells(r.Do(start))["a"])
}

func TestTimeEndsWithoutAnAnswer(t *testing.T) {
	r := one(t)
	assert.Empty(t, r.Do(minute.Add(-1)))
	at, ok := r.Next()
	require.True(t, ok)
	assert.Equal(t, minute, at)
	assert.Equal(t, outcome.Report{Verdict: outcome.Unanswered, Tries: 1}, tells(r.Do(minute))["a"])
	r.OK(minute, id(1), true, "")
	assert.Equal(t, outcome.Accepted, tells(r.Do(minute))["a"].Verdict, "a late OK is told to whoever still listens")
}

func TestTimeEndsDuringRetries(t *testing.T) {
	r := one(t)
	now := start
	for i := range 3 {
		r.OK(now, id(1), false, fmt.Sprintf("rate-limited: %d", i))
		assert.Empty(t, r.Do(now))
		at, ok := r.Next()
		require.True(t, ok)
		now = at
		require.Equal(t, []nostr.ID{id(1)}, sends(r.Do(now)))
	}
	r.Lost()
	want := outcome.Report{Verdict: outcome.Refused, Reason: outcome.RateLimited, Message: "rate-limited: 2", Tries: 4}
	assert.Equal(t, want, tells(r.Do(minute))["a"])
	r.Connected(minute)
	assert.Empty(t, r.Do(minute.Add(time.Hour)), "nobody waits for it any more")
}

func TestTheSecondAnswerCounts(t *testing.T) {
	r := one(t)
	r.OK(start, id(1), false, "blocked: no")
	r.OK(start, id(1), true, "")
	assert.Equal(t, outcome.Accepted, tells(r.Do(start))["a"].Verdict)
	r.OK(start, id(1), true, "duplicate: of course")
	assert.Empty(t, r.Do(start), "no news")
	r.OK(start, id(1), false, "rate-limited: after all")
	assert.Equal(t, outcome.Refused, tells(r.Do(start))["a"].Verdict)
	assert.Empty(t, r.Do(start.Add(time.Hour)), "it was done, and is not tried again")
}

// A relay that hangs up on what is too long for it does not say on what: the longest that
// it has not answered, and not the first time, is not written again.
// Shows Q02.
func TestWhatIsTooLongIsNotWrittenForEver(t *testing.T) {
	hungUp := errors.New("1009")
	size := func(e nostr.ID) int { return map[nostr.ID]int{id(1): 100, id(2): 600_000, id(3): 700_000}[e] }
	r := one(t)
	r.Add(start, "b", id(2), author(1), minute)
	r.Add(start, "b, too", id(2), author(1), minute)
	r.Do(start)
	r.Add(start, "c", id(3), author(1), minute)
	r.Do(start)
	require.True(t, r.OK(start, id(3), true, ""), "what was answered is not it")
	r.Do(start)
	r.TooLong(size, hungUp)
	r.Lost()
	assert.Empty(t, r.Do(start), "once may be chance")
	r.Connected(start)
	assert.Len(t, sends(r.Do(start)), 2)
	r.TooLong(size, hungUp)
	r.Lost()
	unanswered := outcome.Report{Verdict: outcome.Unanswered, Tries: 2, Err: hungUp}
	assert.Equal(t, map[string]outcome.Report{"b": unanswered, "b, too": unanswered}, tells(r.Do(start)))
	r.Connected(start)
	assert.Equal(t, []nostr.ID{id(1)}, sends(r.Do(start)))
	r.TooLong(size, hungUp)
	r.Lost()
	assert.Empty(t, r.Do(start), "it is too short to be blamed")
	r.Connected(start)
	assert.Equal(t, []nostr.ID{id(1)}, sends(r.Do(start)))
	r.OK(start, id(1), true, "")
	r.Do(start)
	r.TooLong(size, hungUp)
	r.Lost()
	assert.Empty(t, r.Do(start))
}

// L24: two who publish one event both hear of it; it is written once.
// Shows L24.
func TestOneEventPublishedByMany(t *testing.T) {
	r := one(t)
	for i := range 50 {
		r.Add(start, fmt.Sprint(i), id(1), author(1), minute)
	}
	assert.Empty(t, r.Do(start))
	r.OK(start, id(1), true, "")
	told := tells(r.Do(start))
	assert.Len(t, told, 51)
	assert.Equal(t, 1, told["49"].Tries)

	r.Add(start, "again", id(1), author(1), minute)
	assert.Len(t, sends(r.Do(start)), 1, "what is done is done again for who comes later")
	r.OK(start, id(1), true, "duplicate:")
	assert.Equal(t, map[string]outcome.Report{"again": {Verdict: outcome.Duplicate, Message: "duplicate:", Tries: 1}}, tells(r.Do(start)))
}

// Shows P42.
func TestAuthThenTheSameEvent(t *testing.T) {
	r := one(t)
	r.OK(start, id(1), false, "auth-required: who are you")
	require.Equal(t, []nostr.ID{id(1)}, auths(r.Do(start)))
	assert.Empty(t, r.Do(start), "asked for once")
	r.OK(start, id(1), false, "auth-required: who are you")
	assert.Empty(t, r.Do(start), "twice for one write says nothing new")
	r.AuthDone(start, id(1))
	require.Equal(t, []nostr.ID{id(1)}, sends(r.Do(start)))
	r.OK(start, id(1), false, "auth-required: who else")
	assert.Equal(t, []nostr.ID{id(1)}, auths(r.Do(start)), "whether there is another is not known here")
	enough := errors.New("it has accepted all")
	r.AuthFailed(id(1), "", enough)
	want := outcome.Report{Verdict: outcome.Refused, Reason: outcome.AuthRequired, Message: "auth-required: who else", Tries: 2, Err: enough}
	assert.Equal(t, want, tells(r.Do(start))["a"], "no loop")
}

// A new connection is not authenticated (P46).
// Shows P46.
func TestAuthAgainAfterAReconnect(t *testing.T) {
	r := one(t)
	for range 3 {
		r.OK(start, id(1), false, "auth-required: who are you")
		require.Len(t, auths(r.Do(start)), 1)
		r.AuthDone(start, id(1))
		require.Len(t, sends(r.Do(start)), 1)
		r.Lost()
		r.AuthDone(start, id(1)) // of the old connection
		r.Connected(start)
		require.Len(t, sends(r.Do(start)), 1)
	}
	r.OK(start, id(1), false, "auth-required: who are you")
	r.Lost()
	assert.Empty(t, r.Do(start), "what was for the old connection")
}

func TestAuthThatFails(t *testing.T) {
	cause := errors.New("the signer is away")
	r := one(t)
	r.OK(start, id(1), false, "auth-required: who are you")
	r.AuthFailed(id(1), "", cause)
	want := outcome.Report{Verdict: outcome.Refused, Reason: outcome.AuthRequired, Message: "auth-required: who are you", Tries: 1, Err: cause}
	assert.Equal(t, want, tells(r.Do(start))["a"])

	r = one(t)
	r.OK(start, id(1), false, "auth-required: who are you")
	r.AuthFailed(id(1), "restricted: not a member", nil)
	assert.Equal(t, "restricted: not a member", tells(r.Do(start))["a"].Message)
}

func TestFinalRefusals(t *testing.T) {
	for _, words := range []string{"restricted: pay", "mute: nobody", "blocked: you", "pow: 20", "invalid: sig", "error: disk", "deleted: by you", "what?", ""} {
		r := one(t)
		r.OK(start, id(1), false, words)
		report := tells(r.Do(start))["a"]
		assert.Equal(t, outcome.Refused, report.Verdict)
		assert.Equal(t, words, report.Message)
		assert.Empty(t, r.Do(minute))
	}
}

func TestNoRoomInTheConnectionsQueue(t *testing.T) {
	r := outcome.NewRelay[string](outcome.PaceConfig{})
	r.Connected(start)
	for i := range 3 {
		r.Add(start, fmt.Sprint(i), id(i), author(1), minute)
	}
	steps := sends(r.Do(start))
	require.Equal(t, []nostr.ID{id(0), id(1), id(2)}, steps)
	r.Unsent(start, id(1))
	r.Unsent(start, id(2))
	at, _ := r.Next()
	assert.Equal(t, []nostr.ID{id(1), id(2)}, sends(r.Do(at)), "in order")
	r.OK(at, id(1), true, "")
	assert.Equal(t, 1, tells(r.Do(at))["1"].Tries)
}

// A connection that takes nothing costs the same however much is published: a few are
// tried each time, and none is overtaken by those that were not.
func TestAFullQueueIsTriedWithAFewOnly(t *testing.T) {
	const many = 1000
	r := outcome.NewRelay[string](outcome.PaceConfig{})
	r.Connected(start)
	var all []nostr.ID
	for i := range many {
		r.Add(start, fmt.Sprint(i), id(i), author(1), start.Add(time.Hour))
		all = append(all, id(i))
	}
	now, tried := start, 0
	for range 10 {
		for steps := r.Do(now); len(steps) > 0; steps = r.Do(now) {
			for _, s := range steps {
				tried++
				r.Unsent(now, s.ID)
			}
		}
		now, _ = r.Next()
	}
	assert.Less(t, tried, many/2)
	var sent []nostr.ID
	for steps := r.Do(now); len(steps) > 0; steps = r.Do(now) {
		sent = append(sent, sends(steps)...)
	}
	assert.Equal(t, all, sent)
	assert.Equal(t, many, r.Awaited())
}

func TestStop(t *testing.T) {
	stopped := errors.New("stopped")
	r := one(t)
	r.Lost()
	r.Add(start, "b", id(2), author(1), minute)
	r.Connected(start)
	r.Add(start, "c", id(3), author(1), time.Time{})
	r.Do(start)
	r.OK(start, id(2), false, "rate-limited: slow down")
	r.OK(start, id(3), false, "auth-required: who are you")
	r.Do(start)
	assert.Equal(t, 1, r.Awaited())
	r.Drain(stopped)
	told := tells(r.Do(start))
	assert.Equal(t, outcome.Report{Verdict: outcome.Refused, Reason: outcome.RateLimited, Message: "rate-limited: slow down", Tries: 1, Err: stopped}, told["b"])
	assert.Equal(t, stopped, told["c"].Err)
	assert.NotContains(t, told, "a")
	r.Add(start, "late", id(9), author(1), minute)
	assert.Equal(t, outcome.Report{Verdict: outcome.Unanswered, Err: stopped}, tells(r.Do(start))["late"])
	r.OK(start, id(1), true, "")
	assert.Equal(t, outcome.Accepted, tells(r.Do(start))["a"].Verdict)
	assert.Zero(t, r.Awaited())
}

func TestStopWithoutTheOK(t *testing.T) {
	stopped := errors.New("stopped")
	for _, end := range []func(*outcome.Relay[string]){
		func(r *outcome.Relay[string]) { r.End(stopped) },
		func(r *outcome.Relay[string]) { r.Drain(stopped); r.Lost() },
	} {
		r := one(t)
		end(r)
		assert.Equal(t, outcome.Report{Verdict: outcome.Unanswered, Tries: 1, Err: stopped}, tells(r.Do(start))["a"])
	}
}

func TestForgettingWhatIsNotWritten(t *testing.T) {
	r := outcome.NewRelay[string](outcome.PaceConfig{Rate: 1})
	r.Connected(start)
	for i := range 3 {
		r.Add(start, fmt.Sprint(i), id(i), author(1), minute)
	}
	assert.Len(t, sends(r.Do(start)), 1)
	r.Forget("1")
	r.Forget("1")
	assert.Equal(t, []nostr.ID{id(2)}, sends(r.Do(start.Add(time.Second))))
	assert.Empty(t, sends(r.Do(start.Add(2*time.Second))))
}

// What nobody waits for is not tried again; who comes later has it all done anew.
func TestWhoComesAfterTheDeadlineOfAnother(t *testing.T) {
	r := one(t)
	r.OK(start, id(1), false, "auth-required: who are you")
	r.Do(start)
	assert.Equal(t, outcome.Refused, tells(r.Do(minute))["a"].Verdict)
	r.Add(minute, "b", id(1), author(1), minute.Add(time.Minute))
	assert.Len(t, auths(r.Do(minute)), 1, "AUTH is asked for again: nobody may have waited for it")
	r.AuthDone(minute, id(1))
	assert.Len(t, sends(r.Do(minute)), 1)
	r.OK(minute, id(1), true, "")
	told := tells(r.Do(minute))
	assert.Equal(t, outcome.Accepted, told["b"].Verdict)
	assert.Equal(t, outcome.Accepted, told["a"].Verdict)
}
