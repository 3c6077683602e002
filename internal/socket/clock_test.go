package socket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A clock that is set while a connection lives is not the one that was compared.
func TestAClockThatIsSetDuringAConnection(t *testing.T) {
	c := clock{ahead: -20 * time.Minute, known: true} // ours is 20 minutes ahead
	for name, step := range map[string]struct {
		counted, told time.Duration
		ahead         time.Duration
		known         bool
	}{
		"nothing happens":                     {time.Hour, time.Hour, -20 * time.Minute, true},
		"it is set right":                     {time.Hour, 40 * time.Minute, 0, true},
		"it is set back too far":              {time.Hour, 0, 40 * time.Minute, true},
		"it is slewed":                        {time.Hour, time.Hour + time.Second, -20*time.Minute - time.Second, true},
		"it is set forward, or was suspended": {time.Hour, 2 * time.Hour, 0, false},
	} {
		ahead, known := c.after(step.counted, step.told)
		assert.Equal(t, step.known, known, name)
		assert.Equal(t, step.ahead, ahead, name)
	}
	_, known := clock{}.after(time.Hour, time.Hour)
	assert.False(t, known, "it never was")
}
