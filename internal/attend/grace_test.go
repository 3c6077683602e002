package attend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/attend"
)

func TestADeadlineThatIsLookedAtInTimeIsOver(t *testing.T) {
	var g attend.Grace
	for _, late := range []time.Duration{0, time.Second, attend.Late} {
		deadline := start.Add(10 * time.Second)
		g.Look(deadline.Add(-1), deadline)
		assert.False(t, g.Over(deadline.Add(-1), deadline))
		g.Look(deadline.Add(late), deadline)
		assert.True(t, g.Over(deadline.Add(late), deadline), late)
	}
}

// Shows L30.
func TestADeadlineThatWasSleptThroughIsOverASecondLater(t *testing.T) {
	var g attend.Grace
	deadline, woken := start.Add(10*time.Second), start.Add(time.Hour)
	g.Look(woken, deadline)
	assert.False(t, g.Over(woken, deadline))
	assert.Equal(t, woken.Add(attend.CatchUp), g.Next(deadline))
	g.Look(woken.Add(attend.CatchUp/2), deadline)
	assert.False(t, g.Over(woken.Add(attend.CatchUp/2), deadline))
	after := woken.Add(attend.CatchUp)
	g.Look(after, deadline)
	assert.True(t, g.Over(after, deadline), "who has not answered even then is given up")

	later := after.Add(10 * time.Second)
	assert.Equal(t, later, g.Next(later), "others have their own time")
	g.Look(later, later)
	assert.True(t, g.Over(later, later))
}

func TestOneThatSleepsAgainCatchesUpAgain(t *testing.T) {
	var g attend.Grace
	now := start
	for range 3 {
		now = now.Add(time.Hour)
		g.Look(now, start)
		assert.False(t, g.Over(now, start))
	}
	g.Look(now.Add(attend.CatchUp), start)
	assert.True(t, g.Over(now.Add(attend.CatchUp), start))
}
