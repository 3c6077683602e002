package outcome_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outcome"
)

func verdict(v outcome.Verdict) outcome.Report { return outcome.Report{Verdict: v, Tries: 1} }

func TestAllVerdictsAreWaitedFor(t *testing.T) {
	p := outcome.NewPublication([]string{"a", "b", "a"}, 0)
	assert.Equal(t, []string{"a", "b"}, p.Relays())
	ok, settled := p.Tell("a", verdict(outcome.Accepted))
	assert.True(t, ok)
	assert.False(t, settled)
	_, settled = p.Tell("b", verdict(outcome.Refused))
	assert.True(t, settled)
	assert.True(t, p.Over())
	assert.True(t, p.Succeeded(), "one has it")
	_, settled = p.Tell("a", verdict(outcome.Refused))
	assert.False(t, settled, "told once")
	assert.False(t, p.Succeeded(), "the newest verdict counts")
	assert.Equal(t, verdict(outcome.Refused), p.Report("a"))
}

// A relay that is down does not make AtLeast(1) wait for it.
func TestAtLeast(t *testing.T) {
	p := outcome.NewPublication([]string{"a", "b", "down"}, 1)
	_, settled := p.Tell("a", verdict(outcome.Superseded))
	assert.False(t, settled, "that is not to have it")
	_, settled = p.Tell("b", verdict(outcome.Duplicate))
	assert.True(t, settled)
	assert.True(t, p.Succeeded())
	assert.False(t, p.Over(), "the rest goes on behind")
	ok, settled := p.Tell("down", verdict(outcome.Unanswered))
	assert.True(t, ok)
	assert.False(t, settled)
}

func TestWhatCannotSucceedAnyMoreIsTold(t *testing.T) {
	p := outcome.NewPublication([]string{"a", "b", "down"}, 3)
	_, settled := p.Tell("a", verdict(outcome.Refused))
	assert.True(t, settled)
	assert.False(t, p.Succeeded())
	assert.True(t, outcome.NewPublication([]string{"a"}, 2).Settled())
}

// Shows L32.
func TestNobodyIsNoSuccess(t *testing.T) {
	p := outcome.NewPublication[string](nil, 0)
	assert.True(t, p.Settled())
	assert.True(t, p.Over())
	assert.False(t, p.Succeeded())
	assert.False(t, p.Heard())
}

// Shows D43.
func TestTargetsAreThoseOfTheCall(t *testing.T) {
	p := outcome.NewPublication([]string{"a"}, -1)
	ok, settled := p.Tell("b", verdict(outcome.Accepted))
	assert.False(t, ok)
	assert.False(t, settled)
	ok, _ = p.Tell("a", outcome.Report{})
	assert.False(t, ok, "no verdict")
	assert.False(t, p.Over())
}

// P33: whoever waits for a reply learns when there can be none.
// Shows P33.
func TestWhoeverWaitsForAReply(t *testing.T) {
	p := outcome.NewPublication([]string{"a", "b", "c"}, 0)
	mute := outcome.Report{Verdict: outcome.Refused, Reason: outcome.Mute, Tries: 1}
	p.Tell("a", mute)
	p.Tell("b", outcome.Report{Verdict: outcome.Unanswered})
	assert.True(t, p.Heard())
	p.Tell("c", mute)
	assert.False(t, p.Heard())
	p.Tell("c", outcome.Report{Verdict: outcome.Unanswered, Tries: 1})
	assert.True(t, p.Heard(), "it may have been")
}

// Whatever comes, the waiter is told once, not before it is known, and in the end.
func TestTheWaiterIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(1, 5).Draw(t, "relays"), rapid.IntRange(0, 6).Draw(t, "at least")
		var relays []int
		for r := range n {
			relays = append(relays, r)
		}
		p := outcome.NewPublication(relays, k)
		told := 0
		if p.Settled() {
			told++
			require.Greater(t, k, n)
		}
		last := make([]outcome.Verdict, n)
		for range 30 {
			r := rapid.IntRange(0, n-1).Draw(t, "relay")
			last[r] = outcome.Verdict(rapid.IntRange(1, 5).Draw(t, "verdict"))
			_, settled := p.Tell(r, verdict(last[r]))
			has, open := 0, 0
			for _, v := range last {
				if v.Has() {
					has++
				}
				if v == outcome.Open {
					open++
				}
			}
			if settled {
				told++
				require.True(t, open == 0 || k > 0 && (has >= k || has+open < k))
			}
			require.Equal(t, has >= max(k, 1), p.Succeeded())
			require.Equal(t, open == 0, p.Over())
			require.False(t, p.Over() && told == 0)
		}
		require.LessOrEqual(t, told, 1)
	})
}
